//! Mean of int8.

use super::MeanI8;
use super::blocks::{Shape, reduce};
use crate::Io;

/// Computes the mean. No scratch.
pub(crate) fn mean_i8(layer: &MeanI8, io: &mut Io<i8>) {
    let shape = Shape { outer: layer.outer, reduced: layer.reduced, inner: layer.inner };
    let offset = layer.input_zero_point.wrapping_mul(layer.reduced as i32);
    reduce(
        shape,
        io,
        |sum: i32, x: i8| sum.wrapping_add(x.into()),
        |sum| layer.stage.apply(sum.wrapping_sub(offset), layer.factor),
    );
}
