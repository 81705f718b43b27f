//! Slice and Split: runs of bytes, from here and there in the operand to one behind the other in the result.

use kinglet_blob::OpCode;
use kinglet_blob::records::Copy;

use super::{Lowering, Reason, narrow, refuse};
use crate::ir::{Node, ValueId};
use crate::op::Slice;
use crate::program::Step;
use crate::record::Overlap;

/// Most records for one result: what is cut along so many axes takes one for each row of rows.
const COPIES_MAX: usize = 256;

/// Some bytes, `count` times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    count: usize,
    /// Bytes from one to the next in the operand and in the result.
    steps: [usize; 2],
}

impl Lowering<'_> {
    /// The slices that each result is, as far as they are not where they belong already.
    pub(super) fn slices(&mut self, node: &Node, slices: &[Slice]) -> Result<(), Reason> {
        for (&output, slice) in node.outputs.iter().zip(slices) {
            self.slice(node.inputs[0], output, slice)?;
        }
        Ok(())
    }

    fn slice(&mut self, input: ValueId, output: ValueId, slice: &Slice) -> Result<(), Reason> {
        let size = self.dtype(output).size_bytes();
        if slice.start(self.shape(input)).is_some_and(|start| self.layout.is_slice(output, input, start * size)) {
            return Ok(());
        }
        let (origin, mut runs) = self.runs(input, output, slice);
        // The last run is of single bytes, one behind the other.
        let block_bytes = runs.pop().map_or(size, |bytes| bytes.count);
        let longest = (0..runs.len()).max_by_key(|&index| runs[index].count);
        let looped = longest.map_or(Run { count: 1, steps: [block_bytes; 2] }, |index| runs.remove(index));
        let copies = runs.iter().fold(1usize, |copies, run| copies.saturating_mul(run.count));
        if copies > COPIES_MAX {
            let reason = format!("it is cut along so many axes that it takes {copies} copies");
            return refuse(reason, format!("at most {COPIES_MAX} are made; cut fewer axes at once, or the outermost"));
        }
        let record = Copy {
            blocks: narrow(looped.count, "the number of blocks")?,
            block_bytes: narrow(block_bytes, "a block's length")?,
            input_stride: narrow(looped.steps[0], "a block's distance")?,
            output_stride: narrow(looped.steps[1], "a block's distance")?,
        };
        for copy in 0..copies {
            let (mut rest, mut at) = (copy, [origin, 0]);
            for run in runs.iter().rev() {
                let index = rest % run.count;
                rest /= run.count;
                at = [at[0] + index * run.steps[0], at[1] + index * run.steps[1]];
            }
            let step = self.step(OpCode::Copy, record, [input, output], Overlap::Never);
            self.push(Step { input_offset: at[0], output_offset: at[1], ..step });
        }
        Ok(())
    }

    /// The first byte of the slice in the operand, and the runs that it is made of, from the outermost on.
    fn runs(&self, input: ValueId, output: ValueId, slice: &Slice) -> (usize, Vec<Run>) {
        let size = self.dtype(output).size_bytes();
        let mut runs = vec![Run { count: size, steps: [1, 1] }];
        let (mut origin, mut rows) = (0, [size, size]);
        let extents = self.shape(input).iter().zip(self.shape(output));
        for (cut, (&extent, &count)) in slice.cuts.iter().zip(extents).rev() {
            origin += cut.begin * rows[0];
            let outer = Run { count, steps: [cut.stride * rows[0], rows[1]] };
            rows = [extent * rows[0], count * rows[1]];
            match runs.last_mut() {
                _ if count == 1 => {}
                Some(run) if (0..2).all(|end| outer.steps[end] == run.count * run.steps[end]) => run.count *= count,
                _ => runs.push(outer),
            }
        }
        runs.reverse();
        (origin, runs)
    }
}
