//! Pad and Copy.

use kinglet_blob::records::{Copy as RecordCopy, Pad as RecordPad};
use kinglet_blob::{DType, OperatorBytes, Signature, cast, size};
use kinglet_kernels::Io;
use kinglet_kernels::copy::{self, CopyBlocks};
use kinglet_kernels::pad::{self, PadGeometry};

use super::{UNARY_I8, check_same_type, product, record};
use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Source, Span, Spans, align_of};

/// From a tensor to another of the same type, whatever that is.
pub(super) const COPY: Signature = UNARY_I8.of_any_type();
/// The same, from a constant too.
pub(super) const COPY_OR_CONSTANT: Signature = COPY.or_constant(0);

fn resolve_pad(operator: &OperatorBytes<'_>, size: usize) -> Result<(RecordPad, PadGeometry, Spans), LoadRule> {
    let (places, record): (_, RecordPad) = record(operator, &UNARY_I8)?;
    let geometry = PadGeometry {
        input: record.input_dims.map(usize::from),
        before: record.before.map(usize::from),
        output: record.output_dims.map(usize::from),
    };
    let spans = Spans::unary(places, [product(&geometry.input)?, product(&geometry.output)?], size);
    Ok((record, geometry, spans))
}

fn check_pad(operator: &OperatorBytes<'_>, limits: &Limits<'_>, size: usize) -> Result<(), LoadRule> {
    let (_, _, spans) = resolve_pad(operator, size)?;
    limits.spans(&spans)
}

pub(super) fn check_pad_i8(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    check_pad(operator, limits, 1)
}

pub(super) fn check_pad_f32(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    check_pad(operator, limits, 4)
}

pub(super) fn check_pad_i16(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    check_pad(operator, limits, 2)
}

pub(super) fn run_pad_i16(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (record, geometry, spans) = resolve_pad(operator, 2).ok()?;
    let [low, high, ..] = record.value.to_le_bytes();
    let mut memory = memory.elements(&spans);
    let (io, _) = memory.as_mut()?;
    pad::pad(&geometry, i16::from_le_bytes([low, high]), io);
    spans.written(io)
}

pub(super) fn run_pad_i8(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (record, geometry, spans) = resolve_pad(operator, 1).ok()?;
    let [low, ..] = record.value.to_le_bytes();
    let mut memory = memory.i8(&spans);
    let (io, _) = memory.as_mut()?;
    pad::pad(&geometry, low as i8, io);
    spans.written(io)
}

pub(super) fn run_pad_f32(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (record, geometry, spans) = resolve_pad(operator, 4).ok()?;
    let mut memory = memory.f32(&spans);
    let (io, _) = memory.as_mut()?;
    pad::pad(&geometry, f32::from_bits(record.value), io);
    spans.written(io)
}

/// Blocks may not overlap each other on the output side, so a copy never takes more steps than the arena has
/// bytes.
fn resolve_copy(operator: &OperatorBytes<'_>) -> Result<(CopyBlocks, Spans, Source), LoadRule> {
    let ([input, output], record): (_, RecordCopy) = record(operator, &COPY_OR_CONSTANT)?;
    let (blocks, block_len) = (record.blocks as usize, record.block_bytes as usize);
    let (input_stride, output_stride) = (record.input_stride as usize, record.output_stride as usize);
    product(&[blocks, block_len])?;
    if blocks > 1 && output_stride < block_len {
        return Err(LoadRule::Shape);
    }
    let reach = |stride: usize| {
        let before_last = size::product(blocks.checked_sub(1)?, stride)?;
        size::sum(before_last, block_len)
    };
    let span = |start, stride| Some(Span::new(start, reach(stride)?, 1));
    let spans = Spans {
        input: span(input, input_stride).ok_or(LoadRule::Shape)?,
        output: span(output, output_stride).ok_or(LoadRule::Shape)?,
        scratch: Span::EMPTY,
        align: align_of(operator.dtype().map_or(1, DType::size_bytes)),
        scratch_align: 1,
    };
    let source = Source::of(operator, 0, spans.input)?;
    Ok((CopyBlocks { blocks, block_len, input_stride, output_stride, output_offset: 0 }, spans, source))
}

pub(super) fn check_copy(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (_, spans, source) = resolve_copy(operator)?;
    check_same_type(operator)?;
    match source {
        Source::Arena(_) => limits.spans(&spans),
        Source::Constant(_) => limits.apart(&[(source, 1)], spans.output, spans.align.into()),
    }
}

pub(super) fn run_copy(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (layer, spans, source) = resolve_copy(operator).ok()?;
    if matches!(source, Source::Constant(_)) {
        let weights = memory.weights;
        let (around, to) = memory.around(spans.output)?;
        let mut io = Io::split(cast::i8s(around.get(source, weights)?), cast::i8s_mut(to));
        copy::copy_blocks(&layer, &mut io);
        return spans.written(&io);
    }
    let mut memory = memory.i8(&spans);
    let (io, _) = memory.as_mut()?;
    copy::copy_blocks(&layer, io);
    spans.written(io)
}
