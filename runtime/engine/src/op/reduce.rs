//! Reductions over any axes.

use kinglet_blob::records::{ReduceF32 as RecordF32, ReduceInt as RecordInt};
use kinglet_blob::{OperatorBytes, Signature};
use kinglet_kernels::reduce::{self, Kind, ReduceF32, ReduceInt};

use super::layer::factor;
use super::{UNARY_F32, UNARY_I8, UNARY_I16, product, record};
use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Span, Spans};

/// The extents as the kernels take them, and the memory of elements of `size` bytes.
fn shape(extents: [u32; 7], places: [u32; 2], size: usize) -> Result<([usize; 7], Spans), LoadRule> {
    let extents = extents.map(|extent| extent as usize);
    let [k0, _, k1, _, k2, _, k3] = extents;
    let lens = [product(&extents)?, product(&[k0, k1, k2, k3])?];
    Ok((extents, Spans::unary(places, lens, size)))
}

fn resolve_f32(operator: &OperatorBytes<'_>) -> Result<(ReduceF32, Spans), LoadRule> {
    let (places, record): (_, RecordF32) = record(operator, &UNARY_F32)?;
    let kind = Kind::from_tag(record.kind).filter(|_| record.reserved == [0; 3]).ok_or(LoadRule::Parameter)?;
    let (extents, spans) = shape(record.extents, places, 4)?;
    Ok((ReduceF32 { kind, extents }, spans))
}

fn resolve_int(
    operator: &OperatorBytes<'_>,
    signature: &Signature,
    size: usize,
) -> Result<(ReduceInt, Spans), LoadRule> {
    let (places, record): (_, RecordInt) = record(operator, signature)?;
    let kind = Kind::from_tag(record.kind).filter(|kind| kind.has_integers()).ok_or(LoadRule::Parameter)?;
    let factor = factor(record.multiplier, record.shift)?;
    let (extents, spans) = shape(record.extents, places, size)?;
    let (input_zero_point, zero_point) = (record.input_zero_point.into(), record.zero_point.into());
    Ok((ReduceInt { kind, extents, input_zero_point, factor, zero_point }, spans))
}

pub(super) fn check_f32(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    limits.spans(&resolve_f32(operator)?.1)
}

pub(super) fn check_i8(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    limits.spans(&resolve_int(operator, &UNARY_I8, 1)?.1)
}

pub(super) fn check_i16(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    limits.spans(&resolve_int(operator, &UNARY_I16, 2)?.1)
}

pub(super) fn run_f32(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (layer, spans) = resolve_f32(operator).ok()?;
    let mut memory = memory.f32(&spans);
    let (io, _) = memory.as_mut()?;
    reduce::reduce_f32(&layer, io);
    spans.written(io)
}

pub(super) fn run_i8(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (layer, spans) = resolve_int(operator, &UNARY_I8, 1).ok()?;
    let mut memory = memory.i8(&spans);
    let (io, _) = memory.as_mut()?;
    reduce::reduce_i8(&layer, io);
    spans.written(io)
}

pub(super) fn run_i16(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (layer, spans) = resolve_int(operator, &UNARY_I16, 2).ok()?;
    let mut memory = memory.elements(&spans);
    let (io, _) = memory.as_mut()?;
    reduce::reduce_i16(&layer, io);
    spans.written(io)
}
