//! What a program in stripes costs, and what an engine refuses.

use kinglet_kernels::packing::WriteOrder;

use super::rewrite::Striped;
use crate::program::{Program, Step};
use crate::record::Access;

/// Instructions that an operator takes beside its arithmetic, that a copied byte takes, and a byte of a depthwise
/// layer's operand that is brought into planes again; rough figures of a Cortex-M4, which only rank choices.
const OPERATOR: u64 = 1600;
const COPIED_BYTE: u64 = 9;
const REREAD_BYTE: u64 = 4;

/// Instructions that a run of `striped` takes more than one of `program`, roughly.
pub(super) fn price(program: &Program, striped: &Striped) -> u64 {
    let added = striped.program.steps.len().saturating_sub(program.steps.len()) as u64;
    let takes_planes =
        |step: &Step| matches!(step.record.access(step.head()), Access::Windows(_, WriteOrder::Bands(_)));
    let rereads = |&node: &usize| program.steps.iter().any(|step| step.node == node && takes_planes(step));
    let reread = if striped.nodes.iter().any(rereads) { striped.reread_bytes } else { 0 };
    added * OPERATOR + striped.copied_bytes * COPIED_BYTE + reread * REREAD_BYTE
}

/// Multiplications of a run.
pub(super) fn macs(program: &Program) -> u64 {
    program
        .steps
        .iter()
        .map(|step| step.record.layer(step.head()).map_or(0, |layer| layer.macs))
        .fold(0, u64::saturating_add)
}

/// An engine looks at the channels of each operator while it loads a blob, at no more than WEIGHTS has bytes
/// altogether. A blob has at most 65,535 operators.
pub(super) fn is_loadable(program: &Program) -> bool {
    let channels = |step: &Step| step.record.layer(step.head()).map_or(0, |layer| layer.outputs);
    let looked_at: usize = program.steps.iter().map(channels).sum();
    looked_at <= program.weights.len() && program.steps.len() <= usize::from(u16::MAX)
}
