//! Reductions over any axes, products of matrices.

use kinglet_kernels::Io;
use kinglet_kernels::mat_mul::{
    MatMulF32, MatMulI8, MatMulI16, MatMulShape, mat_mul_f32_reference, mat_mul_i8_reference, mat_mul_i16_reference,
};
use kinglet_kernels::numerics::{ClampF32, FixedPoint, OutputStage};
use kinglet_kernels::reduce::{
    Extents, Kind, ReduceF32, ReduceInt, reduce_f32_reference, reduce_i8_reference, reduce_i16_reference,
};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::harness::{Element, Overlap, check_all, compare, elements, float, short};

/// Extents of which the last ones are long or 1.
fn extents() -> impl Strategy<Value = Extents> {
    let small = || 1..=3_usize;
    let last = prop_oneof![Just(1_usize), 1..=70_usize];
    (small(), small(), small(), small(), 1..=20_usize, last)
        .prop_map(|(k0, r0, k1, r1, r2, k3)| [k0, r0, k1, r1, 2, r2, k3])
}

fn written(extents: &Extents) -> usize {
    extents.iter().step_by(2).product()
}

pub(crate) fn reduce_f32(run: fn(&ReduceF32, &mut Io<f32>)) {
    let layers = (extents(), 0..Kind::ALL.len()).prop_flat_map(|(extents, kind)| {
        let input = elements(float(), extents.iter().product::<usize>());
        (Just(extents), Just(Kind::ALL[kind]), input)
    });
    check_all(layers, |(extents, kind, input)| {
        let layer = ReduceF32 { kind, extents };
        let (reference, kernel) =
            (|io: &mut Io<f32>| reduce_f32_reference(&layer, io), |io: &mut Io<f32>| run(&layer, io));
        compare(&input, written(&extents), Overlap::Never, reference, kernel)
    });
}

/// A reduction of integers and its inputs.
fn integers<T: Element + Arbitrary>() -> impl Strategy<Value = (ReduceInt, Vec<T>)> {
    (extents(), 0..4_usize, any::<i32>(), -8..=-1_i32, [-128..=127_i32, -128..=127_i32]).prop_flat_map(
        |(extents, kind, multiplier, shift, [input_zero_point, zero_point])| {
            let factor = FixedPoint { multiplier: multiplier & i32::MAX, shift };
            let layer = ReduceInt { kind: Kind::ALL[kind], extents, input_zero_point, factor, zero_point };
            (Just(layer), elements(any::<T>(), extents.iter().product::<usize>()))
        },
    )
}

pub(crate) fn reduce_i8(run: fn(&ReduceInt, &mut Io<i8>)) {
    check_all(integers::<i8>(), |(layer, input)| {
        let len = written(&layer.extents);
        compare(&input, len, Overlap::Never, |io| reduce_i8_reference(&layer, io), |io| run(&layer, io))
    });
}

pub(crate) fn reduce_i16(run: fn(&ReduceInt, &mut Io<i16>)) {
    check_all(integers::<i16>(), |(layer, input)| {
        let len = written(&layer.extents);
        compare(&input, len, Overlap::Never, |io| reduce_i16_reference(&layer, io), |io| run(&layer, io))
    });
}

/// Matrices stored as they are, transposed, or the same for several, with gaps between them.
fn shape() -> impl Strategy<Value = MatMulShape> {
    let small = || 1..=3_usize;
    let order = || (any::<bool>(), any::<bool>(), 0..=2_usize);
    (small(), small(), 1..=5_usize, 1..=20_usize, 1..=40_usize, order(), order()).prop_map(
        |(x, z, rows, depth, columns, of_a, of_b)| {
            let strides = |[rows, columns]: [usize; 2], (is_transposed, is_shared, gap): (bool, bool, usize)| {
                let inner = if is_transposed { [1, rows] } else { [columns, 1] };
                let matrix = if is_shared { 0 } else { rows * columns + gap };
                [z * matrix, 0, matrix, inner[0], inner[1]]
            };
            let (a, b) = (strides([rows, depth], of_a), strides([depth, columns], of_b));
            MatMulShape { batch: [x, 2, z], rows, depth, columns, a, b }
        },
    )
}

