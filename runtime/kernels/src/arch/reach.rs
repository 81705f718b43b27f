//! How far the windows of a layer reach, and the rows that some of its outputs need: where bands are cut.

use crate::conv2d::Geometry;

/// What the windows of a layer reach.
pub(super) struct Reach {
    /// Columns that the windows of a row of outputs read.
    pub(super) columns: usize,
    /// Rows that a window spans.
    down: usize,
    /// True when rows are copied whole, one behind another.
    pub(super) is_whole: bool,
    /// Rows from an output to the next.
    stride: usize,
    /// Rows of outputs.
    outputs: usize,
}

impl Reach {
    /// None where a number wraps: no product or sum about a layer with a reach does.
    pub(super) fn new(geometry: &Geometry) -> Option<Reach> {
        let Geometry { input: [height, width, channels], output, kernel, stride, dilation, pad, .. } = *geometry;
        let extent = |axis: usize| {
            let field = |values: &[usize]| values.get(axis).copied();
            field(&kernel)?.checked_sub(1)?.checked_mul(field(&dilation)?)?.checked_add(1)
        };
        let columns = output[1].checked_sub(1)?.checked_mul(stride[1])?.checked_add(extent(1)?)?;
        height.checked_mul(width)?.checked_mul(channels)?;
        pad[1].checked_mul(channels)?;
        let is_whole = pad == [0, 0] && columns == width;
        Some(Reach { columns, down: extent(0)?, is_whole, stride: stride[0], outputs: output[0] })
    }

    /// Output rows of a band that has room for `rows` rows; none where not even one has.
    pub(super) fn rows_within(&self, rows: usize) -> Option<usize> {
        Some(rows.checked_sub(self.down)?.checked_div(self.stride)?.checked_add(1)?.min(self.outputs))
    }
}

/// The rows of the image that output rows `y .. y + rows` need: the first, which has wrapped where it is padding, and how
/// many.
#[inline]
pub(super) fn needed(geometry: &Geometry, (y, rows): (usize, usize)) -> (usize, usize) {
    let Geometry { kernel, stride, dilation, pad, .. } = *geometry;
    let count = rows.wrapping_sub(1).wrapping_mul(stride[0]);
    let count = count.wrapping_add(kernel[0].wrapping_sub(1).wrapping_mul(dilation[0])).wrapping_add(1);
    (y.wrapping_mul(stride[0]).wrapping_sub(pad[0]), count)
}

/// Writes where the places of a grid of `columns` begin, row after row: the first at `first`, with steps from a row and from a
/// column to the next.
#[inline]
pub(super) fn places(to: &mut [u32], columns: usize, first: usize, (row_step, column_step): (usize, usize)) {
    let mut row = first;
    for places in to.chunks_mut(columns.max(1)) {
        let mut at = row;
        for place in places {
            *place = at as u32;
            at = at.wrapping_add(column_step);
        }
        row = row.wrapping_add(row_step);
    }
}
