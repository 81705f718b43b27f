//! Add and Mul.

use kinglet_blob::records::{BinaryF32 as RecordF32, BinaryI8 as RecordI8, BinaryI16 as RecordI16, Broadcast};
use kinglet_blob::{DType, Operand, OperatorBytes, Signature, cast, size};
use kinglet_kernels::elementwise::{self, AddI8, AddI16, ElementwiseF32, MulI8, MulI16};
use kinglet_kernels::numerics::FixedPoint;
use kinglet_kernels::{Io, Token};

use super::layer::{clamp, is_factor, stage};
use super::{product, record};
use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Span, Spans, align_of, constants};

/// Two int8 tensors, the second of which may be constant.
pub(super) const I8: Signature = signature(DType::I8);
/// The same for int16.
pub(super) const I16: Signature = signature(DType::I16);
/// The same for floats.
pub(super) const F32: Signature = signature(DType::F32);

const fn signature(dtype: DType) -> Signature {
    Signature::new(&[dtype, dtype], &[dtype]).or_constant(1)
}

/// Where a second operand is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Second {
    Arena(u32),
    Constant(u32),
    /// It is the first one.
    Same,
}

impl Second {
    /// As the operands of a record say it; the second type byte holds the second operand's region.
    fn of(operator: &OperatorBytes<'_>, [a, b, _]: [u32; 3]) -> Result<Self, LoadRule> {
        match operator.body.get(3).map(|byte| byte >> 4) {
            Some(Operand::CONSTANTS) => Ok(Second::Constant(b)),
            Some(Operand::ARENA) if a == b => Ok(Second::Same),
            Some(Operand::ARENA) => Ok(Second::Arena(b)),
            _ => Err(LoadRule::Operands),
        }
    }
}

/// Where the operands are. A second operand in the arena takes the place of scratch, so that it is cut out together
/// with input and output and, like scratch, overlaps neither.
fn spans([a, _, output]: [u32; 3], second: Second, broadcast: &Broadcast, size: usize) -> Result<Spans, LoadRule> {
    let len = product(&[broadcast.len as usize])?;
    product(&[broadcast.inner as usize, broadcast.b_len as usize])?;
    let b = match second {
        Second::Arena(at) => Span::new(at, broadcast.b_len as usize, size),
        Second::Same if broadcast.inner != 1 || broadcast.b_len != broadcast.len => return Err(LoadRule::Shape),
        Second::Constant(_) | Second::Same => Span::EMPTY,
    };
    Ok(Spans {
        input: Span::new(a, len, size),
        output: Span::new(output, len, size),
        scratch: b,
        align: align_of(size),
        scratch_align: align_of(size),
    })
}

/// The bytes of a constant operand `b`; empty for the other kinds.
fn constant_b<'b>(second: Second, broadcast: &Broadcast, size_bytes: usize, weights: &'b [u8]) -> Option<&'b [u8]> {
    let Second::Constant(at) = second else { return Some(&[]) };
    constants(weights, at)?.get(..size::product(broadcast.b_len as usize, size_bytes)?)
}

/// The operand as the kernels take it.
fn operand<'x, T>(
    second: Second,
    broadcast: &Broadcast,
    arena: &'x [T],
    constant: &'x [T],
) -> elementwise::Operand<'x, T> {
    let period = elementwise::Broadcast { inner: broadcast.inner as usize, len: broadcast.b_len as usize };
    match second {
        Second::Arena(_) => elementwise::Operand::Slice(arena, period),
        Second::Constant(_) => elementwise::Operand::Slice(constant, period),
        Second::Same => elementwise::Operand::SameAsInput,
    }
}

/// Memory of a binary record, checked.
fn check(
    operator: &OperatorBytes<'_>,
    places: [u32; 3],
    broadcast: &Broadcast,
    size: usize,
    limits: &Limits<'_>,
) -> Result<(), LoadRule> {
    let second = Second::of(operator, places)?;
    let spans = spans(places, second, broadcast, size)?;
    constant_b(second, broadcast, size, limits.weights).ok_or(LoadRule::ConstantRange)?;
    limits.spans(&spans)
}

fn factor(multiplier: i32, shift: i8) -> FixedPoint {
    FixedPoint { multiplier, shift: shift.into() }
}

fn add(record: &RecordI8, token: Token) -> AddI8 {
    AddI8 {
        a_zero_point: record.a_zero_point.into(),
        b_zero_point: record.b_zero_point.into(),
        a_factor: factor(record.a_multiplier, record.a_shift),
        b_factor: factor(record.b_multiplier, record.b_shift),
        output_factor: factor(record.output_multiplier, record.output_shift),
        stage: stage(record.zero_point, record.min, record.max),
        token,
    }
}

