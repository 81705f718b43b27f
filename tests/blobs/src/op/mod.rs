//! Adds one operator to a [`Program`]: its record on one side, its reference kernel on the other.
//!
//! Each function takes the arena offsets of input and output, so that a test can lay them over each other; the
//! references copy the input first and therefore always compute what disjoint memory would give.

mod asymmetric;
mod boxes;
mod elementwise;
mod grid;
mod int16;
mod layer;
mod matrix;
mod pool;
mod recurrent;
mod rows;
mod shape;
mod take;
mod transpose_conv;
mod trees;

pub use elementwise::{Second, operand_arena, operand_constant, operand_same};
pub(crate) use grid::At;
pub use int16::Sums;
pub use layer::{Factors, Form};
pub(crate) use recurrent::lens as recurrent_lens;
pub(crate) use rows::lens as row_lens;

use kinglet_blob::records::Window;
use kinglet_blob::{DType, Operands};
use kinglet_kernels::conv2d::Geometry;

/// One int8 tensor in, one out.
fn unary_i8(input: u32, output: u32) -> Operands {
    Operands::unary((DType::I8, input), (DType::I8, output))
}

/// One float tensor in, one out.
fn unary_f32(input: u32, output: u32) -> Operands {
    Operands::unary((DType::F32, input), (DType::F32, output))
}

/// One int16 tensor in, one out.
fn unary_i16(input: u32, output: u32) -> Operands {
    Operands::unary((DType::I16, input), (DType::I16, output))
}

/// `len` int16 elements from byte `at` on.
fn read_i16(arena: &[u8], at: u32, len: usize) -> Vec<i16> {
    arena[at as usize..][..2 * len].chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]])).collect()
}

fn write_i16(arena: &mut [u8], at: u32, values: &[i16]) {
    let bytes = values.iter().flat_map(|value| value.to_le_bytes());
    arena[at as usize..].iter_mut().zip(bytes).for_each(|(byte, value)| *byte = value);
}

/// `len` int8 elements from byte `at` on.
fn read_i8(arena: &[u8], at: u32, len: usize) -> Vec<i8> {
    arena[at as usize..][..len].iter().map(|&byte| byte as i8).collect()
}

/// `len` floats from byte `at` on.
fn read_f32(arena: &[u8], at: u32, len: usize) -> Vec<f32> {
    let bytes = &arena[at as usize..][..4 * len];
    bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect()
}

fn write_i8(arena: &mut [u8], at: u32, values: &[i8]) {
    arena[at as usize..].iter_mut().zip(values).for_each(|(byte, &value)| *byte = value as u8);
}

fn write_f32(arena: &mut [u8], at: u32, values: &[f32]) {
    let bytes = values.iter().flat_map(|value| value.to_le_bytes());
    arena[at as usize..].iter_mut().zip(bytes).for_each(|(byte, value)| *byte = value);
}

/// The kernels' geometry of a window.
pub(crate) fn geometry(window: &Window, groups: usize) -> Geometry {
    let wide = |extents: [u16; 3]| extents.map(usize::from);
    let pair = |extents: [u8; 2]| extents.map(usize::from);
    Geometry {
        input: wide(window.input),
        output: wide(window.output),
        kernel: pair(window.kernel),
        stride: pair(window.stride),
        dilation: pair(window.dilation),
        pad: pair(window.pad),
        groups,
    }
}

/// Elements of one image.
fn image_len(shape: [u16; 3]) -> usize {
    shape.iter().map(|&extent| usize::from(extent)).product()
}

/// Runs `kernel` on each image of a batch and joins what it makes of them.
fn each_image<T: Copy + Default>(window: &Window, input: &[T], mut kernel: impl FnMut(&[T], &mut [T])) -> Vec<T> {
    let mut all = Vec::new();
    for image in input.chunks(image_len(window.input)) {
        let mut output = vec![T::default(); image_len(window.output)];
        kernel(image, &mut output);
        all.extend_from_slice(&output);
    }
    all
}

/// Elements of the input and output of a whole batch.
fn batch_lens(window: &Window) -> (usize, usize) {
    let batch = usize::from(window.batch);
    (batch * image_len(window.input), batch * image_len(window.output))
}
