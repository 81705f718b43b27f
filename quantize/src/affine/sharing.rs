//! Which values have to share one scale and zero point, and which are bound to a given one.
//!
//! Operators that move or compare codes without rescaling (Reshape, Pad, pooling, ...) keep the quantization of
//! their operand, so operand and result form one group with one range. Softmax, Logistic and Tanh have a
//! quantization that their kernel assumes. Concat copies codes: its operands join the result's group, except
//! those that would pay for it. They are requantized on the way in:
//!
//! - results of Softmax, Logistic or Tanh, unless all operands are;
//! - values with another reader, when the group's range is at least twice theirs: the copy loses the bit
//!   that the wider range costs, the other reader does not.
//!
//! A Pad whose value is outside the given quantization of its operand (5 around a Softmax) starts a group of its own,
//! wide enough for both, and its operand is requantized into it: a given quantization cannot grow.
//!
//! Logistic and Tanh are flat beyond a few units. A value that only they read covers no more than that; one
//! that others read too is requantized for them when its steps are so long that their kernels' fixed-point
//! input has no bits left.

use std::collections::BTreeMap;

use super::activation::activation;
use crate::calibrate::Range;
use crate::ir::{DType, Graph, Node, Quantization, ValueId};
use crate::op::rule::quantization::Codes;

/// Longest step of an operand of Logistic or Tanh. Their kernels take it as 4 integer bits: at 16 a single step
/// leaves the representable range, and results next to the zero point are wrong already at 4.
const SATURATING_STEP_MAX: f32 = 2.0;

/// A value's range, wherever it comes from.
pub(super) type RangeOf<'a> = &'a dyn Fn(ValueId) -> Range;

/// The part of a value's range that makes a difference to its readers.
fn useful_range(graph: &Graph, id: ValueId, range: Range) -> Range {
    let limits: Option<Vec<f32>> =
        graph.consumers(id).into_iter().map(|node| graph.nodes[node].op.operator().saturates_at()).collect();
    let widest = limits.unwrap_or_default().into_iter().reduce(f32::max);
    match widest {
        Some(limit) if !graph.is_output(id) => {
            Range { lo: range.lo.clamp(-limit, limit), hi: range.hi.clamp(-limit, limit) }
        }
        _ => range,
    }
}

/// The reals that a quantization has codes for.
fn reals(quantization: &Quantization) -> Range {
    let real = |code: i8| (f32::from(code) - quantization.zero_point() as f32) * quantization.scale(0);
    Range { lo: real(i8::MIN), hi: real(i8::MAX) }
}

/// The number that a node adds to its operand's codes, when `given`, their quantization, has no code near it. One step
/// away is near: the result 1 of Softmax, Logistic and Tanh itself is the code below it.
fn added_outside(node: &Node, given: &Quantization) -> Option<f32> {
    let value = node.op.operator().border()?.value;
    let (covered, step) = (reals(given), given.scale(0));
    (value < covered.lo - step || value > covered.hi + step).then_some(value)
}

/// The quantization that each value has by a kernel that assumes one, its own or that of the codes it is a copy of.
fn given_quantizations(graph: &Graph, codes: &[Codes]) -> Vec<Option<Quantization>> {
    let mut given: Vec<Option<Quantization>> = vec![None; graph.values.len()];
    for (node, codes) in graph.nodes.iter().zip(codes) {
        let of = |position: usize| given[node.inputs[position].0 as usize].as_ref();
        let result = match codes {
            Codes::Bound(quantization) | Codes::Usual(quantization) => Some(quantization),
            Codes::Kept | Codes::Selected => of(0).filter(|given| added_outside(node, given).is_none()),
            // As `add_joined` has it: only when all have the same.
            Codes::Joined => of(0).filter(|&first| (1..node.inputs.len()).all(|position| of(position) == Some(first))),
            Codes::Rescaled => None,
        };
        let result = result.cloned();
        node.outputs.iter().for_each(|id| given[id.0 as usize] = result.clone());
    }
    given
}

fn is_float(graph: &Graph, id: ValueId) -> bool {
    graph.value(id).dtype == DType::F32
}

/// Groups of values, as a forest of parents over the graph's values.
pub(super) struct Sharing {
    parents: Vec<usize>,
    bound: Vec<Option<Quantization>>,
    ranges: Vec<Range>,
    /// Operands that are requantized, by node index and operand position: for Concat into the result's
    /// quantization, for others into their own.
    requantized: BTreeMap<(usize, usize), Option<Quantization>>,
}

