//! Rows of an image that some output rows need, with padding around them and with 128 added to each byte.
//!
//! ```text
//!          padding           no window reaches beyond what has been copied, so the kernels that
//!   p  row of the image  p   read it look for no borders; and all inputs of a band's outputs have
//!   p  row of the image  p   been read before the first of these is written
//! ```

use core::arch::x86_64::*;
use core::mem::MaybeUninit;

use crate::arch::reach::{Reach, needed};
use crate::conv2d::Geometry;
use crate::io::range;

/// Bytes of a vector.
pub(super) const BYTES: usize = 64;

/// A vector's bytes. Stores that cross a line of the cache take several times as long as others.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Chunk([MaybeUninit<u8>; BYTES]);

impl Chunk {
    pub(super) const UNINIT: Chunk = Chunk([MaybeUninit::uninit(); BYTES]);

    /// Writes all bytes.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn write(&mut self, bytes: __m512i) {
        // SAFETY: the 64 bytes are written, at an address that is a multiple of 64.
        unsafe { _mm512_store_si512(self.0.as_mut_ptr().cast(), bytes) };
    }
}

/// How a layer is cut into bands.
pub(super) struct Bands {
    /// Output rows of a band.
    pub(super) rows: usize,
    /// Bytes from a row of pixels to the next in a band.
    pub(super) row: usize,
    /// Where the first window begins.
    pub(super) start: usize,
    /// Bytes of a row that windows read.
    needed: usize,
    /// True when rows are neighbours in the band as they are in the image.
    is_whole: bool,
}

impl Bands {
    /// Bands of at most `most` bytes; none where not even one output row has room.
    pub(super) fn new(geometry: &Geometry, most: usize) -> Option<Bands> {
        let Geometry { input: [_, _, channels], pad, .. } = *geometry;
        let reach = Reach::new(geometry)?;
        let (needed, is_whole) = (reach.columns.checked_mul(channels)?, reach.is_whole);
        // The image's bytes begin a vector.
        let start = if is_whole { 0 } else { pad[1].checked_mul(channels)?.wrapping_neg() % BYTES };
        let row = if is_whole { needed } else { start.checked_add(needed)?.checked_next_multiple_of(BYTES)? };
        Some(Bands { rows: reach.rows_within(most.checked_div(row)?)?, row, start, needed, is_whole })
    }

    /// Copies what output rows `y .. y + rows` need, the two of which are `rows`, to whole vectors, and writes at least `more` bytes of padding behind it.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) fn copy(
        &self,
        (geometry, padding): (&Geometry, i8),
        input: &[i8],
        rows: (usize, usize),
        more: usize,
        band: &mut [Chunk],
    ) {
        let Geometry { input: [height, width, channels], pad, .. } = *geometry;
        let (first, count) = needed(geometry, rows);
        let image = width.wrapping_mul(channels);
        let padding = _mm512_set1_epi8(padding ^ i8::MIN);
        let mut chunks = band.iter_mut();
        let left = if self.is_whole && first < height {
            let whole = height.wrapping_sub(first).min(count);
            write(&mut chunks, padding, range(input, first.wrapping_mul(image), whole.wrapping_mul(image)));
            count.wrapping_sub(whole).wrapping_mul(image)
        } else if self.is_whole {
            count.wrapping_mul(image)
        } else {
            let before = pad[1].wrapping_mul(channels);
            let inside = self.needed.saturating_sub(before).min(image);
            for index in 0..count {
                let row = first.wrapping_add(index);
                let mut row_chunks = chunks.by_ref().take(self.row / BYTES);
                if row < height && inside > 0 {
                    for chunk in row_chunks.by_ref().take(self.start.wrapping_add(before) / BYTES) {
                        chunk.write(padding);
                    }
                    write(&mut row_chunks, padding, range(input, row.wrapping_mul(image), inside));
                }
                for chunk in row_chunks {
                    chunk.write(padding);
                }
            }
            0
        };
        for chunk in chunks.take(left.wrapping_add(more).div_ceil(BYTES)) {
            chunk.write(padding);
        }
    }
}

/// Copies `from`, with 128 added to each byte, and padding behind it.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn write<'b>(chunks: &mut impl Iterator<Item = &'b mut Chunk>, padding: __m512i, from: &[i8]) {
    let many = _mm512_set1_epi8(i8::MIN);
    let (whole, tail) = from.as_chunks::<BYTES>();
    for from in whole {
        let Some(chunk) = chunks.next() else { return };
        chunk.write(_mm512_xor_si512(bytes(from), many));
    }
    if !tail.is_empty() {
        let Some(chunk) = chunks.next() else { return };
        let bytes = _mm512_xor_si512(bytes(tail), many);
        chunk.write(_mm512_mask_mov_epi8(padding, mask_of_bytes(tail.len()), bytes));
    }
}

/// The first bytes of a vector.
#[inline(always)]
pub(super) fn mask_of_bytes(count: usize) -> u64 {
    if count >= BYTES { u64::MAX } else { 1_u64.wrapping_shl(count as u32).wrapping_sub(1) }
}

/// At most 64 bytes, with zeros behind them.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn bytes(from: &[i8]) -> __m512i {
    // SAFETY: the mask leaves the slice's bytes, which need no alignment.
    unsafe { _mm512_maskz_loadu_epi8(mask_of_bytes(from.len()), from.as_ptr()) }
}
