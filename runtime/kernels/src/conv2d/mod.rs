//! Conv2D and the geometry all windowed operators share.
//!
//! - `input: [H, W, C]`, one image; `output: [H', W', O]`.
//! - weights: `[O, KH, KW, C / groups]`, or the same numbers in another order, see [`Packing`].
//! - `output[y, x, o] = stage(bias[o] + sum over (i, j, c) of input[y * sh + i * dh - top, x * sw + j * dw - left, c] * weight[o, i, j, c])`
//! - Positions outside the image read as `padding_value`, the input's zero point. The host has folded the
//!   zero point into the bias (`bias[o] = b[o] - zero_point * sum(weight[o])`), so kernels multiply raw `i8`.
//! - Accumulators are `i32` and wrap; the host proves that they do not.
//! - Overlapping input and output: pixels are written in raster order, in groups of a few,
//!   each after all its inputs have been read. So the output of pixel `p` must not touch an
//!   input of a pixel after `p`; it may touch those of `p` itself. The reference kernels want them disjoint.
//!   [`Packing::Quads`] writes a group's channels in blocks, between which it reads its inputs again: the output of
//!   pixel `p` must not touch an input of pixel `p - 3` or of any pixel after that.
//!
//! Float convolutions start each sum at the bias and add the products in the order `(i, j, c)`; positions
//! outside the image read as `0.0` and are multiplied and added like any other, so that every kernel gives
//! the same bits. Their overlap rule is stricter: the output of pixel `p` must not touch an input of `p` either.

mod float;
mod int16;
pub mod lanes;
pub mod packing;
pub mod portable;
mod reference;

pub use float::conv2d_f32;
pub use int16::{Conv2dI16, conv2d_i16, conv2d_i16_reference};
pub use reference::{conv2d_f32_reference, conv2d_i8_reference};

use crate::Io;
use crate::numerics::{
    ALL_SHIFTS, ClampF32, DUAL_MULTIPLY_SHIFTS, NARROW_SHIFTS, OutputStage, RIGHT_SHIFTS, Requant, WIDE_SHIFTS,
};
use core::ops::RangeInclusive;

/// Output pixels of a tile of the dual-multiply kernels.
pub const PIXEL_TILE: usize = 4;

/// The order of a layer's weights in the blob, and with it the family of kernels that runs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Packing {
    /// `[O, KH, KW, C / groups]` as it is written; every kernel set runs it.
    RowMajor = 0,
    /// For `SMLAD`: output channels in pairs `(a, b)`. Each 16-bit element is `256 * b + a`, `[O / 2, K / 4, 4]`,
    /// both rounded up with zeros, taps in the order of [`packing::Taps`]. For Conv2D without groups.
    Paired = 1,
    /// For cores that multiply one number at a time, see [`packing::chunk_of`]: four bytes, then output channels in
    /// groups of four, `[O / 4, K, 4]`, rounded up with zeros. Not for groups.
    Interleaved = 2,
    /// For the same cores and a single vector: weights plus 128 as unsigned bytes, output channels in groups of
    /// eight, `[O / 8, K, 8]`; one to four channels left over are `[K, 4]`. Missing ones are zero. Only for
    /// FullyConnected.
    Octets = 3,
    /// For `VMLADAVA`: output channels in fours, taps in sixteens, `[O / 4, K / 16, 4, 16]`, both rounded up with
    /// zeros, before the first tap and after the last channel. Not for groups.
    Quads = 4,
    /// The same elements for one vector of inputs, in blocks of eight channels, `[O / 8, K / 4, 4 pairs, 4]`, rounded
    /// up with zeros. For FullyConnected.
    PairedBlocks = 5,
    /// For cores without a dual multiplication: `[O, KH, KW, C]`, each weight plus 128 as an unsigned byte. Every
    /// accumulator with its bias fits 20 bits, see [`packing::lanes_are_exact`]. For Conv2D without groups.
    Lanes = 6,
    /// As [`Packing::Lanes`], for accumulators of up to 23 bits.
    WideLanes = 7,
    /// For FullyConnected on cores without a dual multiplication: four output channels together, `[O / 4, K, 4]`,
    /// rounded up with zeros, each weight plus 128 as an unsigned byte.
    Fours = 8,
}

impl Packing {
    /// Every packing, in the order of its tag.
    pub const ALL: [Packing; 9] = [
        Packing::RowMajor,
        Packing::Paired,
        Packing::Interleaved,
        Packing::Octets,
        Packing::Quads,
        Packing::PairedBlocks,
        Packing::Lanes,
        Packing::WideLanes,
        Packing::Fours,
    ];

