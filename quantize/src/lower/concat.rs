//! Concat: one copy for each operand that is not computed in its place already.

use kinglet_blob::OpCode;
use kinglet_blob::records::Copy;

use super::{Lowering, Reason, narrow, refuse};
use crate::ir::Node;
use crate::program::Step;
use crate::record::Overlap;

impl Lowering<'_> {
    pub(super) fn concat(&mut self, node: &Node, axis: usize) -> Result<(), Reason> {
        let output = self.shape(node.output());
        let size = self.dtype(node.output()).size_bytes();
        let blocks: usize = output[..axis].iter().product();
        let output_stride = output[axis..].iter().product::<usize>() * size;
        let mut offset = 0;
        for &input in &node.inputs {
            let value = self.graph.value(input);
            let block_bytes = value.shape[axis..].iter().product::<usize>() * size;
            if value.elements.is_some() {
                let reason = format!("its operand `{}` is a constant", value.name);
                return refuse(reason, "all operands must be computed from the model's input");
            }
            if !self.layout.is_slice(input, node.output(), offset) {
                let record = Copy {
                    blocks: narrow(blocks, "the number of blocks")?,
                    block_bytes: narrow(block_bytes, "a block's length")?,
                    input_stride: narrow(block_bytes, "a block's length")?,
                    output_stride: narrow(output_stride, "a block's length")?,
                };
                let step = self.step(OpCode::Copy, record, [input, node.output()], Overlap::Never);
                self.push(Step { output_offset: offset, ..step });
            }
            offset += block_bytes;
        }
        Ok(())
    }
}
