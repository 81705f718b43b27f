//! The matrix micro-kernel: three pixels by groups of four channels.

use crate::numerics::{OutputStage, Requant};

/// What the end of a channel's sum needs; the assembly loads it in one go.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(super) struct Channel {
    /// Doubled.
    pub(super) bias: i32,
    pub(super) multiplier: i32,
    /// `(2 * zero_point + 1) << (right - 1)`.
    pub(super) rounding: i32,
    /// Right shift, 1 to 20.
    pub(super) right: u32,
}

in_order! { Channel: bias multiplier rounding right }

impl Channel {
    /// Channel `channel` of a layer.
    #[inline]
    pub(super) fn new(stage: OutputStage, requant: &Requant, bias: &[i32], channel: usize) -> Self {
        let factor = requant.at(channel);
        let right = factor.shift.wrapping_neg() as u32;
        Channel {
            bias: bias.get(channel).copied().unwrap_or(0).wrapping_mul(2),
            multiplier: factor.multiplier,
            rounding: stage.zero_point.wrapping_mul(2).wrapping_add(1).wrapping_shl(right.wrapping_sub(1)),
            right,
        }
    }
}

/// Pixels of a tile.
pub(super) const TILE: usize = 3;

/// Arguments of the micro-kernel.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Tile {
    /// `[channels / 4][taps][4]`.
    pub(super) weights: *const i8,
    /// Bytes of four channels' weights in the first chunk.
    pub(super) first: usize,
    /// Bytes of four channels' weights.
    pub(super) row_bytes: usize,
    /// Bytes of four channels' weights in every other chunk.
    pub(super) chunk: usize,
    /// `[taps][2]` words.
    pub(super) columns: *const u32,
    /// Byte offset of the first tap in the unrolled loop: `(-first taps mod 8)` taps of 52 bytes.
    pub(super) entry: usize,
    /// One for each channel.
    pub(super) table: *const Channel,
    /// Output channels.
    pub(super) channels: usize,
    /// The first pixel's first channel.
    pub(super) output: *mut i8,
    /// From the first pixel to the second and to the third; the last that exists stands for those behind it.
    pub(super) offsets: [usize; 2],
    /// Not zero when the clamp is narrower than `i8`.
    pub(super) clamps: u32,
    pub(super) min: i32,
    pub(super) max: i32,
}

/// Arguments of the packing of a tile's activations.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Gather {
    /// The first run of each pixel.
    pub(super) sources: [*const i8; TILE],
    /// From the end of a run to the next, for each pixel.
    pub(super) steps: [usize; TILE],
    /// `[taps][2]` words.
    pub(super) target: *mut i8,
    /// Runs.
    pub(super) rows: usize,
    /// Bytes of a run.
    pub(super) run: usize,
}

/// Tiles beside each other.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Strip {
    pub(super) tile: Tile,
    /// The first tile's.
    pub(super) gather: Gather,
    pub(super) tiles: usize,
    /// From the sources of a tile to the next tile's.
    pub(super) source_step: usize,
    /// From the output of a tile to the next tile's.
    pub(super) output_step: usize,
}

impl Strip {
    /// What does not change from strip to strip: `taps` in chunks of `chunk`, see
    /// [`chunk_of`](crate::packing::dense::four_channels::chunk_of), weights and table, and the memory of the columns.
    #[inline(always)]
    pub(super) fn new(
        stage: OutputStage,
        [taps, chunk]: [usize; 2],
        (weights, table): (*const i8, *const Channel),
        columns: *mut i8,
    ) -> Self {
        let later = taps.wrapping_sub(1).checked_div(chunk).unwrap_or(0).wrapping_mul(chunk);
        let first = taps.wrapping_sub(later);
        let tile = Tile {
            weights,
            first: first.wrapping_mul(4),
            row_bytes: taps.wrapping_mul(4),
            chunk: chunk.wrapping_mul(4),
            columns: columns.cast_const().cast(),
            entry: (first.wrapping_neg() & 7).wrapping_mul(52),
            table,
            channels: 0,
            output: core::ptr::null_mut(),
            offsets: [0; 2],
            clamps: u32::from(stage.min > -128 || stage.max < 127),
            min: stage.min,
            max: stage.max,
        };
        let sources = [core::ptr::null(); TILE];
        let gather = Gather { sources, steps: [0; TILE], target: columns, rows: 0, run: 0 };
        Strip { tile, gather, tiles: 0, source_step: 0, output_step: 0 }
    }
}

unsafe extern "C" {
    /// Gathers and computes `tiles` tiles, one after the other: three pixels by `channels` channels each. Reads `rows`
    /// runs from each source, `weights` (whole groups of four channels) and `table` to the extents given there; writes
    /// `8 * rows * run` bytes of columns, `channels` bytes at `output` and behind both offsets, and overwrites the
    /// sources and `output`. No count is zero; columns and table are 4-byte aligned.
    pub(super) fn kinglet_armv7m_strip(strip: *mut Strip);
}

assembly! {
    "tile.s",
    Strip {
        WEIGHTS = tile.weights,
        FIRST = tile.first,
        ROW_BYTES = tile.row_bytes,
        CHUNK = tile.chunk,
        COLUMNS = tile.columns,
        ENTRY = tile.entry,
        TABLE = tile.table,
        CHANNELS = tile.channels,
        OUTPUT = tile.output,
        CLAMPS = tile.clamps,
        MIN = tile.min,
        SOURCES = gather.sources,
        TILES = tiles,
        STEPS = source_step,
    }
    Gather {
        GATHER_STEPS = steps,
        GATHER_TARGET = target,
        GATHER_ROWS = rows,
    }
}
