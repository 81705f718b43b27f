//! The page of `--report`: set-ups that are broken in known ways, each of which it has to name in words.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use kinglet::Model;
use kinglet_quantize::calibrate::npy::{Array, ElementType, read_arrays};
use kinglet_quantize::compile::{Options, compile_built};
use kinglet_quantize::import::{self, ModelBytes};
use kinglet_quantize::inspect::inspect;
use kinglet_quantize::ir::Elements;
use kinglet_quantize::npy_file::npy_bytes;
use kinglet_quantize::page::{Facts, render};

const DIGITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/digits");

/// A folder of its own for each test, removed when the test passes.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("kinglet-report-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a temporary directory");
        Scratch(dir)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("UTF-8").to_owned()
    }

    /// An archive with reals `x` and, where there are some, labels `y`.
    fn archive(&self, name: &str, x: &Array, labels: Option<&[i64]>) -> String {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let mut member = |name: &str, bytes: &[u8]| {
            writer.start_file(name, zip::write::SimpleFileOptions::default()).expect("a new name");
            writer.write_all(bytes).expect("memory");
        };
        member("x.npy", &npy_bytes(ElementType::F32, &x.shape, &x.bytes));
        if let Some(labels) = labels {
            let bytes: Vec<u8> = labels.iter().flat_map(|label| label.to_le_bytes()).collect();
            member("y.npy", &npy_bytes(ElementType::I64, &[labels.len()], &bytes));
        }
        let path = self.path(name);
        std::fs::write(&path, writer.finish().expect("memory").into_inner()).expect("a file");
        path
    }

    fn page(&self) -> String {
        std::fs::read_to_string(self.path("page.html")).expect("a page")
    }

    fn remove(self) {
        std::fs::remove_dir_all(&self.0).expect("removable");
    }
}

/// The array `x` of an example's file, changed.
fn digits(file: &str, change: impl Fn(f32) -> f32) -> Array {
    let arrays = read_arrays(&Path::new(DIGITS).join(file)).expect("the example's data");
    let x = arrays.iter().find(|array| array.name == "x").expect("inputs");
    let reals: Vec<f32> = x.to_f32().into_iter().map(change).collect();
    Array::of_reals("x".into(), x.shape.clone(), &reals)
}

