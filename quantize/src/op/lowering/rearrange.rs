//! Elements at strides: the fewest records that move them.

use kinglet_blob::OpCode;
use kinglet_blob::records::{Copy, Rearrange};
use kinglet_kernels::rearrange::AXES;

use super::{Emission, Read, Reason, Site, narrow, refuse};
use crate::record::Overlap;

/// Most records for one result: what has more axes than a record takes one for each index of the outermost ones.
const RECORDS_MAX: usize = 256;

/// An axis of the result, or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Axis {
    /// How many indices.
    pub(crate) count: usize,
    /// Elements from an index to the next in the operand: 0 to repeat, negative to go backwards.
    pub(crate) input: isize,
    /// Elements from an index to the next in the result.
    pub(crate) output: usize,
}

/// Which elements move, in units of elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Movement {
    /// The element of the operand at index 0 of every axis.
    pub(crate) from: usize,
    /// The element of the result there.
    pub(crate) to: usize,
    /// The axes, as the result has them: the outermost first.
    pub(crate) axes: Vec<Axis>,
}

/// The elements of row-major memory from an index of each axis to the next.
pub(crate) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// Moves elements of the operand at position `operand` to the result at position `result`.
pub(crate) fn lower(site: &mut Site<'_>, (operand, result): (usize, usize), movement: Movement) -> Result<(), Reason> {
    let mut axes = joined(&movement.axes);
    let outer: Vec<Axis> = axes.drain(..axes.len().saturating_sub(AXES)).collect();
    let records = outer.iter().fold(1usize, |records, axis| records.saturating_mul(axis.count));
    if records > RECORDS_MAX {
        let reason = format!("it moves elements along {} axes at once", outer.len() + AXES);
        return refuse(reason, format!("at most {AXES} are moved; join axes that stay together"));
    }
    for record in 0..records {
        let (mut rest, mut from, mut to) = (record, movement.from as isize, movement.to);
        for axis in outer.iter().rev() {
            let index = rest % axis.count;
            rest /= axis.count;
            from += index as isize * axis.input;
            to += index * axis.output;
        }
        emit(site, (operand, result), &axes, (from as usize, to))?;
    }
    Ok(())
}

/// The same movement along as few axes as possible.
fn joined(axes: &[Axis]) -> Vec<Axis> {
    let mut joined: Vec<Axis> = Vec::new();
    for &axis in axes.iter().filter(|axis| axis.count != 1) {
        match joined.last_mut() {
            Some(outer)
                if outer.output == axis.count * axis.output && outer.input == axis.count as isize * axis.input =>
            {
                *outer = Axis { count: outer.count * axis.count, ..axis };
            }
            _ => joined.push(axis),
        }
    }
    joined
}

/// One record: a Copy where the elements lie in runs, at most as many as a Copy has.
fn emit(
    site: &mut Site<'_>,
    (operand, result): (usize, usize),
    axes: &[Axis],
    (from, to): (usize, usize),
) -> Result<(), Reason> {
    let size = site.result_at(result).dtype.size_bytes();
    // What is read backwards starts behind what is read.
    let before: usize =
        axes.iter().filter(|axis| axis.input < 0).map(|axis| axis.input.unsigned_abs() * (axis.count - 1)).sum();
    let emission = match blocks(axes) {
        Some([blocks, run]) => {
            let bytes = |elements: usize, what: &str| narrow(elements * size, what);
            let record = Copy {
                blocks: narrow(blocks.count, "the number of blocks")?,
                block_bytes: bytes(run.count, "a block's length")?,
                input_stride: bytes(blocks.input.unsigned_abs(), "a block's distance")?,
                output_stride: bytes(blocks.output, "a block's distance")?,
            };
            Emission::new(OpCode::Copy, record, Overlap::Never)
        }
        None => Emission::new(OpCode::Rearrange, record(axes)?, Overlap::Never),
    };
    site.emit(Emission {
        reads: vec![Read::Operand(operand)],
        writes: vec![result],
        input_offset: (from - before) * size,
        output_offset: to * size,
        ..emission
    });
    Ok(())
}

/// Blocks and runs, when that is all there is.
fn blocks(axes: &[Axis]) -> Option<[Axis; 2]> {
    let run = |axis: &Axis| axis.input == 1 && axis.output == 1;
    match axes {
        [] => Some([Axis { count: 1, input: 1, output: 1 }; 2]),
        [only] if run(only) => Some([Axis { count: 1, input: only.count as isize, output: only.count }, *only]),
        [only] if only.input > 0 => Some([*only, Axis { count: 1, input: 1, output: 1 }]),
        [outer, inner] if run(inner) && outer.input >= 0 => Some([*outer, *inner]),
        _ => None,
    }
}

fn record(axes: &[Axis]) -> Result<Rearrange, Reason> {
    let mut record = Rearrange { extents: [1; AXES], input_strides: [0; AXES], output_strides: [0; AXES] };
    let missing = AXES - axes.len();
    for (at, axis) in axes.iter().enumerate().map(|(at, axis)| (missing + at, axis)) {
        record.extents[at] = narrow(axis.count, "an extent")?;
        record.input_strides[at] = i32::try_from(axis.input)
            .or_else(|_| refuse(format!("elements are {} apart", axis.input), "make the tensor smaller"))?;
        record.output_strides[at] = narrow(axis.output, "an element's distance")?;
    }
    Ok(record)
}
