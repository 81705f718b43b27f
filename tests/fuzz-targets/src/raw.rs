//! Any bytes at all.

use kinglet::{Model, SelfTestError, Session};
use kinglet_blob::SectionKind;
use kinglet_test_blobs::damage::fix_checksums;
use kinglet_test_blobs::{AlignedBlob, Ending, exercise};

/// A run's time is bounded by the operators times the arena times the largest window, 65,025 positions: blobs
/// that a fuzzer finds are only run when that is little.
const ARENA_BYTES_MAX: usize = 512;
const OPERATOR_COUNT_MAX: usize = 16;

/// Test vectors that are replayed, in bytes; each is a run.
const GOLDEN_BYTES_MAX: usize = 1024;

/// Loads `data` as a blob, as it is and with its checksums made right, and runs what is a model.
pub fn raw(data: &[u8]) {
    let mut blob = AlignedBlob::copy_of(data);
    try_blob(&blob);
    fix_checksums(&mut blob);
    try_blob(&blob);
}

fn try_blob(blob: &[u8]) {
    let Ok(model) = Model::from_bytes(blob) else { return };
    if model.operator_count() > OPERATOR_COUNT_MAX {
        return;
    }
    let fill = |input: &mut [u8]| input.iter_mut().zip(blob.iter().rev()).for_each(|(to, from)| *to = *from);
    let has_run = matches!(exercise(blob, ARENA_BYTES_MAX, fill), Ending::Ran(_));
    if has_run && model.blob().section(SectionKind::Golden).len() <= GOLDEN_BYTES_MAX {
        let mut arena = AlignedBlob::filled(model.arena_bytes(), 0);
        let mut session = Session::new(&model, &mut arena).expect("the arena is as large as the model asked for");
        match session.self_test() {
            Ok(_) | Err(SelfTestError::NoVectors | SelfTestError::Mismatch { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}
