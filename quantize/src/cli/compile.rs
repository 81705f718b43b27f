//! `kinglet compile`

use std::path::{Path, PathBuf};

use clap::Args;
use kinglet::Model;
use serde::Serialize;

use super::bits::BitsArguments;
use super::data::DataArguments;
use super::model::ModelArguments;
use super::progress::Progress;
use super::{Failure, Outcome, compare, of_inputs, print, print_json, warn};
use crate::calibrate::RangeMethod;
use crate::compare::{Comparison, Request};
use crate::compile::{CompileError, Compiled, GoldenData, Options, Stage, compile_file};
use crate::file;
use crate::host::AlignedBlob;
use crate::inspect::inspect;
use crate::page::{self, Facts};
use crate::pass::{Note, PassReport};
use crate::report::Report;
use crate::score::Metric;
use crate::source::{self, Language};
use crate::stream;
use crate::stripe::Ram;
use crate::target::{self, Target};
use crate::tune::Equalize;

#[derive(Debug, Args)]
#[command(after_help = target::list())]
pub(super) struct Arguments {
    /// The model: .tflite (int8 or float32) or .onnx (float32)
    model: PathBuf,
    /// Where the blob goes [default: the model's name with .kgl, in the current directory]
    #[arg(short, long, value_name = "OUT.kgl")]
    output: Option<PathBuf>,
    /// Write the blob as a source file too, beside it: `c`, a header and a source file; `rust`, a module. With the
    /// arena's size, the tensors' shapes and scales, and the names of the classes
    #[arg(long, value_enum, value_name = "LANGUAGE")]
    emit: Vec<Language>,
    /// The machine that will run the blob: a core, a chip or a board, see below
    #[arg(long, default_value = "portable", value_name = "TARGET", value_parser = parse_target)]
    target: Target,
    /// Samples of the model's inputs: quantizes a float model to int8. .npz, .npy, .csv, or a .png, a .jpg or a .wav or a
    /// folder of them
    #[arg(long, value_name = "CALIB")]
    calib: Option<PathBuf>,
    /// How activation ranges are chosen from the calibration data: `auto`, as `mse`, but all of it for the model's outputs;
    /// `min-max`, all of it; `mean`, from the mean of the
    /// samples' least to the mean of their largest; `percentile:99.9`, the middle so many percent (99.99 without a
    /// number); `mse`, least mean squared error; `entropy`, least divergence
    #[arg(long, default_value_t = RangeMethod::default(), value_name = "METHOD", requires = "calib")]
    range: RangeMethod,
    /// Let ranges include samples that alone decide them, which are set aside otherwise
    #[arg(long, requires = "calib")]
    keep_outliers: bool,
    /// Keep the biases: do not take from them what rounding the weights adds to results on average
    #[arg(long, requires = "calib")]
    no_bias_correction: bool,
    /// Bring the channels between layers to like magnitudes, so that they share a scale: `auto`, where the outputs on
    /// calibration samples are then nearer to the float model's; `on`, wherever it is possible; `off`
    #[arg(long, default_value_t = Equalize::default(), value_name = "auto|on|off", requires = "calib")]
    equalize: Equalize,
    /// Weights of 8 bits become the nearest codes, instead of such that make up for each other
    #[arg(long, requires = "calib")]
    nearest: bool,
    #[command(flatten)]
    bits: BitsArguments,
    /// Prune whole channels until P percent of the multiplications of the model's layers are gone (above 0, below 100), and
    /// fit what is left to the whole model on the calibration data
    #[arg(long, value_name = "P", requires = "calib", conflicts_with = "no_eliminate", value_parser = parse_share)]
    channels: Option<f64>,
    /// Make P percent of the model's weights zero (above 0, below 100; a number below 1 is a share of one: 0.5 is 50), chosen by
    /// what each layer computes of the calibration data, and fit the others to it
    #[arg(long, value_name = "P", requires = "calib", value_parser = parse_sparsity)]
    sparsity: Option<f64>,
    /// Put N test vectors into the blob, which a self-test replays: at most 1000, or 65535 of --golden-data
    /// [default: 0, or all of --golden-data but no more than 65535]
    #[arg(long, value_name = "N")]
    golden: Option<u16>,
    /// Data that the test vectors are made of, one file for each input in the model's order (or one .npz with all of
    /// them by name), as for `kinglet run --input`. Of a model with state they are the steps of one sequence
    #[arg(long, value_name = "IN.npy|IN.bin")]
    golden_data: Vec<PathBuf>,
    /// .npy files of --golden-data hold the blob's own type
    #[arg(long, requires = "golden_data")]
    golden_raw: bool,
    /// Bytes of working memory that the model must fit, or `min`: computes first layers in stripes if need be
    #[arg(long, value_name = "BYTES", value_parser = parse_ram)]
    ram: Option<Ram>,
    /// Recurrent layers of a float model keep their states from run to run: a run is a frame of a stream, or some
    #[arg(long, conflicts_with = "calib")]
    stateful: bool,
    /// The model is over a window of a signal, and this axis of its input is time (0 for the first): make a model of it that is
    /// given new frames only and keeps what it needs of those before them
    #[arg(long, value_name = "AXIS", conflicts_with_all = ["stateful", "baseline", "eval"])]
    stream: Option<usize>,
    /// Frames of a run of the stream [default: as few as the model's strides allow]
    #[arg(long, value_name = "FRAMES", requires = "stream")]
    hop: Option<usize>,
    /// Windows on which the stream is compared with the model, as for `kinglet run --input` [default: the calibration data]
    #[arg(long, value_name = "IN.npy|IN.bin", requires = "stream")]
    stream_data: Vec<PathBuf>,
    /// .npy files of --stream-data hold the blob's own type
    #[arg(long, requires = "stream_data")]
    stream_raw: bool,
    /// Put what the model sees and says on the calibration data into the blob, so that devices can tell when that changes
    #[arg(long, requires = "calib")]
    baseline: bool,
    /// Leave weights that are zero out of the blob, of models too that came with some: fewer bytes, more instructions and
    /// working memory. --sparsity does so by itself
    #[arg(long)]
    leave_out_zeros: bool,
    /// With --sparsity: keep weights that are zero in the blob
    #[arg(long, requires = "sparsity", conflicts_with = "leave_out_zeros")]
    keep_zeros: bool,
    /// Keep work whose result is constant
    #[arg(long)]
    no_eliminate: bool,
    /// Print which fusions and eliminations took place, and why others did not
    #[arg(long)]
    explain: bool,
    /// The model's name [default: the file's]
    #[arg(long)]
    name: Option<String>,
    /// The model's own version, for the manifest
    #[arg(long, default_value = "", value_name = "VERSION")]
    model_version: String,
    /// File with the names of the classes, one a line, for the manifest
    #[arg(long, value_name = "LABELS.txt")]
    labels: Option<PathBuf>,
    /// Test data, with labels as for `compare --data`: the blob is compared with the model on it
    #[arg(long, value_name = "TEST")]
    eval: Option<PathBuf>,
    /// The figure that decides on test data, as for `compare`
    #[arg(long, value_name = "METRIC", requires = "eval")]
    metric: Option<Metric>,
    /// Write a page about the model, its layers and the test data: one file of HTML, with plots
    #[arg(long, value_name = "REPORT.html")]
    report: Option<PathBuf>,
    /// Print the report as one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataArguments,
    #[command(flatten)]
    changes: ModelArguments,
}

