//! The walk both mean kernels share: blocks of the inner axis, down the reduced one.

use crate::io::{Io, range, volume};

/// Elements of a block: a vector where there are vectors, else what the registers hold.
pub(super) const BLOCK: usize = if cfg!(target_arch = "arm") { 4 } else { 16 };

/// Shape of the input: `[outer, reduced, inner]`.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) outer: usize,
    pub(super) reduced: usize,
    pub(super) inner: usize,
}

/// Writes what `finish` makes of each sum; `add` puts one input into it, in the order of the reduced axis. Refuses when the
/// contract is broken.
#[inline]
pub(super) fn reduce<T: Copy + Default, S: Copy + Default>(
    shape: Shape,
    io: &mut Io<T>,
    add: impl Fn(S, T) -> S,
    finish: impl Fn(S) -> T,
) {
    let Shape { outer, reduced, inner } = shape;
    if !io.has(volume([outer, reduced, inner]), outer.wrapping_mul(inner)) {
        return io.refuse();
    }
    for outer in 0..shape.outer {
        let mut inner = 0;
        while shape.inner.wrapping_sub(inner) >= BLOCK {
            block::<T, S, BLOCK>(shape, io, (outer, inner), &add, &finish);
            inner = inner.wrapping_add(BLOCK);
        }
        while inner < shape.inner {
            block::<T, S, 1>(shape, io, (outer, inner), &add, &finish);
            inner = inner.wrapping_add(1);
        }
    }
}

/// Outputs `(outer, inner) .. (outer, inner + N)`.
#[inline]
fn block<T: Copy + Default, S: Copy + Default, const N: usize>(
    shape: Shape,
    io: &mut Io<T>,
    (outer, inner): (usize, usize),
    add: impl Fn(S, T) -> S,
    finish: impl Fn(S) -> T,
) {
    let input = io.input();
    let mut sums = [S::default(); N];
    let mut start = outer.wrapping_mul(shape.reduced).wrapping_mul(shape.inner).wrapping_add(inner);
    for _ in 0..shape.reduced {
        let inputs: [T; N] = range(input, start, N).first_chunk().copied().unwrap_or([T::default(); N]);
        for (sum, x) in sums.iter_mut().zip(inputs) {
            *sum = add(*sum, x);
        }
        start = start.wrapping_add(shape.inner);
    }
    let at = outer.wrapping_mul(shape.inner).wrapping_add(inner);
    for (element, sum) in io.output().get_mut(at..).unwrap_or_default().iter_mut().zip(sums) {
        *element = finish(sum);
    }
}
