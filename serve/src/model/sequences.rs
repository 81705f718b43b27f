//! Runs that belong together, of models with state: an arena for each sequence, kept from run to run.

use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::failure::{Failure, Kind};
use crate::lock;
use crate::protocol::Sequence;
use kinglet::AlignedBlob;

/// A sequence's memory.
pub(super) struct Memory(AlignedBlob);

impl Memory {
    pub(super) fn arena(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

/// Steps of a sequence happen one after the other, in the order in which they came: the lock is fair.
type Shared = Arc<tokio::sync::Mutex<Memory>>;

/// The open sequences of a version.
pub(super) struct Sequences {
    open: Mutex<HashMap<String, (Shared, Instant)>>,
    most: usize,
    idle: Duration,
}

impl Sequences {
    pub(super) fn new(most: usize, idle: Duration) -> Self {
        Sequences { open: Mutex::default(), most, idle }
    }

    /// The memory of a sequence, which its first step makes.
    pub(super) fn open(&self, sequence: &Sequence, arena_bytes: usize) -> Result<Shared, Failure> {
        let mut open = lock(&self.open);
        if let Some((memory, last)) = open.get_mut(&sequence.id) {
            *last = Instant::now();
            return Ok(Arc::clone(memory));
        }
        if !sequence.is_start {
            let id = &sequence.id;
            let idle = self.idle.as_secs();
            return Err(Failure::invalid(format!(
                "sequence {id} is not open: its first request has sequence_start, and one that is silent for {idle} s ends"
            )));
        }
        if open.len() >= self.most {
            let what = format!("{} sequences are open already: try again later", open.len());
            return Err(Failure::new(Kind::Busy, what));
        }
        let memory = Arc::new(tokio::sync::Mutex::new(Memory(AlignedBlob::zeroed(arena_bytes))));
        open.insert(sequence.id.clone(), (Arc::clone(&memory), Instant::now()));
        Ok(memory)
    }

    pub(super) fn close(&self, id: &str) {
        lock(&self.open).remove(id);
    }

    /// Ends those that were silent for too long; how many are open. One that is at work is not silent.
    pub(super) fn sweep(&self) -> usize {
        let mut open = lock(&self.open);
        open.retain(|_, (memory, last)| last.elapsed() < self.idle || Arc::strong_count(memory) > 1);
        open.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_begin_with_their_start_are_bounded_and_end_by_silence() {
        let sequences = Sequences::new(2, Duration::ZERO);
        let sequence = |id: &str, is_start| Sequence { id: id.into(), is_start, is_end: false };
        assert!(sequences.open(&sequence("a", false), 16).is_err());
        let first = sequences.open(&sequence("a", true), 16).unwrap();
        assert!(Arc::ptr_eq(&first, &sequences.open(&sequence("a", false), 16).unwrap()));
        let second = sequences.open(&sequence("b", true), 16).unwrap();
        assert_eq!(sequences.open(&sequence("c", true), 16).err().map(|failure| failure.kind), Some(Kind::Busy));
        drop(second);
        // The first is in somebody's hands, the second is not.
        assert_eq!(sequences.sweep(), 1);
        assert!(sequences.open(&sequence("b", false), 16).is_err());
        sequences.close("a");
        assert_eq!(sequences.sweep(), 0);
    }
}
