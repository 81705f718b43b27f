//! Functions along the middle axis of `[outer, depth, inner]`.

use kinglet_blob::OperatorBytes;
use kinglet_blob::records::{AlongF32 as Record, AlongI8 as RecordI8};
use kinglet_kernels::along::{self, AlongF32, AlongI8, Function};

use super::unary::elementwise;
use super::{UNARY_F32, UNARY_I8, layer, product, record, run_as};
use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Span, Spans};

fn resolve(operator: &OperatorBytes<'_>) -> Result<(AlongF32, Spans), LoadRule> {
    let (places, record): (_, Record) = record(operator, &UNARY_F32)?;
    let function = Function::from_tag(record.function).filter(|_| record.reserved == [0; 3]);
    let epsilon = record.epsilon;
    let (Some(function), true) = (function, epsilon.is_finite() && epsilon >= 0.0) else {
        return Err(LoadRule::Parameter);
    };
    let [outer, depth, inner] = [record.outer, record.depth, record.inner].map(|extent| extent as usize);
    let spans = elementwise(places, product(&[outer, depth, inner])?, 4);
    Ok((AlongF32 { function, outer, depth, inner, epsilon }, spans))
}

pub(super) fn check_f32(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    limits.spans(&resolve(operator)?.1)
}

pub(super) fn run_f32(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (layer, spans) = resolve(operator).ok()?;
    let mut memory = memory.f32(&spans);
    let (io, _) = memory.as_mut()?;
    along::along_f32(&layer, io);
    spans.written(io)
}

fn resolve_i8(operator: &OperatorBytes<'_>) -> Result<(AlongI8, Spans), LoadRule> {
    let (places, record): (_, RecordI8) = record(operator, &UNARY_I8)?;
    let function = Function::from_tag(record.function).filter(|function| AlongI8::has(*function));
    let function = function.ok_or(LoadRule::Parameter)?;
    let factor = layer::factor(record.multiplier, record.shift)?;
    let reverse = layer::factor(record.reverse_multiplier, record.reverse_shift)?;
    let is_log = function == Function::LogSoftmax;
    let has_reverse = record.reverse_multiplier != 0 || record.diff_min != 0;
    let is_sound = match function {
        Function::L2 => record.multiplier == 0 && record.zero_point == 0,
        Function::LogSoftmax => record.diff_min <= 0 && record.input_zero_point == 0 && record.zero_point == 0,
        _ => true,
    };
    if (record.reserved, record.unused) != (0, [0; 2]) || !is_sound || (has_reverse && !is_log) {
        return Err(LoadRule::Parameter);
    }
    let [outer, depth, inner] = [record.outer, record.depth, record.inner].map(|extent| extent as usize);
    let spans = elementwise(places, product(&[outer, depth, inner])?, 1);
    let (input_zero_point, zero_point) = (record.input_zero_point.into(), record.zero_point.into());
    let diff_min = record.diff_min;
    Ok((AlongI8 { function, outer, depth, inner, input_zero_point, zero_point, factor, reverse, diff_min }, spans))
}

pub(super) fn check_i8(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    limits.spans(&resolve_i8(operator)?.1)
}

pub(super) fn run_i8(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (layer, spans) = resolve_i8(operator).ok()?;
    run_as::<i8>(&spans, memory, |io| along::along_i8(&layer, io))
}
