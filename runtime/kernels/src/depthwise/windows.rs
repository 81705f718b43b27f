//! Layout of [`DepthwisePacking::Windows`](super::DepthwisePacking::Windows): 3x3 windows as single vectors.
//!
//! Activations are channels-last, so the four columns that two neighbouring windows span are four loads of sixteen
//! channels. Stored interleaved they become, for each channel, a word of four columns; four such words, of four rows
//! one below the other, are a vector with four 3x3 windows in it:
//!
//! ```text
//! row:     group 0                          | group 1                          | ...
//! group g: channel 0, columns 2g .. 2g + 4 | channel 1, columns 2g .. 2g + 4 | ...
//! ```
//!
//! Rows are transposed once. As in [`super::planar`], scratch holds a band of them, the rows that two bands share are
//! moved to the top, and each input element is read before anything is written over it when the output starts exactly
//! where the input does and [`super::planar::runs_in_place`].

use crate::conv2d::Geometry;

/// Channels transposed together.
pub const BLOCK: usize = 16;

/// Scratch that the rows of a block should not exceed, unless one output row needs more.
const BAND_BYTES: usize = 2048;
/// Bytes that four stores of a transposition write, whatever part of them a group is.
const STORE_BYTES: usize = 64;

/// Layout of the scratch of one layer.
#[derive(Clone, Copy, Debug)]
pub struct Windows {
    stride: usize,
    groups: usize,
    group_bytes: usize,
    band_rows: usize,
}

impl Windows {
    /// True when the kernels take the layer.
    pub fn takes(geometry: &Geometry, multiplier: usize) -> bool {
        let Geometry { input, output, kernel, stride, dilation, pad, .. } = geometry;
        let shape = *kernel == [3, 3] && *dilation == [1, 1] && (*stride == [1, 1] || *stride == [2, 2]);
        let channels = input[2] == output[2] && input[2].is_multiple_of(4) && multiplier == 1;
        shape && channels && pad[0] < 3 && pad[1] < 3
    }

    /// The layout for a layer.
    pub fn new(geometry: &Geometry) -> Self {
        let [height, width, _] = geometry.output;
        let stride = geometry.stride[0].clamp(1, 2);
        // At stride 1 a group holds two windows of a row, at stride 2 one; outputs are computed four at a time.
        let groups = if stride == 1 { width.div_ceil(2) } else { width.div_ceil(4).saturating_mul(4) };
        let group_bytes = geometry.input[2].clamp(4, BLOCK).saturating_mul(4);
        let mut windows = Windows { stride, groups, group_bytes, band_rows: 1 };
        let rows = BAND_BYTES.checked_div(windows.row_bytes()).unwrap_or(0);
        let fitting = if stride == 1 { rows.saturating_sub(2) & !1 } else { rows.saturating_sub(1) / 2 };
        let least = if stride == 1 { 2 } else { 1 };
        windows.band_rows = fitting.min(height.next_multiple_of(least)).max(least);
        windows
    }

    /// Groups of a row.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// Bytes of a group.
    pub fn group_bytes(&self) -> usize {
        self.group_bytes
    }

    /// Bytes of a row.
    pub fn row_bytes(&self) -> usize {
        self.groups.saturating_mul(self.group_bytes)
    }

    /// Output rows of a band.
    pub fn band_rows(&self) -> usize {
        self.band_rows
    }

    /// Output rows that are computed together: two at stride 1.
    pub fn rows_together(&self) -> usize {
        if self.stride == 1 { 2 } else { 1 }
    }

    /// Input rows under `rows` output rows.
    pub fn input_rows(&self, rows: usize) -> usize {
        if self.stride == 1 {
            rows.next_multiple_of(2).saturating_add(2)
        } else {
            rows.saturating_mul(2).saturating_add(1)
        }
    }

    /// Bytes before the sums: the rows of a band.
    pub fn rows_bytes(&self) -> usize {
        let rows = self.input_rows(self.band_rows);
        rows.saturating_mul(self.row_bytes()).saturating_add(STORE_BYTES)
    }

    /// Four outputs of four channels each.
    pub fn sums(&self, rows: usize) -> usize {
        if self.stride == 1 {
            rows.div_ceil(2).saturating_mul(self.groups)
        } else {
            rows.saturating_mul(self.groups / 4)
        }
    }

    /// Bytes of scratch: rows and sums.
    pub fn scratch_len(&self) -> usize {
        self.rows_bytes().saturating_add(self.sums(self.band_rows).saturating_mul(64))
    }
}
