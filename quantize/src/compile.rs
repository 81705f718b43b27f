//! From a model file to a blob: the whole pipeline, for the command line, the tests and the tooling.
//!
//! ```text
//! bytes --import--> Graph --pass::optimize--> Graph --calibrate, affine::quantize--> int8 Graph
//!       --pass::eliminate--> Graph --lower, plan--> Assembly --emit--> blob
//! ```
//!
//! Calibration and quantization happen when calibration data is given, elimination when the graph is int8.

use std::path::{Path, PathBuf};

use crate::affine::{self, LayerErrors, QuantizeError};
use crate::calibrate::{Calibration, CalibrationError, EngineRunner, Method, RangeMethod, Samples, calibrate};
use crate::data::Preparation;
use crate::data::npy::{Array, ArrayError};
use crate::diagnose::{Diagnosis, DiagnosisError, diagnose};
use crate::emit::{Assembly, BuildError, Manifest, Source, SourceKind};
use crate::equalize::equalize;
use crate::host::{self, AlignedBytes};
use crate::import::{self, Changes, Folder, ImportError, Imported, Kind, ModelBytes};
use crate::input_files::{InputError, InputFiles};
use crate::ir::{DType, Graph};
use crate::pass::eliminate::{EliminateError, EliminationReport, eliminate_in_steps, explain};
use crate::pass::{
    Memory, PassError, PassReport, blocks, coarsen, integers, keep_states, leave_out_zeros, optimize, recode,
};
use crate::prune::{PruneError, Pruned, prune_channels};
use crate::report::{Facts, Report};
use crate::sample;
use crate::shrink::{self, Bits, ShrinkError, Shrunk, Weights};
use crate::stripe::Ram;
use crate::target::{Target, channel_step};
use crate::tensor;
use crate::tune::{Equalize, Trial, Tried, Tuned};
use crate::warning;

/// Samples on which the int8 graph is compared with the float one for the report.
const ERROR_SAMPLES: usize = 16;

/// A form is worth sweeping when its noise is at most so many times the least, 1.3 dB: a sweep wins about one.
const NEAR: f64 = 1.35;

/// What to make of a model.
#[derive(Clone, Debug)]
pub struct Options {
    /// The machine.
    pub target: Target,
    /// Samples of the model's inputs (`.npz`, `.npy`): a float model becomes int8.
    pub calibration: Option<PathBuf>,
    /// Those samples, where they are in memory and not in a file; errors call them by the path all the same.
    pub calibration_arrays: Option<Vec<Array>>,
    /// How data is prepared: the samples, and by default whatever the blob is run on.
    pub preparation: Preparation,
    /// How ranges are chosen from the samples.
    pub range_method: RangeMethod,
    /// Ranges include samples that alone decide them.
    pub keep_outliers: bool,
    /// Takes from biases what rounding the weights adds to a layer's results on average.
    pub correct_biases: bool,
    /// Whether channels between layers are brought to like magnitudes.
    pub equalize: Equalize,
    /// Weights of eight bits are the nearest codes, whatever the others are.
    pub nearest: bool,
    /// In how many bits weights are.
    pub bits: Bits,
    /// Prunes channels of a float model until so many percent of its layers' multiplications are gone.
    pub channels: Option<f64>,
    /// Makes so many percent of the layers' weights zero.
    pub sparsity: Option<f64>,
    /// Test vectors to put into the blob; of [`Options::golden_data`] at most so many.
    pub golden: usize,
    /// Where the test vectors' inputs come from, if not from the calibration data or from nowhere.
    pub golden_data: Option<GoldenData>,
    /// Put what the model sees and says on the calibration data into the blob, for who watches it in the field.
    pub baseline: bool,
    /// Working memory that the model must fit; first layers are computed in stripes if it does not otherwise.
    pub ram: Option<Ram>,
    /// Removes work whose result is constant from int8 models. Every output bit stays as it is.
    pub eliminate: bool,
    /// Leaves weights out of the blob that are zero, where that makes it smaller; running it takes more instructions.
    pub leave_out_zeros: bool,
    /// Find out where noise comes from, for [`Report::diagnosis`].
    pub diagnose: bool,
    /// Layers that go over time keep their states from run to run.
    pub stateful: bool,
    /// Look into what elimination left and why, for [`Compiled::passes`].
    pub explain: bool,
    /// The model's name; the file's when absent.
    pub name: Option<String>,
    /// The model's own version.
    pub version: String,
    /// Names of the classes.
    pub labels: Vec<String>,
    /// What is wanted of the model beyond its file.
    pub changes: Changes,
}

