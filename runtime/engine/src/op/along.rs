//! Functions along the middle axis of `[outer, depth, inner]`.

use kinglet_blob::OperatorBytes;
use kinglet_blob::records::AlongF32 as Record;
use kinglet_kernels::along::{self, AlongF32, Function};

use super::unary::elementwise;
use super::{UNARY_F32, product, record};
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
