//! The instruction in plain Rust, for machines without it, emulators among them.

use super::{LANES, Lanes, Panel, QUAD, Step, Transposed, Windows};
use crate::Io;
use crate::conv2d::Conv2dI8;
use crate::dense::Dense;
use crate::fully_connected::FullyConnectedI8;
use crate::numerics::{FixedPoint, OutputStage};

/// Taps of a step.
const TAPS: usize = 32;
/// Taps whose products are added to a lane.
const WORD: usize = TAPS / LANES;
/// Bytes, or little-endian lanes.
type Bytes = [[u8; WORD]; LANES];

/// Computes what `vpdpbusd` computes, sum by sum.
#[derive(Clone, Copy)]
pub(crate) struct Emulated;

/// Constants of eight sums.
pub(crate) struct Stage {
    lanes: [(i32, FixedPoint); LANES],
    output: OutputStage,
}

impl Stage {
    fn outputs(&self, sums: [i32; LANES], values: &mut [i8]) {
        for ((value, sum), (start, factor)) in values.iter_mut().zip(sums).zip(&self.lanes) {
            *value = self.output.apply(sum.wrapping_add(*start), *factor);
        }
    }
}

impl Step<TAPS, WORD> for Emulated {
    type Element = u8;
    type Vector = Bytes;
    type Stage = Stage;

    const IS_UNSIGNED: bool = true;

    fn element(x: i8) -> u8 {
        x.cast_unsigned() ^ 0x80
    }

    fn zero(self) -> Bytes {
        [[0; WORD]; LANES]
    }

    fn activations(self, from: &[u8; TAPS]) -> Bytes {
        from.as_chunks().0.first_chunk().copied().unwrap_or_default()
    }

    fn broadcast(self, word: &[u8; WORD]) -> Bytes {
        [*word; LANES]
    }

    fn weights(self, from: &[i8; TAPS]) -> Bytes {
        self.activations(&from.map(i8::cast_unsigned))
    }

    fn add(self, mut sums: Bytes, x: Bytes, w: Bytes) -> Bytes {
        for (lane, (x, w)) in sums.iter_mut().zip(x.iter().zip(&w)) {
            let products = x.iter().zip(w).map(|(x, w)| i32::from(*x).wrapping_mul(i32::from(w.cast_signed())));
            *lane = products.fold(i32::from_le_bytes(*lane), i32::wrapping_add).to_le_bytes();
        }
        sums
    }

    fn totals(self, sums: [Bytes; LANES]) -> [i32; LANES] {
        sums.map(|lanes| self.lanes(lanes).into_iter().fold(0, i32::wrapping_add))
    }

    fn transposed(self, rows: [Bytes; LANES]) -> [Bytes; LANES] {
        let mut columns = [[[0; WORD]; LANES]; LANES];
        for (lane, row) in rows.iter().enumerate() {
            for (column, word) in columns.iter_mut().zip(row) {
                if let Some(to) = column.get_mut(lane) {
                    *to = *word;
                }
            }
        }
        columns
    }

    fn lanes(self, sums: Bytes) -> [i32; LANES] {
        sums.map(i32::from_le_bytes)
    }

    fn stage(self, lanes: &Lanes, output: OutputStage) -> Stage {
        let mut stage = Stage { lanes: [(0, FixedPoint { multiplier: 0, shift: 0 }); LANES], output };
        let constants = lanes.starts.into_iter().zip(lanes.multipliers.into_iter().zip(lanes.shifts));
        for (lane, (start, (multiplier, shift))) in stage.lanes.iter_mut().zip(constants) {
            *lane = (start, FixedPoint { multiplier, shift });
        }
        stage
    }

    fn finish_pixels(self, stage: &Stage, sums: [Bytes; 4]) -> [[i8; LANES]; 4] {
        sums.map(|sums| {
            let mut values = [0; LANES];
            stage.outputs(self.lanes(sums), &mut values);
            values
        })
    }

    fn finish(self, stage: &Stage, sums: [Bytes; LANES]) -> [[i8; QUAD]; 2] {
        let mut values = [[0; QUAD]; 2];
        stage.outputs(self.totals(sums), values.as_flattened_mut());
        values
    }

    fn gather(self, windows: &mut Windows<'_>, input: &[i8], panel: &mut Panel<Self, TAPS, WORD>) {
        super::gather::<Self, TAPS, WORD>(windows, input, panel);
    }

    fn rows(self, taps: usize, input: &[i8], panel: &mut Panel<Self, TAPS, WORD>) {
        super::rows::<Self, TAPS, WORD>(taps, input, panel);
    }

    fn blocks(
        self,
        dense: &Dense<'_>,
        groups: usize,
        buffers: (&Panel<Self, TAPS, WORD>, &mut Transposed<Self, TAPS, WORD>),
        output: &mut [i8],
    ) {
        super::blocks(self, dense, groups, buffers, output);
    }
}

/// The kernel of x86-64, on any machine.
pub(crate) fn conv2d_i8(layer: &Conv2dI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    super::conv2d_i8(Emulated, layer, io, scratch);
}

/// Likewise.
pub(crate) fn fully_connected_i8(layer: &FullyConnectedI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    super::fully_connected_i8(Emulated, layer, io, scratch);
}
