//! From which step to which each range of memory is needed, and which pairs may share it partly.

use std::collections::BTreeMap;

use super::access;
use super::place::{Item, Pair, Problem, Rect};
use crate::ir::{Graph, Node, ValueId};
use crate::op::rule::memory::Placement;
use crate::program::{Layout, Part, Program};
use crate::record::Overlap;

/// Alignment of inputs and outputs, which users view as they like.
const PORT_ALIGN: usize = 16;
/// Alignment of everything else: kernels load words.
const BUFFER_ALIGN: usize = 4;

/// The first and last step of each value.
struct Spans {
    first: Vec<Option<usize>>,
    last: Vec<Option<usize>>,
}

impl Spans {
    fn touch(&mut self, id: ValueId, step: usize) {
        let (first, last) = (&mut self.first[id.0 as usize], &mut self.last[id.0 as usize]);
        *first = Some(first.map_or(step, |first| first.min(step)));
        *last = Some(last.map_or(step, |last| last.max(step)));
    }

    /// Results that stay in the operand are there as soon as it is, and from the next step on instead of it.
    fn take(&mut self, graph: &Graph, layout: &Layout, node: &Node, starts: &[usize]) {
        let Some((operand, there)) = node.inputs.first().and_then(|&id| Some((id, self.last[id.0 as usize]?))) else {
            return;
        };
        for (&output, start) in node.outputs.iter().zip(starts) {
            if layout.is_slice(output, operand, start * graph.value(output).dtype.size_bytes()) {
                self.touch(output, there + 1);
            }
        }
    }
}

/// The placement problem of a lowered graph.
pub(super) fn problem(graph: &Graph, program: &Program) -> Problem {
    let (items, pairs) = items_and_pairs(graph, program);
    Problem::new(items, pairs, program.steps.len().max(1))
}

/// The same without the distances that a placement must keep, which take the longest to find.
pub(super) fn problem_of_usage(graph: &Graph, program: &Program) -> Problem {
    let (items, pairs) = items_and_pairs(graph, program);
    Problem::without_distances(items, pairs, program.steps.len().max(1))
}

/// One item for each buffer, then one for each step with scratch.
fn items_and_pairs(graph: &Graph, program: &Program) -> (Vec<Item>, Vec<Pair>) {
    let Program { steps, layout, .. } = program;
    let mut spans = Spans { first: vec![None; graph.values.len()], last: vec![None; graph.values.len()] };
    for port in &graph.inputs {
        spans.touch(port.value, 0);
    }
    for (index, step) in steps.iter().enumerate() {
        step.reads().chain(step.writes()).for_each(|(id, _)| spans.touch(id, index));
    }
    for (index, node) in graph.nodes.iter().enumerate() {
        match node.placement(graph) {
            Placement::Apart | Placement::Renamed => {}
            Placement::Joined(_) => {
                // Slices become the whole at the first step behind them.
                let whole = steps.iter().position(|step| step.node >= index).unwrap_or(steps.len());
                node.inputs.iter().chain(&node.outputs).for_each(|&id| spans.touch(id, whole));
            }
            Placement::Taken(starts) => spans.take(graph, layout, node, &starts),
        }
    }
    for port in &graph.outputs {
        spans.touch(port.value, steps.len());
    }
    for state in &graph.states {
        // Its place is its own for a session's whole life.
        spans.touch(state.value, 0);
        spans.touch(state.value, steps.len());
    }
    let mut rects = rects(graph, layout, &spans);
    let mut items = buffers(graph, layout, &mut rects);
    let in_parts = access::rects(graph, program);
    for (&buffer, rects) in &in_parts {
        items[buffer].rects.clone_from(rects);
    }
    for (index, step) in steps.iter().enumerate().filter(|(_, step)| step.scratch() > 0) {
        let rect = Rect { first: index, last: index, offset: 0, bytes: step.scratch() };
        items.push(Item { bytes: step.scratch(), align: BUFFER_ALIGN, rects: vec![rect] });
    }
    let is_in_parts = |buffer: usize| in_parts.contains_key(&buffer);
    let pairs = pairs(program, &items, &is_in_parts);
    (items, pairs)
}

/// Lifetimes of each buffer's ranges. Values that are the same range are one: it lives as long as any of them.
fn rects(graph: &Graph, layout: &Layout, spans: &Spans) -> Vec<BTreeMap<(usize, usize), Rect>> {
    let mut rects = vec![BTreeMap::new(); layout.buffers().len()];
    for (index, (first, last)) in spans.first.iter().zip(&spans.last).enumerate() {
        let place = layout.place(ValueId(index as u32));
        let (Some(place), Some(first), Some(last)) = (place, *first, *last) else { continue };
        debug_assert!(graph.values[index].elements.is_none());
        let rect = rects[place.buffer].entry((place.offset, place.bytes)).or_insert(Rect {
            first,
            last,
            offset: place.offset,
            bytes: place.bytes,
        });
        (rect.first, rect.last) = (rect.first.min(first), rect.last.max(last));
    }
    rects
}

fn buffers(graph: &Graph, layout: &Layout, rects: &mut [BTreeMap<(usize, usize), Rect>]) -> Vec<Item> {
    let ports: Vec<usize> = graph
        .inputs
        .iter()
        .chain(&graph.outputs)
        .filter_map(|port| layout.place(port.value).map(|place| place.buffer))
        .collect();
    let sizes_and_rects = layout.buffers().iter().zip(rects).enumerate();
    let items = sizes_and_rects.map(|(index, (&bytes, rects))| Item {
        bytes,
        align: if ports.contains(&index) { PORT_ALIGN } else { BUFFER_ALIGN },
        rects: rects.values().copied().collect(),
    });
    items.collect()
}

/// The ranges of memory that steps may write over what they read for the last time.
fn pairs(program: &Program, items: &[Item], is_in_parts: &dyn Fn(usize) -> bool) -> Vec<Pair> {
    // The rectangles of an operand or a result: exactly one, unless its buffer is used in parts.
    let rects = |buffer: usize, part: Part| {
        let all = items[buffer].rects.iter().enumerate();
        let is_of = move |rect: &Rect| {
            if is_in_parts(buffer) {
                part.at <= rect.offset && rect.offset + rect.bytes <= part.at + part.bytes
            } else {
                (rect.offset, rect.bytes) == (part.at, part.bytes)
            }
        };
        all.filter(move |(_, rect)| is_of(rect)).map(move |(index, &rect)| (index, rect))
    };
    let mut pairs = Vec::new();
    for (index, step) in program.steps.iter().enumerate() {
        let (lead, exact) = match step.overlap {
            Overlap::Never => continue,
            Overlap::Lead(lead) => (lead, false),
            Overlap::Exactly => (0, true),
        };
        let end = |(id, part)| access::bytes(program, id, part);
        let (input, output) = (step.reads().next().and_then(end), step.writes().next().and_then(end));
        let (Some((from, read)), Some((to, written))) = (input, output) else { continue };
        if from == to {
            continue;
        }
        for (dying, x) in rects(from, read).filter(|(_, rect)| rect.last == index) {
            for (born, y) in rects(to, written).filter(|(_, rect)| rect.first == index) {
                // The lead is one of the whole operand and the whole result.
                let within = |rect: Rect, part: Part| (rect.offset - part.at) as isize;
                let lead = lead as isize + within(x, read) - within(y, written);
                if !exact || (x.bytes, y.bytes) == (read.bytes, written.bytes) {
                    pairs.push(Pair { dying: (from, dying), born: (to, born), lead, exact });
                }
            }
        }
    }
    pairs
}
