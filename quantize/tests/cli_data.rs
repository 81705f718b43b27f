//! Data of all kinds through the command: pictures, how data is prepared, and figures on it.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use kinglet_quantize::calibrate::npy::{Array, ElementType, read_arrays};
use kinglet_quantize::npy_file::npy_bytes;
use serde_json::Value;

const DIGITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/digits");

/// A folder of its own for each test, which the test removes when it passes.
fn folder(test: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("kinglet-cli-data-{test}-{}", std::process::id()));
    std::fs::create_dir_all(&path).expect("a temporary folder");
    path
}

/// Runs a command in a folder, which must succeed; what it prints, and what it says on standard error.
fn kinglet(folder: &Path, arguments: &[&str]) -> (String, String) {
    let output =
        Command::cargo_bin("kinglet").expect("built").current_dir(folder).args(arguments).output().expect("runs");
    let errors = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(output.status.success(), "{arguments:?}: {errors}");
    (String::from_utf8(output.stdout).expect("UTF-8"), errors)
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&kinglet(folder, arguments).0).expect("one JSON object")
}

/// The images of an example's file.
fn images(file: &str) -> Array {
    let arrays = read_arrays(&Path::new(DIGITS).join(file)).expect("the example's data");
    arrays.into_iter().find(|array| array.name == "x").expect("inputs")
}

#[test]
fn data_is_prepared_as_the_blob_says() {
    let folder = folder("prepared");
    let (model, calib) = (format!("{DIGITS}/model.onnx"), format!("{DIGITS}/calib.npz"));
    let test = images("test.npz");
    let first = &test.bytes[..28 * 28];
    std::fs::write(folder.join("raw.npy"), npy_bytes(ElementType::U8, &[1, 1, 28, 28], first)).expect("written");
    let picture = image::GrayImage::from_raw(28, 28, first.to_vec()).expect("a picture");
    std::fs::create_dir(folder.join("seven")).expect("a folder");
    picture.save(folder.join("seven/a.png")).expect("written");
    kinglet(&folder, &["compile", &model, "--calib", &calib, "-o", "plain.kgl"]);
    let plain = json(&folder, &["run", "plain.kgl", "--input", "raw.npy", "--json"]);
    let of_picture = json(&folder, &["run", "plain.kgl", "--input", "seven/a.png", "--json"]);
    assert_eq!(plain["outputs"], of_picture["outputs"]);
    assert_eq!((&plain["inputs"][0]["clipped"], &plain["inputs"][0]["codes"][1]), (&0.0.into(), &255.0.into()));
    assert_eq!(json(&folder, &["inspect", "plain.kgl", "--json"])["preparation"], Value::Null);

    // Images below 1, which are brought back to 0 to 255: exactly, as 256 is a power of two.
    let of = |array: &Array| array.to_f32().iter().flat_map(|x| (x / 256.0).to_le_bytes()).collect::<Vec<u8>>();
    let calib = images("calib.npz");
    std::fs::write(folder.join("calib.npy"), npy_bytes(ElementType::F32, &calib.shape, &of(&calib))).expect("written");
    let small = Array { shape: vec![1, 1, 28, 28], bytes: first.to_vec(), ..test };
    std::fs::write(folder.join("small.npy"), npy_bytes(ElementType::F32, &small.shape, &of(&small))).expect("written");
    let prepared = ["compile", &model, "--calib", "calib.npy", "--min-max", "0,0.00390625", "-o", "small.kgl"];
    kinglet(&folder, &prepared);
    let preparation = json(&folder, &["inspect", "small.kgl", "--json"])["preparation"].clone();
    assert_eq!(preparation["mean"][0], 0.0, "{preparation}");
    let values = |arguments: &[&str]| json(&folder, arguments)["outputs"][0]["values"].clone();
    let again = values(&["run", "small.kgl", "--input", "small.npy", "--json"]);
    assert_eq!(again, plain["outputs"][0]["values"]);
    let untouched = values(&["run", "small.kgl", "--input", "raw.npy", "--no-preparation", "--json"]);
    assert_eq!(untouched, again);
    let (_, errors) = kinglet(&folder, &["run", "small.kgl", "--input", "raw.npy"]);
    assert!(errors.contains("of input `input` is clipped"), "{errors}");
    std::fs::remove_dir_all(&folder).expect("removable");
}

#[test]
fn compare_takes_folders_of_classes_and_has_every_figure() {
    let folder = folder("figures");
    let (model, calib) = (format!("{DIGITS}/model.onnx"), format!("{DIGITS}/calib.npz"));
    kinglet(&folder, &["compile", &model, "--calib", &calib, "-o", "m.kgl"]);
    let test = format!("{DIGITS}/test.npz");
    let compare = ["compare", &model, "m.kgl", "--data", &test, "--limit", "200", "--metric", "f1", "--json"];
    let it = json(&folder, &compare);
    assert_eq!((&it["samples"], &it["metric"]), (&200.into(), &"f1".into()));
    assert_eq!(it["metric_blob"], it["scores"]["blob"]["f1"]);
    assert_eq!(it["scores"]["blob"]["confusion"].as_array().map(Vec::len), Some(10));
    assert!(it["scores"]["float"]["auc"].as_f64().is_some_and(|auc| auc > 0.99), "{it}");
    let (text, _) = kinglet(&folder, &["compare", &model, "m.kgl", "--data", &test, "--limit", "200", "--per-class"]);
    assert!(text.contains("with 95 % confidence") && text.contains("the blob's answers (columns)"), "{text}");

    // The same images as files: the folder of each is its label.
    let arrays = read_arrays(Path::new(&test)).expect("the example's data");
    let labels: Vec<f64> = arrays.iter().find(|array| array.name == "y").expect("labels").elements().collect();
    for (index, pixels) in images("test.npz").bytes.chunks_exact(28 * 28).take(40).enumerate() {
        let class = folder.join(format!("images/{}", labels[index]));
        std::fs::create_dir_all(&class).expect("a folder");
        let picture = image::GrayImage::from_raw(28, 28, pixels.to_vec()).expect("a picture");
        picture.save(class.join(format!("{index}.png"))).expect("written");
    }
    let of_files = json(&folder, &["compare", &model, "m.kgl", "--data", "images", "--json"]);
    let of_array = json(&folder, &["compare", &model, "m.kgl", "--data", &test, "--limit", "40", "--json"]);
    for field in ["samples", "metric_float", "metric_blob", "agreement"] {
        assert_eq!(of_files[field], of_array[field], "{field}");
    }
    std::fs::remove_dir_all(&folder).expect("removable");
}
