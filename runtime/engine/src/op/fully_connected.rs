//! FullyConnected.

use kinglet_blob::OperatorBytes;
use kinglet_blob::records::{
    FullyConnectedF32 as RecordF32, FullyConnectedI8 as RecordI8, FullyConnectedI16 as RecordI16,
};
use kinglet_kernels::Token;
use kinglet_kernels::fully_connected::{self, FullyConnectedF32, FullyConnectedI8, FullyConnectedI16};
use kinglet_kernels::packing::Packing;

use super::layer::{
    LayerI8, Short, WEIGHTED_I8, check_shifts, check_shifts_i16, check_sparse, clamp, constants_f32, layer_i16, storage,
};
use super::{UNARY_F32, UNARY_I16, product, record};
use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Span, Spans, constants};

// Inlined into both of its callers: small networks spend much of their time here, and a call would copy the result.
#[inline(always)]
fn resolve_i8<'b>(
    operator: &OperatorBytes<'b>,
    weights: &'b [u8],
    token: Token,
) -> Result<(FullyConnectedI8<'b>, Short<'b>, Spans), LoadRule> {
    let ([input, output, scratch], record): (_, RecordI8) = record(operator, &WEIGHTED_I8)?;
    let (rows, taps, outputs) = (record.rows as usize, record.taps as usize, record.outputs as usize);
    let packing = Packing::from_tag(operator.packing).ok_or(LoadRule::PackingNotRunnable)?;
    let constants = constants(weights, record.constants).ok_or(LoadRule::ConstantRange)?;
    let storage = storage(operator)?;
    let whole = packing.weight_len(storage, outputs, taps);
    let sparse = || packing.sparse(outputs, taps);
    let layer = LayerI8::stored(&record.quant, constants, outputs, (storage, whole), sparse)?;
    let own = fully_connected::fully_connected_i8_scratch_len([rows, taps, outputs], packing, storage);
    let spans = Spans {
        input: Span::new(input, product(&[rows, taps])?, 1),
        output: Span::new(output, product(&[rows, outputs])?, 1),
        scratch: Span::new(scratch, own.saturating_add(Short::scratch_len(&record.quant, outputs)), 1),
        align: 1,
        scratch_align: 4,
    };
    let LayerI8 { short, stage, weights, bias, requant } = layer;
    Ok((FullyConnectedI8 { rows, taps, outputs, stage, packing, storage, weights, bias, requant, token }, short, spans))
}

pub(super) fn check_i8(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (layer, short, spans) = resolve_i8(operator, limits.weights, Token::PLAIN)?;
    check_shifts(&layer.requant, short.words(), &layer.packing.shifts(), limits)?;
    let has_extra_shifts = !layer.requant.extra.is_empty();
    if !layer.packing.runs_fully_connected(has_extra_shifts) || !layer.storage.is_runnable() {
        return Err(LoadRule::PackingNotRunnable);
    }
    check_sparse(layer.storage, || layer.packing.sparse(layer.outputs, layer.taps), layer.weights)?;
    limits.spans(&spans)
}

pub(super) fn run_i8(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (mut layer, short, spans) = resolve_i8(operator, memory.weights, memory.token).ok()?;
    let (mut io, scratch) = memory.i8(&spans)?;
    let scratch = short.lengthen(&mut layer.bias, &mut layer.requant.words, scratch)?;
    fully_connected::fully_connected_i8(&layer, &mut io, scratch);
    spans.written(&io)
}

fn resolve_f32<'b>(
    operator: &OperatorBytes<'b>,
    weights: &'b [u8],
    token: Token,
) -> Result<(FullyConnectedF32<'b>, Spans), LoadRule> {
    let (places, record): (_, RecordF32) = record(operator, &UNARY_F32)?;
    let (rows, taps, outputs) = (record.rows as usize, record.taps as usize, record.outputs as usize);
    let constants = constants(weights, record.constants).ok_or(LoadRule::ConstantRange)?;
    let (bias, weights) = constants_f32(constants, outputs, product(&[outputs, taps])?)?;
    let spans = Spans::unary(places, [product(&[rows, taps])?, product(&[rows, outputs])?], 4);
    Ok((FullyConnectedF32 { rows, taps, outputs, clamp: clamp(record.min, record.max)?, weights, bias, token }, spans))
}

pub(super) fn check_f32(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (_, spans) = resolve_f32(operator, limits.weights, Token::PLAIN)?;
    limits.spans(&spans)
}

pub(super) fn run_f32(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (layer, spans) = resolve_f32(operator, memory.weights, memory.token).ok()?;
    let mut memory = memory.f32(&spans);
    let (io, _) = memory.as_mut()?;
    fully_connected::fully_connected_f32(&layer, io);
    spans.written(io)
}

fn resolve_i16<'b>(
    operator: &OperatorBytes<'b>,
    weights: &'b [u8],
) -> Result<(FullyConnectedI16<'b>, Spans), LoadRule> {
    let (places, record): (_, RecordI16) = record(operator, &UNARY_I16)?;
    let (rows, taps, outputs) = (record.rows as usize, record.taps as usize, record.outputs as usize);
    let constants = constants(weights, record.constants).ok_or(LoadRule::ConstantRange)?;
    let (weights, stage) = layer_i16(&record.quant, constants, outputs, product(&[outputs, taps])?)?;
    let spans = Spans::unary(places, [product(&[rows, taps])?, product(&[rows, outputs])?], 2);
    Ok((FullyConnectedI16 { rows, taps, outputs, weights, stage }, spans))
}

pub(super) fn check_i16(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (layer, spans) = resolve_i16(operator, limits.weights)?;
    check_shifts_i16(&layer.stage, limits)?;
    limits.spans(&spans)
}

pub(super) fn run_i16(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (layer, spans) = resolve_i16(operator, memory.weights).ok()?;
    let mut memory = memory.elements(&spans);
    let (io, _) = memory.as_mut()?;
    fully_connected::fully_connected_i16(&layer, io);
    spans.written(io)
}
