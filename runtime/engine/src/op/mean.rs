//! Mean over the middle axis of `[outer, reduced, inner]`.

use kinglet_blob::OperatorBytes;
use kinglet_blob::records::{MeanF32 as RecordF32, MeanI8 as RecordI8};
use kinglet_kernels::mean::{self, MeanF32, MeanI8};
use kinglet_kernels::numerics::{FixedPoint, OutputStage};

use super::layer::is_factor;
use super::{UNARY_F32, UNARY_I8, product, record};
use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Span, Spans};

fn spans(places: [u32; 2], [outer, reduced, inner]: [usize; 3], size: usize) -> Result<Spans, LoadRule> {
    Ok(Spans::unary(places, [product(&[outer, reduced, inner])?, product(&[outer, inner])?], size))
}

fn resolve_i8(operator: &OperatorBytes<'_>) -> Result<(MeanI8, Spans), LoadRule> {
    let (places, record): (_, RecordI8) = record(operator, &UNARY_I8)?;
    if record.reserved != 0 {
        return Err(LoadRule::Parameter);
    }
    let (outer, reduced, inner) = (record.outer as usize, record.reduced as usize, record.inner as usize);
    let spans = spans(places, [outer, reduced, inner], 1)?;
    let factor = FixedPoint { multiplier: record.multiplier, shift: record.shift.into() };
    let (input_zero_point, zero_point) = (record.input_zero_point.into(), record.zero_point.into());
    let stage = OutputStage::unclamped(zero_point);
    Ok((MeanI8 { outer, reduced, inner, input_zero_point, factor, stage }, spans))
}

pub(super) fn check_i8(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (layer, spans) = resolve_i8(operator)?;
    if !is_factor(layer.factor) {
        return Err(LoadRule::Parameter);
    }
    limits.spans(&spans)
}

pub(super) fn run_i8(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (layer, spans) = resolve_i8(operator).ok()?;
    let mut memory = memory.i8(&spans);
    let (io, _) = memory.as_mut()?;
    mean::mean_i8(&layer, io);
    spans.written(io)
}

fn resolve_f32(operator: &OperatorBytes<'_>) -> Result<(MeanF32, Spans), LoadRule> {
    let (places, record): (_, RecordF32) = record(operator, &UNARY_F32)?;
    let (outer, reduced, inner) = (record.outer as usize, record.reduced as usize, record.inner as usize);
    let spans = spans(places, [outer, reduced, inner], 4)?;
    Ok((MeanF32 { outer, reduced, inner }, spans))
}

pub(super) fn check_f32(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (_, spans) = resolve_f32(operator)?;
    limits.spans(&spans)
}

pub(super) fn run_f32(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (layer, spans) = resolve_f32(operator).ok()?;
    let mut memory = memory.f32(&spans);
    let (io, _) = memory.as_mut()?;
    mean::mean_f32(&layer, io);
    spans.written(io)
}
