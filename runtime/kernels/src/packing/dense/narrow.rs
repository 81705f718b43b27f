//! Row-major weights of fewer than eight bits, unpacked where they are multiplied: one loop for all widths and machines.
//!
//! Eight weights of `BITS` bits are `BITS` bytes, so they are loaded as a word and cut out of it by shifts. A row whose
//! first weight is not the first of such eight begins and ends with weights that are read one at a time.

use super::super::narrow_storages;
use super::{Packing, Storage};
use crate::Io;
use crate::conv2d::portable::for_each_patch;
use crate::conv2d::{self, Conv2dI8};
use crate::dense::{Dense, Vector, multiply_add};
use crate::fully_connected::{self, FullyConnectedI8};
use crate::registry::{Kernel, Operator, Row};
use core::ops::Range;

/// Weights that lie in whole bytes together.
const EIGHT: usize = 8;

/// For each storage its kernels, as the build has them, and the dispatch.
macro_rules! kernels {
    ([] $($(#[$doc:meta])* $Name:ident = $tag:literal, $bits:literal, $text:literal, $feature:literal;)*) => {
        /// Kernels of Conv2D.
        pub(super) const CONV2D: &[Row] = &[$(Row {
            kernel: if cfg!(feature = $feature) {
                Some(Kernel::Conv2dI8(Packing::RowMajor, Storage::$Name, conv2d_i8::<$bits>))
            } else {
                None
            },
            ..Row::packed(
                concat!("packing::dense::narrow::conv2d_i8::<", $bits, ">"),
                &[Operator::Conv2D],
                concat!("row-major, ", $text),
            )
        },)*];
        /// Kernels of FullyConnected.
        pub(super) const FULLY_CONNECTED: &[Row] = &[$(Row {
            kernel: if cfg!(feature = $feature) {
                Some(Kernel::FullyConnectedI8(Packing::RowMajor, Storage::$Name, fully_connected_i8::<$bits>))
            } else {
                None
            },
            ..Row::packed(
                concat!("packing::dense::narrow::fully_connected_i8::<", $bits, ">"),
                &[Operator::FullyConnected],
                concat!("row-major, ", $text),
            )
        },)*];

        /// Runs a convolution whose weights have fewer than eight bits; false when they have eight.
        #[inline(always)]
        pub(super) fn runs_conv2d(layer: &Conv2dI8, io: &mut Io<i8>, scratch: &mut [i8]) -> bool {
            match layer.storage {
                Storage::Bits8 => return false,
                $(Storage::$Name => if cfg!(feature = $feature) {
                    conv2d_i8::<$bits>(layer, io, scratch);
                } else {
                    io.refuse();
                },)*
            }
            true
        }

        /// Likewise.
        #[inline(always)]
        pub(super) fn runs_fully_connected(layer: &FullyConnectedI8, io: &mut Io<i8>, scratch: &mut [i8]) -> bool {
            match layer.storage {
                Storage::Bits8 => return false,
                $(Storage::$Name => if cfg!(feature = $feature) {
                    fully_connected_i8::<$bits>(layer, io, scratch);
                } else {
                    io.refuse();
                },)*
            }
            true
        }
    };
}

narrow_storages! { kernels [] }

/// As [`crate::conv2d::portable::conv2d_i8`].
fn conv2d_i8<const BITS: usize>(layer: &Conv2dI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    if !layer.fits(io, layer.weight_len()) {
        return io.refuse();
    }
    let geometry = &layer.geometry;
    let taps = geometry.taps();
    let group_outputs = geometry.output[2].checked_div(geometry.groups).unwrap_or(0);
    for_each_patch(layer, io, scratch, |io, patch, pixel| {
        for group in 0..geometry.groups {
            let first = group.wrapping_mul(group_outputs);
            let vector = Vector::Gathered(crate::io::range(patch, group.wrapping_mul(taps), taps));
            let at = pixel.wrapping_mul(geometry.output[2]).wrapping_add(first);
            let dense = conv2d::portable::dense(layer);
            outputs::<BITS>(&dense, layer.storage, io, vector, (first..first.wrapping_add(group_outputs), at));
        }
    });
}

/// As [`crate::fully_connected::portable::fully_connected_i8`].
fn fully_connected_i8<const BITS: usize>(layer: &FullyConnectedI8, io: &mut Io<i8>, _scratch: &mut [i8]) {
    if !layer.fits(io) {
        return io.refuse();
    }
    for row in 0..layer.rows {
        let vector = Vector::Input(row.wrapping_mul(layer.taps));
        let at = row.wrapping_mul(layer.outputs);
        let dense = fully_connected::portable::dense(layer);
        outputs::<BITS>(&dense, layer.storage, io, vector, (0..layer.outputs, at));
    }
}

/// Computes some outputs of one vector and writes them from element `at` on.
// Not inlined: Conv2D and FullyConnected share it.
#[inline(never)]
fn outputs<const BITS: usize>(
    dense: &Dense<'_>,
    storage: Storage,
    io: &mut Io<i8>,
    vector: Vector<'_>,
    (outputs, at): (Range<usize>, usize),
) {
    for (index, output) in outputs.enumerate() {
        let first = output.wrapping_mul(dense.taps);
        let sum = dot::<BITS>(dense.vector(io, vector), storage, dense.weights, first);
        io.set(at.wrapping_add(index), dense.finish(output, sum));
    }
}

/// The sum of `x` times the weights from place `first` on.
#[inline]
fn dot<const BITS: usize>(x: &[i8], storage: Storage, weights: &[i8], first: usize) -> i32 {
    // Weights before the first of eight that lie in whole bytes.
    let odd = first.wrapping_neg() % EIGHT;
    let (head, rest) = x.split_at_checked(odd).unwrap_or((x, &[]));
    let start = first.wrapping_add(odd);
    let (eights, tail) = rest.as_chunks::<EIGHT>();
    let words = weights.get((start / EIGHT).wrapping_mul(BITS)..).unwrap_or_default().as_chunks::<BITS>().0;
    let sum = eights.iter().zip(words).fold(0, |sum, (x, bytes)| eight_products::<BITS>(sum, x, bytes));
    let end = start.wrapping_add(eights.len().wrapping_mul(EIGHT));
    let one_by_one = head.iter().zip(first..).chain(tail.iter().zip(end..));
    one_by_one.fold(sum, |sum, (x, place)| multiply_add(sum, *x, storage.read(weights, place).unwrap_or(0)))
}

/// Adds eight products.
#[inline(always)]
fn eight_products<const BITS: usize>(sum: i32, x: &[i8; EIGHT], bytes: &[i8; BITS]) -> i32 {
    let mut word = [0; 4];
    for (to, from) in word.iter_mut().zip(bytes) {
        *to = *from as u8;
    }
    let word = u32::from_le_bytes(word);
    // To the top of the word, then down with its sign. Spelled out, so that shifts are constants.
    let product = |x: i8, place: u32| {
        let above = 32_u32.wrapping_sub((BITS as u32).wrapping_mul(place.wrapping_add(1)));
        let weight = (word.wrapping_shl(above) as i32).wrapping_shr(32_u32.wrapping_sub(BITS as u32));
        i32::from(x).wrapping_mul(weight)
    };
    let [a, b, c, d, e, f, g, h] = *x;
    let first = sum.wrapping_add(product(a, 0)).wrapping_add(product(b, 1));
    let second = first.wrapping_add(product(c, 2)).wrapping_add(product(d, 3));
    let third = second.wrapping_add(product(e, 4)).wrapping_add(product(f, 5));
    third.wrapping_add(product(g, 6)).wrapping_add(product(h, 7))
}
