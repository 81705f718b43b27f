//! One operator's record in words and numbers.

use kinglet_blob::records::{
    Conv2dF32, Conv2dI8, Conv2dI16, FullyConnectedI8, PoolF32, PoolI8, TransposeConvF32, TransposeConvI8,
};
use kinglet_blob::{OpCode, Operand, OperatorBytes};
use kinglet_kernels::conv2d::conv2d_i8_scratch_len;
use kinglet_kernels::depthwise::depthwise_i8_scratch_len;
use kinglet_kernels::fully_connected::fully_connected_i8_scratch_len;
use kinglet_kernels::packing::{DepthwisePacking, Packing};

use super::{OperatorLine, Range};
use crate::cost;
use crate::program::PlacedOperator;
use crate::record::Work;
use crate::record::{Record, geometry};
use crate::target::Target;

/// Where a second operand is in the arena; empty when there is none, or it is the first one.
pub(super) fn second_operand(operator: &PlacedOperator) -> Range {
    let b = operator.operands.inputs.get(1).filter(|b| b.region == Operand::ARENA && !operator.is_of_same());
    let len = match &operator.record {
        Record::BinaryI8(record) => record.broadcast.b_len,
        Record::BinaryF32(record) => record.broadcast.b_len,
        Record::BinaryI16(record) => record.broadcast.b_len,
        _ => 0,
    };
    b.map_or(Range::default(), |b| Range { offset: b.offset as usize, bytes: len as usize * b.dtype.size_bytes() })
}

/// Everything but the bytes in use.
pub(super) fn line(index: usize, operator: &OperatorBytes<'_>, target: Option<Target>) -> Option<OperatorLine> {
    let operator = PlacedOperator::read(operator)?;
    let PlacedOperator { opcode, form, record, .. } = &operator;
    let opcode = *opcode;
    let shapes = shapes(record);
    let [input_size, output_size] = element_sizes(&operator);
    let bytes = |extents: &[usize], size: usize| extents.iter().product::<usize>() * shapes.batch * size;
    let input = Range { offset: operator.input_at(0), bytes: bytes(&shapes.input, input_size) };
    let output = Range { offset: operator.output_at(0), bytes: bytes(&shapes.output, output_size) };
    let (packing, scratch_bytes) = packing(opcode, form.packing, record);
    let elements = |range: Range, size: usize| (range.bytes / size) as u64;
    let work = Work::of(opcode, record, elements(input, input_size), elements(output, output_size));
    Some(OperatorLine {
        index,
        operator: operator.name(),
        packing,
        packing_tag: form.packing,
        work,
        // What was measured is the kernels for eight bits.
        estimated_instructions: target
            .filter(|_| form.storage == 0)
            .and_then(|target| cost::instructions(target, operator.name(), form.packing, &work)),
        kernel: record.window().map_or_else(Vec::new, |window| window.kernel.map(usize::from).to_vec()),
        macs: record.macs(opcode),
        weight_bytes: record.weight_bytes(opcode, *form),
        input,
        output,
        scratch: Range { offset: operator.scratch_at(), bytes: scratch_bytes },
        overlapped: input.overlaps(output),
        live_bytes: 0,
        input_shape: shapes.input,
        output_shape: shapes.output,
    })
}

/// Extents of an operator's operand and result, and how many images they are for.
struct Shapes {
    input: Vec<usize>,
    output: Vec<usize>,
    batch: usize,
}

