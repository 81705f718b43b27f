//! The `kinglet` command from outside: exit codes, streams, files and the fields of its JSON.

use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use kinglet_quantize::calibrate::npy::{self, ElementType};
use kinglet_quantize::npy_file::npy_bytes;
use serde_json::Value;

const DIGITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/digits");

/// A directory of its own for each test, removed when the test passes.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("kinglet-cli-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a temporary directory");
        Scratch(dir)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).expect("readable");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn remove(self) {
        std::fs::remove_dir_all(&self.0).expect("removable");
    }
}

fn kinglet(arguments: &[&str]) -> Output {
    let mut command = Command::cargo_bin("kinglet").expect("built");
    command.args(arguments).output().expect("runs")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Runs a command that must succeed and returns what it printed.
fn ok(arguments: &[&str]) -> String {
    let output = kinglet(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {errors}");
    // Progress is for terminals.
    assert_eq!(errors, "", "{arguments:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&ok(arguments)).expect("one JSON object")
}

/// Runs a command that must fail with `code`, print nothing, and say `expected`.
fn fails(arguments: &[&str], code: i32, expected: &str) {
    let output = kinglet(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{arguments:?}");
    assert!(errors.contains(expected), "{arguments:?}: {errors}");
    assert!(!errors.contains("panicked"), "{errors}");
}

/// Compiles the example model to int8 for a target and returns the blob's path and the report.
fn digits(scratch: &Scratch, target: &str) -> (PathBuf, Value) {
    let blob = scratch.path(&format!("digits-{target}.kgl"));
    let (model, calib) = (format!("{DIGITS}/model.onnx"), format!("{DIGITS}/calib.npz"));
    let report =
        json(&["compile", &model, "--calib", &calib, "--target", target, "--golden", "3", "--json", "-o", text(&blob)]);
    (blob, report)
}

#[test]
fn compile_reports_what_it_did() {
    let scratch = Scratch::new("compile");
    let (blob, report) = digits(&scratch, "cortex-m4");
    for field in [
        "source_bytes",
        "blob_bytes",
        "weight_bytes",
        "weight_bytes_eliminated",
        "arena_bytes",
        "arena_lower_bound_bytes",
        "scratch_bytes",
        "macs",
        "macs_eliminated",
        "operators",
        "golden_vectors",
    ] {
        assert!(report[field].is_u64(), "{field} in {report}");
    }
    assert_eq!(report["blob_bytes"], std::fs::metadata(&blob).expect("written").len());
    assert_eq!((&report["arithmetic"], &report["target"]), (&"int8".into(), &"cortex-m4".into()));
    assert!(report["layers"].as_array().is_some_and(|layers| layers.iter().any(|layer| layer["sqnr_db"].is_f64())));
    // Nothing but the blob is left, and the same model gives the same bytes.
    assert_eq!(scratch.files(), ["digits-cortex-m4.kgl"]);
    let first = std::fs::read(&blob).expect("readable");
    digits(&scratch, "cortex-m4");
    assert_eq!(std::fs::read(&blob).expect("readable"), first);
    scratch.remove();
}

#[test]
fn a_float_model_without_calibration_stays_float() {
    let scratch = Scratch::new("float");
    let blob = scratch.path("float.kgl");
    let report = json(&["compile", &format!("{DIGITS}/model.onnx"), "--json", "-o", text(&blob)]);
    assert_eq!(report["arithmetic"], "float32");
    let (model, data) = (format!("{DIGITS}/model.onnx"), format!("{DIGITS}/test.npz"));
    let comparison = json(&["compare", &model, text(&blob), "--data", &data, "--json"]);
    assert_eq!(comparison["agreement"], 1.0);
    assert!(comparison["outputs"][0]["max_abs_error"].as_f64().is_some_and(|error| error < 1e-3), "{comparison}");
    scratch.remove();
}

#[test]
fn compare_measures_accuracy() {
    let scratch = Scratch::new("compare");
    let (blob, _) = digits(&scratch, "portable");
    let (model, data) = (format!("{DIGITS}/model.onnx"), format!("{DIGITS}/test.npz"));
    let comparison = json(&["compare", &model, text(&blob), "--data", &data, "--json"]);
    let number = |field: &str| comparison[field].as_f64().unwrap_or_else(|| panic!("{field} in {comparison}"));
    assert!(number("agreement") > 0.98 && number("sqnr_db") > 25.0, "{comparison}");
    assert!(number("metric_float") > 0.97 && number("metric_blob") > 0.97, "{comparison}");
    assert_eq!((&comparison["metric"], &comparison["reference"]), (&"accuracy".into(), &"tract".into()));
    scratch.remove();
}

#[test]
fn run_takes_and_gives_the_sources_layout_and_types() {
    let scratch = Scratch::new("run");
    let (blob, _) = digits(&scratch, "portable");
    let data = npy::read_arrays(Path::new(&format!("{DIGITS}/test.npz"))).expect("readable");
    let images = data.iter().find(|array| array.name == "x").expect("images");
    let each = images.bytes.len() / images.shape[0];
    let shape: Vec<usize> = [5].into_iter().chain(images.shape[1..].iter().copied()).collect();
    let input = scratch.path("in.npy");
    std::fs::write(&input, npy_bytes(images.element_type, &shape, &images.bytes[..5 * each])).expect("written");

    // Five inferences from reals, out as reals and as the blob's own type.
    let (reals, raw, bin) = (scratch.path("out.npy"), scratch.path("raw.npy"), scratch.path("out.bin"));
    ok(&["run", text(&blob), "--input", text(&input), "--output", text(&reals)]);
    ok(&["run", text(&blob), "--input", text(&input), "--output", text(&bin)]);
    let outputs = npy::read_arrays(&reals).expect("readable").remove(0);
    assert_eq!((outputs.shape.clone(), outputs.element_type), (vec![5, 10], ElementType::F32));
    assert_eq!(std::fs::metadata(&bin).expect("written").len(), 50);

    // The same through the blob's own type: quantize the input by hand.
    let inspection = json(&["inspect", text(&blob), "--json"]);
    let port = &inspection["inputs"][0];
    let (scale, zero_point) =
        (port["scale"].as_f64().expect("a scale"), port["zero_point"].as_f64().expect("a zero point"));
    let codes: Vec<u8> =
        npy::Array { bytes: images.bytes[..5 * each].to_vec(), shape: shape.clone(), ..images.clone() }
            .elements()
            .map(|real| ((real as f32 / scale as f32).round() as f64 + zero_point).clamp(-128.0, 127.0) as i8 as u8)
            .collect();
    let (codes_bin, codes_npy) = (scratch.path("in.bin"), scratch.path("in-raw.npy"));
    std::fs::write(&codes_bin, &codes).expect("written");
    std::fs::write(&codes_npy, npy_bytes(ElementType::I8, &shape, &codes)).expect("written");
    let from_bin = scratch.path("from-bin.bin");
    ok(&["run", text(&blob), "--input", text(&codes_bin), "--output", text(&from_bin)]);
    ok(&["run", text(&blob), "--raw", "--input", text(&codes_npy), "--output", text(&raw)]);
    let expected = std::fs::read(&bin).expect("readable");
    assert_eq!(std::fs::read(&from_bin).expect("readable"), expected);
    let raw = npy::read_arrays(&raw).expect("readable").remove(0);
    assert_eq!((raw.shape, raw.element_type, raw.bytes), (vec![5, 10], ElementType::I8, expected));

    // Without files the values are printed, one line for each inference.
    assert_eq!(ok(&["run", text(&blob), "--input", text(&input)]).lines().count(), 5);
    let printed = json(&["run", text(&blob), "--input", text(&input), "--json"]);
    assert_eq!(printed["inferences"], 5);
    assert_eq!(printed["outputs"][0]["values"].as_array().map(Vec::len), Some(50));
    scratch.remove();
}

#[test]
fn targets_agree_on_every_bit() {
    let scratch = Scratch::new("targets");
    let data = npy::read_arrays(Path::new(&format!("{DIGITS}/test.npz"))).expect("readable");
    let images = data.iter().find(|array| array.name == "x").expect("images");
    let input = scratch.path("in.npy");
    std::fs::write(&input, npy_bytes(images.element_type, &images.shape, &images.bytes)).expect("written");
    let run = |target: &str| {
        let (blob, output) = (digits(&scratch, target).0, scratch.path("out.bin"));
        ok(&["run", text(&blob), "--input", text(&input), "--output", text(&output)]);
        std::fs::read(output).expect("readable")
    };
    let portable = run("portable");
    for target in ["cortex-m0", "cortex-m4", "cortex-m55", "x86-64"] {
        assert!(run(target) == portable, "{target} differs");
    }
    scratch.remove();
}

#[test]
fn verify_finds_every_kind_of_damage() {
    let scratch = Scratch::new("verify");
    let (path, report) = digits(&scratch, "cortex-m4");
    let verified = json(&["verify", text(&path), "--json"]);
    assert_eq!(verified["ok"], true);
    assert_eq!((&verified["golden_vectors"], &verified["certificate"]), (&3.into(), &true.into()));
    assert_eq!(verified["arena_bytes"], report["arena_bytes"]);
    let work = verified["work"].as_u64().expect("a number");
    ok(&["verify", text(&path), "--max-work", &work.to_string()]);
    let less = (work - 1).to_string();
    fails(&["verify", text(&path), "--max-work", &less], 1, "it has to do more than the limit");
    let blob = std::fs::read(&path).expect("readable");
    let damaged = scratch.path("damaged.kgl");
    for (len, position) in [(blob.len(), 8), (blob.len(), blob.len() / 2), (blob.len(), blob.len() - 1), (100, 0)] {
        let mut bytes = blob[..len].to_vec();
        bytes[position] ^= 0x10;
        std::fs::write(&damaged, bytes).expect("written");
        fails(&["verify", text(&damaged)], 1, "damaged.kgl is not a blob that this kinglet runs");
        fails(&["inspect", text(&damaged)], 1, "damaged.kgl");
    }
    scratch.remove();
}

#[test]
fn inspect_describes_operators_and_memory() {
    let scratch = Scratch::new("inspect");
    let (path, report) = digits(&scratch, "cortex-m4");
    let it = json(&["inspect", text(&path), "--json"]);
    let total: u64 = ["macs", "taps", "elements"].iter().filter_map(|field| it[*field].as_u64()).sum();
    assert_eq!(json(&["verify", text(&path), "--json"])["work"], total);
    for field in ["blob_bytes", "arena_bytes", "macs", "weight_bytes"] {
        assert_eq!(it[field], report[field], "{field}");
    }
    let operators = it["operators"].as_array().expect("a list");
    assert_eq!(report["operators"], operators.len());
    let sum = |field: &str| operators.iter().filter_map(|operator| operator[field].as_u64()).sum::<u64>();
    assert_eq!((&it["macs"], &it["weight_bytes"]), (&sum("macs").into(), &sum("weight_bytes").into()));
    let live = |operator: &Value| operator["live_bytes"].as_u64().expect("a number");
    let arena = report["arena_bytes"].as_u64().expect("a number");
    assert!(operators.iter().all(|operator| live(operator) > 0 && live(operator) <= arena));
    assert!(operators.iter().any(|operator| operator["packing"] == "channel-pairs"));
    assert!(ok(&["inspect", text(&path)]).contains("memory in use"));
    let features = json(&["ops", text(&path), "--json"]);
    let features: Vec<&str> = features.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    for operator in operators {
        let name = operator["operator"].as_str().expect("a name");
        assert!(features.contains(&name), "{name}");
    }
    assert!(ok(&["ops", text(&path), text(&path)]).starts_with("kinglet = { version = "));
    for (target, extension) in [("m33", "dsp"), ("cortex-m85", "helium")] {
        let features = json(&["ops", text(&digits(&scratch, target).0), "--json"]);
        assert!(features.as_array().expect("a list").contains(&extension.into()), "{target}: {features}");
    }
    scratch.remove();
}

#[test]
fn bench_measures() {
    let scratch = Scratch::new("bench");
    let (path, report) = digits(&scratch, "portable");
    let measured = json(&["bench", text(&path), "--seconds", "0.05", "--json"]);
    assert!(measured["median_ns"].as_u64().is_some_and(|ns| ns > 0), "{measured}");
    assert_eq!(measured["macs"], report["macs"]);
    scratch.remove();
}

#[test]
fn demo_needs_nothing_and_ends_well() {
    let text = ok(&["demo"]);
    assert!(text.contains("accuracy: float 9") && text.contains("blob 9"), "{text}");
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let scratch = Scratch::new("usage");
    let (path, _) = digits(&scratch, "portable");
    fails(&[], 2, "Usage");
    fails(&["fly"], 2, "unrecognized subcommand");
    fails(&["compile"], 2, "required");
    fails(&["compile", "m.onnx", "--target", "z80"], 2, "possible targets: portable, cortex-m0");
    fails(&["compile", "m.onnx", "--target", "cortex-m47"], 2, "did you mean cortex-m4?");
    let help = ok(&["compile", "--help"]);
    assert!(help.contains("cortex-m4   cortex-m4f, nrf52832, nrf52840, "), "{help}");
    fails(&["compile", "m.onnx", "-o", "m.onnx"], 2, "overwritten");
    fails(&["compile", "m.onnx", "--range", "mse"], 2, "--calib");
    fails(&["run", text(&path), "--input", "a.bin", "--input", "b.bin"], 2, "the model has 1 inputs");
    fails(&["run", text(&path), "--input", "a.txt"], 2, "must end in");
    let model = format!("{DIGITS}/model.onnx");
    let out = scratch.path("out.kgl");
    let compile = |more: &[&'static str]| [&["compile", &model, "-o", text(&out)], more].concat();
    fails(&compile(&["--golden", "1001"]), 2, "more than 1000");
    fails(&compile(&["--golden-raw"]), 2, "--golden-data");
    fails(&compile(&["--golden-data", "a.bin", "--golden-data", "b.bin"]), 2, "2 --golden-data given, the model has 1");
    fails(&compile(&["--golden-data", "a.txt"]), 2, "must end in");
    fails(&compile(&["--golden-data", "nowhere.bin"]), 1, "cannot read nowhere.bin");
    fails(&["bench", text(&path), "--seconds", "0"], 2, "seconds");
    assert_eq!(kinglet(&["--help"]).status.code(), Some(0));
    assert_eq!(kinglet(&["--version"]).status.code(), Some(0));
    scratch.remove();
}

#[test]
fn failures_are_exit_code_1_and_leave_no_file() {
    let scratch = Scratch::new("failures");
    let out = scratch.path("out.kgl");
    let model = |name: &str, bytes: &[u8]| {
        let path = scratch.path(name);
        std::fs::write(&path, bytes).expect("written");
        path
    };
    fails(&["compile", "nowhere.onnx", "-o", text(&out)], 1, "cannot read nowhere.onnx");
    let noise = model("noise.tflite", &[0x5a; 300]);
    fails(&["compile", text(&noise), "-o", text(&out)], 1, "noise.tflite");
    let onnx = std::fs::read(format!("{DIGITS}/model.onnx")).expect("readable");
    let cut = model("cut.onnx", &onnx[..onnx.len() / 2]);
    fails(&["compile", text(&cut), "-o", text(&out)], 1, "cut.onnx");
    let unknown = model("model.bin", b"neither the one nor the other");
    fails(&["compile", text(&unknown), "-o", text(&out)], 1, "model.bin");
    let calib = model("calib.npz", b"PK\x03\x04 no archive");
    let good = format!("{DIGITS}/model.onnx");
    fails(&["compile", &good, "--calib", text(&calib), "-o", text(&out)], 1, "calib.npz");
    fails(&["compile", &good, "-o", text(&scratch.path("no/such/dir.kgl"))], 1, "cannot write");
    fails(&["run", text(&noise), "--input", "x.bin"], 1, "noise.tflite is not a blob");
    fails(&["inspect", "nowhere.kgl"], 1, "cannot read nowhere.kgl");
    let (blob, _) = digits(&scratch, "portable");
    let short = model("short.bin", &[0; 10]);
    fails(&["run", text(&blob), "--input", text(&short)], 1, "10 bytes");
    assert!(!scratch.files().iter().any(|name| name == "out.kgl" || name.contains(".part")), "{:?}", scratch.files());
    scratch.remove();
}

#[test]
fn test_vectors_come_from_files() {
    let scratch = Scratch::new("golden-data");
    let (blob, input, codes) = (scratch.path("digits.kgl"), scratch.path("in.npy"), scratch.path("codes.npy"));
    let (model, calib) = (format!("{DIGITS}/model.onnx"), format!("{DIGITS}/calib.npz"));
    let pixels: Vec<u8> = (0..3 * 784_u32).map(|at| (at * at % 251) as u8).collect();
    let reals: Vec<u8> = pixels.iter().flat_map(|&pixel| (f32::from(pixel) / 255.0).to_le_bytes()).collect();
    std::fs::write(&input, npy_bytes(ElementType::F32, &[3, 1, 28, 28], &reals)).expect("written");
    let with = |more: &[&str]| {
        let base = ["compile", &model, "--calib", &calib, "--json", "-o", text(&blob)];
        json(&[&base[..], more].concat())["golden_vectors"].clone()
    };
    assert_eq!(with(&["--golden-data", text(&input)]), 3);
    assert_eq!(json(&["verify", text(&blob), "--json"])["golden_vectors"], 3);
    let all = std::fs::read(&blob).expect("readable");
    // The vectors are at the end: inputs as `run` quantizes them, and outputs as it computes them.
    let output = scratch.path("out.bin");
    ok(&["run", text(&blob), "--input", text(&input), "--output", text(&output)]);
    let outputs = std::fs::read(&output).expect("readable");
    let vectors = &all[all.len() - 3 * (784 + 12)..];
    for (index, vector) in vectors.chunks(784 + 12).enumerate() {
        assert_eq!(vector[784..794], outputs[10 * index..][..10], "vector {index}");
    }
    // The same codes given as codes make the same blob.
    let inputs: Vec<u8> = vectors.chunks(784 + 12).flat_map(|vector| vector[..784].to_vec()).collect();
    std::fs::write(&codes, npy_bytes(ElementType::I8, &[3, 1, 28, 28], &inputs)).expect("written");
    assert_eq!(with(&["--golden-data", text(&codes), "--golden-raw"]), 3);
    assert_eq!(std::fs::read(&blob).expect("readable"), all);
    assert_eq!(with(&["--golden-data", text(&codes), "--golden-raw", "--golden", "2"]), 2);
    assert_eq!(with(&["--golden-data", text(&codes)]), 3);
    assert_ne!(std::fs::read(&blob).expect("readable"), all, "without --golden-raw they are reals");
    let raw_reals = ["--golden-data", text(&input), "--golden-raw"];
    let base = ["compile", &model, "--calib", &calib, "-o", text(&blob)];
    fails(&[&base[..], &raw_reals].concat(), 1, "holds F32, with --golden-raw input");
    scratch.remove();
}

#[test]
fn a_model_is_made_to_fit_the_memory() {
    let scratch = Scratch::new("ram");
    let (model, calib) = (format!("{DIGITS}/model.onnx"), format!("{DIGITS}/calib.npz"));
    let blob = scratch.path("digits.kgl");
    let compile = |ram: &str| json(&["compile", &model, "--calib", &calib, "--ram", ram, "--json", "-o", text(&blob)]);
    let whole = compile("1000000");
    assert!(whole["stripes"].is_null(), "{whole}");
    let least = compile("min");
    let arena = |report: &Value| report["arena_bytes"].as_u64().expect("a number");
    assert!(arena(&least) < arena(&whole), "{least}");
    for field in ["arena_bytes_whole", "operators_added", "copied_bytes", "macs_recomputed"] {
        assert!(least["stripes"][field].is_u64(), "{field} in {least}");
    }
    let segment = &least["stripes"]["segments"][0];
    assert!(segment["first_node"].is_string() && segment["last_node"].is_string(), "{least}");
    assert!(segment["operators"].is_u64() && segment["stripes"].is_u64(), "{least}");
    assert_eq!(least["stripes"]["arena_bytes_whole"], whole["arena_bytes"]);
    assert_eq!((&least["macs"], &least["weight_bytes"]), (&whole["macs"], &whole["weight_bytes"]));
    // The blob is sound, and as exact as the one that is computed whole.
    ok(&["verify", text(&blob)]);
    let inspection = json(&["inspect", text(&blob), "--json"]);
    assert_eq!(
        (&inspection["arena_bytes"], &inspection["weight_bytes"]),
        (&least["arena_bytes"], &whole["weight_bytes"])
    );
    let text_report = ok(&["compile", &model, "--calib", &calib, "--ram", "min", "-o", text(&blob)]);
    assert!(text_report.contains("bytes copied, 0 MACs recomputed"), "{text_report}");
    let args = ["compile", &model, "--calib", &calib, "-o", text(&blob), "--ram"];
    let expected = format!("use --ram {}", arena(&least));
    fails(&[&args[..], &["16"]].concat(), 1, &expected);
    fails(&[&args[..], &["28k"]].concat(), 2, "a number of bytes, or `min`");
    scratch.remove();
}

/// Whether `--explain --json` says that a pass did (or left) something of the kind at some node.
fn says(report: &Value, pass: &str, list: &str, words: &str) -> bool {
    let passes = report["passes"].as_array().expect("a list");
    let notes = passes.iter().filter(|one| one["pass"] == pass).flat_map(|one| one[list].as_array().expect("a list"));
    notes.into_iter().any(|note| {
        let what = note["what"].as_str().expect("words");
        !note["node"].as_str().expect("a name").is_empty() && what.contains(words)
    })
}

#[test]
fn explain_says_what_passes_did_and_left() {
    let scratch = Scratch::new("explain");
    let blob = scratch.path("digits.kgl");
    let (model, calib) = (format!("{DIGITS}/model.onnx"), format!("{DIGITS}/calib.npz"));
    let base = ["compile", &model, "--calib", &calib, "-o", text(&blob)];
    let with = |more: &[&'static str]| [&base[..], more].concat();
    let report = json(&with(&["--explain", "--json"]));
    assert_eq!(report["arithmetic"], "int8", "the report is the same object");
    assert!(says(&report, "fuse-activation", "changes", "fused into its producer"), "{}", report["passes"]);
    assert!(says(&report, "layout", "changes", "vanishes"), "{}", report["passes"]);
    assert!(says(&report, "eliminate", "misses", "no output channel holds one value"), "{}", report["passes"]);
    let printed = ok(&with(&["--explain"]));
    assert!(printed.contains("\n  fuse-activation\n    did  `"), "{printed}");
    assert!(printed.contains("\n  eliminate\n    left `"), "{printed}");
    assert!(json(&with(&["--json"])).get("passes").is_none(), "only when asked for");
    assert!(!ok(&with(&[])).contains("fuse-activation"));
    let kept = json(&with(&["--explain", "--no-eliminate", "--json"]));
    assert!(!says(&kept, "eliminate", "misses", ""), "what did not run explains nothing");
    scratch.remove();
}

#[test]
fn explain_says_why_a_constant_channel_stays() {
    let scratch = Scratch::new("explain-kept");
    // An output channel of zeros, which is a part of the model's output.
    let blob = scratch.path("relu.kgl");
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/cases/dense_dead_output/model.tflite");
    let report = json(&["compile", model, "--explain", "--json", "-o", text(&blob)]);
    assert!(
        says(&report, "eliminate", "misses", "1 output channels hold one value: they are kept in step"),
        "{report}"
    );
    scratch.remove();
}

#[test]
fn a_fixed_batch_is_warned_of() {
    let scratch = Scratch::new("batch");
    let blob = scratch.path("batch.kgl");
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/cases/batch_of_32/model.tflite");
    let output = kinglet(&["compile", model, "--json", "-o", text(&blob)]);
    assert_eq!(output.status.code(), Some(0));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.starts_with("warning: input `tensor 0` has a fixed batch of 32"), "{errors}");
    assert!(errors.contains("export the model with a batch of 1") && errors.lines().count() == 1, "{errors}");
    assert!(serde_json::from_slice::<Value>(&output.stdout).is_ok(), "standard output is the report alone");
    scratch.remove();
}

#[test]
fn run_dumps_what_every_operator_computes() {
    let scratch = Scratch::new("dump");
    let (blob, _) = digits(&scratch, "portable");
    let (input, output, folder) = (scratch.path("in.npy"), scratch.path("out.npy"), scratch.path("dump"));
    let reals: Vec<u8> = (0..2 * 28 * 28).flat_map(|i| ((i % 255) as f32 / 255.0).to_le_bytes()).collect();
    std::fs::write(&input, npy_bytes(ElementType::F32, &[2, 1, 28, 28], &reals)).expect("writable");
    let run =
        ["run", text(&blob), "--input", text(&input), "--output", text(&output), "--raw", "--dump", text(&folder)];
    fails(&run, 1, "with --raw");
    let run = ["run", text(&blob), "--input", text(&input), "--output", text(&output), "--dump", text(&folder)];
    ok(&run);
    let operators = json(&["inspect", text(&blob), "--json"])["operators"].as_array().expect("a list").clone();
    for inference in ["0", "1"] {
        for operator in &operators {
            let (index, name) = (operator["index"].as_u64().unwrap(), operator["operator"].as_str().unwrap());
            let path = folder.join(inference).join(format!("{index:03}-{name}.npy"));
            let array = npy::read_arrays(&path).expect("an array").remove(0);
            let shape: Vec<u64> = array.shape.iter().map(|&extent| extent as u64).collect();
            assert_eq!(serde_json::json!(shape), operator["output_shape"], "{name}");
        }
        let count = std::fs::read_dir(folder.join(inference)).expect("a folder").count();
        assert_eq!(count, operators.len());
    }
    scratch.remove();
}

#[test]
fn operators_are_told_by_any_of_their_names() {
    assert!(ok(&["operators"]).contains("  Conv2D"));
    let told = ok(&["operators", "conv_2d"]);
    assert!(told.starts_with("Conv2D\n") && told.contains("own kernels      int8: Armv6-M"), "{told}");
    let all = json(&["operators", "--json"]);
    let of = |name: &str| {
        let mut families = all.as_array().expect("a list").iter();
        families.find(|family| family["name"] == name).unwrap_or_else(|| panic!("{name} in {all}")).clone()
    };
    let conv = of("Conv2D");
    assert_eq!((&conv["tflite"][0], &conv["element_types"][0]), (&"CONV_2D".into(), &"int8".into()));
    assert_eq!(conv["accelerated"][0]["element_type"], "int8");
    assert!(of("Identity")["element_types"].as_array().is_some_and(Vec::is_empty));
    fails(&["operators", "SVDF"], 1, "SVDF is not read; use convolutions over time");
    fails(&["operators", "Convx"], 1, "near it are Conv");
    fails(&["operators", "NothingLikeIt"], 1, "`kinglet operators` lists what is");
    fails(&["operators", "Conv", "--markdown"], 2, "cannot be used with");
}
