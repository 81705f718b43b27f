//! What a layer's results are for: which of its errors the graph behind it can see.
//!
//! Below the least result of an activation all are alike: a result may be anywhere below 0 where the float layer's is, and
//! a ReLU follows. The layer is therefore fitted to targets that follow what it now computes: wherever both are beyond the
//! same bound, the target is the layer's own result, and costs nothing. Each fit to these can only lower the error behind
//! the activation, a sum of squares that the error of the targets is never below (majorization; with a ReLU the
//! alternation of Zhang and others, Efficient and Accurate Approximations of Nonlinear Convolutional Networks, 2015).
//!
//! A result that only an addition reads makes up for the error of what is added to it, and the addition's activation counts.

use super::walk::Walk;
use crate::ir::{Graph, Node, ValueId};
use crate::op::common::attributes::Activation;
use crate::op::rule::rewrite::ChannelAffine;

/// Of one layer, what is compared and how.
pub(super) struct Goal<'a> {
    /// The float layer's results before its activation, `[position, outputs]`.
    results: &'a [f32],
    /// What is added to them, in floats and as the codes are.
    added: Option<[Vec<f32>; 2]>,
    activation: Activation,
}

impl<'a> Goal<'a> {
    /// That of a layer `node` of `float`, which computes `results` before its activation.
    pub(super) fn new(
        (float, node): (&Graph, &Node),
        results: &'a [f32],
        (exact, int8, coded): (&Walk, &Graph, &Walk),
    ) -> Self {
        let own = node.op.operator().layer().map_or(Activation::None, |layer| layer.activation);
        if own == Activation::None
            && let Some((other, activation)) = joined(float, node.output())
        {
            let added = [exact.reals(float, other), coded.reals(int8, other)];
            if added.iter().all(|added| added.len() == results.len()) {
                return Goal { results, added: Some(added), activation };
            }
        }
        Goal { results, added: None, activation: own }
    }

    /// Whether targets depend on what the layer computes.
    pub(super) fn is_bounded(&self) -> bool {
        self.activation != Activation::None
    }

    /// What the result at a place should be when nothing is known of what is computed.
    pub(super) fn plain(&self, place: usize) -> f32 {
        let added = self.added.as_ref().map_or(0.0, |[exact, coded]| exact[place] - coded[place]);
        self.results[place] + added
    }

    /// What the result at a place should be where `found` is computed.
    pub(super) fn target(&self, place: usize, found: f32) -> f32 {
        let (low, high) = self.activation.bounds();
        let (wanted, added) = self.sums(place);
        let found = found + added;
        let target = if wanted <= low {
            found.min(low)
        } else if wanted >= high {
            found.max(high)
        } else {
            wanted
        };
        target - added
    }

    /// The power of what is wanted behind the activation at a place, and of the error where `found` is computed.
    pub(super) fn powers(&self, place: usize, found: f32) -> [f64; 2] {
        let (wanted, added) = self.sums(place);
        let [wanted, found] = [wanted, found + added].map(|real| f64::from(self.activation.of(real)));
        [wanted.powi(2), (wanted - found).powi(2)]
    }

    /// What is wanted before the activation, and what the codes add.
    fn sums(&self, place: usize) -> (f32, f32) {
        let [exact, coded] = self.added.as_ref().map_or([0.0; 2], |[exact, coded]| [exact[place], coded[place]]);
        (self.results[place] + exact, coded)
    }
}

/// The value that is added to `value`, when an addition of the same shape is all that reads it, and the addition's
/// activation.
fn joined(float: &Graph, value: ValueId) -> Option<(ValueId, Activation)> {
    let &[reader] = float.consumers(value).as_slice() else { return None };
    let node = float.nodes.get(reader).filter(|_| !float.is_output(value))?;
    let Some(ChannelAffine::Shift(activation)) = node.op.operator().channel_affine() else { return None };
    let &[a, b] = node.inputs.as_slice() else { return None };
    let other = if a == value { b } else { a };
    let is_alike = other != value && float.value(other).shape == float.value(value).shape;
    (is_alike && float.value(other).elements.is_none()).then_some((other, activation))
}
