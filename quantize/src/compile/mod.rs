//! From a model file to a blob: the whole pipeline, for the command line, the tests and the tooling.
//!
//! ```text
//! bytes --import--> Graph --pass::optimize--> Graph --calibrate, affine::quantize--> int8 Graph
//!       --pass::eliminate--> Graph --lower, plan--> Assembly --emit--> blob
//! ```
//!
//! Calibration and quantization happen when calibration data is given, elimination when the graph is int8.

mod forest;
mod forms;
mod options;
mod streaming;
mod vectors;

use std::path::Path;

use crate::affine::{self, LayerErrors, QuantizeError};
use crate::calibrate::{Calibration, CalibrationError, EngineRunner, Samples};
use crate::data::npy::ArrayError;
use crate::diagnose::{Diagnosis, DiagnosisError, diagnose};
use crate::emit::{Assembly, BuildError, Manifest, Source, SourceKind};
use crate::host::AlignedBlob;
use crate::import::{self, Folder, ImportError, Imported, Kind, ModelBytes};
use crate::input_files::InputError;
use crate::ir::{DType, Graph};
use crate::pass::eliminate::{EliminateError, EliminationReport, eliminate_in_steps, explain};
use crate::pass::{
    Memory, PassError, PassReport, blocks, coarsen, integers, keep_states, leave_out_zeros, optimize, recode,
};
use crate::prune::{PruneError, Pruned, prune_channels};
use crate::report::{Facts, ForestLine, Report};
use crate::shrink::{self, ShrinkError, Shrunk, Weights};
use crate::stream::{MeasureError, StreamError};
use crate::target::channel_step;
use crate::tune::Tuned;
use crate::warning;
use forms::tuned;
pub use options::{GoldenData, Options};
use vectors::{vectors, vectors_of};

/// Samples on which the int8 graph is compared with the float one for the report.
const ERROR_SAMPLES: usize = 16;

/// What came out.
#[derive(Debug)]
pub struct Compiled {
    /// The blob, loaded and tried.
    pub blob: AlignedBlob,
    /// Its figures.
    pub report: Report,
    /// The graph that was lowered.
    pub graph: Graph,
    /// What each rewrite did, in order, and what it left and why; elimination last, where it ran.
    pub passes: Vec<PassReport>,
    /// What the user of the model probably does not want; sentences.
    pub warnings: Vec<String>,
}