/// Inputs of test vectors, in files. Of a model with state they are the steps of one sequence.
#[derive(Clone, Debug)]
pub struct GoldenData {
    /// One for each input in the model's order, or one `.npz` with all of them by name.
    pub files: Vec<PathBuf>,
    /// `.npy` files hold the blob's own type instead of reals.
    pub is_raw: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            target: Target::Portable,
            calibration: None,
            calibration_arrays: None,
            preparation: Preparation::default(),
            range_method: RangeMethod::default(),
            keep_outliers: false,
            correct_biases: true,
            equalize: Equalize::default(),
            nearest: false,
            bits: Bits::default(),
            channels: None,
            sparsity: None,
            golden: 0,
            golden_data: None,
            baseline: false,
            ram: None,
            eliminate: true,
            leave_out_zeros: false,
            diagnose: false,
            stateful: false,
            explain: false,
            name: None,
            version: String::new(),
            labels: Vec::new(),
            changes: Changes::default(),
        }
    }
}

/// What came out.
#[derive(Debug)]
pub struct Compiled {
    /// The blob, loaded and tried.
    pub blob: AlignedBytes,
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
    let elimination = if options.eliminate && graph.computes_on(DType::I8) {
        progress(Stage::Eliminating);
        let step = channel_step(options.target);
        let report = eliminate_in_steps(&mut graph, step)?;
        if options.explain {
            passes.push(explain(&graph, &report, step));
        }
        report
    } else {
        EliminationReport::default()
    };
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
        None => vectors(&graph, quantized.as_ref().map(|quantized| &quantized.samples), options.golden),
    };
    let watched = quantized.as_ref().filter(|_| options.baseline).map(|quantized| &quantized.samples);
    let samples = watched.map_or_else(Vec::new, |samples| self::vectors(&graph, Some(samples), samples.len()));
    let blob = assembly.blob_with_baseline(&manifest, &vectors, &samples)?;
    let mut warnings = warning::of(&graph, quantized.is_some());
    warnings.extend(passes.iter().flat_map(PassReport::warnings));
    warnings.extend(quantized.iter().flat_map(|done| &done.calibration.findings).map(ToString::to_string));
    warnings.extend(quantized.iter().filter_map(|done| done.pruned.as_ref()?.shortfall()));
    let mut report = Report::new(&Facts {
        assembly: &assembly,
        graph: &graph,
        manifest: &manifest,
        blob: &blob,
        elimination: &elimination,
        quantized: quantized.as_ref().map(|done| (&done.calibration, options.range_method, &done.errors)),
        shrunk: quantized.as_ref().map(|done| &done.shrunk),
        tuned: quantized.as_ref().map(|done| &done.tuned),
        golden_vectors: vectors.len(),
    });
    report.diagnosis = quantized.and_then(|done| done.diagnosis);
    Ok(Compiled { blob, report, graph, passes, warnings })
}

/// What quantization leaves behind for the rest of the pipeline.
struct Quantized {
    samples: Samples,
    calibration: Calibration,
    errors: LayerErrors,
    /// What was found out about the weights.
    shrunk: Shrunk,
    tuned: Tuned,
    diagnosis: Option<Diagnosis>,
    pruned: Option<Pruned>,
}

