//! Channel quads: four output channels `(a, b, c, d)` of four bits in each 16-bit number, `4096 d + 256 c + 16 b + a`.
//!
//! How [`channel_pairs_by_four`](super::channel_pairs_by_four) stands when its weights have four bits: in blocks of eight
//! channels, `[O / 8, K / 4, 2 quads, 2 words]`, rounded up with zeros. Taps 0 and 2 of a group are the halves of the
//! first word, 1 and 3 those of the second. `a`, `b` and `c` are stored plus 8, as every weight of four bits; `d` is the
//! number's sign, so that it stands there as it is.
//!
//! Why the sums can be told apart: `SMLAD` accumulates the number, then the number without `d`, then without `c`, then
//! `a` alone. What one sum has more than the next is 4096, 256 or 16 times the sum of a channel, exactly as long as that
//! fits 32 bits, whatever the sums themselves do. The 8 is taken off by where the sums start.

use super::{Numbers, Order, Storage, Taps};
use crate::Io;
use crate::dense::{Dense, Vector, multiply_add};
use crate::io::range;
use crate::packing::{accumulator, products};

/// The storage whose weights stand so.
pub(super) const STORAGE: Storage = Storage::Bits4;

/// Where `a`, `b`, `c` and `d` are among the eight places of a word, for the first of its two taps.
const NIBBLES: [usize; 4] = [0, 4, 1, 5];

/// Below this the sum of products of each channel of a quad stays.
const LIMITS: [i64; 4] = [1 << 30, 1 << 27, 1 << 23, 1 << 19];

pub(super) fn are_exact(numbers: &Numbers<'_>) -> bool {
    let channels = numbers.rows().zip(LIMITS.into_iter().cycle());
    channels.into_iter().all(|((row, bias), limit)| products(row) < limit && accumulator(row, bias) < 1 << 30)
}

pub(super) fn place(taps: Taps, output: usize, tap: usize) -> usize {
    let place = taps.place(tap);
    let block = (output / 8).wrapping_mul(taps.count().div_ceil(4)).wrapping_add(place / 4);
    let word = block.wrapping_mul(4).wrapping_add(((output / 4) & 1) << 1).wrapping_add(place & 1);
    let nibble = NIBBLES.get(output & 3).copied().unwrap_or(0).wrapping_add(place & 2);
    word.wrapping_mul(8).wrapping_add(nibble)
}

/// A weight as it stands at a place, and back: `d`, in places 5 and 7 of a word, is not stored plus 8.
fn turned(place: usize, weight: i8) -> i8 {
    if place & 5 == 5 { weight ^ -8 } else { weight }
}

pub(super) fn pack<P: Order>(outputs: usize, taps: Taps, row_major: &[i8], out: &mut [i8]) {
    for place in 0..P::places(outputs, taps.count()) {
        STORAGE.write(out, place, turned(place, 0));
    }
    for (index, weight) in row_major.iter().enumerate().take(outputs.saturating_mul(taps.count())) {
        let (output, tap) = (index.checked_div(taps.count()), index.checked_rem(taps.count()));
        let place = place(taps, output.unwrap_or(0), tap.unwrap_or(0));
        STORAGE.write(out, place, turned(place, *weight));
    }
}

pub(super) fn weight_at(taps: Taps, weights: &[i8], output: usize, tap: usize) -> i8 {
    let place = place(taps, output, tap);
    STORAGE.read(weights, place).map_or(0, |weight| turned(place, weight))
}

/// All outputs of a vector.
pub(super) fn emulated_outputs(dense: &Dense<'_>, io: &mut Io<i8>, vector: Vector<'_>, at: usize) {
    let (outputs, groups) = (dense.bias.len(), dense.taps.div_ceil(4));
    for quad in 0..outputs.div_ceil(4) {
        let mut sums = [0_i32; 4];
        for (group, x) in dense.vector(io, vector).chunks(4).enumerate() {
            let block = (quad / 2).wrapping_mul(groups).wrapping_add(group);
            let words = block.wrapping_mul(2).wrapping_add(quad & 1).wrapping_mul(8);
            for (number, tap) in range(dense.weights, words, 8).as_chunks::<2>().0.iter().zip([0, 2, 1, 3]) {
                let x = x.get(tap).copied().unwrap_or(0);
                for (sum, weight) in sums.iter_mut().zip(decode(*number)) {
                    *sum = multiply_add(*sum, x, weight);
                }
            }
        }
        for (output, sum) in (quad.wrapping_mul(4)..outputs).zip(sums) {
            io.set(at.wrapping_add(output), dense.finish(output, sum));
        }
    }
}

/// The four weights of a number.
#[inline]
fn decode([low, high]: [i8; 2]) -> [i8; 4] {
    let code = |byte: i8, shift: u32| (byte as u8).wrapping_shr(shift) as i8 & 15;
    [code(low, 0).wrapping_sub(8), code(low, 4).wrapping_sub(8), code(high, 0).wrapping_sub(8), high >> 4]
}
