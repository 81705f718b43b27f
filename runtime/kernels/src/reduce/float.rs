//! Reductions of floats.

use super::blocks::reduce;
use super::{Kind, ReduceF32, counts};
use crate::Io;

/// Computes the reduction. No scratch.
pub fn reduce_f32(layer: &ReduceF32, io: &mut Io<f32>) {
    let count = counts(&layer.extents)[1] as f32;
    let is_mean = layer.kind == Kind::Mean;
    reduce(layer.kind, &layer.extents, io, |sum: f32| if is_mean { sum / count } else { sum });
}
