//! A blob against its float model, on real data.

mod deviation;
mod reference;

use core::num::NonZero;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::path::Path;

use kinglet::{DType, Model};
use serde::Serialize;

use crate::calibrate::Samples;
use crate::data::npy::{Array, ArrayError};
use crate::data::{self, LABELS, Preparation};
use crate::emit::{BuildError, Manifest};
use crate::host::{self, AlignedBlob, HostError};
use crate::import::{self, Changes, Folder, ImportError, ModelBytes};
use crate::pass::PassError;
use crate::score::{self, Answers, Metric, Scoring, Truth, TruthError, argmax};
use crate::tensor::{self, InputUse, PortSpec};
use deviation::Deviation;
use reference::Reference;

/// How alike a blob and its model are. The field names are the JSON's.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// Inferences compared.
    pub samples: usize,
    /// Who ran the float model: `tract`, `interpreter` or `kinglet`.
    pub reference: &'static str,
    /// Why it was not tract, for ONNX models.
    pub reference_note: Option<String>,
    /// Share of the samples on which the first output has its largest element at the same place.
    pub agreement: f64,
    /// Signal to quantization noise of the first output over all samples; absent when there is no noise.
    pub sqnr_db: Option<f64>,
    /// The name of the [`Metric`], or absent without labels.
    pub metric: Option<&'static str>,
    /// The metric of the float model.
    pub metric_float: Option<f64>,
    /// The metric of the blob.
    pub metric_blob: Option<f64>,
    /// All figures of both, and what their difference is worth; absent without labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scores: Option<Scoring>,
    /// How the data fits the codes of each input.
    pub inputs: Vec<InputUse>,
    /// Each output by itself.
    pub outputs: Vec<OutputComparison>,
    /// What is probably not meant in the data or the labels; sentences.
    pub warnings: Vec<String>,
}

/// How alike one output is.
#[derive(Clone, Debug, Serialize)]
pub struct OutputComparison {
    /// The source model's name of it.
    pub name: String,
    /// See [`Comparison::agreement`].
    pub agreement: f64,
    /// See [`Comparison::sqnr_db`].
    pub sqnr_db: Option<f64>,
    /// The largest difference of two elements.
    pub max_abs_error: f32,
}