/// Elements that each factor and the result have.
fn lens(shape: &MatMulShape) -> [usize; 3] {
    let [x, y, z] = shape.batch;
    let reach = |extents: [usize; 5], strides: [usize; 5]| {
        1 + extents.iter().zip(strides).map(|(extent, stride)| (extent - 1) * stride).sum::<usize>()
    };
    let (rows, depth, columns) = (shape.rows, shape.depth, shape.columns);
    [reach([x, y, z, rows, depth], shape.a), reach([x, y, z, depth, columns], shape.b), x * y * z * rows * columns]
}

/// Fails unless both give the same bits, and unless the kernel refuses what is too short.
fn same<T: Element>(
    [a, b]: [&[T]; 2],
    len: usize,
    reference: impl Fn(&[T], &[T], &mut [T]) -> bool,
    kernel: impl Fn(&[T], &[T], &mut [T]) -> bool,
) -> Result<(), TestCaseError> {
    let (mut expected, mut actual) = (vec![T::STALE; len], vec![T::STALE; len]);
    prop_assert!(reference(a, b, &mut expected) && kernel(a, b, &mut actual));
    let bits = |all: &[T]| all.iter().map(|element| element.bits()).collect::<Vec<_>>();
    prop_assert_eq!(bits(&expected), bits(&actual));
    actual.fill(T::STALE);
    for (a, b, len) in [(short(a), b, len), (a, short(b), len), (a, b, len - 1)] {
        prop_assert!(!kernel(a, b, &mut actual[..len]) && !reference(a, b, &mut actual[..len]));
    }
    prop_assert!(actual.iter().all(|element| *element == T::STALE), "refused, and yet written");
    Ok(())
}

pub(crate) fn mat_mul_f32(run: fn(&MatMulF32, &[f32], &[f32], &mut [f32]) -> bool) {
    let layers = shape().prop_flat_map(|shape| {
        let [a, b, _] = lens(&shape);
        (Just(shape), elements(float(), a), elements(float(), b))
    });
    check_all(layers, |(shape, a, b)| {
        let layer = MatMulF32 { shape, clamp: ClampF32 { min: -8.0, max: f32::INFINITY } };
        let reference = |a: &[f32], b: &[f32], y: &mut [f32]| mat_mul_f32_reference(&layer, a, b, y);
        same([&a, &b], lens(&shape)[2], reference, |a, b, y| run(&layer, a, b, y))
    });
}

pub(crate) fn mat_mul_i8(run: fn(&MatMulI8, &[i8], &[i8], &mut [i8]) -> bool) {
    let layers = (shape(), -128..=127_i32, -128..=127_i32).prop_flat_map(|(shape, za, zb)| {
        let [a, b, _] = lens(&shape);
        (Just(shape), Just([za, zb]), elements(any::<i8>(), a), elements(any::<i8>(), b))
    });
    check_all(layers, |(shape, [a_zero_point, b_zero_point], a, b)| {
        let factor = FixedPoint { multiplier: 1_234_567_890, shift: -9 };
        let stage = OutputStage { zero_point: 4, min: -100, max: 127 };
        let layer = MatMulI8 { shape, a_zero_point, b_zero_point, factor, stage };
        let reference = |a: &[i8], b: &[i8], y: &mut [i8]| mat_mul_i8_reference(&layer, a, b, y);
        same([&a, &b], lens(&shape)[2], reference, |a, b, y| run(&layer, a, b, y))
    });
}

pub(crate) fn mat_mul_i16(run: fn(&MatMulI16, &[i16], &[i16], &mut [i16]) -> bool) {
    let layers = shape().prop_flat_map(|shape| {
        let [a, b, _] = lens(&shape);
        (Just(shape), elements(any::<i16>(), a), elements(any::<i16>(), b))
    });
    check_all(layers, |(shape, a, b)| {
        let factor = FixedPoint { multiplier: 1_234_567_890, shift: -16 };
        let layer = MatMulI16 { shape, factor, min: -30_000, max: i16::MAX };
        let reference = |a: &[i16], b: &[i16], y: &mut [i16]| mat_mul_i16_reference(&layer, a, b, y);
        same([&a, &b], lens(&shape)[2], reference, |a, b, y| run(&layer, a, b, y))
    });
}
