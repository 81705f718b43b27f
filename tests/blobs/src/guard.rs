//! Runs whatever bytes: load, bind, run, and see that nothing outside the arena was touched.

use core::time::Duration;
use std::time::Instant;

use kinglet::{LoadError, Model, Session, Step};

use crate::AlignedBlob;

/// The byte that stands around an arena.
const CANARY: u8 = 0xA5;
/// Bytes of it on each side; keeps the arena aligned.
const MARGIN: usize = 64;

/// An arena between two margins.
#[derive(Debug)]
pub struct Guarded {
    memory: AlignedBlob,
}

impl Guarded {
    /// `len` zeros between the margins.
    pub fn new(len: usize) -> Self {
        let mut memory = AlignedBlob::filled(len + 2 * MARGIN, CANARY);
        memory[MARGIN..MARGIN + len].fill(0);
        Guarded { memory }
    }

    /// The arena.
    pub fn arena(&mut self) -> &mut [u8] {
        let end = self.memory.len() - MARGIN;
        &mut self.memory[MARGIN..end]
    }

    /// True when the margins are as they were.
    pub fn is_intact(&self) -> bool {
        let (head, tail) = (&self.memory[..MARGIN], &self.memory[self.memory.len() - MARGIN..]);
        head.iter().chain(tail).all(|&byte| byte == CANARY)
    }
}

/// How [`exercise`] ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Not a model.
    Refused(LoadError),
    /// A model that wants more memory than was offered.
    ArenaTooLarge,
    /// Ran to its end, in this time.
    Ran(Duration),
}

/// Loads `bytes`; if they are a model whose arena has at most `arena_bytes_max` bytes, fills its inputs from
/// `fill` and runs it.
///
/// # Panics
///
/// When a promise is broken: a model fails to run, takes more steps than it has operators, or writes outside its
/// arena.
pub fn exercise(bytes: &[u8], arena_bytes_max: usize, mut fill: impl FnMut(&mut [u8])) -> Ending {
    let model = match Model::from_bytes(bytes) {
        Ok(model) => model,
        Err(error) => return Ending::Refused(error),
    };
    let needed = model.arena_bytes();
    if needed > arena_bytes_max {
        return Ending::ArenaTooLarge;
    }
    let mut memory = Guarded::new(needed);
    let start = Instant::now();
    let mut session = Session::new(&model, memory.arena()).expect("the arena is as large as the model asked for");
    for index in 0..model.input_count() {
        fill(session.input_raw(index).expect("a verified model has the inputs it counts"));
    }
    let mut steps = 1;
    while session.step().expect("a verified model runs") != Step::Finished {
        steps += 1;
        assert!(steps <= model.operator_count(), "more steps than operators");
    }
    for index in 0..model.output_count() {
        session.output_raw(index).expect("a verified model has the outputs it counts");
    }
    let elapsed = start.elapsed();
    assert!(memory.is_intact(), "bytes outside the arena were written");
    Ending::Ran(elapsed)
}
