//! Counts what becomes of damaged blobs.

use core::time::Duration;
use std::collections::BTreeMap;

use crate::{Ending, Random, exercise};

/// How many blobs ran, how many were refused, and why.
#[derive(Debug)]
pub struct Tally {
    /// Arenas above this are not tried; a flipped bit can ask for two gigabytes.
    arena_bytes_max: usize,
    /// Models that ran to their end.
    pub ran: usize,
    /// Models whose arena is beyond what is tried.
    pub arena_too_large: usize,
    /// By [`kinglet::LoadError::code`].
    refused: BTreeMap<u8, usize>,
    longest: Duration,
}

impl Tally {
    /// Nothing counted yet.
    pub fn new(arena_bytes_max: usize) -> Self {
        let (refused, longest) = (BTreeMap::new(), Duration::ZERO);
        Tally { arena_bytes_max, ran: 0, arena_too_large: 0, refused, longest }
    }

    /// Exercises `blob` with random inputs and counts how that ends.
    ///
    /// # Panics
    ///
    /// As [`exercise`].
    pub fn exercise(&mut self, blob: &[u8], random: &mut Random) {
        let fill = |input: &mut [u8]| input.iter_mut().for_each(|byte| *byte = random.next() as u8);
        match exercise(blob, self.arena_bytes_max, fill) {
            Ending::Ran(time) => {
                self.ran += 1;
                self.longest = self.longest.max(time);
            }
            Ending::ArenaTooLarge => self.arena_too_large += 1,
            Ending::Refused(error) => *self.refused.entry(error.code()).or_default() += 1,
        }
    }

    /// Blobs that are not models.
    pub fn refusals(&self) -> usize {
        self.refused.values().sum()
    }

    /// Prints one line.
    pub fn print(&self, what: &str) {
        println!(
            "{what}: {} tried, {} refused, {} ran (longest {:?}), {} with an arena above {} bytes; by code: {:?}",
            self.ran + self.arena_too_large + self.refusals(),
            self.refusals(),
            self.ran,
            self.longest,
            self.arena_too_large,
            self.arena_bytes_max,
            self.refused
        );
    }
}
