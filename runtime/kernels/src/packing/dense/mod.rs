//! Packings of a matrix of weights, `[outputs, taps]`: those of Conv2D and of FullyConnected.

pub(crate) mod channel_pairs;
pub(crate) mod channel_pairs_by_four;
mod channel_quads;
mod eight_channels_unsigned;
mod emulate;
pub(crate) mod four_by_sixteen;
pub(crate) mod four_channels;
mod four_channels_unsigned;
mod row_major;
pub(crate) mod unsigned_rows_20;
mod unsigned_rows_23;

use super::{Lanes, Numbers, PixelOrder, Sparse, Storage, Taps, Widening, widened_len};
use crate::Io;
use crate::conv2d::{Conv2dI8, Geometry};
use crate::dense::{Dense, Vector};
use crate::fully_connected::FullyConnectedI8;
use crate::registry::{Isa, Row};
use core::ops::RangeInclusive;

/// The list. Tags are part of the blob format; of several packings for one instruction set the compiler takes the first
/// that is exact.
macro_rules! dense_packings {
    ($then:ident $more:tt) => {
        $then! { $more
            /// `[O, KH, KW, C / groups]` as it is written; every kernel set runs it.
            RowMajor = 0, "row-major", row_major;
            /// Two output channels in a 16-bit number, four taps at a time.
            ChannelPairs = 1, "channel-pairs", channel_pairs;
            /// Four output channels together, tap by tap, behind the length of their chunks.
            FourChannels = 2, "four-channels", four_channels;
            /// Eight output channels together, tap by tap, as unsigned bytes.
            EightChannelsUnsigned = 3, "eight-channels-unsigned", eight_channels_unsigned;
            /// Tiles of four output channels by sixteen taps.
            FourBySixteen = 4, "four-by-sixteen", four_by_sixteen;
            /// Two output channels in a 16-bit number, four pairs of them together.
            ChannelPairsByFour = 5, "channel-pairs-by-four", channel_pairs_by_four;
            /// Row-major, as unsigned bytes, with accumulators of 20 bits.
            UnsignedRows20 = 6, "unsigned-rows-20", unsigned_rows_20;
            /// Row-major, as unsigned bytes, with accumulators of 23 bits.
            UnsignedRows23 = 7, "unsigned-rows-23", unsigned_rows_23;
            /// Four output channels together, tap by tap, as unsigned bytes.
            FourChannelsUnsigned = 8, "four-channels-unsigned", four_channels_unsigned;
        }
    };
}

