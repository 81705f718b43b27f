//! Cast: from one type to another.

use kinglet_blob::cast::Element;
use kinglet_blob::records::Cast as Record;
use kinglet_blob::{DType, OperatorBytes, Signature};
use kinglet_kernels::cast::{self, Number};

use super::{UNARY_I8, product, record};
use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Span};

/// A tensor of any type to one of any other.
pub(super) const CAST: Signature = UNARY_I8.of_any_type();

/// The types of operand and result, and where they are.
fn resolve(operator: &OperatorBytes<'_>) -> Result<([DType; 2], [Span; 2]), LoadRule> {
    let ([input, output], record): ([u32; 2], Record) = record(operator, &CAST)?;
    let len = product(&[record.len as usize])?;
    let of = |at: usize| operator.body.get(at).and_then(|byte| DType::from_tag(byte & 15)).ok_or(LoadRule::Operands);
    let (from, to) = (of(2)?, of(3)?);
    Ok(([from, to], [Span::new(input, len, from.size_bytes()), Span::new(output, len, to.size_bytes())]))
}

pub(super) fn check(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let ([from, to], [input, output]) = resolve(operator)?;
    limits.span(input, from.size_bytes())?;
    limits.span(output, to.size_bytes())?;
    if input.overlaps(output) { Err(LoadRule::ArenaOverlap) } else { Ok(()) }
}

pub(super) fn run(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let ([from, to], [input, output]) = resolve(operator).ok()?;
    let (input, bytes) = memory.pair(input, output)?;
    let is_done = match from {
        DType::F32 => to_any::<f32>(input, to, bytes)?,
        DType::I32 => to_any::<i32>(input, to, bytes)?,
        DType::I16 => to_any::<i16>(input, to, bytes)?,
        DType::I8 => to_any::<i8>(input, to, bytes)?,
        DType::U8 => to_any::<u8>(input, to, bytes)?,
        // As a number it is 0 or 1.
        DType::Bool if to == DType::Bool => cast::cast_to_truth::<u8>(input, bytes),
        DType::Bool => to_any::<u8>(input, to, bytes)?,
        _ => false,
    };
    is_done.then_some(output)
}

fn to_any<A: Number + Element>(from: &[u8], to: DType, bytes: &mut [u8]) -> Option<bool> {
    let from = A::view(from)?;
    Some(match to {
        DType::F32 => cast::cast(from, f32::view_mut(bytes)?),
        DType::I32 => cast::cast(from, i32::view_mut(bytes)?),
        DType::I16 => cast::cast(from, i16::view_mut(bytes)?),
        DType::I8 => cast::cast(from, i8::view_mut(bytes)?),
        DType::U8 => cast::cast(from, bytes),
        DType::Bool => cast::cast_to_truth(from, bytes),
        _ => false,
    })
}