/// The most test vectors without data for them.
const MADE_VECTORS_MAX: u16 = 1000;

/// The largest file of class names that is read.
const LABELS_SIZE_BYTES_MAX: u64 = 1 << 20;

pub(super) fn parse_target(name: &str) -> Result<Target, String> {
    target::parse(name).ok_or_else(|| {
        let suggestion = target::suggestion(name);
        let separator = if suggestion.is_empty() { "" } else { "\n  " };
        format!("{suggestion}{separator}possible targets: {}", target::names())
    })
}

fn parse_share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|&percent: &f64| percent > 0.0 && percent < 100.0);
    share.ok_or_else(|| "a percentage above 0 and below 100".into())
}

/// Less than a percent of the weights is nothing that anybody would ask for.
fn parse_sparsity(text: &str) -> Result<f64, String> {
    parse_share(text).map(|percent| if percent < 1.0 { percent * 100.0 } else { percent })
}

fn parse_ram(text: &str) -> Result<Ram, String> {
    if text == "min" {
        return Ok(Ram::Least);
    }
    text.parse().map(Ram::Bytes).map_err(|_| "a number of bytes, or `min`".into())
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let output = output_path(arguments)?;
    let options = options(arguments)?;
    let compiled = with_progress(|progress| compile_file(&arguments.model, &options, progress));
    let compiled = compiled.map_err(|error| match error {
        CompileError::GoldenData(error) | CompileError::StreamData(error) => of_inputs(error),
        CompileError::Import(error) => arguments.changes.refused(&error),
        other => other.into(),
    })?;
    let written = write(&output, &compiled.blob, &arguments.emit)?;
    let eval = evaluate(arguments, &compiled, &options)?;
    let of_eval = eval.iter().flat_map(|comparison| &comparison.warnings);
    warn(compiled.warnings.iter().chain(of_eval).cloned());
    if let Some(path) = &arguments.report {
        let inspection = inspect(&Model::from_bytes(&compiled.blob)?);
        let facts = Facts {
            report: Some(&compiled.report),
            inspection: &inspection,
            comparison: eval.as_ref(),
            warnings: &compiled.warnings,
        };
        write_page(path, &facts)?;
    }
    if arguments.json {
        let passes = arguments.explain.then_some(compiled.passes.as_slice());
        let (report, warnings) = (&compiled.report, &compiled.warnings);
        return print_json(&Explained { report, warnings, eval: eval.as_ref(), passes });
    }
    let explained = if arguments.explain { explanation(&compiled.passes) } else { String::new() };
    let eval = eval.map_or_else(String::new, |eval| format!("\n{}", compare::text(&eval, false)));
    print(&format!("{}\n  written to {written}{explained}{eval}", compiled.report))
}

