//! One operator's record in words and numbers.

use kinglet_blob::records::Broadcast;
use kinglet_blob::{Operand, OperatorBytes};

use super::{OperatorLine, Range};
use crate::cost;
use crate::program::PlacedOperator;
use crate::record::{Access, Work};
use crate::target::Target;

/// Where the operands behind the first are in the arena.
pub(super) fn other_operands(operator: &PlacedOperator) -> Vec<Range> {
    let lens = match operator.record.access(operator.head()) {
        Access::Pairs(&Broadcast { len, b_len, .. }) => vec![len as usize, b_len as usize],
        _ => operator.record.operand_lens(),
    };
    let others = operator.operands.inputs.iter().zip(lens).skip(1);
    let range = |operand: &Operand, len: usize| Range {
        offset: operand.offset as usize,
        bytes: len * operand.dtype.size_bytes(),
    };
    others.filter(|(b, _)| b.region == Operand::ARENA).map(|(b, len)| range(b, len)).collect()
}

/// Everything but the bytes in use.
pub(super) fn line(index: usize, operator: &OperatorBytes<'_>, target: Option<Target>) -> Option<OperatorLine> {
    let taps = operator.work().map_or(0, |work| work.taps);
    let operator = PlacedOperator::read(operator)?;
    let PlacedOperator { form, record, .. } = &operator;
    let head = operator.head();
    let shapes = record.shapes();
    let [input_size, output_size] = operator.element_sizes(&shapes);
    let [input, output] = operator.byte_ranges(&shapes).map(|range| Range { offset: range.start, bytes: range.len() });
    let packed = record.packed(head);
    let elements = |range: Range, size: usize| (range.bytes / size) as u64;
    let work = Work::of(head, record, elements(input, input_size), elements(output, output_size));
    let layer = record.layer(head);
    let kernel = match record.access(head) {
        Access::Windows(window, _) => window.kernel.map(usize::from).to_vec(),
        _ => Vec::new(),
    };
    Some(OperatorLine {
        index,
        operator: operator.name(),
        packing: packed.map_or("", |packed| packed.name),
        packing_tag: form.packing,
        work,
        // What was measured is the kernels for eight bits.
        estimated_instructions: target
            .filter(|_| form.storage == 0)
            .and_then(|target| cost::instructions(target, operator.name(), form.packing, &work)),
        kernel,
        macs: layer.map_or(0, |layer| layer.macs),
        taps,
        weight_bytes: layer.map_or(0, |layer| layer.weight_bytes),
        input,
        output,
        scratch: Range { offset: operator.scratch_at(), bytes: packed.map_or(0, |packed| packed.scratch_bytes) },
        overlapped: input.overlaps(output),
        live_bytes: 0,
        trees: None,
        input_shape: shapes.input,
        output_shape: shapes.output,
    })
}
