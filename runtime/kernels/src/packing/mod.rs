//! Orders of weights: written once on the host, read by the kernels made for them.
//!
//! A packing is a file, in [`dense`] for weights that are a matrix (Conv2D, FullyConnected) and in [`depthwise`] for
//! those of DepthwiseConv2D. The file has everything that is true of that order: the layers it takes and the proof that
//! its kernels are exact for them, where each weight stands, scratch, shifts, the order in which outputs are written,
//! the kernels. A row of the list in `dense.rs` or `depthwise.rs` gives it a tag and a name; from the list follow
//! dispatch, the pages' tables, tests, benchmarks and what the compiler chooses from. How to add one:
//! `docs/adding-a-packing.md`.
//!
//! A packing is the layout only. How many bits a weight has there is its [`Storage`]; weights of fewer than eight are
//! widened in front of the kernels (`widen.rs`).

pub mod dense;
pub mod depthwise;
mod order;
mod sparse;
mod storage;
mod taps;
mod widen;

pub use dense::Packing;
pub use depthwise::DepthwisePacking;
pub use order::{Bands, PixelOrder, WriteOrder};
pub use sparse::Sparse;
pub use storage::Storage;
pub use taps::Taps;
pub(crate) use widen::{Lanes, Widening, widened_len};

use crate::numerics::FixedPoint;
use core::ops::RangeInclusive;

/// Most an `i8` activation can be, in magnitude.
const ACTIVATION_MAX: i64 = 128;

/// The numbers of a layer from which the host proves that a packing's kernels compute it exactly.
#[derive(Clone, Copy, Debug)]
pub struct Numbers<'a> {
    /// Weights of an output channel.
    pub taps: usize,
    /// How the blob has the weights.
    pub storage: Storage,
    /// Row-major, as the operator's module says.
    pub weights: &'a [i8],
    /// One for each output channel, with the input's zero point folded in.
    pub bias: &'a [i32],
    /// One factor for each output channel, or one for all.
    pub factors: &'a [FixedPoint],
}

impl<'a> Numbers<'a> {
    /// Weights and bias of each output channel of a matrix.
    fn rows(&self) -> impl Iterator<Item = (&'a [i8], i32)> + use<'a> {
        self.weights.chunks_exact(self.taps.max(1)).zip(self.bias.iter().copied())
    }

    /// No weight is below `least`, and no factor's shift outside of `shifts`.
    fn are_within(&self, least: i8, shifts: RangeInclusive<i32>) -> bool {
        let weights = least == i8::MIN || self.weights.iter().all(|&weight| weight >= least);
        weights && self.factors.iter().all(|factor| shifts.contains(&factor.shift))
    }

    /// From the lowest shift to the highest.
    fn span_of_shifts(&self) -> i32 {
        let shifts = || self.factors.iter().map(|factor| factor.shift);
        let (highest, lowest) = (shifts().max().unwrap_or(0), shifts().min().unwrap_or(0));
        highest.saturating_sub(lowest)
    }
}

/// Most that the sum of a channel's products can be in magnitude, whatever the activations.
fn products(row: &[i8]) -> i64 {
    let magnitude = row.iter().fold(0_i64, |sum, weight| sum.saturating_add(i64::from(weight.unsigned_abs())));
    magnitude.saturating_mul(ACTIVATION_MAX)
}

/// The same with the bias: no partial sum of the accumulator is greater.
fn accumulator(row: &[i8], bias: i32) -> i64 {
    products(row).saturating_add(i64::from(bias).abs())
}
