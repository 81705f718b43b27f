//! The walk all elementwise kernels share: a chunk of the first operand, in step with the second.

use super::{Broadcast, Operand};
use crate::Io;

/// Replaces each element of the first operand by `apply(a, b)`.
#[inline]
pub(super) fn binary<T: Copy + Default>(io: &mut Io<T>, b: Operand<'_, T>, apply: impl Fn(T, T) -> T) {
    let (elements, broadcast) = match b {
        Operand::Slice(elements, broadcast) => (Some(elements), broadcast),
        Operand::SameAsInput => (None, Broadcast { inner: 1, len: 1 }),
    };
    if elements.is_some_and(|elements| elements.len() < broadcast.len) {
        return io.refuse();
    }
    let mut turn = Turn::new(broadcast);
    io.map_chunks(|_, chunk| apply_chunk(chunk, elements, &mut turn, &apply));
}

/// Replaces each element of `chunk`. Not inlined: the walk around it would be there twice, once for each kind of operand.
#[inline(never)]
fn apply_chunk<T: Copy + Default>(
    chunk: &mut [T],
    elements: Option<&[T]>,
    turn: &mut Turn,
    apply: &impl Fn(T, T) -> T,
) {
    for a in chunk {
        let b = elements.map_or(*a, |elements| elements.get(turn.next()).copied().unwrap_or_default());
        *a = apply(*a, b);
    }
}

/// [`Broadcast::index`] for one index after the other, by counting instead of dividing.
struct Turn {
    broadcast: Broadcast,
    index: usize,
    repeated: usize,
}

impl Turn {
    fn new(broadcast: Broadcast) -> Self {
        Turn { broadcast, index: 0, repeated: 0 }
    }

    #[inline]
    fn next(&mut self) -> usize {
        let index = self.index;
        self.repeated = self.repeated.wrapping_add(1);
        if self.repeated == self.broadcast.inner {
            self.repeated = 0;
            self.index = self.index.wrapping_add(1);
            if self.index == self.broadcast.len {
                self.index = 0;
            }
        }
        index
    }
}
