//! FullyConnected.

use kinglet_blob::records::{FullyConnectedF32, FullyConnectedI8};
use kinglet_blob::{OpCode, WeightForm};
use kinglet_kernels::fully_connected::fully_connected_i8_scratch_len;
use kinglet_kernels::packing::{Numbers, Packing, Taps};

use super::constants::f32_bytes;
use super::layer::Channels;
use super::{Lowering, Reason, choose, clamp_f32, narrow, no_kernel};
use crate::cost;
use crate::ir::{Activation, DType, Node};
use crate::op::fixed;
use crate::program::Step;
use crate::record::Overlap;
use crate::record::Work;

impl Lowering<'_> {
    pub(super) fn fully_connected(&mut self, node: &Node, activation: Activation) -> Result<(), Reason> {
        let &[outputs, taps] = self.shape(node.inputs[1]) else { return Ok(()) };
        let rows = self.graph.value(node.inputs[0]).len() / taps.max(1);
        match self.dtype(node.output()) {
            DType::F32 => self.fully_connected_f32(node, [rows, taps, outputs], activation),
            DType::I16 => self.fully_connected_i16(node, [rows, taps, outputs], activation),
            DType::I8 => self.fully_connected_i8(node, [rows, taps, outputs], activation),
            other => no_kernel(other),
        }
    }

    fn fully_connected_i8(
        &mut self,
        node: &Node,
        [rows, taps, outputs]: [usize; 3],
        activation: Activation,
    ) -> Result<(), Reason> {
        let weights = self.i8s(node.inputs[1])?;
        let channels = Channels { weights, outputs, channel_stride: taps, tap_stride: 1, taps };
        let [x, w, y] = [node.inputs[0], node.inputs[1], node.output()].map(|id| self.quantization(id));
        let (x, w, y) = (x?, w?, y?);
        let storage = w.storage;
        let factors = fixed::layer_factors(x, w, y);
        let layer = self.layer_i8(node, &channels, factors, fixed::output_stage(activation, y))?;
        let numbers = Numbers { taps, weights, bias: &layer.bias, factors: &layer.factors };
        let packing = choose::fully_connected(self.target, storage, &numbers);
        let [rows_64, taps_64, outputs_64] = [rows, taps, outputs].map(|extent| extent as u64);
        let macs = rows_64 * taps_64 * outputs_64;
        let work = Work { input: rows_64 * taps_64, output: rows_64 * outputs_64, gathered: 0, macs };
        let is_worth = cost::is_worth_packing(self.target, "fully-connected-i8", packing as u8, &work);
        let packing = if is_worth { packing } else { Packing::RowMajor };
        let mut packed = vec![0; packing.weight_len(storage, outputs, taps)];
        packing.pack(storage, outputs, Taps::flat(taps), weights, &mut packed);
        let (quant, constants) = layer.encode(&packed);
        let record = FullyConnectedI8 {
            constants: self.constants.add(constants)?,
            rows: narrow(rows, "the number of rows")?,
            taps: narrow(taps, "the number of inputs")?,
            outputs: narrow(outputs, "the number of outputs")?,
            quant,
        };
        let overlap = Overlap::rows(rows, taps, outputs);
        let step = self.step(OpCode::FullyConnected, record, [node.inputs[0], node.output()], overlap);
        let scratch_bytes = fully_connected_i8_scratch_len(taps, packing);
        self.push(Step {
            form: WeightForm { packing: packing as u8, storage: storage as u8 },
            scratch_bytes: Some(scratch_bytes),
            ..step
        });
        Ok(())
    }

    fn fully_connected_f32(
        &mut self,
        node: &Node,
        [rows, taps, outputs]: [usize; 3],
        activation: Activation,
    ) -> Result<(), Reason> {
        let weights = self.f32s(node.inputs[1])?;
        let bias = match node.inputs.get(2) {
            Some(&id) => self.f32s(id)?.to_vec(),
            None => vec![0.0; outputs],
        };
        let (min, max) = clamp_f32(activation);
        let record = FullyConnectedF32 {
            constants: self.constants.add(f32_bytes(bias.iter().chain(weights)))?,
            rows: narrow(rows, "the number of rows")?,
            taps: narrow(taps, "the number of inputs")?,
            outputs: narrow(outputs, "the number of outputs")?,
            min,
            max,
        };
        let overlap = Overlap::rows(rows, 4 * taps, 4 * outputs);
        self.push(self.step(OpCode::FullyConnected, record, [node.inputs[0], node.output()], overlap));
        Ok(())
    }
}
