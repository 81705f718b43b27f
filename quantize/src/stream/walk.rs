//! Goes through a graph in order and rewrites it row by row.

use std::collections::HashMap;

use super::StreamError;
use super::facts::{Behind, Edge, Output, Stream, Whole};
use super::flow::{Flow, Once, Rows, Time};
use crate::ir::{DType, Graph, Node, Port, ValueId, infer};
use crate::op::Split;
use crate::op::rule::layout::LayoutRule;
use crate::op::rule::time::{Absent, Reach, TimeRule};
use crate::pass::keep;

/// Why a node is not rewritten; continues a sentence about it.
pub(super) struct Refusal(pub(super) String);

/// Why a walk ends.
pub(super) enum Stop {
    /// A run would have to be a multiple of so many frames.
    Stride {
        node: String,
        stride: usize,
    },
    Refused(StreamError),
}

/// What happens at a node.
enum Trouble {
    Stride(usize),
    Refusal(Refusal),
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Trouble::Refusal(refusal)
    }
}

fn refuse<T>(problem: impl Into<String>) -> Result<T, Trouble> {
    Err(Trouble::Refusal(Refusal(problem.into())))
}

/// A graph that is being rewritten.
pub(super) struct Walk {
    /// Its nodes are those that are left.
    pub(super) graph: Graph,
    /// The nodes of the result.
    pub(super) nodes: Vec<Node>,
    /// For each value its shape in the model over a window, or that of the value whose rows it has.
    pub(super) windowed: Vec<Vec<usize>>,
    flows: HashMap<ValueId, Flow>,
    facts: Stream,
}

impl Walk {
    /// Begins with the inputs.
    pub(super) fn new(graph: &Graph, axis: usize, hop: usize) -> Result<Self, StreamError> {
        let refused = |problem: String| Err(StreamError::Axis { axis, problem });
        if let Some(state) = graph.states.first() {
            return refused(format!(
                "the model keeps `{}` from run to run already; compile it without --stream",
                state.name
            ));
        }
        let windowed = graph.values.iter().map(|value| value.shape.clone()).collect();
        let facts = Stream { axis, hop, ..Stream::default() };
        let mut walk = Walk { graph: graph.clone(), nodes: Vec::new(), windowed, flows: HashMap::new(), facts };
        for index in 0..walk.graph.inputs.len() {
            let port = &walk.graph.inputs[index];
            let frames = port.source_shape.get(axis).copied().unwrap_or(0);
            if frames < 2 || (index > 0 && frames != walk.facts.window) {
                let (name, shape) = (&port.name, &port.source_shape);
                let problem = format!(
                    "input `{name}` has shape {shape:?}; name the axis that has the frames of a window, the same of each input"
                );
                return refused(problem);
            }
            if hop == 0 || hop > frames {
                return refused(format!("a run of {hop} frames, the window has {frames}; use --hop 1 to {frames}"));
            }
            walk.facts.window = frames;
            let of_value = of_source(port, axis);
            let Some(time) = Time::of_axis(&walk.windowed[port.value.0 as usize], of_value) else {
                return refused("is no axis of the graph's value; please report this with the model".into());
            };
            let rows = Rows { time, stride: 1, count: hop, delay: 0, late: 0, edges: [0; 2], unlike: 0, past: None };
            let value = port.value;
            walk.graph.value_mut(value).shape[of_value] = hop;
            walk.graph.inputs[index].source_shape[axis] = hop;
            walk.flows.insert(value, Flow::Rows(rows));
        }
        Ok(walk)
    }

    /// The rewritten graph.
    pub(super) fn run(mut self) -> Result<(Graph, Stream), Stop> {
        for node in core::mem::take(&mut self.graph.nodes) {
            let (name, op) = (node.name.clone(), node.op.name());
            self.visit(node).map_err(|trouble| match trouble {
                Trouble::Stride(stride) => Stop::Stride { node: name, stride },
                Trouble::Refusal(Refusal(problem)) => Stop::Refused(StreamError::Node { node: name, op, problem }),
            })?;
        }
        for index in 0..self.graph.outputs.len() {
            self.output(index).map_err(Stop::Refused)?;
        }
        self.graph.nodes = self.nodes;
        let size = |state: &crate::ir::State| state.initial.len() * state.initial.dtype().size_bytes();
        self.facts.state_bytes = self.graph.states.iter().map(size).sum();
        Ok((self.graph, self.facts))
    }

