//! `If` with a condition that is known on import, and `Loop` with known trips: the branch or the body is read in place.
//!
//! A device knows no control flow: whether a branch is taken must follow from constants and shapes. Exporters write
//! such branches (`squeeze` if an axis is 1, one branch for each sample rate), and they vanish here. Small branches of one shape
//! are both computed where the condition is, and it chooses between their results.

use kinglet_tract::OnnxGraph;

use super::attributes::Call;
use super::constant::Constant;
use super::order::{Plan, plan};
use super::qoperator::on_reals;
use super::{Entry, Importer};
use crate::import::build::{Convert, refuse};
use crate::ir::{Op, ValueId};
use crate::op::Concat;

const EXPORT_AGAIN: &str = "export the model again";

/// Most operators of two branches that are both computed.
const BRANCH_NODES_MAX: usize = 200;

const GIVE_VALUE: &str = "make the input that it depends on a constant (--input-value NAME=NUMBER), or fix the shapes \
                          (--input-shape NAME=1,3,224,224)";

/// Most trips of a loop that are written out.
const TRIPS_MAX: usize = 1000;

/// How deep branches, bodies and functions may stand in each other.
const DEPTH_MAX: usize = 32;

impl Importer<'_> {
    /// Reads what stands in another scope: an error in it leaves the scopes as they were.
    pub(super) fn within<T>(&mut self, is_closed: bool, read: impl FnOnce(&mut Self) -> Convert<T>) -> Convert<T> {
        if self.scopes.depth() >= DEPTH_MAX {
            return refuse(
                format!("graphs and functions stand in each other more than {DEPTH_MAX} deep"),
                EXPORT_AGAIN,
            );
        }
        self.scopes.enter(is_closed);
        let result = read(self);
        self.scopes.leave();
        result
    }

    /// Reads the constants of a branch or body into the innermost scope.
    fn constants(&mut self, graph: &OnnxGraph) -> Convert<()> {
        for tensor in &graph.initializers {
            self.budget.charge(tensor.data.len().unwrap_or(0), 8)?;
            let entry = Entry::of(Constant::new(tensor.clone()));
            self.scopes.insert(tensor.name.clone(), entry);
        }
        Ok(())
    }

    /// What a graph's outputs are.
    fn results(&mut self, graph: &OnnxGraph, plan: &Plan) -> Convert<Vec<Entry>> {
        self.run(&graph.nodes, plan);
        let entry = |name: &String| match self.scopes.get(name) {
            Some(entry) => Ok(entry.clone()),
            None => refuse(format!("`{name}` is not computed in it"), EXPORT_AGAIN),
        };
        graph.outputs.iter().map(|port| entry(&port.name)).collect()
    }

    /// The constant operand `index`; `Ok(None)` when it is left out.
    fn known<'c>(&self, call: &'c Call<'_>, index: usize, what: &str) -> Convert<Option<&'c Constant>> {
        match call.operand(index) {
            None => Ok(None),
            Some(Entry::Constant(constant)) => Ok(Some(constant)),
            Some(_) => refuse(format!("{what} is computed at run time"), GIVE_VALUE),
        }
    }
}

impl Importer<'_> {
    /// The first of two results where the condition holds, else the second.
    fn chosen(&mut self, call: &Call<'_>, condition: ValueId, results: [Entry; 2], index: usize) -> Convert<Entry> {
        if results.iter().any(|result| matches!(result, Entry::Unknown)) {
            return Ok(Entry::Unknown);
        }
        let shape = |result: &Entry| match result {
            Entry::Value(id) => Some(self.shape(*id)),
            Entry::Constant(constant) => Some(constant.shape.clone()),
            _ => None,
        };
        let shapes = results.each_ref().map(shape);
        let [Some(a), Some(b)] = shapes else { return refuse("a branch gives nothing", EXPORT_AGAIN) };
        if a != b {
            let problem = format!("its condition is computed, and its branches give shapes {a:?} and {b:?}");
            return refuse(problem, GIVE_VALUE);
        }
        let name = format!("{}/result {index}", call.name);
        let [a, b] = results;
        let operands = vec![Some(Entry::Value(condition)), Some(a), Some(b)];
        on_reals(self, &Call { name: &name, operands: Vec::new(), ..*call }, "Where", operands)
    }
}

fn outputs(graph: &OnnxGraph) -> impl Iterator<Item = &str> {
    graph.outputs.iter().map(|port| port.name.as_str())
}

