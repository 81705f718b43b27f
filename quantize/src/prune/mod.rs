//! Structured pruning: whole channels go, with the filters that compute them and the weights that read them.
//!
//! ```text
//!   choose.rs   which channels: least cost for each multiplication saved, until enough are
//!   refit.rs    what is left is fitted, layer by layer, to what the whole graph computes
//! ```
//!
//! The result is a graph of the same shape, in which these channels are zeros that nobody looks at; elimination
//! (`pass/eliminate`), which runs on the quantized graph, takes them out of every tensor. So whatever joins channels (additions,
//! depthwise filters, pooling) is understood in one place, and the blob is really smaller. Labels are not needed, nor
//! gradients: calibration samples are all there is.

mod choose;
mod layer;
mod refit;
#[cfg(test)]
mod tests;

use choose::Chooser;

use crate::calibrate::{Prefix, Samples};
use crate::ir::{DType, Graph};

/// Why no channels can be pruned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PruneError {
    /// The model's kind.
    #[error(
        "channels of `{0}` cannot be pruned: it keeps tensors from run to run, or has inputs that are no floats; leave --channels out"
    )]
    Model(String),
    /// A node does not run by itself.
    #[error("node `{node}` cannot be run by itself, which pruning needs; leave --channels out")]
    Stuck {
        /// Its name.
        node: String,
    },
}

/// What pruning did.
#[derive(Clone, Debug, PartialEq)]
pub struct Pruned {
    /// Channels that went, over all values.
    pub channels: usize,
    /// Multiplications of layers before and after.
    pub macs: [u64; 2],
    /// Whether as many went as was asked for.
    pub is_reached: bool,
}

impl Pruned {
    /// A sentence, when less went than was asked for.
    pub fn shortfall(&self) -> Option<String> {
        let [before, after] = self.macs;
        let share = 100.0 * (before - after) as f64 / before.max(1) as f64;
        let why =
            "each value keeps a channel, and inputs, outputs and what is kept in step with them keep all of theirs";
        (!self.is_reached).then(|| format!("pruning channels took only {share:.1} % of the multiplications: {why}"))
    }
}

/// Prunes channels of a float graph until `percent` of its layers' multiplications are gone, by what it computes on
/// samples.
pub fn prune_channels(graph: &mut Graph, samples: &Samples, percent: f64) -> Result<Pruned, PruneError> {
    let start = || {
        let floats = graph.inputs.iter().all(|port| graph.value(port.value).dtype == DType::F32);
        let prefix = (floats && graph.states.is_empty()).then(|| Prefix::of_reals(graph, samples));
        prefix.ok_or_else(|| PruneError::Model(graph.name.clone()))
    };
    let mut chooser = Chooser::new(graph, &mut start()?)?;
    let before = chooser.macs();
    let budget = (before as f64 * (1.0 - percent / 100.0)).floor() as u64;
    let is_reached = chooser.reach(budget);
    let (after, gone) = (chooser.macs(), core::mem::take(&mut chooser.gone));
    let pruned = refit::refit(graph, &gone, [start()?, start()?])?;
    *graph = pruned;
    let channels = gone.iter().flatten().filter(|gone| **gone).count();
    Ok(Pruned { channels, macs: [before, after], is_reached })
}
