//! Softmax.

use kinglet_blob::OpCode;
use kinglet_blob::records::{SoftmaxF32, SoftmaxI8};

use super::{Lowering, Reason, narrow, refuse};
use crate::ir::{DType, Node};
use crate::op::fixed;
use crate::record::Overlap;

impl Lowering<'_> {
    pub(super) fn softmax(&mut self, node: &Node, beta: f32) -> Result<(), Reason> {
        let len = self.graph.value(node.output()).len();
        let depth = self.shape(node.output()).last().copied().unwrap_or(1);
        let rows: u32 = narrow(len / depth.max(1), "the number of rows")?;
        let depth: u32 = narrow(depth, "the number of classes")?;
        let step = match self.dtype(node.output()) {
            DType::F32 => {
                let record = SoftmaxF32 { rows, depth, beta };
                self.step(OpCode::Softmax, record, [node.inputs[0], node.output()], Overlap::IN_PLACE)
            }
            _ => {
                let output = self.quantization(node.output())?;
                if (output.scale(0), output.zero_point()) != (1.0 / 256.0, -128) {
                    return refuse(
                        format!("its result has scale {} and zero point {}", output.scale(0), output.zero_point()),
                        "an int8 softmax has scale 1/256 and zero point -128",
                    );
                }
                let (factor, diff_min) = match fixed::softmax(self.quantization(node.inputs[0])?, beta) {
                    Ok(parameters) => parameters,
                    Err(error) => return refuse(error.to_string(), "recalibrate its input"),
                };
                let (multiplier, shift) = (factor.multiplier, factor.shift);
                let record = SoftmaxI8 { rows, depth, multiplier, shift, diff_min };
                self.step(OpCode::Softmax, record, [node.inputs[0], node.output()], Overlap::IN_PLACE)
            }
        };
        self.push(step);
        Ok(())
    }
}
