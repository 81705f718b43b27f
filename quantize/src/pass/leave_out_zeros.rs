//! Weights that are zero need not be in the blob.
//!
//! A layer's weights are stored as a bit for each and a byte for each that is not zero (`Storage::Sparse`) where that takes
//! an eighth less. They are written out in front of the kernel, into scratch: a few instructions for each weight, which is
//! little where each meets many positions. No output bit changes.
//!
//! Where memory counts, a layer stays as it is when what is written out would make the working memory half larger than the
//! operator that reads and writes the most needs; of a dense layer with one row, a few channels are written out at a time.

use kinglet_kernels::packing::Storage;

use super::{Note, PassReport};
use crate::ir::{DType, Elements, Graph, Node, ValueId};
use crate::op::rule::layer::Kernel;

/// The part of the bytes that must be saved.
const SAVED: usize = 8;

/// What counts besides the bytes of the blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// Nothing: zeros were asked for.
    Free,
    /// The working memory.
    Counts,
}

/// Chooses the storage of each layer's int8 weights.
pub fn leave_out_zeros(graph: &mut Graph, memory: Memory) -> PassReport {
    let mut report = PassReport { pass: "leave-out-zeros", ..PassReport::default() };
    let most = graph.nodes.iter().map(|node| tensor_bytes(graph, node)).max().unwrap_or(0);
    for index in 0..graph.nodes.len() {
        let node = &graph.nodes[index];
        let Some((id, codes)) = weights(graph, node) else { continue };
        let zeros = codes.iter().filter(|code| **code == 0).count();
        let [bytes, left] = [codes.len(), 4 + codes.len().div_ceil(8) + codes.len() - zeros];
        if left + bytes / SAVED > bytes {
            continue;
        }
        let name = node.name.clone();
        let note = |what: String| Note { node: name, what };
        let is_one_row = node.op.operator().layer().is_some_and(|layer| layer.kernel == Kernel::None)
            && graph.value(node.inputs[0]).len() * graph.value(node.output()).len() == bytes;
        let is_much = !is_one_row && tensor_bytes(graph, node) + bytes > most + most / 2;
        if is_much && memory == Memory::Counts {
            report.misses.push(note(format!("its {zeros} zeros stay: {bytes} bytes of memory to write them out in")));
            continue;
        }
        report.changes.push(note(format!("{zeros} zeros of {bytes} weights are left out")));
        if let Some(quantization) = graph.value_mut(id).quantization.as_mut() {
            quantization.storage = Storage::Sparse;
        }
    }
    report
}

/// The weights of a layer whose records know of storages.
fn weights<'g>(graph: &'g Graph, node: &Node) -> Option<(ValueId, &'g [i8])> {
    let layer = node.op.operator().layer()?;
    let &[operand, id] = node.inputs.first_chunk()?;
    let value = graph.value(id);
    let quantization = value.quantization.as_ref()?;
    let Some(Elements::I8(codes)) = &value.elements else { return None };
    let is_plain = quantization.storage == Storage::Bits8 && quantization.zero_points.iter().all(|&zero| zero == 0);
    let is_int8 = graph.value(operand).dtype == DType::I8 && graph.value(operand).elements.is_none();
    // Whoever else reads them would have to know of it too.
    let is_alone = graph.consumers(id).len() == 1 && node.inputs.iter().filter(|input| **input == id).count() == 1;
    let has_storages = !matches!(layer.kernel, Kernel::Spreads(_));
    (is_plain && is_int8 && is_alone && has_storages).then_some((id, codes))
}

/// Bytes of what a node reads and writes in the working memory.
fn tensor_bytes(graph: &Graph, node: &Node) -> usize {
    let of = |id: &ValueId| {
        let value = graph.value(*id);
        if value.elements.is_some() { 0 } else { value.len() * value.dtype.size_bytes() }
    };
    node.inputs.iter().chain(&node.outputs).map(of).sum()
}
