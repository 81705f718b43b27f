//! Conv2D by gathering one pixel's patch and multiplying it by every row of weights.
//!
//! Gathering costs one copy for each tap and pays for itself: the inner loop runs over two contiguous
//! vectors, and the output may overlap the input. Patches are `[groups, KH, KW, C / groups]`.

use super::Conv2dI8;
use crate::dense::{Dense, Vector};
use crate::io::{Io, range};
use crate::patch::gather;
use crate::walk::Corners;

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
    let mut corners = Corners::new(geometry);
    for pixel in 0..geometry.pixels() {
        for (group, patch) in patch.chunks_exact_mut(geometry.taps().max(1)).enumerate() {
            gather((geometry, layer.padding_value), io.input(), corners.corner(), group, patch);
        }
        compute(io, patch, pixel);
        corners.advance(1);
    }
}
