//! Row-major and symmetric: `[KH, KW, C]` as it is written, with no weight of -128, for vectors of channels.
//!
//! Two products of a weight and an activation are added in 16 bits, which a weight of -128 would not allow
//! (`arch/helium/channel_vectors.rs`). Not for a multiplier, and for at least a vector of channels. Any window.

use super::{DepthwisePacking, Order, WriteOrder, tap_major};
use crate::Io;
use crate::conv2d::Geometry;
use crate::depthwise::DepthwiseI8;
use crate::numerics::RIGHT_SHIFTS;
use crate::packing::PixelOrder;
use crate::registry::{Isa, Kernel, Operator, Row, in_build, packed};
use core::ops::RangeInclusive;

/// Least channels of a layer: those of a vector.
pub(crate) const VECTOR: usize = 16;

/// See the module.
pub(crate) struct RowMajorSymmetric;

impl Order for RowMajorSymmetric {
    packed! { "helium", DepthwisePacking::RowMajorSymmetric;
        run KERNELS: DepthwiseConv2D, DepthwiseI8[] = crate::arch::helium::depthwise_i8,
            emulated by crate::depthwise::portable::depthwise_i8;
    }

    const SHIFTS: RangeInclusive<i32> = RIGHT_SHIFTS;
    const LEAST_WEIGHT: i8 = -127;

    fn takes(geometry: &Geometry, multiplier: usize) -> bool {
        multiplier == 1 && geometry.input[2] >= VECTOR
    }

    fn nearest(geometry: &Geometry, _multiplier: usize) -> (Geometry, usize) {
        let mut geometry = *geometry;
        let channels = geometry.input[2];
        let channels = if channels < VECTOR { channels.saturating_add(VECTOR) } else { channels };
        (geometry.input[2], geometry.output[2]) = (channels, channels);
        (geometry, 1)
    }

    fn place(outputs: usize, area: usize, output: usize, tap: usize) -> usize {
        tap_major(outputs, area, output, tap)
    }

    fn write_order(_geometry: &Geometry) -> WriteOrder {
        WriteOrder::Pixels(PixelOrder::Interleaved)
    }

    /// One window, for those that reach into the padding.
    fn scratch(geometry: &Geometry) -> usize {
        geometry.kernel[0].saturating_mul(geometry.kernel[1]).saturating_mul(geometry.input[2])
    }
}
