//! Gathers the inputs of up to four output pixels as doubled 16-bit columns.
//!
//! The micro-kernels read `[steps][pixels]` words, each word two consecutive taps of one pixel. A window that lies
//! inside the image is a run of bytes for each kernel row, all of which one call of the assembly widens. At the
//! border, and under dilation along the width, taps are put one by one.

use super::tile::kinglet_armv7em_gather;
use crate::conv2d::Geometry;

/// What the windows of a layer have in common.
pub(super) struct Walk<'a> {
    geometry: &'a Geometry,
    /// Positions along the height and the width, from the first to behind the last, whose windows lie inside.
    inside: [(usize, usize); 2],
    /// Runs of contiguous taps, and taps of a run.
    rows: usize,
    run: usize,
    /// From a run to the next, in the input.
    row_stride: usize,
    /// From the first tap to behind the last, in the input.
    len: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(geometry: &'a Geometry) -> Self {
        let [_, width, channels] = geometry.input;
        let [rows, columns] = geometry.kernel;
        let run = columns.wrapping_mul(channels);
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
        let len = rows.wrapping_sub(1).wrapping_mul(row_stride).wrapping_add(run);
        Walk { geometry, inside, rows, run, row_stride, len }
    }

    /// The first element of the window at `(y, x)`, if all of it is inside the image.
    #[inline]
    fn start(&self, (y, x): (usize, usize)) -> Option<usize> {
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

/// Columns under construction: `pixels` columns of `steps` words.
pub(super) struct Columns<'a> {
    words: &'a mut [i8],
    pixels: usize,
}

impl<'a> Columns<'a> {
    /// `scratch` is 4-byte aligned and holds `4 * steps * pixels` bytes.
    pub(super) fn new(scratch: &'a mut [i8], pixels: usize) -> Self {
        Columns { words: scratch, pixels }
    }

    /// Start of the words.
    pub(super) fn as_ptr(&self) -> *const u32 {
        self.words.as_ptr().cast()
    }

    /// Gathers the window of output position `(y, x)` into column `pixel`.
    pub(super) fn gather(&mut self, walk: &Walk<'_>, padding: i8, input: &[i8], pixel: usize, (y, x): (usize, usize)) {
        let geometry = walk.geometry;
        let channels = geometry.input[2];
        if let Some(start) = walk.start((y, x)) {
            self.runs(input.get(start..start.wrapping_add(walk.len)), pixel, (walk.rows, walk.run), walk.row_stride);
            return;
        }
        let [rows, columns] = geometry.kernel;
        let mut tap = 0usize;
        for i in 0..rows {
            for j in 0..columns {
                let start = geometry.source_pixel((y, x), (i, j)).map(|pixel| pixel.wrapping_mul(channels));
                let values = start.and_then(|start| input.get(start..start.checked_add(channels)?));
                for c in 0..channels {
                    let value = values.and_then(|values| values.get(c)).copied().unwrap_or(padding);
                    self.set(pixel, tap, value);
                    tap = tap.wrapping_add(1);
                }
            }
        }
        // The last step's second half has a zero weight, but must not hold what a reader could not predict.
        if tap % 2 == 1 {
            self.set(pixel, tap, 0);
        }
    }

    /// Widens a vector into the only column.
    pub(super) fn vector(&mut self, vector: Option<&[i8]>) {
        let run = vector.map_or(0, <[i8]>::len);
        self.runs(vector, 0, (1, run), 0);
    }

    /// Widens `rows` runs of `run` bytes. `source` starts at the first and ends behind the last.
    fn runs(&mut self, source: Option<&[i8]>, pixel: usize, (rows, run): (usize, usize), row_stride: usize) {
        let taps = rows.saturating_mul(run);
        let last = self.byte(pixel, taps.wrapping_sub(1));
        let place = self.words.get_mut(self.pixels.min(pixel).wrapping_mul(4)..last.saturating_add(4));
        if let (Some(source), Some(place)) = (source.filter(|_| taps > 0), place) {
            let stride = self.pixels.wrapping_mul(4);
            // SAFETY: the last run ends at the end of `source`, and the last word at the end of `place`, which
            // is 4-byte aligned because scratch is.
            unsafe { kinglet_armv7em_gather(source.as_ptr(), place.as_mut_ptr(), rows, run, row_stride, stride) };
        }
    }

    /// Byte offset of the word that holds tap `tap`.
    #[inline]
    fn byte(&self, pixel: usize, tap: usize) -> usize {
        (tap >> 1).wrapping_mul(self.pixels).wrapping_add(pixel).wrapping_mul(4)
    }

    /// Puts one tap, doubled.
    #[inline]
    fn set(&mut self, pixel: usize, tap: usize, value: i8) {
        let at = self.byte(pixel, tap).wrapping_add((tap & 1).wrapping_mul(2));
        let [low, high] = i16::from(value).wrapping_mul(2).to_le_bytes();
        if let Some([a, b]) = self.words.get_mut(at..at.saturating_add(2)) {
            (*a, *b) = (low as i8, high as i8);
        }
    }
}
