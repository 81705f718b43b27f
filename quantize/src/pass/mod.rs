//! Rewrites of the graph, each of which keeps its invariants and its meaning.
//!
//! [`optimize`] runs the passes in the order of `PASSES`, again and again until none finds anything, and
//! verifies the graph after each. Order matters little for the result (they meet at a fixed point) but it
//! is chosen so that one round mostly suffices:
//!
//! ```text
//!   fold-constants   weights that are written as expressions become weights
//!   layout           transpositions vanish; what reaches an input or output becomes its recorded layout
//!   simplify         identity nodes go, reshapes get out of the way
//!   fold-affine      batch normalisation and other per-channel scales and shifts go into weights
//!   fuse-pad         zero padding goes into the window that follows
//!   fuse-activation  Relu and Relu6 go into their producers
//!   lower-affine     a batch normalisation that found no weights becomes a product and a sum
//!   part-states      what a state was is copied where it leaves the run
//!   drop-dead        what nothing reads goes
//! ```
//!
//! [`integers`] is none of them: it runs once, between two rounds, and only on graphs of files that quantize and dequantize
//! reals where they mean integers. Behind it [`blocks`] and [`recode`] give layers that stay on floats their codes of weights back.
//!
//! [`coarsen`] runs before all of them, on graphs that will be quantized; [`leave_out_zeros`] is the last of all.
//!
//! A quantized graph keeps every output bit: of these passes only those act on it that move no rounding,
//! and each says so at its head.

mod blocks;
mod coarsen;
mod dead;
mod edit;
pub mod eliminate;
mod fold_affine;
mod fold_constants;
mod fuse_activation;
mod fuse_pad;
mod integers;
mod keep_states;
mod layout;
mod leave_out_zeros;
mod lower_affine;
mod part_states;
mod recode;
mod simplify;
#[cfg(test)]
mod tests;

pub use blocks::blocks;
pub use coarsen::coarsen;
pub use integers::integers;
pub(crate) use keep_states::keep;
pub use keep_states::keep_states;
pub use leave_out_zeros::{Memory, leave_out_zeros};
pub use recode::recode;
use serde::Serialize;

use crate::ir::{Graph, GraphError};

/// A rewrite of the graph.
pub trait Pass {
    /// Its name in reports.
    fn name(&self) -> &'static str;

    /// Rewrites `graph` and says what it did, and what it could not do.
    fn run(&self, graph: &mut Graph) -> Result<PassReport, PassError>;
}

/// What a pass did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PassReport {
    /// The pass.
    pub pass: &'static str,
    /// Nodes it rewrote or removed.
    pub changes: Vec<Note>,
    /// Nodes it would have rewritten, and why it did not.
    pub misses: Vec<Note>,
}

/// A remark about one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// The node's name.
    pub node: String,
    /// What happened to it, or what stood in the way.
    pub what: String,
}

/// Why a graph cannot be optimized.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PassError {
    /// A pass left a graph that breaks an invariant: a defect of the pass.
    #[error("the pass {pass} broke the graph: {source}; please report this with the model")]
    Broken {
        /// The pass.
        pass: &'static str,
        /// The broken invariant.
        source: GraphError,
    },
    /// The numbers of the model have no meaning.
    #[error("node `{node}`: {problem}")]
    Numbers {
        /// The node's name.
        node: String,
        /// What is wrong, and what to do.
        problem: String,
    },
}

impl PassReport {
    fn new(pass: &'static str) -> Self {
        PassReport { pass, ..PassReport::default() }
    }

    /// What a user who has asked for this pass should know: layers that it left as they are, or that there were none.
    pub(crate) fn warnings(&self) -> Vec<String> {
        if self.pass != keep_states::NAME {
            return Vec::new();
        }
        let nothing = (self.changes.is_empty() && self.misses.is_empty())
            .then(|| "--stateful: the model has no recurrent layer whose states begin as zeros".to_owned());
        let left = self.misses.iter().map(|note| format!("--stateful: `{}` {}", note.node, note.what));
        left.chain(nothing).collect()
    }

    fn change(&mut self, node: &str, what: &str) {
        self.changes.push(Note { node: node.into(), what: what.into() });
    }

    fn miss(&mut self, node: &str, what: &str) {
        self.misses.push(Note { node: node.into(), what: what.into() });
    }
}

/// The passes, in the order in which they run.
const PASSES: [&dyn Pass; 9] = [
    &fold_constants::FoldConstants,
    &layout::Layout,
    &simplify::Simplify,
    &fold_affine::FoldAffine,
    &fuse_pad::FusePad,
    &fuse_activation::FuseActivation,
    &lower_affine::LowerAffine,
    &part_states::PartStates,
    &dead::DropDead,
];

/// More rounds than any graph needs: each one only uncovers what the last one moved together.
const ROUND_COUNT_MAX: usize = 8;

/// Runs all passes until none changes anything. One report for each pass: the changes of all rounds, the
/// misses of the last.
pub fn optimize(graph: &mut Graph) -> Result<Vec<PassReport>, PassError> {
    let mut reports: Vec<PassReport> = PASSES.iter().map(|pass| PassReport::new(pass.name())).collect();
    for _ in 0..ROUND_COUNT_MAX {
        let mut changed = false;
        for (pass, total) in PASSES.iter().zip(&mut reports) {
            let report = pass.run(graph)?;
            graph.verify().map_err(|source| PassError::Broken { pass: pass.name(), source })?;
            changed |= !report.changes.is_empty();
            total.changes.extend(report.changes);
            total.misses = report.misses;
        }
        if !changed {
            break;
        }
    }
    Ok(reports)
}