fn shapes(record: &Record) -> Shapes {
    let wide = |extents: &[u32]| -> Vec<usize> { extents.iter().map(|&extent| extent as usize).collect() };
    let two = |input: &[u32], output: &[u32]| Shapes { input: wide(input), output: wide(output), batch: 1 };
    let same = |extents: &[u32]| two(extents, extents);
    match record {
        Record::Conv2dI8(Conv2dI8 { window, .. })
        | Record::Conv2dF32(Conv2dF32 { window, .. })
        | Record::Conv2dI16(Conv2dI16 { window, .. })
        | Record::TransposeConvI8(TransposeConvI8 { window, .. })
        | Record::TransposeConvF32(TransposeConvF32 { window, .. })
        | Record::PoolI8(PoolI8 { window, .. })
        | Record::PoolF32(PoolF32 { window, .. }) => {
            let extents = |shape: [u16; 3]| shape.map(usize::from).to_vec();
            Shapes { input: extents(window.input), output: extents(window.output), batch: window.batch.into() }
        }
        Record::FullyConnectedI8(r) => two(&[r.rows, r.taps], &[r.rows, r.outputs]),
        Record::FullyConnectedF32(r) => two(&[r.rows, r.taps], &[r.rows, r.outputs]),
        Record::FullyConnectedI16(r) => two(&[r.rows, r.taps], &[r.rows, r.outputs]),
        Record::BinaryI16(r) => same(&[r.broadcast.len]),
        Record::BinaryI8(r) => same(&[r.broadcast.len]),
        Record::BinaryF32(r) => same(&[r.broadcast.len]),
        Record::SoftmaxI8(r) => same(&[r.rows, r.depth]),
        Record::SoftmaxF32(r) => same(&[r.rows, r.depth]),
        Record::Lookup(r) => same(&[r.len]),
        Record::UnaryF32(r) => same(&[r.len]),
        Record::Convert(r) => same(&[r.len]),
        Record::MeanI8(r) => two(&[r.outer, r.reduced, r.inner], &[r.outer, r.inner]),
        Record::MeanF32(r) => two(&[r.outer, r.reduced, r.inner], &[r.outer, r.inner]),
        Record::Pad(r) => {
            let extents = |shape: [u16; 4]| shape.map(usize::from).to_vec();
            Shapes { input: extents(r.input_dims), output: extents(r.output_dims), batch: 1 }
        }
        Record::Copy(r) => {
            let reach = |stride: u32| (r.blocks.max(1) as usize - 1) * stride as usize + r.block_bytes as usize;
            Shapes { input: vec![reach(r.input_stride)], output: vec![reach(r.output_stride)], batch: 1 }
        }
    }
}

/// Bytes of an element of the operand and of the result. A copy counts bytes.
fn element_sizes(operator: &PlacedOperator) -> [usize; 2] {
    let size = |operands: &[Operand]| operands.first().map_or(1, |operand| operand.dtype.size_bytes());
    match operator.record {
        Record::Copy(_) => [1, 1],
        _ => [size(&operator.operands.inputs), size(&operator.operands.outputs)],
    }
}

/// Name of the packing and bytes of scratch.
fn packing(opcode: OpCode, kernel: u8, record: &Record) -> (&'static str, usize) {
    match record {
        Record::Conv2dI8(Conv2dI8 { window, .. }) if opcode == OpCode::Depthwise => {
            let geometry = geometry(window, window.input[2].into());
            let scratch = |packing| depthwise_i8_scratch_len(&geometry, window.groups.into(), packing);
            DepthwisePacking::from_tag(kernel).map_or(("unknown", 0), |packing| (packing.name(), scratch(packing)))
        }
        Record::Conv2dI8(Conv2dI8 { window, .. }) => {
            let geometry = geometry(window, window.groups.into());
            let scratch = |packing| conv2d_i8_scratch_len(&geometry, packing);
            Packing::from_tag(kernel).map_or(("unknown", 0), |packing| (packing.name(), scratch(packing)))
        }
        Record::FullyConnectedI8(FullyConnectedI8 { taps, .. }) => {
            let scratch = |packing| fully_connected_i8_scratch_len(*taps as usize, packing);
            Packing::from_tag(kernel).map_or(("unknown", 0), |packing| (packing.name(), scratch(packing)))
        }
        _ => ("", 0),
    }
}