/// Replaces a float graph by its int8 form.
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
    let pruned = match options.channels {
        Some(percent) => {
            progress(Stage::Pruning);
            Some(prune_channels(graph, &samples, percent)?)
        }
        None => None,
    };
    let (form, tuned) = tuned(graph, &samples, options, progress)?;
    if let Some(equalized) = form.graph {
        *graph = equalized;
    }
    let (calibration, mut int8) = (form.calibration, form.int8);
    let weights = Weights { bits: options.bits, sparsity: options.sparsity };
    let shrunk = shrink::shrink((graph, &mut int8), &samples, (weights, options.target), &mut |done, total| {
        progress(Stage::Rounding { done, total });
    })?;
    let mut runner = EngineRunner::new(graph)?;
    let mut int8_runner = EngineRunner::new(&int8)?;
    let errors = affine::layer_errors((graph, &mut runner), (&int8, &mut int8_runner), &samples, ERROR_SAMPLES)?;
    drop(runner);
    drop(int8_runner);
    let diagnosis = match options.diagnose {
        true => Some(diagnose(graph, &int8, &samples, &mut |done, total| {
            progress(Stage::Diagnosing { done, total });
        })?),
        false => None,
    };
    *graph = int8;
    Ok(Quantized { samples, calibration, errors, shrunk, tuned, diagnosis, pruned })
}

/// An int8 graph that could be kept, and what it comes from.
struct Form {
    /// The float graph, where it is not the model's own.
    graph: Option<Graph>,
    calibration: Calibration,
    int8: Graph,
    tried: Tried,
}

impl Form {
    /// Chooses ranges for a float graph and gives it the nearest codes.
    fn new(graph: &Graph, samples: &Samples, options: &Options, progress: Progress<'_>) -> Result<Self, CompileError> {
        let mut runner = EngineRunner::new(graph)?;
        let method = Method { range: options.range_method, keep_rare: options.keep_outliers };
        let calibration = calibrate(graph, &mut runner, samples, method, &mut |done, total| {
            progress(Stage::Calibrating { done, total });
        })?;
        progress(Stage::Quantizing);
        let mut int8 = affine::quantize(graph, &calibration.table)?;
        if options.correct_biases {
            affine::correct_biases(graph, &calibration.means, &mut int8, samples);
        }
        Ok(Form { graph: None, calibration, int8, tried: Tried::default() })
    }

    /// The same with weights that make up for each other; `None` where a node cannot be run by itself.
    fn swept(&self, model: &Graph, samples: &Samples, progress: Progress<'_>) -> Option<Self> {
        let float = self.graph.as_ref().unwrap_or(model);
        let mut int8 = self.int8.clone();
        let mut told = |done, total| progress(Stage::Rounding { done, total });
        shrink::sweep((float, &mut int8), samples, &mut told).ok()?;
        let tried = Tried { swept: true, ..self.tried };
        Some(Form { graph: self.graph.clone(), calibration: self.calibration.clone(), int8, tried })
    }
}

/// The forms of a float graph with the nearest codes: as it is, and with equalized channels, as far as that is asked for.
fn forms(
    graph: &Graph,
    (samples, can_compare): (&Samples, bool),
    options: &Options,
    progress: Progress<'_>,
) -> Result<Vec<Form>, CompileError> {
    let mut forms = vec![Form::new(graph, samples, options, progress)?];
    let is_tried = match options.equalize {
        Equalize::Off => false,
        Equalize::On => true,
        Equalize::Auto => can_compare,
    };
    if !is_tried {
        return Ok(forms);
    }
    if let Some(scaled) = equalize(graph, &mut EngineRunner::new(graph)?, samples)? {
        let mut form = Form::new(&scaled.graph, samples, options, progress)?;
        // What was probably not meant is said of the model as it came.
        form.calibration.findings.clone_from(&forms[0].calibration.findings);
        (form.graph, form.tried.equalized) = (Some(scaled.graph), scaled.values.len());
        if options.equalize == Equalize::On {
            forms.clear();
        }
        forms.push(form);
    }
    Ok(forms)
}