    fn visit(&mut self, node: Node) -> Result<(), Trouble> {
        let flows: Vec<Option<Flow>> = node.inputs.iter().map(|id| self.flows.get(id).copied()).collect();
        if let Some(&Some(Flow::Line { rows, len })) = flows.first() {
            return self.take_apart(node, &rows, len);
        }
        if !flows.iter().any(|flow| matches!(flow, Some(Flow::Rows(_)))) {
            return self.unchanged(node, &flows);
        }
        let (node, all) = self.aligned(node, &flows)?;
        let (rule, why) = match &all {
            Some(rows) => self.rule(&node, rows),
            None => (TimeRule::Whole, "has operands that are no rows"),
        };
        match (rule, all) {
            (TimeRule::Rows(axis), Some(rows)) => self.row_by_row(node, axis, &rows),
            (TimeRule::Windows(reach), Some(rows)) => self.slide(node, reach, &rows),
            (TimeRule::Steps, Some(rows)) => self.step(node, &rows),
            (_, _) => self.all_at_once(node, why),
        }
    }

    /// A node that sees no rows.
    fn unchanged(&mut self, node: Node, flows: &[Option<Flow>]) -> Result<(), Trouble> {
        let mut once: Option<Once> = None;
        for flow in flows.iter().flatten() {
            if let Flow::Once(of_operand) = flow {
                once = Some(self.joined(once, *of_operand)?);
            }
        }
        if let Some(once) = once {
            node.outputs.iter().for_each(|&id| {
                self.flows.insert(id, Flow::Once(once));
            });
        }
        self.nodes.push(node);
        Ok(())
    }

    fn joined(&self, before: Option<Once>, next: Once) -> Result<Once, Trouble> {
        match before {
            Some(before) if before.lag != next.lag => refuse(format!(
                "joins what is {} and {} frames behind; give both the same delay, or stream the parts apart",
                before.lag, next.lag
            )),
            Some(before) => {
                let (late, frames) = (before.late.max(next.late), before.frames.max(next.frames));
                Ok(Once { lag: next.lag, late, frames, unlike: before.unlike.max(next.unlike) })
            }
            None => Ok(next),
        }
    }

    /// The node with operands whose rows are equally far behind, and what these have in common: nothing when some operand is
    /// neither rows like the others nor the same for all of them.
    fn aligned(&mut self, mut node: Node, flows: &[Option<Flow>]) -> Result<(Node, Option<Rows>), Trouble> {
        let all: Vec<(usize, Rows)> = flows
            .iter()
            .enumerate()
            .filter_map(|(position, flow)| match flow {
                Some(Flow::Rows(rows)) => Some((position, *rows)),
                _ => None,
            })
            .collect();
        let once = flows.iter().flatten().find_map(|flow| match flow {
            Flow::Once(once) => Some(*once),
            _ => None,
        });
        let Some(&(_, first)) = all.first() else { return Ok((node, None)) };
        let mut lag = all.iter().map(|(_, rows)| rows.lag()).max().unwrap_or(0);
        if let Some(once) = once {
            lag = lag.max(once.lag);
            if lag > once.lag {
                return refuse("reads rows that are behind what is computed of all of them; give both the same delay");
            }
        }
        let mut common = Rows { late: 0, edges: [0; 2], unlike: 0, ..first };
        let mut is_common = once.is_none();
        for (position, rows) in &all {
            let late_frames = lag - rows.lag();
            if late_frames % rows.stride as isize != 0 {
                return refuse("joins rows that are behind by parts of a row; use the same strides on all ways to it");
            }
            let behind = (late_frames / rows.stride as isize) as usize;
            if behind > 0 {
                let x = node.inputs[*position];
                let longer = self.newest(x, rows, rows.count + behind, Absent::Real(0.0))?;
                node.inputs[*position] = self.cut(longer, rows, 0, rows.count)?;
            }
            let delayed = match behind {
                0 => *rows,
                _ => Rows { delay: rows.delay + behind as isize, ..rows.without_past() },
            };
            self.flows.insert(node.inputs[*position], Flow::Rows(delayed));
            is_common &= (rows.time.frames, rows.stride, rows.count) == (first.time.frames, first.stride, first.count);
            common.delay = delayed.delay;
            common.late = common.late.max(if behind == 0 { rows.late } else { 0 });
            common.unlike = common.unlike.max(rows.unlike);
            (0..2).for_each(|end| common.edges[end] = common.edges[end].max(rows.edges[end]));
            common.past = delayed.past.filter(|_| all.len() == 1);
        }
        Ok((node, is_common.then_some(common)))
    }

