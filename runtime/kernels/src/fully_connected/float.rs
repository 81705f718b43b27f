//! FullyConnected of floats, four outputs at a time: four sums that do not wait for each other.

use super::FullyConnectedF32;
use crate::io::{Io, range};

/// Outputs that are summed together.
const OUTPUTS: usize = 4;

/// Computes the layer. No scratch.
pub(crate) fn fully_connected_f32(layer: &FullyConnectedF32, io: &mut Io<f32>) {
    if !layer.fits(io) {
        return io.refuse();
    }
    for row in 0..layer.rows {
        let mut at = row.wrapping_mul(layer.outputs);
        let mut o: usize = 0;
        while o < layer.outputs {
            let count = layer.outputs.wrapping_sub(o).min(OUTPUTS);
            let input = range(io.input(), row.wrapping_mul(layer.taps), layer.taps);
            let sums = block(layer, input, o, count);
            let output = io.output().get_mut(at..at.saturating_add(count)).unwrap_or_default();
            for (value, sum) in output.iter_mut().zip(sums) {
                *value = layer.clamp.apply(sum);
            }
            o = o.wrapping_add(OUTPUTS);
            at = at.wrapping_add(OUTPUTS);
        }
    }
}

/// Outputs `o .. o + count`. The first row of weights stands in for those that are missing.
fn block(layer: &FullyConnectedF32, input: &[f32], o: usize, count: usize) -> [f32; OUTPUTS] {
    let index = |k: usize| o.wrapping_add(if k < count { k } else { 0 });
    let row = |k: usize| range(layer.weights, index(k).wrapping_mul(layer.taps), layer.taps);
    let mut sums = [0, 1, 2, 3].map(|k| layer.bias.get(index(k)).copied().unwrap_or(0.0));
    for ((((x, a), b), c), d) in input.iter().zip(row(0)).zip(row(1)).zip(row(2)).zip(row(3)) {
        sums[0] += *x * *a;
        sums[1] += *x * *b;
        sums[2] += *x * *c;
        sums[3] += *x * *d;
    }
    sums
}
