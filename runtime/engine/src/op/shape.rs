//! Pad and Copy.

use kinglet_blob::OperatorBytes;
use kinglet_blob::records::{Copy as RecordCopy, Pad as RecordPad};
use kinglet_kernels::copy::{self, CopyBlocks};
use kinglet_kernels::pad::{self, PadGeometry};

use super::{product, record};
use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Span, Spans, align_of};

fn resolve_pad(operator: &OperatorBytes<'_>, size: usize) -> Result<(RecordPad, PadGeometry, Spans), LoadRule> {
    let record: RecordPad = record(operator)?;
    let geometry = PadGeometry {
        input: record.input_dims.map(usize::from),
        before: record.before.map(usize::from),
        output: record.output_dims.map(usize::from),
    };
    let spans = Spans {
        input: Span::new(record.input, product(&geometry.input)?, size),
        output: Span::new(record.output, product(&geometry.output)?, size),
        scratch: Span::EMPTY,
        align: align_of(size),
        scratch_align: 1,
    };
    Ok((record, geometry, spans))
}

fn check_pad(operator: &OperatorBytes<'_>, limits: &Limits<'_>, size: usize) -> Result<Span, LoadRule> {
    let (_, _, spans) = resolve_pad(operator, size)?;
    limits.spans(&spans)?;
    Ok(spans.output)
}

pub(super) fn check_pad_i8(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<Span, LoadRule> {
    check_pad(operator, limits, 1)
}

pub(super) fn check_pad_f32(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<Span, LoadRule> {
    check_pad(operator, limits, 4)
}

pub(super) fn run_pad_i8(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (record, geometry, spans) = resolve_pad(operator, 1).ok()?;
    let [low, ..] = record.value.to_le_bytes();
    pad::pad(&geometry, low as i8, &mut memory.i8(&spans)?.0);
    Some(spans.output)
}

pub(super) fn run_pad_f32(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (record, geometry, spans) = resolve_pad(operator, 4).ok()?;
    pad::pad(&geometry, f32::from_bits(record.value), &mut memory.f32(&spans)?.0);
    Some(spans.output)
}

/// Blocks may not overlap each other on the output side, so a copy never takes more steps than the arena has
/// bytes.
fn resolve_copy(operator: &OperatorBytes<'_>) -> Result<(CopyBlocks, Spans), LoadRule> {
    let record: RecordCopy = record(operator)?;
    let (blocks, block_len) = (record.blocks as usize, record.block_bytes as usize);
    let (input_stride, output_stride) = (record.input_stride as usize, record.output_stride as usize);
    product(&[blocks, block_len])?;
    if blocks > 1 && output_stride < block_len {
        return Err(LoadRule::Shape);
    }
    let reach = |stride: usize| {
        let before_last = blocks.checked_sub(1)?.checked_mul(stride)?;
        before_last.checked_add(block_len)
    };
    let span = |start, stride| Some(Span::new(start, reach(stride)?, 1));
    let spans = Spans {
        input: span(record.input, input_stride).ok_or(LoadRule::Shape)?,
        output: span(record.output, output_stride).ok_or(LoadRule::Shape)?,
        scratch: Span::EMPTY,
        align: 1,
        scratch_align: 1,
    };
    Ok((CopyBlocks { blocks, block_len, input_stride, output_stride, output_offset: 0 }, spans))
}

pub(super) fn check_copy(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<Span, LoadRule> {
    let (_, spans) = resolve_copy(operator)?;
    limits.spans(&spans)?;
    Ok(spans.output)
}

pub(super) fn run_copy(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (layer, spans) = resolve_copy(operator).ok()?;
    copy::copy_blocks(&layer, &mut memory.i8(&spans)?.0);
    Some(spans.output)
}
