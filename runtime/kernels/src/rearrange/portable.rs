//! Planes of the two innermost axes, by lines along the longer one; runs that lie behind each other on both sides as
//! such.

use super::{AXES, Rearrange};
use crate::Io;
use crate::io::range;

/// Axes around a plane.
const OUTER: usize = AXES - 2;

/// Elements of one axis.
#[derive(Clone, Copy)]
struct Line {
    len: usize,
    input_stride: isize,
    output_stride: usize,
}

/// Copies every element to its place. No scratch.
pub fn rearrange<T: Copy>(layer: &Rearrange, io: &mut Io<T>) {
    let Some(mut from) = layer.origin(io) else { return io.refuse() };
    let Io::Split { input, output } = io else { return io.refuse() };
    let lines = lines(layer);
    let [outer @ .., rows, row] = &lines;
    // Short lines cost more than what is in them: of two axes the longer one is walked inside, unless it has runs.
    let is_run = row.input_stride == 1 && row.output_stride == 1;
    let (rows, row) = if is_run || row.len >= rows.len { (rows, row) } else { (row, rows) };
    let (mut to, mut index) = (0_usize, [0_usize; OUTER]);
    loop {
        plane(input, output, (from, to), rows, row);
        if !step(outer, &mut index, &mut from, &mut to) {
            break;
        }
    }
}

fn lines(layer: &Rearrange) -> [Line; AXES] {
    let mut lines = [Line { len: 1, input_stride: 0, output_stride: 0 }; AXES];
    let strides = layer.input_strides.iter().zip(&layer.output_strides);
    for (line, (len, (input, output))) in lines.iter_mut().zip(layer.extents.iter().zip(strides)) {
        *line = Line { len: *len, input_stride: *input, output_stride: *output };
    }
    lines
}

/// Goes to the next plane; false behind the last one.
fn step(outer: &[Line; OUTER], index: &mut [usize; OUTER], from: &mut usize, to: &mut usize) -> bool {
    for (line, index) in outer.iter().zip(index).rev() {
        *index = index.wrapping_add(1);
        if *index < line.len {
            *from = from.wrapping_add_signed(line.input_stride);
            *to = to.wrapping_add(line.output_stride);
            return true;
        }
        let back = line.len.wrapping_sub(1);
        *from = from.wrapping_sub(back.wrapping_mul(line.input_stride.cast_unsigned()));
        *to = to.wrapping_sub(back.wrapping_mul(line.output_stride));
        *index = 0;
    }
    false
}

/// The elements of two axes, `row` inside.
fn plane<T: Copy>(input: &[T], output: &mut [T], (mut from, mut to): (usize, usize), rows: &Line, row: &Line) {
    for _ in 0..rows.len {
        copy_line(input, output.get_mut(to..).unwrap_or_default(), from, row);
        from = from.wrapping_add_signed(rows.input_stride);
        to = to.wrapping_add(rows.output_stride);
    }
}

/// The elements of one axis.
#[inline]
fn copy_line<T: Copy>(input: &[T], output: &mut [T], from: usize, line: &Line) {
    let stride = line.input_stride.unsigned_abs().max(1);
    if line.input_stride == 1 {
        write(output, line, range(input, from, line.len).iter());
    } else if line.input_stride > 0 {
        write(output, line, input.get(from..).unwrap_or_default().iter().step_by(stride));
    } else if line.input_stride < 0 {
        write(output, line, input.get(..from.saturating_add(1)).unwrap_or_default().iter().rev().step_by(stride));
    } else if let Some(element) = input.get(from) {
        write(output, line, core::iter::repeat(element));
    }
}

#[inline]
fn write<'a, T: Copy + 'a>(output: &mut [T], line: &Line, elements: impl Iterator<Item = &'a T>) {
    if line.output_stride == 1 {
        output.iter_mut().take(line.len).zip(elements).for_each(|(to, from)| *to = *from);
    } else {
        let places = output.iter_mut().step_by(line.output_stride.max(1));
        places.take(line.len).zip(elements).for_each(|(to, from)| *to = *from);
    }
}
