//! A program whose segment is computed in stripes.
//!
//! Time goes in turns. In each turn the last operator of the segment computes some rows, and the operators before it
//! those rows that are read for that and are not there yet. So an operator computes each of its rows once, as late as
//! possible.

use core::ops::Range;

use kinglet_blob::OpCode;
use kinglet_blob::records::Copy;

use super::rows::{ByRows, Second, is_taken};
use super::segment::Segment;
use crate::ir::{Graph, ValueId};
use crate::program::{Input, Part, Program, Step, Stripe};
use crate::record::Overlap;

/// What happens to rows of a value that are still needed when its memory is written to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Laps {
    /// That never happens: the value has addresses for all its rows.
    One,
    /// They are moved to the front. The memory has room for this many times the rows that must be there at once.
    Room(usize),
}

/// A way to compute a program in stripes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Choice {
    /// First and last operator of the segment.
    pub range: (usize, usize),
    /// Whether operators behind it that read its values belong to it.
    pub pull: bool,
    /// Rows of the last operator's result in a turn.
    pub rows: usize,
    /// How rows are kept.
    pub laps: Laps,
}

/// A program in stripes.
#[derive(Clone, Debug)]
pub struct Striped {
    /// The program, not planned yet.
    pub program: Program,
    /// Nodes of the operators that take turns, in their order.
    pub nodes: Vec<usize>,
    /// Turns.
    pub turns: usize,
    /// Bytes that are moved in order to keep them.
    pub copied_bytes: u64,
    /// Bytes of operands of windows that are read by more than one stripe of an operator.
    pub reread_bytes: u64,
}

/// The memory of an operator's result while it is computed in stripes.
#[derive(Clone, Copy, Debug)]
struct Band {
    /// False for a value that is whole in the end.
    is_internal: bool,
    /// Rows that are there, or were.
    done: usize,
    /// The row at the start of the memory.
    base: usize,
    /// Rows that the memory has room for.
    room: usize,
}

/// A segment while it is computed.
pub(super) struct Turns<'a> {
    graph: &'a Graph,
    program: &'a Program,
    segment: &'a Segment,
    /// Of the segment's operators.
    rows: Vec<ByRows>,
    bands: Vec<Band>,
    /// Of each operator, those of the segment that read its result.
    readers: Vec<Vec<usize>>,
    /// Of each operator, those of the segment that computes its first and its second operand.
    sources: Vec<[Option<usize>; 2]>,
}

impl<'a> Turns<'a> {
    pub(super) fn new(
        graph: &'a Graph,
        program: &'a Program,
        rows: &[Option<ByRows>],
        segment: &'a Segment,
    ) -> Option<Self> {
        let step = |&index: &usize| &program.steps[index];
        let rows: Vec<ByRows> = segment.steps.iter().map(|&index| rows[index]).collect::<Option<_>>()?;
        let band = |(index, rows): (&usize, &ByRows)| Band {
            is_internal: segment.is_internal(graph, program, step(index).output()),
            done: 0,
            base: 0,
            room: rows.output_rows,
        };
        let bands: Vec<Band> = segment.steps.iter().zip(&rows).map(band).collect();
        if bands.last().is_none_or(|band| band.is_internal) {
            return None;
        }
        let readers =
            segment.steps.iter().map(|index| segment.readers(program, step(index).output()).collect()).collect();
        let source = |id: ValueId| segment.steps.iter().position(|index| step(index).output() == id);
        let sources = segment.steps.iter().map(|index| {
            let input = |operand: usize| step(index).inputs.get(operand).and_then(Input::tensor).and_then(source);
            [input(0), input(1)]
        });
        Some(Turns { graph, program, segment, sources: sources.collect(), rows, bands, readers })
    }

    /// Turns that a segment takes when its last operator computes `rows` rows in each.
    pub(super) fn count(&self, rows: usize) -> usize {
        self.rows.last().map_or(0, |last| last.output_rows.div_ceil(rows.max(1)))
    }

    /// Up to which row each operator computes in turn `turn` of `count`, counted from 1.
    fn targets(&self, turn: usize, count: usize, rows: usize) -> Vec<usize> {
        let last = self.rows.last().map_or(1, |last| last.output_rows);
        let reached = (turn * rows).min(last);
        let mut targets = vec![0; self.rows.len()];
        for index in (0..self.rows.len()).rev() {
            let (height, band) = (self.rows[index].output_rows, &self.bands[index]);
            let read = |&reader: &usize| self.rows[reader].needed(0..targets[reader]).end;
            let needed = self.readers[index].iter().filter(|&&reader| targets[reader] > 0).map(read).max();
            let own = if band.is_internal || (needed.is_some() && turn < count) {
                0
            } else {
                (height * reached).div_ceil(last)
            };
            targets[index] = needed.unwrap_or(0).max(own).max(band.done);
        }
        targets
    }

    /// The first row of a result that is still to be read by the segment.
    fn lowest(&self, index: usize) -> usize {
        let next = |&reader: &usize| {
            let done = self.bands[reader].done;
            let is_second = self.sources[reader][0] != Some(index);
            if is_second { done } else { self.rows[reader].needed(done..done + 1).start }
        };
        self.readers[index].iter().map(next).min().unwrap_or(0).min(self.bands[index].done)
    }

    /// The most rows of each result that are there at once.
    fn heights(&mut self, rows: usize) -> Vec<usize> {
        let mut heights = vec![0; self.rows.len()];
        let count = self.count(rows);
        for turn in 1..=count {
            let targets = self.targets(turn, count, rows);
            for (index, target) in targets.into_iter().enumerate() {
                heights[index] = heights[index].max(target - self.lowest(index));
                self.bands[index].done = target;
            }
        }
        self.bands.iter_mut().for_each(|band| band.done = 0);
        heights
    }

