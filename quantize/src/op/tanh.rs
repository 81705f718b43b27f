//! The hyperbolic tangent.

use core::fmt;

use kinglet_blob::OpCode;
use kinglet_kernels::float_math;

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

/// Hyperbolic tangent.
#[derive(Clone, Debug, PartialEq)]
pub struct Tanh;

impl Operator for Tanh {
    fn name(&self) -> &'static str {
        "Tanh"
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
        each(inputs, f64::tanh)
    }

    fn reshape_rule(&self) -> ReshapeRule {
        ReshapeRule::Passes
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::Elementwise
    }

    fn codes(&self) -> Codes {
        Codes::Usual(fixed::tanh_output())
    }

    /// The hyperbolic tangent of 4 is within half a step of 1.
    fn saturates_at(&self) -> Option<f32> {
        Some(4.0)
    }

    fn scale_floors(&self, _scaling: &dyn Scaling) -> Vec<(End, f32)> {
        Vec::new()
    }

    fn constant_channels(&self, known: &Known<'_>) -> Option<Channels> {
        let [x, y] = known.ends()?;
        known.each(|q| fixed::tanh(x, y, q))
    }

    fn channel_ties(&self, _shapes: &[&[usize]]) -> ChannelTies {
        ChannelTies::InStep
    }

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        match site.dtype() {
            DType::F32 => unary::lower_f32(site, OpCode::Tanh, Activation::None),
            DType::I8 => {
                let [x, y] = [site.operand_quantization(0)?, site.result_quantization()?];
                unary::lower_table(site, |code| fixed::tanh(x, y, code))
            }
            DType::I16 => {
                let [x, y] = [site.operand_quantization(0)?, site.result_quantization()?];
                match MapI16::tanh(x, y) {
                    Some(map) => unary::lower_i16(site, &map),
                    None => unary::lower_i16(site, &MapI16::looked_up(float_math::tanh, x, y)),
                }
            }
            other => no_kernel(other),
        }
    }
}
