//! Records that only move elements: Pad and Copy.

use kinglet_blob::records::{Copy, Pad};

use super::parameters::{Access, Head, Parameters, Shapes};

impl Parameters for Pad {
    fn shapes(&self) -> Shapes {
        let extents = |shape: [u16; 4]| shape.map(usize::from).to_vec();
        Shapes { input: extents(self.input_dims), output: extents(self.output_dims), batch: 1, in_bytes: false }
    }

    fn access(&self, _head: Head) -> Access<'_> {
        Access::Apart
    }
}

impl Parameters for Copy {
    fn shapes(&self) -> Shapes {
        let reach = |stride: u32| (self.blocks.max(1) as usize - 1) * stride as usize + self.block_bytes as usize;
        let (input, output) = (vec![reach(self.input_stride)], vec![reach(self.output_stride)]);
        Shapes { input, output, batch: 1, in_bytes: true }
    }

    fn access(&self, _head: Head) -> Access<'_> {
        Access::Blocks(self)
    }
}
