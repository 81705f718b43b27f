//! Softmax, tables and conversions against numbers of the oracle and real arithmetic.

use kinglet_kernels::Io;
use kinglet_kernels::lookup::{
    RequantizeI8, SigmoidI8, TABLE_LEN, logistic_i8_reference, lookup_i8, relu_i8_reference, requantize_i8_reference,
    table, tanh_i8_reference,
};
use kinglet_kernels::numerics::{ClampF32, FixedPoint, OutputStage};
use kinglet_kernels::quantize::{Affine, dequantize_i8_f32, quantize_f32_i8};
use kinglet_kernels::softmax::{SoftmaxF32, SoftmaxI8, softmax_f32, softmax_i8};
use kinglet_kernels::unary_f32::{clamp_f32, logistic_f32, tanh_f32};
use proptest::prelude::*;

/// Multiplier and shift of a positive real number, as the parameter structs' documentation says.
fn quantize(real: f64) -> FixedPoint {
    let shift = real.log2().floor() as i32 + 1;
    let multiplier = (real / 2.0_f64.powi(shift) * 2.0_f64.powi(31)).round() as i64;
    match i32::try_from(multiplier) {
        Ok(multiplier) => FixedPoint { multiplier, shift },
        Err(_) => FixedPoint { multiplier: 1 << 30, shift: shift + 1 },
    }
}

fn softmax_of(scale: f32, row: &[i8]) -> Vec<i8> {
    let input_factor = quantize(f64::from(scale) * 2.0_f64.powi(26));
    let diff_min = -((31.0 * 2.0_f64.powi(26) / 2.0_f64.powi(input_factor.shift)).floor() as i32);
    let mut elements = row.to_vec();
    let layer = SoftmaxI8 { rows: 1, depth: row.len(), input_factor, diff_min };
    softmax_i8(&layer, &mut Io::in_place(&mut elements));
    elements
}

#[test]
fn known_softmaxes() {
    assert_eq!(softmax_of(0.1, &[10, 20, 30, 40, -128]), [-120, -106, -67, 37, -128]);
    assert_eq!(softmax_of(0.5, &[127, 126, 125, 0]), [2, -49, -80, -128]);
    assert_eq!(softmax_of(0.02, &[-5, 3, 100, -100, 64, 64, 7]), [-115, -113, -22, -126, -76, -76, -111]);
}

/// Beyond what TensorFlow Lite Micro computes at all: 1/1000 of 256 steps is nearer to 0 than to 1.
#[test]
fn a_thousand_equal_entries_are_all_small() {
    assert_eq!(softmax_of(0.1, &[5; 1000]), [-128; 1000]);
    assert_eq!(softmax_of(0.1, &[5; 256]), [-127; 256]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn softmax_is_within_one_step_of_the_real_one(scale in 0.01_f32..1.0, row in proptest::collection::vec(any::<i8>(), 1..40)) {
        let exp = |x: i8| (f64::from(scale) * f64::from(x)).exp();
        let sum: f64 = row.iter().map(|x| exp(*x)).sum();
        for (x, got) in row.iter().zip(softmax_of(scale, &row)) {
            let want = (exp(*x) / sum * 256.0 - 128.0).min(127.0);
            prop_assert!((f64::from(got) - want).abs() <= 1.0, "{x}: {got} for {want}");
        }
    }

    #[test]
    fn float_softmax_is_near_the_real_one(row in proptest::collection::vec(-20.0_f32..20.0, 1..40)) {
        let sum: f64 = row.iter().map(|x| f64::from(*x).exp()).sum();
        let mut got = row.clone();
        softmax_f32(&SoftmaxF32 { rows: 1, depth: row.len(), beta: 1.0 }, &mut Io::in_place(&mut got));
        for (x, got) in row.iter().zip(got) {
            let want = f64::from(*x).exp() / sum;
            prop_assert!((f64::from(got) / want - 1.0).abs() < 1e-5, "{x}: {got} for {want}");
        }
    }

    #[test]
    fn quantization_is_division_and_rounding_away(x in -300.0_f32..300.0, scale in 0.01_f32..2.0, zero_point in -128..=127_i32) {
        // f32::round rounds halves away from zero.
        let want = ((x / scale).round() as i32 + zero_point).clamp(-128, 127) as i8;
        prop_assert_eq!(Affine { scale, zero_point }.quantize(x), want);
    }
}

/// FNV-1a, to compare whole tables with the oracle's.
fn hash(table: &[i8]) -> u64 {
    table.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, x| (hash ^ u64::from(*x as u8)).wrapping_mul(0x100_0000_01b3))
}

#[test]
fn known_logistic_and_tanh_tables() {
    for (scale, input_zero_point, logistic, tanh) in [
        (0.0625_f32, 0, 0xdc80_c71c_3d9f_6075, 0x6d80_eb90_b7ce_29ef),
        (0.1, -7, 0xbd3c_7d35_ed05_d601, 0xd600_1bcb_a3b5_5404),
        (0.3, 20, 0x6079_c856_48bb_3ba6, 0xc541_8ecd_3066_24ac),
    ] {
        let factor = quantize(f64::from(scale) * 2.0_f64.powi(27));
        let radius = (15.0 * 2.0_f64.powi(27) / 2.0_f64.powi(factor.shift)).floor() as i32;
        let params = SigmoidI8 { input_zero_point, factor, radius };
        assert_eq!(hash(&table(|x| logistic_i8_reference(&params, x))), logistic, "logistic, scale {scale}");
        assert_eq!(hash(&table(|x| tanh_i8_reference(&params, x))), tanh, "tanh, scale {scale}");
    }
}