pub(super) fn check_i8(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (places, record): (_, RecordI8) = record(operator, &I8)?;
    let add = add(&record, Token::PLAIN);
    let factors = is_factor(add.a_factor) && is_factor(add.b_factor) && is_factor(add.output_factor);
    if !factors || record.min > record.max {
        return Err(LoadRule::Parameter);
    }
    check(operator, places, &record.broadcast, 1, limits)
}

pub(super) fn check_f32(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (places, record): (_, RecordF32) = record(operator, &F32)?;
    clamp(record.min, record.max)?;
    check(operator, places, &record.broadcast, 4, limits)
}

pub(super) fn run_add_i8(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let token = memory.token;
    run_i8(operator, memory, |record, io, b| elementwise::add_i8(&add(record, token), io, b))
}

pub(super) fn run_mul_i8(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    run_i8(operator, memory, |record, io, b| {
        let AddI8 { a_zero_point, b_zero_point, output_factor, stage, .. } = add(record, Token::PLAIN);
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
    kernel: impl FnOnce(&RecordI8, &mut Io<i8>, elementwise::Operand<'_, i8>),
) -> Option<Span> {
    let (places, record): (_, RecordI8) = record(operator, &I8).ok()?;
    let second = Second::of(operator, places).ok()?;
    let spans = spans(places, second, &record.broadcast, 1).ok()?;
    let constant = constant_b(second, &record.broadcast, 1, memory.weights)?;
    let mut memory = memory.i8(&spans);
    let (io, arena) = memory.as_mut()?;
    kernel(&record, io, operand(second, &record.broadcast, cast::i8s(arena), cast::i8s(constant)));
    spans.written(io)
}

#[inline]
fn run_f32(
    operator: &OperatorBytes<'_>,
    memory: &mut Memory<'_, '_>,
    kernel: impl FnOnce(&ElementwiseF32, &mut Io<f32>, elementwise::Operand<'_, f32>),
) -> Option<Span> {
    let (places, record): (_, RecordF32) = record(operator, &F32).ok()?;
    let second = Second::of(operator, places).ok()?;
    let spans = spans(places, second, &record.broadcast, 4).ok()?;
    let constant = cast::f32s(constant_b(second, &record.broadcast, 4, memory.weights)?)?;
    let layer = ElementwiseF32 { clamp: clamp(record.min, record.max).ok()?, token: memory.token };
    let mut memory = memory.f32(&spans);
    let (io, arena) = memory.as_mut()?;
    kernel(&layer, io, operand(second, &record.broadcast, arena, constant));
    spans.written(io)
}

fn add_i16(record: &RecordI16) -> AddI16 {
    AddI16 {
        a_factor: factor(record.a_multiplier, record.a_shift),
        b_factor: factor(record.b_multiplier, record.b_shift),
        output_factor: factor(record.output_multiplier, record.output_shift),
        min: record.min,
        max: record.max,
    }
}

pub(super) fn check_i16(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (places, record): (_, RecordI16) = record(operator, &I16)?;
    let add = add_i16(&record);
    let below_one = |factor: FixedPoint| is_factor(factor) && factor.shift <= 0;
    let factors = below_one(add.a_factor) && below_one(add.b_factor) && below_one(add.output_factor);
    if !factors || record.reserved != 0 || record.min > record.max {
        return Err(LoadRule::Parameter);
    }
    check(operator, places, &record.broadcast, 2, limits)
}

pub(super) fn run_add_i16(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    run_i16(operator, memory, |record, io, b| elementwise::add_i16(&add_i16(record), io, b))
}

pub(super) fn run_mul_i16(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    run_i16(operator, memory, |record, io, b| {
        let AddI16 { output_factor, min, max, .. } = add_i16(record);
        elementwise::mul_i16(&MulI16 { factor: output_factor, min, max }, io, b);
    })
}

#[inline]
fn run_i16(
    operator: &OperatorBytes<'_>,
    memory: &mut Memory<'_, '_>,
    kernel: impl FnOnce(&RecordI16, &mut Io<i16>, elementwise::Operand<'_, i16>),
) -> Option<Span> {
    let (places, record): (_, RecordI16) = record(operator, &I16).ok()?;
    let second = Second::of(operator, places).ok()?;
    let spans = spans(places, second, &record.broadcast, 2).ok()?;
    let constant = cast::i16s(constant_b(second, &record.broadcast, 2, memory.weights)?)?;
    let mut memory = memory.elements(&spans);
    let (io, arena) = memory.as_mut()?;
    kernel(&record, io, operand(second, &record.broadcast, cast::i16s(arena)?, constant));
    spans.written(io)
}
