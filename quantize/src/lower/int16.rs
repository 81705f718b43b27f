//! Layers with int8 weights on int16 activations, and the sum of two such activations.

use kinglet_blob::OpCode;
use kinglet_blob::constants::{LONG_BIAS, ROUND_TWICE};
use kinglet_blob::records::{BinaryI16, Broadcast, Conv2dI16, FullyConnectedI16, LayerQuantI16};
use kinglet_kernels::elementwise::AddI16;
use kinglet_kernels::int16::Rounding;
use kinglet_kernels::numerics::{FixedPoint, LONG_LIMIT, LONG_SHIFTS};

use super::layer::{Channels, PackedRequant, check_range, storable};
use super::window::Window;
use super::{Lowering, Reason, narrow, refuse};
use crate::ir::{Activation, Elements, Node, ValueId};
use crate::op::fixed;
use crate::record::{Overlap, PixelOrder, geometry};

/// Largest magnitude of an int16 code.
const CODE_MAX: i64 = 1 << 15;

impl Lowering<'_> {
    /// A Conv2D or DepthwiseConv2D: their records are alike.
    pub(super) fn convolution_i16(
        &mut self,
        node: &Node,
        opcode: OpCode,
        window: &Window<'_>,
        activation: Activation,
    ) -> Result<(), Reason> {
        let window = window.record()?;
        let weights = self.i8s(node.inputs[1])?;
        let outputs = usize::from(window.output[2]);
        let taps = weights.len() / outputs.max(1);
        let is_depthwise = opcode == OpCode::Depthwise;
        let (channel_stride, tap_stride) = if is_depthwise { (1, outputs) } else { (taps, 1) };
        let channels = Channels { weights, outputs, channel_stride, tap_stride, taps };
        // The oracle reads a short bias of a depthwise layer as if it were long; its value counts here.
        let short = if is_depthwise { Rounding::Once } else { Rounding::Twice };
        let (quant, constants) = self.layer_i16(node, &channels, short, activation)?;
        let constants = self.constants.add(constants)?;
        let record = Conv2dI16 { constants, window, quant };
        let overlap = Overlap::windowed(&geometry(&window, 1), window.batch.into(), 2, PixelOrder::Interleaved);
        self.push(self.step(opcode, record, [node.inputs[0], node.output()], overlap));
        Ok(())
    }

    pub(super) fn fully_connected_i16(
        &mut self,
        node: &Node,
        [rows, taps, outputs]: [usize; 3],
        activation: Activation,
    ) -> Result<(), Reason> {
        let weights = self.i8s(node.inputs[1])?;
        let channels = Channels { weights, outputs, channel_stride: taps, tap_stride: 1, taps };
        let (quant, constants) = self.layer_i16(node, &channels, Rounding::Twice, activation)?;
        let record = FullyConnectedI16 {
            constants: self.constants.add(constants)?,
            rows: narrow(rows, "the number of rows")?,
            taps: narrow(taps, "the number of inputs")?,
            outputs: narrow(outputs, "the number of outputs")?,
            quant,
        };
        let overlap = Overlap::rows(rows, 2 * taps, 2 * outputs);
        self.push(self.step(OpCode::FullyConnected, record, [node.inputs[0], node.output()], overlap));
        Ok(())
    }

    pub(super) fn add_i16(
        &self,
        node: &Node,
        [a, b]: [ValueId; 2],
        broadcast: Broadcast,
        activation: Activation,
    ) -> Result<BinaryI16, Reason> {
        let (a, b, y) = (self.quantization(a)?, self.quantization(b)?, self.quantization(node.output())?);
        let AddI16 { a_factor, b_factor, output_factor, min, max } = match fixed::add_i16(a, b, y, activation) {
            Ok(add) => add,
            Err(error) => return refuse(error.to_string(), "its result's scale must not be far below its operands'"),
        };
        Ok(BinaryI16 {
            broadcast,
            a_multiplier: a_factor.multiplier,
            b_multiplier: b_factor.multiplier,
            output_multiplier: output_factor.multiplier,
            a_shift: a_factor.shift as i8,
            b_shift: b_factor.shift as i8,
            output_shift: output_factor.shift as i8,
            reserved: 0,
            min,
            max,
        })
    }

    /// The record's part and the constants behind its offset; `short` is the rounding of a bias of 32 bits. Proves that
    /// no sum leaves the range in which its rounding is exact.
    fn layer_i16(
        &self,
        node: &Node,
        channels: &Channels<'_>,
        short: Rounding,
        activation: Activation,
    ) -> Result<(LayerQuantI16, Vec<u8>), Reason> {
        let (mut bias, rounding) = match node.inputs.get(2).map(|&id| &self.graph.value(id).elements) {
            None => (vec![0; channels.outputs], Rounding::Once),
            Some(Some(Elements::I64(bias))) => (bias.clone(), Rounding::Once),
            Some(Some(Elements::I32(bias))) => (bias.iter().map(|&bias| bias.into()).collect(), short),
            Some(_) => return refuse("its bias is not an int64 or int32 constant", "quantize the whole model"),
        };
        let [x, w, y] = [node.inputs[0], node.inputs[1], node.output()].map(|id| self.quantization(id));
        let (x, w, y) = (x?, w?, y?);
        let exact = fixed::layer_factors(x, w, y);
        let mut weights = channels.weights.to_vec();
        for (output, bias) in bias.iter_mut().enumerate() {
            let reach = channels.channel(output).map(i64::abs).sum::<i64>() * CODE_MAX;
            let Some(&factor) = exact.get(output).or(exact.first()) else { continue };
            match rounding {
                // No word holds the factor 0, and a long sum times the smallest one is not always 0.
                Rounding::Once if factor.multiplier == 0 => {
                    *bias = 0;
                    channels.indices(output).for_each(|index| weights[index] = 0);
                }
                Rounding::Once => check_long(output, *bias, reach, factor)?,
                Rounding::Twice => check_range(output, [*bias, *bias - reach, *bias + reach], Some(storable(factor)))?,
            }
        }
        let factors: Vec<FixedPoint> = exact.into_iter().map(storable).collect();
        let (min, max) = fixed::clamp_i16(activation, y);
        let requant = PackedRequant::new(&factors);
        let is_long = bias.iter().any(|&bias| i32::try_from(bias).is_err());
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        let flags = requant.flags | flag(is_long, LONG_BIAS) | flag(rounding == Rounding::Twice, ROUND_TWICE);
        let mut constants = Vec::new();
        if is_long {
            constants.extend(bias.iter().flat_map(|&bias| ((bias >> 32) as i32).to_le_bytes()));
        }
        constants.extend(bias.iter().flat_map(|&bias| (bias as i32).to_le_bytes()));
        requant.put(&mut constants);
        constants.extend(weights.iter().map(|&weight| weight as u8));
        Ok((LayerQuantI16 { shift_base: requant.shift_base, flags, min, max, reserved: 0 }, constants))
    }
}

/// The sum and the factor of an output channel are within what one rounding takes.
fn check_long(output: usize, bias: i64, reach: i64, factor: FixedPoint) -> Result<(), Reason> {
    if !LONG_SHIFTS.contains(&factor.shift) {
        return refuse(
            format!("output channel {output} is scaled up by 2^{}", factor.shift),
            "recalibrate: its scales are unsound",
        );
    }
    let widest = bias.unsigned_abs().saturating_add(reach.unsigned_abs());
    if widest < LONG_LIMIT.unsigned_abs() {
        return Ok(());
    }
    refuse(
        format!("the sum of output channel {output} can reach {widest}, beyond 47 bits"),
        "reduce the bias or split the layer's input channels",
    )
}
