//! Pad: a tensor of up to four dimensions surrounded by a value.
//!
//! `output[n, y, x, c] = input[n - before[0], ...]` where that is inside the input, else the value. For int8
//! the value is the zero point, or the operator's constant. Input and output must not overlap.

use crate::io::{Io, volume};
use crate::strided::{self, Plane};

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

    /// How much of the input the output has room for.
    fn kept(&self) -> [usize; 4] {
        let mut kept = self.input;
        for (kept, (before, output)) in kept.iter_mut().zip(self.before.iter().zip(self.output)) {
            *kept = (*kept).min(output.saturating_sub(*before));
        }
        kept
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

/// Writes `value` everywhere, and then the input into its middle.
pub fn pad<T: Copy>(geometry: &PadGeometry, value: T, io: &mut Io<T>) {
    let len = |[n, height, width, channels]: [usize; 4]| volume([height, width, channels]).wrapping_mul(n);
    let (input_len, output_len) = (len(geometry.input), len(geometry.output));
    if !io.has(input_len, output_len) {
        return io.refuse();
    }
    // A verified blob may ask for what no compiler would: it gets some result.
    let Io::Split { input, output } = io else { return pad_reference(geometry, value, io) };
    output.iter_mut().take(output_len).for_each(|element| *element = value);
    let [batches, height, width, channels] = geometry.kept();
    let [[_, in_height, in_width, in_channels], [_, out_height, out_width, out_channels]] =
        [geometry.input, geometry.output];
    let row = volume([1, in_width, in_channels]);
    let mut plane = Plane {
        rows: height,
        from_row: row.cast_signed(),
        to_row: volume([1, out_width, out_channels]),
        count: width,
        from_step: in_channels.cast_signed(),
        to_step: out_channels,
        run: channels,
    };
    // Pixels without gaps are one run.
    if channels == in_channels && channels == out_channels {
        plane = Plane { count: 1, run: width.wrapping_mul(channels), ..plane };
    }
    let [batch, y, x, channel] = geometry.before;
    let at = |n: usize| volume([n, out_height, out_width]).wrapping_mul(out_channels);
    let first = at(batch).wrapping_add(y.wrapping_mul(out_width).wrapping_add(x).wrapping_mul(out_channels));
    for n in 0..batches {
        let to = first.wrapping_add(channel).wrapping_add(at(n));
        strided::copy(&plane, input, volume([n, in_height, row]), output, to);
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
