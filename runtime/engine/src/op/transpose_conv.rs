//! TransposeConv2D.

use kinglet_blob::records::{
    TransposeConvF32 as RecordF32, TransposeConvI8 as RecordI8, TransposeConvI16 as RecordI16, Window,
};
use kinglet_blob::{OperatorBytes, size};
use kinglet_kernels::conv2d::Geometry;
use kinglet_kernels::numerics::ALL_SHIFTS;
use kinglet_kernels::transpose_conv::{self, TransposeConvF32, TransposeConvI8, TransposeConvI16, TransposeGeometry};

use super::conv2d::for_each_image;
use super::layer::{LayerI8, check_shifts, check_shifts_i16, clamp, constants_f32, geometry, image_lens, layer_i16};
use super::{UNARY_F32, UNARY_I8, UNARY_I16, product, record};
use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Span, Spans, constants};

/// What a record's window says.
struct Shapes {
    /// The extents as an ordinary convolution has them.
    image: Geometry,
    geometry: TransposeGeometry,
    batch: u16,
    /// Elements of the input and of the output, all images together.
    lens: [usize; 2],
    weight_len: usize,
}

fn shapes(window: &Window) -> Result<Shapes, LoadRule> {
    let image = geometry(window, window.groups.into())?;
    let (input_len, output_len) = image_lens(&image)?;
    let Geometry { input, output, kernel, stride, dilation, pad, groups } = image;
    let divides = input[2].is_multiple_of(groups) && output[2].is_multiple_of(groups);
    if !divides || dilation != [1, 1] {
        return Err(LoadRule::Shape);
    }
    let group_channels = input[2].checked_div(groups).unwrap_or(0);
    Ok(Shapes {
        image,
        geometry: TransposeGeometry { input, output, kernel, stride, pad, groups },
        batch: window.batch,
        lens: [input_len, output_len].map(|len| size::saturating_product(len, window.batch.into())),
        weight_len: product(&[output[2], kernel[0], kernel[1], group_channels])?,
    })
}

fn resolve_i8<'b>(
    operator: &OperatorBytes<'b>,
    weights: &'b [u8],
) -> Result<(Shapes, TransposeConvI8<'b>, Spans), LoadRule> {
    let (places, record): (_, RecordI8) = record(operator, &UNARY_I8)?;
    let shapes = shapes(&record.window)?;
    let geometry = shapes.geometry;
    let constants = constants(weights, record.constants).ok_or(LoadRule::ConstantRange)?;
    let layer = LayerI8::new(&record.quant, constants, geometry.output[2], shapes.weight_len)?;
    let LayerI8 { stage, weights, bias, requant, .. } = layer;
    let spans = Spans::unary(places, shapes.lens, 1);
    let input_zero_point = record.quant.padding_value;
    Ok((shapes, TransposeConvI8 { geometry, input_zero_point, stage, weights, bias, requant }, spans))
}

pub(super) fn check_i8(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (_, layer, spans) = resolve_i8(operator, limits.weights)?;
    check_shifts(&layer.requant, &[], &ALL_SHIFTS, limits)?;
    limits.spans(&spans)
}

pub(super) fn run_i8(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (shapes, layer, spans) = resolve_i8(operator, memory.weights).ok()?;
    let mut memory = memory.i8(&spans);
    let (io, _) = memory.as_mut()?;
    for_each_image(shapes.batch, &shapes.image, io, |io| transpose_conv::transpose_conv_i8(&layer, io));
    spans.written(io)
}

fn resolve_f32<'b>(
    operator: &OperatorBytes<'b>,
    weights: &'b [u8],
) -> Result<(Shapes, TransposeConvF32<'b>, Spans), LoadRule> {
    let (places, record): (_, RecordF32) = record(operator, &UNARY_F32)?;
    let shapes = shapes(&record.window)?;
    let geometry = shapes.geometry;
    let constants = constants(weights, record.constants).ok_or(LoadRule::ConstantRange)?;
    let (bias, weights) = constants_f32(constants, geometry.output[2], shapes.weight_len)?;
    let spans = Spans::unary(places, shapes.lens, 4);
    Ok((shapes, TransposeConvF32 { geometry, clamp: clamp(record.min, record.max)?, weights, bias }, spans))
}

pub(super) fn check_f32(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (_, _, spans) = resolve_f32(operator, limits.weights)?;
    limits.spans(&spans)
}

pub(super) fn run_f32(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (shapes, layer, spans) = resolve_f32(operator, memory.weights).ok()?;
    let mut memory = memory.f32(&spans);
    let (io, _) = memory.as_mut()?;
    for_each_image(shapes.batch, &shapes.image, io, |io| transpose_conv::transpose_conv_f32(&layer, io));
    spans.written(io)
}

fn resolve_i16<'b>(
    operator: &OperatorBytes<'b>,
    weights: &'b [u8],
) -> Result<(Shapes, TransposeConvI16<'b>, Spans), LoadRule> {
    let (places, record): (_, RecordI16) = record(operator, &UNARY_I16)?;
    let shapes = shapes(&record.window)?;
    let geometry = shapes.geometry;
    let constants = constants(weights, record.constants).ok_or(LoadRule::ConstantRange)?;
    let (weights, stage) = layer_i16(&record.quant, constants, geometry.output[2], shapes.weight_len)?;
    let spans = Spans::unary(places, shapes.lens, 2);
    Ok((shapes, TransposeConvI16 { geometry, weights, stage }, spans))
}

pub(super) fn check_i16(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (_, layer, spans) = resolve_i16(operator, limits.weights)?;
    check_shifts_i16(&layer.stage, limits)?;
    limits.spans(&spans)
}

pub(super) fn run_i16(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (shapes, layer, spans) = resolve_i16(operator, memory.weights).ok()?;
    let mut memory = memory.elements(&spans);
    let (io, _) = memory.as_mut()?;
    for_each_image(shapes.batch, &shapes.image, io, |io| transpose_conv::transpose_conv_i16(&layer, io));
    spans.written(io)
}
