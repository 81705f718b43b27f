//! Products of matrices. Either factor may be a constant, both may be the same tensor.

use kinglet_blob::records::{
    MatMulF32 as RecordF32, MatMulI8 as RecordI8, MatMulI16 as RecordI16, MatMulShape as RecordShape,
};
use kinglet_blob::{DType, OperatorBytes, Signature, cast, size};
use kinglet_kernels::mat_mul::{self, MatMulF32, MatMulI8, MatMulI16, MatMulShape};

use super::layer::{clamp, factor, stage};
use super::{product, record};
use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Source, Span};

/// Two int8 tensors, of which one may be constant.
pub(super) const I8: Signature = signature(DType::I8);
/// The same for int16.
pub(super) const I16: Signature = signature(DType::I16);
/// The same for floats.
pub(super) const F32: Signature = signature(DType::F32);

const fn signature(dtype: DType) -> Signature {
    Signature::new(&[dtype, dtype], &[dtype]).or_constant(0).or_constant(1)
}

/// A record's memory.
struct Operands {
    factors: [Source; 2],
    output: Span,
}

/// Elements from the first to the last that strides reach.
fn reach(extents: [u32; 5], strides: [u32; 5]) -> Result<usize, LoadRule> {
    let reach = extents.iter().zip(strides).try_fold(1_usize, |reach, (extent, stride)| {
        let steps = (*extent as usize).checked_sub(1)?;
        size::sum(reach, size::product(steps, stride as usize)?)
    });
    reach.ok_or(LoadRule::Shape)
}

fn resolve(
    operator: &OperatorBytes<'_>,
    [a, b, output]: [u32; 3],
    shape: &RecordShape,
    size: usize,
) -> Result<(MatMulShape, Operands), LoadRule> {
    let &RecordShape { batch: [x, y, z], rows, depth, columns, a_strides, b_strides } = shape;
    let [a_len, b_len] = [reach([x, y, z, rows, depth], a_strides)?, reach([x, y, z, depth, columns], b_strides)?];
    let wide = |extent: u32| extent as usize;
    let len = product(&[x, y, z, rows, columns].map(wide))?;
    let [a, b] = [Span::new(a, a_len, size), Span::new(b, b_len, size)];
    let factors = [Source::of(operator, 0, a)?, Source::of(operator, 1, b)?];
    if matches!(factors, [Source::Constant(_), Source::Constant(_)]) {
        return Err(LoadRule::Operands);
    }
    let layer = MatMulShape {
        batch: [x, y, z].map(wide),
        rows: wide(rows),
        depth: wide(depth),
        columns: wide(columns),
        a: a_strides.map(wide),
        b: b_strides.map(wide),
    };
    Ok((layer, Operands { factors, output: Span::new(output, len, size) }))
}

impl Operands {
    fn check(&self, size: usize, limits: &Limits<'_>) -> Result<(), LoadRule> {
        limits.apart(&self.factors.map(|factor| (factor, size)), self.output, size)
    }

    /// Hands the factors and the output to `kernel`, which says whether it has computed.
    #[inline]
    fn run(
        &self,
        memory: &mut Memory<'_, '_>,
        kernel: impl FnOnce([&[u8]; 2], &mut [u8]) -> Option<bool>,
    ) -> Option<Span> {
        let weights = memory.weights;
        let (arena, output) = memory.around(self.output)?;
        let [a, b] = self.factors.map(|factor| arena.get(factor, weights));
        if kernel([a?, b?], output)? { Some(self.output) } else { None }
    }
}

fn resolve_f32(operator: &OperatorBytes<'_>) -> Result<(MatMulF32, Operands), LoadRule> {
    let (places, record): (_, RecordF32) = record(operator, &F32)?;
    let clamp = clamp(record.min, record.max)?;
    let (shape, operands) = resolve(operator, places, &record.shape, 4)?;
    Ok((MatMulF32 { shape, clamp }, operands))
}

fn resolve_i8(operator: &OperatorBytes<'_>) -> Result<(MatMulI8, Operands), LoadRule> {
    let (places, record): (_, RecordI8) = record(operator, &I8)?;
    if record.reserved != 0 || record.min > record.max {
        return Err(LoadRule::Parameter);
    }
    let factor = factor(record.multiplier, record.shift)?;
    let (shape, operands) = resolve(operator, places, &record.shape, 1)?;
    let (a_zero_point, b_zero_point) = (record.a_zero_point.into(), record.b_zero_point.into());
    let stage = stage(record.zero_point, record.min, record.max);
    Ok((MatMulI8 { shape, a_zero_point, b_zero_point, factor, stage }, operands))
}

fn resolve_i16(operator: &OperatorBytes<'_>) -> Result<(MatMulI16, Operands), LoadRule> {
    let (places, record): (_, RecordI16) = record(operator, &I16)?;
    if record.reserved != 0 || record.padding != 0 || record.min > record.max || record.shift > 14 {
        return Err(LoadRule::Parameter);
    }
    let factor = factor(record.multiplier, record.shift)?;
    let (shape, operands) = resolve(operator, places, &record.shape, 2)?;
    Ok((MatMulI16 { shape, factor, min: record.min, max: record.max }, operands))
}

pub(super) fn check_f32(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    resolve_f32(operator)?.1.check(4, limits)
}

pub(super) fn check_i8(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    resolve_i8(operator)?.1.check(1, limits)
}

pub(super) fn check_i16(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    resolve_i16(operator)?.1.check(2, limits)
}

pub(super) fn run_f32(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (layer, operands) = resolve_f32(operator).ok()?;
    operands.run(memory, |[a, b], output| {
        Some(mat_mul::mat_mul_f32(&layer, cast::f32s(a)?, cast::f32s(b)?, cast::f32s_mut(output)?))
    })
}

pub(super) fn run_i8(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (layer, operands) = resolve_i8(operator).ok()?;
    operands.run(memory, |[a, b], output| {
        Some(mat_mul::mat_mul_i8(&layer, cast::i8s(a), cast::i8s(b), cast::i8s_mut(output)))
    })
}

pub(super) fn run_i16(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (layer, operands) = resolve_i16(operator).ok()?;
    operands.run(memory, |[a, b], output| {
        Some(mat_mul::mat_mul_i16(&layer, cast::i16s(a)?, cast::i16s(b)?, cast::i16s_mut(output)?))
    })
}
