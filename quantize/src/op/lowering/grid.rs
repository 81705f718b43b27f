//! Operators on several operands, element by element, that repeat along any axes.

use kinglet_blob::records::{self, CombineQuantized, Grid};
use kinglet_blob::{Function, OpCode};
use kinglet_kernels::combine::quantized::Scaling;

use super::{Emission, Reason, Site, narrow, no_kernel, refuse};
use crate::op::common::attributes::Activation;
use crate::op::common::codes;
use crate::op::common::elementwise::extent;
use crate::record::{Overlap, Record};
use crate::value::DType;

/// Axes of a record's grid.
const AXES: usize = 6;

/// The extents of a result of shape `output`, axes that lie together joined, and along which of them operands repeat.
fn grid(function: u8, output: &[usize], operands: &[&[usize]]) -> Result<Grid, Reason> {
    // For each axis its extent, and a bit for each operand that repeats along it.
    let mut axes: Vec<(usize, u8)> = Vec::new();
    for (axis, &length) in output.iter().enumerate().filter(|&(_, &length)| length > 1) {
        let repeats = |(bit, shape): (usize, &&[usize])| u8::from(extent(shape, output.len(), axis) == 1) << bit;
        let pattern = operands.iter().enumerate().map(repeats).sum();
        match axes.last_mut() {
            Some((joined, same)) if *same == pattern => *joined *= length,
            _ => axes.push((length, pattern)),
        }
    }
    let Some(unused) = AXES.checked_sub(axes.len()) else {
        return refuse(
            format!("operands of shapes {operands:?} repeat along {} groups of axes", axes.len()),
            format!("at most {AXES} groups of axes that lie together are supported; reshape them"),
        );
    };
    let mut grid = Grid { function, repeats: [0; 3], extents: [1; AXES] };
    for (axis, (length, pattern)) in axes.into_iter().enumerate() {
        grid.extents[unused + axis] = narrow(length, "an extent")?;
        for (operand, repeats) in grid.repeats.iter_mut().enumerate() {
            *repeats |= (pattern >> operand & 1) << (unused + axis);
        }
    }
    Ok(grid)
}

/// Emits an operator with a grid over all operands of the node.
fn emit(site: &mut Site<'_>, opcode: OpCode, function: u8, record: impl FnOnce(Grid) -> Record) -> Result<(), Reason> {
    let shapes: Vec<&[usize]> =
        (0..site.operand_count()).map(|position| site.operand(position).shape.as_slice()).collect();
    let grid = grid(function, &site.result().shape, &shapes)?;
    let reads = site.reads()?;
    site.emit(Emission { reads, ..Emission::new(opcode, record(grid), Overlap::Never) });
    Ok(())
}

/// Emits a function of both operands.
pub(crate) fn combine(site: &mut Site<'_>, function: Function, activation: Activation) -> Result<(), Reason> {
    let dtype = site.operand(0).dtype;
    let tag = function as u8;
    match dtype {
        DType::F32 => {
            let (min, max) = activation.bounds();
            emit(site, OpCode::Combine, tag, |grid| records::CombineF32 { grid, min, max }.into())
        }
        DType::I32 | DType::Bool => emit(site, OpCode::Combine, tag, |grid| records::Combine { grid }.into()),
        DType::I8 | DType::I16 => {
            let operands = [site.operand_quantization(0)?, site.operand_quantization(1)?];
            let result = site.result().quantization.as_ref();
            match codes::scaling(function, operands, result, dtype, activation) {
                Ok(scaling) => emit(site, OpCode::Combine, tag, |grid| quantized(grid, &scaling).into()),
                Err(problem) => refuse(problem, "recalibrate, or compute it on floats"),
            }
        }
        other => no_kernel(other),
    }
}

/// The record of a function of codes.
fn quantized(grid: Grid, scaling: &Scaling) -> CombineQuantized {
    let Scaling { a_factor, b_factor, output_factor, .. } = *scaling;
    // Shifts, zero points and clamps lie within the codes' type.
    CombineQuantized {
        grid,
        a_multiplier: a_factor.multiplier,
        b_multiplier: b_factor.multiplier,
        output_multiplier: output_factor.multiplier,
        a_shift: a_factor.shift as i8,
        b_shift: b_factor.shift as i8,
        output_shift: output_factor.shift as i8,
        left_shift: scaling.left_shift as u8,
        a_zero_point: scaling.a_zero_point as i16,
        b_zero_point: scaling.b_zero_point as i16,
        zero_point: scaling.zero_point as i16,
        min: scaling.min as i16,
        max: scaling.max as i16,
        reserved: 0,
    }
}

/// Emits the selection by the first operand of elements of the other two.
pub(crate) fn select(site: &mut Site<'_>) -> Result<(), Reason> {
    emit(site, OpCode::Select, 0, |grid| records::Select { grid }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extents_and_repeats(output: &[usize], operands: &[&[usize]]) -> ([u32; AXES], [u8; 3]) {
        let Ok(Grid { extents, repeats, .. }) = grid(0, output, operands) else { panic!("expressible") };
        (extents, repeats)
    }

    #[test]
    fn axes_that_lie_together_are_joined() {
        let joined = extents_and_repeats(&[2, 3, 4], &[&[2, 3, 4], &[2, 3, 4]]);
        assert_eq!(joined, ([1, 1, 1, 1, 1, 24], [0; 3]));
        let rows = extents_and_repeats(&[2, 3, 4], &[&[4], &[2, 3, 4]]);
        assert_eq!(rows, ([1, 1, 1, 1, 6, 4], [0b01_0000, 0, 0]));
        let apart = extents_and_repeats(&[2, 3, 4], &[&[2, 1, 4], &[3, 1]]);
        assert_eq!(apart, ([1, 1, 1, 2, 3, 4], [0b01_0000, 0b10_1000, 0]));
        assert_eq!(extents_and_repeats(&[1], &[&[], &[1]]), ([1; AXES], [0; 3]));
        let eight = [2; 8];
        assert!(grid(0, &eight, &[&eight, &[2, 1, 2, 1, 2, 1, 2, 1]]).is_err());
    }
}
