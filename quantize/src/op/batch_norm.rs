//! Batch normalization as it was trained.

use core::fmt;

use super::common::real::{Real, Reals};
use super::common::types;
use super::lowering::{Reason, Site, refuse};
use super::operator::Operator;
use super::rule::layout::{LastAxis, LayoutRule};
use super::rule::quantization::{Codes, End, Scaling};
use super::rule::rewrite::{ChannelAffine, ReshapeRule};
use crate::value::{DType, Shape, ShapeError, Value, fail};

/// `y = (x - mean) / sqrt(variance + epsilon) * scale + shift` along the last axis, operands
/// `x, scale, shift, mean, variance`. Folded away before lowering.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNorm {
    /// Added to the variance.
    pub epsilon: f32,
}

impl Operator for BatchNorm {
    fn name(&self) -> &'static str {
        "BatchNorm"
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " epsilon {}", self.epsilon)
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        let [x, parameters @ ..] = inputs else {
            return fail("takes 5 operands, has 0".into());
        };
        let Some(&channels) = x.last() else {
            return fail("operand is a scalar".into());
        };
        if parameters.len() != 4 || parameters.iter().any(|shape| *shape != [channels]) {
            return fail(format!("parameters have shapes {parameters:?}, four of [{channels}] are needed"));
        }
        if !(self.epsilon.is_finite() && self.epsilon >= 0.0) {
            return fail(format!("epsilon is {}", self.epsilon));
        }
        Ok(vec![x.to_vec()])
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        inputs.iter().try_for_each(|value| types::expect_same(value, outputs[0], &[DType::F32]))
    }

    fn evaluate(&self, inputs: &[Real<'_>], _shapes: &[&[usize]]) -> Reals {
        let [x, scale, shift, mean, variance] = inputs else { return None };
        let (channels, epsilon) = (scale.data.len(), f64::from(self.epsilon));
        let at = |tensor: &Real<'_>, channel: usize| f64::from(tensor.data[channel]);
        let normal = |(flat, &element): (usize, &f32)| {
            let channel = flat % channels;
            let centred = f64::from(element) - at(mean, channel);
            (centred / (at(variance, channel) + epsilon).sqrt() * at(scale, channel) + at(shift, channel)) as f32
        };
        Some(vec![x.data.iter().enumerate().map(normal).collect()])
    }

    fn reshape_rule(&self) -> ReshapeRule {
        ReshapeRule::PassesKeepingChannels
    }

    fn channel_affine(&self) -> Option<ChannelAffine> {
        Some(ChannelAffine::Normalize(self.epsilon))
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::LastAxis(LastAxis { moving: 4, keeps_columns: true })
    }

    fn no_int8_form(&self) -> Option<&'static str> {
        Some("no convolution or dense layer precedes it that it could be folded into")
    }

    fn codes(&self) -> Codes {
        Codes::Rescaled
    }

    fn scale_floors(&self, _scaling: &dyn Scaling) -> Vec<(End, f32)> {
        Vec::new()
    }

    /// Only where no pass could make it something else.
    fn lower(&self, _site: &mut Site<'_>) -> Result<(), Reason> {
        refuse(
            "batch normalization that no convolution or dense layer precedes has no kernel",
            "put it right behind a Conv, Gemm or MatMul, or write it as Mul and Add",
        )
    }
}
