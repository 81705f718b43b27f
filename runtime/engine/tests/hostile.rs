//! Hostile bytes: whatever is done to a blob, loading it ends with an error or with a model that runs to its end
//! within its arena.
//!
//! Damage comes twice. As it is, every flipped bit and every missing byte must be an error, because every bit
//! of a blob is covered. With the checksums made right again, as an attacker would, the checks behind them
//! are reached: then a clean error is as good as a run that ends. `exercise` panics on anything else, and the
//! dev profile's overflow checks are on. Counts are printed; run with `--nocapture` to see them.
#![cfg(feature = "all-operators")]

use kinglet::{LoadError, Model, Position, Session, Step};
use kinglet_test_blobs::damage::{fix_checksums, flip, mutate};
use kinglet_test_blobs::programs::{every_opcode, in_place, network_f32, network_i8};
use kinglet_test_blobs::{AlignedBlob, Ending, Guarded, Program, Random, Tally, exercise};

/// Arenas above this are not tried; a flipped bit can ask for two gigabytes.
const ARENA_BYTES_MAX: usize = 1 << 16;

/// Every how many-th piece of damage is tried: all, but under an interpreter.
const STRIDE: usize = if cfg!(miri) { 997 } else { 1 };

fn programs() -> Vec<Program> {
    every_opcode().into_iter().chain(in_place()).chain([network_i8(), network_f32()]).collect()
}

fn new_tally() -> Tally {
    Tally::new(ARENA_BYTES_MAX)
}

#[test]
fn sound_blobs_run() {
    for program in programs() {
        let mut tally = new_tally();
        tally.exercise(&program.blob(1), &mut Random::new(1));
        assert_eq!(tally.ran, 1, "{}", program.name());
    }
}

#[test]
fn every_truncation_is_an_error() {
    let mut tally = new_tally();
    for program in programs() {
        let blob = program.blob(1);
        for len in (0..blob.len()).step_by(STRIDE) {
            tally.exercise(&AlignedBlob::copy_of(&blob[..len]), &mut Random::new(2));
            assert_eq!(tally.ran + tally.arena_too_large, 0, "{} cut to {len} bytes", program.name());
        }
    }
    tally.print("truncations");
}

#[test]
fn every_flipped_bit_is_an_error() {
    let mut tally = new_tally();
    for program in programs() {
        let mut blob = program.blob(1);
        for bit in (0..8 * blob.len()).step_by(STRIDE) {
            flip(&mut blob, bit);
            tally.exercise(&blob, &mut Random::new(3));
            assert_eq!(tally.ran + tally.arena_too_large, 0, "{} with bit {bit} flipped", program.name());
            flip(&mut blob, bit);
        }
    }
    tally.print("flips");
}

#[test]
fn truncations_with_right_lengths_and_checksums() {
    let mut tally = new_tally();
    for program in programs() {
        let blob = program.blob(1);
        for len in (64..blob.len()).step_by(STRIDE) {
            let mut cut = AlignedBlob::copy_of(&blob[..len]);
            let table_bytes = u32::from_le_bytes([blob[12], blob[13], blob[14], blob[15]]);
            cut[8..12].copy_from_slice(&(len as u32).to_le_bytes());
            cut[12..16].copy_from_slice(&table_bytes.min(len as u32).to_le_bytes());
            fix_checksums(&mut cut);
            tally.exercise(&cut, &mut Random::new(4));
        }
    }
    tally.print("truncations, made right");
}

#[test]
fn flips_with_right_checksums() {
    let mut tally = new_tally();
    for program in programs() {
        let blob = program.blob(1);
        let mut random = Random::new(5);
        for bit in (0..8 * blob.len()).step_by(STRIDE) {
            let mut damaged = blob.clone();
            flip(&mut damaged, bit);
            fix_checksums(&mut damaged);
            tally.exercise(&damaged, &mut random);
        }
    }
    tally.print("flips, made right");
    assert!(cfg!(miri) || (tally.ran > 10_000 && tally.refusals() > 10_000), "damage must reach both sides");
}

#[test]
fn random_damage_with_right_checksums() {
    let (first, count) = seeds(if cfg!(miri) { 1 } else { 2000 });
    let mut tally = new_tally();
    println!("seeds {first}..{} for each program; KINGLET_SEED=<first> repeats", first + count);
    for program in programs() {
        let blob = program.blob(1);
        for seed in first..first + count {
            let mut random = Random::new(seed);
            let mut damaged = blob.clone();
            mutate(&mut damaged, &mut random);
            fix_checksums(&mut damaged);
            tally.exercise(&damaged, &mut random);
        }
    }
    tally.print("random damage, made right");
}

