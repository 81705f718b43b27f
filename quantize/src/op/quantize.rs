//! To int8, from reals or from another quantization.

use core::fmt;

use kinglet_kernels::lookup::requantize_i8_reference;

use crate::value::{DType, Shape, ShapeError, Value};
use super::common::attributes::Activation;
use super::common::real::{Real, Reals};
use super::common::{fixed, operands, types};
use super::operator::Operator;
use super::rule::channels::{ChannelTies, Channels, Known};
use super::rule::layout::LayoutRule;
use super::rule::quantization::{Codes, End, QUANTIZED_ALREADY, Scaling};

/// Real or int8 `x` -> int8 under the output's quantization.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantize;

impl Operator for Quantize {
    fn name(&self) -> &'static str {
        "Quantize"
    }

    fn write_attributes(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        operands::like_operand(inputs)
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        types::expect(inputs[0], &[DType::F32, DType::I8])?;
        types::activation(outputs[0], DType::I8)
    }

    fn evaluate(&self, _inputs: &[Real<'_>], _shapes: &[&[usize]]) -> Reals {
        None
    }

    fn changes_nothing(&self, _operand_count: usize, _operand: &Value, _clamp: Activation) -> bool {
        true
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::Elementwise
    }

    fn no_int8_form(&self) -> Option<&'static str> {
        Some(QUANTIZED_ALREADY)
    }

    fn codes(&self) -> Codes {
        Codes::Rescaled
    }

    fn scale_floors(&self, _scaling: &dyn Scaling) -> Vec<(End, f32)> {
        Vec::new()
    }

    /// From floats nothing is known.
    fn constant_channels(&self, known: &Known<'_>) -> Option<Channels> {
        let [x, y] = known.ends()?;
        let params = fixed::requantize(x, y);
        known.each(|q| requantize_i8_reference(&params, q))
    }

    fn channel_ties(&self, _shapes: &[&[usize]]) -> ChannelTies {
        ChannelTies::InStep
    }
}