/// The enum of a list, and the kernels of all its rows.
macro_rules! enumerate {
    ([$(#[$doc:meta])* $Packing:ident]
        $($(#[$row:meta])* $Name:ident = $tag:literal, $text:literal, $module:ident;)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $Packing {
            $($(#[$row])* $Name = $tag,)*
        }

        impl $Packing {
            /// Every packing, in the order of the list.
            pub const ALL: [$Packing; { [$($text),*].len() }] = [$($Packing::$Name),*];

            /// The packing with tag `tag`.
            pub fn from_tag(tag: u8) -> Option<$Packing> {
                match tag {
                    $($tag => Some($Packing::$Name),)*
                    _ => None,
                }
            }

            /// What people, files and commands call it.
            pub const fn name(self) -> &'static str {
                match self {
                    $($Packing::$Name => $text,)*
                }
            }
        }

        /// Rows of the registry: for each packing and operator those of its kernels.
        pub(crate) const ROWS: &[&[&[Row]]] = &[$(<$module::$Name as Order>::ROWS),*];
    };
}
pub(super) use enumerate;

/// What the file of a packing says: `Packing` of a value, then an expression about the type `P` behind it.
macro_rules! ask {
    ([$Packing:ident $packing:expr, $P:ident => $answer:expr]
        $($(#[$row:meta])* $Name:ident = $tag:literal, $text:literal, $module:ident;)*) => {
        match $packing {
            $($Packing::$Name => {
                type $P = $module::$Name;
                $answer
            })*
        }
    };
}
pub(super) use ask;

dense_packings! { enumerate [
    /// The order of a matrix of weights in the blob, and with it the family of kernels that runs it.
    Packing
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
    /// True when all its kernels take factors with extra shifts; else those of FullyConnected do not.
    const TAKES_EXTRA_SHIFTS: bool = true;
    /// True when each weight is stored plus 128, as an unsigned byte.
    const IS_UNSIGNED: bool = false;
    /// True when two places are a 16-bit number, [`Lanes::Pairs`].
    const IS_PAIRED: bool = false;
    /// True when its kernels read weights of four bits as they are stored. Others are widened to bytes first.
    const READS_FOUR_BITS: bool = false;
    /// Bytes before the weights, a multiple of four.
    const HEAD: usize = 0;
    /// In which order Conv2D writes its outputs. FullyConnected writes rows in order, each while it is being read.
    const PIXEL_ORDER: PixelOrder = PixelOrder::ReadThenWrite;
    /// Kernels of Conv2D; none when it is not for Conv2D.
    const CONV2D: &'static [Row] = &[];
    /// Kernels of FullyConnected; none when it is not for FullyConnected.
    const FULLY_CONNECTED: &'static [Row] = &[];
    /// All of them.
    const ROWS: &'static [&'static [Row]] = &[Self::CONV2D, Self::FULLY_CONNECTED];

    /// True when there are kernels for convolutions with groups.
    fn takes_groups() -> bool {
        false
    }

    /// True when the kernels compute a layer with these weights and biases to the bit, whatever the activations.
    fn is_exact(numbers: &Numbers<'_>) -> bool;

    /// False when the bytes before the weights say what no kernel can work with; looked at whenever a blob is loaded.
    fn takes_head(weights: &[i8]) -> bool {
        let _ = weights;
        true
    }

    /// False when the bytes before the weights are wrong for `row_major`, `[outputs, taps]`.
    fn is_head_of(weights: &[i8], taps: usize, row_major: &[i8]) -> bool {
        let _ = (weights, taps, row_major);
        true
    }

    /// How many places `outputs` channels of `taps` weights need.
    fn places(outputs: usize, taps: usize) -> usize;

    /// The place of a weight. Every other place holds a zero.
    fn place(outputs: usize, taps: Taps, output: usize, tap: usize) -> usize;

    /// Writes `row_major`, `[outputs, taps]`, into `out`, all of whose bytes are written.
    fn pack(storage: Storage, outputs: usize, taps: Taps, row_major: &[i8], out: &mut [i8]) {
        pack_places::<Self>(storage, outputs, taps, row_major, out);
    }

    /// Weight `tap` of output channel `output`; 0 outside of `weights`.
    #[inline]
    fn weight_at(storage: Storage, [outputs, output]: [usize; 2], taps: Taps, weights: &[i8], tap: usize) -> i8 {
        let weights = weights.get(Self::HEAD..).unwrap_or_default();
        storage
            .read(weights, Self::place(outputs, taps, output, tap))
            .map_or(0, |weight| stored::<Self>(storage, weight))
    }

    /// Computes all outputs of one vector and writes them from element `at` on, in plain Rust, weight by weight.
    fn outputs(dense: &Dense<'_>, taps: Taps, io: &mut Io<i8>, vector: Vector<'_>, at: usize) {
        let outputs = dense.bias.len();
        for output in 0..outputs {
            let weight = |tap| Self::weight_at(Storage::Bits8, [outputs, output], taps, dense.weights, tap);
            let inputs = dense.vector(io, vector).iter().enumerate();
            let sum = inputs
                .fold(0_i32, |sum, (tap, x)| sum.wrapping_add(i32::from(*x).wrapping_mul(i32::from(weight(tap)))));
            io.set(at.wrapping_add(output), dense.finish(output, sum));
        }
    }

    /// Bytes of scratch of a convolution.
    fn conv2d_scratch(_geometry: &Geometry) -> usize {
        0
    }

    /// Bytes of scratch of a fully connected layer.
    fn fully_connected_scratch(_taps: usize) -> usize {
        0
    }

    /// Runs this build's kernel; false when there is none.
    fn conv2d(layer: &Conv2dI8, io: &mut Io<i8>, scratch: &mut [i8]) -> bool {
        let _ = (layer, io, scratch);
        false
    }

    /// Runs this build's kernel; false when there is none.
    fn fully_connected(layer: &FullyConnectedI8, io: &mut Io<i8>, scratch: &mut [i8]) -> bool {
        let _ = (layer, io, scratch);
        false
    }
}

/// Writes each weight to its place, and zeros to all others.
fn pack_places<P: Order + ?Sized>(storage: Storage, outputs: usize, taps: Taps, row_major: &[i8], out: &mut [i8]) {
    for place in 0..P::places(outputs, taps.count()) {
        storage.write(out, place, stored::<P>(storage, 0));
    }
    for (index, weight) in row_major.iter().enumerate().take(outputs.saturating_mul(taps.count())) {
        let (output, tap) = (index.checked_div(taps.count()), index.checked_rem(taps.count()));
        let place = P::place(outputs, taps, output.unwrap_or(0), tap.unwrap_or(0));
        storage.write(out, place, stored::<P>(storage, *weight));
    }
}

/// A weight as it is stored, and back. Those of fewer than eight bits are what kernels want when they have been widened.
#[inline]
fn stored<P: Order + ?Sized>(storage: Storage, weight: i8) -> i8 {
    if P::IS_UNSIGNED && storage == Storage::Bits8 { weight ^ i8::MIN } else { weight }
}

/// What the bytes of a packing are to its kernels.
const fn lanes<P: Order + ?Sized>() -> Lanes {
    match (P::IS_UNSIGNED, P::IS_PAIRED) {
        (true, _) => Lanes::Unsigned,
        (false, true) => Lanes::Pairs,
        (false, false) => Lanes::Signed,
    }
}

impl Packing {
    /// The instruction set that the packing's kernels are for.
    pub const fn isa(self) -> Isa {
        dense_packings!(ask [Packing self, P => P::ISA])
    }

    /// True when this build has a kernel for the packing: its machine's own and the row-major one, and with the cargo
    /// feature `emulation` every other, so that a blob for a board can be tried where it was compiled.
    pub const fn is_runnable(self) -> bool {
        dense_packings!(ask [Packing self, P => P::IS_RUNNABLE])
    }

    /// Shifts of the factors that the packing's kernels take.
    pub const fn shifts(self) -> RangeInclusive<i32> {
        dense_packings!(ask [Packing self, P => P::SHIFTS])
    }

    /// The least weight that the packing's kernels take; tests draw no others.
    pub const fn least_weight(self) -> i8 {
        dense_packings!(ask [Packing self, P => P::LEAST_WEIGHT])
    }

    /// True when the packing has kernels for Conv2D.
    pub const fn is_for_conv2d(self) -> bool {
        dense_packings!(ask [Packing self, P => !P::CONV2D.is_empty()])
    }

    /// True when the packing has kernels for FullyConnected.
    pub const fn is_for_fully_connected(self) -> bool {
        dense_packings!(ask [Packing self, P => !P::FULLY_CONNECTED.is_empty()])
    }

    /// True when this build runs convolutions with `groups` groups.
    pub fn runs_conv2d(self, groups: usize) -> bool {
        let takes_groups = dense_packings!(ask [Packing self, P => P::takes_groups()]);
        self.is_runnable() && self.is_for_conv2d() && (takes_groups || groups == 1)
    }

    /// True when this build runs fully connected layers, whose factors may have extra shifts.
    pub fn runs_fully_connected(self, has_extra_shifts: bool) -> bool {
        let takes_extra = dense_packings!(ask [Packing self, P => P::TAKES_EXTRA_SHIFTS]);
        self.is_runnable() && self.is_for_fully_connected() && (takes_extra || !has_extra_shifts)
    }

    /// True when the packing's kernels compute a convolution with `groups` groups and these numbers exactly.
    pub fn takes_conv2d(self, groups: usize, numbers: &Numbers<'_>) -> bool {
        self.runs_conv2d(groups) && self.is_exact(numbers)
    }

    /// True when the packing's kernels compute a fully connected layer with these numbers exactly. Relative shifts
    /// beyond 3 need extra bytes.
    pub fn takes_fully_connected(self, numbers: &Numbers<'_>) -> bool {
        self.runs_fully_connected(numbers.span_of_shifts() > 3) && self.is_exact(numbers)
    }

    /// True when weights, biases and factors are such that the packing's kernels are exact.
    pub fn is_exact(self, numbers: &Numbers<'_>) -> bool {
        numbers.are_within(self.least_weight(), self.shifts())
            && dense_packings!(ask [Packing self, P => P::is_exact(numbers)])
    }

    /// True when what stands before the weights can be worked with. It is looked at whenever a blob is loaded.
    pub fn takes_head(self, weights: &[i8]) -> bool {
        // As in `weight_len`.
        !self.is_runnable() || dense_packings!(ask [Packing self, P => P::takes_head(weights)])
    }

    /// True when what stands before the weights is right for `row_major`, `[outputs, taps]`, which are the weights.
    pub fn is_head_of(self, weights: &[i8], taps: usize, row_major: &[i8]) -> bool {
        dense_packings!(ask [Packing self, P => P::is_head_of(weights, taps, row_major)])
    }

    /// In which order Conv2D writes its outputs.
    pub const fn pixel_order(self) -> PixelOrder {
        dense_packings!(ask [Packing self, P => P::PIXEL_ORDER])
    }

    /// Bytes of a layer's weights with `outputs` output channels of `taps` weights each.
    pub fn weight_len(self, storage: Storage, outputs: usize, taps: usize) -> usize {
        // What this build cannot run is refused anyway; without this line its layouts would be linked.
        if !self.is_runnable() {
            return 0;
        }
        dense_packings!(ask [Packing self, P => storage.bytes(P::places(outputs, taps)).saturating_add(P::HEAD)])
    }

    /// The places of a layer's weights, for [`Storage::Sparse`].
    pub fn sparse(self, outputs: usize, taps: usize) -> Sparse {
        // As in `weight_len`.
        if !self.is_runnable() {
            return Sparse { head: 0, places: 0 };
        }
        dense_packings!(ask [Packing self, P => Sparse { head: P::HEAD, places: P::places(outputs, taps) }])
    }

    /// Writes `row_major`, `[outputs, taps]`, into `out` as the packing orders it. `out` has
    /// [`Packing::weight_len`] elements.
    pub fn pack(self, storage: Storage, outputs: usize, taps: Taps, row_major: &[i8], out: &mut [i8]) {
        dense_packings!(ask [Packing self, P => P::pack(storage, outputs, taps, row_major, out)]);
    }

    /// Weight `tap` of output channel `output` of `outputs`; 0 outside the layer.
    pub fn weight_at(
        self,
        storage: Storage,
        [outputs, output]: [usize; 2],
        taps: Taps,
        weights: &[i8],
        tap: usize,
    ) -> i8 {
        dense_packings!(ask [Packing self, P => P::weight_at(storage, [outputs, output], taps, weights, tap)])
    }

    /// True when the kernels read weights as they are stored: bytes always, others mostly not.
    #[inline]
    pub const fn reads(self, storage: Storage) -> bool {
        let is_read = matches!(storage, Storage::Bits4) && Storage::Bits4.is_runnable();
        matches!(storage, Storage::Bits8) || is_read && dense_packings!(ask [Packing self, P => P::READS_FOUR_BITS])
    }

    /// How the weights of `outputs` channels are widened.
    pub(crate) fn widening(self, storage: Storage, outputs: usize, taps: usize) -> Widening {
        let (lanes, head, places) =
            dense_packings!(ask [Packing self, P => (lanes::<P>(), P::HEAD, P::places(outputs, taps))]);
        Widening { storage, lanes, head, places }
    }

    /// Bytes of scratch for the widened weights of `outputs` channels.
    pub(crate) fn widened_len(self, storage: Storage, outputs: usize, taps: usize) -> usize {
        // As in `weight_len`; and where all weights are bytes, nobody asks.
        if !Storage::ANY_NARROW || self.reads(storage) || !self.is_runnable() {
            return 0;
        }
        dense_packings!(ask [Packing self, P => widened_len(storage, P::HEAD, P::places(outputs, taps))])
    }

    /// See [`crate::conv2d::conv2d_i8_scratch_len`].
    pub(crate) fn conv2d_scratch(self, geometry: &Geometry) -> usize {
        // As in `weight_len`.
        if !self.is_runnable() {
            return 0;
        }
        dense_packings!(ask [Packing self, P => P::conv2d_scratch(geometry)])
    }

    /// See [`crate::fully_connected::fully_connected_i8_scratch_len`].
    pub(crate) fn fully_connected_scratch(self, taps: usize) -> usize {
        // As in `weight_len`.
        if !self.is_runnable() {
            return 0;
        }
        dense_packings!(ask [Packing self, P => P::fully_connected_scratch(taps)])
    }

    /// See [`crate::conv2d::conv2d_i8`].
    #[inline(always)]
    pub(crate) fn conv2d(layer: &Conv2dI8, io: &mut Io<i8>, scratch: &mut [i8]) {
        if !dense_packings!(ask [Packing layer.packing, P => P::conv2d(layer, io, scratch)]) {
            io.refuse();
        }
    }

    /// See [`crate::fully_connected::fully_connected_i8`].
    #[inline(always)]
    pub(crate) fn fully_connected(layer: &FullyConnectedI8, io: &mut Io<i8>, scratch: &mut [i8]) {
        if !dense_packings!(ask [Packing layer.packing, P => P::fully_connected(layer, io, scratch)]) {
            *io = Io::refused();
        }
    }
}
