//! Windows that slide over the plane of `x [N, H, W, C]`: shapes, and sums and maxima under them.

use super::attributes::{Padding, Slide, Window};
use super::operands::nhwc;
use super::real::Real;
use crate::op::rule::time::{Absent, Reach, TimeRule};
use crate::value::{Shape, ShapeError, fail};

/// Number of window positions along one axis.
fn positions(extent: usize, pad: [usize; 2], kernel: usize, stride: usize, dilation: usize) -> Option<usize> {
    let reach = kernel.checked_sub(1)?.checked_mul(dilation)?.checked_add(1)?;
    let padded = extent.checked_add(pad[0])?.checked_add(pad[1])?;
    padded.checked_sub(reach)?.checked_div(stride)?.checked_add(1)
}

/// Output height and width of a sliding window.
pub(crate) fn output_extent(input: [usize; 2], kernel: [usize; 2], slide: &Slide) -> Result<[usize; 2], ShapeError> {
    let Slide { stride, dilation, padding } = slide;
    if stride.contains(&0) || dilation.contains(&0) || kernel.contains(&0) {
        return fail(format!("kernel {kernel:?}, stride {stride:?} and dilation {dilation:?} must not be zero"));
    }
    let rows = positions(input[0], [padding.top, padding.bottom], kernel[0], stride[0], dilation[0]);
    let columns = positions(input[1], [padding.left, padding.right], kernel[1], stride[1], dilation[1]);
    match (rows, columns) {
        (Some(rows), Some(columns)) => Ok([rows, columns]),
        _ => fail(format!(
            "kernel {kernel:?} with dilation {dilation:?} is larger than the padded input {input:?} ({padding:?})"
        )),
    }
}

/// How a kernel that slides over the plane goes along an axis of `[N, H, W, C]`.
pub(crate) fn time_rule(axis: usize, kernel: [usize; 2], slide: &Slide, absent: Absent) -> TimeRule {
    let Padding { top, left, .. } = slide.padding;
    let (place, before) = match axis {
        0 => return TimeRule::Rows(0),
        1 => (0, top),
        2 => (1, left),
        _ => return TimeRule::Whole,
    };
    let size = kernel[place].saturating_sub(1) * slide.dilation[place] + 1;
    TimeRule::Windows(Reach { size, stride: slide.stride[place], before: before as isize, absent })
}

/// Takes the padding along an axis of the plane away.
pub(crate) fn begin_with_first_row(axis: usize, padding: &mut Padding) {
    match axis {
        1 => (padding.top, padding.bottom) = (0, 0),
        2 => (padding.left, padding.right) = (0, 0),
        _ => {}
    }
}

/// The shape that a pooling window makes of `x`.
pub(crate) fn pooled(window: &Window, x: &[usize]) -> Result<Shape, ShapeError> {
    let [n, height, width, channels] = nhwc(x)?;
    // A window that lies in the padding altogether would have no mean and no maximum.
    if lies_in_padding(window) {
        return fail(format!("padding {:?} reaches the window's size {:?}", window.padding, window.size));
    }
    let [rows, columns] = output_extent([height, width], window.size, &window.slide())?;
    Ok(vec![n, rows, columns, channels])
}

/// True when a window can have no element of its operand.
pub(crate) fn lies_in_padding(window: &Window) -> bool {
    let Padding { top, bottom, left, right } = window.padding;
    top.max(bottom) >= window.size[0] || left.max(right) >= window.size[1]
}

/// The input position under `tap`, when it is not padding.
fn position(output: usize, stride: usize, tap: usize, dilation: usize, pad: usize, extent: usize) -> Option<usize> {
    (output * stride + tap * dilation).checked_sub(pad).filter(|&at| at < extent)
}

/// The element of `x [N, H, W, C]` at an index.
pub(crate) fn element(x: Real<'_>, [n, row, column, channel]: [usize; 4]) -> f64 {
    let &[_, height, width, channels] = x.shape else { return 0.0 };
    f64::from(x.data[((n * height + row) * width + column) * channels + channel])
}

/// Calls `visit` for every position and channel of a result, in order.
pub(crate) fn for_each_output(shape: &[usize], mut visit: impl FnMut([usize; 4]) -> f64) -> Vec<f32> {
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

/// The bias of each output channel, and what `add(sum, output channel, [tap row, tap column], [n, row, column])` makes
/// of it for each tap that lies in the image.
pub(crate) fn convolved(
    inputs: &[Real<'_>],
    shape: &[usize],
    slide: &Slide,
    add: impl Fn(f64, usize, [usize; 2], [usize; 3]) -> f64,
) -> Vec<f32> {
    let (x, w) = (inputs[0], inputs[1]);
    let Slide { stride, dilation, padding } = *slide;
    for_each_output(shape, |[n, row, column, output]| {
        let mut sum = inputs.get(2).map_or(0.0, |bias| f64::from(bias.data[output]));
        for tap_h in 0..w.shape[1] {
            let Some(y) = position(row, stride[0], tap_h, dilation[0], padding.top, x.shape[1]) else { continue };
            for tap_w in 0..w.shape[2] {
                let Some(z) = position(column, stride[1], tap_w, dilation[1], padding.left, x.shape[2]) else {
                    continue;
                };
                sum = add(sum, output, [tap_h, tap_w], [n, y, z]);
            }
        }
        sum
    })
}

/// Gathers the real elements under each window and reduces them.
pub(crate) fn pool(window: &Window, x: Real<'_>, shape: &[usize], reduce: fn(&[f64]) -> f64) -> Vec<f32> {
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
