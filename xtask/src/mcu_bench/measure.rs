//! One model on one board, from the source file to the record.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail, ensure};
use kinglet_report::{Message, REPORT_VERSION, Summary, Vector, Window as Role, decode};

use super::cycles;
use super::operators;
use super::record::{FunctionRecord, ModelRecord, OperatorRecord, RunRecord};
use super::subject::{Subject, SubjectVector};
use crate::board::Board;
use crate::counts::Window;
use crate::emulate::{Emulation, Emulator};
use crate::image::{self, Recipe};
use crate::profile;
use crate::tree;

/// What is the same for all models of a board.
pub(crate) struct Bench<'a> {
    pub(crate) board: &'a Board,
    pub(crate) plugin: &'a Path,
    pub(crate) kinglet: &'a Path,
    pub(crate) compile_target: &'a str,
    pub(crate) compile_arguments: &'a [String],
    pub(crate) profile: bool,
    pub(crate) wait_states: u64,
    /// An image with the feature `loaded`, for all models; without it one is built for each.
    pub(crate) image: Option<&'a Path>,
}

/// A compiled model and what the compiler said of it.
struct Compiled {
    blob: PathBuf,
    facts: serde_json::Value,
}

impl Compiled {
    fn number(&self, field: &str) -> Result<u64> {
        let value = self.facts.get(field).and_then(serde_json::Value::as_u64);
        value.with_context(|| format!("`kinglet compile --json` gave no number called {field}"))
    }
}

/// What an image said.
struct DeviceReport {
    /// All outputs of a vector, one after the other.
    outputs: BTreeMap<u16, Vec<u8>>,
    summary: Summary,
}

