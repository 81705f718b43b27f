//! Weights of few bits: codes chosen so that every layer computes what the float layer does, on calibration samples.
//!
//! Layer by layer, in the order in which they run. Each one sees what the layers before it compute *as they are by then*:
//! of few bits, and their results as codes. Of that only second moments are kept (`moments.rs`), and then
//!
//! - refit: the weights become those that make the float layer's results, before the activation, of what the layer now
//!   reads, by least squares, `W* = (C + d W)(H + d I)^-1`, with `H` the covariance of what is read, `C` that of results
//!   with it, and `d` a hundredth of the mean of `H`'s diagonal, by which the weights are held where they were;
//! - round: codes and scales for the least error of the results (`row.rs`);
//! - the bias makes the mean of the results that of the float layer's.
//!
//! Activations are what `affine` made them. Sums are exact or in a fixed order: the same bytes on any number of threads.

mod bits;
mod candidates;
mod eight;
mod goal;
mod inverse;
mod knapsack;
mod layer;
mod measure;
mod mix;
mod mixed;
mod moments;
mod parallel;
mod patches;
mod row;
mod sparse;
#[cfg(test)]
mod tests;
mod walk;

use kinglet_kernels::packing::Storage;

pub use bits::{Bits, Wish};
pub(crate) use eight::sweep;
pub(crate) use measure::{Outputs, distance, outputs};

use crate::calibrate::Samples;
use crate::emit::BuildError;
use crate::host::HostError;
use crate::ir::{DType, Elements, Graph, Node};
use crate::op::rule::layer::Kernel;
use crate::target::Target;
use goal::Goal;
use layer::Rounded;
pub use mix::{Mix, MixLayer, MixPoint};
use moments::Moments;
use patches::Patches;
pub use sparse::{Sparse, SparseLayer};
use walk::Walk;

/// Why weights could not be rounded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShrinkError {
    /// A node cannot be run by itself.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The engine stopped.
    #[error("node `{node}`: {source}")]
    Run {
        /// The node's name.
        node: String,
        /// Why.
        source: HostError,
    },
    /// No choice of bits does what is wanted.
    #[error("--bits auto: {0}")]
    Impossible(String),
    /// Both bits and zeros would have to be chosen for each layer.
    #[error(
        "--sparsity chooses zeros for weights of given bits: use --bits 8, or 4, 3 or 2, with it, not `auto` or --layer-bits"
    )]
    SparseMixed,
    /// Bits were given for a layer that is none.
    #[error("--layer-bits: there is no layer with int8 weights called `{name}`; there are {known}")]
    NoLayer {
        /// The name that was given.
        name: String,
        /// Those that there are.
        known: String,
    },
}

/// What all samples of all values that are needed at one time may take.
const MEMORY_BYTES_MAX: usize = 1 << 30;

/// Patches of a layer whose weights are fitted again.
const PATCHES: Sparing = Sparing { least: 16_384, per_tap: 24, work: u64::MAX };

/// How many patches a layer's moments are taken of, where there are more.
#[derive(Clone, Copy)]
struct Sparing {
    /// Of any layer.
    least: usize,
    /// Of a layer of many weights, for each weight of a channel.
    per_tap: usize,
    /// Products of a channel's weights with each other that more than these may cost.
    work: u64,
}

impl Sparing {
    fn most(self, taps: usize) -> usize {
        let each = self.per_tap * taps;
        let squares = (taps as u64).saturating_mul(taps as u64).max(1);
        let affordable = usize::try_from(self.work / squares).unwrap_or(usize::MAX);
        self.least.max(each).min(affordable.max(each))
    }
}

/// Told how many of how many layers are done.
pub type Progress<'a> = &'a mut dyn FnMut(usize, usize);

/// What shall become of the weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights<'a> {
    /// In how many bits they are.
    pub bits: Bits,
    /// Layers whose bits are given, by the names of their nodes.
    pub layers: &'a [(String, Storage)],
    /// How many per cent of them become zero.
    pub sparsity: Option<f64>,
}