/// `If`: the branch that its condition chooses. A computed condition chooses between the results of both.
pub(super) fn branch(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Vec<Entry>> {
    if let Some(&Entry::Value(condition)) = call.operand(0) {
        return either(importer, call, condition);
    }
    let condition = importer.known(call, 0, "its condition")?;
    let Some(condition) = condition.and_then(Constant::as_int) else {
        return refuse("its condition is no single truth value", EXPORT_AGAIN);
    };
    taken(importer, call, condition != 0)
}

/// What one of the branches gives.
fn taken(importer: &mut Importer<'_>, call: &Call<'_>, condition: bool) -> Convert<Vec<Entry>> {
    let graph = call.graph(if condition { "then_branch" } else { "else_branch" })?;
    importer.within(false, |importer| {
        importer.constants(graph)?;
        importer.results(graph, &plan(&graph.nodes, outputs(graph)))
    })
}

/// Both branches, and of each result that of the branch that is taken. They have no state, so the other one does no harm.
fn either(importer: &mut Importer<'_>, call: &Call<'_>, condition: ValueId) -> Convert<Vec<Entry>> {
    if importer.shape(condition).iter().any(|&extent| extent != 1) {
        return refuse("its condition is no single truth value", EXPORT_AGAIN);
    }
    let before = importer.builder.graph.nodes.len();
    let results = [taken(importer, call, true)?, taken(importer, call, false)?];
    let count = importer.builder.graph.nodes.len() - before;
    if count > BRANCH_NODES_MAX {
        let problem = format!("its condition is computed, and its branches are {count} operators, which would all run");
        return refuse(problem, GIVE_VALUE);
    }
    let [then, other] = results;
    let pairs = then.into_iter().zip(other).enumerate();
    pairs.map(|(index, (a, b))| importer.chosen(call, condition, [a, b], index)).collect()
}

/// `Loop`: its body as often as it runs, one after the other.
pub(super) fn unrolled(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Vec<Entry>> {
    let number = |constant: Option<&Constant>| match constant.map(Constant::as_int) {
        Some(None) => refuse("its count of trips or its condition is no single number", EXPORT_AGAIN),
        known => Ok(known.flatten()),
    };
    let trips = number(importer.known(call, 0, "how often it runs")?)?.unwrap_or(i64::MAX);
    let goes_on = number(importer.known(call, 1, "its condition")?)?.unwrap_or(1);
    let body = call.graph("body")?;
    let carried: Option<Vec<Entry>> = call.operands.iter().skip(2).cloned().collect();
    let Some(carried) =
        carried.filter(|carried| body.inputs.len() == carried.len() + 2 && body.outputs.len() > carried.len())
    else {
        return refuse("its body has not the operands and results that the loop has", EXPORT_AGAIN);
    };
    importer.within(false, |importer| {
        importer.constants(body)?;
        let mut run = Run { body, plan: plan(&body.nodes, outputs(body)), carried, rows: Vec::new() };
        importer.trips(&mut run, trips, goes_on)?;
        importer.loop_results(call, run)
    })
}

/// A loop on its way.
struct Run<'g> {
    body: &'g OnnxGraph,
    plan: Plan,
    /// What goes from one trip to the next.
    carried: Vec<Entry>,
    /// What each trip adds to the results that grow.
    rows: Vec<Vec<Entry>>,
}

impl Importer<'_> {
    fn trips(&mut self, run: &mut Run<'_>, count: i64, mut goes_on: i64) -> Convert<()> {
        let mut trip = 0;
        while goes_on != 0 && trip < count {
            if run.rows.len() == TRIPS_MAX {
                return refuse(
                    format!("runs more than {TRIPS_MAX} times"),
                    "compute with whole tensors instead of a loop",
                );
            }
            let single = |number| Entry::of(Ok(Constant::integers(Vec::new(), vec![number])));
            let operands = [single(trip), single(goes_on)].into_iter().chain(run.carried.iter().cloned());
            let results = self.within(false, |importer| {
                for (port, entry) in run.body.inputs.iter().zip(operands) {
                    importer.scopes.insert(port.name.clone(), entry);
                }
                importer.results(run.body, &run.plan)
            })?;
            let mut results = results.into_iter();
            goes_on = match results.next() {
                Some(Entry::Constant(constant)) => constant.as_int().unwrap_or(0),
                // What made it unknown was reported.
                Some(Entry::Unknown) => {
                    run.carried.iter_mut().for_each(|entry| *entry = Entry::Unknown);
                    run.rows = vec![vec![Entry::Unknown; results.len() - run.carried.len()]];
                    return Ok(());
                }
                _ => return refuse("whether it goes on is computed at run time", GIVE_VALUE),
            };
            run.carried = results.by_ref().take(run.carried.len()).collect();
            run.rows.push(results.collect());
            trip += 1;
        }
        Ok(())
    }

    fn loop_results(&mut self, call: &Call<'_>, run: Run<'_>) -> Convert<Vec<Entry>> {
        let grown = run.body.outputs.len() - 1 - run.carried.len();
        let mut results = run.carried;
        for position in 0..grown {
            let parts: Vec<Entry> = run.rows.iter().filter_map(|row| row.get(position).cloned()).collect();
            // A result that nobody reads may be anything.
            let is_read = call.node.outputs.get(results.len()).is_some_and(|output| !output.is_empty());
            results.push(if is_read { self.stacked(call, parts)? } else { Entry::Unknown });
        }
        Ok(results)
    }

    /// Parts as one tensor with a new first axis.
    fn stacked(&mut self, call: &Call<'_>, parts: Vec<Entry>) -> Convert<Entry> {
        if parts.iter().any(|part| matches!(part, Entry::Unknown)) {
            return Ok(Entry::Unknown);
        }
        let mut rows = Vec::new();
        for part in parts {
            let row = self.entry_value(call.name, &part)?;
            let shape = [1].into_iter().chain(self.shape(row)).collect();
            rows.push(self.builder.reshape(&format!("{}/row", call.name), row, shape)?);
        }
        match rows.as_slice() {
            [] => refuse("a result of it is empty: it never runs", EXPORT_AGAIN),
            &[one] => Ok(Entry::Value(one)),
            _ => Ok(Entry::Value(self.apply(call.name, Op::Concat(Concat { axis: 0 }), rows)?)),
        }
    }
}
