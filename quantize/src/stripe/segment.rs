//! Segments: operators that may take turns.

use crate::ir::{Graph, ValueId};
use crate::op::rule::memory::Placement;
use crate::program::{Input, Program, Step};

use super::rows::{ByRows, Second};

/// Some operators of a program that are computed in stripes, one behind the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Their positions, ascending. Others may lie between them, which then run behind.
    pub(super) steps: Vec<usize>,
}

/// A program's operators by rows, where they can be.
pub(super) fn by_rows(graph: &Graph, program: &Program) -> Vec<Option<ByRows>> {
    program.steps.iter().map(|step| ByRows::of(graph, program, step)).collect()
}

impl Segment {
    /// Operators `from ..= to`; with `pull` also those behind that read the segment's values and nothing that is
    /// computed in between, so that these values need not be kept whole for them. `None` when they cannot take turns.
    pub(super) fn new(
        graph: &Graph,
        program: &Program,
        rows: &[Option<ByRows>],
        (from, to): (usize, usize),
        pull: bool,
    ) -> Option<Segment> {
        let mut segment = Segment { steps: (from..=to).collect() };
        if pull {
            segment.pull(program, rows, from);
        }
        (segment.is_sound(graph, program, rows)).then_some(segment)
    }

    fn pull(&mut self, program: &Program, rows: &[Option<ByRows>], from: usize) {
        let next = self.steps.last().map_or(0, |&last| last + 1);
        for (index, step) in program.steps.iter().enumerate().skip(next) {
            let reads = |id: ValueId| self.steps.iter().any(|&own| program.steps[own].output() == id);
            let ready = |id: ValueId| reads(id) || writers(program, id).all(|writer| writer < from);
            if rows[index].is_some() && operands(step).any(reads) && operands(step).all(ready) {
                self.steps.push(index);
            }
        }
    }

    fn is_sound(&self, graph: &Graph, program: &Program, rows: &[Option<ByRows>]) -> bool {
        let (Some(&first), Some(&last)) = (self.steps.first(), self.steps.last()) else { return false };
        let nodes = || program.steps[first..=last].iter().map(|step| step.node);
        let (Some(lowest), Some(highest)) = (nodes().min(), nodes().max()) else { return false };
        // Slices become a whole, or a whole slices, between two nodes; the order of nodes around that must stay.
        let joins = |placement| matches!(placement, Placement::Joined(_) | Placement::Taken(_));
        let has_joint = graph.nodes[lowest..=highest].iter().any(|node| joins(node.placement(graph)));
        let own = |id: ValueId| self.steps.iter().any(|&step| program.steps[step].output() == id);
        let sound = |index: usize| {
            let step = &program.steps[index];
            let Some(by_rows) = rows[index] else { return false };
            let known = |id: ValueId| {
                // A value of the segment under another name has other rows.
                own(id) || writers(program, id).all(|writer| !self.steps.contains(&writer) && writer < first)
            };
            let whole_is_outside =
                by_rows.second != Second::Whole || !step.inputs.get(1).and_then(Input::tensor).is_some_and(own);
            operands(step).all(known) && whole_is_outside
        };
        !has_joint && self.steps.iter().all(|&index| sound(index))
    }

    /// True for a value that only operators of the segment read, of which not all rows need be there at once.
    pub(super) fn is_internal(&self, graph: &Graph, program: &Program, id: ValueId) -> bool {
        let is_own = |node: usize| self.steps.iter().any(|&step| program.steps[step].node == node);
        program.layout.is_alone(id)
            && !graph.is_output(id)
            && self.steps.iter().any(|&step| program.steps[step].output() == id)
            && graph.consumers(id).into_iter().all(is_own)
    }

    /// Positions within the segment of the operators that read `id`.
    pub(super) fn readers<'a>(&'a self, program: &'a Program, id: ValueId) -> impl Iterator<Item = usize> + 'a {
        let reads = move |&(_, &step): &(usize, &usize)| operands(&program.steps[step]).any(|operand| operand == id);
        self.steps.iter().enumerate().filter(reads).map(|(position, _)| position)
    }
}

fn operands(step: &Step) -> impl Iterator<Item = ValueId> + '_ {
    step.reads().map(|(id, _)| id)
}

/// The operators that write to the memory of `id`.
fn writers(program: &Program, id: ValueId) -> impl Iterator<Item = usize> {
    let buffer = |id: ValueId| program.layout.place(id).map(|place| place.buffer);
    let own = buffer(id);
    program.steps.iter().enumerate().filter(move |(_, step)| buffer(step.output()) == own).map(|(index, _)| index)
}
