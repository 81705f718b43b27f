//! Conv2D.

use kinglet_blob::records::{Conv2dF32 as RecordF32, Conv2dI8 as RecordI8, Conv2dI16 as RecordI16};
use kinglet_blob::{OperatorBytes, size};
use kinglet_kernels::conv2d::{self, Conv2dF32, Conv2dI8, Conv2dI16, Geometry};
use kinglet_kernels::packing::{Packing, Storage};
use kinglet_kernels::{Io, Token};

use super::layer::{
    LayerI8, Short, WEIGHTED_I8, check_shifts, check_shifts_i16, check_sparse, clamp, constants_f32, geometry,
    image_lens, layer_i16, storage,
};
use super::{UNARY_F32, UNARY_I16, record};
use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Span, Spans, constants};

/// Shapes of a record: geometry, images, elements of an input and of an output image.
pub(super) fn shapes(window: &kinglet_blob::records::Window) -> Result<(Geometry, usize, usize, usize), LoadRule> {
    let geometry = geometry(window, window.groups.into())?;
    let (input_len, output_len) = image_lens(&geometry)?;
    let divides =
        geometry.input[2].is_multiple_of(geometry.groups) && geometry.output[2].is_multiple_of(geometry.groups);
    if divides { Ok((geometry, window.batch.into(), input_len, output_len)) } else { Err(LoadRule::Shape) }
}

fn resolve_i8<'b>(
    operator: &OperatorBytes<'b>,
    weights: &'b [u8],
    token: Token,
) -> Result<(u16, Conv2dI8<'b>, Short<'b>, Spans), LoadRule> {
    let ([input, output, scratch], record): (_, RecordI8) = record(operator, &WEIGHTED_I8)?;
    let (geometry, batch, input_len, output_len) = shapes(&record.window)?;
    let packing = Packing::from_tag(operator.packing).ok_or(LoadRule::PackingNotRunnable)?;
    let constants = constants(weights, record.constants).ok_or(LoadRule::ConstantRange)?;
    let storage = storage(operator)?;
    let (outputs, taps) = (geometry.output[2], geometry.taps());
    let whole = packing.weight_len(storage, outputs, taps);
    let sparse = || packing.sparse(outputs, taps);
    let layer = LayerI8::stored(&record.quant, constants, outputs, (storage, whole), sparse)?;
    let own = conv2d::conv2d_i8_scratch_len(&geometry, packing, storage);
    let spans = Spans {
        input: Span::new(input, input_len, batch),
        output: Span::new(output, output_len, batch),
        scratch: Span::new(scratch, own.saturating_add(Short::scratch_len(&record.quant, geometry.output[2])), 1),
        align: 1,
        scratch_align: 4,
    };
    let LayerI8 { short, stage, weights, bias, requant } = layer;
    let padding_value = record.quant.padding_value;
    let layer = Conv2dI8 { geometry, padding_value, stage, packing, storage, weights, bias, requant, token };
    Ok((record.window.batch, layer, short, spans))
}

pub(super) fn check_i8(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    // Looked at where it is, as in `run_i8`.
    let resolved = resolve_i8(operator, limits.weights, Token::PLAIN);
    let (_, layer, short, spans) = resolved.as_ref().map_err(|rule| *rule)?;
    check_shifts(&layer.requant, short.words(), &layer.packing.shifts(), limits)?;
    if !layer.packing.runs_conv2d(layer.geometry.groups) || !layer.storage.is_runnable() {
        return Err(LoadRule::PackingNotRunnable);
    }
    if !layer.packing.takes_head(layer.weights) {
        return Err(LoadRule::Parameter);
    }
    let sparse = || layer.packing.sparse(layer.geometry.output[2], layer.geometry.taps());
    check_sparse(layer.storage, sparse, layer.weights)?;
    limits.spans(spans)
}

