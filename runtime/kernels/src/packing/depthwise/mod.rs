//! Packings of a depthwise convolution's weights, `[kernel area, outputs]`.

mod emulate;
pub(crate) mod four_halfword_planes;
pub(crate) mod four_pair_planes;
pub(crate) mod one_pair_plane;
mod row_major;
pub(crate) mod row_major_symmetric;
pub(crate) mod tap_pairs_by_32;
pub(crate) mod windows_3x3;

use super::dense::{ask, enumerate};
use super::{Lanes, Numbers, Sparse, Storage, Widening, WriteOrder, widened_len};
use crate::Io;
use crate::conv2d::Geometry;
use crate::depthwise::DepthwiseI8;
use crate::registry::{Isa, Row};
use core::ops::RangeInclusive;

/// The list. Tags are part of the blob format; of several packings for one instruction set the compiler takes the first
/// that takes the layer.
macro_rules! depthwise_packings {
    ($then:ident $more:tt) => {
        $then! { $more
            /// `[KH, KW, C * multiplier]` as it is written; every kernel set runs it.
            RowMajor = 0, "row-major", row_major;
            /// Channel by channel, for planes of 16-bit numbers, four channels at a time.
            FourHalfwordPlanes = 1, "four-halfword-planes", four_halfword_planes;
            /// Channel by channel, for planes of overlapping pairs, four channels at a time.
            FourPairPlanes = 2, "four-pair-planes", four_pair_planes;
            /// Channel by channel, for 3x3 windows that are vectors.
            Windows3x3 = 4, "windows-3x3", windows_3x3;
            /// Row-major, with no weight of -128, for vectors of channels.
            RowMajorSymmetric = 3, "row-major-symmetric", row_major_symmetric;
            /// Channel by channel, for one plane of overlapping pairs.
            OnePairPlane = 5, "one-pair-plane", one_pair_plane;
            /// Pairs of neighbouring taps, 32 channels at a time.
            TapPairsBy32 = 6, "tap-pairs-by-32", tap_pairs_by_32;
        }
    };
}

depthwise_packings! { enumerate [
    /// The order of a depthwise layer's weights in the blob, and with it the family of kernels that runs it.
    DepthwisePacking
] }

/// What is true of one order of weights.
pub(crate) trait Order {
    /// The instruction set that its kernels are for.
    const ISA: Isa;
    /// True when this build has a kernel for it.
    const IS_RUNNABLE: bool;
    /// Shifts of the factors that its kernels take.
    const SHIFTS: RangeInclusive<i32>;
    /// The least weight that its kernels take.
    const LEAST_WEIGHT: i8 = i8::MIN;
    /// Its kernels.
    const KERNELS: &'static [Row];
    /// The same for the registry.
    const ROWS: &'static [&'static [Row]] = &[Self::KERNELS];

    /// True when the kernels take layers of this shape.
    fn takes(geometry: &Geometry, multiplier: usize) -> bool;

    /// A shape like this one that the kernels take, for tests that draw shapes at random; `None` when they take none.
    /// The output follows from the input as before, but for what it says.
    fn nearest(geometry: &Geometry, multiplier: usize) -> (Geometry, usize) {
        (*geometry, multiplier)
    }

    /// True when the kernels compute a layer with these biases to the bit, whatever the activations.
    fn is_exact(_numbers: &Numbers<'_>) -> bool {
        true
    }

    /// The place of weight `tap` of output channel `output`. Orders have as many places as there are weights.
    fn place(outputs: usize, area: usize, output: usize, tap: usize) -> usize {
        channel_major(outputs, area, output, tap)
    }

    /// In which order outputs are written.
    fn write_order(geometry: &Geometry) -> WriteOrder;

    /// Bytes of scratch.
    fn scratch(geometry: &Geometry) -> usize;

    /// Runs this build's kernel; false when there is none.
    fn run(layer: &DepthwiseI8, io: &mut Io<i8>, scratch: &mut [i8]) -> bool;
}

/// The place in `[C * multiplier, KH, KW]`.
fn channel_major(_outputs: usize, area: usize, output: usize, tap: usize) -> usize {
    output.wrapping_mul(area).wrapping_add(tap)
}

/// The place in `[KH, KW, C * multiplier]`.
fn tap_major(outputs: usize, _area: usize, output: usize, tap: usize) -> usize {
    tap.wrapping_mul(outputs).wrapping_add(output)
}

/// Accumulators can be doubled within 31 bits: the widest window that a record can say, 255 x 255 taps of 128 * 127, is
/// less than `2^30` by this much.
fn biases_can_be_doubled(numbers: &Numbers<'_>) -> bool {
    const LIMIT: u32 = (1 << 30) - 255 * 255 * 128 * 128 / 2;
    numbers.bias.iter().all(|bias| bias.unsigned_abs() < LIMIT)
}

/// The shape without dilation, which planes do not hold.
fn undilated(geometry: &Geometry) -> Geometry {
    Geometry { dilation: [1, 1], ..*geometry }
}