#[test]
fn random_damage_to_operator_records() {
    // Records are a small part of a blob: damage only them, the place where it leads farthest.
    let (first, count) = seeds(if cfg!(miri) { 1 } else { 3000 });
    let mut tally = new_tally();
    println!("seeds {first}..{} for each program; KINGLET_SEED=<first> repeats", first + count);
    for program in programs() {
        for seed in first..first + count {
            let mut random = Random::new(seed);
            let mut writer = program.writer().clone();
            let record = random.count(0, writer.operators.len() - 1);
            // The head stays: an unknown operator or length is refused at once.
            mutate(&mut writer.operators[record][4..], &mut random);
            if random.one_in(2) {
                writer.arena_bytes = random.range(0, ARENA_BYTES_MAX as i32) as u32;
            }
            let blob = AlignedBlob::copy_of(&writer.finish().expect("test blobs are small"));
            tally.exercise(&blob, &mut random);
        }
    }
    tally.print("random records");
    assert!(cfg!(miri) || (tally.ran > 1000 && tally.refusals() > 1000), "damage must reach both sides");
}

#[test]
fn random_bytes() {
    let mut tally = new_tally();
    let mut random = Random::new(6);
    for _ in 0..if cfg!(miri) { 10 } else { 20_000 } {
        let mut bytes = AlignedBlob::filled(random.count(0, 700), 0);
        bytes.iter_mut().for_each(|byte| *byte = random.next() as u8);
        if bytes.len() >= 64 && random.one_in(2) {
            // A plausible start.
            let len = (bytes.len() as u32).to_le_bytes();
            bytes[..8].copy_from_slice(b"KGLT\x01\0\0\0");
            bytes[8..12].copy_from_slice(&len);
            bytes[30..60].fill(0);
            fix_checksums(&mut bytes);
        }
        tally.exercise(&bytes, &mut random);
    }
    tally.print("random bytes");
    assert_eq!(tally.ran, 0, "random bytes are not a model");
}

#[test]
fn an_arena_that_changes_during_a_run_changes_numbers_only() {
    // Radiation, a stray pointer, a bad cell: nothing that steers the run is in the arena.
    let mut random = Random::new(8);
    let mut flips = 0;
    for program in programs() {
        let blob = program.blob_without_golden();
        let model = Model::from_bytes(&blob).unwrap();
        let mut memory = Guarded::new(model.arena_bytes());
        for _ in 0..if cfg!(miri) { 1 } else { 200 } {
            let mut position = Position::START;
            loop {
                for _ in 0..random.count(1, 16) {
                    let bit = random.count(0, 8 * model.arena_bytes() - 1);
                    flip(memory.arena(), bit);
                    flips += 1;
                }
                // One session a step leaves the arena to us between steps.
                let mut session = Session::new(&model, memory.arena()).unwrap();
                session.seek(position);
                match session.step().unwrap_or_else(|error| panic!("{}: {error}", program.name())) {
                    Step::Ran { .. } => position = session.position(),
                    _ => break,
                }
            }
        }
        assert!(memory.is_intact(), "{}", program.name());
    }
    println!("{flips} bits flipped during runs");
}

#[test]
fn errors_point_into_the_blob() {
    let mut random = Random::new(7);
    for program in programs() {
        let blob = program.blob(1);
        for _ in 0..if cfg!(miri) { 1 } else { 300 } {
            let mut damaged = blob.clone();
            mutate(&mut damaged, &mut random);
            fix_checksums(&mut damaged);
            if let Ending::Refused(error) = exercise(&damaged, 0, |_| ()) {
                let in_blob = error.offset() as usize <= damaged.len();
                let section_that_is_not_there = matches!(error, LoadError::Format(_));
                assert!(in_blob || section_that_is_not_there, "{}: {error}", program.name());
            }
        }
    }
}

/// The first seed, from the environment if it is there, and how many.
fn seeds(count: u32) -> (u32, u32) {
    let first = std::env::var("KINGLET_SEED").ok().and_then(|text| text.parse().ok());
    (first.unwrap_or(1), count)
}