    /// The packing with tag `tag`.
    pub fn from_tag(tag: u8) -> Option<Packing> {
        Self::ALL.into_iter().find(|packing| *packing as u8 == tag)
    }

    /// True when this build has a kernel for the packing. Hosts run every packing, so that a blob for a board
    /// can be tried where it was compiled; a board runs its own and the row-major one.
    pub const fn is_runnable(self) -> bool {
        match self {
            Packing::RowMajor => cfg!(feature = "row-major"),
            Packing::Interleaved | Packing::Octets => cfg!(any(kinglet_isa = "armv7m", kinglet_emulation)),
            Packing::Quads => cfg!(any(kinglet_isa = "helium", kinglet_emulation)),
            Packing::Paired | Packing::PairedBlocks => cfg!(any(kinglet_isa = "armv7em", kinglet_emulation)),
            Packing::Lanes | Packing::WideLanes | Packing::Fours => {
                cfg!(any(kinglet_isa = "armv6m", kinglet_emulation))
            }
        }
    }

    /// True when Conv2D has kernels for the packing.
    pub const fn is_for_windows(self) -> bool {
        !matches!(self, Packing::Fours)
    }

    /// True when FullyConnected has kernels for the packing.
    pub const fn is_for_vectors(self) -> bool {
        !matches!(self, Packing::Lanes | Packing::WideLanes)
    }

    /// Shifts of the factors that the packing's kernels take.
    pub const fn shifts(self) -> RangeInclusive<i32> {
        match self {
            Packing::RowMajor => ALL_SHIFTS,
            Packing::Paired | Packing::PairedBlocks | Packing::Interleaved | Packing::Octets => DUAL_MULTIPLY_SHIFTS,
            Packing::Quads => RIGHT_SHIFTS,
            Packing::Lanes => NARROW_SHIFTS,
            Packing::WideLanes | Packing::Fours => WIDE_SHIFTS,
        }
    }

    /// True for the orders of a convolution's weights.
    pub const fn is_for_conv2d(self) -> bool {
        matches!(
            self,
            Packing::RowMajor
                | Packing::Paired
                | Packing::Interleaved
                | Packing::Quads
                | Packing::Lanes
                | Packing::WideLanes
        )
    }

    /// True for the orders of a fully connected layer's weights.
    pub const fn is_for_fully_connected(self) -> bool {
        matches!(self, Packing::RowMajor | Packing::PairedBlocks | Packing::Octets | Packing::Quads | Packing::Fours)
    }

    /// Bytes of a layer's weights with `outputs` output channels of `taps` weights each.
    pub fn weight_len(self, outputs: usize, taps: usize) -> usize {
        // As in `conv2d_i8_scratch_len`.
        if !self.is_runnable() {
            return 0;
        }
        match self {
            Packing::RowMajor | Packing::Lanes | Packing::WideLanes => outputs.saturating_mul(taps),
            Packing::Interleaved => outputs.div_ceil(4).saturating_mul(4).saturating_mul(taps).saturating_add(4),
            Packing::Octets => outputs.div_ceil(4).saturating_mul(4).saturating_mul(taps),
            Packing::Quads => outputs.div_ceil(4).saturating_mul(taps.div_ceil(16)).saturating_mul(64),
            Packing::Paired => outputs.div_ceil(2).saturating_mul(taps.div_ceil(4)).saturating_mul(8),
            Packing::PairedBlocks => outputs.div_ceil(8).saturating_mul(taps.div_ceil(4)).saturating_mul(32),
            Packing::Fours => outputs.div_ceil(4).saturating_mul(taps).saturating_mul(4),
        }
    }
}

/// Shape of a windowed operator on one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Height, width and channels of the input.
    pub input: [usize; 3],
    /// Height, width and channels of the output.
    pub output: [usize; 3],
    /// Height and width of the window.
    pub kernel: [usize; 2],
    /// Step along height and width.
    pub stride: [usize; 2],
    /// Distance between taps along height and width.
    pub dilation: [usize; 2],
    /// Padding above and to the left; below and to the right it follows from the output size.
    pub pad: [usize; 2],
    /// Channel groups; 1 for an ordinary convolution.
    pub groups: usize,
}

impl Geometry {
    /// Weights of one output channel.
    #[inline]
    pub fn taps(&self) -> usize {
        let channels = self.input[2].checked_div(self.groups).unwrap_or(0);
        self.kernel[0].wrapping_mul(self.kernel[1]).wrapping_mul(channels)
    }

