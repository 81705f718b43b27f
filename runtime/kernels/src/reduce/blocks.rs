//! The walk of all reductions: blocks of the last kept axis, down the reduced ones; where there is no such axis, along
//! whole rows.

use super::{Extents, Kind, Number, counts};
use crate::Io;
use crate::formula::positions;
use crate::io::range;

/// Elements of a block. What becomes of them is in memory, and long blocks share what a step along a reduced axis costs.
const BLOCK: usize = 32;

/// Writes what `finish` makes of each sum. Refuses when the contract is broken.
pub(super) fn reduce<T: Copy + Into<S>, S: Number>(
    kind: Kind,
    extents: &Extents,
    io: &mut Io<T>,
    finish: impl Fn(S) -> T,
) {
    let [input, _, output] = counts(extents);
    if !io.has(input, output) {
        return io.refuse();
    }
    let [k0, _, k1, r1, k2, r2, k3] = *extents;
    // From one index to the next along each axis.
    let of_k2 = r2.wrapping_mul(k3);
    let of_r1 = k2.wrapping_mul(of_k2);
    let of_k1 = r1.wrapping_mul(of_r1);
    let of_k0 = extents[1].wrapping_mul(k1).wrapping_mul(of_k1);
    let mut at: usize = 0;
    for [a, b, c] in positions([k0, k1, k2]) {
        let start = a.wrapping_mul(of_k0).wrapping_add(b.wrapping_mul(of_k1)).wrapping_add(c.wrapping_mul(of_k2));
        let mut inner: usize = 0;
        while inner < k3 {
            let len = k3.wrapping_sub(inner).min(BLOCK);
            let sums = block(kind, extents, io.input(), start.wrapping_add(inner), len);
            let outputs = io.output().get_mut(at..).unwrap_or_default();
            outputs.iter_mut().zip(sums).take(len).for_each(|(element, sum)| *element = finish(sum));
            at = at.wrapping_add(len);
            inner = inner.wrapping_add(len);
        }
    }
}

/// What `len` neighbouring elements of the output are made of, the first input of the first being `start`.
fn block<T: Copy + Into<S>, S: Number>(
    kind: Kind,
    extents: &Extents,
    input: &[T],
    start: usize,
    len: usize,
) -> [S; BLOCK] {
    let [_, r0, k1, r1, k2, r2, k3] = *extents;
    let of_r1 = k2.wrapping_mul(r2).wrapping_mul(k3);
    let of_r0 = k1.wrapping_mul(r1).wrapping_mul(of_r1);
    let mut sums = [kind.start(); BLOCK];
    for [i, j] in positions([r0, r1]) {
        let mut at = start.wrapping_add(i.wrapping_mul(of_r0)).wrapping_add(j.wrapping_mul(of_r1));
        if k3 == 1 {
            if let Some(sum) = sums.first_mut() {
                *sum = kind.fold(*sum, range(input, at, r2));
            }
            continue;
        }
        for _ in 0..r2 {
            kind.add_row(&mut sums, range(input, at, len));
            at = at.wrapping_add(k3);
        }
    }
    sums
}

/// Each of `sums` and one more input.
#[inline]
pub(super) fn add_row<S: Copy, T: Copy + Into<S>>(sums: &mut [S], row: &[T], step: impl Fn(S, S) -> S) {
    for (sum, &x) in sums.iter_mut().zip(row) {
        *sum = step(*sum, x.into());
    }
}

/// `sum` and all inputs of a row.
#[inline]
pub(super) fn fold<S, T: Copy + Into<S>>(sum: S, row: &[T], step: impl Fn(S, S) -> S) -> S {
    row.iter().fold(sum, |sum, &x| step(sum, x.into()))
}