    /// How a node goes along time, and why it takes all rows at once if it does.
    fn rule(&self, node: &Node, rows: &Rows) -> (TimeRule, &'static str) {
        let shapes: Vec<&[usize]> = node.inputs.iter().map(|id| self.windowed[id.0 as usize].as_slice()).collect();
        let results: Vec<&[usize]> = node.outputs.iter().map(|id| self.windowed[id.0 as usize].as_slice()).collect();
        let (Some(&x), Some(&y)) = (shapes.first(), results.first()) else {
            return (TimeRule::Whole, "has no operand");
        };
        let axis = rows.time.axis(x);
        let is_rows = |id: &ValueId| matches!(self.flows.get(id), Some(Flow::Rows(_)));
        // Weights that depend on the signal are no weights.
        let has_parameters = is_rows(&node.inputs[0]) && node.inputs[1..].iter().all(|id| !self.flows.contains_key(id));
        let mut op = node.op.clone();
        let rule = match op.operator_mut().layout() {
            LayoutRule::Elementwise => rows.time.holder(x).map(|(axis, _)| TimeRule::Rows(axis)),
            LayoutRule::Reshapes => rows.time.holder(y).map(|(axis, _)| TimeRule::Rows(axis)),
            LayoutRule::Broadcast => self.broadcast(node, y, rows),
            LayoutRule::LastAxis(_) => axis.filter(|axis| has_parameters && axis + 1 < x.len()).map(TimeRule::Rows),
            LayoutRule::Transposes(permutation) => {
                let place = permutation.iter().position(|&from| Some(from) == axis);
                place.map(TimeRule::Rows)
            }
            LayoutRule::Axes(_) if !node.inputs.iter().all(is_rows) => None,
            LayoutRule::Axes(_) => axis.map(|axis| node.op.operator().time_rule(axis, &shapes)),
            LayoutRule::Fixed => {
                axis.filter(|_| has_parameters).map(|axis| node.op.operator().time_rule(axis, &shapes))
            }
        };
        (rule.unwrap_or(TimeRule::Whole), "needs all rows at once")
    }

    /// Operands that have rows have them on the same axis of the result, and the others are the same for all rows.
    fn broadcast(&self, node: &Node, y: &[usize], rows: &Rows) -> Option<TimeRule> {
        let mut found = None;
        for id in &node.inputs {
            let shape = &self.windowed[id.0 as usize];
            if let Some(Flow::Rows(of_operand)) = self.flows.get(id) {
                let axis = of_operand.time.axis(shape)? + y.len().checked_sub(shape.len())?;
                if *found.get_or_insert(axis) != axis {
                    return None;
                }
            }
        }
        let axis = found.filter(|&axis| y[axis] == rows.time.frames)?;
        let is_same = |id: &ValueId| {
            let shape = &self.windowed[id.0 as usize];
            let own = (axis + shape.len()).checked_sub(y.len());
            own.and_then(|own| shape.get(own)).is_none_or(|&extent| extent == 1)
        };
        let others = node.inputs.iter().filter(|id| !self.flows.contains_key(id));
        { others }.all(is_same).then_some(TimeRule::Rows(axis))
    }

