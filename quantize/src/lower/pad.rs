//! Pad.

use kinglet_blob::OpCode;
use kinglet_blob::records::Pad;

use super::{Lowering, Reason, Step, narrow, refuse};
use crate::affine::fixed;
use crate::ir::{DType, Node};
use crate::plan::Overlap;

impl Lowering<'_> {
    pub(super) fn pad(&mut self, node: &Node, before: &[usize], value: f32) -> Result<(), Reason> {
        let (input, output) = (self.shape(node.inputs[0]), self.shape(node.output));
        let (opcode, value) = match self.dtype(node.output) {
            DType::F32 => (OpCode::PadF32, value.to_bits()),
            _ => {
                let value = fixed::quantize_real(value, self.quantization(node.output)?);
                (OpCode::PadI8, u32::from(value as u8))
            }
        };
        let record = Pad {
            input: 0,
            output: 0,
            input_dims: four(input, 1)?,
            before: four(before, 0)?,
            output_dims: four(output, 1)?,
            value,
        };
        self.push(Step::new(opcode, record, node.inputs[0], node.output, Overlap::Never));
        Ok(())
    }
}

/// Extents of up to four axes, with `fill` for leading axes that are not there.
fn four(extents: &[usize], fill: u16) -> Result<[u16; 4], Reason> {
    let Some(missing) = 4usize.checked_sub(extents.len()) else {
        return refuse(format!("its operand has {} axes", extents.len()), "at most 4 are supported");
    };
    let mut all = [fill; 4];
    for (slot, &extent) in all[missing..].iter_mut().zip(extents) {
        *slot = narrow(extent, "an extent")?;
    }
    Ok(all)
}
