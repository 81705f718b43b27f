//! Rows of an image that some output rows need, with padding around them.
//!
//! ```text
//!   p  row of the image  p   no window reaches beyond what has been copied, so the kernels that
//!   p  row of the image  p   read it look for no borders; and all inputs of a band's outputs have
//!   p  padding           p   been read before the first of these is written
//! ```

use core::mem::MaybeUninit;

use crate::conv2d::Geometry;
use crate::io::range;

/// How a layer is cut into bands.
pub(super) struct Bands {
    /// Output rows of a band.
    pub(super) rows: usize,
    /// Bytes of a row in a band: those that windows read.
    pub(super) row: usize,
    /// True when rows are copied whole, one behind another.
    is_whole: bool,
}

impl Bands {
    /// Bands of at most `most` bytes; none where not even one output row has room.
    pub(super) fn new(geometry: &Geometry, most: usize) -> Option<Bands> {
        let Geometry { input: [height, width, channels], output, kernel, stride, dilation, pad, .. } = *geometry;
        let extent = |axis: usize| {
            let field = |values: &[usize]| values.get(axis).copied();
            field(&kernel)?.checked_sub(1)?.checked_mul(field(&dilation)?)?.checked_add(1)
        };
        let columns = output[1].checked_sub(1)?.checked_mul(stride[1])?.checked_add(extent(1)?)?;
        let row = columns.checked_mul(channels)?;
        let rows = most.checked_div(row)?.checked_sub(extent(0)?)?.checked_div(stride[0])?.checked_add(1)?;
        // No sum or product about an image whose elements can be counted wraps.
        height.checked_mul(width)?.checked_mul(channels)?;
        pad[1].checked_mul(channels)?;
        Some(Bands { rows: rows.min(output[0]), row, is_whole: pad == [0, 0] && columns == width })
    }

    /// Copies what output rows `y .. y + rows` need, and writes `more` bytes of padding behind it. False when the band has no
    /// room for it; else all these bytes have been written.
    #[must_use]
    pub(super) fn copy(
        &self,
        (geometry, padding): (&Geometry, i8),
        input: &[i8],
        (y, rows): (usize, usize),
        more: usize,
        band: &mut [MaybeUninit<i8>],
    ) -> bool {
        let Geometry { input: [height, width, channels], kernel, stride, dilation, pad, .. } = *geometry;
        let count = rows.wrapping_sub(1).wrapping_mul(stride[0]);
        let count = count.wrapping_add(kernel[0].wrapping_sub(1).wrapping_mul(dilation[0])).wrapping_add(1);
        let first = y.wrapping_mul(stride[0]).wrapping_sub(pad[0]);
        let image = width.wrapping_mul(channels);
        let end = count.wrapping_mul(self.row).wrapping_add(more);
        let Some(band) = band.get_mut(..end) else { return false };
        if self.is_whole {
            let whole = height.saturating_sub(first).min(count).wrapping_mul(image);
            write(band, 0, range(input, first.wrapping_mul(image), whole), padding);
            return true;
        }
        let before = pad[1].wrapping_mul(channels).min(self.row);
        let inside = self.row.wrapping_sub(before).min(image);
        let mut rows = band.chunks_exact_mut(self.row.max(1));
        for (index, to) in rows.by_ref().take(count).enumerate() {
            let row = first.wrapping_add(index);
            let from = if row < height { range(input, row.wrapping_mul(image), inside) } else { &[] };
            write(to, before, from, padding);
        }
        let at = count.wrapping_mul(self.row);
        write(band.get_mut(at..).unwrap_or_default(), 0, &[], padding);
        true
    }
}

/// Copies `from` behind `before` bytes of padding, and writes padding behind it.
fn write(to: &mut [MaybeUninit<i8>], before: usize, from: &[i8], padding: i8) {
    fill(to.get_mut(..before).unwrap_or_default(), padding);
    let to = to.get_mut(before..).unwrap_or_default();
    for (to, from) in to.iter_mut().zip(from) {
        to.write(*from);
    }
    fill(to.get_mut(from.len()..).unwrap_or_default(), padding);
}

fn fill(to: &mut [MaybeUninit<i8>], padding: i8) {
    for to in to {
        to.write(padding);
    }
}