/// What was found out about them.
#[derive(Clone, Debug, Default)]
pub struct Shrunk {
    /// When bits were to be chosen.
    pub mix: Option<Mix>,
    /// When weights were to become zero.
    pub sparse: Option<Sparse>,
}

/// Does what is asked for.
pub fn shrink(
    graphs: (&Graph, &mut Graph),
    samples: &Samples,
    (weights, target): (Weights<'_>, Target),
    progress: Progress<'_>,
) -> Result<Shrunk, ShrinkError> {
    let all: Vec<usize> = (0..samples.len()).collect();
    let given = given(graphs.1, weights.layers)?;
    let given_of = |index: usize| given.iter().find(|(layer, _)| *layer == index).map(|&(_, storage)| storage);
    if let Some(percent) = weights.sparsity {
        let storage = match weights.bits {
            Bits::Nearest if given.is_empty() => Storage::Bits8,
            Bits::All(storage) if given.is_empty() => storage,
            _ => return Err(ShrinkError::SparseMixed),
        };
        let sparse = sparse::shrink(graphs, (samples, &all), (percent / 100.0, storage), progress)?;
        return Ok(Shrunk { sparse: Some(sparse), mix: None });
    }
    match weights.bits {
        Bits::Nearest if given.is_empty() => Ok(Shrunk::default()),
        Bits::Nearest => {
            round(graphs, (samples, &all), &given_of, progress)?;
            Ok(Shrunk::default())
        }
        Bits::All(storage) => {
            round(graphs, (samples, &all), &|index| given_of(index).or(Some(storage)), progress)?;
            Ok(Shrunk::default())
        }
        Bits::Mixed(wish) => {
            let mix = mixed::shrink(graphs, samples, (&wish, &given_of, target), progress)?;
            Ok(Shrunk { mix: Some(mix), sparse: None })
        }
    }
}

/// The indices of the nodes of layers that have names.
fn given(int8: &Graph, layers: &[(String, Storage)]) -> Result<Vec<(usize, Storage)>, ShrinkError> {
    let all = self::layers(int8);
    let of = |(name, storage): &(String, Storage)| match all.iter().find(|&&index| int8.nodes[index].name == *name) {
        Some(&index) => Ok((index, *storage)),
        None => {
            let known: Vec<String> = all.iter().map(|&index| format!("`{}`", int8.nodes[index].name)).collect();
            Err(ShrinkError::NoLayer { name: name.clone(), known: known.join(", ") })
        }
    };
    layers.iter().map(of).collect()
}

/// Gives the layers of `int8`, which `float` became, codes of as many bits as `storage_of` says for each by the index of
/// its node, from `chosen` samples. Layers of which it says nothing stay as they are.
fn round(
    graphs: (&Graph, &mut Graph),
    chosen: (&Samples, &[usize]),
    storage_of: &dyn Fn(usize) -> Option<Storage>,
    progress: Progress<'_>,
) -> Result<(), ShrinkError> {
    each_layer(graphs, chosen, &mut |site| site.rounded(storage_of(site.index)?), PATCHES, progress)
}

/// A layer that is to be rounded, with what it reads and should compute.
struct Site<'a> {
    float: (&'a Graph, &'a Node),
    int8: (&'a Graph, &'a Node),
    /// Of the node in the int8 graph.
    index: usize,
    patches: &'a Patches<'a>,
    /// The positions that the moments are of.
    positions: &'a [usize],
    moments: &'a Moments,
    goal: &'a Goal<'a>,
}

impl Site<'_> {
    /// New constants of so many bits; `None` when the layer keeps its own.
    fn rounded(&self, storage: Storage) -> Option<Rounded> {
        Rounded::of(self.float, self.int8, self.patches, self.moments, (storage, true))
    }

    /// New constants of so many bits, of the weights as they are.
    fn rounded_unfitted(&self, storage: Storage) -> Option<Rounded> {
        Rounded::of(self.float, self.int8, self.patches, self.moments, (storage, false))
    }
}

