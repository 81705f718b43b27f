//! Product of two tensors, element by element.

use core::fmt;

use super::common::attributes::Activation;
use super::common::real::{Real, Reals, activated};
use super::common::{elementwise, fixed, operands, types};
use super::operator::Operator;
use super::rule::channels::{ChannelTies, Channels, Known};
use super::rule::layout::LayoutRule;
use super::rule::quantization::{Codes, End, Scaling};
use super::rule::rewrite::{ChannelAffine, ReshapeRule};
use crate::value::{Shape, ShapeError, Value};

/// `a * b`, with broadcasting of axes of extent 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Mul {
    /// Fused activation.
    pub activation: Activation,
}

impl Operator for Mul {
    fn name(&self) -> &'static str {
        "Mul"
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.activation)
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        let [a, b] = operands::two(inputs)?;
        Ok(vec![elementwise::broadcast(a, b)?])
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        types::rescaling(inputs, outputs)
    }

    fn evaluate(&self, inputs: &[Real<'_>], shapes: &[&[usize]]) -> Reals {
        activated(elementwise::binary(inputs, shapes[0], |a, b| a * b), self.activation)
    }

    fn activation_mut(&mut self) -> Option<&mut Activation> {
        Some(&mut self.activation)
    }

    fn clamp(&self) -> Activation {
        self.activation
    }

    fn reshape_rule(&self) -> ReshapeRule {
        ReshapeRule::PassesBroadcasting
    }

    fn channel_affine(&self) -> Option<ChannelAffine> {
        Some(ChannelAffine::Scale(self.activation))
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::Broadcast
    }

    fn codes(&self) -> Codes {
        Codes::Rescaled
    }

    fn scale_floors(&self, scaling: &dyn Scaling) -> Vec<(End, f32)> {
        // A product of codes has 16 bits.
        vec![(End::Result, scaling.scale(0) * scaling.scale(1) / (1u32 << 13) as f32)]
    }

    fn constant_channels(&self, known: &Known<'_>) -> Option<Channels> {
        let [a, b, y] = known.three_ends()?;
        let params = fixed::mul(a, b, y, self.activation);
        let zero = |q: Option<i8>, zero_point: i32| q.is_some_and(|q| i32::from(q) == zero_point);
        let of = |(qa, qb): (Option<i8>, Option<i8>)| match (qa, qb) {
            (Some(qa), Some(qb)) => Some(params.apply(qa, qb)),
            // A real zero makes every product zero, whatever the other operand is.
            _ if zero(qa, a.zero_point()) => Some(params.apply(a.zero_point() as i8, 0)),
            _ if zero(qb, b.zero_point()) => Some(params.apply(0, b.zero_point() as i8)),
            _ => None,
        };
        Some(known.pairs()?.into_iter().map(of).collect())
    }

    fn channel_ties(&self, _shapes: &[&[usize]]) -> ChannelTies {
        ChannelTies::InStep
    }
}
