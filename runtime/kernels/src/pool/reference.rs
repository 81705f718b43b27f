//! Pooling as its formula: over the positions of a window that lie inside the image. Input and output must not overlap.

use super::{PoolF32, PoolI8, PoolI16, rounded_average};
use crate::Io;
use crate::conv2d::Geometry;
use crate::formula::{Tensor, Wrapping, positions};

/// The average pooling that every `average_pool_i8` kernel equals to the bit.
pub fn average_pool_i8_reference(layer: &PoolI8, io: &mut Io<i8>) {
    averages(&layer.geometry, io, |average| layer.clamp(average));
}

/// The maximum pooling that every `max_pool_i8` kernel equals to the bit.
pub fn max_pool_i8_reference(layer: &PoolI8, io: &mut Io<i8>) {
    maxima(&layer.geometry, io, i8::MIN, |max| layer.clamp(max));
}

/// The average pooling that every `average_pool_i16` kernel equals to the bit.
pub fn average_pool_i16_reference(layer: &PoolI16, io: &mut Io<i16>) {
    averages(&layer.geometry, io, |average| layer.clamp(average));
}

/// The maximum pooling that every `max_pool_i16` kernel equals to the bit.
pub fn max_pool_i16_reference(layer: &PoolI16, io: &mut Io<i16>) {
    maxima(&layer.geometry, io, i16::MIN, |max| layer.clamp(max));
}

/// Rounded averages of codes.
fn averages<T: Copy + Default + Into<i32>>(geometry: &Geometry, io: &mut Io<T>, clamp: impl Fn(i32) -> T) {
    for (at, position) in positions(geometry.output).enumerate() {
        let (mut sum, mut count) = (Wrapping(0_i32), Wrapping(0_i32));
        for element in elements(geometry, io.input(), position) {
            sum += element.into();
            count += 1;
        }
        io.set(at, clamp(rounded_average(sum.0, count.0)));
    }
}

/// The largest codes; `lowest` where a window has none.
fn maxima<T: Copy + Default + Ord + Into<i32>>(
    geometry: &Geometry,
    io: &mut Io<T>,
    lowest: T,
    clamp: impl Fn(i32) -> T,
) {
    for (at, position) in positions(geometry.output).enumerate() {
        let max = elements(geometry, io.input(), position).fold(lowest, T::max);
        io.set(at, clamp(max.into()));
    }
}

/// The average pooling that every `average_pool_f32` kernel equals to the bit.
pub fn average_pool_f32_reference(layer: &PoolF32, io: &mut Io<f32>) {
    for (at, position) in positions(layer.geometry.output).enumerate() {
        let (mut sum, mut count) = (0.0_f32, 0.0_f32);
        for element in elements(&layer.geometry, io.input(), position) {
            sum += element;
            count += 1.0;
        }
        io.set(at, layer.clamp.apply(if count > 0.0 { sum / count } else { 0.0 }));
    }
}

/// The maximum pooling that every `max_pool_f32` kernel equals to the bit.
pub fn max_pool_f32_reference(layer: &PoolF32, io: &mut Io<f32>) {
    for (at, position) in positions(layer.geometry.output).enumerate() {
        let window = elements(&layer.geometry, io.input(), position);
        let max = window.fold(f32::MIN, |max, x| if x > max { x } else { max });
        io.set(at, layer.clamp.apply(max));
    }
}

/// The elements of the window of output `[y, x, c]`.
fn elements<'a, T: Copy + Default>(
    geometry: &'a Geometry,
    input: &'a [T],
    [y, x, c]: [usize; 3],
) -> impl Iterator<Item = T> + 'a {
    let input = Tensor::new(input, geometry.input);
    let pixels = positions(geometry.kernel).filter_map(move |tap| geometry.source_at([y, x], tap));
    pixels.map(move |[row, column]| input.at([row, column, c]))
}
