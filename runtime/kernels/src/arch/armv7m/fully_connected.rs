//! FullyConnected over [`Packing::EightChannelsUnsigned`](crate::packing::Packing::EightChannelsUnsigned) weights.

use crate::Io;
use crate::fully_connected::FullyConnectedI8;

/// Arguments of the micro-kernel.
#[repr(C)]
#[derive(Debug)]
struct Vector {
    input: *const i8,
    weights: *const i8,
    taps: usize,
    /// Output channels.
    channels: usize,
    bias: *const i32,
    /// Requantization words.
    requant: *const u32,
    /// Right shift of a word whose top bits are zero, less 1.
    shift: i32,
    /// `2 * zero_point + 1`.
    rounding: i32,
    /// Bytes from one requantization word to the next: 4, or 0 when there is one for all channels.
    requant_stride: usize,
    output: *mut i8,
    /// Not zero when the clamp is narrower than `i8`.
    clamps: u32,
    min: i32,
    max: i32,
}

unsafe extern "C" {
    /// Reads `taps` inputs and, for `channels` channels, weights, biases and words; writes as many outputs, and
    /// overwrites the pointers and `channels`. Neither count is zero; `weights` is 4-byte aligned.
    fn kinglet_armv7m_vector(vector: *mut Vector);
}

assembly! {
    "vector.s",
    Vector {
        INPUT = input,
        WEIGHTS = weights,
        TAPS = taps,
        CHANNELS = channels,
        BIAS = bias,
        SHIFT = shift,
        CLAMPS = clamps,
        MIN = min,
    }
}

/// See [`crate::fully_connected::fully_connected_i8`]. Needs no scratch.
// A function of its own, so that its frame and the engine's are not one.
#[inline(never)]
pub(crate) fn fully_connected_i8(layer: &FullyConnectedI8, io: &mut Io<i8>, _scratch: &mut [i8]) {
    let (taps, outputs) = (layer.taps, layer.outputs);
    let words = layer.requant.words.len();
    let aligned = (layer.weights.as_ptr() as usize).is_multiple_of(4);
    let constants = layer.bias.len() >= outputs && (words == 1 || words >= outputs) && layer.requant.extra.is_empty();
    // Blocks of four channels for which there are weights; none when there are no taps.
    let blocks = (layer.weights.len() / 4).checked_div(taps).unwrap_or(0);
    if !(aligned && constants && blocks >= outputs.div_ceil(4) && taps > 0 && outputs > 0) {
        return io.refuse();
    }
    let stage = layer.stage;
    for row in 0..layer.rows {
        let start = row.wrapping_mul(taps);
        let Some(input) = io.input().get(start..start.wrapping_add(taps)).map(<[i8]>::as_ptr) else {
            return io.refuse();
        };
        let start = row.wrapping_mul(outputs);
        let Some(output) = io.output().get_mut(start..start.wrapping_add(outputs)) else { return io.refuse() };
        let mut vector = Vector {
            input,
            weights: layer.weights.as_ptr(),
            taps,
            channels: outputs,
            bias: layer.bias.as_ptr(),
            requant: layer.requant.words.as_ptr(),
            shift: layer.requant.shift_base.wrapping_neg().wrapping_sub(1),
            rounding: stage.zero_point.wrapping_mul(2).wrapping_add(1),
            requant_stride: if words == 1 { 0 } else { 4 },
            output: output.as_mut_ptr(),
            clamps: u32::from(stage.min > -128 || stage.max < 127),
            min: stage.min,
            max: stage.max,
        };
        // SAFETY: input and output are as long as `taps` and `outputs` say, which the constants suffice for, as
        // checked above. Outputs are not written over this row's input: the operator's contract.
        unsafe { kinglet_armv7m_vector(&mut vector) };
    }
}
