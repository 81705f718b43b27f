//! TransposeConv2D of int8, four output channels at a time.

use super::dots;
use crate::Io;
use crate::io::range;
use crate::transpose_conv::{TransposeConvI8, portable};

/// See [`crate::transpose_conv::transpose_conv_i8`].
pub(crate) fn transpose_conv_i8(layer: &TransposeConvI8, io: &mut Io<i8>) {
    portable::with_sums(layer, io, |input, window, done| {
        if window.outputs.1.wrapping_sub(done) < 4 {
            return portable::four(layer, input, window, done);
        }
        let mut sums = [0; 4];
        let [first, ..] = window.rows(done);
        window.runs.for_each(|source, weight, len| {
            let weights = layer.weights.get(first.wrapping_add(weight)..).unwrap_or_default();
            dots::along(range(input, source, len), weights, window.row_len, layer.input_zero_point, &mut sums);
        });
        sums
    });
}
