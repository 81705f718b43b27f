//! From int8 or int16 to reals.

use core::fmt;

use kinglet_blob::OpCode;

use crate::value::{DType, Elements, Shape, ShapeError, Value};
use super::common::real::{Real, Reals};
use super::common::{operands, types};
use super::lowering::{Reason, Site, unary};
use super::operator::Operator;
use super::rule::layout::LayoutRule;
use super::rule::quantization::{Codes, End, QUANTIZED_ALREADY, Scaling};

/// int8 or int16 `x` -> real.
#[derive(Clone, Debug, PartialEq)]
pub struct Dequantize;

impl Operator for Dequantize {
    fn name(&self) -> &'static str {
        "Dequantize"
    }

    fn write_attributes(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        operands::like_operand(inputs)
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        types::expect(inputs[0], &[DType::I8, DType::I16])?;
        types::activation(inputs[0], inputs[0].dtype)?;
        types::expect(outputs[0], &[DType::F32])
    }

    fn evaluate(&self, _inputs: &[Real<'_>], _shapes: &[&[usize]]) -> Reals {
        None
    }

    /// In `f32` arithmetic as the engine's kernel has it.
    fn decode(&self, inputs: &[&Value]) -> Reals {
        let Value { elements: Some(Elements::I8(codes)), quantization: Some(quantization), .. } = inputs.first()? else {
            return None;
        };
        let (scale, zero) = (quantization.scale(0), quantization.zero_point());
        let real = |&code: &i8| scale * (i32::from(code) - zero) as f32;
        quantization.axis.is_none().then(|| vec![codes.iter().map(real).collect()])
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::Elementwise
    }

    fn no_int8_form(&self) -> Option<&'static str> {
        Some(QUANTIZED_ALREADY)
    }

    fn decodes(&self) -> bool {
        true
    }

    fn codes(&self) -> Codes {
        Codes::Rescaled
    }

    fn scale_floors(&self, _scaling: &dyn Scaling) -> Vec<(End, f32)> {
        Vec::new()
    }

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        let quantization = site.operand_quantization(0)?;
        unary::lower_convert(site, OpCode::Dequantize, quantization)
    }
}
