//! Four by sixteen: tiles of four output channels by sixteen taps, `[O / 4, K / 16, 4, 16]`, both rounded up with zeros,
//! before the first tap and after the last channel. For `VMLADAVA`, which multiplies sixteen pairs of bytes
//! (`arch/helium/mod.rs`).
//!
//! For Conv2D without groups and for FullyConnected; exact for every layer. Windows inside the image are read where they
//! lie when a row of the window is a whole number of vectors, or the window is one pixel; others are gathered in
//! scratch. Outputs are written four pixels at a time in blocks of channels, between which inputs are read again: the
//! output of pixel `p` must not touch an input of pixel `p - 3` or of any pixel after that.

use super::{Numbers, Order, Packing, PixelOrder, Storage, Taps, emulate};
use crate::Io;
use crate::conv2d::{self, Conv2dI8, Geometry, PIXEL_TILE};
use crate::dense::{Dense, Vector, multiply_add};
use crate::fully_connected::FullyConnectedI8;
use crate::numerics::RIGHT_SHIFTS;
use crate::registry::{Isa, Kernel, Operator, Row, in_build, packed};
use core::ops::RangeInclusive;

/// Taps of a tile: a vector.
pub(crate) const TILE_TAPS: usize = 16;

/// See the module.
pub(crate) struct FourBySixteen;

impl Order for FourBySixteen {
    packed! { "helium", Packing::FourBySixteen;
        conv2d CONV2D: Conv2D, Conv2dI8[Storage::Bits8] = crate::arch::helium::conv2d_i8,
            emulated by crate::packing::dense::four_by_sixteen::emulated_conv2d_i8;
        fully_connected FULLY_CONNECTED: FullyConnected, FullyConnectedI8[Storage::Bits8]
            = crate::arch::helium::fully_connected_i8,
            emulated by emulate::fully_connected_i8::<FourBySixteen>;
    }

    const SHIFTS: RangeInclusive<i32> = RIGHT_SHIFTS;
    const PIXEL_ORDER: PixelOrder = PixelOrder::Tiled;

    fn is_exact(_numbers: &Numbers<'_>) -> bool {
        true
    }

    #[inline]
    fn places(outputs: usize, taps: usize) -> usize {
        outputs.div_ceil(4).saturating_mul(taps.div_ceil(TILE_TAPS)).saturating_mul(4 * TILE_TAPS)
    }

    fn place(_outputs: usize, taps: Taps, output: usize, tap: usize) -> usize {
        let tiles = taps.count().div_ceil(TILE_TAPS);
        let tap = tap.wrapping_add(missing(taps.count()));
        let tile = (output >> 2).wrapping_mul(tiles).wrapping_add(tap / TILE_TAPS);
        let row = tile.wrapping_mul(4).wrapping_add(output & 3);
        row.wrapping_mul(TILE_TAPS).wrapping_add(tap % TILE_TAPS)
    }

    fn outputs(dense: &Dense<'_>, taps: Taps, io: &mut Io<i8>, vector: Vector<'_>, at: usize) {
        let tiles = taps.count().div_ceil(TILE_TAPS);
        for output in 0..dense.bias.len() {
            let first = (output >> 2).wrapping_mul(tiles).wrapping_mul(4).wrapping_add(output & 3);
            let rows = dense.weights.get(first.wrapping_mul(TILE_TAPS)..).unwrap_or_default();
            let row = rows.chunks(TILE_TAPS).step_by(4).take(tiles).flatten().skip(missing(taps.count()));
            let sum = dense.vector(io, vector).iter().zip(row).fold(0, |sum, (x, w)| multiply_add(sum, *x, *w));
            io.set(at.wrapping_add(output), dense.finish(output, sum));
        }
    }

    /// Gathered windows, unless all are read in place.
    fn conv2d_scratch(geometry: &Geometry) -> usize {
        scratch(geometry)
    }
}

/// Zeros before the first tap.
fn missing(taps: usize) -> usize {
    taps.wrapping_neg() % TILE_TAPS
}

/// True when windows inside the image are read where they lie.
pub(crate) fn reads_in_place(geometry: &Geometry) -> bool {
    let run = geometry.kernel[1].saturating_mul(geometry.input[2]);
    (geometry.dilation[1] == 1 && run.is_multiple_of(TILE_TAPS)) || geometry.kernel == [1, 1]
}

/// Bytes of scratch that a convolution needs.
pub(crate) fn scratch(geometry: &Geometry) -> usize {
    if geometry.is_pointwise() {
        return 0;
    }
    geometry.taps().saturating_mul(patches(geometry))
}

/// Windows that the kernels gather before they compute: those of a tile, or as many as fit a kilobyte where none are
/// read in place.
pub(crate) fn patches(geometry: &Geometry) -> usize {
    if reads_in_place(geometry) {
        return PIXEL_TILE;
    }
    let fitting = 1024usize.checked_div(geometry.taps()).unwrap_or(0).min(geometry.pixels()) & !(PIXEL_TILE - 1);
    fitting.max(PIXEL_TILE)
}

/// Any convolution. A layer that has no scratch to gather in reads its pixels where they lie.
pub(crate) fn emulated_conv2d_i8(layer: &Conv2dI8, io: &mut Io<i8>, patch: &mut [i8]) {
    if !layer.fits(io, layer.weight_len()) {
        return io.refuse();
    }
    let geometry = &layer.geometry;
    if scratch(geometry) > 0 {
        return emulate::conv2d_i8::<FourBySixteen>(layer, io, patch);
    }
    let [height, width, outputs] = geometry.output;
    let mut pixel: usize = 0;
    for y in 0..height {
        for x in 0..width {
            let source = geometry.source_pixel((y, x), (0, 0)).unwrap_or(0).wrapping_mul(geometry.input[2]);
            let (dense, at) = (conv2d::portable::dense(layer), pixel.wrapping_mul(outputs));
            FourBySixteen::outputs(&dense, geometry.runs(), io, Vector::Input(source), at);
            pixel = pixel.wrapping_add(1);
        }
    }
}