    /// The taps of one output channel, a run for each row of the window.
    pub fn runs(&self) -> packing::Taps {
        let rows = self.kernel[0];
        packing::Taps { rows, run: self.taps().checked_div(rows).unwrap_or(0) }
    }

    /// Output pixels.
    #[inline]
    pub fn pixels(&self) -> usize {
        self.output[0].wrapping_mul(self.output[1])
    }

    /// True when each window is one pixel and none lies outside the image.
    #[inline]
    pub fn is_pointwise(&self) -> bool {
        // A blob may ask for more windows than the image has room for.
        let lies_inside =
            |output: usize, stride: usize, input: usize| output.wrapping_sub(1).wrapping_mul(stride) < input;
        let is_single = self.kernel == [1, 1] && self.pad == [0, 0] && self.groups == 1;
        is_single
            && lies_inside(self.output[0], self.stride[0], self.input[0])
            && lies_inside(self.output[1], self.stride[1], self.input[1])
    }

    /// The input pixel (`row * width + column`) of tap `(i, j)` of output pixel `(y, x)`, or `None` outside the
    /// image.
    #[inline]
    pub fn source_pixel(&self, (y, x): (usize, usize), (i, j): (usize, usize)) -> Option<usize> {
        let row = self.source(0, y, i)?;
        Some(row.wrapping_mul(self.input[1]).wrapping_add(self.source(1, x, j)?))
    }

    /// The taps of output position `position` that lie inside the image along an axis: the input row or column
    /// of the first, and how many there are, `dilation` apart.
    #[inline(never)]
    pub fn clipped(&self, axis: usize, position: usize) -> (usize, usize) {
        let field = |values: &[usize; 2]| values.get(axis).copied().unwrap_or(1);
        let (dilation, pad, taps) = (field(&self.dilation), field(&self.pad), field(&self.kernel));
        let extent = self.input.get(axis).copied().unwrap_or(0);
        let at = position.wrapping_mul(field(&self.stride));
        let outside = pad.saturating_sub(at);
        let skipped = if dilation == 1 { outside } else { outside.div_ceil(dilation.max(1)) };
        let first = at.wrapping_add(skipped.wrapping_mul(dilation)).wrapping_sub(pad);
        let Some(room) = extent.checked_sub(first).filter(|&room| room > 0) else { return (0, 0) };
        let inside = if dilation == 1 { room } else { room.div_ceil(dilation.max(1)) };
        (first, taps.saturating_sub(skipped).min(inside))
    }

    /// True when the taps of a row of the window are neighbours.
    pub fn has_runs(&self) -> bool {
        self.dilation[1] == 1 || self.kernel[1] == 1
    }

    /// True when no window reaches beyond the image, and the taps of a row are neighbours.
    pub fn windows_lie_inside(&self) -> bool {
        let lies_inside = |axis: usize| {
            let field = |values: &[usize]| values.get(axis).copied().unwrap_or(0).wrapping_sub(1);
            let last = (field(&self.output), field(&self.kernel));
            self.source(axis, 0, 0).is_some() && self.source(axis, last.0, last.1).is_some()
        };
        lies_inside(0) && lies_inside(1) && self.has_runs()
    }

    /// The input row (axis 0) or column (axis 1) of tap `tap` of output position `position`, or `None`
    /// outside the image.
    #[inline]
    pub fn source(&self, axis: usize, position: usize, tap: usize) -> Option<usize> {
        let stride = self.stride.get(axis)?;
        let dilation = self.dilation.get(axis)?;
        let at = position.wrapping_mul(*stride).wrapping_add(tap.wrapping_mul(*dilation));
        let at = at.checked_sub(*self.pad.get(axis)?)?;
        (at < *self.input.get(axis)?).then_some(at)
    }
}

/// Everything an int8 convolution needs besides its activations.
#[derive(Clone, Copy, Debug)]
pub struct Conv2dI8<'a> {
    /// Shapes.
    pub geometry: Geometry,
    /// What positions outside the image read as: the input's zero point.
    pub padding_value: i8,
    /// Zero point and clamp of the output.
    pub stage: OutputStage,
    /// Order of `weights`.
    pub packing: Packing,
    /// See [`Packing`].
    pub weights: &'a [i8],
    /// `[O]`, with the input's zero point folded in.
    pub bias: &'a [i32],
    /// One factor for each output channel, or one for all.
    pub requant: Requant<'a>,
}

