//! Where the windows of output pixels lie in the input.

use crate::conv2d::Geometry;

/// What the windows of a layer have in common.
pub(super) struct Walk<'a> {
    geometry: &'a Geometry,
    /// Positions along the height and the width, from the first to behind the last, whose windows lie inside.
    inside: [(usize, usize); 2],
    /// Taps of a row of the window, contiguous in the input.
    pub(super) run: usize,
    /// From a row of the window to the next, in the input.
    pub(super) row_stride: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(geometry: &'a Geometry) -> Self {
        let [_, width, channels] = geometry.input;
        let run = geometry.kernel[1].wrapping_mul(channels);
        let row_stride = geometry.dilation[0].wrapping_mul(width).wrapping_mul(channels);
        let inside = |axis: usize| {
            let is_inside = |at: usize| {
                let last = geometry.kernel.get(axis).copied().unwrap_or(1).wrapping_sub(1);
                geometry.source(axis, at, 0).is_some() && geometry.source(axis, at, last).is_some()
            };
            let extent = geometry.output.get(axis).copied().unwrap_or(0);
            let first = (0..extent).find(|&at| is_inside(at)).unwrap_or(extent);
            (first, (first..extent).find(|&at| !is_inside(at)).unwrap_or(extent))
        };
        // Dilation along the width leaves no contiguous taps: every position counts as outside.
        let inside = if geometry.dilation[1] == 1 { [inside(0), inside(1)] } else { [(0, 0); 2] };
        Walk { geometry, inside, run, row_stride }
    }

    /// The first element of the window at `(y, x)`, if all of it is inside the image.
    #[inline]
    pub(super) fn start(&self, (y, x): (usize, usize)) -> Option<usize> {
        let [rows, columns] = self.inside;
        if y < rows.0 || y >= rows.1 || x < columns.0 || x >= columns.1 {
            return None;
        }
        let Geometry { input, stride, pad, .. } = self.geometry;
        let row = y.wrapping_mul(stride[0]).wrapping_sub(pad[0]);
        let column = x.wrapping_mul(stride[1]).wrapping_sub(pad[1]);
        Some(row.wrapping_mul(input[1]).wrapping_add(column).wrapping_mul(input[2]))
    }
}
