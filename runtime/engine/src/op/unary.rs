//! Operators on one tensor, element by element: Lookup, Clamp, Logistic, Tanh, Quantize, Dequantize.

use kinglet_blob::records::{Convert as RecordConvert, Lookup as RecordLookup, UnaryF32 as RecordF32};
use kinglet_blob::{DType, OperatorBytes, Signature, cast};
use kinglet_kernels::lookup::{self, TABLE_LEN};
use kinglet_kernels::quantize::{self, Affine};
use kinglet_kernels::unary_f32;

use super::layer::clamp;
use super::{UNARY_F32, UNARY_I8, product, record};
use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Span, Spans, constants};

/// Bytes to bytes, signed or not.
pub(super) const LOOKUP: Signature = UNARY_I8.of_any_type();
/// Floats to int8.
pub(super) const QUANTIZE: Signature = Signature::new(&[DType::F32], &[DType::I8]);
/// int8 to floats.
pub(super) const DEQUANTIZE: Signature = Signature::new(&[DType::I8], &[DType::F32]);

/// Spans of an operator that maps `len` elements of `size` bytes to as many of the same size.
pub(super) fn elementwise(places: [u32; 2], len: usize, size: usize) -> Spans {
    Spans::unary(places, [len, len], size)
}

fn resolve_lookup<'b>(operator: &OperatorBytes<'_>, weights: &'b [u8]) -> Result<(&'b [i8], Spans), LoadRule> {
    let (places, record): (_, RecordLookup) = record(operator, &LOOKUP)?;
    let table = constants(weights, record.constants).and_then(|bytes| bytes.get(..TABLE_LEN));
    let spans = elementwise(places, product(&[record.len as usize])?, 1);
    Ok((cast::i8s(table.ok_or(LoadRule::ConstantRange)?), spans))
}

pub(super) fn check_lookup(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (_, spans) = resolve_lookup(operator, limits.weights)?;
    let is_byte = |at: usize| {
        let dtype = operator.body.get(at).and_then(|byte| DType::from_tag(byte & 15));
        matches!(dtype, Some(DType::I8 | DType::U8))
    };
    if !is_byte(2) || !is_byte(3) {
        return Err(LoadRule::Operands);
    }
    limits.spans(&spans)
}

pub(super) fn run_lookup(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (table, spans) = resolve_lookup(operator, memory.weights).ok()?;
    let mut memory = memory.i8(&spans);
    let (io, _) = memory.as_mut()?;
    lookup::lookup_i8(table, io);
    spans.written(io)
}

fn resolve_f32(operator: &OperatorBytes<'_>) -> Result<(RecordF32, Spans), LoadRule> {
    let (places, record): (_, RecordF32) = record(operator, &UNARY_F32)?;
    clamp(record.min, record.max)?;
    Ok((record, elementwise(places, product(&[record.len as usize])?, 4)))
}

pub(super) fn check_f32(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (_, spans) = resolve_f32(operator)?;
    limits.spans(&spans)
}

pub(super) fn run_clamp(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (record, spans) = resolve_f32(operator).ok()?;
    let mut memory = memory.f32(&spans);
    let (io, _) = memory.as_mut()?;
    unary_f32::clamp_f32(clamp(record.min, record.max).ok()?, io);
    spans.written(io)
}

pub(super) fn run_logistic(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (_, spans) = resolve_f32(operator).ok()?;
    let mut memory = memory.f32(&spans);
    let (io, _) = memory.as_mut()?;
    unary_f32::logistic_f32(io);
    spans.written(io)
}

pub(super) fn run_tanh(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (_, spans) = resolve_f32(operator).ok()?;
    let mut memory = memory.f32(&spans);
    let (io, _) = memory.as_mut()?;
    unary_f32::tanh_f32(io);
    spans.written(io)
}

/// Parameters and the two spans of a conversion; `sizes` are the bytes of an input and an output element.
fn resolve_convert(operator: &OperatorBytes<'_>, sizes: (usize, usize)) -> Result<(Affine, Span, Span), LoadRule> {
    // Both conversions have as many operands.
    let ([input, output], record): (_, RecordConvert) = record(operator, &QUANTIZE)?;
    let len = product(&[record.len as usize])?;
    let sound = record.scale.is_finite() && record.scale > 0.0 && (-128..=127).contains(&record.zero_point);
    if !sound {
        return Err(LoadRule::Parameter);
    }
    let affine = Affine { scale: record.scale, zero_point: record.zero_point };
    Ok((affine, Span::new(input, len, sizes.0), Span::new(output, len, sizes.1)))
}

fn check_convert(operator: &OperatorBytes<'_>, limits: &Limits<'_>, sizes: (usize, usize)) -> Result<(), LoadRule> {
    let (_, input, output) = resolve_convert(operator, sizes)?;
    limits.span(input, sizes.0)?;
    limits.span(output, sizes.1)?;
    if input.overlaps(output) { Err(LoadRule::ArenaOverlap) } else { Ok(()) }
}

pub(super) fn check_quantize(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    check_convert(operator, limits, (4, 1))
}

pub(super) fn check_dequantize(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    check_convert(operator, limits, (1, 4))
}

pub(super) fn run_quantize(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (affine, input, output) = resolve_convert(operator, (4, 1)).ok()?;
    let (from, to) = memory.pair(input, output)?;
    quantize::quantize_f32_i8(&affine, cast::f32s(from)?, cast::i8s_mut(to)).then_some(output)
}

pub(super) fn run_dequantize(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (affine, input, output) = resolve_convert(operator, (1, 4)).ok()?;
    let (from, to) = memory.pair(input, output)?;
    quantize::dequantize_i8_f32(&affine, cast::i8s(from), cast::f32s_mut(to)?).then_some(output)
}
