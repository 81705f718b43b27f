//! Operators on one tensor, element by element: Lookup, Clamp, Logistic, Tanh, Quantize, Dequantize.

use core::ops::RangeInclusive;

use kinglet_blob::records::{
    Convert as RecordConvert, Lookup as RecordLookup, Requantize as RecordRequantize, UnaryF32 as RecordF32,
};
use kinglet_blob::{DType, OperatorBytes, Signature, cast};
use kinglet_kernels::lookup::{self, TABLE_LEN};
use kinglet_kernels::quantize::{self, Affine, Requantize};
use kinglet_kernels::unary_f32;

use super::layer::{clamp, factor};
use super::{UNARY_F32, UNARY_I8, product, record, typed};
use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Span, Spans, constants};

/// Bytes to bytes, signed or not.
pub(super) const LOOKUP: Signature = UNARY_I8.of_any_type();
/// Floats to int8 or int16.
pub(super) const QUANTIZE: Signature = UNARY_I8.of_any_type();
/// int8 or int16 to the same or the other.
pub(super) const REQUANTIZE: Signature = UNARY_I8.of_any_type();
/// int8 to floats.
pub(super) const DEQUANTIZE: Signature = Signature::new(&[DType::I8], &[DType::F32]);
/// int16 to floats.
pub(super) const DEQUANTIZE_I16: Signature = Signature::new(&[DType::I16], &[DType::F32]);

/// Spans of an operator that maps `len` elements of `size` bytes to as many of the same size.
pub(super) fn elementwise(places: [u32; 2], len: usize, size: usize) -> Spans {
    Spans::unary(places, [len, len], size)
}

/// The types of the input and of the output.
pub(super) fn types(operator: &OperatorBytes<'_>) -> [Option<DType>; 2] {
    [0, 1].map(|index| Some(typed(operator, index)?.0))
}

fn resolve_lookup<'b>(operator: &OperatorBytes<'_>, weights: &'b [u8]) -> Result<(&'b [i8], Spans), LoadRule> {
    let (places, record): (_, RecordLookup) = record(operator, &LOOKUP)?;
    let table = constants(weights, record.constants).and_then(|bytes| bytes.get(..TABLE_LEN));
    let spans = elementwise(places, product(&[record.len as usize])?, 1);
    Ok((cast::i8s(table.ok_or(LoadRule::ConstantRange)?), spans))
}

