//! DepthwiseConv2D: each output channel sees one input channel.
//!
//! - `input: [H, W, C]`, one image; `output: [H', W', C * multiplier]`.
//! - weights: `[KH, KW, C * multiplier]`, or the same numbers in another order, see [`DepthwisePacking`].
//! - `output[y, x, o] = stage(bias[o] + sum over (i, j) of input[y * sh + i * dh - top, x * sw + j * dw - left, o / multiplier] * weight[i, j, o])`
//! - int8: positions outside the image read as `padding_value`, the input's zero point, which the host has
//!   folded into the bias (`bias[o] = b[o] - zero_point * sum(weight[.., o])`). Accumulators are `i32` and wrap.
//! - float: each sum starts at the bias and adds products in the order `(i, j)`; positions outside the image
//!   are left out.
//! - Overlapping input and output: pixels are written in raster order. The output of pixel `p` must not touch
//!   an input of pixel `p` or of any pixel after it, because a pixel's channels are written block by block.
//! - `geometry.groups` is not read.

mod float;
mod int16;
pub mod lanes;
pub mod planar;
pub mod portable;
mod reference;
pub mod triples;
pub mod windows;

pub use float::depthwise_f32;
pub use int16::{DepthwiseI16, depthwise_i16, depthwise_i16_reference};
pub use reference::{depthwise_f32_reference, depthwise_i8_reference};

use crate::Io;
use crate::conv2d::Geometry;
use crate::numerics::{ALL_SHIFTS, ClampF32, DUAL_MULTIPLY_SHIFTS, OutputStage, RIGHT_SHIFTS, Requant};
use core::ops::RangeInclusive;

/// The order of a depthwise layer's weights in the blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum DepthwisePacking {
    /// `[KH, KW, C * multiplier]` as it is written; every kernel set runs it.
    RowMajor = 0,
    /// `[C * multiplier, KH, KW]`, for kernels that work on planes, see [`planar`]. Not for dilation.
    Planar = 1,
    /// `[C * multiplier, KH, KW]`, for kernels that work on planes of overlapping pairs, see [`triples`]. Not for
    /// dilation, and only for windows of up to [`triples::MAX_AREA`] positions.
    Triples = 2,
    /// `[KH, KW, C]` as it is written, for kernels with channels in vectors' lanes. Not for a multiplier, for at least
    /// [`LANES`] channels, and without weights of -128.
    Lanes = 3,
    /// `[C, KH, KW]`, for kernels that have 3x3 windows in vectors, see [`windows`].
    Windows = 4,
    /// `[C * multiplier, KH, KW]`, for kernels that compute three outputs by two multiplications, see [`lanes`]. Not
    /// for dilation, strides beyond 2 or more than [`lanes::MAX_AREA`] taps.
    WordPlane = 5,
}

/// Least channels of a layer in [`DepthwisePacking::Lanes`].
pub const LANES: usize = 16;

impl DepthwisePacking {
    /// Every packing, in the order of its tag.
    pub const ALL: [DepthwisePacking; 6] = [
        DepthwisePacking::RowMajor,
        DepthwisePacking::Planar,
        DepthwisePacking::Triples,
        DepthwisePacking::Lanes,
        DepthwisePacking::Windows,
        DepthwisePacking::WordPlane,
    ];

    /// The packing with tag `tag`.
    pub fn from_tag(tag: u8) -> Option<DepthwisePacking> {
        Self::ALL.into_iter().find(|packing| *packing as u8 == tag)
    }

    /// True when this build has a kernel for the packing, see [`crate::conv2d::Packing::is_runnable`].
    pub const fn is_runnable(self) -> bool {
        match self {
            DepthwisePacking::RowMajor => cfg!(feature = "row-major"),
            DepthwisePacking::Planar => cfg!(any(kinglet_isa = "armv7em", kinglet_emulation)),
            DepthwisePacking::Triples => cfg!(any(kinglet_isa = "armv7m", kinglet_emulation)),
            DepthwisePacking::Lanes | DepthwisePacking::Windows => cfg!(any(kinglet_isa = "helium", kinglet_emulation)),
            DepthwisePacking::WordPlane => cfg!(any(kinglet_isa = "armv6m", kinglet_emulation)),
        }
    }

