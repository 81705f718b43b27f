//! `cargo xtask jvm-test`: the Kotlin classes on this machine's JVM, over the library that is packaged for it.
//!
//! The same classes and the same Rust go into the package for Android; what differs there is the processor, for which
//! the engine has tests of its own, and the system, of which nothing but memory is used.

mod pages;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};

use crate::cases::Array;
use crate::jvm::kotlin::{Kotlin, Sources};
use crate::jvm::{self, classes, native, output_of};
use crate::{prerequisites, tree};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The kinglet program that makes the blobs [default: ours, built if need be]
    #[arg(long, value_name = "FILE", env = "KINGLET_BIN")]
    kinglet: Option<PathBuf>,
    /// A folder with the Kotlin compiler, instead of the one in the cache
    #[arg(long, value_name = "DIR", env = "KINGLET_KOTLIN")]
    kotlin: Option<PathBuf>,
}

/// A leak shows before the machine's memory ends: sessions of the tests hold far less at once.
const LIMITS: [&str; 3] = ["-Xmx256m", "-XX:MaxDirectMemorySize=16m", "-Xcheck:jni"];

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let Some(host) = native::host()? else {
        println!("skipped: jvm-test: the library for the JVM is linked for Linux on x86-64 and AArch64");
        return Ok(ExitCode::SUCCESS);
    };
    let kotlin = match Kotlin::find(arguments.kotlin.as_deref()) {
        Ok(kotlin) => kotlin,
        Err(missing) => return jvm::skipped("jvm-test", &missing),
    };
    let library = native::build(host)?;
    println!("{}: {}", native::NAME, native::check_with_readelf(&library)?);
    let classes = classes::build(&kotlin)?;
    let tests = jvm::target().join("tests");
    let mut files = jvm::files_below(&jvm::sources().join("src/test/kotlin"), "kt")?;
    let (examples, mains) = pages::programs(&jvm::target().join("pages"))?;
    files.extend(examples);
    // The part of the sample app that needs no phone.
    files.push(tree::root().join("ffi/android/sample/src/main/kotlin/org/kinglet/sample/DigitReader.kt"));
    let options = ["-jvm-target", "17"];
    kotlin.compile(&Sources { files: &files, class_path: &[&classes], out: &tests, options: &options })?;
    let folder = jvm::target().join("blobs");
    blobs(&prerequisites::kinglet(arguments.kinglet.as_deref())?, &folder)?;
    let standard = kotlin.standard_library();
    let named = format!("-Dkinglet.library={}", library.display());
    java(&[&classes, &tests, &standard], &[&named], "org.kinglet.test.MainKt", &folder)?;
    // The programs of pages find the library as they do in the package: as a resource.
    let resources = resource(host, &library)?;
    for main in mains {
        java(&[&classes, &resources, &tests, &standard], &[], &main, &folder.join("labels.kgl"))
            .with_context(|| format!("the program {main}"))?;
        println!("ok       {main}");
    }
    Ok(ExitCode::SUCCESS)
}

/// A folder with the library where a package has it.
fn resource(platform: &native::Platform, library: &Path) -> Result<PathBuf> {
    let folder = jvm::target().join("resources");
    let place = folder.join("org/kinglet/native").join(platform.resource.context("this is no desktop")?);
    fs::create_dir_all(&place).with_context(|| format!("cannot make {}", place.display()))?;
    copy(library, &place.join(native::NAME))?;
    Ok(folder)
}

/// Runs a class within the limits.
fn java(class_path: &[&PathBuf], options: &[&str], main: &str, argument: &Path) -> Result<()> {
    let mut command = Command::new("java");
    command.args(LIMITS).args(options).arg("-cp").arg(std::env::join_paths(class_path)?);
    checked(command.arg(main).arg(argument))
}

