//! Planes of the two innermost axes, by lines along the longer one; what lies behind each other on both sides is one run,
//! and axes that are one are walked as one.

use super::{AXES, Rearrange};
use crate::Io;
use crate::strided::{self, Plane};

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
    let (run, lines) = lines(layer);
    let [row, rows, outer @ ..] = &lines;
    // Short lines cost more than what is in them.
    let (row, rows) = if rows.len > row.len { (rows, row) } else { (row, rows) };
    let plane = Plane {
        rows: rows.len,
        from_row: rows.input_stride,
        to_row: rows.output_stride,
        count: row.len,
        from_step: row.input_stride,
        to_step: row.output_stride,
        run,
    };
    let (mut to, mut index) = (0_usize, [0_usize; AXES - 2]);
    loop {
        strided::copy(&plane, input, from, output, to);
        if !step(outer, &mut index, &mut from, &mut to) {
            break;
        }
    }
}

/// The elements of a run, and the axes around it, the innermost first.
fn lines(layer: &Rearrange) -> (usize, [Line; AXES]) {
    let mut lines = [Line { len: 1, input_stride: 0, output_stride: 0 }; AXES];
    let (mut run, mut places) = (1_usize, lines.iter_mut());
    let mut inner: Option<&mut Line> = None;
    let strides = layer.input_strides.iter().zip(&layer.output_strides);
    for (len, (input, output)) in layer.extents.iter().zip(strides).rev().filter(|(len, _)| **len > 1) {
        let of_line = |line: &Line| (line.input_stride, line.output_stride, line.len);
        let (input_step, output_step, count) = inner.as_deref().map_or((1, 1, run), of_line);
        let continues =
            *input == input_step.wrapping_mul(count.cast_signed()) && *output == output_step.wrapping_mul(count);
        match &mut inner {
            Some(line) if continues => line.len = line.len.wrapping_mul(*len),
            None if continues => run = run.wrapping_mul(*len),
            _ => {
                inner = places.next();
                if let Some(line) = &mut inner {
                    **line = Line { len: *len, input_stride: *input, output_stride: *output };
                }
            }
        }
    }
    (run, lines)
}

/// Goes to the next plane; false behind the last one.
fn step(outer: &[Line], index: &mut [usize; AXES - 2], from: &mut usize, to: &mut usize) -> bool {
    for (line, index) in outer.iter().zip(index) {
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
