//! `kinglet compile --emit`: compilers take the files, and what is in them is the blob.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use kinglet_quantize::blob_file;

const KINGLET: &str = env!("CARGO_BIN_EXE_kinglet");
const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/tiny");
const HEADERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../ffi/include");

/// Names that could trip over quotes, trigraphs, octal digits and other alphabets.
const LABELS: [&str; 10] = ["zero", "a \"b\"", "c\\d", "what??=", "größe", "日本", "/* x */", "§7", "e'f", "nine"];

/// Compiles the example with `arguments` into a folder of its own.
fn compile(test: &str, arguments: &[&str]) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("kinglet-sources-{test}-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a temporary directory");
    fs::write(folder.join("labels.txt"), LABELS.join("\n")).expect("written");
    let mut command = Command::new(KINGLET);
    command.current_dir(&folder).arg("compile").arg(format!("{TINY}/model.onnx"));
    command.args(["--calib", &format!("{TINY}/calib.npz"), "--labels", "labels.txt"]).args(arguments);
    let output = command.output().expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder
}

/// Runs a command; what it prints when it fails is the failure.
fn run(folder: &Path, program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).current_dir(folder).args(arguments).output().expect("it is installed");
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn c_compilers_take_the_header_and_the_source() {
    if Command::new("cc").arg("--version").output().is_err() {
        println!("skipped: sources: there is no C compiler");
        return;
    }
    let folder = compile("c", &["--emit", "c", "-o", "2 tiny-é.kgl"]);
    // The blob's name is none that a compiler takes: the files have a plainer one.
    let program = "#include <stdio.h>\n#include \"model_2_tiny__.h\"\nint main(void) {\n    size_t i;\n    \
                   fwrite(model_2_tiny___blob, 1, MODEL_2_TINY___BLOB_BYTES, stdout);\n    \
                   for (i = 0; i < MODEL_2_TINY___LABEL_COUNT; i++) printf(\"%s\\n\", model_2_tiny___labels[i]);\n    \
                   return 0;\n}\n";
    fs::write(folder.join("main.c"), program).expect("written");
    for standard in ["c99", "c11"] {
        let standard = format!("-std={standard}");
        let arguments = [&standard, "-Wall", "-Wextra", "-pedantic", "-Werror", "-I", HEADERS, "-o", "main"];
        run(&folder, "cc", &[&arguments[..], &["main.c", "model_2_tiny__.c"]].concat());
        let printed = Command::new(folder.join("main")).output().expect("runs").stdout;
        let mut expected = fs::read(folder.join("2 tiny-é.kgl")).expect("the blob");
        LABELS.iter().for_each(|label| expected.extend(format!("{label}\n").bytes()));
        assert_eq!(printed, expected, "{standard}");
    }
    fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn the_module_is_the_blob_and_says_what_the_blob_says() {
    let folder = compile("rust", &["--emit", "rust", "--emit", "c", "--target", "m33", "-o", "tiny.kgl"]);
    let blob = blob_file::read(&folder.join("tiny.kgl")).expect("a blob");
    let model = kinglet::Model::from_bytes(&blob).expect("sound");
    let (input, output) = (model.input(0).expect("an input"), model.output(0).expect("an output"));
    let program = format!(
        "mod kinglet {{ #[repr(C, align(16))] pub struct Aligned<T>(pub T); }}\ninclude!(\"tiny.rs\");\nfn main() {{\n    \
         assert_eq!(BLOB.0, *include_bytes!(\"tiny.kgl\"));\n    assert_eq!(LABELS, {LABELS:?});\n    \
         assert_eq!((ARENA_BYTES, INPUT_0_LEN, OUTPUT_0_LEN), ({}, {}, {}));\n    \
         assert_eq!(&INPUT_0_DIMS[..], &{:?}[..]);\n    assert_eq!((INPUT_0_SCALE, INPUT_0_ZERO_POINT), ({:?}, {}));\n    \
         assert_eq!((OUTPUT_0_SCALE, OUTPUT_0_ZERO_POINT), ({:?}, {}));\n    println!(\"the same\");\n}}\n",
        model.arena_bytes(),
        input.len(),
        output.len(),
        input.shape(),
        input.scale,
        input.zero_point,
        output.scale,
        output.zero_point,
    );
    fs::write(folder.join("main.rs"), program).expect("written");
    run(&folder, "rustc", &["--edition", "2024", "-A", "dead_code", "main.rs", "-o", "main"]);
    assert_eq!(run(&folder, folder.join("main").to_str().expect("UTF-8"), &[]), "the same\n");
    let text = fs::read_to_string(folder.join("tiny.rs")).expect("written");
    assert!(text.is_ascii() && text.contains("compiled for cortex-m33 by") && text.contains(", dsp,"), "{text}");
    assert!(text.contains("--target thumbv8m.main-none-eabihf --no-default-features --features "), "{text}");
    assert!(folder.join("tiny.h").is_file() && folder.join("tiny.c").is_file());
    fs::remove_dir_all(folder).expect("removed");
}