/// The int8 form of a float graph whose outputs are nearest to the float graph's, of those that are to be tried.
fn tuned(
    graph: &Graph,
    samples: &Samples,
    options: &Options,
    progress: Progress<'_>,
) -> Result<(Form, Tuned), CompileError> {
    let trial = Trial::of(graph, samples)?;
    let mut forms = forms(graph, (samples, trial.is_some()), options, progress)?;
    if let Some(trial) = trial {
        for form in &mut forms {
            form.tried.noise = trial.noise(&form.int8)?;
        }
        if options.bits == Bits::Nearest && options.sparsity.is_none() && !options.nearest {
            let least = forms.iter().map(|form| form.tried.noise).fold(f64::INFINITY, f64::min);
            let near = forms.iter().filter(|form| form.tried.noise <= NEAR * least);
            let swept = near.filter_map(|form| form.swept(graph, samples, progress));
            let mut swept: Vec<Form> = swept.collect();
            for form in &mut swept {
                form.tried.noise = trial.noise(&form.int8)?;
            }
            forms.append(&mut swept);
        }
    }
    let tried: Vec<Tried> = forms.iter().map(|form| form.tried).collect();
    // The first of equals: what has been changed least.
    let least = forms.into_iter().min_by(|a, b| a.tried.noise.total_cmp(&b.tried.noise));
    let Some(form) = least else { return Err(CalibrationError::NoSample.into()) };
    let tuned = Tuned { kept: form.tried, tried };
    Ok((form, tuned))
}

/// Inputs of the first `count` test vectors of the data, as bytes, for a blob that has none yet.
fn vectors_of(data: &GoldenData, blob: &AlignedBytes, options: &Options) -> Result<Vec<Vec<Vec<u8>>>, CompileError> {
    let ports = host::with_session(blob, |session| Ok(tensor::ports(session.model()).0)).map_err(BuildError::Run)?;
    let (option, raw_option) = ("--golden-data", "--golden-raw");
    let preparation = &options.preparation;
    let files = InputFiles { files: &data.files, is_raw: data.is_raw, preparation, option, raw_option };
    let inferences = files.read(&ports)?;
    Ok((0..inferences.count.min(options.golden)).map(|index| inferences.get(index)).collect())
}

/// Inputs of the test vectors, as bytes: calibration samples where there are any, otherwise the ramp and the
/// pseudo-random sequences that the golden files use.
fn vectors(graph: &Graph, samples: Option<&Samples>, count: usize) -> Vec<Vec<Vec<u8>>> {
    (0..count)
        .map(|vector| {
            let sample =
                samples.map(|samples| samples.get(vector)).filter(|inputs| !inputs.iter().any(|x| x.is_empty()));
            let input = |(index, port): (usize, &crate::ir::Port)| {
                let value = graph.value(port.value);
                let reals = sample.as_ref().and_then(|inputs| inputs.get(index));
                match (&value.quantization, reals) {
                    (Some(q), _) if value.dtype == DType::I16 => {
                        let code = |real: &f32| (real / q.scale(0)).round() as i16;
                        let codes: Vec<i16> = match reals {
                            Some(reals) => reals.iter().map(code).collect(),
                            // All of the range, from one end to the other.
                            None => synthetic(vector, value.len()).into_iter().map(|x| i16::from(x) * 257).collect(),
                        };
                        codes.into_iter().flat_map(i16::to_le_bytes).collect()
                    }
                    (Some(q), Some(reals)) => {
                        reals.iter().map(|&real| affine::fixed::quantize_real(real, q) as u8).collect()
                    }
                    (Some(_), None) => synthetic(vector, value.len()).into_iter().map(|code| code as u8).collect(),
                    (None, _) => {
                        let reals = synthetic(vector, value.len()).into_iter().map(|code| f32::from(code) / 128.0);
                        reals.flat_map(f32::to_le_bytes).collect()
                    }
                }
            };
            graph.inputs.iter().enumerate().map(input).collect()
        })
        .collect()
}

/// `ramp`, `lcg1`, `lcg2`, and so on.
fn synthetic(vector: usize, len: usize) -> Vec<i8> {
    if vector == 0 { sample::ramp(len) } else { sample::lcg(vector as u32, len) }
}
