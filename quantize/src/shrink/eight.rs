//! Eight bits: the sweep without the refit.
//!
//! What a weight of eight bits is off by is little, but it is most of what can be had without other activations: the other
//! weights of its channel make up for it (`row.rs`). The weights themselves stay where training has put them: to fit them again
//! would follow the noise of a few hundred samples.

use kinglet_kernels::packing::Storage;

use super::{Progress, ShrinkError, Site, Sparing, each_layer};
use crate::calibrate::{Samples, evenly};
use crate::ir::Graph;
use crate::pass::eliminate::{Cost, layer_cost};

/// Patches of a layer: a covariance that weights are only rounded by may be coarse.
const PATCHES: Sparing = Sparing { least: 16_384, per_tap: 8, work: 1_000_000_000 };

/// Samples taken at least, if there are as many, and multiplications that those beyond may cost.
const SAMPLES_MIN: usize = 64;
const WORK_MAX: u64 = 2_000_000_000;

/// Gives the layers of `int8`, which `float` became, codes of eight bits that make up for each other on the `given` samples.
/// Weights that were codes in the file stay these codes.
pub(crate) fn sweep(
    (float, int8): (&Graph, &mut Graph),
    (samples, given): (&Samples, &[usize]),
    progress: Progress<'_>,
) -> Result<(), ShrinkError> {
    let cost: Cost = float.nodes.iter().filter_map(|node| layer_cost(float, node)).sum();
    let affordable = usize::try_from(WORK_MAX / cost.macs.max(1)).unwrap_or(usize::MAX);
    let count = given.len().min(affordable.max(SAMPLES_MIN));
    let chosen: Vec<usize> = evenly(given.len(), count).map(|index| given[index]).collect();
    let mut work = |site: &Site<'_>| {
        let (graph, node) = site.float;
        let were_codes = node.inputs.get(1).is_some_and(|&id| graph.value(id).quantization.is_some());
        if were_codes { None } else { site.rounded_unfitted(Storage::Bits8) }
    };
    each_layer((float, int8), (samples, &chosen), &mut work, PATCHES, progress)
}
