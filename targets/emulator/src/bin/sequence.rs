//! Replays the test vectors of a model that keeps tensors from run to run: one sequence, twice, from a fresh start each.
//!
//! Built and run by `cargo xtask sequences`, whose blobs carry sequences with outputs that another engine has
//! confirmed. Says what it has replayed, or what went wrong and where.

#![no_std]
#![no_main]

#[allow(dead_code)] // The vectors of the measured image; here they are in the blob.
#[path = "../model.rs"]
mod model;

use core::fmt::Debug;

use cortex_m_rt::entry;
use cortex_m_semihosting::hprintln;
use kinglet::{Model, Session};
use kinglet_emulator::machine;

#[entry]
fn main() -> ! {
    machine::prepare();
    machine::exit(replay().is_some())
}

/// Nothing when it went wrong, which has been said then.
fn replay() -> Option<()> {
    let model = said("load", Model::from_bytes(model::blob()))?;
    let mut session = said("bind", Session::new(&model, model::arena()))?;
    // A run before the first: the sequence begins afresh, whatever a session has seen.
    said("run", session.run())?;
    for _ in 0..2 {
        let report = said("self-test", session.self_test())?;
        hprintln!("{} vectors, state: {}", report.vectors, model.has_state());
    }
    Some(())
}

fn said<T, E: Debug>(what: &str, result: Result<T, E>) -> Option<T> {
    if let Err(error) = &result {
        hprintln!("{}: {:?}", what, error);
    }
    result.ok()
}
