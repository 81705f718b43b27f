//! Pad: a tensor of up to four dimensions surrounded by a value.
//!
//! `output[n, y, x, c] = input[n - before[0], ...]` where that is inside the input, else the value. For int8
//! the value is the zero point, or the operator's constant. Input and output must not overlap.

use crate::io::{Io, range, volume};

/// Shapes of a Pad, most significant dimension first, leading ones to fill up to four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PadGeometry {
    /// Shape of the input.
    pub input: [usize; 4],
    /// Elements before the input along each dimension; those after it follow from the output's shape.
    pub before: [usize; 4],
    /// Shape of the output.
    pub output: [usize; 4],
}

impl PadGeometry {
    /// The input position of output position `at` along dimension `axis`, `None` in the padding.
    #[inline]
    fn source(&self, axis: usize, at: usize) -> Option<usize> {
        let at = at.checked_sub(*self.before.get(axis)?)?;
        (at < *self.input.get(axis)?).then_some(at)
    }

    /// The first element of the input's row under the output's row `(n, y, x)`.
    #[inline]
    fn source_row(&self, n: usize, y: usize, x: usize) -> Option<usize> {
        let [_, height, width, channels] = self.input;
        let (n, y, x) = (self.source(0, n)?, self.source(1, y)?, self.source(2, x)?);
        let row = n.wrapping_mul(height).wrapping_add(y).wrapping_mul(width).wrapping_add(x);
        Some(row.wrapping_mul(channels))
    }
}

/// Writes `value` everywhere and the input into its middle, row by row.
pub fn pad<T: Copy>(geometry: &PadGeometry, value: T, io: &mut Io<T>) {
    let len = |[n, height, width, channels]: [usize; 4]| volume([height, width, channels]).wrapping_mul(n);
    if !io.has(len(geometry.input), len(geometry.output)) {
        return io.refuse();
    }
    let [batches, height, width, channels] = geometry.output;
    let (before, len) = (geometry.before[3], geometry.input[3]);
    let mut at: usize = 0;
    for n in 0..batches {
        for y in 0..height {
            for x in 0..width {
                fill(io, at, channels, value);
                if let Some(start) = geometry.source_row(n, y, x) {
                    copy_row(io, start, at.wrapping_add(before), len.min(channels.saturating_sub(before)));
                }
                at = at.wrapping_add(channels);
            }
        }
    }
}

/// The padding that [`pad`] equals, element by element.
pub fn pad_reference<T: Copy>(geometry: &PadGeometry, value: T, io: &mut Io<T>) {
    let [batches, height, width, channels] = geometry.output;
    let mut at: usize = 0;
    for n in 0..batches {
        for y in 0..height {
            for x in 0..width {
                for c in 0..channels {
                    let row = geometry.source_row(n, y, x);
                    let source = row.and_then(|row| Some(row.wrapping_add(geometry.source(3, c)?)));
                    let element = source.and_then(|at| io.input().get(at).copied()).unwrap_or(value);
                    io.set(at, element);
                    at = at.wrapping_add(1);
                }
            }
        }
    }
}

fn fill<T: Copy>(io: &mut Io<T>, start: usize, len: usize, value: T) {
    let end = start.saturating_add(len);
    for element in io.output().get_mut(start..end).unwrap_or_default() {
        *element = value;
    }
}

fn copy_row<T: Copy>(io: &mut Io<T>, from: usize, to: usize, len: usize) {
    match io {
        Io::Split { input, output } => {
            let target = output.get_mut(to..to.saturating_add(len)).unwrap_or_default();
            for (target, source) in target.iter_mut().zip(range(input, from, len)) {
                *target = *source;
            }
        }
        Io::Overlapped { .. } => {
            for index in 0..len {
                if let Some(element) = io.input().get(from.wrapping_add(index)).copied() {
                    io.set(to.wrapping_add(index), element);
                }
            }
        }
    }
}
