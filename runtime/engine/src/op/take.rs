//! Operators along an axis with a table of indices: Take and Resample, and ResizeBilinear with one for each axis.

use kinglet_blob::cast;
use kinglet_blob::records::{Resample as RecordResample, ResizeBilinear as RecordResize, Take as RecordTake};
use kinglet_blob::{DType, OperatorBytes, Signature, size};
use kinglet_kernels::resample::{self, Resample};
use kinglet_kernels::resize_bilinear::{self, ResizeBilinear, STEP_LEN};
use kinglet_kernels::take::{self, Take};

use super::{UNARY_F32, UNARY_I8, by_size, check_same_type, product, record, run_as, shape};
use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Span, Spans, constants};

/// Entries of a table that a check looks at for the price of a channel: an entry has four bytes, a channel nine or more,
/// and several operators may share a table.
const ENTRIES_PER_CHANNEL: usize = 8;

/// `len` words of constants, and what stands behind them.
fn words(weights: &[u8], offset: u32, len: usize) -> Result<(&[u32], &[u8]), LoadRule> {
    let all = constants(weights, offset).ok_or(LoadRule::ConstantRange)?;
    let bytes = size::product(len, 4).ok_or(LoadRule::ConstantRange)?;
    let (table, rest) = all.split_at_checked(bytes).ok_or(LoadRule::ConstantRange)?;
    Ok((cast::u32s(table).ok_or(LoadRule::ConstantRange)?, rest))
}

/// Every index of a table is one of the axis.
fn check_indices(indices: &[u32], extent: usize, limits: &Limits<'_>) -> Result<(), LoadRule> {
    limits.look_at(indices.len().div_ceil(ENTRIES_PER_CHANNEL))?;
    let is_inside = indices.iter().all(|index| (*index as usize) < extent);
    if is_inside { Ok(()) } else { Err(LoadRule::Parameter) }
}

fn resolve_take<'b>(operator: &OperatorBytes<'_>, weights: &'b [u8]) -> Result<(Take<'b>, Spans), LoadRule> {
    let (places, record): (_, RecordTake) = record(operator, &shape::COPY)?;
    let [outer, extent, inner, count] =
        [record.outer, record.extent, record.inner, record.count].map(|extent| extent as usize);
    let lens = [product(&[outer, extent, inner])?, product(&[outer, count, inner])?];
    let (indices, _) = words(weights, record.constants, count)?;
    let element = operator.dtype().map_or(1, DType::size_bytes);
    Ok((Take { outer, extent, inner, indices }, Spans::unary(places, lens, element)))
}

pub(super) fn check_take(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (layer, spans) = resolve_take(operator, limits.weights)?;
    check_same_type(operator)?;
    check_indices(layer.indices, layer.extent, limits)?;
    limits.spans_apart(&spans)
}

pub(super) fn run_take(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (layer, spans) = resolve_take(operator, memory.weights).ok()?;
    by_size!(operator.dtype()?, Element => run_as::<Element>(&spans, memory, |io| take::take(&layer, io)))
}

/// The layer, and the zero point of its codes; `W` views the bytes of so many weights.
fn resolve_resample<'b, W>(
    operator: &OperatorBytes<'_>,
    weights: &'b [u8],
    (signature, element): (&Signature, usize),
    view: fn(&'b [u8]) -> Option<&'b [W]>,
) -> Result<(Resample<'b, W>, i32, Spans), LoadRule> {
    let (places, record): (_, RecordResample) = record(operator, signature)?;
    let [outer, extent, inner, count, taps] =
        [record.outer, record.extent, record.inner, record.count, record.taps].map(|extent| extent as usize);
    let lens = [product(&[outer, extent, inner])?, product(&[outer, count, inner])?];
    let entries = product(&[count, taps])?;
    let (indices, rest) = words(weights, record.constants, entries)?;
    let bytes = size::product(entries, const { size_of::<W>() }).and_then(|bytes| rest.get(..bytes));
    let weights = bytes.and_then(view).ok_or(LoadRule::ConstantRange)?;
    let layer = Resample { outer, extent, inner, count, taps, indices, weights };
    Ok((layer, record.zero_point, Spans::unary(places, lens, element)))
}

pub(super) fn check_resample_f32(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (layer, zero_point, spans) = resolve_resample(operator, limits.weights, (&UNARY_F32, 4), cast::f32s)?;
    if zero_point != 0 {
        return Err(LoadRule::Parameter);
    }
    check_indices(layer.indices, layer.extent, limits)?;
    limits.spans_apart(&spans)
}

pub(super) fn run_resample_f32(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (layer, _, spans) = resolve_resample(operator, memory.weights, (&UNARY_F32, 4), cast::f32s).ok()?;
    run_as::<f32>(&spans, memory, |io| resample::resample_f32(&layer, io))
}

pub(super) fn check_resample_i8(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (layer, zero_point, spans) = resolve_resample(operator, limits.weights, (&UNARY_I8, 1), cast::i16s)?;
    if i8::try_from(zero_point).is_err() {
        return Err(LoadRule::Parameter);
    }
    check_indices(layer.indices, layer.extent, limits)?;
    limits.spans_apart(&spans)
}

pub(super) fn run_resample_i8(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (layer, zero_point, spans) = resolve_resample(operator, memory.weights, (&UNARY_I8, 1), cast::i16s).ok()?;
    run_as::<i8>(&spans, memory, |io| resample::resample_i8(&layer, zero_point, io))
}

fn resolve_resize<'b>(
    operator: &OperatorBytes<'_>,
    weights: &'b [u8],
) -> Result<(ResizeBilinear<'b>, Spans), LoadRule> {
    let (places, record): (_, RecordResize) = record(operator, &UNARY_I8)?;
    let (input, output) = (record.input.map(|extent| extent as usize), record.output.map(|extent| extent as usize));
    let (batch, channels) = (record.batch as usize, record.channels as usize);
    let len = |[height, width]: [usize; 2]| product(&[batch, height, width, channels]);
    let spans = Spans::unary(places, [len(input)?, len(output)?], 1);
    let table = |offset: u32, count: usize| {
        let bytes = size::product(count, 4 * STEP_LEN).ok_or(LoadRule::ConstantRange)?;
        let all = constants(weights, offset).and_then(|all| all.get(..bytes));
        all.and_then(cast::i32s).ok_or(LoadRule::ConstantRange)
    };
    let (rows, columns) = (table(record.rows, output[0])?, table(record.columns, output[1])?);
    Ok((ResizeBilinear { batch, input, output, channels, rows, columns }, spans))
}

pub(super) fn check_resize(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (layer, spans) = resolve_resize(operator, limits.weights)?;
    for (table, extent) in [layer.rows, layer.columns].into_iter().zip(layer.input) {
        limits.look_at(table.len().div_ceil(ENTRIES_PER_CHANNEL))?;
        if !resize_bilinear::is_table(table, extent) {
            return Err(LoadRule::Parameter);
        }
    }
    limits.spans_apart(&spans)
}

pub(super) fn run_resize(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (layer, spans) = resolve_resize(operator, memory.weights).ok()?;
    run_as::<i8>(&spans, memory, |io| resize_bilinear::resize_bilinear_i8(&layer, io))
}