    /// A node whose results have a row for each row of its operands.
    fn row_by_row(&mut self, node: Node, axis: usize, rows: &Rows) -> Result<(), Trouble> {
        for &id in &node.outputs {
            let shape = &self.windowed[id.0 as usize];
            // In a line, or under a reshape, an axis has several indices for each row.
            let unit = shape.get(axis).map_or(1, |extent| extent / rows.time.frames.max(1));
            let time = Time {
                outer: shape.iter().take(axis).product(),
                frames: rows.time.frames,
                inner: shape.iter().skip(axis + 1).product::<usize>() * unit,
            };
            self.set(id, Rows { time, ..rows.without_past() })?;
        }
        self.nodes.push(node);
        Ok(())
    }

    /// Makes `id` a value with these rows.
    fn set(&mut self, id: ValueId, rows: Rows) -> Result<(), Trouble> {
        let Some(shape) = rows.time.with_frames(&self.windowed[id.0 as usize], rows.count) else {
            return refuse("has a result whose rows are on no axis of their own; move that axis first");
        };
        self.graph.value_mut(id).shape = shape;
        self.flows.insert(id, Flow::Rows(rows));
        Ok(())
    }

    /// A node that makes its rows of windows.
    fn slide(&mut self, mut node: Node, reach: Reach, rows: &Rows) -> Result<(), Trouble> {
        let (x, output) = (node.inputs[0], node.output());
        let Reach { size, stride, before, absent } = reach;
        let axis = rows.time.axis(&self.windowed[x.0 as usize]);
        let (Some(axis), frames) = (axis, rows.time.frames as isize) else { return refuse("has rows on no axis") };
        let windows = self.windowed[output.0 as usize][axis];
        let after = (windows as isize - 1) * stride as isize + size as isize - before - frames;
        if windows == 1 && before <= 0 && after <= 0 {
            return self.slide_once(node, axis, reach, rows);
        }
        if windows == 1 {
            return self.all_at_once(node, "pads its only window");
        }
        if !rows.count.is_multiple_of(stride) {
            return Err(Trouble::Stride(rows.stride * stride));
        }
        node.op.operator_mut().begin_with_first_row(axis);
        let (s, k) = (stride as isize, size as isize);
        let extra = (before - k - rows.delay).rem_euclid(s);
        let needed = rows.count as isize - s + k;
        let longer = self.newest(x, rows, (needed + extra) as usize, absent)?;
        node.inputs[0] = match extra {
            0 => longer,
            _ => self.cut(longer, rows, 0, needed as usize)?,
        };
        // A window that is one element has its border as rows of its own.
        let is_border = size == 1 && stride == 1 && before >= 0;
        let waits = match after > 0 {
            true if is_border => after,
            true => (k - s - before).max(0),
            false => 0,
        } + extra;
        if waits > 0 {
            let frames = waits as usize * rows.stride;
            self.facts.behind.push(Behind { node: node.name.clone(), frames });
        }
        let Some(time) = Time::of_axis(&self.windowed[output.0 as usize], axis) else {
            return refuse("has rows on no axis");
        };
        let result = Rows {
            time,
            stride: rows.stride * stride,
            count: rows.count / stride,
            delay: (k + rows.delay + extra - s - before) / s,
            late: rows.late + waits as usize * rows.stride,
            edges: reach_edges(rows, &reach, windows),
            unlike: unlike(rows, &reach),
            past: is_border.then_some(absent),
        };
        self.set(output, result)?;
        self.nodes.push(node);
        Ok(())
    }

    /// A node with one window, which is full.
    fn slide_once(&mut self, mut node: Node, axis: usize, reach: Reach, rows: &Rows) -> Result<(), Trouble> {
        let newest = (rows.time.frames as isize + reach.before) as usize;
        let longer = self.newest(node.inputs[0], rows, newest, Absent::Real(0.0))?;
        node.inputs[0] = match newest > reach.size {
            true => self.cut(longer, rows, 0, reach.size)?,
            false => longer,
        };
        node.op.operator_mut().begin_with_first_row(axis);
        self.edge(&node.name, rows);
        let output = node.output();
        self.flows.insert(output, Flow::Once(rows.once()));
        self.nodes.push(node);
        Ok(())
    }