    /// True when the packing's kernels take layers of this shape.
    pub fn takes(self, geometry: &Geometry, multiplier: usize) -> bool {
        match self {
            DepthwisePacking::RowMajor => true,
            DepthwisePacking::Planar => geometry.dilation == [1, 1],
            DepthwisePacking::Triples => geometry.dilation == [1, 1] && geometry.taps() <= triples::MAX_AREA,
            DepthwisePacking::Lanes => multiplier == 1 && geometry.input[2] >= LANES,
            DepthwisePacking::Windows => windows::Windows::takes(geometry, multiplier),
            DepthwisePacking::WordPlane => lanes::takes(geometry),
        }
    }

    /// Shifts of the factors that the packing's kernels take.
    pub const fn shifts(self) -> RangeInclusive<i32> {
        match self {
            DepthwisePacking::RowMajor | DepthwisePacking::WordPlane => ALL_SHIFTS,
            DepthwisePacking::Planar | DepthwisePacking::Triples => DUAL_MULTIPLY_SHIFTS,
            DepthwisePacking::Lanes | DepthwisePacking::Windows => RIGHT_SHIFTS,
        }
    }

    /// Writes `row_major`, `[kernel_area, outputs]`, into `out` as the packing orders it.
    pub fn pack(self, outputs: usize, kernel_area: usize, row_major: &[i8], out: &mut [i8]) {
        for (at, weight) in row_major.iter().enumerate() {
            let (tap, output) = (at.checked_div(outputs).unwrap_or(0), at.checked_rem(outputs).unwrap_or(0));
            let place = match self {
                DepthwisePacking::RowMajor | DepthwisePacking::Lanes => at,
                DepthwisePacking::Planar
                | DepthwisePacking::Triples
                | DepthwisePacking::Windows
                | DepthwisePacking::WordPlane => output.wrapping_mul(kernel_area).wrapping_add(tap),
            };
            if let Some(place) = out.get_mut(place) {
                *place = *weight;
            }
        }
    }

    /// Bytes of a layer's weights with `outputs` output channels and a window of `kernel_area` positions.
    pub fn weight_len(self, outputs: usize, kernel_area: usize) -> usize {
        match self {
            DepthwisePacking::RowMajor
            | DepthwisePacking::Planar
            | DepthwisePacking::Triples
            | DepthwisePacking::Lanes
            | DepthwisePacking::Windows
            | DepthwisePacking::WordPlane => outputs.saturating_mul(kernel_area),
        }
    }
}

/// Everything an int8 depthwise convolution needs besides its activations.
#[derive(Clone, Copy, Debug)]
pub struct DepthwiseI8<'a> {
    /// Shapes; the output's channels are the input's times `multiplier`.
    pub geometry: Geometry,
    /// Output channels of one input channel.
    pub multiplier: usize,
    /// What positions outside the image read as: the input's zero point.
    pub padding_value: i8,
    /// Zero point and clamp of the output.
    pub stage: OutputStage,
    /// Order of `weights`.
    pub packing: DepthwisePacking,
    /// See [`DepthwisePacking`].
    pub weights: &'a [i8],
    /// `[C * multiplier]`, with the input's zero point folded in.
    pub bias: &'a [i32],
    /// One factor for each output channel, or one for all.
    pub requant: Requant<'a>,
}

/// Everything a float depthwise convolution needs besides its activations.
#[derive(Clone, Copy, Debug)]
pub struct DepthwiseF32<'a> {
    /// Shapes; the output's channels are the input's times `multiplier`.
    pub geometry: Geometry,
    /// Output channels of one input channel.
    pub multiplier: usize,
    /// Fused activation.
    pub clamp: ClampF32,
    /// `[KH, KW, C * multiplier]`.
    pub weights: &'a [f32],
    /// `[C * multiplier]`.
    pub bias: &'a [f32],
}