/// Writes the blob, and what is made of it, beside each other. Returns the paths, for a sentence.
fn write(output: &Path, blob: &[u8], languages: &[Language]) -> Result<String, Failure> {
    let mut files = vec![(output.to_path_buf(), blob.to_vec())];
    if !languages.is_empty() {
        let aligned = AlignedBlob::copy_of(blob);
        let model = Model::from_bytes(&aligned)?;
        let stem = output.file_stem().unwrap_or_default().to_string_lossy();
        let sources = languages.iter().flat_map(|language| source::files(&model, &stem, *language));
        files.extend(sources.map(|file| (output.with_file_name(file.name), file.text.into_bytes())));
    }
    if files.iter().skip(1).any(|(path, _)| path == output) {
        let problem = format!("{} is the blob and a source file; end its name with .kgl", output.display());
        return Err(Failure::Usage(problem));
    }
    for (path, bytes) in &files {
        file::write(path, bytes)
            .map_err(|error| Failure::Other(format!("cannot write {}: {error}", path.display())))?;
    }
    Ok(files.iter().map(|(path, _)| path.display().to_string()).collect::<Vec<_>>().join(", "))
}

/// The blob beside the model on test data, where there is some.
fn evaluate(arguments: &Arguments, compiled: &Compiled, options: &Options) -> Result<Option<Comparison>, Failure> {
    let Some(data) = &arguments.eval else { return Ok(None) };
    let progress = Progress::new();
    let request = Request {
        metric: arguments.metric,
        calibration: arguments.calib.as_deref(),
        ..Request::new(&arguments.model, &options.changes, &compiled.blob, data)
    };
    Ok(Some(crate::compare::compare(&request, &|done, total| progress.counting("comparing", done, total))?))
}

/// Writes a page where a user wants it.
pub(super) fn write_page(path: &Path, facts: &Facts<'_>) -> Outcome {
    file::write(path, page::render(facts).as_bytes())
        .map_err(|error| Failure::Other(format!("cannot write {}: {error}", path.display())))
}

/// The report, and with `--explain` what it came from.
#[derive(Debug, Serialize)]
struct Explained<'a> {
    #[serde(flatten)]
    report: &'a Report,
    /// What stands on standard error too.
    warnings: &'a [String],
    /// With `--eval`: what `compare` prints.
    #[serde(skip_serializing_if = "Option::is_none")]
    eval: Option<&'a Comparison>,
    #[serde(skip_serializing_if = "Option::is_none")]
    passes: Option<&'a [PassReport]>,
}

/// A line for each node that a pass changed or left.
fn explanation(passes: &[PassReport]) -> String {
    let line = |sign: &str, note: &Note| format!("\n    {sign} `{}`: {}", note.node, note.what);
    let of = |pass: &PassReport| {
        let done = pass.changes.iter().map(|note| line("did ", note));
        let left = pass.misses.iter().map(|note| line("left", note));
        let lines: String = done.chain(left).collect();
        if lines.is_empty() { String::new() } else { format!("\n  {}{lines}", pass.pass) }
    };
    let all: String = passes.iter().map(of).collect();
    if all.is_empty() { "\n  no pass found anything to do".into() } else { all }
}

