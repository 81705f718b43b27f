//! The walk all elementwise kernels share: a chunk of the first operand, in step with the second.

use super::{Broadcast, Operand};
use crate::Io;

/// Replaces each element of the first operand by `apply(a, b)`; elements that `b` lacks read as zero.
#[inline]
pub(super) fn binary<T: Copy + Default>(io: &mut Io<T>, b: Operand<'_, T>, apply: impl Fn(T, T) -> T) {
    match b {
        Operand::Slice(elements, broadcast) => {
            let mut turn = Turn::new(broadcast);
            io.map_chunks(|_, chunk| {
                for a in chunk {
                    *a = apply(*a, elements.get(turn.next()).copied().unwrap_or_default());
                }
            });
        }
        Operand::SameAsInput => io.map_chunks(|_, chunk| {
            for a in chunk {
                *a = apply(*a, *a);
            }
        }),
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
