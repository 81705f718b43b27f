//! FullyConnected of int16 activations with int8 weights.
//!
//! - Shapes and weights as in [`super`], weights `[outputs, taps]`.
//! - `output[r, o] = stage(sum over k of input[r, k] * weight[o, k])` with the bias and the rounding of [`StageI16`].
//! - Overlapping input and output: as in [`super`]. No scratch.

use crate::Io;
use crate::int16::{StageI16, add_rows};
use crate::io::range;

/// Everything a dense layer of int16 activations needs besides these.
#[derive(Clone, Copy, Debug)]
pub struct FullyConnectedI16<'a> {
    /// Rows of the input and of the output: the batch.
    pub rows: usize,
    /// Inputs of a row.
    pub taps: usize,
    /// Outputs of a row.
    pub outputs: usize,
    /// `[outputs, taps]`.
    pub weights: &'a [i8],
    /// Bias, factors, rounding and clamp.
    pub stage: StageI16<'a>,
}

impl FullyConnectedI16<'_> {
    /// True when every slice is as long as the layer needs.
    fn fits(&self, io: &Io<i16>) -> bool {
        let FullyConnectedI16 { rows, taps, outputs, .. } = *self;
        io.has(rows.saturating_mul(taps), rows.saturating_mul(outputs))
            && self.stage.suffices(outputs)
            && self.weights.len() >= outputs.saturating_mul(taps)
    }
}

/// Computes the layer, four outputs at a time.
pub fn fully_connected_i16(layer: &FullyConnectedI16, io: &mut Io<i16>) {
    if !layer.fits(io) {
        return io.refuse();
    }
    for row in 0..layer.rows {
        let at = row.wrapping_mul(layer.outputs);
        let mut o: usize = 0;
        while o < layer.outputs {
            // The last block may have fewer outputs; its first stands in for the others, whose sums are dropped.
            let block = layer.outputs.wrapping_sub(o).min(4);
            let weights = |index: usize| {
                let output = o.wrapping_add(if index < block { index } else { 0 });
                range(layer.weights, output.wrapping_mul(layer.taps), layer.taps)
            };
            let rows = [weights(0), weights(1), weights(2), weights(3)];
            let mut sums = [0_i64; 4];
            add_rows(&mut sums, range(io.input(), row.wrapping_mul(layer.taps), layer.taps), rows);
            for (index, sum) in sums.into_iter().enumerate().take(block) {
                let output = o.wrapping_add(index);
                io.set(at.wrapping_add(output), layer.stage.apply(output, sum));
            }
            o = o.wrapping_add(block);
        }
    }
}