impl Bench<'_> {
    pub(crate) fn measure(&self, subject: &Subject) -> Result<ModelRecord> {
        let folder = tree::firmware_target().join("mcu-bench").join(self.board.core).join(&subject.name);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let compiled = self.compile(subject, &folder)?;
        let (image, loaded) = match self.image {
            Some(image) => (image.to_owned(), Some(loaded(image, &compiled, &folder)?)),
            None => (self.build(subject, &compiled, &folder, false)?, None),
        };
        let histogram_window = self.profile.then_some(FIRST_RUN);
        let emulator =
            Emulator { board: self.board, plugin: self.plugin, folder: folder.clone(), histogram_window, loaded };
        let emulation = emulator.run(&image)?;
        let report = read_report(&emulation)?;
        let runs = self.check_outputs(subject, &compiled, &report, &folder)?;

        let sizes = image::sizes(&image)?;
        let windows = emulation.windows()?;
        let windows = roles(&windows, &report.summary)?;
        let mut record = ModelRecord {
            name: subject.name.clone(),
            macs: compiled.number("macs")?,
            code_flash_bytes: sizes.code_flash,
            blob_bytes: fs::metadata(&compiled.blob).context("cannot read the blob")?.len(),
            arena_bytes: report.summary.arena_bytes.into(),
            data_bss_bytes: sizes.data_bss,
            stack_bytes: report.summary.run_stack_bytes.into(),
            init_stack_bytes: report.summary.init_stack_bytes.into(),
            source_bytes: compiled.number("source_bytes")?,
            weight_bytes: compiled.number("weight_bytes")?,
            vectors: runs.len() as u64,
            mismatches: runs.iter().filter(|run| run.wrong_bytes > 0).count() as u64,
            runs,
            ..ModelRecord::default()
        };
        self.fill_counts(&mut record, &windows)?;
        if self.profile {
            let histogram = emulation.histogram.as_deref().context("the counter wrote no histogram")?;
            let functions = profile::by_function(&image, histogram)?.into_iter();
            record.functions = functions.map(|(name, instructions)| FunctionRecord { name, instructions }).collect();
            if self.image.is_none() {
                record.operators = self.trace(subject, &compiled, &folder)?;
            }
        }
        Ok(record)
    }

    /// Instructions of loading and of each run; the rest from the first run.
    fn fill_counts(&self, record: &mut ModelRecord, windows: &[(Role, &Window)]) -> Result<()> {
        for (role, window) in windows {
            match role {
                Role::Init => record.init_instructions = window.counts.instructions,
                Role::Run { vector } => {
                    let run = record.runs.get_mut(usize::from(*vector)).context("a run of an unknown vector")?;
                    run.instructions = window.counts.instructions;
                    if *vector == 0 {
                        record.instructions = window.counts.instructions;
                        record.loads = window.counts.loads;
                        record.stores = window.counts.stores;
                        record.vector_instructions = self.board.has_vectors().then_some(window.counts.vector);
                        record.estimated_cycles = self.cycles(window);
                    }
                }
                Role::Traced { .. } => {}
            }
        }
        ensure!(record.instructions > 0, "the image measured no run");
        Ok(())
    }

    fn compile(&self, subject: &Subject, folder: &Path) -> Result<Compiled> {
        let blob = folder.join("model.kgl");
        let mut command = Command::new(self.kinglet);
        command.arg("compile").arg(&subject.source).args(["--json", "--target", self.compile_target, "-o"]).arg(&blob);
        command.args(self.compile_arguments);
        let facts =
            serde_json::from_str(&output_of(&mut command)?).context("`kinglet compile --json` printed no JSON")?;
        Ok(Compiled { blob, facts })
    }

    /// Builds the image, with the tracer or without.
    fn build(&self, subject: &Subject, compiled: &Compiled, folder: &Path, traced: bool) -> Result<PathBuf> {
        let names: Vec<&str> = subject.vectors.iter().map(|vector| &*vector.name).collect();
        let blob = compiled.blob.to_str().context("the repository's path is not Unicode")?;
        let arena = compiled.number("arena_bytes")?;
        let mut features = operators::engine_features(&compiled.blob)?;
        features.extend(traced.then(|| "trace".to_owned()));
        features.extend(self.has_int16_input(compiled)?.then(|| "int16".to_owned()));
        image::build(&Recipe {
            board: self.board,
            binary: "kinglet-emulator",
            features,
            variables: vec![
                ("KINGLET_BLOB", blob.to_owned()),
                ("KINGLET_ARENA_BYTES", arena.to_string()),
                ("KINGLET_VECTORS", names.join(",")),
            ],
            keep_as: folder.join(if traced { "traced.elf" } else { "image.elf" }),
        })
    }

    /// Runs the traced image and joins its windows with what the blob says of its operators.
    fn trace(&self, subject: &Subject, compiled: &Compiled, folder: &Path) -> Result<Vec<OperatorRecord>> {
        let image = self.build(subject, compiled, folder, true)?;
        let folder = folder.join("traced");
        let emulator =
            Emulator { board: self.board, plugin: self.plugin, folder, histogram_window: None, loaded: None };
        let emulation = emulator.run(&image)?;
        let report = read_report(&emulation)?;
        let windows = emulation.windows()?;
        let windows = roles(&windows, &report.summary)?;
        let traced = windows.iter().find(|(role, _)| matches!(role, Role::Traced { .. }));
        let (_, traced) = traced.context("the traced image traced nothing")?;
        let mut operators = self.operators(compiled)?;
        ensure!(
            operators.len() == traced.inner.len(),
            "the blob has {} operators and {} ran",
            operators.len(),
            traced.inner.len()
        );
        for (operator, window) in operators.iter_mut().zip(&traced.inner) {
            operator.instructions = window.counts.instructions;
            operator.loads = window.counts.loads;
            operator.stores = window.counts.stores;
            operator.vector_instructions = self.board.has_vectors().then_some(window.counts.vector);
            operator.estimated_cycles = self.cycles(window);
        }
        Ok(operators)
    }

    /// The estimate for what a window executed.
    fn cycles(&self, window: &Window) -> Option<u64> {
        self.board.cycles.map(|costs| cycles::estimate(&costs, &window.counts.mix, self.wait_states))
    }

    /// The operators by name, with what `kinglet inspect --json` knows of each.
    fn operators(&self, compiled: &Compiled) -> Result<Vec<OperatorRecord>> {
        let facts = self.inspect(compiled)?;
        let names = operators::of_blob(&compiled.blob)?;
        let records = names.iter().enumerate().map(|(index, name)| {
            let fact = |field: &str| facts.get("operators")?.get(index)?.get(field);
            let number = |value: Option<&serde_json::Value>| value.and_then(serde_json::Value::as_u64).unwrap_or(0);
            let work = |part: &str| number(fact("work").and_then(|work| work.get(part)));
            OperatorRecord {
                index: index as u64,
                operator: (*name).to_owned(),
                packing: fact("packing").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned(),
                kernel: number(fact("packing_tag")),
                work: ["input", "output", "gathered", "macs"].map(work),
                shape: fact("output_shape").map(ToString::to_string).unwrap_or_default(),
                macs: number(fact("macs")),
                ..OperatorRecord::default()
            }
        });
        Ok(records.collect())
    }

    fn check_outputs(
        &self,
        subject: &Subject,
        compiled: &Compiled,
        report: &DeviceReport,
        folder: &Path,
    ) -> Result<Vec<RunRecord>> {
        let mut runs = Vec::new();
        for (index, vector) in subject.vectors.iter().enumerate() {
            let empty = Vec::new();
            let output = u16::try_from(index).ok().and_then(|index| report.outputs.get(&index)).unwrap_or(&empty);
            let (expected, expected_from) = match &vector.golden {
                Some(golden) => (golden.clone(), "golden"),
                None => (self.run_on_host(compiled, vector, folder)?, "host"),
            };
            // A byte too few or too many is as wrong as one with another value.
            let differing = output.iter().zip(&expected).filter(|(a, b)| a != b).count();
            let wrong = differing + output.len().abs_diff(expected.len());
            runs.push(RunRecord {
                vector: vector.name.clone(),
                expected_from: expected_from.to_owned(),
                output_bytes: output.len() as u64,
                wrong_bytes: wrong as u64,
                ..RunRecord::default()
            });
        }
        Ok(runs)
    }

    /// What the same blob gives on the host.
    fn run_on_host(&self, compiled: &Compiled, vector: &SubjectVector, folder: &Path) -> Result<Vec<u8>> {
        let facts = self.inspect(compiled)?;
        let tensors = |side: &str| facts.get(side).and_then(serde_json::Value::as_array).map_or(&[][..], Vec::as_slice);
        let mut command = Command::new(self.kinglet);
        command.arg("run").arg(&compiled.blob);
        for (index, tensor) in tensors("inputs").iter().enumerate() {
            let input = folder.join(format!("{}.in{index}.bin", vector.name));
            fs::write(&input, input_bytes(vector.vector, tensor)?).context("cannot write an input file")?;
            command.arg("--input").arg(&input);
        }
        let outputs = 0..tensors("outputs").len();
        let outputs: Vec<PathBuf> =
            outputs.map(|index| folder.join(format!("{}.out{index}.bin", vector.name))).collect();
        for output in &outputs {
            command.arg("--output").arg(output);
        }
        output_of(&mut command)?;
        let outputs = outputs.iter().map(|output| fs::read(output).context("cannot read the host's output"));
        Ok(outputs.collect::<Result<Vec<_>>>()?.concat())
    }

    /// Whether the image has to fill int16 tensors, which most models have not.
    fn has_int16_input(&self, compiled: &Compiled) -> Result<bool> {
        let facts = self.inspect(compiled)?;
        let inputs = facts.get("inputs").and_then(serde_json::Value::as_array).context("a blob has inputs")?;
        let is_int16 =
            |input: &serde_json::Value| input.get("dtype").and_then(serde_json::Value::as_str) == Some("int16");
        Ok(inputs.iter().any(is_int16))
    }

    /// What `kinglet inspect --json` says of a blob.
    fn inspect(&self, compiled: &Compiled) -> Result<serde_json::Value> {
        let mut command = Command::new(self.kinglet);
        command.arg("inspect").arg(&compiled.blob).arg("--json");
        serde_json::from_str(&output_of(&mut command)?).context("`kinglet inspect --json` printed no JSON")
    }
}