fn kinglet(arguments: &[&str]) -> String {
    let output = Command::cargo_bin("kinglet").expect("built").args(arguments).output().expect("runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Compiles the example with this calibration data, and returns the page.
fn compiled(scratch: &Scratch, calib: &str, more: &[&str]) -> String {
    let (model, blob, page) = (format!("{DIGITS}/model.onnx"), scratch.path("m.kgl"), scratch.path("page.html"));
    let arguments = ["compile", &model, "--calib", calib, "-o", &blob, "--report", &page];
    kinglet(&[&arguments, more].concat());
    scratch.page()
}

/// What the page says under its first heading, without its markup.
fn findings(page: &str) -> String {
    let list = page.split("<ul class=\"findings\">").nth(1).and_then(|rest| rest.split("</ul>").next());
    let mut text = String::new();
    let mut is_markup = false;
    for letter in list.expect("a list of findings").chars() {
        match letter {
            '<' => is_markup = true,
            '>' => is_markup = false,
            letter if !is_markup => text.push(letter),
            _ => {}
        }
    }
    text
}

#[test]
fn a_sound_set_up_is_called_so_on_a_page_that_stands_alone() {
    let scratch = Scratch::new("sound");
    let (calib, test) = (format!("{DIGITS}/calib.npz"), format!("{DIGITS}/test.npz"));
    let page = compiled(&scratch, &calib, &["--eval", &test]);
    assert!(findings(&page).contains("Nothing unusual was found"), "{}", findings(&page));
    for part in
        ["Layer by layer", "Memory over time", "Which class was answered for which", "prefers-color-scheme: dark"]
    {
        assert!(page.contains(part), "{part}");
    }
    // Nothing is fetched, nothing runs.
    for other in ["http:", "https:", "src=", "<script", "<link", "@import", "url("] {
        assert!(!page.contains(other), "{other}");
    }
    scratch.remove();
}

#[test]
fn inputs_of_another_scale_and_constant_ones_are_named() {
    let scratch = Scratch::new("scale");
    let small = scratch.archive("small.npz", &digits("calib.npz", |x| x / 255.0), None);
    let found = findings(&compiled(&scratch, &small, &[]));
    assert!(found.contains("scaled as in training"), "{found}");
    // On good data the blob that came of it is seen to be clipped, too.
    let found = findings(&compiled(&scratch, &small, &["--eval", &format!("{DIGITS}/test.npz")]));
    assert!(found.contains("is clipped") && found.contains("Accuracy was lost"), "{found}");
    let constant = scratch.archive("constant.npz", &digits("calib.npz", |_| 0.0), None);
    let found = findings(&compiled(&scratch, &constant, &[]));
    assert!(found.contains("is 0 everywhere") && found.contains("repair the data first"), "{found}");
    // What follows from the data is not blamed on layers.
    assert!(!found.contains("channels are dead"), "{found}");
    scratch.remove();
}

#[test]
fn shifted_labels_and_calibration_on_test_data_are_named() {
    let scratch = Scratch::new("labels");
    let test = format!("{DIGITS}/test.npz");
    compiled(&scratch, &format!("{DIGITS}/calib.npz"), &[]);
    let arrays = read_arrays(Path::new(&test)).expect("the example's data");
    let labels = arrays.iter().find(|array| array.name == "y").expect("labels");
    let shifted: Vec<i64> = labels.elements().map(|label| (label as i64 + 1) % 10).collect();
    let x = digits("test.npz", |x| x);
    let data = scratch.archive("shifted.npz", &x, Some(&shifted));
    let (model, blob, page) = (format!("{DIGITS}/model.onnx"), scratch.path("m.kgl"), scratch.path("page.html"));
    kinglet(&["compare", &model, &blob, "--data", &data, "--limit", "300", "--report", &page]);
    let found = findings(&scratch.page());
    assert!(found.contains("labels look shifted by 1") && found.contains("answers label - 1 on"), "{found}");
    kinglet(&["compare", &model, &blob, "--data", &test, "--limit", "50", "--calib", &test, "--report", &page]);
    assert!(findings(&scratch.page()).contains("50 of the 50 samples are calibration samples too"));
    scratch.remove();
}

/// The fifth mistake that somebody else could find: one layer with too few bits among others with eight.
#[test]
fn a_layer_of_few_bits_is_named_with_what_to_do() {
    let scratch = Scratch::new("bits");
    let calib = Path::new(DIGITS).join("calib.npz");
    compiled(&scratch, calib.to_str().expect("UTF-8"), &["--layer-bits", "conv_13=2"]);
    let found = findings(&scratch.page());
    assert!(found.contains("conv_13") && found.contains("only 2 bits"), "{found}");
    assert!(found.contains("--layer-bits conv_13=8") && !found.contains("conv_6"), "{found}");
    let model = Path::new(DIGITS).join("model.onnx");
    let refused = Command::cargo_bin("kinglet")
        .expect("built")
        .args(["compile", model.to_str().expect("UTF-8"), "--layer-bits", "conv13=2", "--calib"])
        .args([calib.to_str().expect("UTF-8"), "-o", &scratch.path("none.kgl")])
        .output()
        .expect("runs");
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && text.contains("`conv13`") && text.contains("`conv_13`"), "{text}");
    assert!(!Path::new(&scratch.path("none.kgl")).exists());
    scratch.remove();
}

#[test]
fn size_is_drawn_against_error() {
    let scratch = Scratch::new("size");
    let calib = Path::new(DIGITS).join("calib.npz");
    compiled(&scratch, calib.to_str().expect("UTF-8"), &["--bits", "auto", "--average-bits", "4", "--pareto"]);
    let page = scratch.page();
    let plot = page.split("<h2>Size against error</h2>").nth(1).and_then(|rest| rest.split("</svg>").next());
    let plot = plot.unwrap_or_else(|| panic!("no plot: {page}"));
    assert!(
        plot.matches("<circle").count() > 4 && plot.contains("this blob") && plot.contains("class=\"join\""),
        "{plot}"
    );
    scratch.remove();
}

#[test]
fn dead_channels_are_named() {
    let path = Path::new(DIGITS).join("model.onnx");
    let (bytes, kind) = import::read(&path).expect("the example");
    let mut graph = import::import(&ModelBytes::new(&bytes, kind, "digits")).expect("read").graph;
    // The first weights of four axes: output channels come first, and half of them die. So do biases and normalizations
    // of that many channels.
    let is_kernel = |shape: &[usize]| shape.len() == 4;
    let first = graph.nodes.iter().flat_map(|node| &node.inputs).find(|id| {
        let value = graph.value(**id);
        value.elements.is_some() && is_kernel(&value.shape)
    });
    let first = *first.expect("a convolution");
    let channels = graph.value(first).shape[0];
    for value in &mut graph.values {
        let dies = value.shape.first() == Some(&channels) && (value.shape.len() == 1 || is_kernel(&value.shape));
        if let (Some(Elements::F32(elements)), true) = (&mut value.elements, dies) {
            let each = elements.len() / channels;
            elements[..each * channels / 2].fill(0.0);
        }
    }
    let options = Options {
        calibration: Some(Path::new(DIGITS).join("calib.npz")),
        diagnose: true,
        eliminate: false,
        ..Options::default()
    };
    let compiled = compile_built(graph, &options, &mut |_| ()).expect("compiled");
    let inspection = inspect(&Model::from_bytes(&compiled.blob).expect("sound"));
    let facts = Facts {
        report: Some(&compiled.report),
        inspection: &inspection,
        comparison: None,
        warnings: &compiled.warnings,
    };
    let found = findings(&render(&facts));
    assert!(found.contains("channels are dead"), "{found}");
}
