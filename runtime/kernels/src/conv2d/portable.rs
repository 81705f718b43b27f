//! Conv2D by gathering one pixel's patch and multiplying it by every row of weights.
//!
//! Gathering costs one copy for each tap and pays for itself: the inner loop runs over two contiguous
//! vectors, and the output may overlap the input. Patches are `[groups, KH, KW, C / groups]`.

use super::{Conv2dI8, Geometry};
use crate::dense::{Dense, Vector};
use crate::io::{Io, range};

/// Any convolution in [`super::Packing::RowMajor`].
pub(crate) fn conv2d_i8(layer: &Conv2dI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    if !layer.fits(io, layer.weight_len()) {
        return io.refuse();
    }
    let geometry = &layer.geometry;
    let taps = geometry.taps();
    let group_outputs = geometry.output[2].checked_div(geometry.groups).unwrap_or(0);
    for_each_patch(layer, io, scratch, |io, patch, pixel| {
        let mut outputs = 0..group_outputs;
        for group in 0..geometry.groups {
            let vector = range(patch, group.wrapping_mul(taps), taps);
            let at = pixel.wrapping_mul(geometry.output[2]).wrapping_add(outputs.start);
            dense(layer).row_major(io, Vector::Gathered(vector), outputs.clone(), at);
            outputs = outputs.end..outputs.end.wrapping_add(group_outputs);
        }
    });
}

/// The weights, and what happens to their sums.
pub(crate) fn dense<'a>(layer: &Conv2dI8<'a>) -> Dense<'a> {
    Dense {
        taps: layer.geometry.taps(),
        weights: layer.weights,
        bias: layer.bias,
        requant: layer.requant,
        stage: layer.stage,
    }
}

/// Gathers the patch of each pixel in raster order and calls `compute(io, patch, pixel)`.
pub(crate) fn for_each_patch(
    layer: &Conv2dI8,
    io: &mut Io<i8>,
    scratch: &mut [i8],
    mut compute: impl FnMut(&mut Io<i8>, &[i8], usize),
) {
    let geometry = &layer.geometry;
    let patch_len = geometry.taps().saturating_mul(geometry.groups);
    let Some(patch) = scratch.get_mut(..patch_len) else { return io.refuse() };
    let [height, width, _] = geometry.output;
    let mut pixel: usize = 0;
    for y in 0..height {
        for x in 0..width {
            gather(layer, io.input(), (y, x), patch);
            compute(io, patch, pixel);
            pixel = pixel.wrapping_add(1);
        }
    }
}

/// Copies the inputs of output pixel `at` into `patch`.
#[inline]
pub(crate) fn gather(layer: &Conv2dI8, input: &[i8], at: (usize, usize), patch: &mut [i8]) {
    let geometry = &layer.geometry;
    if geometry.groups == 1 && geometry.dilation[1] == 1 {
        gather_rows(geometry, layer.padding_value, input, at, patch);
    } else {
        gather_taps(geometry, layer.padding_value, input, at, patch);
    }
}

/// One run of neighbouring pixels for each row of the window.
fn gather_rows(geometry: &Geometry, padding: i8, input: &[i8], (y, x): (usize, usize), patch: &mut [i8]) {
    let [_, width, channels] = geometry.input;
    let [kernel_height, kernel_width] = geometry.kernel;
    // Columns of the window: `outside` lie left of the image, then `inside` in it, the others to its right.
    let origin = x.wrapping_mul(geometry.stride[1]);
    let outside = geometry.pad[1].saturating_sub(origin).min(kernel_width);
    let first = origin.saturating_sub(geometry.pad[1]);
    let inside = kernel_width.saturating_sub(outside).min(width.saturating_sub(first));
    let mut rest = patch;
    for i in 0..kernel_height {
        let Some((row, tail)) = rest.split_at_mut_checked(kernel_width.wrapping_mul(channels)) else { return };
        rest = tail;
        let Some(source_row) = geometry.source(0, y, i) else {
            fill(row, padding);
            continue;
        };
        let start = source_row.wrapping_mul(width).wrapping_add(first).wrapping_mul(channels);
        let run = range(input, start, inside.wrapping_mul(channels));
        let Some((left, row)) = row.split_at_mut_checked(outside.wrapping_mul(channels)) else { return };
        let Some((middle, right)) = row.split_at_mut_checked(run.len()) else { return };
        fill(left, padding);
        copy(middle, run);
        fill(right, padding);
    }
}

/// One pixel's channels of one group at a time: dilated windows and groups.
fn gather_taps(geometry: &Geometry, padding: i8, input: &[i8], at: (usize, usize), patch: &mut [i8]) {
    let [_, _, channels] = geometry.input;
    let group_channels = channels.checked_div(geometry.groups).unwrap_or(0);
    let mut rest = patch;
    for group in 0..geometry.groups {
        for i in 0..geometry.kernel[0] {
            for j in 0..geometry.kernel[1] {
                let Some((tap, tail)) = rest.split_at_mut_checked(group_channels) else { return };
                rest = tail;
                match geometry.source_pixel(at, (i, j)) {
                    Some(pixel) => {
                        let start = pixel.wrapping_mul(channels).wrapping_add(group.wrapping_mul(group_channels));
                        copy(tap, range(input, start, group_channels));
                    }
                    None => fill(tap, padding),
                }
            }
        }
    }
}

#[inline]
fn fill(to: &mut [i8], value: i8) {
    for element in to {
        *element = value;
    }
}

#[inline]
fn copy(to: &mut [i8], from: &[i8]) {
    for (element, value) in to.iter_mut().zip(from) {
        *element = *value;
    }
}
