//! Records that only move elements: Pad, Copy and Rearrange.

use kinglet_blob::records::{Copy, Pad, Rearrange};
use kinglet_kernels::rearrange::{self, Reach};

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

impl Parameters for Rearrange {
    fn shapes(&self) -> Shapes {
        let Reach { before, behind, output } = reach(self);
        Shapes { input: vec![before + behind + 1], output: vec![output + 1], batch: 1, in_bytes: false }
    }

    fn access(&self, _head: Head) -> Access<'_> {
        Access::Strided(self)
    }
}

/// How far the elements of a record lie apart; nothing for one that no reader takes.
pub(crate) fn reach(record: &Rearrange) -> Reach {
    let wide = rearrange::Rearrange {
        extents: record.extents.map(|extent| extent as usize),
        input_strides: record.input_strides.map(|stride| stride as isize),
        output_strides: record.output_strides.map(|stride| stride as usize),
    };
    wide.reach().unwrap_or_default()
}
