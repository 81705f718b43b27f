//! The walk all elementwise kernels share: the first operand where the output is to be, in step with the second.

use super::{Broadcast, Operand};
use crate::Io;
use crate::io::PART;

/// Elements of the second operand that are written out where it repeats.
const CHUNK: usize = 32;

/// Replaces each element of the first operand by `apply(a, b)`.
#[inline]
pub(super) fn binary<T: Copy + Default>(io: &mut Io<T>, b: Operand<'_, T>, apply: impl Fn(T, T) -> T) {
    rows(io, b, |a, b| pairs(a, b, &apply));
}

/// The same for a function of so few steps that a loop over single pairs would cost as much again.
#[inline]
pub(super) fn binary_short<T: Copy + Default>(io: &mut Io<T>, b: Operand<'_, T>, apply: impl Fn(T, T) -> T) {
    rows(io, b, |a, b| fours(a, b, &apply));
}

/// Calls `apply` with each part of the first operand, which is to be replaced, and as many elements of the second, in order.
#[inline]
pub(crate) fn rows<T: Copy + Default>(io: &mut Io<T>, b: Operand<'_, T>, apply: impl Fn(&mut [T], &[T])) {
    let (elements, broadcast) = match b {
        Operand::Slice(elements, broadcast) => (Some(elements), broadcast),
        Operand::SameAsInput => (None, Broadcast { inner: 1, len: 1 }),
    };
    if elements.is_some_and(|elements| elements.len() < broadcast.len) {
        return io.refuse();
    }
    let elements = elements.and_then(|elements| elements.get(..broadcast.len));
    let mut chunk = [T::default(); CHUNK];
    // Parts end where the second operand begins again.
    let period = broadcast.len.saturating_mul(broadcast.inner).max(1);
    let is_whole = broadcast.inner == 1 && broadcast.len >= io.input().len();
    let part_len = if is_whole || period == 1 {
        PART
    } else {
        PART.checked_div(period).unwrap_or(1).max(1).saturating_mul(period)
    };
    io.map_indexed(part_len, |index, part| match elements {
        None => part.chunks_mut(CHUNK).for_each(|part| {
            chunk.iter_mut().zip(&*part).for_each(|(to, from)| *to = *from);
            apply(part, &chunk);
        }),
        Some(elements) if is_whole => apply(part, elements.get(index..).unwrap_or_default()),
        Some(elements) if broadcast.inner == 1 && broadcast.len > 1 => {
            part.chunks_mut(broadcast.len).for_each(|row| apply(row, elements));
        }
        Some(elements) => {
            let inner = if broadcast.len == 1 { PART } else { broadcast.inner.max(1) };
            for (row, element) in part.chunks_mut(inner).zip(elements.iter().cycle()) {
                chunk.iter_mut().take(row.len()).for_each(|to| *to = *element);
                row.chunks_mut(CHUNK).for_each(|part| apply(part, &chunk));
            }
        }
    });
}

/// Replaces each element of `row`. Not inlined: the loop would be there for each way in which the second operand repeats.
#[inline(never)]
fn pairs<T: Copy>(row: &mut [T], b: &[T], apply: &impl Fn(T, T) -> T) {
    row.iter_mut().zip(b).for_each(|(a, b)| *a = apply(*a, *b));
}

/// The same, four at a time.
#[inline(never)]
fn fours<T: Copy>(row: &mut [T], b: &[T], apply: &impl Fn(T, T) -> T) {
    let ((row, row_rest), (b, b_rest)) = (row.as_chunks_mut::<4>(), b.as_chunks::<4>());
    // The second slice may be longer than the first.
    let b_rest = b.get(row.len()).map_or(b_rest, |next| next);
    for (a, b) in row.iter_mut().zip(b) {
        *a = [apply(a[0], b[0]), apply(a[1], b[1]), apply(a[2], b[2]), apply(a[3], b[3])];
    }
    row_rest.iter_mut().zip(b_rest).for_each(|(a, b)| *a = apply(*a, *b));
}
