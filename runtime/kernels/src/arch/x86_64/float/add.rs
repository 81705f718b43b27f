//! Add of floats for operands of the same shape: some hundred elements before any is written, since the output may lie over
//! the input.

use super::wide::{Wide, load, store};
use crate::Io;
use crate::arch::x86_64::Found;
use crate::elementwise::{Broadcast, ElementwiseF32, Operand};
use crate::io::range;

/// Elements that are computed before any is written.
const CHUNK: usize = 512;

/// See [`crate::elementwise::add_f32`].
pub(crate) fn add_f32(layer: &ElementwiseF32, io: &mut Io<f32>, b: Operand<'_, f32>) {
    let len = io.input().len();
    if let Operand::Slice(elements, Broadcast { inner: 1, len: all }) = b
        && all == len
        && elements.len() >= len
        && io.output().len() == len
    {
        match layer.token.0 {
            Found::Avx512Vnni(proof) => return proof.add_all(layer, io, elements),
            found => {
                if let Some(proof) = found.avx2() {
                    return proof.add_all(layer, io, elements);
                }
            }
        }
    }
    crate::elementwise::float::add_f32(layer, io, b);
}

/// All elements.
#[inline(always)]
pub(super) fn sums<W: Wide<L, P>, const L: usize, const P: usize>(
    wide: W,
    layer: &ElementwiseF32,
    io: &mut Io<f32>,
    b: &[f32],
) {
    let mut sums = [0.0; CHUNK];
    let (len, mut at) = (io.input().len(), 0);
    while at < len {
        let count = len.wrapping_sub(at).min(CHUNK);
        let operands = range(io.input(), at, count).chunks(L).zip(range(b, at, count).chunks(L));
        for (to, (a, b)) in sums.chunks_mut(L).zip(operands) {
            store(wide, to, wide.clamped(layer.clamp, wide.add(load(wide, a), load(wide, b))));
        }
        let output = io.output().get_mut(at..at.wrapping_add(count)).unwrap_or_default();
        output.copy_from_slice(sums.get(..output.len()).unwrap_or_default());
        at = at.wrapping_add(count);
    }
}
