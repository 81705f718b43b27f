//! What kernels are promised and loading does not look at: `kinglet verify` does.
//!
//! A blob that breaks these rules is safe to load and to run, but computes something else than its operators' formulas,
//! and not the same on every core. Loading a blob looks at each record once and at no weight by itself; these rules need
//! all weights (sums that a packing can tell apart), or a walk over all pixels (how far a result may lie over its
//! operand). The compiler keeps them by construction.

use kinglet_blob::records::Copy;
use kinglet_blob::{Blob, SectionKind};
use kinglet_kernels::packing::WriteOrder;

use crate::program::PlacedOperator;
use crate::record::{Access, Overlap, geometry};

/// An operator whose kernels are promised something that is not so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("operator {index} (`{operator}`, byte {offset}): {what}; compile the model again")]
pub struct Broken {
    /// Position in execution order.
    pub index: usize,
    /// Its name.
    pub operator: &'static str,
    /// Byte offset of its record in the blob.
    pub offset: usize,
    /// The rule.
    pub what: &'static str,
}

const NOT_EXACT: &str = "its weights or biases are beyond those for which its packing's kernels are exact";
const OVERLAPS: &str = "its result lies over its operand in a way that overwrites what is still to be read";
const TOO_LARGE: &str = "its result lies over its operand, and it is too large for that to be proved";

/// Pixels, rows or bytes that a proof walks at most: more than any arena of a board holds.
const LONGEST_WALK: u64 = 1 << 24;

/// Checks every operator of a blob that has been loaded.
pub fn check(blob: &Blob<'_>) -> Result<(), Broken> {
    let weights = blob.section(SectionKind::Weights);
    let base = blob.section_offset(SectionKind::Operators);
    for (index, bytes) in blob.operators().enumerate() {
        let Some(operator) = PlacedOperator::read(&bytes) else { continue };
        let broken = |what| Broken { index, operator: operator.name(), offset: base + bytes.offset, what };
        if operator.record.is_exact(operator.head(), weights) == Some(false) {
            return Err(broken(NOT_EXACT));
        }
        keeps_its_operand(&operator).map_err(broken)?;
    }
    Ok(())
}

/// The result overwrites nothing of the first operand that is still to be read.
fn keeps_its_operand(operator: &PlacedOperator) -> Result<(), &'static str> {
    let shapes = operator.record.shapes();
    let sizes = operator.element_sizes(&shapes);
    let [read, written] = operator.byte_ranges(&shapes);
    if read.end <= written.start || written.end <= read.start {
        return Ok(());
    }
    let (input, output) = (read.start, written.start);
    if let Access::Blocks(blocks) = operator.record.access(operator.head()) {
        if u64::from(blocks.blocks) > LONGEST_WALK {
            return Err(TOO_LARGE);
        }
        return if runs_stay_whole(blocks, input as i64, output as i64) { Ok(()) } else { Err(OVERLAPS) };
    }
    let allowed = match allowed(operator, shapes.batch, sizes[0]) {
        Some(Overlap::Never) => false,
        Some(Overlap::Exactly) => input == output,
        Some(Overlap::Lead(lead)) => output + lead <= input,
        None => return Err(TOO_LARGE),
    };
    if allowed { Ok(()) } else { Err(OVERLAPS) }
}

/// How far the result may reach into the operand; `None` when finding out takes too long.
fn allowed(operator: &PlacedOperator, batch: usize, size: usize) -> Option<Overlap> {
    let record = &operator.record;
    Some(match record.access(operator.head()) {
        Access::Windows(window, order) => {
            let pixels = u64::from(window.output[0]) * u64::from(window.output[1]) * batch as u64;
            if matches!(order, WriteOrder::Pixels(_)) && pixels > LONGEST_WALK {
                return None;
            }
            Overlap::of_order(order, &geometry(window, 1), (batch, window.groups.into()), size)
        }
        Access::Rows { rows, .. } if rows as u64 > LONGEST_WALK => return None,
        Access::Rows { rows, input, output } => Overlap::rows(rows, input * size, output * size),
        Access::Elements { .. } | Access::Pairs(_) => Overlap::IN_PLACE,
        Access::Blocks(_) | Access::Strided(_) | Access::Converted { .. } | Access::Apart => Overlap::Never,
    })
}

/// No run of a copy is written over one that is still to be read, and none over its own end. Runs may lie between each
/// other, as those of a Concat or a Split do.
fn runs_stay_whole(copy: &Copy, from: i64, to: i64) -> bool {
    let Copy { blocks, block_bytes, input_stride, output_stride } = *copy;
    let [blocks, len, step, output_step] = [blocks, block_bytes, input_stride, output_stride].map(i64::from);
    (0..blocks).all(|run| {
        let written = to + run * output_step;
        let own = from + run * step;
        let own_is_whole = written <= own || written >= own + len;
        let meets_later = if step == 0 {
            run + 1 < blocks && written < from + len && from < written + len
        } else {
            // The runs that share a byte with the written one, were there any number of them.
            let first = (written - len - from).div_euclid(step) + 1;
            let last = (written + len - 1 - from).div_euclid(step);
            first.max(run + 1) <= last.min(blocks - 1)
        };
        own_is_whole && !meets_later
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel does, against the same copy between memories that lie apart.
    fn is_right(copy: &Copy, from: usize, to: usize) -> bool {
        let mut memory: Vec<u8> = (0..=255).collect();
        let before = memory.clone();
        let mut expected = memory.clone();
        let [blocks, len, step, output_step] =
            [copy.blocks, copy.block_bytes, copy.input_stride, copy.output_stride].map(|number| number as usize);
        for run in 0..blocks {
            for index in 0..len {
                memory[to + run * output_step + index] = memory[from + run * step + index];
                expected[to + run * output_step + index] = before[from + run * step + index];
            }
        }
        memory == expected
    }

    #[test]
    fn copies_over_each_other_are_judged_by_what_they_do() {
        let mut judged = [0; 2];
        for blocks in 1..4 {
            for block_bytes in 1..4 {
                for (input_stride, output_stride) in (0..6).flat_map(|a| (block_bytes..6).map(move |b| (a, b))) {
                    for (from, to) in (0..8).flat_map(|from| (0..8).map(move |to| (from, to))) {
                        let copy = Copy { blocks, block_bytes, input_stride, output_stride };
                        let is_whole = runs_stay_whole(&copy, from as i64, to as i64);
                        judged[usize::from(is_whole)] += 1;
                        // What is refused may be right by chance: the same bytes written twice.
                        assert!(!is_whole || is_right(&copy, from, to), "{copy:?} from {from} to {to}");
                        if is_right(&copy, from, to) && input_stride >= block_bytes {
                            assert!(is_whole, "{copy:?} from {from} to {to}");
                        }
                    }
                }
            }
        }
        assert!(judged[0] > 500 && judged[1] > 500, "{judged:?}");
    }
}