/// Shows on a terminal what `work` reports.
pub(super) fn with_progress<T, E>(work: impl FnOnce(crate::compile::Progress<'_>) -> Result<T, E>) -> Result<T, E> {
    let progress = Progress::new();
    work(&mut |stage| match stage {
        Stage::Reading => progress.doing("reading the model"),
        Stage::Pruning => progress.doing("pruning channels"),
        Stage::Calibrating { done, total } => progress.counting("calibrating", done, total),
        Stage::Quantizing => progress.doing("quantizing"),
        Stage::Rounding { done, total } => progress.counting("rounding layers", done, total),
        Stage::Diagnosing { done, total } => progress.counting("looking for noise", done, total),
        Stage::Eliminating => progress.doing("eliminating dead work"),
        Stage::Striping { done, total } => progress.counting("fitting the memory", done, total),
        Stage::Emitting => progress.doing("planning memory and writing the blob"),
    })
}

/// What the arguments ask for, when they ask for nothing that only the command does.
pub(super) fn library_options(arguments: &Arguments) -> Result<Options, Failure> {
    let of_command = [
        ("--output", arguments.output.is_some()),
        ("--emit", !arguments.emit.is_empty()),
        ("--eval", arguments.eval.is_some()),
        ("--report", arguments.report.is_some()),
        ("--json", arguments.json),
        ("--explain", arguments.explain),
    ];
    match of_command.into_iter().find(|(_, is_given)| *is_given) {
        Some((option, _)) => Err(Failure::Usage(format!("{option} is for the command `kinglet compile` only"))),
        None => options(arguments),
    }
}

fn options(arguments: &Arguments) -> Result<Options, Failure> {
    let labels = match &arguments.labels {
        Some(path) => {
            let cannot = |why: String| Failure::Other(format!("cannot read {}: {why}", path.display()));
            let bytes = file::read(path, LABELS_SIZE_BYTES_MAX).map_err(|error| cannot(error.to_string()))?;
            let text = String::from_utf8(bytes).map_err(|_| cannot("it is not UTF-8".into()))?;
            text.lines().map(str::to_owned).collect()
        }
        None => Vec::new(),
    };
    Ok(Options {
        target: arguments.target,
        calibration: arguments.calib.clone(),
        calibration_arrays: None,
        preparation: arguments.data.preparation()?,
        range_method: arguments.range,
        keep_outliers: arguments.keep_outliers,
        baseline: arguments.baseline,
        correct_biases: !arguments.no_bias_correction,
        equalize: arguments.equalize,
        nearest: arguments.nearest,
        bits: arguments.bits.bits()?,
        layer_bits: arguments.bits.of_layers(),
        channels: arguments.channels,
        sparsity: arguments.sparsity,
        golden: vector_count(arguments)?,
        golden_data: files(&arguments.golden_data, arguments.golden_raw),
        ram: arguments.ram,
        eliminate: !arguments.no_eliminate,
        leave_out_zeros: arguments.leave_out_zeros || (arguments.sparsity.is_some() && !arguments.keep_zeros),
        diagnose: arguments.report.is_some(),
        stateful: arguments.stateful,
        stream: arguments.stream.map(|axis| stream::Request { axis, hop: arguments.hop }),
        stream_data: files(&arguments.stream_data, arguments.stream_raw),
        explain: arguments.explain,
        name: arguments.name.clone(),
        version: arguments.model_version.clone(),
        labels,
        changes: arguments.changes.changes()?,
    })
}

/// Files of inputs, where there are some.
fn files(files: &[PathBuf], is_raw: bool) -> Option<GoldenData> {
    (!files.is_empty()).then(|| GoldenData { files: files.to_vec(), is_raw })
}

/// How many test vectors at most.
fn vector_count(arguments: &Arguments) -> Result<usize, Failure> {
    let has_data = !arguments.golden_data.is_empty();
    let count = arguments.golden.unwrap_or(if has_data { u16::MAX } else { 0 });
    if count > MADE_VECTORS_MAX && !has_data {
        let problem = format!("--golden {count} is more than {MADE_VECTORS_MAX}: give --golden-data with as many");
        return Err(Failure::Usage(problem));
    }
    Ok(count.into())
}

fn output_path(arguments: &Arguments) -> Result<PathBuf, Failure> {
    let output = match &arguments.output {
        Some(output) => output.clone(),
        None => {
            let stem = arguments.model.file_stem().unwrap_or_default();
            PathBuf::from(stem).with_extension("kgl")
        }
    };
    // Overwriting the model with its blob is never meant.
    if output == arguments.model {
        return Err(Failure::Usage(format!("{} would be overwritten with its own blob", output.display())));
    }
    Ok(output)
}
