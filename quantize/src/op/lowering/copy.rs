//! Copies of runs of bytes, from here and there in the operand to one behind the other in the result.

use kinglet_blob::OpCode;
use kinglet_blob::records::Copy;

use super::{Emission, Reason, Site, narrow, refuse};
use crate::record::Overlap;

/// Most records for one result: what is cut along so many axes takes one for each row of rows.
const COPIES_MAX: usize = 256;

/// What is taken of an axis of the operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// The axis' extent.
    pub(crate) extent: usize,
    /// The first index.
    pub(crate) begin: usize,
    /// From an index to the next.
    pub(crate) stride: usize,
    /// How many indices.
    pub(crate) count: usize,
}

/// Some bytes, `count` times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    count: usize,
    /// Bytes from one to the next in the operand and in the result.
    steps: [usize; 2],
}

/// Copies the elements of the first operand that are `taken` of every axis to the result at position `result`.
pub(crate) fn lower_box(site: &mut Site<'_>, result: usize, taken: &[Taken]) -> Result<(), Reason> {
    let size = site.result_at(result).dtype.size_bytes();
    let (origin, mut runs) = runs(taken, size);
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
        site.emit(Emission {
            writes: vec![result],
            input_offset: at[0],
            output_offset: at[1],
            ..Emission::new(OpCode::Copy, record, Overlap::Never)
        });
    }
    Ok(())
}

/// The first byte in the operand, and the runs of bytes, from the outermost on; elements have `size` bytes.
fn runs(taken: &[Taken], size: usize) -> (usize, Vec<Run>) {
    let mut runs = vec![Run { count: size, steps: [1, 1] }];
    let (mut origin, mut rows) = (0, [size, size]);
    for &Taken { extent, begin, stride, count } in taken.iter().rev() {
        origin += begin * rows[0];
        let outer = Run { count, steps: [stride * rows[0], rows[1]] };
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
