//! Maximum over the middle axis of `[outer, reduced, inner]`.

use kinglet_blob::records::ReduceMax as Record;
use kinglet_blob::{OperatorBytes, Signature};
use kinglet_kernels::reduce_max::{self, ReduceMax};

use super::{UNARY_F32, UNARY_I8, product, record};
use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Span, Spans};

fn resolve(operator: &OperatorBytes<'_>, signature: &Signature, size: usize) -> Result<(ReduceMax, Spans), LoadRule> {
    let (places, record): (_, Record) = record(operator, signature)?;
    let [outer, reduced, inner] = [record.outer, record.reduced, record.inner].map(|extent| extent as usize);
    let lens = [product(&[outer, reduced, inner])?, product(&[outer, inner])?];
    Ok((ReduceMax { outer, reduced, inner }, Spans::unary(places, lens, size)))
}

pub(super) fn check_i8(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    limits.spans(&resolve(operator, &UNARY_I8, 1)?.1)
}

pub(super) fn run_i8(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (layer, spans) = resolve(operator, &UNARY_I8, 1).ok()?;
    let mut memory = memory.i8(&spans);
    let (io, _) = memory.as_mut()?;
    reduce_max::reduce_max_i8(&layer, io);
    spans.written(io)
}

pub(super) fn check_f32(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    limits.spans(&resolve(operator, &UNARY_F32, 4)?.1)
}

pub(super) fn run_f32(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (layer, spans) = resolve(operator, &UNARY_F32, 4).ok()?;
    let mut memory = memory.f32(&spans);
    let (io, _) = memory.as_mut()?;
    reduce_max::reduce_max_f32(&layer, io);
    spans.written(io)
}
