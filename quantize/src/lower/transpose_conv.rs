//! TransposeConv2D.

use kinglet_blob::OpCode;
use kinglet_blob::records::{TransposeConvF32, TransposeConvI8};
use kinglet_kernels::transpose_conv::{self, TransposeGeometry};

use super::constants::f32_bytes;
use super::layer::Channels;
use super::window::Window;
use super::{Lowering, Reason, clamp_f32};
use crate::ir::{DType, Node};
use crate::op::{Padding, TransposeConv2D, fixed};
use crate::record::Overlap;

impl Lowering<'_> {
    pub(super) fn transpose_conv(&mut self, node: &Node, op: &TransposeConv2D) -> Result<(), Reason> {
        let &[outputs, kernel_h, kernel_w, group_channels] = self.shape(node.inputs[1]) else { return Ok(()) };
        let padding = Padding { top: op.pad[0], left: op.pad[1], ..Padding::default() };
        let window = Window {
            input: self.shape(node.inputs[0]),
            output: self.shape(node.output()),
            kernel: [kernel_h, kernel_w],
            stride: op.stride,
            dilation: [1, 1],
            padding: &padding,
            groups: op.groups,
        };
        let window = window.record()?;
        let geometry = TransposeGeometry {
            input: window.input.map(usize::from),
            output: window.output.map(usize::from),
            kernel: [kernel_h, kernel_w],
            stride: op.stride,
            pad: op.pad,
            groups: op.groups,
        };
        let ends = [node.inputs[0], node.output()];
        if self.dtype(node.output()) == DType::F32 {
            let weights = packed(&geometry, self.f32s(node.inputs[1])?);
            let bias = match node.inputs.get(2) {
                Some(&id) => self.f32s(id)?.to_vec(),
                None => vec![0.0; outputs],
            };
            let constants = self.constants.add(f32_bytes(bias.iter().chain(&weights)))?;
            let (min, max) = clamp_f32(op.activation);
            let record = TransposeConvF32 { constants, window, min, max };
            self.push(self.step(OpCode::TransposeConv, record, ends, Overlap::Never));
            return Ok(());
        }
        let weights = self.i8s(node.inputs[1])?;
        let taps = kernel_h * kernel_w * group_channels;
        let channels = Channels { weights, outputs, channel_stride: taps, tap_stride: 1, taps };
        let [x, w, y] = [node.inputs[0], node.inputs[1], node.output()].map(|id| self.quantization(id));
        let (x, w, y) = (x?, w?, y?);
        let stage = fixed::output_stage(op.activation, y);
        let layer = self.unfolded_layer_i8(node, &channels, fixed::layer_factors(x, w, y), stage)?;
        let (quant, constants) = layer.encode(&packed(&geometry, weights));
        let constants = self.constants.add(constants)?;
        let record = TransposeConvI8 { constants, window, quant };
        self.push(self.step(OpCode::TransposeConv, record, ends, Overlap::Never));
        Ok(())
    }
}

/// Weights in the order of phases.
fn packed<T: Copy + Default>(geometry: &TransposeGeometry, weights: &[T]) -> Vec<T> {
    let mut packed = vec![T::default(); weights.len()];
    transpose_conv::pack(geometry, weights, &mut packed);
    packed
}
