//! What `kinglet` is told about a model file: files beside it, shapes, values, outputs.

#[path = "../src/import/onnx/tests/writer.rs"]
#[allow(dead_code)] // Not every test file needs every part of the writer.
mod onnx_writer;

use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use kinglet_quantize::calibrate::npy::ElementType;
use kinglet_quantize::npy_file::npy_bytes;
use onnx_writer::Onnx;

/// A folder of its own for each test, with a model in it.
fn folder(test: &str, onnx: Onnx) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("kinglet-cli-model-{test}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary directory");
    std::fs::write(folder.join("m.onnx"), onnx.bytes()).expect("written");
    folder
}

fn kinglet(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::cargo_bin("kinglet").expect("built");
    command.current_dir(folder).args(arguments).output().expect("runs")
}

fn ok(folder: &Path, arguments: &[&str]) -> String {
    let output = kinglet(folder, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn fails(folder: &Path, arguments: &[&str], code: i32, expected: &str) {
    let output = kinglet(folder, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
    assert!(errors.contains(expected) && !errors.contains("panicked"), "{arguments:?}: {errors}");
}

fn floats(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// `y = relu(x * gain)`, `z = fancy(x)`, on an open length.
fn gain() -> Onnx {
    Onnx::new(17)
        .input("x", &[1, 0])
        .input("gain", &[1])
        .node("Mul", &["x", "gain"], "m", &[])
        .node("Relu", &["m"], "y", &[])
        .node("Fancy", &["x"], "z", &[])
        .output("y")
        .output("z")
}

#[test]
fn a_model_is_made_to_fit_by_what_the_errors_say() {
    let folder = folder("gain", gain());
    fails(&folder, &["compile", "m.onnx"], 1, "pass --input-shape x=1,N");
    let fixed = ["compile", "m.onnx", "--input-shape", "x=1,3", "--drop-output", "z"];
    ok(&folder, &fixed);
    let described = ok(&folder, &["inspect", "m.kgl"]);
    assert!(described.contains("input      `x` f32 1x3") && described.contains("`gain`"), "{described}");
    ok(&folder, &[&fixed[..], &["--input-value", "gain=-2"]].concat());
    assert!(!ok(&folder, &["inspect", "m.kgl"]).contains("`gain`"));
    std::fs::write(folder.join("gain.npy"), npy_bytes(ElementType::F32, &[1], &floats(&[-2.0]))).expect("written");
    let by_file = ["compile", "m.onnx", "--input-shape", "x=1,3", "--outputs", "m,y", "--input-value", "gain=gain.npy"];
    ok(&folder, &by_file);
    std::fs::write(folder.join("x.npy"), npy_bytes(ElementType::F32, &[1, 3], &floats(&[1.0, 0.5, -1.5])))
        .expect("written");
    let printed = ok(&folder, &["run", "m.kgl", "--input", "x.npy"]);
    assert_eq!(printed, "m[0]: -2 -1 3\ny[0]: 0 0 3\n");
    // What is compared is the model with the same changes.
    let compared = ok(
        &folder,
        &[
            "compare",
            "m.onnx",
            "m.kgl",
            "--data",
            "x.npy",
            "--input-shape",
            "x=1,3",
            "--outputs",
            "m,y",
            "--input-value",
            "gain=-2",
        ],
    );
    assert!(
        compared.contains("1 samples, float reference by") && compared.contains("largest error 0.000e0"),
        "{compared}"
    );
    std::fs::remove_dir_all(&folder).expect("removable");
}

#[test]
fn what_makes_no_sense_is_told_before_anything_is_written() {
    let folder = folder("nonsense", gain());
    for (option, value, code, expected) in [
        ("--input-shape", "x", 2, "`x` is not NAME=VALUE"),
        ("--input-shape", "x=1,0", 2, "extents above zero"),
        ("--input-shape", "w=1", 1, "there is no input `w`; there is `x`, `gain`"),
        ("--input-shape", "x=1,2,3", 1, "input `x` has 2 axes"),
        ("--input-value", "gain=loud", 2, "a number or a .npy file"),
        ("--input-value", "gain=absent.npy", 1, "absent.npy"),
        ("--outputs", "w", 1, "there is no output `w`; there is `y`, `z`"),
        ("--drop-output", "w", 1, "there is no output `w`"),
    ] {
        fails(&folder, &["compile", "m.onnx", option, value], code, expected);
    }
    assert!(!folder.join("m.kgl").exists());
    std::fs::remove_dir_all(&folder).expect("removable");
}

#[test]
fn other_files_are_answered_with_how_to_export() {
    let folder = folder("kinds", gain());
    for (name, bytes, expected) in [
        ("m.pt", &b"PK\x03\x04....archive/data.pkl"[..], "tools/export/torch_to_onnx.py m.pt --factory"),
        ("m.keras", b"PK\x03\x04....config.json", "tools/export/keras_to_tflite.py m.keras"),
        ("m.h5", b"\x89HDF\r\n\x1a\n", "tools/export/keras_to_tflite.py m.h5"),
        ("m.txt", b"some words", "is neither a TensorFlow Lite nor an ONNX file"),
        ("saved/saved_model.pb", b"\x08\x01\x12\x00", "tools/export/keras_to_tflite.py saved\n"),
    ] {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, bytes).expect("written");
        fails(&folder, &["compile", name], 1, expected);
    }
    fails(&folder, &["compile", "saved"], 1, "tools/export/keras_to_tflite.py saved");
    // What is an ONNX file is one under any name.
    std::fs::copy(folder.join("m.onnx"), folder.join("model.bin")).expect("copied");
    fails(&folder, &["compile", "model.bin"], 1, "pass --input-shape x=1,N");
    std::fs::remove_dir_all(&folder).expect("removable");
}

#[test]
fn weights_beside_the_model_are_read() {
    let place = [("location", "m.onnx.data"), ("offset", "4"), ("length", "8")];
    let onnx =
        Onnx::new(17).external("w", &[2], &place).input("x", &[1, 2]).node("Add", &["x", "w"], "y", &[]).output("y");
    let folder = folder("external", onnx);
    fails(&folder, &["compile", "m.onnx"], 1, "m.onnx: tensor `w` is in `m.onnx.data`: ./m.onnx.data: No such file");
    std::fs::write(folder.join("m.onnx.data"), floats(&[9.0, 0.5, -1.0])).expect("written");
    ok(&folder, &["compile", "m.onnx"]);
    std::fs::write(folder.join("x.npy"), npy_bytes(ElementType::F32, &[1, 2], &floats(&[1.0, 2.0]))).expect("written");
    assert_eq!(ok(&folder, &["run", "m.kgl", "--input", "x.npy"]), "y[0]: 1.5 1\n");
    let compared = ok(&folder, &["compare", "m.onnx", "m.kgl", "--data", "x.npy"]);
    assert!(compared.contains("float reference by tract"), "{compared}");
    std::fs::remove_dir_all(&folder).expect("removable");
}
