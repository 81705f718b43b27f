//! Which packing a layer's weights get. The one place where the target matters.
//!
//! [`Packing::Paired`] computes two output channels from one multiplication. It is exact only when the sums
//! of both can be told apart afterwards, which is proved here from the actual weights; and its kernels round
//! by shifting right, so every factor must be below one half. [`Packing::Lanes`], [`Packing::WideLanes`] and
//! [`Packing::Fours`] are likewise exact only within limits on sums and factors.

use core::ops::RangeInclusive;

use kinglet_kernels::conv2d::packing::{
    accumulator_is_narrow, lanes_are_exact, limit, octets_are_exact, paired_is_exact,
};
use kinglet_kernels::conv2d::{Geometry, Packing};
use kinglet_kernels::depthwise::DepthwisePacking;
use kinglet_kernels::numerics::{DUAL_MULTIPLY_SHIFTS, FixedPoint};

use crate::target::{Target, has_dual_multiply, has_helium, has_lanes, has_single_multiply};

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

impl Matrix<'_> {
    /// Every output's weights and bias are such that `holds`.
    fn every_row(&self, holds: impl Fn(&[i8], i32) -> bool) -> bool {
        self.weights.chunks_exact(self.taps.max(1)).zip(self.bias).all(|(row, &bias)| holds(row, bias))
    }
}

/// The packing of a convolution without groups.
pub(super) fn convolution(target: Target, matrix: &Matrix<'_>) -> Packing {
    if has_lanes(target) {
        first_exact(&[Packing::Lanes, Packing::WideLanes], matrix)
    } else if has_helium(target) && takes_shifts(Packing::Quads.shifts(), matrix.factors) {
        Packing::Quads
    } else if has_dual_multiply(target) && shifts_right(matrix.factors) && is_exact_in_pairs(matrix) {
        Packing::Paired
    } else if has_single_multiply(target) && shifts_right(matrix.factors) && matrix.every_row(accumulator_is_narrow) {
        Packing::Interleaved
    } else {
        Packing::RowMajor
    }
}

/// The packing of a fully connected layer. Kernels for it know no extra shift bytes, so the shifts of all channels
/// must fit the two bits of their words.
pub(super) fn fully_connected(target: Target, matrix: &Matrix<'_>) -> Packing {
    if has_lanes(target) {
        return first_exact(&[Packing::Fours], matrix);
    }
    if has_helium(target) {
        return convolution(target, matrix);
    }
    let shifts = || matrix.factors.iter().map(|factor| factor.shift);
    let span = shifts().max().unwrap_or(0) - shifts().min().unwrap_or(0);
    if span > 3 {
        Packing::RowMajor
    } else if has_single_multiply(target) {
        let is_exact = shifts_right(matrix.factors) && matrix.every_row(octets_are_exact);
        if is_exact { Packing::Octets } else { Packing::RowMajor }
    } else if convolution(target, matrix) == Packing::Paired {
        Packing::PairedBlocks
    } else {
        Packing::RowMajor
    }
}

/// The packing of a depthwise convolution. Helium's kernels for any window add two products in 16 bits, which no
/// weight of -128 allows. Planes hold undilated rows, and their kernels double the
/// accumulators, which must stay below `2^30`.
pub(super) fn depthwise(
    target: Target,
    geometry: &Geometry,
    multiplier: usize,
    (weights, bias, factors): (&[i8], &[i32], &[FixedPoint]),
) -> DepthwisePacking {
    // The widest window that a record can say, 255 x 255 taps of 128 * 127, is less than 2^30 by this much.
    const BIAS_LIMIT: u32 = (1 << 30) - 255 * 255 * 128 * 128 / 2;
    let narrow = bias.iter().all(|bias| bias.unsigned_abs() < BIAS_LIMIT);
    let helium = [DepthwisePacking::Windows, DepthwisePacking::Lanes];
    let in_range = !weights.contains(&i8::MIN);
    let taken = |packing: &DepthwisePacking| {
        let exact = *packing != DepthwisePacking::Lanes || in_range;
        exact && packing.takes(geometry, multiplier) && takes_shifts(packing.shifts(), factors)
    };
    if let Some(packing) = helium.into_iter().find(taken).filter(|_| has_helium(target)) {
        return packing;
    }
    if has_lanes(target) && DepthwisePacking::WordPlane.takes(geometry, multiplier) {
        // Its kernels tell by themselves which channels need the long way.
        return DepthwisePacking::WordPlane;
    }
    let takes = |packing: DepthwisePacking| packing.takes(geometry, multiplier) && shifts_right(factors) && narrow;
    if has_dual_multiply(target) && takes(DepthwisePacking::Planar) {
        DepthwisePacking::Planar
    } else if has_single_multiply(target) && takes(DepthwisePacking::Triples) {
        DepthwisePacking::Triples
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
    takes_shifts(DUAL_MULTIPLY_SHIFTS, factors)
}

fn takes_shifts(shifts: RangeInclusive<i32>, factors: &[FixedPoint]) -> bool {
    factors.iter().all(|factor| shifts.contains(&factor.shift))
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
        assert_eq!(convolution(Target::Portable, &good), Packing::RowMajor);
        let lowest_weight = matrix(&[1, -128, 3, 4, 5, 6], &[0, 0, 0], &[HALF]);
        assert_eq!(convolution(Target::CortexM4, &lowest_weight), Packing::RowMajor);
        let wide_bias = matrix(&[1, 2, 3, 4, 5, 6], &[0, 1 << 23, 0], &[HALF]);
        assert_eq!(convolution(Target::CortexM4, &wide_bias), Packing::RowMajor);
        let no_shift = matrix(&[1, 2, 3, 4, 5, 6], &[0, 0, 0], &[FixedPoint { multiplier: 1 << 30, shift: 0 }]);
        assert_eq!(convolution(Target::CortexM4, &no_shift), Packing::RowMajor);
    }

    #[test]
    fn interleaves_for_cores_with_a_single_multiply() {
        let good = matrix(&[1, -128, 3, 4, 5, 6], &[0, 0, 0], &[HALF]);
        assert_eq!(convolution(Target::CortexM3, &good), Packing::Interleaved);
        assert_eq!(fully_connected(Target::CortexM3, &good), Packing::Octets);
        let wide_bias = matrix(&[1, 2, 3, 4, 5, 6], &[0, 1 << 29, 0], &[HALF]);
        assert_eq!(convolution(Target::CortexM3, &wide_bias), Packing::RowMajor);
        assert_eq!(fully_connected(Target::CortexM3, &wide_bias), Packing::RowMajor);
        let no_shift = matrix(&[1, 2, 3, 4, 5, 6], &[0, 0, 0], &[FixedPoint { multiplier: 1 << 30, shift: 0 }]);
        assert_eq!(convolution(Target::CortexM3, &no_shift), Packing::RowMajor);
        let long = [127; 300];
        let long = Matrix { taps: 300, ..matrix(&long, &[0], &[HALF]) };
        assert_eq!(fully_connected(Target::CortexM3, &long), Packing::RowMajor);
    }
}
