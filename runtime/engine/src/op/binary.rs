//! Add and Mul.

use kinglet_blob::records::{
    BinaryF32 as RecordF32, BinaryI8 as RecordI8, OPERAND_ARENA, OPERAND_CONSTANT, OPERAND_SAME, Operands,
};
use kinglet_blob::{OperatorBytes, cast};
use kinglet_kernels::Io;
use kinglet_kernels::elementwise::{self, AddI8, Broadcast, ElementwiseF32, MulI8, Operand};
use kinglet_kernels::numerics::FixedPoint;

use super::layer::{clamp, stage};
use super::{product, record};
use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Span, Spans, align_of, constants};

/// Where the operands are. An operand `b` in the arena takes the place of scratch, so that it is cut out
/// together with input and output and, like scratch, overlaps neither.
fn spans(operands: &Operands, b_source: u8, size: usize) -> Result<Spans, LoadRule> {
    let len = product(&[operands.len as usize])?;
    product(&[operands.inner as usize, operands.b_len as usize])?;
    let b = match b_source {
        OPERAND_ARENA => Span::new(operands.b, operands.b_len as usize, size),
        OPERAND_CONSTANT | OPERAND_SAME => Span::EMPTY,
        _ => return Err(LoadRule::Parameter),
    };
    Ok(Spans {
        input: Span::new(operands.a, len, size),
        output: Span::new(operands.output, len, size),
        scratch: b,
        align: align_of(size),
        scratch_align: align_of(size),
    })
}

/// The bytes of a constant operand `b`; empty for the other kinds.
fn constant_b<'b>(operands: &Operands, b_source: u8, size: usize, weights: &'b [u8]) -> Option<&'b [u8]> {
    if b_source != OPERAND_CONSTANT {
        return Some(&[]);
    }
    constants(weights, operands.b)?.get(..(operands.b_len as usize).checked_mul(size)?)
}

/// The operand as the kernels take it.
fn operand<'x, T>(operands: &Operands, b_source: u8, arena: &'x [T], constant: &'x [T]) -> Operand<'x, T> {
    let broadcast = Broadcast { inner: operands.inner as usize, len: operands.b_len as usize };
    match b_source {
        OPERAND_ARENA => Operand::Slice(arena, broadcast),
        OPERAND_CONSTANT => Operand::Slice(constant, broadcast),
        _ => Operand::SameAsInput,
    }
}

/// Memory of a binary record, checked.
fn check(operands: &Operands, b_source: u8, size: usize, limits: &Limits<'_>) -> Result<Span, LoadRule> {
    let spans = spans(operands, b_source, size)?;
    constant_b(operands, b_source, size, limits.weights).ok_or(LoadRule::ConstantRange)?;
    limits.spans(&spans)?;
    Ok(spans.output)
}

/// A factor's multiplier is not negative, and its shift is one that the kernels document.
fn is_factor(factor: FixedPoint) -> bool {
    factor.multiplier >= 0 && (-31..=30).contains(&factor.shift)
}

fn factor(multiplier: i32, shift: i8) -> FixedPoint {
    FixedPoint { multiplier, shift: shift.into() }
}

fn add(record: &RecordI8) -> AddI8 {
    AddI8 {
        a_zero_point: record.a_zero_point.into(),
        b_zero_point: record.b_zero_point.into(),
        a_factor: factor(record.a_multiplier, record.a_shift),
        b_factor: factor(record.b_multiplier, record.b_shift),
        output_factor: factor(record.output_multiplier, record.output_shift),
        stage: stage(record.zero_point, record.min, record.max),
    }
}

pub(super) fn check_i8(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<Span, LoadRule> {
    let record: RecordI8 = record(operator)?;
    let add = add(&record);
    let factors = is_factor(add.a_factor) && is_factor(add.b_factor) && is_factor(add.output_factor);
    if !factors || record.min > record.max || record.reserved != [0; 3] {
        return Err(LoadRule::Parameter);
    }
    check(&record.operands, record.b_source, 1, limits)
}

pub(super) fn check_f32(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<Span, LoadRule> {
    let record: RecordF32 = record(operator)?;
    clamp(record.min, record.max)?;
    if record.reserved != [0; 3] {
        return Err(LoadRule::Parameter);
    }
    check(&record.operands, record.b_source, 4, limits)
}

pub(super) fn run_add_i8(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    run_i8(operator, memory, |record, io, b| elementwise::add_i8(&add(record), io, b))
}

pub(super) fn run_mul_i8(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    run_i8(operator, memory, |record, io, b| {
        let AddI8 { a_zero_point, b_zero_point, output_factor, stage, .. } = add(record);
        elementwise::mul_i8(&MulI8 { a_zero_point, b_zero_point, factor: output_factor, stage }, io, b);
    })
}

pub(super) fn run_add_f32(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    run_f32(operator, memory, elementwise::add_f32)
}

pub(super) fn run_mul_f32(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    run_f32(operator, memory, elementwise::mul_f32)
}

#[inline]
fn run_i8(
    operator: &OperatorBytes<'_>,
    memory: &mut Memory<'_, '_>,
    kernel: impl FnOnce(&RecordI8, &mut Io<i8>, Operand<'_, i8>),
) -> Option<Span> {
    let record: RecordI8 = record(operator).ok()?;
    let spans = spans(&record.operands, record.b_source, 1).ok()?;
    let constant = constant_b(&record.operands, record.b_source, 1, memory.weights)?;
    let (mut io, arena) = memory.i8(&spans)?;
    kernel(&record, &mut io, operand(&record.operands, record.b_source, arena, cast::i8s(constant)));
    Some(spans.output)
}

#[inline]
fn run_f32(
    operator: &OperatorBytes<'_>,
    memory: &mut Memory<'_, '_>,
    kernel: impl FnOnce(&ElementwiseF32, &mut Io<f32>, Operand<'_, f32>),
) -> Option<Span> {
    let record: RecordF32 = record(operator).ok()?;
    let spans = spans(&record.operands, record.b_source, 4).ok()?;
    let constant = cast::f32s(constant_b(&record.operands, record.b_source, 4, memory.weights)?)?;
    let (mut io, arena) = memory.f32(&spans)?;
    let layer = ElementwiseF32 { clamp: clamp(record.min, record.max).ok()? };
    kernel(&layer, &mut io, operand(&record.operands, record.b_source, arena, constant));
    Some(spans.output)
}
