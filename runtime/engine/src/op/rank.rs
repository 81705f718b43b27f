//! Where the greatest or the least elements of the middle axis of `[outer, extent, inner]` are.

use kinglet_blob::cast::Element;
use kinglet_blob::records::Rank as Record;
use kinglet_blob::{DType, Operand, OperatorBytes, Signature};
use kinglet_kernels::rank::{self, Rank, Ranked};

use super::{UNARY_I8, product, record, typed};
use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Span};

/// From a tensor of numbers to one of int32, which is looked at here.
pub(super) const RANK: Signature = UNARY_I8.of_any_type();

/// The layer, and where its input and its output are.
fn resolve(operator: &OperatorBytes<'_>) -> Result<(Rank, DType, [Span; 2]), LoadRule> {
    let ([input, output], record): ([u32; 2], Record) = record(operator, &RANK)?;
    let dtype = operator.dtype().ok_or(LoadRule::Operands)?;
    if typed(operator, 1) != Some((DType::I32, Operand::ARENA)) {
        return Err(LoadRule::Operands);
    }
    if record.is_least > 1 || record.is_last > 1 || record.reserved != [0; 2] {
        return Err(LoadRule::Parameter);
    }
    let [outer, extent, inner, count] =
        [record.outer, record.extent, record.inner, record.count].map(|extent| extent as usize);
    if count > extent {
        return Err(LoadRule::Shape);
    }
    let (is_least, is_last) = (record.is_least != 0, record.is_last != 0);
    let input = Span::new(input, product(&[outer, extent, inner])?, dtype.size_bytes());
    let output = Span::new(output, product(&[outer, count, inner])?, 4);
    Ok((Rank { outer, extent, inner, count, is_least, is_last }, dtype, [input, output]))
}

pub(super) fn check(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (_, dtype, [input, output]) = resolve(operator)?;
    limits.span(input, dtype.size_bytes())?;
    limits.span(output, 4)?;
    if input.overlaps(output) { Err(LoadRule::ArenaOverlap) } else { Ok(()) }
}

pub(super) fn run(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (layer, dtype, spans) = resolve(operator).ok()?;
    match dtype {
        DType::I8 => run_as::<i8>(&layer, spans, memory),
        DType::U8 => run_as::<u8>(&layer, spans, memory),
        DType::I16 => run_as::<i16>(&layer, spans, memory),
        DType::I32 => run_as::<i32>(&layer, spans, memory),
        DType::F32 => run_as::<f32>(&layer, spans, memory),
        _ => None,
    }
}

fn run_as<T: Element + Ranked>(layer: &Rank, [input, output]: [Span; 2], memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (x, y) = memory.pair(input, output)?;
    rank::rank(layer, T::view(x)?, i32::view_mut(y)?).then_some(output)
}
