//! `If` with a condition that is known on import, and `Loop` with known trips: the branch or the body is read in place.
//!
//! A device knows no control flow: whether a branch is taken must follow from constants and shapes. Exporters write
//! such branches (`squeeze` if an axis is 1, one branch for each sample rate), and they vanish here.

use kinglet_tract::OnnxGraph;

use super::attributes::Call;
use super::constant::Constant;
use super::order::{Plan, plan};
use super::{Entry, Importer};
use crate::import::build::{Convert, refuse};
use crate::ir::Op;
use crate::op::Concat;

const EXPORT_AGAIN: &str = "export the model again";

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

fn outputs(graph: &OnnxGraph) -> impl Iterator<Item = &str> {
    graph.outputs.iter().map(|port| port.name.as_str())
}

/// `If`: the branch that its condition chooses.
pub(super) fn branch(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Vec<Entry>> {
    let condition = importer.known(call, 0, "its condition")?;
    let Some(condition) = condition.and_then(Constant::as_int) else {
        return refuse("its condition is no single truth value", EXPORT_AGAIN);
    };
    let graph = call.graph(if condition != 0 { "then_branch" } else { "else_branch" })?;
    importer.within(false, |importer| {
        importer.constants(graph)?;
        importer.results(graph, &plan(&graph.nodes, outputs(graph)))
    })
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
