//! Softmax.

use kinglet_blob::OperatorBytes;
use kinglet_blob::cast;
use kinglet_blob::records::{SoftmaxF32 as RecordF32, SoftmaxI8 as RecordI8, SoftmaxI16 as RecordI16};
use kinglet_kernels::numerics::FixedPoint;
use kinglet_kernels::softmax::{self, SoftmaxF32, SoftmaxI8, SoftmaxI16, TABLE_LEN};

use super::unary::elementwise;
use super::{UNARY_F32, UNARY_I8, UNARY_I16, product, record, run_as};
use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Span, Spans, constants};

fn resolve_i8(operator: &OperatorBytes<'_>) -> Result<(SoftmaxI8, Spans), LoadRule> {
    let (places, record): (_, RecordI8) = record(operator, &UNARY_I8)?;
    let (rows, depth) = (record.rows as usize, record.depth as usize);
    let input_factor = FixedPoint { multiplier: record.multiplier, shift: record.shift };
    let layer = SoftmaxI8 { rows, depth, input_factor, diff_min: record.diff_min };
    Ok((layer, elementwise(places, product(&[rows, depth])?, 1)))
}

pub(super) fn check_i8(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (layer, spans) = resolve_i8(operator)?;
    let factor = layer.input_factor;
    // The oracle saturates the factor of very large input scales at 2^31.
    if factor.multiplier < 0 || !(-31..=31).contains(&factor.shift) || layer.diff_min > 0 {
        return Err(LoadRule::Parameter);
    }
    limits.spans(&spans)
}

pub(super) fn run_i8(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (layer, spans) = resolve_i8(operator).ok()?;
    let mut memory = memory.i8(&spans);
    let (io, _) = memory.as_mut()?;
    softmax::softmax_i8(&layer, io);
    spans.written(io)
}

fn resolve_f32(operator: &OperatorBytes<'_>) -> Result<(SoftmaxF32, Spans), LoadRule> {
    let (places, record): (_, RecordF32) = record(operator, &UNARY_F32)?;
    let (rows, depth) = (record.rows as usize, record.depth as usize);
    let spans = elementwise(places, product(&[rows, depth])?, 4);
    Ok((SoftmaxF32 { rows, depth, beta: record.beta }, spans))
}

pub(super) fn check_f32(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (_, spans) = resolve_f32(operator)?;
    limits.spans(&spans)
}

pub(super) fn run_f32(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (layer, spans) = resolve_f32(operator).ok()?;
    let mut memory = memory.f32(&spans);
    let (io, _) = memory.as_mut()?;
    softmax::softmax_f32(&layer, io);
    spans.written(io)
}

fn resolve_i16<'b>(operator: &OperatorBytes<'_>, weights: &'b [u8]) -> Result<(SoftmaxI16<'b>, Spans), LoadRule> {
    let (places, record): (_, RecordI16) = record(operator, &UNARY_I16)?;
    let (rows, depth) = (record.rows as usize, record.depth as usize);
    let factor = FixedPoint { multiplier: record.multiplier, shift: record.shift };
    let tables = constants(weights, record.constants).and_then(|all| all.get(..4 * TABLE_LEN)).and_then(cast::i16s);
    let tables = tables.and_then(|all| all.split_at_checked(TABLE_LEN));
    let (exponentials, inverses) = tables.ok_or(LoadRule::ConstantRange)?;
    let spans = elementwise(places, product(&[rows, depth])?, 2);
    Ok((SoftmaxI16 { rows, depth, factor, exponentials, inverses }, spans))
}

pub(super) fn check_i16(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (layer, spans) = resolve_i16(operator, limits.weights)?;
    if layer.factor.multiplier < 0 || !(-31..=15).contains(&layer.factor.shift) {
        return Err(LoadRule::Parameter);
    }
    limits.spans(&spans)
}

pub(super) fn run_i16(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (layer, spans) = resolve_i16(operator, memory.weights).ok()?;
    run_as::<i16>(&spans, memory, |io| softmax::softmax_i16(&layer, io))
}
