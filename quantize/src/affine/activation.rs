//! From the range of an activation to its scale and zero point.

use crate::calibrate::Range;
use crate::ir::Quantization;

/// Scale of a value that was never anything but zero.
const ZERO_SCALE: f32 = 1.0 / 255.0;

/// The int8 quantization that covers `range`, with a scale of at least `scale_min`.
///
/// The range is extended to include 0, which then has a code of its own: padding and ReLU produce exact
/// zeros, and a zero that is not exact would bias every layer behind it. The zero point is `-128 - lo / scale`
/// to the nearest integer, which moves the range by up to half a step and keeps its width.
pub fn activation(range: Range, scale_min: f32) -> Quantization {
    let lo = f64::from(range.lo).min(0.0);
    let hi = f64::from(range.hi).max(0.0);
    let scale = match ((hi - lo) / 255.0) as f32 {
        // Below the normal floats a scale would have too few bits left.
        scale if scale >= f32::MIN_POSITIVE => scale.max(scale_min),
        _ => scale_min.max(if lo == hi { ZERO_SCALE } else { f32::MIN_POSITIVE }),
    };
    let zero_point = (-128.0 - lo / f64::from(scale)).round().clamp(-128.0, 127.0);
    Quantization::per_tensor(scale, zero_point as i32)
}

#[cfg(test)]
mod tests {
    use kinglet_kernels::quantize::Affine;
    use proptest::prelude::*;

    use super::*;

    fn affine(q: &Quantization) -> Affine {
        Affine { scale: q.scale(0), zero_point: q.zero_point() }
    }

    #[test]
    fn known_ranges() {
        let of = |lo, hi| {
            let q = activation(Range { lo, hi }, 0.0);
            (q.scale(0), q.zero_point())
        };
        assert_eq!(of(0.0, 255.0), (1.0, -128), "after a ReLU");
        assert_eq!(of(-255.0, 0.0), (1.0, 127));
        assert_eq!(of(100.0, 255.0), (1.0, -128), "zero is included");
        assert_eq!(of(-128.0, 127.0), (1.0, 0));
        assert_eq!(of(0.0, 0.0), (ZERO_SCALE, -128));
        assert_eq!(activation(Range { lo: 0.0, hi: 255.0 }, 4.0), Quantization::per_tensor(4.0, -128));
    }

    fn real() -> impl Strategy<Value = f32> {
        prop_oneof![-10f32..10.0, -1e-30f32..1e-30, -1e30f32..1e30, Just(0.0), Just(f32::MAX), Just(f32::MIN)]
    }

    proptest! {
        #[test]
        fn zero_is_exact_and_the_range_is_covered(a in real(), b in real(), at in 0f64..1.0) {
            let range = Range { lo: a.min(b), hi: a.max(b) };
            let q = activation(range, 0.0);
            prop_assert!(q.scale(0).is_normal() && q.scale(0) > 0.0);
            prop_assert!((-128..=127).contains(&q.zero_point()));
            let q = affine(&q);
            prop_assert_eq!(q.dequantize(q.quantize(0.0)), 0.0);
            // Half a step of rounding, and half a step by which the zero point may have moved the range.
            let x = (f64::from(range.lo) + (f64::from(range.hi) - f64::from(range.lo)) * at) as f32;
            let error = (f64::from(q.dequantize(q.quantize(x))) - f64::from(x)).abs();
            prop_assert!(error <= f64::from(q.scale) * 1.001, "{error} at {x} with {q:?}");
        }

        #[test]
        fn every_code_survives_the_way_to_reals_and_back(a in real(), b in real(), code in any::<i8>()) {
            let q = affine(&activation(Range { lo: a.min(b), hi: a.max(b) }, 0.0));
            let real = q.dequantize(code);
            prop_assume!(real.is_finite());
            prop_assert_eq!(q.quantize(real), code);
        }
    }
}
