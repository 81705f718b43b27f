//! `kinglet fit`: what it says of boards, against what was measured of models on the emulated ones.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn path(below_root: &str) -> String {
    Path::new(ROOT).join(below_root).display().to_string()
}

/// Standard output and error, and whether the command succeeded.
fn kinglet(arguments: &[&str]) -> (String, String, bool) {
    let output = Command::cargo_bin("kinglet").expect("built").args(arguments).output().expect("runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (text(output.stdout), text(output.stderr), output.status.success())
}

fn json(arguments: &[&str]) -> (Value, bool) {
    let (out, errors, success) = kinglet(arguments);
    let value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{out}\n{errors}"));
    (value, success)
}

/// Models of the project whose figures on emulated boards are in `targets/results`.
const MEASURED: [(&str, &str); 2] =
    [("digits", "tests/golden/models/digits_int8.tflite"), ("shapes", "tests/golden/models/shapes_int8.tflite")];

#[test]
fn estimates_are_near_what_the_emulated_cores_measure() {
    for entry in std::fs::read_dir(path("targets/results")).expect("results") {
        let file = entry.expect("an entry").path();
        let core = file.file_stem().expect("a name").to_string_lossy().into_owned();
        if !core.starts_with("cortex-m") {
            continue;
        }
        let results: Value = serde_json::from_slice(&std::fs::read(&file).expect("readable")).expect("JSON");
        for (name, model) in MEASURED {
            let (answer, _) =
                json(&["fit", &path(model), "--json", "--core", &core, "--ram", "4000000", "--flash", "4000000"]);
            let (fit, measured) = (&answer["boards"][0], &results[name]);
            let number = |value: &Value, field: &str| value[field].as_f64().unwrap_or_else(|| panic!("{core} {field}"));
            assert_eq!(fit["arena_bytes"], measured["arena_bytes"], "{core} {name}");
            assert_eq!(fit["blob_bytes"], measured["blob_bytes"], "{core} {name}");
            let code = number(fit, "code_bytes") / number(measured, "code_flash_bytes");
            assert!((0.9..1.1).contains(&code), "{core} {name}: code is {code} of what was measured");
            let instructions = number(fit, "instructions") / number(measured, "instructions");
            assert!((0.65..1.35).contains(&instructions), "{core} {name}: {instructions} of the instructions");
        }
    }
}

#[test]
fn all_boards_are_listed_and_one_is_explained() {
    let model = path("tests/golden/models/digits_int8.tflite");
    let (answer, success) = json(&["fit", &model, "--json"]);
    let boards = answer["boards"].as_array().expect("a list");
    assert!(success && boards.len() >= 40, "{}", boards.len());
    for board in boards {
        assert!(board["name"].is_string() && board["fits"].is_boolean(), "{board}");
        assert!(board["ram_bytes"].as_u64().is_some_and(|bytes| bytes > 1000), "{board}");
        assert!(board["flash_bytes"].as_u64().is_some_and(|bytes| bytes > 10_000), "{board}");
        let time = ["milliseconds_low", "milliseconds", "milliseconds_high"].map(|field| board[field].as_f64());
        assert!(time[0] < time[1] && time[1] < time[2] && time[0] > Some(0.0), "{board}");
    }
    let (text, errors, success) = kinglet(&["fit", &model, "--board", "Nucleo-L4R5ZI"]);
    assert!(success, "{errors}");
    for part in ["fits", "RAM ", "flash ", "milliseconds", "microjoules", "conv2d-i8"] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn what_does_not_fit_says_what_would_help() {
    let (model, calib) = (path("examples/digits/model.onnx"), path("examples/digits/calib.npz"));
    let small = ["--core", "cortex-m4", "--ram", "6000", "--flash", "36000", "--json"];
    let arguments: Vec<&str> = ["fit", &model, "--calib", &calib].into_iter().chain(small).collect();
    let (answer, success) = json(&arguments);
    assert!(!success, "it does not fit, which scripts see");
    assert_eq!(answer["boards"][0]["fits"], false);
    let remedies = answer["remedies"].as_array().expect("a list");
    let of =
        |name: &str| remedies.iter().find(|remedy| remedy["options"].as_str().is_some_and(|it| it.starts_with(name)));
    for name in ["--ram", "--bits 4", "--channels 50"] {
        let remedy = of(name).unwrap_or_else(|| panic!("{name} was not tried: {answer:#}"));
        assert!(remedy["fit"].is_object() != remedy["refused"].is_string(), "{remedy}");
    }
    let bits = of("--bits 4").expect("tried");
    // The blob shrinks; the code for narrow weights comes on top.
    assert!(bits["fit"]["blob_bytes"].as_u64() < answer["boards"][0]["blob_bytes"].as_u64(), "{bits}");
    assert!(bits["agreement_percent"].as_f64().is_some_and(|percent| percent > 50.0), "{bits}");
}

#[test]
fn a_float_model_without_samples_is_looked_at_as_int8() {
    let model = path("examples/digits/model.onnx");
    let board = ["--board", "nrf52840-dk", "--json"];
    let of = |more: &[&'static str]| {
        let arguments: Vec<&str> = ["fit", &model].into_iter().chain(board).chain(more.iter().copied()).collect();
        json(&arguments).0
    };
    let (int8, float) = (of(&[]), of(&["--float"]));
    let number = |answer: &Value, field: &str| answer["boards"][0][field].as_u64().expect("a number");
    assert!(number(&int8, "blob_bytes") * 2 < number(&float, "blob_bytes"), "{int8}\n{float}");
    assert!(int8["warnings"].to_string().contains("made data"), "{int8}");
    // With samples of its own it has the same sizes, but for tables that are short or not.
    let calib = path("examples/digits/calib.npz");
    let arguments: Vec<&str> = ["fit", &model, "--calib", &calib].into_iter().chain(board).collect();
    let own = number(&json(&arguments).0, "flash_bytes");
    assert!(own.abs_diff(number(&int8, "flash_bytes")) < own / 100, "{own} {int8}");
}

#[test]
fn blobs_fit_boards_of_their_core_only() {
    let folder = std::env::temp_dir().join(format!("kinglet-fit-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let blob: PathBuf = folder.join("digits.kgl");
    let (blob, model) = (blob.display().to_string(), path("tests/golden/models/digits_int8.tflite"));
    // A board's name is a target.
    let (_, errors, success) = kinglet(&["compile", &model, "--target", "nucleo-h743zi", "-o", &blob]);
    assert!(success, "{errors}");
    let (answer, _) = json(&["fit", &blob, "--json"]);
    let boards = answer["boards"].as_array().expect("a list");
    assert!(!boards.is_empty() && boards.iter().all(|board| board["target"] == "cortex-m7"), "{answer}");
    let (_, errors, success) = kinglet(&["fit", &blob, "--board", "pico"]);
    assert!(!success && errors.contains("is for cortex-m7"), "{errors}");
    let (_, errors, success) = kinglet(&["fit", &model, "--board", "nucleo-l4r5z"]);
    assert!(!success && errors.contains("did you mean nucleo-l4r5zi?"), "{errors}");
    std::fs::remove_dir_all(folder).expect("removed");
}
