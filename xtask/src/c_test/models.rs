//! The models that the C programs run: the small one, the project's example, and the keyword model.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use kinglet_blob::{DType, SectionKind, golden};

use super::compiler::{self, Dialect, Program};
use super::small_blob::SmallBlob;
use super::{Outcome, write};
use crate::cases::Array;
use crate::library::Library;
use crate::mcu_bench::operators;
use crate::{prerequisites, tree};

/// A blob, an input and what must come out, as files.
pub(crate) struct Subject {
    pub(crate) name: String,
    pub(crate) blob: PathBuf,
    pub(crate) input: PathBuf,
    pub(crate) expected: PathBuf,
    /// The core that the blob was compiled for; none when it runs everywhere.
    pub(crate) core: Option<&'static str>,
}

impl Subject {
    pub(crate) fn small(small: &SmallBlob) -> Result<Subject> {
        Ok(Subject {
            name: "small".into(),
            blob: write("small.kgl", &small.blob)?,
            input: write("small.in.bin", &small.input)?,
            expected: write("small.out.bin", &small.expected)?,
            core: None,
        })
    }
}

/// Compiled for these: blobs for boards run on this machine as well, in a library that emulates.
const TARGETS: [(&str, Option<&str>); 2] = [("portable", None), ("cortex-m4", Some("cortex-m4"))];

/// Compiles the example, whose outputs the compiler has computed, and the keyword model, whose outputs an independent
/// implementation has.
pub(crate) fn find(kinglet: Option<&Path>, subjects: &mut Vec<Subject>) -> Result<Outcome> {
    let kinglet = prerequisites::kinglet(kinglet)?;
    let example = tree::root().join("examples/digits");
    let calibration = example.join("calib.npz").into_os_string();
    for (target, core) in TARGETS {
        let options = [OsStr::new("--golden"), OsStr::new("1"), OsStr::new("--calib"), &calibration];
        let blob = compile(&kinglet, &example.join("model.onnx"), &format!("digits-{target}"), target, &options)?;
        let (input, expected) = first_vector(&blob)?;
        let input = write(&format!("digits-{target}.in.bin"), &input)?;
        let expected = write(&format!("digits-{target}.out.bin"), &expected)?;
        subjects.push(Subject { name: format!("digits ({target})"), blob, input, expected, core });
    }
    let models = tree::shared().join("models");
    let source = models.join("kws_int8.tflite");
    if !source.is_file() {
        return Ok(Outcome::Skipped(format!("the keyword model is not at {}; see KINGLET_SHARED", source.display())));
    }
    for (target, core) in TARGETS {
        let options = ["--golden", "2"].map(OsStr::new);
        let blob = compile(&kinglet, &source, &format!("keywords-{target}"), target, &options)?;
        let golden = |kind: &str| models.join(format!("golden/kws.ramp.{kind}.bin"));
        let name = format!("keywords ({target})");
        subjects.push(Subject { name, blob, input: golden("in"), expected: golden("out"), core });
    }
    Ok(Outcome::Passed("digits, keywords".into()))
}

/// A model that keeps a tensor from run to run, over a sequence: calls keep it, a reset forgets it.
pub(crate) fn with_state(kinglet: Option<&Path>) -> Result<Outcome> {
    if let Some(missing) = Dialect::C11.missing() {
        return Ok(Outcome::Skipped(missing));
    }
    let kinglet = prerequisites::kinglet(kinglet)?;
    let folder = tree::root().join("tests/sequences/stream");
    let data = folder.join("in.npy").into_os_string();
    let options = [OsStr::new("--golden-data"), &data, OsStr::new("--golden-raw")];
    let blob = compile(&kinglet, &folder.join("model.tflite"), "stream", "portable", &options)?;
    let raw = |name: &str| {
        let numbers = Array::read(&folder.join(name))?.numbers;
        // Codes of one byte: int8 in, uint8 out.
        write(&format!("stream.{name}.bin"), &numbers.iter().map(|&code| code as i16 as u8).collect::<Vec<u8>>())
    };
    let (inputs, expected) = (raw("in.npy")?, raw("out.npy")?);
    let library = Library { debug: true, ..Library::default() }.build()?;
    let (name, dialect, sources) = ("state", Dialect::C11, &["state.c"][..]);
    let program = Program { name, dialect, sources, library: &library, arguments: super::SANITIZE }.build()?;
    compiler::run(Command::new(program).args([&blob, &inputs, &expected])).map(Outcome::Passed)
}

fn compile(kinglet: &Path, source: &Path, name: &str, target: &str, options: &[&OsStr]) -> Result<PathBuf> {
    let blob = compiler::folder()?.join(format!("{name}.kgl"));
    let mut command = Command::new(kinglet);
    command.arg("compile").arg(source).args(["--target", target]).args(options).arg("-o").arg(&blob);
    compiler::run(&mut command).with_context(|| format!("compiling {}", source.display()))?;
    Ok(blob)
}

/// All inputs and all outputs of the first test vector that the blob carries.
fn first_vector(path: &Path) -> Result<(Vec<u8>, Vec<u8>)> {
    operators::with_blob(path, |blob| {
        let (count, mut rest) = golden::split(blob.section(SectionKind::Golden)).context("the blob has no vectors")?;
        ensure!(count > 0, "the blob has no vectors");
        let inputs = usize::from(blob.header().input_count);
        let mut sides = (Vec::new(), Vec::new());
        for index in 0..inputs + usize::from(blob.header().output_count) {
            let port = blob.port(index).context("a port is missing")?;
            let dtype = DType::from_tag(port.dtype).context("a port has an unknown type")?;
            let bytes = port.len().context("a port has an impossible shape")? * dtype.size_bytes();
            let side = if index < inputs { &mut sides.0 } else { &mut sides.1 };
            side.extend_from_slice(rest.get(..bytes).context("the vectors are cut off")?);
            rest = rest.get(golden::padded(bytes)..).unwrap_or_default();
        }
        Ok(sides)
    })
}

/// Runs a subject on this machine.
pub(crate) fn on_host(subject: &Subject) -> Result<Outcome> {
    if let Some(missing) = Dialect::C11.missing() {
        return Ok(Outcome::Skipped(missing));
    }
    let features = if subject.core.is_some() { vec!["emulation"] } else { Vec::new() };
    let library = Library { features, ..Library::default() }.build()?;
    compiler::run(&mut host_program(subject, &library)?).map(Outcome::Passed)
}

/// A library as a phone has it refuses a blob for another machine, by the rule that says so.
pub(crate) fn refused(subject: &Subject) -> Result<Outcome> {
    if let Some(missing) = Dialect::C11.missing() {
        return Ok(Outcome::Skipped(missing));
    }
    let mut command = host_program(subject, &Library::default().build()?)?;
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    let message = String::from_utf8_lossy(&output.stderr);
    let is_refused = output.status.code() == Some(1) && message.contains(REFUSAL);
    ensure!(is_refused, "{command:?} ended with {} and said:\n{message}", output.status);
    Ok(Outcome::Passed(format!("not loaded: {REFUSAL}")))
}

/// What the library calls the rule.
const REFUSAL: &str = "packing_not_runnable";

/// The program that runs a subject on this machine, linked with a library.
fn host_program(subject: &Subject, library: &Path) -> Result<Command> {
    let (name, dialect, sources) = ("host", Dialect::C11, &["host.c", "replay.c"][..]);
    let mut command = Command::new(Program { name, dialect, sources, library, arguments: &[] }.build()?);
    command.args([&subject.blob, &subject.input, &subject.expected]);
    Ok(command)
}
