//! Add of floats for operands of the same shape: some hundred elements before any is written, since the output may lie over
//! the input.

use super::wide::{Wide, load, store};
use crate::Io;
use crate::elementwise::ElementwiseF32;
use crate::io::range;

/// Elements that are computed before any is written.
const CHUNK: usize = 512;

/// All elements.
#[inline(always)]
pub(in crate::arch) fn sums<W: Wide<L, P>, const L: usize, const P: usize>(
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