/// Why a model did not become a blob.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// The file cannot be read, or is no model that Kinglet can run.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// A rewrite failed.
    #[error(transparent)]
    Pass(#[from] PassError),
    /// The calibration data does not fit the model.
    #[error("calibration data: {0}")]
    Samples(#[from] ArrayError),
    /// Calibration failed.
    #[error(transparent)]
    Calibration(#[from] CalibrationError),
    /// The model is int8 already.
    #[error("`{0}` is quantized already; leave the calibration data out")]
    AlreadyQuantized(String),
    /// Nobody finds out where noise comes from.
    #[error(transparent)]
    Diagnosis(#[from] DiagnosisError),
    /// Channels cannot be pruned.
    #[error(transparent)]
    Prune(#[from] PruneError),
    /// The float model has no int8 form.
    #[error(transparent)]
    Quantize(#[from] QuantizeError),
    /// Weights of few bits could not be chosen.
    #[error(transparent)]
    Shrink(#[from] ShrinkError),
    /// The model is none over a stream.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// The data for the comparison of a stream with the model does not fit the model.
    #[error("data for the stream: {0}")]
    StreamData(InputError),
    /// A stream could not be compared with its model.
    #[error(transparent)]
    StreamRun(#[from] MeasureError),
    /// The data for test vectors does not fit the model.
    #[error("golden data: {0}")]
    GoldenData(#[from] InputError),
    /// Elimination failed.
    #[error(transparent)]
    Eliminate(#[from] EliminateError),
    /// The graph cannot be expressed as a blob.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// What the compiler is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Reading the file and rewriting the graph.
    Reading,
    /// Choosing channels that can go, and fitting what is left.
    Pruning,
    /// Running the float model over the calibration data.
    Calibrating {
        /// Runs done.
        done: usize,
        /// Of so many.
        total: usize,
    },
    /// Choosing integers, and measuring their error.
    Quantizing,
    /// Choosing weights of few bits.
    Rounding {
        /// Layers done.
        done: usize,
        /// Of so many.
        total: usize,
    },
    /// Looking for the layers that noise comes from.
    Diagnosing {
        /// Layers looked at.
        done: usize,
        /// Of so many.
        total: usize,
    },
    /// Looking for dead work.
    Eliminating,
    /// Looking for operators to compute in stripes.
    Striping {
        /// Segments looked at.
        done: usize,
        /// Of so many.
        total: usize,
    },
    /// Choosing packings and addresses, and writing the blob.
    Emitting,
}

/// Is told what the compiler is doing.
pub type Progress<'a> = &'a mut dyn FnMut(Stage);

/// Compiles the model in a file.
pub fn compile_file(path: &Path, options: &Options, progress: Progress<'_>) -> Result<Compiled, CompileError> {
    progress(Stage::Reading);
    let (bytes, kind) = import::read(path)?;
    let (name, siblings) = (import::model_name(path), Folder::of(path));
    let changes = &options.changes;
    let model = ModelBytes { siblings: &siblings, changes, ..ModelBytes::new(&bytes, kind, &name) };
    compile_model(&model, options, progress).map_err(|error| match error {
        CompileError::Import(error) => CompileError::Import(error.in_file(&path.display().to_string())),
        other => other,
    })
}

/// Compiles a model that has nothing beside it from memory, the format of which is told by its content; `name` stands for
/// the file in errors.
pub fn compile_bytes(
    bytes: &[u8],
    name: &str,
    options: &Options,
    progress: Progress<'_>,
) -> Result<Compiled, CompileError> {
    let kind = import::kind_of(Path::new(name), bytes)?;
    compile(bytes, kind, name, options, progress)
}

/// Compiles a model that has nothing beside it from memory; `name` stands for the file in errors.
pub fn compile(
    bytes: &[u8],
    kind: Kind,
    name: &str,
    options: &Options,
    progress: Progress<'_>,
) -> Result<Compiled, CompileError> {
    let model = ModelBytes { changes: &options.changes, ..ModelBytes::new(bytes, kind, name) };
    compile_model(&model, options, progress)
}

/// Compiles a model from memory.
fn compile_model(model: &ModelBytes<'_>, options: &Options, progress: Progress<'_>) -> Result<Compiled, CompileError> {
    progress(Stage::Reading);
    let Imported { graph, warnings } = import::import(model)?;
    let crc32 = kinglet_blob::checksum::crc32(0, model.bytes);
    let source = Source { kind: model.kind.into(), bytes: model.bytes.len() as u64, crc32 };
    let mut compiled = compile_graph(graph, source, options, progress)?;
    compiled.warnings.splice(0..0, warnings);
    Ok(compiled)
}

/// Compiles a graph that was built in memory.
pub fn compile_built(graph: Graph, options: &Options, progress: Progress<'_>) -> Result<Compiled, CompileError> {
    compile_graph(graph, Source { kind: SourceKind::Graph, bytes: 0, crc32: 0 }, options, progress)
}

/// What is done to every graph before it is quantized, if it is.
fn rewrite(graph: &mut Graph, kind: SourceKind, options: &Options) -> Result<Vec<PassReport>, CompileError> {
    let mut passes = Vec::new();
    if options.stateful {
        passes.push(keep_states(graph)?);
    }
    if options.calibration.is_some() {
        passes.push(coarsen(graph)?);
    }
    passes.extend(optimize(graph)?);
    if kind == SourceKind::Onnx {
        // Such files say what is quantized by quantizing and dequantizing reals.
        passes.push(integers(graph)?);
        passes.extend(optimize(graph)?);
    }
    if options.calibration.is_none() {
        passes.push(blocks(graph)?);
    }
    passes.push(recode(graph)?);
    Ok(passes)
}

fn compile_graph(
    mut graph: Graph,
    source: Source,
    options: &Options,
    progress: Progress<'_>,
) -> Result<Compiled, CompileError> {
    let mut passes = rewrite(&mut graph, source.kind, options)?;
    let quantized = match &options.calibration {
        Some(path) => Some(quantize(&mut graph, path, options, progress)?),
        None => None,
    };
    let stream = streaming::streamed(&mut graph, options)?;
    let elimination = eliminated(&mut graph, options, &mut passes, progress)?;
    if options.leave_out_zeros {
        let memory = match (options.sparsity, options.ram) {
            (Some(_), None) => Memory::Free,
            _ => Memory::Counts,
        };
        passes.push(leave_out_zeros(&mut graph, memory));
    }
    if let Some(name) = &options.name {
        graph.name.clone_from(name);
    }
    progress(Stage::Emitting);
    let assembly = match options.ram {
        Some(ram) => Assembly::within(&graph, options.target, ram, &mut |done, total| {
            progress(Stage::Striping { done, total });
        })?,
        None => Assembly::new(&graph, options.target)?,
    };
    let mut manifest = Manifest::new(&graph, source);
    manifest.version.clone_from(&options.version);
    manifest.preparation.clone_from(&options.preparation);
    if !options.labels.is_empty() {
        manifest.labels.clone_from(&options.labels);
    }
    let vectors = match &options.golden_data {
        Some(data) => vectors_of(data, &assembly.blob(&manifest, &[])?, options)?,
        // The samples are windows, and a run of a stream is given less.
        None if stream.is_some() => vectors(&graph, None, options.golden),
        None => vectors(&graph, quantized.as_ref().map(|quantized| &quantized.samples), options.golden),
    };
    let watched = quantized.as_ref().filter(|_| options.baseline).map(|quantized| &quantized.samples);
    let samples = watched.map_or_else(Vec::new, |samples| vectors::vectors(&graph, Some(samples), samples.len()));
    let blob = assembly.blob_with_baseline(&manifest, &vectors, &samples)?;
    let warnings = warnings(&graph, &passes, quantized.as_ref());
    let affine = quantized.as_ref().and_then(|done| done.affine.as_ref());
    let mut report = Report::new(&Facts {
        assembly: &assembly,
        graph: &graph,
        manifest: &manifest,
        blob: &blob,
        elimination: &elimination,
        quantized: affine.map(|done| (&done.calibration, options.range_method, &done.errors)),
        shrunk: affine.map(|done| &done.shrunk),
        tuned: affine.map(|done| &done.tuned),
        golden_vectors: vectors.len(),
    });
    report.stream = stream;
    if let Some(done) = quantized {
        report.forest = done.forest;
        report.diagnosis = done.affine.and_then(|done| done.diagnosis);
    }
    Ok(Compiled { blob, report, graph, passes, warnings })
}

/// What is probably not meant, of everything that was done.
fn warnings(graph: &Graph, passes: &[PassReport], quantized: Option<&Quantized>) -> Vec<String> {
    let mut warnings = warning::of(graph, quantized.is_some());
    warnings.extend(passes.iter().flat_map(PassReport::warnings));
    warnings.extend(quantized.iter().filter_map(|done| done.floats.clone()));
    let affine = quantized.and_then(|done| done.affine.as_ref());
    warnings.extend(affine.iter().flat_map(|done| &done.calibration.findings).map(ToString::to_string));
    warnings.extend(affine.iter().filter_map(|done| done.pruned.as_ref()?.shortfall()));
    warnings
}

/// Removes constant work from an int8 graph, when that is wanted.
fn eliminated(
    graph: &mut Graph,
    options: &Options,
    passes: &mut Vec<PassReport>,
    progress: Progress<'_>,
) -> Result<EliminationReport, CompileError> {
    if !options.eliminate || !graph.computes_on(DType::I8) {
        return Ok(EliminationReport::default());
    }
    progress(Stage::Eliminating);
    let step = channel_step(options.target);
    let report = eliminate_in_steps(graph, step)?;
    if options.explain {
        passes.push(explain(graph, &report, step));
    }
    Ok(report)
}

/// What quantization leaves behind for the rest of the pipeline.
struct Quantized {
    samples: Samples,
    /// Of a model in int8.
    affine: Option<Affine>,
    /// Of trees in int16.
    forest: Option<ForestLine>,
    /// Why trees stay on floats.
    floats: Option<String>,
}

/// What was found out about a model in int8.
struct Affine {
    calibration: Calibration,
    errors: LayerErrors,
    /// What was found out about the weights.
    shrunk: Shrunk,
    tuned: Tuned,
    diagnosis: Option<Diagnosis>,
    pruned: Option<Pruned>,
}

/// Replaces a float graph by its integer form.
fn quantize(
    graph: &mut Graph,
    path: &Path,
    options: &Options,
    progress: Progress<'_>,
) -> Result<Quantized, CompileError> {
    if graph.computes_on(DType::I8) || graph.computes_on(DType::I16) {
        return Err(CompileError::AlreadyQuantized(graph.name.clone()));
    }
    let samples = match &options.calibration_arrays {
        Some(arrays) => Samples::prepared(path, arrays, graph, &options.preparation)?,
        None => Samples::read_prepared(path, graph, &options.preparation)?,
    };
    let floats = match forest::coded(graph, &samples, progress)? {
        Some(Ok((coded, forest))) => {
            *graph = coded;
            return Ok(Quantized { samples, affine: None, forest: Some(forest), floats: None });
        }
        Some(Err(reason)) => Some(format!("trees stay on floats: {reason}")),
        None => None,
    };
    let affine = Some(quantize_affine(graph, &samples, options, progress)?);
    Ok(Quantized { samples, affine, forest: None, floats })
}

/// Replaces a float graph by its int8 form.
fn quantize_affine(
    graph: &mut Graph,
    samples: &Samples,
    options: &Options,
    progress: Progress<'_>,
) -> Result<Affine, CompileError> {
    let pruned = match options.channels {
        Some(percent) => {
            progress(Stage::Pruning);
            Some(prune_channels(graph, samples, percent)?)
        }
        None => None,
    };
    let (form, tuned) = tuned(graph, samples, options, progress)?;
    if let Some(equalized) = form.graph {
        *graph = equalized;
    }
    let (calibration, mut int8) = (form.calibration, form.int8);
    let weights = Weights { bits: options.bits, layers: &options.layer_bits, sparsity: options.sparsity };
    let shrunk = shrink::shrink((graph, &mut int8), samples, (weights, options.target), &mut |done, total| {
        progress(Stage::Rounding { done, total });
    })?;
    let mut runner = EngineRunner::new(graph)?;
    let mut int8_runner = EngineRunner::new(&int8)?;
    let errors = affine::layer_errors((graph, &mut runner), (&int8, &mut int8_runner), samples, ERROR_SAMPLES)?;
    drop(runner);
    drop(int8_runner);
    let diagnosis = match options.diagnose {
        true => Some(diagnose(graph, &int8, samples, &mut |done, total| {
            progress(Stage::Diagnosing { done, total });
        })?),
        false => None,
    };
    *graph = int8;
    Ok(Affine { calibration, errors, shrunk, tuned, diagnosis, pruned })
}
