//! A blob against its float model, on real data.

mod metrics;
mod reference;

use core::num::NonZero;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::path::Path;

use kinglet::Model;
use serde::Serialize;

use crate::calibrate::Samples;
use crate::calibrate::npy::{Array, ArrayError, read_arrays};
use crate::emit::BuildError;
use crate::host::{self, AlignedBytes, HostError};
use crate::import::{self, Changes, Folder, ImportError, ModelBytes};
use crate::pass::PassError;
use crate::tensor::{self, PortSpec};
use metrics::{Deviation, argmax, auc, mean_squared_error};
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
    /// `accuracy`, `auc`, or absent without labels.
    pub metric: Option<&'static str>,
    /// The metric of the float model.
    pub metric_float: Option<f64>,
    /// The metric of the blob.
    pub metric_blob: Option<f64>,
    /// Each output by itself.
    pub outputs: Vec<OutputComparison>,
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
    #[error("{} labels for {samples} samples in `y`; give one for each", .labels)]
    Labels {
        /// How many labels there are.
        labels: usize,
        /// How many samples there are.
        samples: usize,
    },
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

/// Compares the blob with the model in `model_path` on the arrays in `data_path`: inputs under their names or
/// `x`, and labels, if any, as `y`. Uses all threads of the machine; the result does not depend on their number.
/// `changes` are those with which the blob was made.
pub fn compare(
    (model_path, changes): (&Path, &Changes),
    blob: &AlignedBytes,
    data_path: &Path,
    progress: Progress<'_>,
) -> Result<Comparison, CompareError> {
    let file = model_path.display().to_string();
    let (bytes, kind) = import::read(model_path)?;
    let siblings = Folder::of(model_path);
    let reference = {
        let model = ModelBytes { siblings: &siblings, changes, ..ModelBytes::new(&bytes, kind, &file) };
        Reference::new(&model)?
    };
    let (inputs, outputs) = tensor::ports(&Model::from_bytes(blob).map_err(HostError::from)?);
    check_inputs(&inputs, &reference)?;
    let arrays = read_arrays(data_path)?;
    let samples = Samples::from_arrays(data_path, &arrays, &tensor::input_graph(&inputs))?;
    let labels = labels(&arrays, samples.len())?;
    let is_reconstruction = is_reconstruction(&inputs, &outputs, labels.as_deref());
    let both = in_parallel(samples.len(), progress, |index| {
        let reals = samples.get(index);
        let encode = |(port, reals): (&PortSpec, &&[f32])| port.encode(&port.from_source(reals));
        let encoded: Vec<Vec<u8>> = inputs.iter().zip(&reals).map(encode).collect();
        let results = host::with_session(blob, |session| host::infer(session, &encoded))?;
        let decode = |(port, bytes): (&PortSpec, Vec<u8>)| port.to_source(&port.decode(&bytes));
        let ours: Vec<Vec<f32>> = outputs.iter().zip(results).map(decode).collect();
        Ok((reference.run(&reals)?, ours))
    })?;
    let mut tally = Tally::new(outputs.len());
    for (index, (float, ours)) in both.iter().enumerate() {
        tally.add(float, ours, &outputs)?;
        if let Some(labels) = &labels {
            tally.score(float, ours, (labels[index], is_reconstruction.then(|| samples.get(index)[0])));
        }
    }
    Ok(tally.finish(&outputs, &reference, labels.as_deref(), is_reconstruction))
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

/// The array `y` as whole numbers.
fn labels(arrays: &[Array], samples: usize) -> Result<Option<Vec<i64>>, CompareError> {
    let Some(array) = arrays.iter().find(|array| array.name == "y") else { return Ok(None) };
    if array.len() != samples {
        return Err(CompareError::Labels { labels: array.len(), samples });
    }
    Ok(Some(array.elements().map(|label| label as i64).collect()))
}

/// True for an autoencoder with anomalies marked 1: an output like the input, and no other labels than 0 and 1.
fn is_reconstruction(inputs: &[PortSpec], outputs: &[PortSpec], labels: Option<&[i64]>) -> bool {
    let same = matches!((inputs, outputs), ([input], [output]) if input.source_shape == output.source_shape);
    same && labels.is_some_and(|labels| labels.iter().all(|label| (0..=1).contains(label)))
}

/// What has been counted so far.
struct Tally {
    samples: usize,
    deviations: Vec<Deviation>,
    agreed: Vec<usize>,
    /// Samples whose label the float model and the blob name.
    right: [usize; 2],
    /// Reconstruction errors of the float model and the blob.
    errors: [Vec<f64>; 2],
}

impl Tally {
    fn new(outputs: usize) -> Self {
        Tally {
            samples: 0,
            deviations: vec![Deviation::default(); outputs],
            agreed: vec![0; outputs],
            right: [0; 2],
            errors: [Vec::new(), Vec::new()],
        }
    }

    /// Compares the outputs of one sample.
    fn add(&mut self, float: &[Vec<f32>], ours: &[Vec<f32>], ports: &[PortSpec]) -> Result<(), CompareError> {
        self.samples += 1;
        if float.len() != ports.len() {
            let counts = format!("it has {} outputs, the model {}", ports.len(), float.len());
            return Err(CompareError::OtherModel(counts));
        }
        for (index, ((port, reals), ours)) in ports.iter().zip(float).zip(ours).enumerate() {
            if reals.len() != port.len() {
                let (name, ours, theirs) = (&port.name, port.len(), reals.len());
                let sizes = format!("its output `{name}` has {ours} elements, the model's {theirs}");
                return Err(CompareError::OtherModel(sizes));
            }
            self.deviations[index].add(reals, ours);
            self.agreed[index] += usize::from(argmax(reals) == argmax(ours));
        }
        Ok(())
    }

    /// Compares the outputs of one sample with its label; with its input for an autoencoder.
    fn score(&mut self, float: &[Vec<f32>], ours: &[Vec<f32>], (label, input): (i64, Option<&[f32]>)) {
        let both = [&float[0], &ours[0]];
        for (index, output) in both.into_iter().enumerate() {
            match input {
                Some(input) => self.errors[index].push(mean_squared_error(input, output)),
                None => self.right[index] += usize::from(argmax(output) as i64 == label),
            }
        }
    }

    fn finish(
        &self,
        ports: &[PortSpec],
        reference: &Reference,
        labels: Option<&[i64]>,
        is_reconstruction: bool,
    ) -> Comparison {
        let samples = self.samples;
        let share = |count: usize| count as f64 / samples.max(1) as f64;
        let output = |(index, port): (usize, &PortSpec)| OutputComparison {
            name: port.name.clone(),
            agreement: share(self.agreed[index]),
            sqnr_db: self.deviations[index].sqnr_db(),
            max_abs_error: self.deviations[index].max(),
        };
        let outputs: Vec<OutputComparison> = ports.iter().enumerate().map(output).collect();
        let metric = |index: usize| match labels {
            None => None,
            Some(labels) if is_reconstruction => {
                let anomalous: Vec<bool> = labels.iter().map(|&label| label == 1).collect();
                auc(&self.errors[index], &anomalous)
            }
            Some(_) => Some(share(self.right[index])),
        };
        Comparison {
            samples,
            reference: reference.name(),
            reference_note: reference.note().map(str::to_owned),
            agreement: outputs.first().map_or(0.0, |output| output.agreement),
            sqnr_db: outputs.first().and_then(|output| output.sqnr_db),
            metric: labels.map(|_| if is_reconstruction { "auc" } else { "accuracy" }),
            metric_float: metric(0),
            metric_blob: metric(1),
            outputs,
        }
    }
}
