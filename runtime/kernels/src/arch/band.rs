//! Rows of an image that some output rows need, with padding around them: as bytes, or widened.
//!
//! ```text
//!   p  row of the image  p   no window reaches beyond what has been copied, so the kernels that
//!   p  row of the image  p   read it look for no borders; and all inputs of a band's outputs have
//!   p  padding           p   been read before the first of these is written
//! ```
//!
//! Rows are neighbours. x86-64, whose rows begin at lines of its cache, has bands of its own over the same
//! [reach](super::reach).

use core::mem::MaybeUninit;

use super::reach::{Reach, needed};
use crate::conv2d::Geometry;
use crate::io::range;

/// How a layer is cut into bands.
pub(super) struct Bands {
    /// Output rows of a band.
    pub(super) rows: usize,
    /// Elements of a row in a band: those that windows read.
    pub(super) row: usize,
    /// True when rows are copied whole, one behind another.
    is_whole: bool,
}

impl Bands {
    /// Bands of at most `most` elements; none where not even one output row has room.
    pub(super) fn new(geometry: &Geometry, most: usize) -> Option<Bands> {
        let reach = Reach::new(geometry)?;
        let row = reach.columns.checked_mul(geometry.input[2])?;
        let rows = reach.rows_within(most.checked_div(row)?)?;
        Some(Bands { rows, row, is_whole: reach.is_whole })
    }

    /// Copies what output rows `y .. y + rows` need, the two of which are `rows`, and writes `more` elements of padding behind
    /// it. False when the band has no room for it; else all these elements have been written.
    #[must_use]
    pub(super) fn copy<T: Copy + From<i8>>(
        &self,
        (geometry, padding): (&Geometry, i8),
        input: &[i8],
        rows: (usize, usize),
        more: usize,
        band: &mut [MaybeUninit<T>],
    ) -> bool {
        let Geometry { input: [height, width, channels], pad, .. } = *geometry;
        let (first, count) = needed(geometry, rows);
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

/// Copies `from` behind `before` elements of padding, and writes padding behind it.
fn write<T: Copy + From<i8>>(to: &mut [MaybeUninit<T>], before: usize, from: &[i8], padding: i8) {
    fill(to.get_mut(..before).unwrap_or_default(), padding);
    let to = to.get_mut(before..).unwrap_or_default();
    for (to, from) in to.iter_mut().zip(from) {
        to.write(T::from(*from));
    }
    fill(to.get_mut(from.len()..).unwrap_or_default(), padding);
}

fn fill<T: Copy + From<i8>>(to: &mut [MaybeUninit<T>], padding: i8) {
    for to in to {
        to.write(T::from(padding));
    }
}