/// Runs a program and shows what it prints; the JVM complains of a wrong use of its interface in what it prints too.
fn checked(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    print!("{text}");
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        bail!("{command:?}: {}", output.status);
    }
    let complaint =
        text.lines().find(|line| line.contains("WARNING in native") || line.contains("FATAL ERROR in native"));
    ensure!(complaint.is_none(), "the JVM says: {complaint:?}");
    Ok(())
}

/// Makes the folder that the tests read.
fn blobs(kinglet: &Path, folder: &Path) -> Result<()> {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let root = tree::root();
    copy(&root.join("ffi/c-tests/small.kgl"), &folder.join("small.kgl"))?;
    let mut golden = vec![root.join("tests/golden/models")];
    let shared = tree::shared().join("models");
    if shared.is_dir() {
        golden.push(shared);
    } else {
        println!("skipped: jvm-test: models that are not part of the repository: there is no {}", shared.display());
    }
    for models in golden {
        golden_models(kinglet, &models, folder)?;
    }
    let digits = root.join("examples/digits");
    let mut compile = Command::new(kinglet);
    compile.arg("compile").arg(digits.join("model.onnx")).arg("--calib").arg(digits.join("calib.npz"));
    output_of(compile.arg("-o").arg(folder.join("reader.kgl")))?;
    let example = root.join("examples/tiny");
    let labels = folder.join("labels.txt");
    let names = "zero\none\ntwo\nthree\nfour\nfive\nsix\nseven\neight “8”\nnine\n";
    fs::write(&labels, names).with_context(|| format!("cannot write {}", labels.display()))?;
    let mut compile = Command::new(kinglet);
    compile.arg("compile").arg(example.join("model.onnx")).arg("--calib").arg(example.join("calib.npz"));
    output_of(compile.arg("--labels").arg(&labels).arg("-o").arg(folder.join("labels.kgl")))?;
    let bytes = fs::metadata(example.join("model.onnx"))?.len();
    fs::write(folder.join("labels.source.txt"), format!("{bytes}\n"))?;
    sequence(kinglet, &root.join("tests/sequences/stream"), folder)
}

/// Compiles the models of a folder that have outputs from elsewhere, which are below `golden` or beside them.
fn golden_models(kinglet: &Path, models: &Path, folder: &Path) -> Result<()> {
    let golden = [models.join("golden"), models.to_owned()].into_iter().find(|folder| folder.is_dir());
    let outputs = jvm::files_below(&golden.context("there are no golden outputs")?, "bin")?;
    for model in jvm::files_below(models, "tflite")? {
        let stem = model.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let name = stem.strip_suffix("_int8").unwrap_or(&stem);
        let own = |path: &&PathBuf| {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            file.strip_prefix(name).is_some_and(|rest| rest.starts_with('.') && rest.ends_with(".out.bin"))
        };
        let own: Vec<&PathBuf> = outputs.iter().filter(own).collect();
        if own.is_empty() {
            continue;
        }
        for output in own {
            copy(output, &folder.join(output.file_name().unwrap_or_default()))?;
        }
        let mut compile = Command::new(kinglet);
        compile.arg("compile").arg(&model).args(["--golden", "3", "-o"]);
        output_of(compile.arg(folder.join(format!("{name}.golden.kgl"))))?;
    }
    Ok(())
}

/// A model that keeps a tensor, with the steps of a sequence as raw bytes.
fn sequence(kinglet: &Path, source: &Path, folder: &Path) -> Result<()> {
    let mut compile = Command::new(kinglet);
    compile.arg("compile").arg(source.join("model.tflite")).arg("--golden-data").arg(source.join("in.npy"));
    output_of(compile.arg("--golden-raw").arg("-o").arg(folder.join("stream.kgl")))?;
    for name in ["in", "out"] {
        // Codes of one byte: int8 in, uint8 out.
        let numbers = Array::read(&source.join(format!("{name}.npy")))?.numbers;
        let bytes: Vec<u8> = numbers.iter().map(|&code| code as i16 as u8).collect();
        fs::write(folder.join(format!("stream.{name}.bin")), bytes)?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).map(drop).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}