/// Everything a float convolution needs besides its activations.
#[derive(Clone, Copy, Debug)]
pub struct Conv2dF32<'a> {
    /// Shapes.
    pub geometry: Geometry,
    /// Fused activation.
    pub clamp: ClampF32,
    /// `[O, KH, KW, C / groups]`.
    pub weights: &'a [f32],
    /// `[O]`.
    pub bias: &'a [f32],
}

/// Bytes of scratch [`conv2d_i8`] needs.
pub fn conv2d_i8_scratch_len(geometry: &Geometry, packing: Packing) -> usize {
    // What this build cannot run is refused anyway; without this line its layouts would be linked.
    if !packing.is_runnable() {
        return 0;
    }
    match packing {
        // One patch of all groups: gathered even when it lies in one piece, so that the output may overlap.
        Packing::RowMajor => geometry.taps().saturating_mul(geometry.groups),
        // Constants of the channels, three pixels in two words for each tap, and three patches where windows reach
        // beyond the image.
        Packing::Interleaved => {
            let tap_len = if geometry.windows_lie_inside() { 8 } else { 8 + 3 };
            let constants = geometry.output[2].saturating_mul(16);
            geometry.taps().saturating_mul(tap_len).saturating_add(constants)
        }
        Packing::Octets => 0,
        Packing::Quads => packing::quads_scratch(geometry),
        // A tile of pixels widened to 16 bits, eight words for each pair of channels, and the patch of a pixel
        // whose window is not whole.
        Packing::Paired | Packing::PairedBlocks => {
            let taps = geometry.taps().div_ceil(4).saturating_mul(4);
            let columns = taps.saturating_mul(2 * PIXEL_TILE);
            let constants = geometry.output[2].div_ceil(2).saturating_mul(32);
            let patch = if geometry.is_pointwise() { 0 } else { taps };
            columns.saturating_add(constants).saturating_add(patch)
        }
        Packing::Fours => 0,
        Packing::Lanes | Packing::WideLanes => lanes::Layout::new(geometry, packing).len(),
    }
}

/// Computes the convolution with the fastest kernel this target has for the layer's packing.
///
/// `scratch` has at least [`conv2d_i8_scratch_len`] bytes and is 4-byte aligned.
// Not inlined: its frame must not lie below that of reading the record.
#[inline(never)]
pub fn conv2d_i8(layer: &Conv2dI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    match layer.packing {
        #[cfg(feature = "row-major")]
        Packing::RowMajor => portable::conv2d_i8(layer, io, scratch),
        #[cfg(kinglet_isa = "armv7em")]
        Packing::Paired => crate::arch::armv7em::conv2d_i8(layer, io, scratch),
        #[cfg(all(kinglet_emulation, not(kinglet_isa = "armv7em")))]
        Packing::Paired => portable::conv2d_i8_paired(layer, io, scratch),
        #[cfg(not(any(kinglet_emulation, kinglet_isa = "armv7em")))]
        Packing::Paired => {}
        #[cfg(kinglet_isa = "armv7m")]
        Packing::Interleaved => crate::arch::armv7m::conv2d_i8(layer, io, scratch),
        #[cfg(all(kinglet_emulation, not(kinglet_isa = "armv7m")))]
        Packing::Interleaved => portable::conv2d_i8_packed(layer, io, scratch),
        #[cfg(not(any(kinglet_emulation, kinglet_isa = "armv7m")))]
        Packing::Interleaved => {}
        // FullyConnected only.
        Packing::Octets => {}
        #[cfg(kinglet_isa = "helium")]
        Packing::Quads => crate::arch::helium::conv2d_i8(layer, io, scratch),
        #[cfg(all(kinglet_emulation, not(kinglet_isa = "helium")))]
        Packing::Quads => portable::conv2d_i8_quads(layer, io, scratch),
        #[cfg(not(any(kinglet_emulation, kinglet_isa = "helium")))]
        Packing::Quads => {}
        Packing::PairedBlocks => {}
        #[cfg(kinglet_isa = "armv6m")]
        Packing::Lanes | Packing::WideLanes => crate::arch::armv6m::conv2d_i8(layer, io, scratch),
        #[cfg(all(kinglet_emulation, not(kinglet_isa = "armv6m")))]
        Packing::Lanes | Packing::WideLanes => portable::conv2d_i8_packed(layer, io, scratch),
        #[cfg(not(any(kinglet_emulation, kinglet_isa = "armv6m")))]
        Packing::Lanes | Packing::WideLanes => {}
        Packing::Fours => {}
        #[cfg(not(feature = "row-major"))]
        Packing::RowMajor => {}
    }
}