/// Bytes of scratch [`depthwise_i8`] needs.
pub fn depthwise_i8_scratch_len(geometry: &Geometry, _multiplier: usize, packing: DepthwisePacking) -> usize {
    // What this build cannot run is refused anyway; without this line its layouts would be linked.
    if !packing.is_runnable() {
        return 0;
    }
    match packing {
        DepthwisePacking::RowMajor => 0,
        DepthwisePacking::Planar => planar::Planes::new(geometry).scratch_len(),
        DepthwisePacking::Triples => triples::Planes::new(geometry).scratch_len(),
        // One window, for those that reach into the padding.
        DepthwisePacking::Lanes => {
            geometry.kernel[0].saturating_mul(geometry.kernel[1]).saturating_mul(geometry.input[2])
        }
        DepthwisePacking::Windows => windows::Windows::new(geometry).scratch_len(),
        DepthwisePacking::WordPlane => lanes::Plane::new(geometry).scratch_len(),
    }
}

/// Computes the convolution with the fastest kernel this target has for the layer's packing.
///
/// `scratch` has at least [`depthwise_i8_scratch_len`] bytes and is 4-byte aligned.
// Not inlined: its frame must not lie below that of reading the record.
#[inline(never)]
pub fn depthwise_i8(layer: &DepthwiseI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    match layer.packing {
        #[cfg(feature = "row-major")]
        DepthwisePacking::RowMajor => portable::depthwise_i8(layer, io, scratch),
        #[cfg(kinglet_isa = "armv7em")]
        DepthwisePacking::Planar => crate::arch::armv7em::depthwise_i8(layer, io, scratch),
        #[cfg(all(kinglet_emulation, not(kinglet_isa = "armv7em")))]
        DepthwisePacking::Planar => planar::depthwise_i8(layer, io, scratch, &planar::PortableKernel),
        #[cfg(not(any(kinglet_emulation, kinglet_isa = "armv7em")))]
        DepthwisePacking::Planar => {}
        #[cfg(kinglet_isa = "armv7m")]
        DepthwisePacking::Triples => crate::arch::armv7m::depthwise_i8(layer, io, scratch),
        #[cfg(all(kinglet_emulation, not(kinglet_isa = "armv7m")))]
        DepthwisePacking::Triples => triples::depthwise_i8(layer, io, scratch, &triples::PortableKernel),
        #[cfg(not(any(kinglet_emulation, kinglet_isa = "armv7m")))]
        DepthwisePacking::Triples => {}
        #[cfg(kinglet_isa = "helium")]
        DepthwisePacking::Lanes => crate::arch::helium::depthwise_i8(layer, io, scratch),
        #[cfg(all(kinglet_emulation, not(kinglet_isa = "helium")))]
        DepthwisePacking::Lanes => portable::depthwise_i8(layer, io, scratch),
        #[cfg(kinglet_isa = "helium")]
        DepthwisePacking::Windows => crate::arch::helium::depthwise_i8_windows(layer, io, scratch),
        #[cfg(all(kinglet_emulation, not(kinglet_isa = "helium")))]
        DepthwisePacking::Windows => windows::depthwise_i8(layer, io, scratch, &mut windows::PortableKernel),
        #[cfg(not(any(kinglet_emulation, kinglet_isa = "helium")))]
        DepthwisePacking::Lanes | DepthwisePacking::Windows => {}
        #[cfg(kinglet_isa = "armv6m")]
        DepthwisePacking::WordPlane => crate::arch::armv6m::depthwise_i8(layer, io, scratch),
        #[cfg(all(kinglet_emulation, not(kinglet_isa = "armv6m")))]
        DepthwisePacking::WordPlane => lanes::depthwise_i8(layer, io, scratch, &lanes::PortableKernel),
        #[cfg(not(any(kinglet_emulation, kinglet_isa = "armv6m")))]
        DepthwisePacking::WordPlane => {}
        #[cfg(not(feature = "row-major"))]
        DepthwisePacking::RowMajor => {}
    }
}
