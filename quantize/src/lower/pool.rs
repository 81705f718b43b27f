//! AveragePool2D and MaxPool2D.

use kinglet_blob::OpCode;
use kinglet_blob::records::{PoolF32, PoolI8};

use super::window::{Window, geometry};
use super::{Lowering, Reason, Record, Step, clamp_f32};
use crate::affine::fixed;
use crate::ir::{self, Activation, DType, Node, Op};
use crate::plan::{Overlap, PixelOrder};

impl Lowering<'_> {
    pub(super) fn pool(&mut self, node: &Node, window: &ir::Window, activation: Activation) -> Result<(), Reason> {
        let window = Window {
            input: self.shape(node.inputs[0]),
            output: self.shape(node.output),
            kernel: window.size,
            stride: window.stride,
            dilation: [1, 1],
            padding: &window.padding,
            groups: 1,
        };
        let window = window.record()?;
        let is_max = matches!(node.op, Op::MaxPool2D { .. });
        let (opcode, record, size): (OpCode, Record, usize) = match self.dtype(node.output) {
            DType::F32 => {
                let (min, max) = clamp_f32(activation);
                let opcode = if is_max { OpCode::MaxPoolF32 } else { OpCode::AveragePoolF32 };
                (opcode, PoolF32 { input: 0, output: 0, window, min, max }.into(), 4)
            }
            _ => {
                let stage = fixed::output_stage(activation, self.quantization(node.output)?);
                let (min, max) = (stage.min as i8, stage.max as i8);
                let opcode = if is_max { OpCode::MaxPoolI8 } else { OpCode::AveragePoolI8 };
                (opcode, PoolI8 { input: 0, output: 0, window, min, max, reserved: 0 }.into(), 1)
            }
        };
        let overlap = Overlap::windowed(&geometry(&window, 1), window.batch.into(), size, PixelOrder::Interleaved);
        self.push(Step::new(opcode, record, node.inputs[0], node.output, overlap));
        Ok(())
    }
}
