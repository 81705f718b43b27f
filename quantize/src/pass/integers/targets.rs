//! What a value on reals is quantized as later, when that is one thing for all its readers.
//!
//! Rounding to a grid commutes with moving elements, with choosing among them, and with a clamp to bounds that are rounded
//! themselves: `Q(max(x, 0)) = max(Q(x), zero point)`. So a layer may be rounded before a transposition, a maximum or a ReLU
//! although the file quantizes behind it, and gives the same codes.

use super::{Crossing, crossing};
use crate::ir::{Graph, Node, Quantization, ValueId};
use crate::op::rule::quantization::Codes;

/// For each value the quantization that it gets.
pub(super) fn of(graph: &Graph) -> Vec<Option<Quantization>> {
    let mut wishes: Vec<Wish> = vec![Wish::None; graph.values.len()];
    for sink in graph.sinks() {
        wishes[sink.0 as usize] = Wish::Reals;
    }
    for node in graph.nodes.iter().rev() {
        let wish = wish_of(graph, node, &wishes);
        for id in &node.inputs {
            let slot = &mut wishes[id.0 as usize];
            *slot = core::mem::take(slot).and(wish.clone());
        }
    }
    wishes.into_iter().map(Wish::quantization).collect()
}

/// What readers want of a value.
#[derive(Clone, Debug, Default, PartialEq)]
enum Wish {
    /// There is none.
    #[default]
    None,
    /// All want these codes.
    Codes(Quantization),
    /// Some want reals, or they disagree.
    Reals,
}

impl Wish {
    fn and(self, other: Wish) -> Wish {
        match (self, other) {
            (Wish::None, wish) | (wish, Wish::None) => wish,
            (a, b) if a == b => a,
            _ => Wish::Reals,
        }
    }

    fn quantization(self) -> Option<Quantization> {
        match self {
            Wish::Codes(quantization) => Some(quantization),
            Wish::None | Wish::Reals => None,
        }
    }
}

/// What a node wants of its operands.
fn wish_of(graph: &Graph, node: &Node, wishes: &[Wish]) -> Wish {
    let of = |id: ValueId| wishes[id.0 as usize].clone();
    match crossing(graph, node) {
        Crossing::Encodes => graph.value(node.output()).quantization.clone().map_or(Wish::Reals, Wish::Codes),
        Crossing::Real => {
            let operator = node.op.operator();
            let commutes = match operator.codes() {
                Codes::Kept | Codes::Joined => true,
                Codes::Selected => operator.selects(),
                _ => operator.as_activation().is_some(),
            };
            if !commutes {
                return Wish::Reals;
            }
            node.outputs.iter().fold(Wish::None, |wish, &id| wish.and(of(id)))
        }
        Crossing::Decodes | Crossing::Other => Wish::Reals,
    }
}
