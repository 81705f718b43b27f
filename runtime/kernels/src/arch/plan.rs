//! Dense layers over bands whose windows meet vectors of channels: which are taken, and what their windows read.

use super::band::Bands;
use super::reach::places;
use crate::conv2d::Geometry;

/// What an instruction set has room for.
pub(super) struct Room {
    /// Elements of a word: neighbouring taps of a channel.
    pub(super) word: usize,
    /// Most vectors of channels that are computed together.
    pub(super) columns: usize,
    /// Vectors of transposed weights.
    pub(super) weights: usize,
    /// Elements of a band.
    pub(super) band: usize,
    /// Most output pixels of a band.
    pub(super) windows: usize,
}

/// What a window reads.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    /// Rows, one at least.
    pub(super) rows: usize,
    /// Elements from one to the next.
    pub(super) row_step: usize,
    /// Words of a row.
    pub(super) words: usize,
}

/// How a layer is computed.
pub(super) struct Plan {
    pub(super) bands: Bands,
    pub(super) extent: Extent,
    /// Rows of a window, as they are transposed, and the taps of each: one where rows are whole numbers of words.
    pub(super) runs: (usize, usize),
    /// Vectors of channels for which there is room.
    pub(super) columns: usize,
}

impl Plan {
    /// None for layers that the kernel does not take.
    pub(super) fn new(geometry: &Geometry, room: &Room) -> Option<Plan> {
        let Geometry { input: [_, _, channels], output, kernel, dilation, .. } = *geometry;
        let mut bands = Bands::new(geometry, room.band)?;
        bands.rows = bands.rows.min(room.windows.checked_div(output[1])?);
        let run = kernel[1].checked_mul(channels)?;
        let words = run.checked_add(room.word.checked_sub(1)?)?.checked_div(room.word)?;
        let columns = room.weights.checked_div(words.checked_mul(kernel[0])?)?.min(room.columns);
        let extent = Extent { rows: kernel[0], row_step: dilation[0].checked_mul(bands.row)?, words };
        let takes = geometry.groups == 1 && geometry.has_runs() && columns > 0 && bands.rows > 0 && kernel[0] > 0;
        let is_one = run.is_multiple_of(room.word);
        let runs = if is_one { (1, run.checked_mul(kernel[0])?) } else { (kernel[0], run) };
        takes.then_some(Plan { bands, extent, runs, columns })
    }

    /// Where the windows of a band begin, pixel after pixel.
    pub(super) fn windows(&self, geometry: &Geometry, windows: &mut [u32]) {
        let Geometry { output: [_, width, _], input: [_, _, channels], stride, .. } = *geometry;
        let steps = (stride[0].wrapping_mul(self.bands.row), stride[1].wrapping_mul(channels));
        places(windows, width, 0, steps);
    }
}
