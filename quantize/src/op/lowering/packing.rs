//! Which packing a layer's weights get: of those for the target's instruction set the first whose kernels compute the
//! layer exactly, which the packing itself proves from weights, biases and factors, if it pays; else row-major.

use kinglet_kernels::conv2d::Geometry;
use kinglet_kernels::packing::{DepthwisePacking, Numbers, Packing, Sparse, Storage};

use crate::cost;
use crate::record::Work;
use crate::target::{Target, isa};

/// The packing of a convolution that takes `work`.
pub(crate) fn convolution(target: Target, groups: usize, numbers: &Numbers<'_>, work: &Work) -> Packing {
    let exact = exact_convolution(target, groups, numbers);
    let pays = cost::is_worth_packing(target, "conv2d-i8", exact as u8, work);
    if pays { exact } else { Packing::RowMajor }
}

/// Packed weights as the blob has them.
pub(crate) fn without_zeros(storage: Storage, sparse: Sparse, packed: Vec<i8>) -> Vec<i8> {
    if storage == Storage::Sparse { sparse.encode(&packed).collect() } else { packed }
}

/// The packing of a fully connected layer that takes `work`.
pub(crate) fn fully_connected(target: Target, numbers: &Numbers<'_>, work: &Work) -> Packing {
    let exact = exact_fully_connected(target, numbers);
    let pays = cost::is_worth_packing(target, "fully-connected-i8", exact as u8, work);
    if pays { exact } else { Packing::RowMajor }
}

/// The packing of a depthwise convolution that takes `work`.
pub(crate) fn depthwise(
    target: Target,
    geometry: &Geometry,
    multiplier: usize,
    numbers: &Numbers<'_>,
    work: &Work,
) -> DepthwisePacking {
    let takes = |packing: &DepthwisePacking| packing.takes(geometry, multiplier) && packing.is_exact(numbers);
    let mut own = DepthwisePacking::ALL.into_iter().filter(|packing| packing.isa() == isa(target));
    let exact = own.find(takes).unwrap_or(DepthwisePacking::RowMajor);
    let pays = cost::is_worth_packing(target, "depthwise-i8", exact as u8, work);
    if pays { exact } else { DepthwisePacking::RowMajor }
}

fn exact_convolution(target: Target, groups: usize, numbers: &Numbers<'_>) -> Packing {
    first(target, |packing| packing.takes_conv2d(groups, numbers))
}

fn exact_fully_connected(target: Target, numbers: &Numbers<'_>) -> Packing {
    first(target, |packing| packing.takes_fully_connected(numbers))
}

/// The first of the target's own packings that takes the layer.
fn first(target: Target, takes: impl Fn(Packing) -> bool) -> Packing {
    let own = Packing::ALL.into_iter().filter(|packing| packing.isa() == isa(target));
    own.into_iter().find(|&packing| takes(packing)).unwrap_or(Packing::RowMajor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kinglet_kernels::numerics::FixedPoint;

    const HALF: FixedPoint = FixedPoint { multiplier: 1 << 30, shift: -1 };

    fn conv(target: Target, numbers: &Numbers<'_>) -> Packing {
        exact_convolution(target, 1, numbers)
    }

    fn dense(target: Target, numbers: &Numbers<'_>) -> Packing {
        exact_fully_connected(target, numbers)
    }

    fn matrix<'a>(weights: &'a [i8], bias: &'a [i32], factors: &'a [FixedPoint]) -> Numbers<'a> {
        Numbers { taps: 2, storage: Storage::Bits8, weights, bias, factors }
    }

    #[test]
    fn accumulators_are_as_wide_as_the_sums_need() {
        let good = matrix(&[1, 2, 3, 4, 5, -128], &[0, 0, 0], &[HALF]);
        assert_eq!(conv(Target::CortexM0, &good), Packing::UnsignedRows20);
        assert_eq!(dense(Target::CortexM0, &good), Packing::FourChannelsUnsigned);
        let wide_bias = matrix(&[1, 2, 3, 4, 5, 6], &[0, 1 << 20, 0], &[HALF]);
        assert_eq!(conv(Target::CortexM0, &wide_bias), Packing::UnsignedRows23);
        let wider_bias = matrix(&[1, 2, 3, 4, 5, 6], &[0, -(1 << 23), 0], &[HALF]);
        assert_eq!(conv(Target::CortexM0, &wider_bias), Packing::RowMajor);
        assert_eq!(dense(Target::CortexM0, &wider_bias), Packing::RowMajor);
        let far = [FixedPoint { multiplier: 1 << 30, shift: -14 }];
        assert_eq!(conv(Target::CortexM0, &matrix(&[1, 2], &[0], &far)), Packing::UnsignedRows23);
        let farther = [FixedPoint { multiplier: 1 << 30, shift: -17 }];
        assert_eq!(conv(Target::CortexM0, &matrix(&[1, 2], &[0], &farther)), Packing::RowMajor);
    }

    #[test]
    fn pairs_only_where_the_kernels_are_exact() {
        let good = matrix(&[1, 2, 3, 4, 5, 6], &[0, 0, 0], &[HALF]);
        assert_eq!(conv(Target::CortexM4, &good), Packing::ChannelPairs);
        assert_eq!(conv(Target::CortexM7, &good), Packing::ChannelPairs);
        assert_eq!(conv(Target::Portable, &good), Packing::RowMajor);
        let lowest_weight = matrix(&[1, -128, 3, 4, 5, 6], &[0, 0, 0], &[HALF]);
        assert_eq!(conv(Target::CortexM4, &lowest_weight), Packing::RowMajor);
        let wide_bias = matrix(&[1, 2, 3, 4, 5, 6], &[0, 1 << 23, 0], &[HALF]);
        assert_eq!(conv(Target::CortexM4, &wide_bias), Packing::RowMajor);
        let no_shift = matrix(&[1, 2, 3, 4, 5, 6], &[0, 0, 0], &[FixedPoint { multiplier: 1 << 30, shift: 0 }]);
        assert_eq!(conv(Target::CortexM4, &no_shift), Packing::RowMajor);
    }

    #[test]
    fn channels_stand_together_for_cores_with_a_single_multiply() {
        let good = matrix(&[1, -128, 3, 4, 5, 6], &[0, 0, 0], &[HALF]);
        assert_eq!(conv(Target::CortexM3, &good), Packing::FourChannels);
        assert_eq!(dense(Target::CortexM3, &good), Packing::EightChannelsUnsigned);
        let wide_bias = matrix(&[1, 2, 3, 4, 5, 6], &[0, 1 << 29, 0], &[HALF]);
        assert_eq!(conv(Target::CortexM3, &wide_bias), Packing::RowMajor);
        assert_eq!(dense(Target::CortexM3, &wide_bias), Packing::RowMajor);
        let no_shift = matrix(&[1, 2, 3, 4, 5, 6], &[0, 0, 0], &[FixedPoint { multiplier: 1 << 30, shift: 0 }]);
        assert_eq!(conv(Target::CortexM3, &no_shift), Packing::RowMajor);
        let long = [127; 300];
        let long = Numbers { taps: 300, ..matrix(&long, &[0], &[HALF]) };
        assert_eq!(dense(Target::CortexM3, &long), Packing::RowMajor);
    }
}
