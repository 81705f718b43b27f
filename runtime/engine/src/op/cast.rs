//! Cast: from one type to another.

use kinglet_blob::cast::Element;
use kinglet_blob::records::Cast as Record;
use kinglet_blob::{DType, OperatorBytes, Signature};
use kinglet_kernels::cast::{self, Number};

use super::unary::{Ends, types};
use super::{UNARY_I8, record};
use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Span};

/// A tensor of any type to one of any other.
pub(super) const CAST: Signature = UNARY_I8.of_any_type();

fn resolve(operator: &OperatorBytes<'_>) -> Result<Ends, LoadRule> {
    let (places, record): (_, Record) = record(operator, &CAST)?;
    Ends::new(places, record.len, types(operator))
}

pub(super) fn check(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    resolve(operator)?.check(limits)
}

pub(super) fn run(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (Ends { input, output, .. }, [from, to]) = (resolve(operator).ok()?, types(operator));
    let ((from, to), (input, bytes)) = (from.zip(to)?, memory.pair(input, output)?);
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
