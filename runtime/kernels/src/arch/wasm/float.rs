//! Floats on WebAssembly: vectors of four.

use core::arch::wasm32::*;

use super::single;
use crate::Io;
use crate::arch::float::{self, Dense, Wide};
use crate::conv2d::Conv2dF32;
use crate::depthwise::DepthwiseF32;
use crate::elementwise::{ElementwiseF32, Operand};
use crate::fully_connected::FullyConnectedF32;
use crate::numerics::ClampF32;

/// The vectors of the target.
#[derive(Clone, Copy)]
pub(crate) struct Four;

/// Floats of a vector.
pub(super) const LANES: usize = 4;
/// Pixels of a tile.
const PIXELS: usize = 4;

/// See [`crate::conv2d::conv2d_f32`].
pub(crate) fn conv2d_f32(layer: &Conv2dF32, io: &mut Io<f32>) {
    if !layer.fits(io) {
        return io.refuse();
    }
    if !run(&Dense::of_conv2d(layer), io) {
        crate::conv2d::float::conv2d_f32(layer, io);
    }
}

/// See [`crate::fully_connected::fully_connected_f32`].
pub(crate) fn fully_connected_f32(layer: &FullyConnectedF32, io: &mut Io<f32>) {
    if !layer.fits(io) {
        return io.refuse();
    }
    if let Io::Split { input, output } = io
        && layer.rows <= PIXELS / 2
    {
        return single::rows(layer, input, output);
    }
    if !run(&Dense::of_fully_connected(layer), io) {
        crate::fully_connected::float::fully_connected_f32(layer, io);
    }
}

/// See [`crate::depthwise::depthwise_f32`].
pub(crate) fn depthwise_f32(layer: &DepthwiseF32, io: &mut Io<f32>) {
    if !layer.fits(io) {
        return io.refuse();
    }
    if float::takes_depthwise(layer) {
        return Four.depthwise(layer, io);
    }
    crate::depthwise::float::depthwise_f32(layer, io);
}

/// See [`crate::elementwise::add_f32`].
pub(crate) fn add_f32(layer: &ElementwiseF32, io: &mut Io<f32>, b: Operand<'_, f32>) {
    match float::operand_of_sum(io, &b) {
        Some(elements) => Four.add_all(layer, io, elements),
        None => crate::elementwise::float::add_f32(layer, io, b),
    }
}

/// False for layers that are left to the portable kernel.
fn run(layer: &Dense<'_>, io: &mut Io<f32>) -> bool {
    match io {
        // The kernels write outputs while inputs are still needed.
        Io::Overlapped { .. } => false,
        Io::Split { input, output } => layer.run(Four, input, output),
    }
}

impl Wide<LANES, PIXELS> for Four {
    type Vector = v128;

    #[inline(always)]
    fn splat(self, x: f32) -> v128 {
        f32x4_splat(x)
    }

    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> v128 {
        // SAFETY: the array is read, which needs no alignment.
        unsafe { v128_load(from.as_ptr().cast()) }
    }

    #[inline(always)]
    fn load_part(self, from: &[f32]) -> v128 {
        let mut lanes = [0.0; LANES];
        for (lane, x) in lanes.iter_mut().zip(from) {
            *lane = *x;
        }
        self.load(&lanes)
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; LANES], x: v128) {
        // SAFETY: the array is written, which needs no alignment.
        unsafe { v128_store(to.as_mut_ptr().cast(), x) }
    }

    #[inline(always)]
    fn store_part(self, to: &mut [f32], x: v128) {
        let mut lanes = [0.0; LANES];
        self.store(&mut lanes, x);
        for (to, lane) in to.iter_mut().zip(lanes) {
            *to = lane;
        }
    }

    #[inline(always)]
    fn add(self, a: v128, b: v128) -> v128 {
        f32x4_add(a, b)
    }

    #[inline(always)]
    fn add_product(self, sums: v128, x: v128, w: v128) -> v128 {
        f32x4_add(sums, f32x4_mul(x, w))
    }

    #[inline(always)]
    fn clamped(self, clamp: ClampF32, x: v128) -> v128 {
        // The instructions give their first operand unless the second is greater, or less: also where one is NaN.
        f32x4_pmin(f32x4_pmax(x, f32x4_splat(clamp.min)), f32x4_splat(clamp.max))
    }

    #[inline(always)]
    fn transposed(self, [a, b, c, d]: [v128; LANES]) -> [v128; LANES] {
        let (ab, cd) = (i32x4_shuffle::<0, 4, 1, 5>(a, b), i32x4_shuffle::<0, 4, 1, 5>(c, d));
        let (ef, gh) = (i32x4_shuffle::<2, 6, 3, 7>(a, b), i32x4_shuffle::<2, 6, 3, 7>(c, d));
        [
            i64x2_shuffle::<0, 2>(ab, cd),
            i64x2_shuffle::<1, 3>(ab, cd),
            i64x2_shuffle::<0, 2>(ef, gh),
            i64x2_shuffle::<1, 3>(ef, gh),
        ]
    }

    #[inline(never)]
    fn tiles(self, layer: &Dense<'_>, input: &[f32], output: &mut [f32]) {
        float::conv2d::tiles::<_, LANES, PIXELS>(self, layer, input, output);
    }

    #[inline(never)]
    fn singles(self, layer: &Dense<'_>, input: &[f32], output: &mut [f32]) {
        float::single::singles::<_, LANES, PIXELS>(self, layer, input, output);
    }

    #[inline(never)]
    fn add_all(self, layer: &ElementwiseF32, io: &mut Io<f32>, b: &[f32]) {
        float::add::sums::<_, LANES, PIXELS>(self, layer, io, b);
    }

    #[inline(never)]
    fn depthwise(self, layer: &DepthwiseF32<'_>, io: &mut Io<f32>) {
        float::depthwise::pixels::<_, LANES, PIXELS, 2>(self, layer, io);
    }
}
