//! Operators by rows: what some rows of a result are made of, and the record that computes them.

use core::ops::Range;

use kinglet_blob::OpCode;
use kinglet_blob::records::{OPERAND_ARENA, Operands, Window};
use kinglet_kernels::conv2d::conv2d_i8_scratch_len;
use kinglet_kernels::depthwise::depthwise_i8_scratch_len;
use kinglet_kernels::packing::{DepthwisePacking, Packing};

use crate::ir::{Graph, ValueId};
use crate::lower::{Program, Record, Step, geometry};
use crate::plan::{Overlap, PixelOrder};

/// How a second operand is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Second {
    /// There is none in the arena.
    None,
    /// The rows of the result.
    Rows,
    /// All of it for each row.
    Whole,
}

/// The window along the rows. Elementwise operators have one of a single row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Axis {
    kernel: usize,
    stride: usize,
    dilation: usize,
    pad: usize,
}

const ELEMENTWISE: Axis = Axis { kernel: 1, stride: 1, dilation: 1, pad: 0 };

/// An operator that can compute its result some rows at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ByRows {
    /// Rows of the first operand.
    pub(super) input_rows: usize,
    /// Bytes of such a row.
    pub(super) input_row_bytes: usize,
    /// Rows of the result.
    pub(super) output_rows: usize,
    /// Bytes of such a row.
    pub(super) output_row_bytes: usize,
    pub(super) second: Second,
    axis: Axis,
}

impl ByRows {
    /// `None` for an operator whose rows depend on all of its operand, or that has no rows.
    pub(super) fn of(graph: &Graph, program: &Program, step: &Step) -> Option<ByRows> {
        let shape = |id: ValueId| graph.value(id).shape.as_slice();
        let &[1, output_rows, width, channels] = shape(step.output) else { return None };
        let row_bytes = |id: ValueId, elements: usize| elements * graph.value(id).dtype.size_bytes();
        let output_row_bytes = row_bytes(step.output, width * channels);
        let is_plain = step.output_offset == 0 && step.stripe.is_none() && program.layout.place(step.output).is_some();
        if let Some(window) = step.record.window() {
            let [input_rows, input_width, input_channels] = window.input.map(usize::from);
            let axis = Axis {
                kernel: window.kernel[0].into(),
                stride: window.stride[0].into(),
                dilation: window.dilation[0].into(),
                pad: window.pad[0].into(),
            };
            let input_row_bytes = row_bytes(step.input, input_width * input_channels);
            let second = Second::None;
            let by_rows = ByRows { input_rows, input_row_bytes, output_rows, output_row_bytes, second, axis };
            // A record has at least one row to read.
            let has_input = (0..output_rows).all(|row| !by_rows.needed(row..row + 1).is_empty());
            // Planes turn a column of pixels into a row, of which a stripe would be a part.
            let is_column = step.opcode == OpCode::DepthwiseI8 && input_width == 1;
            return (is_plain && window.batch == 1 && has_input && !is_column).then_some(by_rows);
        }
        let second = match &step.record {
            Record::BinaryI8(record) => second(&record.operands, record.b_source, width * channels)?,
            Record::BinaryF32(record) => second(&record.operands, record.b_source, width * channels)?,
            Record::LookupI8(_) | Record::UnaryF32(_) | Record::Convert(_) => Second::None,
            _ => return None,
        };
        Some(ByRows {
            input_rows: output_rows,
            input_row_bytes: row_bytes(step.input, width * channels),
            output_rows,
            output_row_bytes,
            second,
            axis: ELEMENTWISE,
        })
        .filter(|_| is_plain)
    }

    /// Rows of the first operand that rows of the result are made of.
    pub(super) fn needed(&self, rows: Range<usize>) -> Range<usize> {
        let Axis { kernel, stride, dilation, pad } = self.axis;
        let first = (rows.start * stride).saturating_sub(pad);
        let end = (rows.end.saturating_sub(1) * stride + (kernel - 1) * dilation + 1).saturating_sub(pad);
        first..end.min(self.input_rows).max(first)
    }

