//! DepthwiseConv2D. Records are Conv2D's; their `groups` field is the depth multiplier.

use kinglet_blob::records::{Conv2dF32 as RecordF32, Conv2dI8 as RecordI8, Conv2dI16 as RecordI16};
use kinglet_blob::{OperatorBytes, size};
use kinglet_kernels::Token;
use kinglet_kernels::conv2d::Geometry;
use kinglet_kernels::depthwise::{self, DepthwiseF32, DepthwiseI8, DepthwiseI16, DepthwisePacking};
use kinglet_kernels::packing::Storage;

use super::conv2d::for_each_image;
use super::layer::{
    LayerI8, Short, WEIGHTED_I8, check_shifts, check_shifts_i16, check_sparse, clamp, constants_f32, geometry,
    image_lens, layer_i16, storage,
};
use super::{UNARY_F32, UNARY_I16, record};
use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Span, Spans, constants};

/// Shapes of a record: geometry, images, elements of an input and of an output image.
fn shapes(window: &kinglet_blob::records::Window) -> Result<(Geometry, usize, usize, usize), LoadRule> {
    let geometry = geometry(window, window.input[2].into())?;
    let (input_len, output_len) = image_lens(&geometry)?;
    let channels = size::product(geometry.input[2], window.groups.into());
    if channels == Some(geometry.output[2]) && window.groups > 0 {
        Ok((geometry, window.batch.into(), input_len, output_len))
    } else {
        Err(LoadRule::Shape)
    }
}

fn resolve_i8<'b>(
    operator: &OperatorBytes<'b>,
    weights: &'b [u8],
    token: Token,
) -> Result<(u16, DepthwiseI8<'b>, Short<'b>, Spans), LoadRule> {
    let ([input, output, scratch], record): (_, RecordI8) = record(operator, &WEIGHTED_I8)?;
    let (geometry, batch, input_len, output_len) = shapes(&record.window)?;
    let packing = DepthwisePacking::from_tag(operator.packing).ok_or(LoadRule::PackingNotRunnable)?;
    let constants = constants(weights, record.constants).ok_or(LoadRule::ConstantRange)?;
    let storage = storage(operator)?;
    let (outputs, taps) = (geometry.output[2], geometry.taps());
    let whole = packing.weight_len(storage, outputs, taps);
    let sparse = || packing.sparse(outputs, taps);
    let layer = LayerI8::stored(&record.quant, constants, outputs, (storage, whole), sparse)?;
    let own = depthwise::depthwise_i8_scratch_len(&geometry, record.window.groups.into(), packing, storage);
    let spans = Spans {
        input: Span::new(input, input_len, batch),
        output: Span::new(output, output_len, batch),
        scratch: Span::new(scratch, own.saturating_add(Short::scratch_len(&record.quant, geometry.output[2])), 1),
        align: 1,
        scratch_align: 4,
    };
    let LayerI8 { short, stage, weights, bias, requant } = layer;
    let padding_value = record.quant.padding_value;
    let multiplier = record.window.groups.into();
    Ok((
        record.window.batch,
        DepthwiseI8 { geometry, multiplier, padding_value, stage, packing, storage, weights, bias, requant, token },
        short,
        spans,
    ))
}

pub(super) fn check_i8(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let resolved = resolve_i8(operator, limits.weights, Token::PLAIN);
    let (_, layer, short, spans) = resolved.as_ref().map_err(|rule| *rule)?;
    check_shifts(&layer.requant, short.words(), &layer.packing.shifts(), limits)?;
    if !layer.packing.is_runnable()
        || !layer.storage.is_runnable()
        || !layer.packing.takes(&layer.geometry, layer.multiplier)
    {
        return Err(LoadRule::PackingNotRunnable);
    }
    let sparse = || layer.packing.sparse(layer.geometry.output[2], layer.geometry.taps());
    check_sparse(layer.storage, sparse, layer.weights)?;
    limits.spans(spans)
}

pub(super) fn run_i8(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let mut resolved = resolve_i8(operator, memory.weights, memory.token);
    let Ok((batch, layer, short, spans)) = &mut resolved else { return None };
    let mut memory = memory.i8(spans);
    let (io, scratch) = memory.as_mut()?;
    let scratch = short.lengthen(&mut layer.bias, &mut layer.requant.words, scratch)?;
    for_each_image(*batch, &layer.geometry, io, |io| depthwise::depthwise_i8(layer, io, scratch));
    spans.written(io)
}

fn resolve_f32<'b>(
    operator: &OperatorBytes<'b>,
    weights: &'b [u8],
    token: Token,
) -> Result<(RecordF32, DepthwiseF32<'b>, Spans), LoadRule> {
    let (places, record): (_, RecordF32) = record(operator, &UNARY_F32)?;
    let (geometry, batch, input_len, output_len) = shapes(&record.window)?;
    let constants = constants(weights, record.constants).ok_or(LoadRule::ConstantRange)?;
    let weight_len = DepthwisePacking::RowMajor.weight_len(Storage::Bits8, geometry.output[2], geometry.taps());
    let (bias, weights) = constants_f32(constants, geometry.output[2], weight_len)?;
    let lens = [input_len, output_len].map(|len| size::saturating_product(len, batch));
    let spans = Spans::unary(places, lens, 4);
    let multiplier = record.window.groups.into();
    Ok((
        record,
        DepthwiseF32 { geometry, multiplier, clamp: clamp(record.min, record.max)?, weights, bias, token },
        spans,
    ))
}

pub(super) fn check_f32(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (_, _, spans) = resolve_f32(operator, limits.weights, Token::PLAIN)?;
    limits.spans(&spans)
}

pub(super) fn run_f32(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (record, layer, spans) = resolve_f32(operator, memory.weights, memory.token).ok()?;
    let mut memory = memory.f32(&spans);
    let (io, _) = memory.as_mut()?;
    for_each_image(record.window.batch, &layer.geometry, io, |io| depthwise::depthwise_f32(&layer, io));
    spans.written(io)
}

fn resolve_i16<'b>(
    operator: &OperatorBytes<'b>,
    weights: &'b [u8],
) -> Result<(u16, DepthwiseI16<'b>, Spans), LoadRule> {
    let (places, record): (_, RecordI16) = record(operator, &UNARY_I16)?;
    let (geometry, batch, input_len, output_len) = shapes(&record.window)?;
    let constants = constants(weights, record.constants).ok_or(LoadRule::ConstantRange)?;
    let weight_len = DepthwisePacking::RowMajor.weight_len(Storage::Bits8, geometry.output[2], geometry.taps());
    let (weights, stage) = layer_i16(&record.quant, constants, geometry.output[2], weight_len)?;
    let spans = Spans::unary(places, [input_len, output_len].map(|len| size::saturating_product(len, batch)), 2);
    let multiplier = record.window.groups.into();
    Ok((record.window.batch, DepthwiseI16 { geometry, multiplier, weights, stage }, spans))
}

pub(super) fn check_i16(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (_, layer, spans) = resolve_i16(operator, limits.weights)?;
    check_shifts_i16(&layer.stage, limits)?;
    limits.spans(&spans)
}

pub(super) fn run_i16(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (batch, layer, spans) = resolve_i16(operator, memory.weights).ok()?;
    let mut memory = memory.elements(&spans);
    let (io, _) = memory.as_mut()?;
    for_each_image(batch, &layer.geometry, io, |io| depthwise::depthwise_i16(&layer, io));
    spans.written(io)
}
