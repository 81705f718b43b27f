//! Conv2D whose weights have zero points.

use kinglet_blob::records::AsymmetricConv2dI8 as Record;
use kinglet_blob::{OperatorBytes, size};
use kinglet_kernels::conv2d::{self, AsymmetricConv2dI8};
use kinglet_kernels::numerics::ALL_SHIFTS;

use super::conv2d::{for_each_image, shapes};
use super::layer::{LayerI8, check_shifts};
use super::{UNARY_I8, product, record};
use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Span, Spans, constants};

fn resolve<'b>(
    operator: &OperatorBytes<'b>,
    weights: &'b [u8],
) -> Result<(u16, AsymmetricConv2dI8<'b>, Spans), LoadRule> {
    let (places, record): (_, Record) = record(operator, &UNARY_I8)?;
    let (geometry, batch, input_len, output_len) = shapes(&record.window)?;
    let constants = constants(weights, record.constants).ok_or(LoadRule::ConstantRange)?;
    let outputs = geometry.output[2];
    let weight_len = product(&[outputs, geometry.taps()])?;
    let with_zeros = size::sum(outputs, weight_len).ok_or(LoadRule::ConstantRange)?;
    let LayerI8 { stage, weights, bias, requant, .. } = LayerI8::new(&record.quant, constants, outputs, with_zeros)?;
    let (zero_points, weights) = weights.split_at_checked(outputs).ok_or(LoadRule::ConstantRange)?;
    let spans = Spans::unary(places, [input_len, output_len].map(|len| size::saturating_product(len, batch)), 1);
    let input_zero_point = record.quant.padding_value;
    let layer = AsymmetricConv2dI8 { geometry, input_zero_point, stage, zero_points, weights, bias, requant };
    Ok((record.window.batch, layer, spans))
}

pub(super) fn check(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (_, layer, spans) = resolve(operator, limits.weights)?;
    check_shifts(&layer.requant, &[], &ALL_SHIFTS, limits)?;
    limits.spans(&spans)
}

pub(super) fn run(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (batch, layer, spans) = resolve(operator, memory.weights).ok()?;
    let mut memory = memory.i8(&spans);
    let (io, _) = memory.as_mut()?;
    for_each_image(batch, &layer.geometry, io, |io| conv2d::asymmetric_conv2d_i8(&layer, io));
    spans.written(io)
}
