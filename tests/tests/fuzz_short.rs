//! The fuzz targets on a few thousand inputs each, without a fuzzer: so that they are built and run whenever the tests
//! are, and what they assert is asserted. `cargo xtask fuzz` goes on from there for as long as one likes.

use std::fs;

use kinglet_blob::Blob;
use kinglet_fuzz_targets::{field, flash, onnx, raw, structured, tflite};
use kinglet_test_blobs::Random;
use kinglet_test_blobs::damage::mutate;
use kinglet_test_blobs::programs::every_opcode;
use kinglet_tests::tree::root;

/// Bytes at random, of any length up to `longest`.
fn noise(random: &mut Random, longest: usize) -> Vec<u8> {
    (0..random.count(0, longest)).map(|_| random.next() as u8).collect()
}

#[test]
fn plans_become_blobs_that_run_or_are_refused() {
    let mut random = Random::new(1);
    let mut endings = [0; 2];
    for _ in 0..6000 {
        let refusal = structured(&noise(&mut random, 1024));
        endings[usize::from(refusal.is_some())] += 1;
    }
    println!("{} ran, or were no plan; {} refused", endings[0], endings[1]);
    assert!(endings.iter().all(|&count| count > 300), "{endings:?}");
}

#[test]
fn damaged_blobs_run_or_are_refused() {
    let mut random = Random::new(2);
    for program in every_opcode() {
        let sound = program.blob(1);
        assert!(Blob::parse(&sound).is_ok());
        raw(&sound);
        for _ in 0..40 {
            let mut damaged = sound.clone();
            mutate(&mut damaged, &mut random);
            raw(&damaged);
        }
    }
    for _ in 0..2000 {
        raw(&noise(&mut random, 4096));
    }
}

#[test]
fn any_bytes_are_a_flash_a_seal_and_a_log() {
    let mut random = Random::new(4);
    for _ in 0..2000 {
        let bytes = noise(&mut random, 2048);
        flash(&bytes);
        field(&bytes);
    }
}

/// Damaged copies of the files in `folder` that end in `ending`.
fn files(folder: &str, ending: &str, import: fn(&[u8])) {
    let mut random = Random::new(3);
    let mut count = 0;
    for entry in fs::read_dir(root().join(folder)).expect("a folder of the project") {
        let path = entry.expect("readable").path();
        let bytes = fs::read(&path).unwrap_or_default();
        if !path.to_string_lossy().ends_with(ending) || bytes.len() > 16 * 1024 {
            continue;
        }
        count += 1;
        import(&bytes);
        for _ in 0..60 {
            let mut damaged = bytes.clone();
            for _ in 0..random.count(1, 3) {
                let at = random.count(0, damaged.len() - 1);
                damaged[at] = random.next() as u8;
            }
            damaged.truncate(damaged.len() - random.count(0, 3));
            import(&damaged);
        }
    }
    assert!(count > 0, "no small {ending} file in {folder}");
}

#[test]
fn damaged_files_are_models_or_errors() {
    files("tests/golden/models", ".tflite", tflite);
    files("examples/tiny", ".onnx", onnx);
}
