//! Copying blocks at a stride: Concat, Reshape and Flatten.
//!
//! Concat of `k` inputs along an axis is `k` copies, each of `blocks` = product of the dimensions before the
//! axis, `block_len` = product of the input's dimensions from the axis on, `input_stride = block_len`,
//! `output_stride` = the same product for the output, and `output_offset` = the sum of the `block_len` of the
//! inputs before. Reshape is one block. Input and output may overlap when no element moves to the right, that
//! is when each block's output starts at its input or before it.

use crate::io::{Io, range};

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
    let len = layer.block_len;
    let (mut from, mut to) = (0_usize, layer.output_offset);
    for _ in 0..layer.blocks {
        match io {
            Io::Split { input, output } => {
                let target = output.get_mut(to..to.saturating_add(len)).unwrap_or_default();
                for (target, source) in target.iter_mut().zip(range(input, from, len)) {
                    *target = *source;
                }
            }
            Io::Overlapped { .. } => copy_forward(io, from, to, len),
        }
        from = from.wrapping_add(layer.input_stride);
        to = to.wrapping_add(layer.output_stride);
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

/// First element first, so that a target to the left of its source never overwrites what is still to be read.
fn copy_forward<T: Copy>(io: &mut Io<T>, from: usize, to: usize, len: usize) {
    for index in 0..len {
        if let Some(element) = io.input().get(from.wrapping_add(index)).copied() {
            io.set(to.wrapping_add(index), element);
        }
    }
}
