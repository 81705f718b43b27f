//! Each layer rounded to each number of bits, and the noise that it alone then makes.

use kinglet_kernels::packing::Storage;

use super::knapsack::Form;
use super::layer::Rounded;
use super::measure::{distance, outputs};
use super::{PATCHES, Progress, ShrinkError, Site, each_layer};
use crate::calibrate::Samples;
use crate::ir::Graph;

/// Numbers of bits, the most first.
const STORAGES: [Storage; 4] = [Storage::Bits8, Storage::Bits4, Storage::Bits3, Storage::Bits2];

/// Samples that a layer's noise is measured on, at most.
const NOISE_SAMPLES: usize = 48;

/// A layer with what it would be of each number of bits.
pub(super) struct Candidate {
    /// Of its node in the int8 graph.
    pub(super) index: usize,
    /// Number of weights.
    pub(super) weights: usize,
    pub(super) storages: Vec<Storage>,
    /// Of each storage the constants; none for a layer that keeps its own.
    rounded: Vec<Option<Rounded>>,
    /// Of each storage the noise that is added to that of eight bits everywhere.
    pub(super) noise: Vec<f64>,
}

impl Candidate {
    /// Puts the layer as it is in one of its forms into a graph.
    pub(super) fn put(&self, form: usize, graph: &mut Graph) {
        if let Some(Some(rounded)) = self.rounded.get(form) {
            rounded.clone().put(graph, self.index);
        }
    }

    /// Leaves the form with the given storage alone, when one is given and the layer has it.
    pub(super) fn keep(&mut self, storage: Option<Storage>) {
        if let Some(form) = self.storages.iter().position(|has| Some(*has) == storage) {
            self.storages = vec![self.storages[form]];
            self.rounded = vec![self.rounded.swap_remove(form)];
            self.noise = vec![self.noise[form]];
        }
    }

    /// Bytes and noise of each form.
    pub(super) fn forms(&self) -> Vec<Form> {
        let both = self.storages.iter().zip(&self.noise);
        both.map(|(storage, &error)| Form { bytes: storage.bytes(self.weights), error }).collect()
    }
}

/// The candidates of all layers of `int8`, which `float` became, from `fitted` samples. Their noise is measured on others,
/// `aside`: few samples for many weights are fitted better than any others will be.
pub(super) fn find(
    (float, int8): (&Graph, &mut Graph),
    (samples, fitted, aside): (&Samples, &[usize], &[usize]),
    progress: Progress<'_>,
) -> Result<Vec<Candidate>, ShrinkError> {
    let mut candidates = Vec::new();
    let mut work = |site: &Site<'_>| {
        candidates.push(candidate(site));
        None
    };
    each_layer((float, int8), (samples, fitted), &mut work, PATCHES, progress)?;
    measure((float, int8), (samples, aside), &mut candidates, progress)?;
    Ok(candidates)
}

fn candidate(site: &Site<'_>) -> Candidate {
    let (graph, node) = site.int8;
    let storages = STORAGES.to_vec();
    Candidate {
        index: site.index,
        weights: graph.value(node.inputs[1]).len(),
        rounded: storages.iter().map(|&storage| site.rounded(storage)).collect(),
        noise: vec![0.0; storages.len()],
        storages,
    }
}

/// Measures what each layer alone adds to the noise.
fn measure(
    (float, int8): (&Graph, &Graph),
    (samples, chosen): (&Samples, &[usize]),
    candidates: &mut [Candidate],
    progress: Progress<'_>,
) -> Result<(), ShrinkError> {
    let some: Vec<usize> = chosen.iter().copied().step_by(chosen.len().div_ceil(NOISE_SAMPLES).max(1)).collect();
    let wanted = outputs(float, (samples, &some))?;
    let noise_of =
        |graph: &Graph| -> Result<f64, ShrinkError> { Ok(distance(&wanted, &outputs(graph, (samples, &some))?).noise) };
    let base = noise_of(int8)?;
    let count = candidates.len();
    for (done, candidate) in candidates.iter_mut().enumerate() {
        for form in 0..candidate.storages.len() {
            let mut graph = int8.clone();
            candidate.put(form, &mut graph);
            candidate.noise[form] = (noise_of(&graph)? - base).max(0.0);
        }
        progress(done + 1, count);
    }
    Ok(())
}