/// Windows: loading, then the runs. This is the one whose executions per address are counted.
const FIRST_RUN: usize = 1;

/// The input that the image makes for itself, of a tensor as `kinglet inspect --json` describes it.
fn input_bytes(vector: Vector, tensor: &serde_json::Value) -> Result<Vec<u8>> {
    let shape = tensor.get("shape").and_then(serde_json::Value::as_array).context("an input has no shape")?;
    let extents = shape.iter().map(|extent| extent.as_u64().and_then(|extent| usize::try_from(extent).ok()));
    let count: usize = extents.collect::<Option<Vec<_>>>().context("an input has no extents")?.iter().product();
    Ok(match tensor.get("dtype").and_then(serde_json::Value::as_str) {
        Some("f32") => {
            let mut elements = vec![0.0; count];
            vector.fill_f32(&mut elements);
            elements.iter().flat_map(|value| value.to_le_bytes()).collect()
        }
        Some("int16") => {
            let mut elements = vec![0; count];
            vector.fill_i16(&mut elements);
            elements.iter().flat_map(|value| value.to_le_bytes()).collect()
        }
        Some("bool") => {
            let mut elements = vec![0; count];
            vector.fill_bool(&mut elements);
            elements
        }
        Some("i8") => vector.elements().take(count).map(i8::cast_unsigned).collect(),
        other => bail!("the image cannot fill an input of type {}", other.unwrap_or("unknown")),
    })
}

