//! Operators by rows: what some rows of a result are made of, and the record that computes them.

use core::ops::Range;

use kinglet_blob::records::{Broadcast, Window};
use kinglet_kernels::packing::WriteOrder;

use crate::ir::{Graph, ValueId};
use crate::program::{Input, Program, Step};
use crate::record::{Access, Overlap, RowsMut, geometry};

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
        let &[1, output_rows, width, channels] = shape(step.output()) else { return None };
        let row_bytes = |id: ValueId, elements: usize| elements * graph.value(id).dtype.size_bytes();
        let output_row_bytes = row_bytes(step.output(), width * channels);
        let is_plain =
            step.output_offset == 0 && step.stripe.is_none() && program.layout.place(step.output()).is_some();
        let second = match step.record.access(step.head()) {
            Access::Windows(window, order) => {
                let by_rows = ByRows::of_window(window, output_rows, output_row_bytes, |elements| {
                    row_bytes(step.input(), elements)
                })?;
                // Planes turn a column of pixels into a row, of which a stripe would be a part.
                let is_column = matches!(order, WriteOrder::Bands(_)) && window.input[1] == 1;
                return (is_plain && !is_column).then_some(by_rows);
            }
            Access::Pairs(broadcast) => second(program, step, broadcast, width * channels)?,
            Access::Elements { splits: true, .. } | Access::Converted { .. } => Second::None,
            Access::Elements { splits: false, .. }
            | Access::Rows { .. }
            | Access::Blocks(_)
            | Access::Strided(_)
            | Access::Apart => {
                return None;
            }
        };
        Some(ByRows {
            input_rows: output_rows,
            input_row_bytes: row_bytes(step.input(), width * channels),
            output_rows,
            output_row_bytes,
            second,
            axis: ELEMENTWISE,
        })
        .filter(|_| is_plain)
    }

    /// An operator whose window slides over one image; `None` when some row of its result is made of none.
    fn of_window(
        window: &Window,
        output_rows: usize,
        output_row_bytes: usize,
        input_bytes: impl Fn(usize) -> usize,
    ) -> Option<ByRows> {
        let [input_rows, input_width, input_channels] = window.input.map(usize::from);
        let axis = Axis {
            kernel: window.kernel[0].into(),
            stride: window.stride[0].into(),
            dilation: window.dilation[0].into(),
            pad: window.pad[0].into(),
        };
        let input_row_bytes = input_bytes(input_width * input_channels);
        let second = Second::None;
        let by_rows = ByRows { input_rows, input_row_bytes, output_rows, output_row_bytes, second, axis };
        // A record has at least one row to read.
        let has_input = (0..output_rows).all(|row| !by_rows.needed(row..row + 1).is_empty());
        (window.batch == 1 && has_input).then_some(by_rows)
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
        let part = |len: &mut u32| *len = (*len as usize / self.output_rows * rows.len()) as u32;
        match stripe.record.rows_mut() {
            Some(RowsMut::Window(window)) => {
                window.input[0] = count(&self.needed(rows.clone()));
                window.output[0] = count(&rows);
                window.pad[0] = self.axis.pad.saturating_sub(rows.start * self.axis.stride) as u8;
            }
            Some(RowsMut::Pairs(broadcast)) => part_operands(broadcast, part),
            Some(RowsMut::Elements(len)) => part(len),
            None => {}
        }
        if let Some(packed) = stripe.record.packed(stripe.head()) {
            stripe.scratch_bytes = stripe.scratch_bytes.map(|_| packed.scratch_bytes);
        }
        match (step.overlap, stripe.record.access(stripe.head())) {
            (Overlap::Lead(_), Access::Windows(window, WriteOrder::Pixels(order))) => {
                stripe.overlap = Overlap::windowed(&geometry(window, 1), 1, step.dtype().size_bytes(), order);
            }
            (Overlap::Lead(_), Access::Windows(_, WriteOrder::Bands(_))) | (Overlap::Exactly, _) => {
                stripe.overlap = Overlap::Never;
            }
            (Overlap::Lead(_) | Overlap::Never, _) => {}
        }
        stripe
    }
}

/// How the second operand of an elementwise operator is read, if rows of the result can be computed one by one.
fn second(program: &Program, step: &Step, broadcast: &Broadcast, row_len: usize) -> Option<Second> {
    let has_all = broadcast.inner == 1 && broadcast.b_len == broadcast.len;
    let period = broadcast.inner as usize * broadcast.b_len as usize;
    let repeats = period > 0 && row_len.is_multiple_of(period);
    let b = step.inputs.get(1).and_then(Input::tensor);
    let is_first = b.is_some_and(|b| program.layout.is_same(step.input(), b));
    match (b.is_some() && !is_first, has_all) {
        (true, true) => Some(Second::Rows),
        (true, false) if repeats => Some(Second::Whole),
        (false, _) if repeats || (has_all && is_first) => Some(Second::None),
        _ => None,
    }
}

fn part_operands(broadcast: &mut Broadcast, part: impl Fn(&mut u32)) {
    let has_all = broadcast.inner == 1 && broadcast.b_len == broadcast.len;
    part(&mut broadcast.len);
    if has_all {
        broadcast.b_len = broadcast.len;
    }
}

/// True when the step's packing is one for windows of its height.
pub(super) fn is_taken(step: &Step) -> bool {
    step.record.packed(step.head()).is_none_or(|packed| packed.takes)
}
