//! The walk of a kernel that runs where another one does not take the layer: small before it is fast.

use super::{Broadcast, Operand};
use crate::Io;

/// Replaces each element of the first operand by `apply(a, b)`.
#[inline]
pub(super) fn binary<T: Copy + Default>(io: &mut Io<T>, b: Operand<'_, T>, apply: impl Fn(T, T) -> T) {
    let (elements, broadcast) = match b {
        Operand::Slice(elements, broadcast) => (Some(elements), broadcast),
        Operand::SameAsInput => (None, Broadcast { inner: 1, len: 1 }),
    };
    if elements.is_some_and(|elements| elements.len() < broadcast.len) || io.input().len() != io.output().len() {
        return io.refuse();
    }
    let mut turn = Turn::new(broadcast);
    let mut index: usize = 0;
    while let Some(a) = io.input().get(index).copied() {
        let b = elements.map_or(a, |elements| elements.get(turn.next()).copied().unwrap_or_default());
        io.set(index, apply(a, b));
        index = index.wrapping_add(1);
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