impl Sharing {
    /// The groups of `graph`.
    pub(super) fn new(graph: &Graph, range_of: RangeOf<'_>) -> Self {
        let ids = || (0..graph.values.len()).map(|index| ValueId(index as u32));
        let mut sharing = Sharing {
            parents: (0..graph.values.len()).collect(),
            bound: vec![None; graph.values.len()],
            ranges: ids().map(|id| useful_range(graph, id, range_of(id))).collect(),
            requantized: BTreeMap::new(),
        };
        let codes: Vec<Codes> = graph.nodes.iter().map(|node| node.op.operator().codes()).collect();
        for (node, codes) in graph.nodes.iter().zip(&codes) {
            if let Codes::Bound(quantization) | Codes::Usual(quantization) = codes {
                node.outputs.iter().for_each(|id| sharing.bound[id.0 as usize] = Some(quantization.clone()));
            }
        }
        let given = given_quantizations(graph, &codes);
        let keeps = |index: usize| matches!(codes[index], Codes::Kept | Codes::Selected);
        for (index, node) in graph.nodes.iter().enumerate().filter(|&(index, _)| keeps(index)) {
            let given = given[node.inputs[0].0 as usize].as_ref();
            match given.and_then(|given| Some(reals(given).including(added_outside(node, given)?))) {
                Some(range) => sharing.widen(index, node, range),
                None => node.outputs.iter().for_each(|&id| sharing.join(node.inputs[0], id)),
            }
        }
        for (index, node) in graph.nodes.iter().enumerate() {
            if codes[index] == Codes::Joined && is_float(graph, node.output()) {
                sharing.add_joined(graph, index, node);
            }
        }
        for (index, node) in graph.nodes.iter().enumerate() {
            if let Some(limit) = node.op.operator().saturates_at() {
                sharing.shorten_steps(index, node, limit);
            }
        }
        sharing
    }

    /// A number that all values of a group have in common.
    pub(super) fn group(&self, id: ValueId) -> usize {
        let mut index = id.0 as usize;
        while self.parents[index] != index {
            index = self.parents[index];
        }
        index
    }

    /// The quantization a group is bound to.
    pub(super) fn bound(&self, group: usize) -> Option<&Quantization> {
        self.bound[group].as_ref()
    }

    /// The union of the ranges of a group.
    pub(super) fn range(&self, group: usize) -> Range {
        self.ranges[group]
    }

    fn join(&mut self, a: ValueId, b: ValueId) {
        let (a, b) = (self.group(a), self.group(b));
        if a != b {
            self.parents[b] = a;
            self.ranges[a] = self.ranges[a].union(self.ranges[b]);
            self.bound[a] = self.bound[a].take().or(self.bound[b].take());
        }
    }

    /// Leaves the result of node `index` in a group of its own, which covers `range` too, and requantizes its operand.
    fn widen(&mut self, index: usize, node: &Node, range: Range) {
        let group = self.group(node.output());
        self.ranges[group] = self.ranges[group].union(range);
        self.requantized.insert((index, 0), None);
    }

    /// Requantizes the operand of a saturating function when its steps are too long for it.
    fn shorten_steps(&mut self, index: usize, node: &Node, limit: f32) {
        let group = self.group(node.inputs[0]);
        let step = activation(self.ranges[group], 0.0).scale(0);
        if self.bound[group].is_none() && step > SATURATING_STEP_MAX {
            let shortened = activation(Range { lo: -limit, hi: limit }, 0.0);
            self.requantized.insert((index, 0), Some(shortened));
        }
    }

    /// Whether operand `position` of node `index`, which computes `output`, is requantized on the way in. The
    /// inner quantization is absent when it is that of the output.
    pub(super) fn requantized(&self, index: usize, position: usize) -> Option<Option<&Quantization>> {
        self.requantized.get(&(index, position)).map(Option::as_ref)
    }

    fn add_joined(&mut self, graph: &Graph, index: usize, node: &Node) {
        // The condition of a selection has no codes.
        let joined: Vec<(usize, ValueId)> =
            node.inputs.iter().copied().enumerate().filter(|&(_, id)| is_float(graph, id)).collect();
        let bounds: Vec<Option<Quantization>> =
            joined.iter().map(|&(_, id)| self.bound[self.group(id)].clone()).collect();
        if bounds[0].is_some() && bounds.iter().all(|bound| *bound == bounds[0]) {
            joined.iter().for_each(|&(_, id)| self.join(id, node.output()));
            return;
        }
        let ranges = joined.iter().map(|&(_, id)| self.ranges[self.group(id)]);
        let whole = ranges.fold(self.ranges[self.group(node.output())], Range::union);
        for (&(position, id), bound) in joined.iter().zip(&bounds) {
            let narrow = self.ranges[self.group(id)].width() * 2.0 <= whole.width();
            let read_elsewhere = graph.consumers(id).len() > 1 || graph.is_output(id);
            if bound.is_some() || (narrow && read_elsewhere) {
                self.requantized.insert((index, position), None);
            } else {
                self.join(node.output(), id);
            }
        }
        // The result holds what is requantized into it as well.
        let group = self.group(node.output());
        self.ranges[group] = self.ranges[group].union(whole);
    }
}