    /// The program in stripes of `rows` rows of the last operator's result.
    pub(super) fn rewritten(mut self, rows: usize, laps: Laps) -> Striped {
        let mut program = self.program.clone();
        let heights = self.heights(rows);
        for (index, height) in heights.into_iter().enumerate() {
            let ByRows { output_rows, output_row_bytes, .. } = self.rows[index];
            let room = match laps {
                Laps::One => output_rows,
                Laps::Room(times) => (height * times).min(output_rows),
            };
            if self.bands[index].is_internal {
                self.bands[index].room = room;
                program.layout.shrink(self.step(index).output(), room * output_row_bytes);
            }
        }
        let turns = self.count(rows);
        let mut striped = Striped { program, nodes: Vec::new(), turns, copied_bytes: 0, reread_bytes: 0 };
        striped.nodes = (0..self.rows.len()).map(|index| self.step(index).node).collect();
        let mut steps = Vec::new();
        for turn in 1..=turns {
            let targets = self.targets(turn, turns, rows);
            for (index, &target) in targets.iter().enumerate() {
                if target > self.bands[index].done {
                    self.make_room(index, target, &mut steps, &mut striped);
                    self.stripe(index, target, &mut steps, &mut striped);
                }
            }
        }
        let first = self.segment.steps.first().copied().unwrap_or(0);
        let others = |range: Range<usize>| range.filter(|index| !self.segment.steps.contains(index));
        let whole = |index: usize| self.program.steps[index].clone();
        let before = others(0..first).map(whole);
        let behind = others(first..self.program.steps.len()).map(whole);
        striped.program.steps = before.chain(steps).chain(behind).collect();
        striped
    }

    fn step(&self, index: usize) -> &'a Step {
        &self.program.steps[self.segment.steps[index]]
    }

    /// Moves what is needed to the front of a result's memory when rows up to `target` do not fit behind it.
    fn make_room(&mut self, index: usize, target: usize, steps: &mut Vec<Step>, striped: &mut Striped) {
        let Band { is_internal, done, base, room } = self.bands[index];
        if !is_internal || target - base <= room {
            return;
        }
        let lowest = self.lowest(index);
        let row_bytes = self.rows[index].output_row_bytes;
        let bytes = (done - lowest) * row_bytes;
        if bytes > 0 {
            // A value has less than 2^32 bytes.
            let block_bytes = bytes as u32;
            let Some(&tensor) = self.step(index).outputs.first() else { return };
            let (input_stride, output_stride) = (block_bytes, block_bytes);
            let record = Copy { blocks: 1, block_bytes, input_stride, output_stride };
            let from = Part { at: (lowest - base) * row_bytes, bytes };
            let stripe = Stripe { inputs: vec![from], output: Part { at: 0, bytes } };
            let copy = Step::new(OpCode::Copy, record, tensor, tensor, Overlap::Never);
            let (node, output_offset) = (self.step(index).node, lowest * row_bytes);
            steps.push(Step { node, output_offset, stripe: Some(stripe), ..copy });
            striped.copied_bytes += bytes as u64;
        }
        self.bands[index].base = lowest;
    }

    /// Computes rows up to `target`.
    fn stripe(&mut self, index: usize, target: usize, steps: &mut Vec<Step>, striped: &mut Striped) {
        let (rows, step) = (self.rows[index], self.step(index));
        let done = self.bands[index].done..target;
        let part = |range: &Range<usize>, row_bytes: usize, base: usize| Part {
            at: (range.start - base) * row_bytes,
            bytes: range.len() * row_bytes,
        };
        let base = |source: Option<usize>| source.map_or(0, |source| self.bands[source].base);
        let [first, second] = self.sources[index].map(base);
        let needed = rows.needed(done.clone());
        let input = part(&needed, rows.input_row_bytes, first);
        let second = match (rows.second, step.inputs.get(1).and_then(Input::tensor)) {
            (Second::Rows, Some(_)) => part(&done, rows.output_row_bytes, second),
            (Second::Whole, Some(id)) => {
                Part { at: 0, bytes: self.program.layout.place(id).map_or(0, |place| place.bytes) }
            }
            // The second operand is the first one, or there is none in the arena.
            (Second::None, Some(_)) => input,
            _ => Part::default(),
        };
        let output = part(&done, rows.output_row_bytes, self.bands[index].base);
        let stripe = Stripe { inputs: vec![input, second], output };
        if done.start > 0 {
            let before = rows.needed(done.start - 1..done.start).end;
            striped.reread_bytes += (before.saturating_sub(needed.start) * rows.input_row_bytes) as u64;
        }
        let output_offset = done.start * rows.output_row_bytes;
        let is_whole = done == (0..rows.output_rows) && self.graph.value(step.output()).shape[1] == rows.output_rows;
        let part = rows.stripe(step, done);
        // An operator that computes all rows in one turn keeps what only whole operators may do.
        let overlap = if is_whole && needed == (0..rows.input_rows) { step.overlap } else { part.overlap };
        steps.push(Step { output_offset, stripe: Some(stripe), overlap, ..part });
        self.bands[index].done = target;
    }
}

/// The program in stripes, or `None` when that cannot be.
pub(super) fn rewrite(graph: &Graph, program: &Program, rows: &[Option<ByRows>], choice: &Choice) -> Option<Striped> {
    let segment = Segment::new(graph, program, rows, choice.range, choice.pull)?;
    let striped = Turns::new(graph, program, rows, &segment)?.rewritten(choice.rows, choice.laps);
    striped.program.steps.iter().all(is_taken).then_some(striped)
}
