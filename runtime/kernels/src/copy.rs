//! Copying blocks at a stride: Concat, Reshape and Flatten.
//!
//! Concat of `k` inputs along an axis is `k` copies, each of `blocks` = product of the dimensions before the
//! axis, `block_len` = product of the input's dimensions from the axis on, `input_stride = block_len`,
//! `output_stride` = the same product for the output, and `output_offset` = the sum of the `block_len` of the
//! inputs before. Reshape is one block. Input and output may overlap when no element moves to the right, that
//! is when each block's output starts at its input or before it.

use crate::io::Io;
use crate::strided::{self, Plane};

/// `output[output_offset + k * output_stride + i] = input[k * input_stride + i]` for `k < blocks`,
/// `i < block_len`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyBlocks {
    /// Number of blocks.
    pub blocks: usize,
    /// Elements of a block.
    pub block_len: usize,
    /// From the first element of an input block to that of the next.
    pub input_stride: usize,
    /// From the first element of an output block to that of the next.
    pub output_stride: usize,
    /// First element of the first output block.
    pub output_offset: usize,
}

impl CopyBlocks {
    /// True when all blocks can be read and written.
    fn fits<T>(&self, io: &Io<T>) -> bool {
        let last = self.blocks.wrapping_sub(1);
        let end = |stride: usize| last.saturating_mul(stride).saturating_add(self.block_len);
        let is_empty = self.blocks == 0 || self.block_len == 0;
        is_empty || io.has(end(self.input_stride), end(self.output_stride).saturating_add(self.output_offset))
    }
}

/// Copies the blocks, first to last.
pub fn copy_blocks<T: Copy>(layer: &CopyBlocks, io: &mut Io<T>) {
    if !layer.fits(io) {
        return io.refuse();
    }
    let mut plane = Plane {
        count: layer.blocks,
        from_step: layer.input_stride.cast_signed(),
        to_step: layer.output_stride,
        ..Plane::run(layer.block_len)
    };
    // Blocks without gaps are one.
    if layer.input_stride == layer.block_len && layer.output_stride == layer.block_len {
        plane = Plane::run(layer.blocks.wrapping_mul(layer.block_len));
    }
    let to = layer.output_offset;
    match io {
        Io::Split { input, output } => strided::copy(&plane, input, 0, output, to),
        Io::Overlapped { buffer, input, output } => {
            strided::copy_within(&plane, buffer, input.0, output.0.saturating_add(to));
        }
    }
}

/// The copy that [`copy_blocks`] equals, element by element.
pub fn copy_blocks_reference<T: Copy>(layer: &CopyBlocks, io: &mut Io<T>) {
    for block in 0..layer.blocks {
        for i in 0..layer.block_len {
            let from = block.wrapping_mul(layer.input_stride).wrapping_add(i);
            let to = block.wrapping_mul(layer.output_stride).wrapping_add(layer.output_offset).wrapping_add(i);
            if let Some(element) = io.input().get(from).copied() {
                io.set(to, element);
            }
        }
    }
}
