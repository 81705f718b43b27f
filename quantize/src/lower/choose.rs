//! Which packing a layer's weights get. The one place where the target matters.
//!
//! [`Packing::Paired`] computes two output channels from one multiplication. It is exact only when the sums
//! of both can be told apart afterwards, which is proved here from the actual weights; and its kernels round
//! by shifting right, so every factor must be below one half. [`Packing::Lanes`], [`Packing::WideLanes`] and
//! [`Packing::Fours`] are likewise exact only within limits on sums and factors.

use kinglet_kernels::conv2d::packing::{lanes_are_exact, limit, paired_is_exact};
use kinglet_kernels::conv2d::{Geometry, Packing};
use kinglet_kernels::depthwise::DepthwisePacking;
use kinglet_kernels::numerics::{DUAL_MULTIPLY_SHIFTS, FixedPoint};

use crate::target::{Target, has_dual_multiply, has_lanes};

/// A dense matrix, `[outputs, taps]`: a convolution's weights or a fully connected layer's.
pub(super) struct Matrix<'a> {
    pub(super) taps: usize,
    /// Row-major.
    pub(super) weights: &'a [i8],
    /// With the input's zero point folded in.
    pub(super) bias: &'a [i32],
    /// One factor for each output, or one for all.
    pub(super) factors: &'a [FixedPoint],
}

/// The packing of a convolution without groups.
pub(super) fn convolution(target: Target, matrix: &Matrix<'_>) -> Packing {
    if has_lanes(target) {
        return first_exact(&[Packing::Lanes, Packing::WideLanes], matrix);
    }
    if has_dual_multiply(target) && shifts_right(matrix.factors) && is_exact_in_pairs(matrix) {
        Packing::Paired
    } else {
        Packing::RowMajor
    }
}

/// The packing of a fully connected layer. Its paired kernel knows no extra shift bytes, so the shifts of all
/// channels must fit the two bits of their words.
pub(super) fn fully_connected(target: Target, matrix: &Matrix<'_>) -> Packing {
    if has_lanes(target) {
        return first_exact(&[Packing::Fours], matrix);
    }
    let shifts = || matrix.factors.iter().map(|factor| factor.shift);
    let span = shifts().max().unwrap_or(0) - shifts().min().unwrap_or(0);
    if span <= 3 { convolution(target, matrix) } else { Packing::RowMajor }
}

/// The packing of a depthwise convolution. Planes hold undilated rows, and their kernels double the
/// accumulators, which must stay below `2^30`.
pub(super) fn depthwise(target: Target, geometry: &Geometry, bias: &[i32], factors: &[FixedPoint]) -> DepthwisePacking {
    if has_lanes(target) {
        // Its kernels tell by themselves which channels need the long way.
        let packing = DepthwisePacking::WordPlane;
        return if packing.takes(geometry) { packing } else { DepthwisePacking::RowMajor };
    }
    // The widest window that a record can say, 255 x 255 taps of 128 * 127, is less than 2^30 by this much.
    const BIAS_LIMIT: u32 = (1 << 30) - 255 * 255 * 128 * 128 / 2;
    let narrow = bias.iter().all(|bias| bias.unsigned_abs() < BIAS_LIMIT);
    if has_dual_multiply(target) && geometry.dilation == [1, 1] && shifts_right(factors) && narrow {
        DepthwisePacking::Planar
    } else {
        DepthwisePacking::RowMajor
    }
}

/// The first of `packings` that computes the layer exactly.
fn first_exact(packings: &[Packing], matrix: &Matrix<'_>) -> Packing {
    let is_exact = |packing: &Packing| {
        let shifts = matrix.factors.iter().all(|factor| packing.shifts().contains(&factor.shift));
        let mut rows = matrix.weights.chunks_exact(matrix.taps.max(1)).zip(matrix.bias);
        let fits = |limit| rows.all(|(row, &bias)| lanes_are_exact(row.iter().copied(), bias, limit));
        shifts && limit(*packing).is_none_or(fits)
    };
    packings.iter().copied().find(is_exact).unwrap_or(Packing::RowMajor)
}

/// Every factor's shift is one that the dual-multiply kernels' output stage takes.
fn shifts_right(factors: &[FixedPoint]) -> bool {
    factors.iter().all(|factor| DUAL_MULTIPLY_SHIFTS.contains(&factor.shift))
}

fn is_exact_in_pairs(matrix: &Matrix<'_>) -> bool {
    let mut rows = matrix.weights.chunks_exact(matrix.taps.max(1)).zip(matrix.bias);
    while let Some((a, &bias_a)) = rows.next() {
        // The last of an odd number of channels is paired with zeros.
        let (b, bias_b) = rows.next().map_or((&[][..], 0), |(row, &bias)| (row, bias));
        if !paired_is_exact([a, b], [bias_a, bias_b]) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: FixedPoint = FixedPoint { multiplier: 1 << 30, shift: -1 };

    fn matrix<'a>(weights: &'a [i8], bias: &'a [i32], factors: &'a [FixedPoint]) -> Matrix<'a> {
        Matrix { taps: 2, weights, bias, factors }
    }

    #[test]
    fn lanes_are_as_wide_as_the_sums_need() {
        let good = matrix(&[1, 2, 3, 4, 5, -128], &[0, 0, 0], &[HALF]);
        assert_eq!(convolution(Target::CortexM0, &good), Packing::Lanes);
        assert_eq!(fully_connected(Target::CortexM0, &good), Packing::Fours);
        let wide_bias = matrix(&[1, 2, 3, 4, 5, 6], &[0, 1 << 20, 0], &[HALF]);
        assert_eq!(convolution(Target::CortexM0, &wide_bias), Packing::WideLanes);
        let wider_bias = matrix(&[1, 2, 3, 4, 5, 6], &[0, -(1 << 23), 0], &[HALF]);
        assert_eq!(convolution(Target::CortexM0, &wider_bias), Packing::RowMajor);
        assert_eq!(fully_connected(Target::CortexM0, &wider_bias), Packing::RowMajor);
        let far = [FixedPoint { multiplier: 1 << 30, shift: -14 }];
        assert_eq!(convolution(Target::CortexM0, &matrix(&[1, 2], &[0], &far)), Packing::WideLanes);
        let farther = [FixedPoint { multiplier: 1 << 30, shift: -17 }];
        assert_eq!(convolution(Target::CortexM0, &matrix(&[1, 2], &[0], &farther)), Packing::RowMajor);
    }

    #[test]
    fn pairs_only_where_the_kernels_are_exact() {
        let good = matrix(&[1, 2, 3, 4, 5, 6], &[0, 0, 0], &[HALF]);
        assert_eq!(convolution(Target::CortexM4, &good), Packing::Paired);
        assert_eq!(convolution(Target::CortexM7, &good), Packing::Paired);
        assert_eq!(convolution(Target::CortexM3, &good), Packing::RowMajor);
        let lowest_weight = matrix(&[1, -128, 3, 4, 5, 6], &[0, 0, 0], &[HALF]);
        assert_eq!(convolution(Target::CortexM4, &lowest_weight), Packing::RowMajor);
        let wide_bias = matrix(&[1, 2, 3, 4, 5, 6], &[0, 1 << 23, 0], &[HALF]);
        assert_eq!(convolution(Target::CortexM4, &wide_bias), Packing::RowMajor);
        let no_shift = matrix(&[1, 2, 3, 4, 5, 6], &[0, 0, 0], &[FixedPoint { multiplier: 1 << 30, shift: 0 }]);
        assert_eq!(convolution(Target::CortexM4, &no_shift), Packing::RowMajor);
    }
}