    /// A node that is given all rows of a window in each run.
    fn all_at_once(&mut self, mut node: Node, why: &'static str) -> Result<(), Trouble> {
        let mut once: Option<Once> = None;
        let mut whole = None;
        for position in 0..node.inputs.len() {
            match self.flows.get(&node.inputs[position]).copied() {
                Some(Flow::Rows(rows)) => {
                    let x = node.inputs[position];
                    node.inputs[position] = self.newest(x, &rows, rows.time.frames, Absent::Real(0.0))?;
                    once = Some(self.joined(once, rows.once())?);
                    whole = Some(rows);
                }
                Some(Flow::Once(of_operand)) => once = Some(self.joined(once, of_operand)?),
                Some(Flow::Line { .. }) => {
                    return refuse("reads all that a recurrent layer gives; take it apart first");
                }
                None => {}
            }
        }
        let Some(once) = once else { return refuse("has no rows") };
        if let Some(rows) = whole {
            self.edge(&node.name, &rows);
            let (op, rows) = (node.op.name(), rows.time.frames);
            self.facts.whole.push(Whole { node: node.name.clone(), op, rows, why });
        }
        node.outputs.iter().for_each(|&id| {
            self.flows.insert(id, Flow::Once(once));
        });
        self.nodes.push(node);
        Ok(())
    }

    /// A recurrent layer: it keeps its state where it can.
    fn step(&mut self, node: Node, rows: &Rows) -> Result<(), Trouble> {
        let line = node.output();
        let Ok(shapes) = infer(&self.graph, &node.op, &node.inputs) else {
            return refuse("takes no runs of these rows");
        };
        if self.graph.value(line).dtype != DType::F32 {
            return self.all_at_once(node, "is int8; only layers of float32 keep their states");
        }
        let mut op = node.op.clone();
        let states = match op.operator_mut().keep_states(&node.operand_shapes(&self.graph)) {
            None => return self.all_at_once(node, "is given its states at first"),
            Some(Err(why)) => return self.all_at_once(node, why),
            Some(Ok(states)) => states,
        };
        // Behind its rows, if it gives them, it has what each of them is.
        let (long, short) = (self.windowed[line.0 as usize][0], shapes[0][0]);
        let row = (long - short).checked_div(rows.time.frames - rows.count).unwrap_or(0);
        self.graph.value_mut(line).shape = vec![short];
        let flow = match row {
            0 => Flow::Once(rows.once()),
            _ => {
                let outer = rows.time.outer;
                let time = Time { outer, frames: rows.time.frames, inner: row / outer.max(1) };
                Flow::Line { rows: Rows { time, past: None, ..*rows }, len: row * rows.count }
            }
        };
        self.flows.insert(line, flow);
        self.facts.endless.push(node.name.clone());
        keep(&mut self.graph, node, op, states);
        self.nodes.append(&mut self.graph.nodes);
        self.windowed.resize_with(self.graph.values.len(), Vec::new);
        Ok(())
    }

    /// The parts of what a recurrent layer gives: its rows and what it has in the end.
    fn take_apart(&mut self, mut node: Node, rows: &Rows, len: usize) -> Result<(), Trouble> {
        let is_parts = |(index, id): (usize, &ValueId)| {
            let [part] = self.windowed[id.0 as usize][..] else { return false };
            (index == 0) == (part * rows.count == len * rows.time.frames)
        };
        if node.outputs.len() < 2 || !node.outputs.iter().enumerate().all(is_parts) {
            return refuse("takes something else than rows and states from a recurrent layer");
        }
        let (first, ends) = (node.outputs[0], &node.outputs[1..]);
        let sizes = ends.iter().map(|id| self.windowed[id.0 as usize][0]);
        node.op = Split { axis: 0, sizes: core::iter::once(len).chain(sizes).collect() }.into();
        ends.iter().for_each(|&id| {
            self.flows.insert(id, Flow::Once(rows.once()));
        });
        self.set(first, *rows)?;
        self.nodes.push(node);
        Ok(())
    }