impl DepthwisePacking {
    /// The instruction set that the packing's kernels are for.
    pub const fn isa(self) -> Isa {
        depthwise_packings!(ask [DepthwisePacking self, P => P::ISA])
    }

    /// True when this build has a kernel for the packing, see [`Packing::is_runnable`](super::Packing::is_runnable).
    pub const fn is_runnable(self) -> bool {
        depthwise_packings!(ask [DepthwisePacking self, P => P::IS_RUNNABLE])
    }

    /// True when the packing's kernels take layers of this shape.
    pub fn takes(self, geometry: &Geometry, multiplier: usize) -> bool {
        depthwise_packings!(ask [DepthwisePacking self, P => P::takes(geometry, multiplier)])
    }

    /// A shape like this one that the packing's kernels usually take, for tests that draw shapes at random.
    pub fn nearest(self, geometry: &Geometry, multiplier: usize) -> (Geometry, usize) {
        depthwise_packings!(ask [DepthwisePacking self, P => P::nearest(geometry, multiplier)])
    }

    /// True when weights, biases and factors are such that the packing's kernels are exact.
    pub fn is_exact(self, numbers: &Numbers<'_>) -> bool {
        numbers.are_within(self.least_weight(), self.shifts())
            && depthwise_packings!(ask [DepthwisePacking self, P => P::is_exact(numbers)])
    }

    /// Shifts of the factors that the packing's kernels take.
    pub const fn shifts(self) -> RangeInclusive<i32> {
        depthwise_packings!(ask [DepthwisePacking self, P => P::SHIFTS])
    }

    /// The least weight that the packing's kernels take; tests draw no others.
    pub const fn least_weight(self) -> i8 {
        depthwise_packings!(ask [DepthwisePacking self, P => P::LEAST_WEIGHT])
    }

    /// Writes `row_major`, `[kernel_area, outputs]`, into `out` as the packing orders it.
    pub fn pack(self, storage: Storage, outputs: usize, kernel_area: usize, row_major: &[i8], out: &mut [i8]) {
        for (at, weight) in row_major.iter().enumerate() {
            let (tap, output) = (at.checked_div(outputs).unwrap_or(0), at.checked_rem(outputs).unwrap_or(0));
            let place =
                depthwise_packings!(ask [DepthwisePacking self, P => P::place(outputs, kernel_area, output, tap)]);
            storage.write(out, place, *weight);
        }
    }

    /// Weight `tap` of output channel `output` of `outputs`, for a window of `kernel_area` positions; 0 outside the layer.
    pub fn weight_at(
        self,
        storage: Storage,
        [outputs, output]: [usize; 2],
        kernel_area: usize,
        weights: &[i8],
        tap: usize,
    ) -> i8 {
        let place = depthwise_packings!(ask [DepthwisePacking self, P => P::place(outputs, kernel_area, output, tap)]);
        storage.read(weights, place).unwrap_or(0)
    }

    /// Bytes of a layer's weights with `outputs` output channels and a window of `kernel_area` positions: no packing
    /// has more places than weights.
    pub fn weight_len(self, storage: Storage, outputs: usize, kernel_area: usize) -> usize {
        storage.bytes(outputs.saturating_mul(kernel_area))
    }

    /// The places of a layer's weights, for [`Storage::Sparse`].
    pub fn sparse(self, outputs: usize, kernel_area: usize) -> Sparse {
        Sparse { head: 0, places: outputs.saturating_mul(kernel_area) }
    }

    /// How the weights are widened.
    pub(crate) fn widening(self, storage: Storage, outputs: usize, kernel_area: usize) -> Widening {
        Widening { storage, lanes: Lanes::Signed, head: 0, places: outputs.saturating_mul(kernel_area) }
    }

    /// Bytes of scratch for widened weights.
    pub(crate) fn widened_len(self, storage: Storage, outputs: usize, kernel_area: usize) -> usize {
        widened_len(storage, 0, outputs.saturating_mul(kernel_area))
    }

    /// In which order outputs are written.
    pub fn write_order(self, geometry: &Geometry) -> WriteOrder {
        depthwise_packings!(ask [DepthwisePacking self, P => P::write_order(geometry)])
    }

    /// See [`crate::depthwise::depthwise_i8_scratch_len`].
    pub(crate) fn scratch(self, geometry: &Geometry) -> usize {
        // What this build cannot run is refused anyway; without this line its layouts would be linked.
        if !self.is_runnable() {
            return 0;
        }
        depthwise_packings!(ask [DepthwisePacking self, P => P::scratch(geometry)])
    }

    /// See [`crate::depthwise::depthwise_i8`].
    #[inline(always)]
    pub(crate) fn run(layer: &DepthwiseI8, io: &mut Io<i8>, scratch: &mut [i8]) {
        if !depthwise_packings!(ask [DepthwisePacking layer.packing, P => P::run(layer, io, scratch)]) {
            io.refuse();
        }
    }
}
