//! Runs at strides by loops over slices.

use core::cell::Cell;

use super::Plane;
use crate::io::range;

/// Copies all runs.
pub(crate) fn copy<T: Copy>(plane: &Plane, input: &[T], from: usize, output: &mut [T], to: usize) {
    if !plane.fits((from, input.len()), (to, output.len())) {
        return;
    }
    let (mut from, mut to) = (from, to);
    for _ in 0..plane.rows {
        let target = output.get_mut(to..).unwrap_or_default();
        if plane.run == 1 {
            elements(plane, input, from, target);
        } else {
            runs(plane, input, from, target);
        }
        from = from.wrapping_add_signed(plane.from_row);
        to = to.wrapping_add(plane.to_row);
    }
}

/// Copies all runs within a buffer. No run goes to the right: what is read has not been written.
pub(crate) fn copy_within<T: Copy>(plane: &Plane, buffer: &mut [T], from: usize, to: usize) {
    if !plane.fits((from, buffer.len()), (to, buffer.len())) {
        return;
    }
    // Cells may be the same ones, and looking them up cannot panic as `copy_within` of slices can.
    let buffer = Cell::from_mut(buffer).as_slice_of_cells();
    for row in 0..plane.rows {
        for index in 0..plane.count {
            let step = |row_step: usize, step: usize| row.wrapping_mul(row_step).wrapping_add(index.wrapping_mul(step));
            let from = from.wrapping_add(step(plane.from_row.cast_unsigned(), plane.from_step.cast_unsigned()));
            let target = range(buffer, to.wrapping_add(step(plane.to_row, plane.to_step)), plane.run);
            range(buffer, from, plane.run).iter().zip(target).for_each(|(from, to)| to.set(from.get()));
        }
    }
}

fn runs<T: Copy>(plane: &Plane, input: &[T], from: usize, output: &mut [T]) {
    let (mut from, mut to) = (from, 0_usize);
    for _ in 0..plane.count {
        let target = output.get_mut(to..to.wrapping_add(plane.run)).unwrap_or_default();
        target.iter_mut().zip(range(input, from, plane.run)).for_each(|(to, from)| *to = *from);
        from = from.wrapping_add_signed(plane.from_step);
        to = to.wrapping_add(plane.to_step);
    }
}

/// Runs of one element.
#[inline]
fn elements<T: Copy>(plane: &Plane, input: &[T], from: usize, output: &mut [T]) {
    let stride = plane.from_step.unsigned_abs().max(1);
    if plane.from_step == 1 {
        write(plane, output, range(input, from, plane.count).iter());
    } else if plane.from_step > 0 {
        write(plane, output, input.get(from..).unwrap_or_default().iter().step_by(stride));
    } else if plane.from_step < 0 {
        write(plane, output, input.get(..from.saturating_add(1)).unwrap_or_default().iter().rev().step_by(stride));
    } else if let Some(element) = input.get(from) {
        write(plane, output, core::iter::repeat(element));
    }
}

#[inline]
fn write<'a, T: Copy + 'a>(plane: &Plane, output: &mut [T], elements: impl Iterator<Item = &'a T>) {
    if plane.to_step == 1 {
        output.iter_mut().take(plane.count).zip(elements).for_each(|(to, from)| *to = *from);
    } else {
        let places = output.iter_mut().step_by(plane.to_step.max(1));
        places.take(plane.count).zip(elements).for_each(|(to, from)| *to = *from);
    }
}