#[test]
fn relu_rescales_and_stops_at_zero() {
    // From scale 0.1 and zero point -10 to scale 0.05 and zero point -20.
    let stage = OutputStage::unclamped(-20);
    let params = RequantizeI8 { input_zero_point: -10, factor: FixedPoint { multiplier: 1 << 30, shift: 2 }, stage };
    let inputs = [-128, -11, -10, -9, 0, 40, 127];
    assert_eq!(inputs.map(|x| relu_i8_reference(&params, x)), [-20, -20, -20, -18, 0, 80, 127]);
    assert_eq!(inputs.map(|x| requantize_i8_reference(&params, x)), [-128, -22, -20, -18, 0, 80, 127]);
}

#[test]
fn lookup_maps_every_value_in_place() {
    let negated = table(|x| x.saturating_neg());
    let mut elements: Vec<i8> = (i8::MIN..=i8::MAX).collect();
    lookup_i8(&negated, &mut Io::in_place(&mut elements));
    assert!(elements.iter().zip(i8::MIN..=i8::MAX).all(|(got, x)| *got == x.saturating_neg()), "{elements:?}");
}

#[test]
fn quantization_saturates_and_survives_nan() {
    let affine = Affine { scale: 0.5, zero_point: 3 };
    let inputs = [0.0, 0.25, -0.25, 0.2, 63.0, 1e30, -1e30, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
    let mut output = [0; 10];
    assert!(quantize_f32_i8(&affine, &inputs, &mut output));
    assert_eq!(output, [3, 4, 2, 3, 127, 127, -128, 127, -128, 3]);
}

#[test]
fn dequantization_is_one_multiplication() {
    let mut output = [0.0; 3];
    assert!(dequantize_i8_f32(&Affine { scale: 0.1, zero_point: 3 }, &[3, 127, -128], &mut output));
    assert_eq!(output, [0.0, 0.1_f32 * 124.0, 0.1_f32 * -131.0]);
}

#[test]
fn float_functions_run_in_place() {
    let mut x = [-2.0, 0.0, 0.5, 7.0];
    clamp_f32(ClampF32 { min: 0.0, max: 6.0 }, &mut Io::in_place(&mut x));
    assert_eq!(x, [0.0, 0.0, 0.5, 6.0]);
    let mut x = [-100.0, 0.0, 100.0];
    logistic_f32(&mut Io::in_place(&mut x));
    assert!(x[0] < 1e-37 && x[1] == 0.5 && x[2] == 1.0, "{x:?}");
    let mut x = [-20.0, 0.0, 20.0];
    tanh_f32(&mut Io::in_place(&mut x));
    assert_eq!(x, [-1.0, 0.0, 1.0]);
}

/// What has no kernel to be compared with says so too when a slice is too short by one.
#[test]
fn functions_refuse_slices_that_do_not_fit() {
    fn is_refused<T: Copy + Default>(lens: [usize; 2], run: impl Fn(&mut Io<T>)) -> bool {
        let (input, mut output) = (vec![T::default(); lens[0]], vec![T::default(); lens[1]]);
        let mut io = Io::split(&input, &mut output);
        run(&mut io);
        io.is_refused()
    }
    let input_factor = FixedPoint { multiplier: 1 << 30, shift: 5 };
    for (lens, refused) in [([12, 12], false), ([11, 12], true), ([12, 11], true)] {
        // Softmax writes as much of its output as there is.
        let refused_rows = lens[0] < 12;
        let softmax = SoftmaxI8 { rows: 3, depth: 4, input_factor, diff_min: -100 };
        assert_eq!(is_refused(lens, |io| softmax_i8(&softmax, io)), refused_rows, "{lens:?}");
        let softmax = SoftmaxF32 { rows: 3, depth: 4, beta: 1.0 };
        assert_eq!(is_refused(lens, |io| softmax_f32(&softmax, io)), refused_rows, "{lens:?}");
        assert_eq!(is_refused(lens, |io| lookup_i8(&[0; TABLE_LEN], io)), refused, "{lens:?}");
        assert_eq!(is_refused(lens, |io| clamp_f32(ClampF32 { min: 0.0, max: 6.0 }, io)), refused, "{lens:?}");
        assert_eq!(is_refused(lens, logistic_f32), refused, "{lens:?}");
        assert_eq!(is_refused(lens, tanh_f32), refused, "{lens:?}");
        let affine = Affine { scale: 0.1, zero_point: 3 };
        assert_ne!(quantize_f32_i8(&affine, &vec![0.0; lens[0]], &mut vec![0; lens[1]]), refused, "{lens:?}");
        assert_ne!(dequantize_i8_f32(&affine, &vec![0; lens[0]], &mut vec![0.0; lens[1]]), refused, "{lens:?}");
    }
    assert!(is_refused([12, 12], |io| lookup_i8(&[0; TABLE_LEN - 1], io)));
}
