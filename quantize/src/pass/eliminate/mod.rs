//! Lossless removal of dead work from an int8 graph.
//!
//! Pruned and well-regularized networks carry output channels whose weights are all zero. Such a channel holds
//! one value, `requantize(bias)`, at every position and for every input, and the layers that read it multiply a
//! constant. This pass computes the constant with the kernels' own arithmetic (saturation, both roundings and
//! the fused clamp included), adds `weight * (constant - zero point)` to the readers' biases, and drops the
//! channel with everything that only feeds it:
//!
//! ```text
//!   pointwise       depthwise        pointwise
//!   [x x x x]  ---> [x x . x]  ---> [x x x x]      . all weights zero: the channel is the constant k
//!   [x x x x]       [x x . x]       [x x x x]        => second pointwise: bias += w[.,2] * (k - zero point)
//!        |               |               |
//!        +-- column 2 of all three goes -+
//! ```
//!
//! Rounds repeat until nothing more goes. Every output bit of the graph stays as it was:
//!
//! - A constant counts as one only if it is the same at *every* position. Padding stands for the zero point, so
//!   at the borders a window sees fewer taps of a constant channel; `window.rs` enumerates what it can see.
//! - A constant is folded only if it adds the same to a reader's accumulator at every position, for the same
//!   reason, and if the new bias fits `i32`. The accumulator is the same number as before, taken in another
//!   order; addition of `i32` is exact modulo 2^32, so even sums that wrap give the same bits.
//! - Channels that an operator keeps in step (addition, depthwise, pooling, ...) go together or stay
//!   (`classes.rs`). Inputs and outputs of the model stay. A value keeps at least one channel.
//!
//! A layer with several groups is understood, but keeps its channels: its groups must stay equally large.

mod classes;
mod constants;
mod explain;
mod plan;
mod report;
mod rewrite;
mod weighted;
mod window;

pub(crate) use classes::Classes;
pub use explain::explain;
pub use report::{Cost, EliminationReport, LayerElimination, layer_cost};

use std::collections::HashSet;

use crate::ir::{Graph, GraphError, ValueId};
use crate::op::rule::channels::channel_count;

/// Rounds after which elimination stops. Real networks take two or three; a network made to need one for each
/// of its layers would only cost time. What a further round could remove is left in, as correct as before.
const ROUND_COUNT_MAX: usize = 64;

/// Graphs with more channels over all values are left alone, so that a small file that declares huge values
/// cannot make the analysis allocate more than some hundred megabytes.
const CHANNEL_COUNT_MAX: usize = 1 << 22;

/// The graph was malformed before elimination or, which is a defect of this pass, after it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("dead-work elimination, {stage}: {source}")]
pub struct EliminateError {
    /// Whether it was found before or after.
    pub stage: &'static str,
    /// What is malformed.
    pub source: GraphError,
}

/// Removes all dead work from `graph` and says what went. Operators on floats are left alone.
pub fn eliminate(graph: &mut Graph) -> Result<EliminationReport, EliminateError> {
    eliminate_in_steps(graph, 1)
}

/// Removes dead work from `graph`, but leaves values with a multiple of `step` channels that have one: kernels that
/// compute so many channels at once gain nothing from fewer, and lose the alignment.
pub fn eliminate_in_steps(graph: &mut Graph, step: usize) -> Result<EliminationReport, EliminateError> {
    let checked = |graph: &Graph, stage| graph.verify().map_err(|source| EliminateError { stage, source });
    checked(graph, "given")?;
    let before = report::before(graph);
    let removed_nodes = remove_unread(graph);
    let channels = graph.values.iter().map(channel_count).fold(0, usize::saturating_add);
    let rounds = if channels > CHANNEL_COUNT_MAX { 0 } else { ROUND_COUNT_MAX };
    for _ in 0..rounds {
        let Some(removal) = plan::plan(graph, step) else { break };
        rewrite::apply(graph, &removal);
    }
    checked(graph, "result")?;
    Ok(report::compare(before, graph, removed_nodes))
}

/// Removes nodes whose result nobody reads, and returns their names.
fn remove_unread(graph: &mut Graph) -> Vec<String> {
    let mut read: HashSet<ValueId> = graph.sinks().collect();
    let mut removed = Vec::new();
    let mut kept = Vec::with_capacity(graph.nodes.len());
    for node in core::mem::take(&mut graph.nodes).into_iter().rev() {
        if node.outputs.iter().any(|id| read.contains(id)) {
            read.extend(&node.inputs);
            kept.push(node);
        } else {
            removed.push(node.name);
        }
    }
    kept.reverse();
    removed.reverse();
    graph.nodes = kept;
    removed
}