pub(super) fn run_i8(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    // Looked at where it is: moving it out would take its size in stack once more.
    let mut resolved = resolve_i8(operator, memory.weights, memory.token);
    let Ok((batch, layer, short, spans)) = &mut resolved else { return None };
    let mut memory = memory.i8(spans);
    let (io, scratch) = memory.as_mut()?;
    let scratch = short.lengthen(&mut layer.bias, &mut layer.requant.words, scratch)?;
    for_each_image(*batch, &layer.geometry, io, |io| conv2d::conv2d_i8(layer, io, scratch));
    spans.written(io)
}

fn resolve_f32<'b>(
    operator: &OperatorBytes<'b>,
    weights: &'b [u8],
    token: Token,
) -> Result<(RecordF32, Conv2dF32<'b>, Spans), LoadRule> {
    let (places, record): (_, RecordF32) = record(operator, &UNARY_F32)?;
    let (geometry, batch, input_len, output_len) = shapes(&record.window)?;
    let constants = constants(weights, record.constants).ok_or(LoadRule::ConstantRange)?;
    let weight_len = Packing::RowMajor.weight_len(Storage::Bits8, geometry.output[2], geometry.taps());
    let (bias, weights) = constants_f32(constants, geometry.output[2], weight_len)?;
    let lens = [input_len, output_len].map(|len| size::saturating_product(len, batch));
    let spans = Spans::unary(places, lens, 4);
    Ok((record, Conv2dF32 { geometry, clamp: clamp(record.min, record.max)?, weights, bias, token }, spans))
}

pub(super) fn check_f32(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (_, _, spans) = resolve_f32(operator, limits.weights, Token::PLAIN)?;
    limits.spans(&spans)
}

pub(super) fn run_f32(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (record, layer, spans) = resolve_f32(operator, memory.weights, memory.token).ok()?;
    let mut memory = memory.f32(&spans);
    let (io, _) = memory.as_mut()?;
    for_each_image(record.window.batch, &layer.geometry, io, |io| conv2d::conv2d_f32(&layer, io));
    spans.written(io)
}

fn resolve_i16<'b>(operator: &OperatorBytes<'b>, weights: &'b [u8]) -> Result<(u16, Conv2dI16<'b>, Spans), LoadRule> {
    let (places, record): (_, RecordI16) = record(operator, &UNARY_I16)?;
    let (geometry, batch, input_len, output_len) = shapes(&record.window)?;
    let constants = constants(weights, record.constants).ok_or(LoadRule::ConstantRange)?;
    let weight_len = Packing::RowMajor.weight_len(Storage::Bits8, geometry.output[2], geometry.taps());
    let (weights, stage) = layer_i16(&record.quant, constants, geometry.output[2], weight_len)?;
    let spans = Spans::unary(places, [input_len, output_len].map(|len| size::saturating_product(len, batch)), 2);
    Ok((record.window.batch, Conv2dI16 { geometry, weights, stage }, spans))
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
    for_each_image(batch, &layer.geometry, io, |io| conv2d::conv2d_i16(&layer, io));
    spans.written(io)
}

/// Calls `run` with each image of a batch. What it refuses of one is refused of all.
#[inline]
pub(super) fn for_each_image<T>(
    batch: u16,
    geometry: &Geometry,
    io: &mut Io<'_, T>,
    mut run: impl FnMut(&mut Io<'_, T>),
) {
    if batch == 1 {
        run(io);
    } else {
        images(batch, geometry, io, &mut run);
    }
}

/// Several images. Not inlined: a single one, which is the rule, must not pay for this in stack.
#[inline(never)]
fn images<T>(batch: u16, geometry: &Geometry, io: &mut Io<'_, T>, run: &mut dyn FnMut(&mut Io<'_, T>)) {
    let len = |[h, w, c]: [usize; 3]| h.wrapping_mul(w).wrapping_mul(c);
    let (input_len, output_len) = (len(geometry.input), len(geometry.output));
    for image in 0..usize::from(batch) {
        let (input, output) = (image.wrapping_mul(input_len), image.wrapping_mul(output_len));
        let mut one = io.narrow((input, input_len), (output, output_len));
        run(&mut one);
        if one.is_refused() {
            return io.refuse();
        }
    }
}
