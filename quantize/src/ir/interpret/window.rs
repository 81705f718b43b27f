//! Operators that slide a window over a plane.

use super::Tensor;
use crate::ir::{Op, Padding, Window};

/// The input position under `tap`, when it is not padding.
fn position(output: usize, stride: usize, tap: usize, dilation: usize, pad: usize, extent: usize) -> Option<usize> {
    (output * stride + tap * dilation).checked_sub(pad).filter(|&at| at < extent)
}

fn element(x: Tensor<'_>, [n, row, column, channel]: [usize; 4]) -> f64 {
    let &[_, height, width, channels] = x.shape else { return 0.0 };
    f64::from(x.data[((n * height + row) * width + column) * channels + channel])
}

/// Calls `visit` for every output position and channel, in order.
fn for_each_output(shape: &[usize], mut visit: impl FnMut([usize; 4]) -> f64) -> Vec<f32> {
    let &[batch, rows, columns, channels] = shape else { return Vec::new() };
    let mut result = Vec::with_capacity(batch * rows * columns * channels);
    for n in 0..batch {
        for row in 0..rows {
            for column in 0..columns {
                result.extend((0..channels).map(|channel| visit([n, row, column, channel]) as f32));
            }
        }
    }
    result
}

/// Conv2D and DepthwiseConv2D: they differ in which input channels an output channel sees.
pub(super) fn convolve(op: &Op, inputs: &[Tensor<'_>], shape: &[usize]) -> Vec<f32> {
    let (x, w) = (inputs[0], inputs[1]);
    let (stride, dilation, padding, outputs_per_group, depthwise) = match op {
        Op::Conv2D { stride, dilation, padding, groups, .. } => (stride, dilation, padding, w.shape[0] / groups, false),
        Op::DepthwiseConv2D { stride, dilation, padding, multiplier, .. } => {
            (stride, dilation, padding, *multiplier, true)
        }
        _ => return Vec::new(),
    };
    let (kernel_h, kernel_w) = (w.shape[1], w.shape[2]);
    let depth = if depthwise { 1 } else { w.shape[3] };
    let weight = |output: usize, tap_h: usize, tap_w: usize, channel: usize| {
        let tap = tap_h * kernel_w + tap_w;
        f64::from(if depthwise {
            w.data[tap * w.shape[3] + output]
        } else {
            w.data[(output * kernel_h * kernel_w + tap) * depth + channel]
        })
    };
    let Padding { top, left, .. } = *padding;
    for_each_output(shape, |[n, row, column, output]| {
        let first = output / outputs_per_group * depth;
        let mut sum = inputs.get(2).map_or(0.0, |bias| f64::from(bias.data[output]));
        for tap_h in 0..kernel_h {
            let Some(y) = position(row, stride[0], tap_h, dilation[0], top, x.shape[1]) else { continue };
            for tap_w in 0..kernel_w {
                let Some(z) = position(column, stride[1], tap_w, dilation[1], left, x.shape[2]) else { continue };
                for channel in 0..depth {
                    sum += element(x, [n, y, z, first + channel]) * weight(output, tap_h, tap_w, channel);
                }
            }
        }
        sum
    })
}

/// Gathers the real elements under each window and reduces them.
pub(super) fn pool(window: &Window, x: Tensor<'_>, shape: &[usize], reduce: fn(&[f64]) -> f64) -> Vec<f32> {
    let Padding { top, left, .. } = window.padding;
    let mut seen = Vec::new();
    for_each_output(shape, |[n, row, column, channel]| {
        seen.clear();
        for tap_h in 0..window.size[0] {
            let Some(y) = position(row, window.stride[0], tap_h, 1, top, x.shape[1]) else { continue };
            for tap_w in 0..window.size[1] {
                if let Some(z) = position(column, window.stride[1], tap_w, 1, left, x.shape[2]) {
                    seen.push(element(x, [n, y, z, channel]));
                }
            }
        }
        reduce(&seen)
    })
}

pub(super) fn mean(seen: &[f64]) -> f64 {
    seen.iter().sum::<f64>() / seen.len() as f64
}

pub(super) fn maximum(seen: &[f64]) -> f64 {
    seen.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}
