//! To int8 or int16, from reals, from uint8 or from another quantization; from int8 to uint8; from int32 and to it.

use core::fmt;

use kinglet_blob::OpCode;
use kinglet_kernels::lookup::requantize_i8_reference;

use crate::value::{DType, Quantization, Shape, ShapeError, Value};
use super::common::attributes::Activation;
use super::common::real::{Real, Reals};
use super::common::{fixed, operands, types};
use super::lowering::{Reason, Site, unary};
use super::operator::Operator;
use super::rule::channels::{ChannelTies, Channels, Known};
use super::rule::layout::LayoutRule;
use super::rule::quantization::{Codes, End, QUANTIZED_ALREADY, Scaling};

/// Real, int8, int16, int32 or uint8 `x` -> int8 or int16 under the output's quantization; or int8 -> uint8; or int8 or
/// int16 -> int32.
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
        types::expect(inputs[0], &[DType::F32, DType::I8, DType::U8, DType::I16, DType::I32])?;
        // uint8 through int8, so that there is one conversion from reals and one table for everything else.
        let results = match inputs[0].dtype {
            DType::I8 => &[DType::I8, DType::U8, DType::I16, DType::I32][..],
            DType::I16 => &[DType::I8, DType::I16, DType::I32],
            DType::U8 => &[DType::I8],
            _ => &[DType::I8, DType::I16],
        };
        types::expect(outputs[0], results)?;
        types::activation(outputs[0], outputs[0].dtype)
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

    fn encodes(&self) -> bool {
        true
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

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        if site.operand(0).dtype == DType::F32 {
            return unary::lower_convert(site, OpCode::Quantize, site.result_quantization()?);
        }
        if [site.operand(0).dtype, site.result().dtype].iter().any(|dtype| matches!(dtype, DType::I16 | DType::I32)) {
            return lower_wide(site);
        }
        let ends = [site.operand(0), site.result()];
        let [x, y] = [site.operand_quantization(0)?, site.result_quantization()?];
        let params = fixed::requantize(&as_i8(ends[0].dtype, x), &as_i8(ends[1].dtype, y));
        unary::check_shift(&params)?;
        let [from, to] = ends.map(|value| flip(value.dtype));
        unary::lower_table(site, |x| requantize_i8_reference(&params, x ^ from) ^ to)
    }
}

/// From int16 or int32 or to them, where a table would be too long.
fn lower_wide(site: &mut Site<'_>) -> Result<(), Reason> {
    let [x, y] = [site.operand_quantization(0)?, site.result_quantization()?];
    let params = fixed::requantize_wide(x, y);
    // A distance of two codes is shifted left without leaving 32 bits; those of int32 wrap, as the oracle's do.
    let shift_max = match site.operand(0).dtype {
        DType::I32 => 30,
        DType::I16 => 15,
        _ => 22,
    };
    if params.factor.shift > shift_max {
        return unary::refuse_shift(params.factor.shift);
    }
    unary::lower_requantize(site, &params)
}

/// A quantization as int8 has it: uint8 codes are those plus 128.
fn as_i8(dtype: DType, quantization: &Quantization) -> Quantization {
    let mut quantization = quantization.clone();
    if dtype == DType::U8 {
        quantization.zero_points.iter_mut().for_each(|zero| *zero -= 128);
    }
    quantization
}

/// The bits in which a byte of a value differs from the int8 code: the highest of a uint8 value.
fn flip(dtype: DType) -> i8 {
    if dtype == DType::U8 { i8::MIN } else { 0 }
}
