//! Reductions of int8 and int16.

use super::blocks::reduce;
use super::{ReduceInt, counts};
use crate::Io;

/// Computes the reduction. No scratch.
pub fn reduce_i8(layer: &ReduceInt, io: &mut Io<i8>) {
    let count = counts(&layer.extents)[1];
    reduce(layer.kind, &layer.extents, io, |sum: i32| layer.finish(sum, count, [-128, 127]) as i8);
}

/// Computes the reduction. No scratch.
pub fn reduce_i16(layer: &ReduceInt, io: &mut Io<i16>) {
    let count = counts(&layer.extents)[1];
    reduce(layer.kind, &layer.extents, io, |sum: i32| layer.finish(sum, count, [-32768, 32767]) as i16);
}
