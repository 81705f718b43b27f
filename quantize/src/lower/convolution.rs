//! Conv2D and DepthwiseConv2D.

use crate::op::{Conv2D, DepthwiseConv2D};
use kinglet_blob::records::{Conv2dF32, Conv2dI8};
use kinglet_blob::{OpCode, WeightForm};
use kinglet_kernels::conv2d::conv2d_i8_scratch_len;
use kinglet_kernels::depthwise::depthwise_i8_scratch_len;
use kinglet_kernels::packing::{DepthwisePacking, Numbers, Packing, WriteOrder};

use super::constants::f32_bytes;
use super::layer::Channels;
use super::window::Window;
use super::{Lowering, Reason, choose, clamp_f32, no_kernel};
use crate::cost;
use crate::ir::{Activation, DType, Node, Op};
use crate::op::fixed;
use crate::program::Step;
use crate::record::Work;
use crate::record::{Overlap, PixelOrder, geometry};

impl Lowering<'_> {
    pub(super) fn convolution(&mut self, node: &Node) -> Result<(), Reason> {
        let Op::Conv2D(Conv2D { stride, dilation, padding, groups, activation }) = &node.op else { return Ok(()) };
        let &[outputs, kernel_h, kernel_w, group_channels] = self.shape(node.inputs[1]) else { return Ok(()) };
        let window = Window {
            input: self.shape(node.inputs[0]),
            output: self.shape(node.output()),
            kernel: [kernel_h, kernel_w],
            stride: *stride,
            dilation: *dilation,
            padding,
            groups: *groups,
        };
        match self.dtype(node.output()) {
            DType::F32 => self.convolution_f32(node, OpCode::Conv2d, &window, *activation),
            DType::I16 => self.convolution_i16(node, OpCode::Conv2d, &window, *activation),
            DType::I8 => {
                self.convolution_i8(node, &window, (outputs, kernel_h * kernel_w * group_channels), *activation)
            }
            other => no_kernel(other),
        }
    }

    fn convolution_i8(
        &mut self,
        node: &Node,
        window: &Window<'_>,
        (outputs, taps): (usize, usize),
        activation: Activation,
    ) -> Result<(), Reason> {
        let window = window.record()?;
        let geometry = geometry(&window, window.groups.into());
        let weights = self.i8s(node.inputs[1])?;
        let channels = Channels { weights, outputs, channel_stride: taps, tap_stride: 1, taps };
        let [x, w, y] = [node.inputs[0], node.inputs[1], node.output()].map(|id| self.quantization(id));
        let (x, w, y) = (x?, w?, y?);
        let storage = w.storage;
        let factors = fixed::layer_factors(x, w, y);
        let layer = self.layer_i8(node, &channels, factors, fixed::output_stage(activation, y))?;
        let numbers = Numbers { taps, weights, bias: &layer.bias, factors: &layer.factors };
        let packing = choose::convolution(self.target, geometry.groups, storage, &numbers);
        let work = Work::windowed(OpCode::Conv2d, &window);
        let is_worth = cost::is_worth_packing(self.target, "conv2d-i8", packing as u8, &work);
        let packing = if is_worth { packing } else { Packing::RowMajor };
        let mut packed = vec![0; packing.weight_len(storage, outputs, taps)];
        packing.pack(storage, outputs, geometry.runs(), weights, &mut packed);
        let (quant, constants) = layer.encode(&packed);
        let constants = self.constants.add(constants)?;
        let record = Conv2dI8 { constants, window, quant };
        let overlap = Overlap::windowed(&geometry, window.batch.into(), 1, packing.pixel_order());
        let step = self.step(OpCode::Conv2d, record, [node.inputs[0], node.output()], overlap);
        let scratch_bytes = conv2d_i8_scratch_len(&geometry, packing);
        self.push(Step {
            form: WeightForm { packing: packing as u8, storage: storage as u8 },
            scratch_bytes: Some(scratch_bytes),
            ..step
        });
        Ok(())
    }

    /// A float Conv2D or DepthwiseConv2D: their records are alike.
    fn convolution_f32(
        &mut self,
        node: &Node,
        opcode: OpCode,
        window: &Window<'_>,
        activation: Activation,
    ) -> Result<(), Reason> {
        let outputs = window.output.last().copied().unwrap_or(0);
        let window = window.record()?;
        let weights = self.f32s(node.inputs[1])?;
        let bias = match node.inputs.get(2) {
            Some(&id) => self.f32s(id)?.to_vec(),
            None => vec![0.0; outputs],
        };
        let constants = self.constants.add(f32_bytes(bias.iter().chain(weights)))?;
        let (min, max) = clamp_f32(activation);
        // A float Conv2D over its input takes the slow reference kernel, so only depthwise ones are overlapped.
        let overlap = match opcode {
            OpCode::Depthwise => {
                Overlap::windowed(&geometry(&window, 1), window.batch.into(), 4, PixelOrder::Interleaved)
            }
            _ => Overlap::Never,
        };
        let record = Conv2dF32 { constants, window, min, max };
        self.push(self.step(opcode, record, [node.inputs[0], node.output()], overlap));
        Ok(())
    }

    pub(super) fn depthwise(&mut self, node: &Node) -> Result<(), Reason> {
        let Op::DepthwiseConv2D(DepthwiseConv2D { stride, dilation, padding, multiplier, activation }) = &node.op
        else {
            return Ok(());
        };
        let &[_, kernel_h, kernel_w, outputs] = self.shape(node.inputs[1]) else { return Ok(()) };
        let window = Window {
            input: self.shape(node.inputs[0]),
            output: self.shape(node.output()),
            kernel: [kernel_h, kernel_w],
            stride: *stride,
            dilation: *dilation,
            padding,
            groups: *multiplier,
        };
        match self.dtype(node.output()) {
            DType::F32 => self.convolution_f32(node, OpCode::Depthwise, &window, *activation),
            DType::I16 => self.convolution_i16(node, OpCode::Depthwise, &window, *activation),
            DType::I8 => self.depthwise_i8(node, &window, (outputs, kernel_h * kernel_w), *activation),
            other => no_kernel(other),
        }
    }

    fn depthwise_i8(
        &mut self,
        node: &Node,
        window: &Window<'_>,
        (outputs, taps): (usize, usize),
        activation: Activation,
    ) -> Result<(), Reason> {
        let window = window.record()?;
        let geometry = geometry(&window, window.input[2].into());
        let weights = self.i8s(node.inputs[1])?;
        let channels = Channels { weights, outputs, channel_stride: 1, tap_stride: outputs, taps };
        let [x, w, y] = [node.inputs[0], node.inputs[1], node.output()].map(|id| self.quantization(id));
        let (x, w, y) = (x?, w?, y?);
        let factors = fixed::layer_factors(x, w, y);
        let layer = self.layer_i8(node, &channels, factors, fixed::output_stage(activation, y))?;
        let numbers = Numbers { taps, weights, bias: &layer.bias, factors: &layer.factors };
        let packing = choose::depthwise(self.target, &geometry, window.groups.into(), &numbers);
        let work = Work::windowed(OpCode::Depthwise, &window);
        let is_worth = cost::is_worth_packing(self.target, "depthwise-i8", packing as u8, &work);
        let packing = if is_worth { packing } else { DepthwisePacking::RowMajor };
        let mut packed = vec![0; packing.weight_len(outputs, taps)];
        packing.pack(outputs, taps, weights, &mut packed);
        let (quant, constants) = layer.encode(&packed);
        let constants = self.constants.add(constants)?;
        let record = Conv2dI8 { constants, window, quant };
        let overlap = match packing.write_order(&geometry) {
            WriteOrder::Bands(bands) if bands.run_in_place(window.groups.into()) && window.batch == 1 => {
                Overlap::Exactly
            }
            WriteOrder::Bands(_) => Overlap::Never,
            WriteOrder::Pixels(order) => Overlap::windowed(&geometry, window.batch.into(), 1, order),
        };
        let step = self.step(OpCode::Depthwise, record, [node.inputs[0], node.output()], overlap);
        let scratch_bytes = depthwise_i8_scratch_len(&geometry, window.groups.into(), packing);
        self.push(Step {
            form: WeightForm { packing: packing as u8, storage: 0 },
            scratch_bytes: Some(scratch_bytes),
            ..step
        });
        Ok(())
    }
}