/// Told, from any thread, how many of how many samples are done.
pub type Progress<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// Why nothing could be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// The model cannot be read.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The model cannot be rewritten.
    #[error(transparent)]
    Pass(#[from] PassError),
    /// The model cannot be run.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The data does not fit the model.
    #[error("data: {0}")]
    Data(#[from] ArrayError),
    /// The labels do not fit the data.
    #[error("data: {0}")]
    Labels(#[from] TruthError),
    /// tract's words.
    #[error("the float reference: {0}")]
    Reference(String),
    /// The blob is not of this model.
    #[error("the blob is not made from this model: {0}")]
    OtherModel(String),
    /// The engine stopped.
    #[error("the blob is not run: {0}")]
    Run(#[from] HostError),
}

/// What is compared, and on what.
#[derive(Debug)]
pub struct Request<'a> {
    /// The model that the blob was made from.
    pub model: &'a Path,
    /// Those with which the blob was made.
    pub changes: &'a Changes,
    /// The blob.
    pub blob: &'a AlignedBlob,
    /// Inputs under their names or as `x`, and labels, if any, as `y`.
    pub data: &'a Path,
    /// The figure that decides; otherwise the most usual one for such labels.
    pub metric: Option<Metric>,
    /// How the data is prepared, where that is not as the blob says.
    pub preparation: Option<&'a Preparation>,
    /// What the blob was calibrated with: samples that are also compared on are counted.
    pub calibration: Option<&'a Path>,
    /// No more than so many samples, the first ones.
    pub limit: Option<usize>,
}

impl<'a> Request<'a> {
    /// A comparison on all the data, without a wish.
    pub fn new(model: &'a Path, changes: &'a Changes, blob: &'a AlignedBlob, data: &'a Path) -> Self {
        Request { model, changes, blob, data, metric: None, preparation: None, calibration: None, limit: None }
    }
}

/// What both models answered to one sample: all outputs in the source's layout.
struct Both {
    float: Vec<Vec<f32>>,
    ours: Vec<Vec<f32>>,
}

/// Compares a blob with its float model. Uses all threads of the machine; the result does not depend on their number.
pub fn compare(request: &Request<'_>, progress: Progress<'_>) -> Result<Comparison, CompareError> {
    let file = request.model.display().to_string();
    let (bytes, kind) = import::read(request.model)?;
    let siblings = Folder::of(request.model);
    let reference = {
        let model =
            ModelBytes { siblings: &siblings, changes: request.changes, ..ModelBytes::new(&bytes, kind, &file) };
        Reference::new(&model)?
    };
    let model = Model::from_bytes(request.blob).map_err(HostError::from)?;
    let (inputs, outputs) = tensor::ports(&model);
    check_inputs(&inputs, &reference)?;
    let manifest = Manifest::of(&model);
    let (classes, recorded) = manifest.map(|manifest| (manifest.labels, manifest.preparation)).unwrap_or_default();
    let preparation = request.preparation.unwrap_or(&recorded);
    let wanted = tensor::wanted(&inputs, classes);
    let read = |path: &Path| -> Result<(Vec<Array>, Samples), ArrayError> {
        let arrays = data::read(path, &wanted, preparation)?;
        let samples = Samples::from_arrays(path, &arrays, &tensor::input_graph(&inputs))?;
        Ok((arrays, samples))
    };
    let (arrays, mut samples) = read(request.data)?;
    let labels = labels(&arrays, &mut samples, request.limit)?;
    let named =
        outputs.first().filter(|port| names_class(port)).map(|_| named_classes(labels.as_deref(), &wanted.classes));
    let first_len = named.unwrap_or_else(|| outputs.first().map_or(0, PortSpec::len));
    let is_autoencoder =
        matches!((&inputs[..], &outputs[..]), ([input], [output]) if input.source_shape == output.source_shape);
    let truth = Truth::new(labels.as_deref(), samples.len(), first_len, is_autoencoder, request.metric)?;
    let both = in_parallel(samples.len(), progress, |index| {
        let reals = samples.get(index);
        let encode = |(port, reals): (&PortSpec, &&[f32])| port.encode(&port.from_source(reals));
        let encoded: Vec<Vec<u8>> = inputs.iter().zip(&reals).map(encode).collect();
        let results = host::with_session(request.blob, |session| host::infer(session, &encoded))?;
        let decode = |(port, bytes): (&PortSpec, Vec<u8>)| port.to_source(&port.decode(&bytes));
        Ok(Both { float: reference.run(&reals)?, ours: outputs.iter().zip(results).map(decode).collect() })
    })?;
    let outputs = output_lines(&both, &outputs)?;
    let metric = truth.as_ref().and_then(|truth| request.metric.or_else(|| truth.metrics().first().copied()));
    let scores = truth
        .as_ref()
        .zip(metric)
        .map(|(truth, metric)| scores((&both, named), &samples, (truth, metric), &wanted.classes));
    let shared = match request.calibration {
        Some(path) => shared(&samples, &read(path)?.1),
        None => None,
    };
    let inputs = uses(&inputs, &samples);
    let problems = scores.iter().flat_map(|scores| scores.problems.iter().cloned());
    Ok(Comparison {
        samples: samples.len(),
        reference: reference.name(),
        reference_note: reference.note().map(str::to_owned),
        agreement: outputs.first().map_or(0.0, |output| output.agreement),
        sqnr_db: outputs.first().and_then(|output| output.sqnr_db),
        metric: metric.map(Metric::name),
        metric_float: metric.and_then(|metric| scores.as_ref()?.float.get(metric)),
        metric_blob: metric.and_then(|metric| scores.as_ref()?.blob.get(metric)),
        warnings: inputs
            .iter()
            .filter_map(|input| input.problem(samples.len()))
            .chain(problems)
            .chain(shared)
            .collect(),
        scores,
        inputs,
        outputs,
    })
}

/// Compares what was answered with what is right.
fn scores(
    (both, named): (&[Both], Option<usize>),
    samples: &Samples,
    (truth, metric): (&Truth, Metric),
    names: &[String],
) -> Scoring {
    let inputs: Vec<&[f32]> =
        (0..samples.len()).map(|index| samples.get(index).first().copied().unwrap_or_default()).collect();
    let first = |of: fn(&Both) -> &Vec<Vec<f32>>| -> Vec<Vec<f32>> {
        let outputs = both.iter().map(|both| of(both).first().cloned().unwrap_or_default());
        outputs.map(|output| named.map_or(output.clone(), |classes| one_of(classes, &output))).collect()
    };
    let (float, ours) = (first(|both| &both.float), first(|both| &both.ours));
    let [float, ours] = [&float, &ours].map(|outputs| outputs.iter().map(Vec::as_slice).collect::<Vec<&[f32]>>());
    let answers = |outputs| Answers { outputs, inputs: &inputs };
    score::score(truth, answers(&float), answers(&ours), metric, names)
}

/// The most classes that an output of one integer is scored with.
const NAMED_CLASSES_MAX: usize = 1 << 16;

/// True for an output that is the class itself, as those of classical models are.
fn names_class(port: &PortSpec) -> bool {
    port.dtype == DType::I32 && port.len() == 1
}

/// Classes that answers may name: those of the labels and of the names, and one for all others.
fn named_classes(labels: Option<&[f64]>, names: &[String]) -> usize {
    let most = labels.unwrap_or_default().iter().fold(0.0, |most: f64, label| most.max(*label));
    (most as usize + 1).max(names.len()).min(NAMED_CLASSES_MAX) + 1
}

/// The class that `output` names, as scores of `classes` classes.
fn one_of(classes: usize, output: &[f32]) -> Vec<f32> {
    let named = output.first().map_or(-1.0, |class| *class);
    let others = classes.saturating_sub(1);
    let class = if named >= 0.0 { (named as usize).min(others) } else { others };
    (0..classes).map(|index| f32::from(u8::from(index == class))).collect()
}

/// Where both models answered alike, as far as a decision goes.
fn is_same_answer(port: &PortSpec, reals: &[f32], ours: &[f32]) -> bool {
    if names_class(port) { reals == ours } else { argmax(reals) == argmax(ours) }
}

/// Samples that were calibrated with say too much good of a blob.
fn shared(samples: &Samples, calibration: &Samples) -> Option<String> {
    let count = samples.shared_with(calibration);
    (count > 0).then(|| {
        format!(
            "{count} of the {} samples are calibration samples too: figures on them are better than on new data; calibrate \
             with others",
            samples.len()
        )
    })
}

/// How the samples of each input fit its codes.
fn uses(inputs: &[PortSpec], samples: &Samples) -> Vec<InputUse> {
    let of = |(index, port): (usize, &PortSpec)| {
        let elements: Vec<f32> = (0..samples.len())
            .flat_map(|sample| samples.get(sample).get(index).copied().unwrap_or_default().iter().copied())
            .collect();
        port.use_of(&elements)
    };
    inputs.iter().enumerate().map(of).collect()
}

/// The data is in the layout of the blob's source; so must the model be.
fn check_inputs(inputs: &[PortSpec], reference: &Reference) -> Result<(), CompareError> {
    let ours: Vec<Vec<usize>> = inputs.iter().map(|port| port.source_shape.clone()).collect();
    let theirs = reference.input_shapes();
    if ours == theirs {
        return Ok(());
    }
    Err(CompareError::OtherModel(format!("its source has inputs {ours:?}, this model {theirs:?}")))
}

/// `work` for every index below `count`, in order.
fn in_parallel<T: Send>(
    count: usize,
    progress: Progress<'_>,
    work: impl Fn(usize) -> Result<T, CompareError> + Sync,
) -> Result<Vec<T>, CompareError> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(count.max(1));
    let done = AtomicUsize::new(0);
    let part = |thread: usize| -> Result<Vec<T>, CompareError> {
        let indices = thread * count / threads..(thread + 1) * count / threads;
        let one = |index| {
            let result = work(index);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, count);
            result
        };
        indices.map(one).collect()
    };
    std::thread::scope(|scope| {
        let part = &part;
        let workers: Vec<_> = (0..threads).map(|thread| scope.spawn(move || part(thread))).collect();
        let mut all = Vec::with_capacity(count);
        for worker in workers {
            // A panic of a worker is a defect, and goes on here.
            all.extend(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(all)
    })
}

/// The array `y`, shortened together with the samples.
fn labels(arrays: &[Array], samples: &mut Samples, limit: Option<usize>) -> Result<Option<Vec<f64>>, CompareError> {
    let whole = samples.len();
    samples.truncate(limit.unwrap_or(whole));
    let Some(array) = arrays.iter().find(|array| array.name == LABELS) else { return Ok(None) };
    let mut labels: Vec<f64> = array.elements().collect();
    // Labels that do not come out even are refused as a whole.
    if whole > 0 && labels.len().is_multiple_of(whole) {
        labels.truncate(labels.len() / whole * samples.len());
    }
    Ok(Some(labels))
}

/// How alike each output is over all samples.
fn output_lines(both: &[Both], ports: &[PortSpec]) -> Result<Vec<OutputComparison>, CompareError> {
    if let Some(Both { float, .. }) = both.iter().find(|both| both.float.len() != ports.len()) {
        let counts = format!("it has {} outputs, the model {}", ports.len(), float.len());
        return Err(CompareError::OtherModel(counts));
    }
    let of = |(index, port): (usize, &PortSpec)| {
        let (mut deviation, mut agreed) = (Deviation::default(), 0);
        for Both { float, ours } in both {
            let (reals, ours) = (&float[index], &ours[index]);
            if reals.len() != port.len() {
                let (name, ours, theirs) = (&port.name, port.len(), reals.len());
                let sizes = format!("its output `{name}` has {ours} elements, the model's {theirs}");
                return Err(CompareError::OtherModel(sizes));
            }
            deviation.add(reals, ours);
            agreed += usize::from(is_same_answer(port, reals, ours));
        }
        Ok(OutputComparison {
            name: port.name.clone(),
            agreement: agreed as f64 / both.len().max(1) as f64,
            sqnr_db: deviation.sqnr_db(),
            max_abs_error: deviation.max(),
        })
    };
    ports.iter().enumerate().map(of).collect()
}
