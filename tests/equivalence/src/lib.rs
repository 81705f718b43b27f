//! Random cases that every fast kernel must compute like its reference, on hosts and on boards.
//!
//! A case is a seed: shapes, zero points, strides, tails, weights and activations all follow from it, without a
//! heap, so that the very same cases run in a host test, which has many, and in a firmware image under an
//! emulator, where the assembly is. A difference is reported as the seed and the first element that differs.

#![no_std]
#![forbid(unsafe_code)]

mod cases;
mod moves;
mod products;
mod random;

pub use cases::{Family, families};
pub use random::Random;

use kinglet_kernels::Io;
use kinglet_kernels::numerics::FixedPoint;

/// Elements of the largest tensor of a case.
pub const MAX_LEN: usize = 12 * 1024;

/// Working memory of a case.
#[repr(C, align(16))]
#[derive(Debug)]
pub struct Buffers {
    /// Input activations.
    pub input: [i8; MAX_LEN],
    /// Row-major weights.
    pub weights: [i8; MAX_LEN],
    /// Biases.
    pub bias: [i32; 256],
    /// Requantization words.
    pub words: [u32; 256],
    /// Extra shifts.
    pub extra: [u8; 256],
    /// The factors that words and extra shifts are.
    pub factors: [FixedPoint; 256],
    /// What the reference computes.
    pub expected: [i8; MAX_LEN],
    /// What the kernel computes; input and output share it when they overlap.
    pub actual: [i8; MAX_LEN],
    /// Packed weights, at a word's alignment.
    pub packed: Words,
    /// Scratch, at a word's alignment.
    pub scratch: Words,
}

/// Bytes at a word's alignment.
#[repr(C, align(16))]
#[derive(Debug)]
pub struct Words(pub [i8; MAX_LEN]);

impl Buffers {
    /// Zeros.
    pub const fn new() -> Self {
        Buffers {
            input: [0; MAX_LEN],
            weights: [0; MAX_LEN],
            bias: [0; 256],
            words: [0; 256],
            extra: [0; 256],
            factors: [FixedPoint { multiplier: 1 << 30, shift: 0 }; 256],
            expected: [0; MAX_LEN],
            actual: [0; MAX_LEN],
            packed: Words([0; MAX_LEN]),
            scratch: Words([0; MAX_LEN]),
        }
    }
}

impl Default for Buffers {
    fn default() -> Self {
        Self::new()
    }
}

/// A case in which a kernel and its reference differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The case.
    pub seed: u32,
    /// First element that differs; `usize::MAX` when the kernel takes an input or an output that is too short.
    pub index: usize,
    /// What the reference computes.
    pub expected: i8,
    /// What the kernel computes.
    pub actual: i8,
}

/// What is reported of a kernel that does not refuse an input or an output that is too short by one.
const NOT_REFUSED: usize = usize::MAX;

/// Runs `kernel` with an input that lacks its last element and with an output that does; both it must refuse.
fn refuses(seed: u32, input: &[i8], output: &mut [i8], mut kernel: impl FnMut(&mut Io<i8>)) -> Result<(), Difference> {
    let (short_input, short_output) = (&input[..input.len() - 1], output.len() - 1);
    let mut is_refused = |mut io: Io<i8>| {
        kernel(&mut io);
        io.is_refused()
    };
    let refused =
        is_refused(Io::split(short_input, output)) && is_refused(Io::split(input, &mut output[..short_output]));
    if refused { Ok(()) } else { Err(Difference { seed, index: NOT_REFUSED, expected: 0, actual: 0 }) }
}

/// Compares the first `len` elements.
fn compare(seed: u32, expected: &[i8], actual: &[i8]) -> Result<(), Difference> {
    match expected.iter().zip(actual).position(|(a, b)| a != b) {
        None => Ok(()),
        Some(index) => Err(Difference { seed, index, expected: expected[index], actual: actual[index] }),
    }
}
