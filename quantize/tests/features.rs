//! A wake word is heard from the samples of a recording: features as a device computes them, then the model.

mod shared;

use std::path::PathBuf;
use std::process::Command;

use kinglet_quantize::calibrate::npy::read_arrays;
use shared::shared;

fn kinglet(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_kinglet")).args(arguments).output().expect("the command runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// The scores of a word's model over a recording, from its samples.
fn scores(word: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let [model, audio, right] =
        ["model.tflite", "audio.wav", "out.npy"].map(|file| shared(&format!("sequences/{word}/{file}")));
    let (model, audio, right) = (model?, audio?, right?);
    let folder: PathBuf = std::env::temp_dir().join(format!("kinglet-features-{word}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = |name: &str| folder.join(name).display().to_string();
    let shown = |path: &PathBuf| path.display().to_string();
    for arguments in [
        vec!["features".into(), shown(&audio), "--frames".into(), "3".into(), "-o".into(), path("features.npy")],
        vec!["compile".into(), shown(&model), "-o".into(), path("word.kgl")],
        vec![
            "run".into(),
            path("word.kgl"),
            "--input".into(),
            path("features.npy"),
            "--output".into(),
            path("out.bin"),
        ],
    ] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (is_done, text) = kinglet(&arguments);
        assert!(is_done, "{arguments:?}: {text}");
    }
    let found = std::fs::read(folder.join("out.bin")).expect("scores");
    let right = read_arrays(&right).expect("an array").remove(0).bytes;
    std::fs::remove_dir_all(&folder).expect("removed");
    Some((found, right))
}

#[test]
fn a_wake_word_is_heard_from_samples() {
    let Some((found, right)) = scores("okay_nabu") else { return };
    assert_eq!(found.len(), right.len());
    let loudest = |scores: &[u8]| scores.iter().copied().max().unwrap_or(0);
    assert!(loudest(&found) >= 250, "{found:?}");
    let heard = |scores: &[u8]| (0..scores.len()).filter(|&step| scores[step] >= 128).collect::<Vec<_>>();
    let (first, right) = (heard(&found)[0], heard(&right)[0]);
    assert!(first.abs_diff(right) <= 1, "heard at step {first}, TensorFlow Lite Micro's features at {right}");
    let Some((found, _)) = scores("hey_jarvis") else { return };
    assert!(loudest(&found) < 64, "another word: {found:?}");
}

#[test]
fn recordings_that_do_not_fit_are_refused_by_name() {
    let file = std::env::temp_dir().join(format!("kinglet-features-{}.wav", std::process::id()));
    let mut wav = b"RIFF\x34\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data\x10\x00\x00\x00".to_vec();
    wav.extend([0; 16]);
    std::fs::write(&file, wav).expect("written");
    let path = file.display().to_string();
    let (is_done, text) = kinglet(&["features", &path, "-o", "never.npy"]);
    assert!(!is_done && text.contains("8000 samples a second") && text.contains("rate=8000"), "{text}");
    let (is_done, text) = kinglet(&["features", &path, "-o", "never.npy", "--front-end", "mfcc"]);
    assert!(!is_done && text.contains("`mfcc` is no front end"), "{text}");
    std::fs::remove_file(file).expect("removed");
}
