//! Elements between zero and six.

use core::fmt;

use kinglet_blob::OpCode;
use kinglet_kernels::lookup::requantize_i8_reference;

use crate::value::{DType, Shape, ShapeError, Value};
use super::common::attributes::Activation;
use super::common::int16::MapI16;
use super::common::real::{Real, Reals, each};
use super::common::{fixed, operands, types};
use super::lowering::{Reason, Site, no_kernel, unary};
use super::operator::Operator;
use super::rule::channels::{ChannelTies, Channels, Known};
use super::rule::layout::LayoutRule;
use super::rule::quantization::{Codes, End, Scaling};
use super::rule::rewrite::ReshapeRule;

/// `min(max(x, 0), 6)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Relu6;

impl Operator for Relu6 {
    fn name(&self) -> &'static str {
        "Relu6"
    }

    fn write_attributes(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        operands::like_operand(inputs)
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        types::rescaling(inputs, outputs)
    }

    fn evaluate(&self, inputs: &[Real<'_>], _shapes: &[&[usize]]) -> Reals {
        each(inputs, |v| v.clamp(0.0, 6.0))
    }

    fn clamp(&self) -> Activation {
        Activation::Relu6
    }

    fn as_activation(&self) -> Option<Activation> {
        Some(Activation::Relu6)
    }

    /// What is already within the bounds stays.
    fn changes_nothing(&self, _operand_count: usize, _operand: &Value, clamp: Activation) -> bool {
        Activation::Relu6.changes_nothing_after(clamp)
    }

    fn reshape_rule(&self) -> ReshapeRule {
        ReshapeRule::Passes
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::Elementwise
    }

    /// It could have a scale of its own, but its operand's codes have no finer steps to offer.
    fn codes(&self) -> Codes {
        Codes::Kept
    }

    fn scale_floors(&self, _scaling: &dyn Scaling) -> Vec<(End, f32)> {
        Vec::new()
    }

    fn constant_channels(&self, known: &Known<'_>) -> Option<Channels> {
        let [x, y] = known.ends()?;
        let params = fixed::relu6(x, y);
        known.each(|q| requantize_i8_reference(&params, q))
    }

    fn channel_ties(&self, _shapes: &[&[usize]]) -> ChannelTies {
        ChannelTies::InStep
    }

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        match site.dtype() {
            DType::F32 => unary::lower_f32(site, OpCode::Clamp, Activation::Relu6),
            DType::I8 => {
                let params = fixed::relu6(site.operand_quantization(0)?, site.result_quantization()?);
                unary::check_shift(&params)?;
                unary::lower_table(site, |code| requantize_i8_reference(&params, code))
            }
            DType::I16 => {
                let [x, y] = [site.operand_quantization(0)?, site.result_quantization()?];
                unary::lower_i16(site, &MapI16::clamp(Activation::Relu6, x, y))
            }
            other => no_kernel(other),
        }
    }
}
