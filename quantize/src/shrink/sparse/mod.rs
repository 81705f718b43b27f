//! Weights at zero, chosen by calibration data alone; all others make up for them.
//!
//! ```text
//!   tableau.rs  least squares of a channel, with a weight more or fewer at a time
//!   choose.rs   how many weights of each layer go, and which
//!   layer.rs    one layer: choice, exchange, fit, codes
//! ```
//!
//! 1. Survey: of each layer, the order in which its weights would go and what each would cost, all other layers being whole;
//!    and the noise that the layer makes at the outputs with half of its weights.
//! 2. The zeros are shared out over layers, so that the sum of noise is least (`choose::allocate`).
//! 3. Layer by layer, in the order in which they run, on what the layers before compute *by then*: choice, then by turns
//!    exchange of weights and targets that follow what is computed (`goal.rs`), then codes.

mod choose;
mod layer;
mod tableau;

use core::fmt;

use kinglet_kernels::packing::Storage;
use serde::Serialize;

use super::layer::Rounded;
use super::measure::{distance, outputs, without_ends};
use super::{PATCHES, Progress, ShrinkError, Site, each_layer};
use crate::calibrate::Samples;
use crate::ir::Graph;
use choose::{Curve, allocate};
use layer::Layer;

/// So much of a layer goes at most.
const MOST: f64 = 0.95;

/// What a layer's noise at the outputs is measured with: so much of it gone.
const TRIED: f64 = 0.5;

/// A layer that makes less noise than this part of the noisiest counts as if it made so much.
const NOISE_FLOOR: f64 = 1e-3;

/// Samples that it is measured on, at most.
const NOISE_SAMPLES: usize = 64;

/// Beyond its share, so much of each channel is looked at.
const SPARE: f64 = 0.25;

/// Which weights became zero. The field names are the JSON's.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Sparse {
    /// Weights of the layers that it could be chosen for.
    pub weights: usize,
    /// Those of them that are zero.
    pub zeros: usize,
    /// The layers, in the order in which they run.
    pub layers: Vec<SparseLayer>,
}

/// A layer with some of its weights at zero.
#[derive(Clone, Debug, Serialize)]
pub struct SparseLayer {
    /// The source model's name of it.
    pub node: String,
    /// Weights.
    pub weights: usize,
    /// Those of them that are zero.
    pub zeros: usize,
    /// The part of its results' power, behind the activation, that is lost on the calibration samples: by the zeros and by all
    /// that was lost before it.
    pub loss: f64,
}

impl fmt::Display for Sparse {
    /// Lines of the report.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |zeros: usize, weights: usize| 100.0 * zeros as f64 / weights.max(1) as f64;
        let Sparse { weights, zeros, layers } = self;
        write!(f, "\n  zeros      {:.1} % of {weights} weights", percent(*zeros, *weights))?;
        for SparseLayer { node, weights, zeros, loss } in layers {
            let (share, loss) = (percent(*zeros, *weights), 100.0 * loss);
            write!(
                f,
                "\n  {:<11}of {weights} weights of `{node}`, {loss:.2} % of its results lost",
                format!("{share:.1} %")
            )?;
        }
        Ok(())
    }
}

/// What is known of a layer before any is changed.
struct Survey {
    index: usize,
    weights: usize,
    curve: Curve,
    /// The layer with [`TRIED`] of its weights gone, and the loss that was foreseen.
    tried: (Rounded, f64),
}

/// Lets `share` of all weights of `int8`, which `float` became, be zero, with the others in `storage`.
pub(super) fn shrink(
    (float, int8): (&Graph, &mut Graph),
    (samples, chosen): (&Samples, &[usize]),
    (share, storage): (f64, Storage),
    progress: Progress<'_>,
) -> Result<Sparse, ShrinkError> {
    let mut surveys = Vec::new();
    let mut work = |site: &Site<'_>| {
        surveys.extend(survey(site, storage));
        None
    };
    each_layer((float, int8), (samples, chosen), &mut work, PATCHES, progress)?;
    weigh((float, int8), (samples, chosen), &mut surveys, progress)?;
    let gone: usize = surveys.iter().map(|survey| survey.curve.least).sum();
    let weights: usize = surveys.iter().map(|survey| survey.weights).sum();
    let count = gone + ((weights - gone) as f64 * share).round() as usize;
    let nodes: Vec<usize> = surveys.iter().map(|survey| survey.index).collect();
    let counts = allocate(&surveys.into_iter().map(|survey| survey.curve).collect::<Vec<_>>(), count);
    let mut layers = Vec::new();
    let mut work = |site: &Site<'_>| {
        let zeros = nodes.iter().position(|&index| index == site.index).map(|place| counts[place])?;
        let layer = Layer::of(site)?;
        let weights = layer.len();
        let strands = layer.strands((zeros as f64 / weights.max(1) as f64 + SPARE).min(1.0));
        let mask = layer.mask(&strands, zeros);
        let (rounded, loss) = layer.fitted(mask, storage)?;
        let zeros = rounded.zeros();
        layers.push(SparseLayer { node: site.int8.1.name.clone(), weights, zeros, loss });
        Some(rounded)
    };
    each_layer((float, int8), (samples, chosen), &mut work, PATCHES, progress)?;
    let zeros = layers.iter().map(|layer| layer.zeros).sum();
    Ok(Sparse { weights, zeros, layers })
}

fn survey(site: &Site<'_>, storage: Storage) -> Option<Survey> {
    let layer = Layer::of(site)?;
    let (weights, least) = (layer.len(), layer.gone());
    let strands = layer.strands(MOST.max(least as f64 / weights.max(1) as f64));
    let mut costs: Vec<f64> = strands.iter().flat_map(|strand| strand.removed.iter().map(|step| step.1)).collect();
    costs.sort_by(f64::total_cmp);
    let half = least + ((weights - least) as f64 * TRIED) as usize;
    let foreseen = costs.iter().take(half).sum();
    let (rounded, _) = layer.rounded(&layer.mask(&strands, half), storage)?;
    Some(Survey { index: site.index, weights, curve: Curve { costs, weight: 0.0, least }, tried: (rounded, foreseen) })
}

/// Measures what each layer's loss does to the outputs.
fn weigh(
    (float, int8): (&Graph, &Graph),
    (samples, chosen): (&Samples, &[usize]),
    surveys: &mut [Survey],
    progress: Progress<'_>,
) -> Result<(), ShrinkError> {
    let some: Vec<usize> = chosen.iter().copied().step_by(chosen.len().div_ceil(NOISE_SAMPLES).max(1)).collect();
    let (float, int8) = (without_ends(float), without_ends(int8));
    let wanted = outputs(&float, (samples, &some))?;
    let base = distance(&wanted, &outputs(&int8, (samples, &some))?).noise;
    let count = surveys.len();
    let mut noises = Vec::with_capacity(count);
    for (done, survey) in surveys.iter().enumerate() {
        let mut graph = int8.clone();
        let index = graph.nodes.iter().position(|node| node.outputs == int8.nodes[survey.index].outputs);
        if let Some(index) = index {
            survey.tried.0.clone().put(&mut graph, index);
        }
        noises.push(distance(&wanted, &outputs(&graph, (samples, &some))?).noise - base);
        progress(done + 1, count);
    }
    let floor = noises.iter().copied().fold(0.0, f64::max) * NOISE_FLOOR;
    for (survey, noise) in surveys.iter_mut().zip(noises) {
        survey.curve.weight = noise.max(floor) / survey.tried.1.max(f64::MIN_POSITIVE);
    }
    Ok(())
}
