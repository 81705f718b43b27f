//! Mean of floats.

use super::MeanF32;
use super::blocks::{Shape, reduce};
use crate::Io;

/// Computes the mean. No scratch.
pub fn mean_f32(layer: &MeanF32, io: &mut Io<f32>) {
    let shape = Shape { outer: layer.outer, reduced: layer.reduced, inner: layer.inner };
    let count = layer.reduced as f32;
    reduce(shape, io, |sum: f32, x: f32| sum + x, |sum| sum / count);
}
