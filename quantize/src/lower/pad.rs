//! Pad.

use kinglet_blob::OpCode;
use kinglet_blob::records::Pad;

use super::{Lowering, Reason, narrow, no_kernel, refuse};
use crate::ir::{DType, Node};
use crate::op::fixed;
use crate::record::Overlap;

impl Lowering<'_> {
    pub(super) fn pad(&mut self, node: &Node, before: &[usize], value: f32) -> Result<(), Reason> {
        let (input, output) = (self.shape(node.inputs[0]), self.shape(node.output()));
        let value = match self.dtype(node.output()) {
            DType::F32 => value.to_bits(),
            DType::I8 => u32::from(fixed::quantize_real(value, self.quantization(node.output())?) as u8),
            other => return no_kernel(other),
        };
        let record =
            Pad { input_dims: four(input, 1)?, before: four(before, 0)?, output_dims: four(output, 1)?, value };
        self.push(self.step(OpCode::Pad, record, [node.inputs[0], node.output()], Overlap::Never));
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
