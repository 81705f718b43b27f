//! What the loops want of vectors of floats.
//!
//! The methods are inlined into the last four, which are functions that are compiled for the instructions; nothing else calls
//! them. Generic code between has no closures that compute on vectors: they could not be inlined where instructions are found
//! at run time.

use super::Dense;
use crate::Io;
use crate::depthwise::DepthwiseF32;
use crate::elementwise::ElementwiseF32;
use crate::io::range;
use crate::numerics::ClampF32;

/// Proof of instructions on `L` floats, of whose registers `P` pixels with two vectors of sums each take half.
pub(crate) trait Wide<const L: usize, const P: usize>: Copy {
    /// `L` floats.
    type Vector: Copy;

    /// The same number in all lanes.
    fn splat(self, x: f32) -> Self::Vector;

    /// Numbers.
    fn load(self, from: &[f32; L]) -> Self::Vector;

    /// The first lanes from a slice, as many as it has; zeros behind them.
    fn load_part(self, from: &[f32]) -> Self::Vector;

    /// All lanes.
    fn store(self, to: &mut [f32; L], x: Self::Vector);

    /// The first lanes, as many as the slice has room for.
    fn store_part(self, to: &mut [f32], x: Self::Vector);

    /// A sum.
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;

    /// `sums + x * w`, rounded twice.
    fn add_product(self, sums: Self::Vector, x: Self::Vector, w: Self::Vector) -> Self::Vector;

    /// What [`ClampF32::apply`] gives.
    fn clamped(self, clamp: ClampF32, x: Self::Vector) -> Self::Vector;

    /// Vector `i` of the result has lane `i` of every vector.
    fn transposed(self, rows: [Self::Vector; L]) -> [Self::Vector; L];

    /// A layer of many pixels.
    fn tiles(self, layer: &Dense<'_>, input: &[f32], output: &mut [f32]);

    /// A layer of few pixels.
    fn singles(self, layer: &Dense<'_>, input: &[f32], output: &mut [f32]);

    /// A sum of two operands of the same shape.
    fn add_all(self, layer: &ElementwiseF32, io: &mut Io<f32>, b: &[f32]);

    /// A depthwise layer without a multiplier.
    fn depthwise(self, layer: &DepthwiseF32<'_>, io: &mut Io<f32>);
}

/// As many numbers as the slice has, at most a vector, and zeros behind them.
#[inline(always)]
pub(super) fn load<W: Wide<L, P>, const L: usize, const P: usize>(wide: W, from: &[f32]) -> W::Vector {
    match from.first_chunk() {
        Some(whole) => wide.load(whole),
        None => wide.load_part(from),
    }
}

/// As many numbers as the slice has room for.
#[inline(always)]
pub(super) fn store<W: Wide<L, P>, const L: usize, const P: usize>(wide: W, to: &mut [f32], x: W::Vector) {
    match to.first_chunk_mut() {
        Some(whole) => wide.store(whole, x),
        None => wide.store_part(to, x),
    }
}

/// Taps `tap .. tap + len` of the channels whose weights are `rows`, a vector for each tap; zeros for what is missing.
#[inline(always)]
pub(super) fn columns<W: Wide<L, P>, const L: usize, const P: usize>(
    wide: W,
    rows: &[f32],
    taps: usize,
    (tap, len): (usize, usize),
) -> [W::Vector; L] {
    let mut vectors = [wide.splat(0.0); L];
    if rows.len() == L.wrapping_mul(taps) && tap.saturating_add(L) <= taps && len == L {
        let mut from = rows.as_ptr().wrapping_add(tap);
        for vector in &mut vectors {
            // SAFETY: there are `L` rows of `taps` weights, of which `L` are behind the first `tap`.
            *vector = wide.load(unsafe { &*from.cast() });
            from = from.wrapping_add(taps);
        }
    } else {
        for (vector, row) in vectors.iter_mut().zip(rows.chunks(taps.max(1))) {
            *vector = load(wide, range(row, tap, len));
        }
    }
    wide.transposed(vectors)
}
