//! Rows of weights against one input vector: what Conv2D (on a gathered patch) and FullyConnected share.
//!
//! The inner loops multiply `i8` by `i8` into four `i32` sums. Written as zipped iterators they vectorize on
//! machines with vectors and need no bounds checks on those without; four rows at a time load each input
//! element once for four products, and four sums with their pointers still fit the registers of a Cortex-M3.
//! No 64-bit multiplication happens before requantization.

use crate::io::{Io, range};
use crate::numerics::{OutputStage, Requant};
use core::ops::Range;

/// Weights `[outputs, taps]` in some packing, and what happens to their sums. There is a bias for each output.
#[derive(Clone, Copy)]
pub(crate) struct Dense<'a> {
    /// Weights of an output.
    pub(crate) taps: usize,
    /// See the method that is called.
    pub(crate) weights: &'a [i8],
    /// One start value for each output.
    pub(crate) bias: &'a [i32],
    /// One factor for each output, or one for all.
    pub(crate) requant: Requant<'a>,
    /// Zero point and clamp of the output.
    pub(crate) stage: OutputStage,
}

/// Where the input vector is.
#[derive(Clone, Copy)]
pub(crate) enum Vector<'a> {
    /// Gathered in scratch memory.
    Gathered(&'a [i8]),
    /// In the input, from this element on.
    Input(usize),
}

impl Dense<'_> {
    /// Computes `outputs` from row-major weights and writes them from element `at` on.
    pub(crate) fn row_major(&self, io: &mut Io<i8>, vector: Vector<'_>, outputs: Range<usize>, mut at: usize) {
        let mut o = outputs.start;
        while outputs.end.saturating_sub(o) >= 4 {
            let values = self.four(self.vector(io, vector), o);
            store(io, at, &values);
            o = o.wrapping_add(4);
            at = at.wrapping_add(4);
        }
        while o < outputs.end {
            let sum = dot(self.vector(io, vector), range(self.weights, o.wrapping_mul(self.taps), self.taps));
            io.set(at, self.finish(o, sum));
            o = o.wrapping_add(1);
            at = at.wrapping_add(1);
        }
    }

    #[inline]
    pub(crate) fn vector<'v>(&self, io: &'v Io<i8>, vector: Vector<'v>) -> &'v [i8] {
        match vector {
            Vector::Gathered(elements) => elements,
            Vector::Input(start) => range(io.input(), start, self.taps),
        }
    }

    /// Outputs `o .. o + 4`.
    #[inline]
    fn four(&self, x: &[i8], o: usize) -> [i8; 4] {
        let block = range(self.weights, o.wrapping_mul(self.taps), self.taps.saturating_mul(4));
        let row = |index: usize| range(block, index.wrapping_mul(self.taps), self.taps);
        let [a, b, c, d] = dot_four(x, [row(0), row(1), row(2), row(3)]);
        [
            self.finish(o, a),
            self.finish(o.wrapping_add(1), b),
            self.finish(o.wrapping_add(2), c),
            self.finish(o.wrapping_add(3), d),
        ]
    }

    #[inline]
    pub(crate) fn finish(&self, o: usize, sum: i32) -> i8 {
        let acc = sum.wrapping_add(self.bias.get(o).copied().unwrap_or(0));
        self.stage.apply(acc, self.requant.at(o))
    }
}

#[inline]
fn store(io: &mut Io<i8>, at: usize, values: &[i8; 4]) {
    for (element, value) in io.output().get_mut(at..).unwrap_or_default().iter_mut().zip(values) {
        *element = *value;
    }
}

#[inline]
pub(crate) fn multiply_add(acc: i32, x: i8, w: i8) -> i32 {
    acc.wrapping_add(i32::from(x).wrapping_mul(i32::from(w)))
}

/// The sums of four rows, over as many elements as the shortest slice has.
#[inline]
fn dot_four(x: &[i8], rows: [&[i8]; 4]) -> [i32; 4] {
    let [a, b, c, d] = rows;
    let mut sums = [0_i32; 4];
    for ((((x, a), b), c), d) in x.iter().zip(a).zip(b).zip(c).zip(d) {
        sums[0] = multiply_add(sums[0], *x, *a);
        sums[1] = multiply_add(sums[1], *x, *b);
        sums[2] = multiply_add(sums[2], *x, *c);
        sums[3] = multiply_add(sums[3], *x, *d);
    }
    sums
}

#[inline]
fn dot(x: &[i8], row: &[i8]) -> i32 {
    x.iter().zip(row).fold(0, |acc, (x, w)| multiply_add(acc, *x, *w))
}
