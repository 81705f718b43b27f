//! Functions of one float: ReLU, ReLU6 (a clamp), Logistic and Tanh.
//!
//! Overlapping input and output: the output may start at the input's first element or before it; in place is
//! fine.

use crate::Io;
use crate::float_math;
use crate::numerics::ClampF32;

/// Clamps each element: ReLU is `0..=inf`, ReLU6 is `0..=6`.
pub fn clamp_f32(clamp: ClampF32, io: &mut Io<f32>) {
    io.map_parts(|part| clamp.apply_all(part));
}

/// `1 / (1 + e^-x)` of each element.
pub fn logistic_f32(io: &mut Io<f32>) {
    io.map_parts(|part| part.iter_mut().for_each(|x| *x = float_math::logistic(*x)));
}

/// `tanh x` of each element.
pub fn tanh_f32(io: &mut Io<f32>) {
    io.map_parts(|part| part.iter_mut().for_each(|x| *x = float_math::tanh(*x)));
}