/// Comes to each layer in the order in which they run, and puts what `work` makes of it into its place before going on.
fn each_layer(
    (float, int8): (&Graph, &mut Graph),
    (samples, chosen): (&Samples, &[usize]),
    work: &mut dyn FnMut(&Site<'_>) -> Option<Rounded>,
    sparing: Sparing,
    progress: Progress<'_>,
) -> Result<(), ShrinkError> {
    let count = chosen.len().min((MEMORY_BYTES_MAX / bytes_at_once(float).max(1)).max(1));
    let chosen = &chosen[..count];
    let mut exact = Walk::new(float, samples, chosen);
    let mut coded = Walk::new(int8, samples, chosen);
    let layers = layers(int8);
    for (done, &index) in layers.iter().enumerate() {
        let node = int8.nodes[index].clone();
        let Some(twin) = float.nodes.iter().position(|twin| twin.outputs == node.outputs) else { continue };
        coded.advance(int8, index)?;
        let results = wanted(float, &mut exact, twin)?;
        let rounded = {
            let Some(patches) = Patches::of(int8, &node, coded.bytes(node.inputs[0])) else { continue };
            let positions = patches.chosen(count, sparing.most(patches.taps));
            let moments = Moments::of(&patches, &positions, &results);
            let (float, int8) = ((float, &float.nodes[twin]), (&*int8, &node));
            let goal = Goal::new(float, &results, (&exact, int8.0, &coded));
            work(&Site { float, int8, index, patches: &patches, positions: &positions, moments: &moments, goal: &goal })
        };
        if let Some(rounded) = rounded {
            rounded.put(int8, index);
        }
        progress(done + 1, layers.len());
    }
    Ok(())
}

/// The nodes that can be rounded, in the order in which they run.
fn layers(int8: &Graph) -> Vec<usize> {
    (0..int8.nodes.len()).filter(|&index| is_layer(int8, &int8.nodes[index])).collect()
}

/// True for a layer whose constants are int8 codes.
fn is_layer(graph: &Graph, node: &Node) -> bool {
    let is_codes = |id| matches!(graph.value(id).elements, Some(Elements::I8(_)));
    let layer = node.op.operator().layer();
    layer.is_some_and(|layer| !matches!(layer.kernel, Kernel::Spreads(_)))
        && node.inputs.get(1).copied().is_some_and(is_codes)
        && node
            .inputs
            .first()
            .is_some_and(|&id| graph.value(id).dtype == DType::I8 && graph.value(id).elements.is_none())
}

/// What the float layer `index` computes in all samples before its activation.
fn wanted(float: &Graph, exact: &mut Walk, index: usize) -> Result<Vec<f32>, ShrinkError> {
    exact.advance(float, index)?;
    let node = &float.nodes[index];
    let mut linear = node.clone();
    let activation = linear.op.operator_mut().activation_mut().map(core::mem::take);
    let mut results = exact.results(float, &linear)?;
    let words = results.first().map(|bytes| bytes.as_chunks().0).unwrap_or_default();
    let reals: Vec<f32> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
    if let (Some(activation), Some(bytes)) = (activation, results.first_mut()) {
        *bytes = reals.iter().flat_map(|&real| activation.of(real).to_le_bytes()).collect();
    }
    exact.put(node, results);
    Ok(reals)
}

/// About how many bytes of one sample both graphs keep at one time: the two largest values, as floats, twice and as codes.
fn bytes_at_once(float: &Graph) -> usize {
    let computed = float.nodes.iter().flat_map(|node| node.outputs.iter()).map(|&id| float.value(id).len());
    let mut lens: Vec<usize> = computed.chain(float.inputs.iter().map(|port| float.value(port.value).len())).collect();
    lens.sort_unstable();
    lens.iter().rev().take(2).sum::<usize>() * (2 * size_of::<f32>() + 1)
}
