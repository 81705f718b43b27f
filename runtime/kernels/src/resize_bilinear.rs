//! Bilinear resizing of int8 images, as TensorFlow Lite Micro computes it.
//!
//! - `input: [batch, H, W, C]`, `output: [batch, H', W', C]`; the same scale and zero point on both sides.
//! - Along each axis index `i` of the result lies between `lower` and `upper`, at `weight / 1024` of the way:
//!   `output = round(Σ input[y, x] * wy * wx / 2^20)` over the four pixels, `w` being `1024 - weight` for a lower index and
//!   `weight` for an upper one; halves are rounded away from zero. Beyond an edge both are the same index, and `weight` may
//!   be negative.
//! - Input and output must not overlap.

use crate::Io;
use crate::formula::{Tensor, positions};
use crate::io::range;

/// Bits of a weight's fraction.
pub const WEIGHT_BITS: u32 = 10;

/// The weights with which no sum overflows.
const LOWEST: i32 = -(1 << WEIGHT_BITS);
const HIGHEST: i32 = 2 << WEIGHT_BITS;

/// Numbers of a table for each index: lower, upper, weight.
pub const STEP_LEN: usize = 3;

/// A resizing of the plane.
#[derive(Clone, Copy, Debug)]
pub struct ResizeBilinear<'a> {
    /// Images.
    pub batch: usize,
    /// Height and width of the input.
    pub input: [usize; 2],
    /// Height and width of the output.
    pub output: [usize; 2],
    /// Channels.
    pub channels: usize,
    /// [`STEP_LEN`] numbers for each row of the output.
    pub rows: &'a [i32],
    /// [`STEP_LEN`] numbers for each column of the output.
    pub columns: &'a [i32],
}

/// Where an index of the result lies.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    indices: [usize; 2],
    weights: [i32; 2],
}

impl Place {
    fn new(step: &[i32]) -> Place {
        let [lower, upper, weight] = step.first_chunk::<STEP_LEN>().copied().unwrap_or_default();
        let index = |number: i32| usize::try_from(number).unwrap_or(usize::MAX);
        let rest = 1_i32.wrapping_shl(WEIGHT_BITS).wrapping_sub(weight);
        Place { indices: [index(lower), index(upper)], weights: [rest, weight] }
    }
}

/// True when all indices of a table are below `extent` and its weights so small that no sum overflows.
pub fn is_table(table: &[i32], extent: usize) -> bool {
    table.chunks(STEP_LEN).all(|step| {
        let Place { indices, weights } = Place::new(step);
        step.len() == STEP_LEN
            && indices.iter().all(|index| *index < extent)
            && weights.iter().all(|w| (LOWEST..=HIGHEST).contains(w))
    })
}

impl ResizeBilinear<'_> {
    /// True when all elements can be read and written.
    fn fits(&self, io: &Io<i8>) -> bool {
        let len = |[height, width]: [usize; 2]| {
            let pixels = self.batch.checked_mul(height)?.checked_mul(width)?;
            pixels.checked_mul(self.channels)
        };
        let tables = [self.rows, self.columns].into_iter().zip(self.output.iter().zip(self.input));
        let are_tables = tables.into_iter().all(|(table, (count, extent))| {
            Some(table.len()) == count.checked_mul(STEP_LEN) && is_table(table, extent)
        });
        match (len(self.input), len(self.output)) {
            (Some(input), Some(output)) => are_tables && io.has(input, output),
            _ => false,
        }
    }
}

/// `sum / 2^20`, to the nearest, halves away from zero.
#[inline]
fn rounded(sum: i32) -> i8 {
    const HALF: i32 = 1 << (2 * WEIGHT_BITS - 1);
    let biased = sum.wrapping_add(if sum > 0 { HALF } else { -HALF });
    // Towards zero, as a division does.
    let quotient = if biased < 0 {
        0_i32.wrapping_sub(0_i32.wrapping_sub(biased) >> (2 * WEIGHT_BITS))
    } else {
        biased >> (2 * WEIGHT_BITS)
    };
    quotient.to_le_bytes()[0].cast_signed()
}

/// Computes the resizing, pixel by pixel. No scratch.
pub fn resize_bilinear_i8(layer: &ResizeBilinear<'_>, io: &mut Io<i8>) {
    if !layer.fits(io) {
        return io.refuse();
    }
    let Io::Split { input, output } = io else { return io.refuse() };
    let [height, width] = layer.input;
    let channels = layer.channels;
    let mut pixels = output.chunks_exact_mut(channels.max(1));
    for image in 0..layer.batch {
        for row in layer.rows.chunks_exact(STEP_LEN) {
            let y = Place::new(row);
            for column in layer.columns.chunks_exact(STEP_LEN) {
                let x = Place::new(column);
                let at = |row: usize, column: usize| {
                    let row = image.wrapping_mul(height).wrapping_add(row);
                    let start = row.wrapping_mul(width).wrapping_add(column).wrapping_mul(channels);
                    range(input, start, channels)
                };
                let [top, bottom] = y.indices.map(|row| x.indices.map(|column| at(row, column)));
                let [wt, wb] = y.weights.map(|wy| x.weights.map(|wx| wy.wrapping_mul(wx)));
                let corners = top[0].iter().zip(top[1]).zip(bottom[0].iter().zip(bottom[1]));
                let pixel = pixels.next().unwrap_or_default();
                for (element, ((a, b), (c, d))) in pixel.iter_mut().zip(corners) {
                    let term = |x: i8, w: i32| i32::from(x).wrapping_mul(w);
                    let upper = term(*a, wt[0]).wrapping_add(term(*b, wt[1]));
                    let lower = term(*c, wb[0]).wrapping_add(term(*d, wb[1]));
                    *element = rounded(upper.wrapping_add(lower));
                }
            }
        }
    }
}

/// The resizing that [`resize_bilinear_i8`] equals to the bit.
pub fn resize_bilinear_i8_reference(layer: &ResizeBilinear<'_>, io: &mut Io<i8>) {
    if !layer.fits(io) {
        return io.refuse();
    }
    let ResizeBilinear { batch, input: [height, width], output: [rows, columns], channels, .. } = *layer;
    let place = |table, index: usize| Place::new(range(table, index.wrapping_mul(STEP_LEN), STEP_LEN));
    for (at, [b, y, x, c]) in positions([batch, rows, columns, channels]).enumerate() {
        let (y, x) = (place(layer.rows, y), place(layer.columns, x));
        let mut sum = core::num::Wrapping(0_i32);
        for (row, wy) in y.indices.into_iter().zip(y.weights) {
            for (column, wx) in x.indices.into_iter().zip(x.weights) {
                let element = Tensor::new(io.input(), [batch, height, width, channels]).at([b, row, column, c]);
                sum += i32::from(element).wrapping_mul(wy).wrapping_mul(wx);
            }
        }
        io.set(at, rounded(sum.0));
    }
}
