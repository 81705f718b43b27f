//! AveragePool2D and MaxPool2D.

use kinglet_blob::OpCode;
use kinglet_blob::records::{PoolF32, PoolI8};

use super::window::Window;
use super::{Lowering, Reason, clamp_f32, no_kernel};
use crate::ir::{self, Activation, DType, Node, Op};
use crate::op::fixed;
use crate::record::{Overlap, PixelOrder, Record, geometry};

impl Lowering<'_> {
    pub(super) fn pool(&mut self, node: &Node, window: &ir::Window, activation: Activation) -> Result<(), Reason> {
        let window = Window {
            input: self.shape(node.inputs[0]),
            output: self.shape(node.output()),
            kernel: window.size,
            stride: window.stride,
            dilation: [1, 1],
            padding: &window.padding,
            groups: 1,
        };
        let window = window.record()?;
        let is_max = matches!(node.op, Op::MaxPool2D(_));
        let opcode = if is_max { OpCode::MaxPool } else { OpCode::AveragePool };
        let (record, size): (Record, usize) = match self.dtype(node.output()) {
            DType::F32 => {
                let (min, max) = clamp_f32(activation);
                (PoolF32 { window, min, max }.into(), 4)
            }
            DType::I8 => {
                let stage = fixed::output_stage(activation, self.quantization(node.output())?);
                let (min, max) = (stage.min as i8, stage.max as i8);
                (PoolI8 { window, min, max, reserved: 0 }.into(), 1)
            }
            other => return no_kernel(other),
        };
        let overlap = Overlap::windowed(&geometry(&window, 1), window.batch.into(), size, PixelOrder::Interleaved);
        self.push(self.step(opcode, record, [node.inputs[0], node.output()], overlap));
        Ok(())
    }
}
