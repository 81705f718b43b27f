//! FullyConnected over [`Packing::FourBySixteen`](crate::packing::Packing::FourBySixteen) weights.

use super::kernel::{Constants, Kernel};
use crate::Io;
use crate::fully_connected::FullyConnectedI8;

/// See [`crate::fully_connected::fully_connected_i8`].
#[inline(never)]
pub(crate) fn fully_connected_i8(layer: &FullyConnectedI8, io: &mut Io<i8>, _scratch: &mut [i8]) {
    let (taps, outputs) = (layer.taps, layer.outputs);
    let constants = Constants { weights: layer.weights, bias: layer.bias, requant: &layer.requant, outputs, taps };
    if !constants.is_sound() {
        return io.refuse();
    }
    let mut kernel = Kernel::new(&constants, layer.stage);
    kernel.windows((1, taps), 0, 0);
    // One factor for all channels is usual here, so that the buffers are this function's own.
    let words = [layer.requant.words.first().copied().unwrap_or(0); 4];
    let is_regular = outputs.is_multiple_of(4) && (layer.requant.words.len() > 1 || layer.requant.extra.is_empty());
    if layer.requant.words.len() == 1 {
        (kernel.words, kernel.word_step) = (words.as_ptr(), 0);
    }
    for row in 0..layer.rows {
        let start = row.wrapping_mul(taps);
        let Some(input) = io.input().get(start..start.wrapping_add(taps)) else { return io.refuse() };
        let input = input.as_ptr();
        let start = row.wrapping_mul(outputs);
        let Some(output) = io.output().get_mut(start..start.wrapping_add(outputs)) else { return io.refuse() };
        if is_regular {
            // SAFETY: `input` has `taps` bytes and `output` whole blocks; the constants were checked. By the operator's
            // contract the output does not touch the row's input; if it did, numbers would differ, not extents.
            unsafe { kernel.vector(input, output.as_mut_ptr()) };
        } else {
            irregular(&constants, &mut kernel, input, output);
        }
    }
}

/// Channels that are not whole blocks, by way of a buffer. `input` has the layer's taps.
#[inline(never)]
fn irregular(constants: &Constants, kernel: &mut Kernel, input: *const i8, output: &mut [i8]) {
    constants.for_each_block(kernel, &mut |kernel, first| {
        let mut values = [0i8; 4];
        // SAFETY: the taps by the contract of this function; one block, whose constants are in buffers, and its outputs.
        unsafe { kernel.vector(input, values.as_mut_ptr()) };
        output.iter_mut().skip(first).zip(values).for_each(|(place, value)| *place = value);
    });
}