/// Writes the blob as an image with the feature `loaded` expects it, and says where it has to be.
fn loaded(image: &Path, compiled: &Compiled, folder: &Path) -> Result<(PathBuf, u64)> {
    let blob = fs::read(&compiled.blob).context("cannot read the blob")?;
    let mut bytes = (blob.len() as u64).to_le_bytes().to_vec();
    bytes.resize(16, 0);
    bytes.extend(blob);
    let path = folder.join("loaded.bin");
    fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    Ok((path, image::address(image, "__earena")?.next_multiple_of(16)))
}

/// The arena of an image with the feature `loaded`.
const ARENA_BYTES: usize = 160 * 1024;

/// Builds the image that runs any model.
pub(crate) fn build_for_all(board: &Board) -> Result<PathBuf> {
    image::build(&Recipe {
        board,
        binary: "kinglet-emulator",
        features: vec!["kinglet/all-operators".into(), "loaded".into()],
        variables: vec![("KINGLET_ARENA_BYTES", ARENA_BYTES.to_string()), ("KINGLET_VECTORS", "ramp".into())],
        keep_as: tree::firmware_target().join("operator-bench").join(board.core).join("image.elf"),
    })
}

/// Standard output of a command that must succeed.
fn output_of(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("{command:?} printed something that is not text"))
}

fn read_report(emulation: &Emulation) -> Result<DeviceReport> {
    let mut rest = &emulation.report[..];
    let mut outputs: BTreeMap<u16, Vec<u8>> = BTreeMap::new();
    let mut greeted = false;
    loop {
        let frame = decode(rest).map_err(|_| anyhow!("the image sent bytes that are not a report"))?;
        let Some((message, after)) = frame else {
            bail!("the image ended without a summary: it hit a fault or a panic");
        };
        rest = after;
        match message {
            Message::Hello { version } => {
                ensure!(version == REPORT_VERSION, "the image reports in version {version}, not {REPORT_VERSION}");
                greeted = true;
            }
            Message::Output { vector, bytes, .. } => outputs.entry(vector).or_default().extend_from_slice(bytes),
            Message::Failed(failure) => bail!(
                "the image stopped in stage {:?} with code {} at blob offset {}",
                failure.stage,
                failure.code,
                failure.offset
            ),
            Message::Summary(summary) => {
                ensure!(greeted && emulation.success, "the image ended badly");
                return Ok(DeviceReport { outputs, summary });
            }
        }
    }
}

/// What each outermost window was.
fn roles<'w>(windows: &'w [Window], summary: &Summary) -> Result<Vec<(Role, &'w Window)>> {
    let (marked, noted) = (windows.len(), summary.windows.len());
    ensure!(marked == noted, "the image noted {noted} windows and opened {marked}");
    Ok(summary.windows.iter().copied().zip(windows).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kinglet_report::{FRAME_BYTES_MAX, Failure, Stage, encode};

    fn emulation(messages: &[Message<'_>], success: bool) -> Emulation {
        let mut report = Vec::new();
        for message in messages {
            let mut frame = [0; FRAME_BYTES_MAX];
            report.extend_from_slice(encode(message, &mut frame).expect("fits"));
        }
        Emulation { success, counts: String::new(), report, histogram: None }
    }

    #[test]
    fn pieces_of_outputs_are_joined_by_vector() {
        let piece = |vector, output, bytes| Message::Output { vector, output, offset: 0, bytes };
        let messages = [
            Message::Hello { version: REPORT_VERSION },
            piece(0, 0, &[1, 2]),
            piece(0, 0, &[3]),
            piece(0, 1, &[4]),
            piece(1, 0, &[5]),
            Message::Summary(Summary::default()),
        ];
        let report = read_report(&emulation(&messages, true)).expect("is complete");
        assert_eq!(report.outputs, BTreeMap::from([(0, vec![1, 2, 3, 4]), (1, vec![5])]));
    }

    #[test]
    fn anything_but_a_good_end_is_an_error() {
        let hello = Message::Hello { version: REPORT_VERSION };
        let summary = Message::Summary(Summary::default());
        let failed = Message::Failed(Failure { stage: Stage::Load, code: 66, offset: 128 });
        let said = |messages: &[Message<'_>], success| {
            read_report(&emulation(messages, success)).err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert!(said(&[hello.clone(), failed], false).contains("stage Load with code 66 at blob offset 128"));
        assert!(said(core::slice::from_ref(&hello), true).contains("without a summary"));
        assert!(said(&[hello, summary.clone()], false).contains("ended badly"));
        assert!(said(&[summary], true).contains("ended badly"));
        assert!(said(&[Message::Hello { version: REPORT_VERSION + 1 }], true).contains("version"));
    }
}
