//! The larger of an element and zero.

use core::fmt;

use kinglet_blob::OpCode;
use kinglet_kernels::lookup::relu_i8_reference;

use crate::value::{DType, Shape, ShapeError, Value};
use super::common::attributes::Activation;
use super::common::int16::MapI16;
use super::common::real::{Real, Reals, each};
use super::common::{fixed, operands, types};
use super::lowering::{Reason, Site, no_kernel, unary};
use super::operator::Operator;
use super::rule::channels::{ChannelTies, Channels, Known};
use super::rule::layout::LayoutRule;
use super::rule::quantization::{Codes, End, Scaling, rescaled};
use super::rule::rewrite::ReshapeRule;

/// `max(x, 0)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Relu;

impl Operator for Relu {
    fn name(&self) -> &'static str {
        "Relu"
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
        each(inputs, |v| v.max(0.0))
    }

    fn clamp(&self) -> Activation {
        Activation::Relu
    }

    fn as_activation(&self) -> Option<Activation> {
        Some(Activation::Relu)
    }

    /// What is already within the bounds stays.
    fn changes_nothing(&self, _operand_count: usize, _operand: &Value, clamp: Activation) -> bool {
        Activation::Relu.changes_nothing_after(clamp)
    }

    fn reshape_rule(&self) -> ReshapeRule {
        ReshapeRule::Passes
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::Elementwise
    }

    fn codes(&self) -> Codes {
        Codes::Rescaled
    }

    fn scale_floors(&self, scaling: &dyn Scaling) -> Vec<(End, f32)> {
        vec![rescaled(scaling, 0)]
    }

    fn constant_channels(&self, known: &Known<'_>) -> Option<Channels> {
        let [x, y] = known.ends()?;
        let params = fixed::relu(x, y);
        known.each(|q| relu_i8_reference(&params, q))
    }

    fn channel_ties(&self, _shapes: &[&[usize]]) -> ChannelTies {
        ChannelTies::InStep
    }

    fn scales_with_operands(&self, _inputs: &[&[usize]], _output: &[usize]) -> bool {
        true
    }

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        match site.dtype() {
            DType::F32 => unary::lower_f32(site, OpCode::Clamp, Activation::Relu),
            DType::I8 => {
                let params = fixed::relu(site.operand_quantization(0)?, site.result_quantization()?);
                unary::check_shift(&params)?;
                unary::lower_table(site, |code| relu_i8_reference(&params, code))
            }
            DType::I16 => {
                let [x, y] = [site.operand_quantization(0)?, site.result_quantization()?];
                unary::lower_i16(site, &MapI16::clamp(Activation::Relu, x, y))
            }
            other => no_kernel(other),
        }
    }
}