pub(super) fn check_lookup(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (_, spans) = resolve_lookup(operator, limits.weights)?;
    if !types(operator).iter().all(|dtype| matches!(dtype, Some(DType::I8 | DType::U8))) {
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

/// Zero points that codes of a type may have; `None` for a type that is not one of codes.
fn zero_points(dtype: Option<DType>) -> Option<RangeInclusive<i32>> {
    match dtype? {
        DType::I8 => Some(-128..=127),
        DType::I16 => Some(0..=0),
        _ => None,
    }
}

/// The input and the output, elements of different types.
pub(super) struct Ends {
    pub(super) input: Span,
    pub(super) output: Span,
    sizes: [usize; 2],
}

impl Ends {
    /// `len` elements each.
    pub(super) fn new([input, output]: [u32; 2], len: u32, types: [Option<DType>; 2]) -> Result<Self, LoadRule> {
        let [Some(from), Some(to)] = types else { return Err(LoadRule::Operands) };
        let (sizes, len) = ([from.size_bytes(), to.size_bytes()], product(&[len as usize])?);
        Ok(Ends { input: Span::new(input, len, sizes[0]), output: Span::new(output, len, sizes[1]), sizes })
    }

    pub(super) fn check(&self, limits: &Limits<'_>) -> Result<(), LoadRule> {
        limits.span(self.input, self.sizes[0])?;
        limits.span(self.output, self.sizes[1])?;
        if self.input.overlaps(self.output) { Err(LoadRule::ArenaOverlap) } else { Ok(()) }
    }
}

/// Parameters and ends of a conversion from or to floats; `codes` is the place of the type that is not float.
fn resolve_convert(operator: &OperatorBytes<'_>, codes: usize) -> Result<(Affine, Ends), LoadRule> {
    let (places, record): (_, RecordConvert) = record(operator, &QUANTIZE)?;
    let types = types(operator);
    let zero_points = types.get(codes).and_then(|dtype| zero_points(*dtype)).ok_or(LoadRule::Operands)?;
    let ends = Ends::new(places, record.len, types)?;
    let sound = record.scale.is_finite() && record.scale > 0.0 && zero_points.contains(&record.zero_point);
    if !sound {
        return Err(LoadRule::Parameter);
    }
    Ok((Affine { scale: record.scale, zero_point: record.zero_point }, ends))
}

pub(super) fn check_quantize(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    resolve_convert(operator, 1)?.1.check(limits)
}

pub(super) fn check_dequantize(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    resolve_convert(operator, 0)?.1.check(limits)
}

pub(super) fn run_quantize(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (affine, Ends { input, output, sizes }) = resolve_convert(operator, 1).ok()?;
    let (from, to) = memory.pair(input, output)?;
    let is_done = match sizes {
        [_, 1] => quantize::quantize_f32_i8(&affine, cast::f32s(from)?, cast::i8s_mut(to)),
        _ => quantize::quantize_f32_i16(&affine, cast::f32s(from)?, cast::i16s_mut(to)?),
    };
    is_done.then_some(output)
}

pub(super) fn run_dequantize(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (affine, Ends { input, output, .. }) = resolve_convert(operator, 0).ok()?;
    let (from, to) = memory.pair(input, output)?;
    quantize::dequantize_i8_f32(&affine, cast::i8s(from), cast::f32s_mut(to)?).then_some(output)
}

pub(super) fn run_dequantize_i16(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (affine, Ends { input, output, .. }) = resolve_convert(operator, 0).ok()?;
    let (from, to) = memory.pair(input, output)?;
    quantize::dequantize_i16_f32(&affine, cast::i16s(from)?, cast::f32s_mut(to)?).then_some(output)
}

/// From int8 to int8 is a [`Lookup`](kinglet_blob::OpCode::Lookup).
/// The zero points that integers may have as ends of a requantization.
fn integer_zero_points(dtype: Option<DType>) -> Option<RangeInclusive<i32>> {
    if dtype == Some(DType::I32) { Some(0..=0) } else { zero_points(dtype) }
}

fn resolve_requantize(operator: &OperatorBytes<'_>) -> Result<(Requantize, Ends), LoadRule> {
    let (places, record): (_, RecordRequantize) = record(operator, &REQUANTIZE)?;
    let types @ [from, to] = types(operator);
    let ends = (integer_zero_points(from), integer_zero_points(to));
    let (Some(input), Some(output)) = ends else { return Err(LoadRule::Operands) };
    if types == [Some(DType::I8); 2] || types == [Some(DType::I32); 2] {
        return Err(LoadRule::Operands);
    }
    let ends = Ends::new(places, record.len, types)?;
    let (input_zero_point, zero_point) = (i32::from(record.input_zero_point), i32::from(record.zero_point));
    let factor = factor(record.multiplier, record.shift)?;
    if !input.contains(&input_zero_point) || !output.contains(&zero_point) || record.reserved != 0 {
        return Err(LoadRule::Parameter);
    }
    Ok((Requantize { input_zero_point, factor, zero_point }, ends))
}

pub(super) fn check_requantize(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    resolve_requantize(operator)?.1.check(limits)
}

pub(super) fn run_requantize(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (params, Ends { input, output, sizes }) = resolve_requantize(operator).ok()?;
    let (from, to) = memory.pair(input, output)?;
    let is_done = match sizes {
        [2, 2] => quantize::requantize_i16(&params, cast::i16s(from)?, cast::i16s_mut(to)?),
        [2, 1] => quantize::requantize_i16_i8(&params, cast::i16s(from)?, cast::i8s_mut(to)),
        [2, _] => quantize::requantize_i16_i32(&params, cast::i16s(from)?, cast::i32s_mut(to)?),
        [4, 1] => quantize::requantize_i32_i8(&params, cast::i32s(from)?, cast::i8s_mut(to)),
        [4, _] => quantize::requantize_i32_i16(&params, cast::i32s(from)?, cast::i16s_mut(to)?),
        [1, 4] => quantize::requantize_i8_i32(&params, cast::i8s(from), cast::i32s_mut(to)?),
        _ => quantize::requantize_i8_i16(&params, cast::i8s(from), cast::i16s_mut(to)?),
    };
    is_done.then_some(output)
}
