//! Add of int8 with AVX-512, sixteen elements at a time, for operands of the same shape.
//!
//! The operand of the larger scale has the factor one half, which is a shift: half of `2^20` times the element is `2^19` times
//! it. The other one has a smaller factor and is below `2^28` in magnitude, and the sum below `2^29`, so both are scaled by the
//! shorter way of `finish.rs`. Other layers go to `add.rs`.

use core::arch::x86_64::*;

use super::finish_avx512::{LANES, Scale};
use super::found::Avx512Vnni;
use crate::Io;
use crate::elementwise::{ADD_LEFT_SHIFT, AddI8};
use crate::io::range;
use crate::numerics::FixedPoint;

/// One half.
const HALF: FixedPoint = FixedPoint { multiplier: 1 << 30, shift: 0 };
/// Elements that are computed before any is written.
const CHUNK: usize = 512;

/// True when the layer has been computed: operands are as long as each other, their zero points fit a byte.
pub(super) fn add_i8(proof: Avx512Vnni, layer: &AddI8, io: &mut Io<i8>, b: &[i8]) -> bool {
    let _ = proof;
    // SAFETY: `proof` stands for the instructions.
    unsafe { all(layer, io, b) }
}

/// The layer's constants.
struct Sums {
    zero_points: [__m512i; 2],
    /// The factor of the second operand, or of the first if that is the one of the smaller scale.
    smaller: Scale,
    output: Scale,
    zero_point: __m512i,
    min: __m128i,
    max: __m128i,
}

#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl")]
fn all(layer: &AddI8, io: &mut Io<i8>, b: &[i8]) -> bool {
    let (is_first, smaller) = match (layer.a_factor == HALF, layer.b_factor == HALF) {
        (true, _) => (true, layer.b_factor),
        (false, true) => (false, layer.a_factor),
        (false, false) => return false,
    };
    let (Some(smaller), Some(output)) = (Scale::new(smaller), Scale::new(layer.output_factor)) else { return false };
    let mut zero_points = [layer.a_zero_point, layer.b_zero_point].map(|zero_point| _mm512_set1_epi32(zero_point));
    if !is_first {
        zero_points.swap(0, 1);
    }
    let (min, max) = (_mm_set1_epi8(layer.stage.min as i8), _mm_set1_epi8(layer.stage.max as i8));
    let sums = Sums { zero_points, smaller, output, zero_point: _mm512_set1_epi32(layer.stage.zero_point), min, max };
    let (len, mut at) = (io.input().len(), 0);
    if io.output().len() != len {
        io.refuse();
        return true;
    }
    let mut outputs = [0; CHUNK];
    while at < len {
        let count = len.wrapping_sub(at).min(CHUNK);
        let (a, b) = (range(io.input(), at, count), range(b, at, count));
        if is_first {
            sums.write(a, b, &mut outputs)
        } else {
            sums.write(b, a, &mut outputs)
        }
        for (to, value) in
            io.output().get_mut(at..).unwrap_or_default().iter_mut().zip(outputs.get(..count).unwrap_or_default())
        {
            *to = *value;
        }
        at = at.wrapping_add(count);
    }
    true
}

impl Sums {
    /// Outputs of the elements of the operand of the larger scale and of the other.
    #[inline]
    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl")]
    fn write(&self, larger: &[i8], smaller: &[i8], to: &mut [i8; CHUNK]) {
        let ((larger, last_larger), (smaller, last_smaller)) = (larger.as_chunks(), smaller.as_chunks());
        let mut places = to.as_chunks_mut::<LANES>().0.iter_mut();
        for ((a, b), to) in larger.iter().zip(smaller).zip(places.by_ref()) {
            *to = self.sixteen(a, b);
        }
        if let (Some(to), false) = (places.next(), last_larger.is_empty()) {
            let (mut a, mut b) = ([0; LANES], [0; LANES]);
            for ((a, b), (x, y)) in a.iter_mut().zip(&mut b).zip(last_larger.iter().zip(last_smaller)) {
                (*a, *b) = (*x, *y);
            }
            *to = self.sixteen(&a, &b);
        }
    }

    #[inline]
    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl")]
    fn sixteen(&self, larger: &[i8; LANES], smaller: &[i8; LANES]) -> [i8; LANES] {
        let a = _mm512_sub_epi32(widened(larger), self.zero_points[0]);
        let b = _mm512_sub_epi32(widened(smaller), self.zero_points[1]);
        let a = _mm512_slli_epi32::<{ ADD_LEFT_SHIFT - 1 }>(a);
        let b = self.smaller.apply(_mm512_slli_epi32::<ADD_LEFT_SHIFT>(b));
        let scaled = _mm512_add_epi32(self.output.apply(_mm512_add_epi32(a, b)), self.zero_point);
        // What does not fit a byte is beyond either clamp.
        let bytes = _mm_min_epi8(_mm_max_epi8(_mm512_cvtsepi32_epi8(scaled), self.min), self.max);
        let mut values = [0; LANES];
        // SAFETY: sixteen bytes are written to an array of as many, which need no alignment.
        unsafe { _mm_storeu_si128(values.as_mut_ptr().cast(), bytes) };
        values
    }
}

/// Sixteen elements.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn widened(elements: &[i8; LANES]) -> __m512i {
    // SAFETY: the array's sixteen bytes are read, which need no alignment.
    _mm512_cvtepi8_epi32(unsafe { _mm_loadu_si128(elements.as_ptr().cast()) })
}