    /// The operator for some rows of its result, without its place in memory.
    pub(super) fn stripe(&self, step: &Step, rows: Range<usize>) -> Step {
        let mut stripe = step.clone();
        // Record fields hold no less than the rows of the whole image.
        let count = |rows: &Range<usize>| rows.len() as u16;
        if let Some(window) = stripe.record.window_mut() {
            window.input[0] = count(&self.needed(rows.clone()));
            window.output[0] = count(&rows);
            window.pad[0] = self.axis.pad.saturating_sub(rows.start * self.axis.stride) as u8;
        }
        let part = |len: &mut u32| *len = (*len as usize / self.output_rows * rows.len()) as u32;
        match &mut stripe.record {
            Record::BinaryI8(record) => part_operands(&mut record.operands, part),
            Record::BinaryF32(record) => part_operands(&mut record.operands, part),
            Record::LookupI8(record) => part(&mut record.len),
            Record::UnaryF32(record) => part(&mut record.len),
            Record::Convert(record) => part(&mut record.len),
            _ => {}
        }
        stripe.scratch_bytes = scratch_bytes(&stripe);
        if let (Overlap::Lead(_), Some(window)) = (step.overlap, stripe.record.window()) {
            stripe.overlap = overlap(&stripe, window);
        } else if step.overlap == Overlap::Exactly {
            stripe.overlap = Overlap::Never;
        }
        stripe
    }
}

/// How the second operand of an elementwise operator is read, if rows of the result can be computed one by one.
fn second(operands: &Operands, b_source: u8, row_len: usize) -> Option<Second> {
    let has_all = operands.inner == 1 && operands.b_len == operands.len;
    let period = operands.inner as usize * operands.b_len as usize;
    let repeats = period > 0 && row_len.is_multiple_of(period);
    match (b_source == OPERAND_ARENA, has_all) {
        (true, true) => Some(Second::Rows),
        (true, false) if repeats => Some(Second::Whole),
        (false, _) if repeats || (has_all && b_source == kinglet_blob::records::OPERAND_SAME) => Some(Second::None),
        _ => None,
    }
}

fn part_operands(operands: &mut Operands, part: impl Fn(&mut u32)) {
    let has_all = operands.inner == 1 && operands.b_len == operands.len;
    part(&mut operands.len);
    if has_all {
        operands.b_len = operands.len;
    }
}

/// Scratch of a windowed operator that is as high as its record says.
fn scratch_bytes(step: &Step) -> usize {
    let Record::Conv2dI8(conv) = &step.record else { return step.scratch_bytes };
    let groups = usize::from(conv.window.groups);
    if step.opcode == OpCode::DepthwiseI8 {
        let geometry = geometry(&conv.window, conv.window.input[2].into());
        let scratch = |packing| depthwise_i8_scratch_len(&geometry, groups, packing);
        return DepthwisePacking::from_tag(step.kernel).map_or(step.scratch_bytes, scratch);
    }
    let geometry = geometry(&conv.window, groups);
    Packing::from_tag(step.kernel).map_or(step.scratch_bytes, |packing| conv2d_i8_scratch_len(&geometry, packing))
}

/// True when the step's packing is one for windows of its height.
pub(super) fn is_taken(step: &Step) -> bool {
    match (&step.record, DepthwisePacking::from_tag(step.kernel)) {
        (Record::Conv2dI8(conv), Some(packing)) if step.opcode == OpCode::DepthwiseI8 => {
            packing.takes(&geometry(&conv.window, conv.window.input[2].into()), conv.window.groups.into())
        }
        _ => true,
    }
}

/// The lead of a windowed operator that may run over its operand.
fn overlap(step: &Step, window: &Window) -> Overlap {
    let (order, size) = match step.opcode {
        OpCode::Conv2dI8 => (Packing::from_tag(step.kernel).map_or(PixelOrder::Tiled, Packing::pixel_order), 1),
        OpCode::DepthwiseF32 | OpCode::AveragePoolF32 | OpCode::MaxPoolF32 => (PixelOrder::Interleaved, 4),
        _ => (PixelOrder::Interleaved, 1),
    };
    Overlap::windowed(&geometry(window, 1), 1, size, order)
}