    /// Notes that a reader of all rows sees some that a window computes from its padding.
    fn edge(&mut self, reader: &str, rows: &Rows) {
        let [first, last] = rows.edges;
        if first + last > 0 {
            self.facts.edges.push(Edge { reader: reader.into(), rows: rows.time.frames, first, last });
        }
    }

    fn output(&mut self, index: usize) -> Result<(), StreamError> {
        let port = self.graph.outputs[index].clone();
        let node = self.nodes.iter().find(|node| node.outputs.contains(&port.value));
        let op = node.map_or("output", |node| node.op.name());
        let refused = |problem: &str| Err(StreamError::Node { node: port.name.clone(), op, problem: problem.into() });
        let hop = self.facts.hop as isize;
        match self.flows.get(&port.value).copied() {
            None => return refused("does not depend on the signal; leave this output out"),
            Some(Flow::Line { .. }) => return refused("is a line of rows and states; give out its parts"),
            Some(Flow::Once(Once { lag, late, frames, unlike })) => {
                let offset = lag + frames as isize;
                let first_run = (offset + unlike as isize + hop - 1).div_euclid(hop) - 1;
                self.facts.delay_frames = self.facts.delay_frames.max(late);
                let first_run = first_run.max(0) as usize;
                let (name, stride) = (port.name, self.facts.hop);
                self.facts.outputs.push(Output { name, rows: None, stride, offset, first_run, unlike: 0 });
            }
            Some(Flow::Rows(rows)) => {
                let shape = &self.windowed[port.value.0 as usize];
                let Some(axis) = rows.time.axis(shape) else { return refused("has rows on no axis of their own") };
                self.graph.outputs[index].source_shape[source_of(&port, axis)] = rows.count;
                let first_run = rows.delay.max(0) as usize / rows.count.max(1);
                self.facts.delay_frames = self.facts.delay_frames.max(rows.late);
                self.edge(&port.name, &rows);
                let Rows { stride, delay: offset, unlike, .. } = rows;
                let (name, rows) = (port.name, Some(rows.count));
                self.facts.outputs.push(Output { name, rows, stride, offset, first_run, unlike });
            }
        }
        Ok(())
    }
}

/// How many rows at both ends of a window depend on its padding.
fn reach_edges(rows: &Rows, reach: &Reach, windows: usize) -> [usize; 2] {
    let (size, stride) = (reach.size as isize, reach.stride as isize);
    let [first, last] = rows.edges.map(|edge| edge as isize);
    // Window `i` begins at row `i * stride - before`.
    let from_start = (first + reach.before).max(0).div_euclid(stride)
        + isize::from((first + reach.before).max(0).rem_euclid(stride) > 0);
    let fits = (rows.time.frames as isize - last - size + reach.before).div_euclid(stride) + 1;
    let from_end = windows as isize - fits.max(0);
    [from_start, from_end].map(|count| count.clamp(0, windows as isize) as usize)
}

/// How many rows at the start of the signal are not those of the model over all of it: the rows before the first are what
/// the layers make of nothing then, and not padding.
fn unlike(rows: &Rows, reach: &Reach) -> usize {
    let is_exact = rows.delay == 0 && reach.absent != Absent::Nothing;
    match (rows.unlike, reach.before) {
        (0, before) if before <= 0 || is_exact => 0,
        (rows, before) => (rows as isize + before).max(0).unsigned_abs().div_ceil(reach.stride),
    }
}

/// The axis of a port's value that is this one of the source.
fn of_source(port: &Port, axis: usize) -> usize {
    let place = port.permutation.as_ref().and_then(|all| all.iter().position(|&from| from == axis));
    place.unwrap_or(axis)
}

/// The axis of the source that is this one of a port's value.
fn source_of(port: &Port, axis: usize) -> usize {
    port.permutation.as_ref().and_then(|all| all.get(axis)).copied().unwrap_or(axis)
}
