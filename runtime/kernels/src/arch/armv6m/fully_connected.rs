//! FullyConnected over [`Packing::FourChannelsUnsigned`](crate::packing::Packing::FourChannelsUnsigned) weights.

use crate::Io;
use crate::fully_connected::FullyConnectedI8;
use crate::io::range;
use crate::numerics::{OutputStage, Requant};

/// Arguments of the assembly.
#[repr(C)]
pub(super) struct Quads {
    pub(super) input: *const i8,
    /// Not zero.
    pub(super) taps: usize,
    /// `[ceil(outputs / 4)][taps]` words.
    pub(super) weights: *const i8,
    /// What weights less 128 make of sums of weights, in all four bytes.
    pub(super) start: i32,
    pub(super) bias: *const i32,
    pub(super) requant: *const u32,
    /// Bytes from one word to the next: 4, or 0 when there is one for all channels.
    pub(super) requant_stride: usize,
    /// Extra shifts, or null.
    pub(super) extra: *const u8,
    /// Bytes from one to the next.
    pub(super) extra_stride: usize,
    /// Right shift of a word whose top bits are zero, plus 6.
    pub(super) shift: i32,
    /// `2 * zero_point + 1`.
    pub(super) rounding: i32,
    /// Half of what the product is shifted by.
    pub(super) half: i32,
    /// What makes halves of negative numbers round away from zero.
    pub(super) negative: i32,
    pub(super) min: i32,
    pub(super) max: i32,
    pub(super) output: *mut i8,
    /// Outputs, not zero.
    pub(super) count: usize,
}

unsafe extern "C" {
    /// `count` outputs of one vector. Reads input, weights and constants to the extents given above, and overwrites
    /// the pointers in `quads`.
    fn kinglet_armv6m_quads(quads: *mut Quads);
}

/// See [`crate::fully_connected::fully_connected_i8`].
pub(crate) fn fully_connected_i8(layer: &FullyConnectedI8, io: &mut Io<i8>, _scratch: &mut [i8]) {
    let (rows, taps, outputs) = (layer.rows, layer.taps, layer.outputs);
    let FullyConnectedI8 { stage, weights, bias, requant, .. } = *layer;
    for row in 0..rows {
        let vector = Vector::new(range(io.input(), row.wrapping_mul(taps), taps));
        let start = row.wrapping_mul(outputs);
        let output = io.output().get_mut(start..start.wrapping_add(outputs)).unwrap_or_default();
        if !quads(&vector, weights, bias, &requant, stage, output) {
            return *io = Io::refused();
        }
    }
}

/// An input vector. The output, which is borrowed later, may be in the same memory, behind it or before it.
struct Vector {
    input: *const i8,
    taps: usize,
    sum: i32,
}

impl Vector {
    fn new(input: &[i8]) -> Self {
        let sum = input.iter().fold(0i32, |sum, &x| sum.wrapping_add(i32::from(x)));
        Vector { input: input.as_ptr(), taps: input.len(), sum }
    }
}

/// The product, saturated, most often without the call that a long multiplication is on this machine.
#[inline(never)]
fn product(a: usize, b: usize) -> usize {
    if (a | b) >> 16 == 0 { a.wrapping_mul(b) } else { a.saturating_mul(b) }
}

/// All outputs of one vector. False, and nothing done, when there is no vector, no output, or too few constants.
fn quads(
    vector: &Vector,
    weights: &[i8],
    bias: &[i32],
    requant: &Requant,
    stage: OutputStage,
    output: &mut [i8],
) -> bool {
    let (taps, outputs) = (vector.taps, output.len());
    let (words, extra) = (requant.words.len(), requant.extra.len());
    let constants = bias.len() >= outputs && (words == 1 || words >= outputs) && (extra == 0 || extra >= words);
    let aligned = (weights.as_ptr() as usize).is_multiple_of(4);
    let whole = weights.len() / 4 >= product(outputs.div_ceil(4), taps);
    if !(constants && aligned && whole && taps > 0 && outputs > 0) {
        return false;
    }
    let stride = if words == 1 { 0 } else { 4 };
    let mut quads = Quads {
        input: vector.input,
        taps,
        weights: weights.as_ptr(),
        start: vector.sum.wrapping_mul(-128).wrapping_mul(0x0101_0101),
        bias: bias.as_ptr(),
        requant: requant.words.as_ptr(),
        requant_stride: stride,
        extra: if extra == 0 { core::ptr::null() } else { requant.extra.as_ptr() },
        extra_stride: stride / 4,
        shift: requant.shift_base.wrapping_neg().wrapping_add(6),
        rounding: stage.zero_point.wrapping_mul(2).wrapping_add(1),
        half: 1 << 6,
        negative: -1 << 7,
        min: stage.min,
        max: stage.max,
        output: output.as_mut_ptr(),
        count: outputs,
    };
    // SAFETY: weights, biases, words and extra shifts suffice for all outputs, as checked; the input's slice had
    // `taps` elements.
    unsafe { kinglet_armv6m_quads(&mut quads) };
    true
}
