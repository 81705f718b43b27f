//! `kinglet-host-runner BLOB RUNS`: loads a blob and runs it, and prints a number that depends on every output bit, then what
//! the processor was found to have.
//!
//! `cargo xtask host-bench` runs it twice, with different `RUNS`, and takes the difference: loading, input and output are in
//! both. It is built without the compiler, so that it can be built for another processor in seconds.
#![forbid(unsafe_code)]

use core::error::Error;
use std::env;
use std::fs;
use std::process::ExitCode;

use kinglet::{Model, Session};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [blob, runs] = arguments.as_slice() else {
        eprintln!("usage: kinglet-host-runner BLOB RUNS");
        return ExitCode::FAILURE;
    };
    match measure(blob, runs) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{blob}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(blob: &str, runs: &str) -> Result<(), Box<dyn Error>> {
    let runs: u32 = runs.parse()?;
    let bytes = fs::read(blob)?;
    let mut memory = vec![0; bytes.len() + ALIGNMENT];
    let blob = aligned(&mut memory, bytes.len()).ok_or("no memory for the blob")?;
    blob.copy_from_slice(&bytes);
    let model = Model::from_bytes(blob).map_err(|error| format!("{error:?}"))?;
    let mut memory = vec![0; model.arena_bytes() + ALIGNMENT];
    let arena = aligned(&mut memory, model.arena_bytes()).ok_or("no memory for the arena")?;
    let mut session = Session::new(&model, arena).map_err(|error| format!("{error:?}"))?;
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    for _ in 0..runs {
        run(&mut session, &mut digest).map_err(|error| format!("{error:?}"))?;
    }
    println!("{digest:016x}");
    Ok(())
}

/// One inference of the inputs that `kinglet bench` takes; outputs are mixed into `digest` as by FNV-1a.
fn run(session: &mut Session<'_, '_>, digest: &mut u64) -> Result<(), kinglet::Error> {
    for index in 0..session.model().input_count() {
        let is_float = session.input_f32(index).is_ok();
        let input = session.input_raw(index)?;
        let sample = |index: usize| index.wrapping_mul(37).wrapping_add(11) as u8;
        if is_float {
            for (index, to) in input.as_chunks_mut().0.iter_mut().enumerate() {
                *to = (f32::from((sample(index) ^ 0x80).cast_signed()) / 128.0).to_le_bytes();
            }
        } else {
            for (index, to) in input.iter_mut().enumerate() {
                *to = sample(index) ^ 0x80;
            }
        }
    }
    session.run()?;
    for index in 0..session.model().output_count() {
        for byte in session.output_raw(index)? {
            *digest = (*digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    Ok(())
}

/// Enough for blobs and arenas.
const ALIGNMENT: usize = 64;

/// `len` bytes that begin at a multiple of [`ALIGNMENT`].
fn aligned(memory: &mut [u8], len: usize) -> Option<&mut [u8]> {
    let start = memory.as_ptr().align_offset(ALIGNMENT);
    memory.get_mut(start..start.checked_add(len)?)
}
