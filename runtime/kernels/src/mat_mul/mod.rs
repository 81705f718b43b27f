//! Products of two matrices, many of each, both of which may be computed.
//!
//! - `output: [batch, rows, columns]`, the batch having three axes; element `[n, i, j]` is the sum of
//!   `a[n, i, k] * b[n, k, j]` over `k = 0 .. depth`, in that order.
//! - Factors are read by strides: from one index to the next along each axis. Transposed factors and factors that are the
//!   same for several matrices (stride 0) are thereby read where they are.
//! - float: starts at 0, then the clamp. int8: `stage(sum of (a - a_zero_point) * (b - b_zero_point) * factor)`, sums
//!   wrap in 32 bits. int16: sums of 64 bits, rounded once ([`FixedPoint::apply_long`]).
//! - The output must not overlap the factors; these may.

pub(crate) mod portable;
mod reference;

pub use portable::{mat_mul_f32, mat_mul_i16};
pub use reference::{mat_mul_f32_reference, mat_mul_i8_reference, mat_mul_i16_reference};

pub use crate::registry::mat_mul_i8;

use crate::numerics::{ClampF32, FixedPoint, OutputStage};

/// How many matrices of which sizes, and where their elements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatMulShape {
    /// Matrices along three axes.
    pub batch: [usize; 3],
    /// Rows of `a` and of the output.
    pub rows: usize,
    /// Columns of `a`, rows of `b`.
    pub depth: usize,
    /// Columns of `b` and of the output.
    pub columns: usize,
    /// Strides of `a` along the axes of the batch, its rows and its columns.
    pub a: [usize; 5],
    /// Strides of `b` likewise.
    pub b: [usize; 5],
}

/// A product of floats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MatMulF32 {
    /// Sizes and strides.
    pub shape: MatMulShape,
    /// Fused activation.
    pub clamp: ClampF32,
}

/// A product of int8. The host computes `factor = quantize(sa * sb / sy)` in `f64`, in that order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatMulI8 {
    /// Sizes and strides.
    pub shape: MatMulShape,
    /// Zero point of the first factor.
    pub a_zero_point: i32,
    /// Zero point of the second factor.
    pub b_zero_point: i32,
    /// Brings the sum to the output's scale.
    pub factor: FixedPoint,
    /// Zero point and clamp of the output.
    pub stage: OutputStage,
}

/// A product of int16, whose zero points are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatMulI16 {
    /// Sizes and strides.
    pub shape: MatMulShape,
    /// Brings the sum to the output's scale.
    pub factor: FixedPoint,
    /// Lower clamp of the output.
    pub min: i16,
    /// Upper clamp of the output, at least `min`.
    pub max: i16,
}

impl MatMulShape {
    /// Elements of both factors, from the first to the last that is read, and of the output. `None` for a shape without
    /// elements and for one that no memory holds.
    fn lens(&self) -> Option<[usize; 3]> {
        let [b0, b1, b2] = self.batch;
        let (rows, depth, columns) = (self.rows, self.depth, self.columns);
        let reach = |extents: [usize; 5], strides: [usize; 5]| {
            extents.iter().zip(strides).try_fold(1_usize, |reach, (extent, stride)| {
                reach.checked_add(extent.checked_sub(1)?.checked_mul(stride)?)
            })
        };
        let output = [b0, b1, b2, rows, columns].iter().try_fold(1_usize, |len, extent| len.checked_mul(*extent))?;
        Some([reach([b0, b1, b2, rows, depth], self.a)?, reach([b0, b1, b2, depth, columns], self.b)?, output])
    }

    /// True when slices of these lengths hold the factors and the output.
    pub(crate) fn fits(&self, [a, b, output]: [usize; 3]) -> bool {
        self.lens().is_some_and(|[in_a, in_b, in_output]| a >= in_a && b >= in_b && output == in_output)
    }

    /// Where the matrices of a batch start in a factor with these strides.
    pub(crate) fn start(&self, [x, y, z]: [usize; 3], [of_x, of_y, of_z, ..]: [usize; 5]) -> usize {
        x.wrapping_mul(of_x).wrapping_add(y.wrapping_mul(of_y)).wrapping_add(z.wrapping_mul(of_z))
    }
}

impl MatMulF32 {
    #[inline]
    fn finish(&self, sum: f32) -> f32 {
        self.clamp.apply(sum)
    }
}

impl MatMulI8 {
    #[inline]
    pub(crate) fn finish(&self, sum: i32) -> i8 {
        self.stage.apply(sum, self.factor)
    }
}

impl MatMulI16 {
    #[inline]
    fn finish(&self, sum: i64) -> i16 {
        self.factor.apply_long(sum).max(self.min.into()).min(self.max.into()) as i16
    }
}
