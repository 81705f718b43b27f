//! Product of two tensors, element by element.

use core::fmt;

use kinglet_blob::{Function, OpCode};
use kinglet_blob::records::BinaryI16;
use kinglet_kernels::Token;
use kinglet_kernels::elementwise::{AddI8, AddI16, MulI8, MulI16};
use kinglet_kernels::numerics::FixedPoint;

use super::common::attributes::Activation;
use super::common::real::{Real, Reals, activated};
use super::common::{elementwise, fixed, operands, types};
use super::lowering::binary::Roles;
use super::lowering::{Reason, Site, grid, no_kernel, refuse};
use super::operator::Operator;
use super::rule::channels::{ChannelTies, Channels, Known};
use super::rule::layout::LayoutRule;
use super::rule::quantization::{Codes, End, Scaling};
use super::rule::rewrite::{ChannelAffine, ReshapeRule};
use crate::value::{DType, Shape, ShapeError, Value};

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
        types::rescaling_among(inputs, outputs, &[DType::F32, DType::I8, DType::I16])
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

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        let roles = match Roles::of(site)? {
            Some(roles) => roles,
            None => return grid::combine(site, Function::Mul, self.activation),
        };
        let record = match site.dtype() {
            DType::F32 => roles.record_f32(self.activation).into(),
            DType::I8 => {
                let [a, b, y] = roles.quantizations(site)?;
                roles.record_i8(&as_sum(fixed::mul(a, b, y, self.activation))?).into()
            }
            DType::I16 => {
                let [a, b, y] = roles.quantizations(site)?;
                let mul = fixed::mul_i16(a, b, y, self.activation);
                // A product of two codes, up to 2^30, is not shifted left by this record's kernel.
                if mul.factor.shift > 0 {
                    return grid::combine(site, Function::Mul, self.activation);
                }
                record_i16(&roles, mul).into()
            }
            other => return no_kernel(other),
        };
        roles.emit(site, OpCode::Mul, record);
        Ok(())
    }
}

/// The parameters of a product where the record has those of a sum.
fn as_sum(mul: MulI8) -> Result<AddI8, Reason> {
    let MulI8 { a_zero_point, b_zero_point, factor, stage } = mul;
    // A product of two distances, up to 255 * 255, is shifted left without leaving 32 bits.
    if factor.shift > 14 {
        return refuse(
            format!("it scales products up by 2^{}", factor.shift),
            "recalibrate: its scales are unsound",
        );
    }
    let unused = FixedPoint { multiplier: 0, shift: 0 };
    let (a_factor, b_factor, output_factor) = (unused, unused, factor);
    Ok(AddI8 { a_zero_point, b_zero_point, a_factor, b_factor, output_factor, stage, token: Token::PLAIN })
}

/// The record of a product of int16 operands.
fn record_i16(roles: &Roles, mul: MulI16) -> BinaryI16 {
    let MulI16 { factor, min, max } = mul;
    let unused = FixedPoint { multiplier: 0, shift: 0 };
    roles.record_i16(&AddI16 { a_factor: unused, b_factor: unused, output_factor: factor, min, max })
}
