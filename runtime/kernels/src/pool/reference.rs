//! Pooling as its formula. Input and output must not overlap.

use super::{PoolF32, PoolI8, rounded_average};
use crate::Io;
use crate::conv2d::Geometry;

/// The average pooling that every `average_pool_i8` kernel equals to the bit.
pub fn average_pool_i8_reference(layer: &PoolI8, io: &mut Io<i8>) {
    for_each_window(&layer.geometry, io, |input, window, geometry| {
        let (mut sum, mut count) = (0_i32, 0_i32);
        for_each_tap(geometry, window, |at| {
            sum = sum.wrapping_add(input.get(at).copied().unwrap_or(0).into());
            count = count.wrapping_add(1);
        });
        layer.clamp(rounded_average(sum, count))
    });
}

/// The maximum pooling that every `max_pool_i8` kernel equals to the bit.
pub fn max_pool_i8_reference(layer: &PoolI8, io: &mut Io<i8>) {
    for_each_window(&layer.geometry, io, |input, window, geometry| {
        let mut max = i8::MIN;
        for_each_tap(geometry, window, |at| max = max.max(input.get(at).copied().unwrap_or(i8::MIN)));
        layer.clamp(max.into())
    });
}

/// The average pooling that every `average_pool_f32` kernel equals to the bit.
pub fn average_pool_f32_reference(layer: &PoolF32, io: &mut Io<f32>) {
    for_each_window(&layer.geometry, io, |input, window, geometry| {
        let (mut sum, mut count) = (0.0_f32, 0.0_f32);
        for_each_tap(geometry, window, |at| {
            sum += input.get(at).copied().unwrap_or(0.0);
            count += 1.0;
        });
        layer.clamp.apply(if count > 0.0 { sum / count } else { 0.0 })
    });
}

/// The maximum pooling that every `max_pool_f32` kernel equals to the bit.
pub fn max_pool_f32_reference(layer: &PoolF32, io: &mut Io<f32>) {
    for_each_window(&layer.geometry, io, |input, window, geometry| {
        let mut max = f32::MIN;
        for_each_tap(geometry, window, |at| {
            let x = input.get(at).copied().unwrap_or(f32::MIN);
            max = if x > max { x } else { max };
        });
        layer.clamp.apply(max)
    });
}

/// One output element.
#[derive(Clone, Copy)]
struct Window {
    y: usize,
    x: usize,
    channel: usize,
}

/// Writes what `pool` makes of each window, in the order of memory.
fn for_each_window<T>(geometry: &Geometry, io: &mut Io<T>, pool: impl Fn(&[T], Window, &Geometry) -> T) {
    let [height, width, channels] = geometry.output;
    let mut at: usize = 0;
    for y in 0..height {
        for x in 0..width {
            for channel in 0..channels {
                let value = pool(io.input(), Window { y, x, channel }, geometry);
                io.set(at, value);
                at = at.wrapping_add(1);
            }
        }
    }
}

/// Calls `visit` with each input element of the window that lies inside the image.
fn for_each_tap(geometry: &Geometry, window: Window, mut visit: impl FnMut(usize)) {
    let [_, _, channels] = geometry.input;
    let [height, width] = geometry.kernel;
    for i in 0..height {
        for j in 0..width {
            if let Some(pixel) = geometry.source_pixel((window.y, window.x), (i, j)) {
                visit(pixel.wrapping_mul(channels).wrapping_add(window.channel));
            }
        }
    }
}
