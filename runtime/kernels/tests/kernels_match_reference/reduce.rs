//! Pooling, Mean and ReduceMax.

use super::geometry::{Rule, closest, geometry};
use super::harness::{Overlap, check_all, compare, elements, float};
use super::layers::clamp;
use kinglet_kernels::Io;
use kinglet_kernels::conv2d::Geometry;
use kinglet_kernels::mean::{MeanF32, MeanI8, mean_f32_reference, mean_i8_reference};
use kinglet_kernels::numerics::{FixedPoint, OutputStage};
use kinglet_kernels::pool::{
    PoolF32, PoolI8, PoolI16, average_pool_f32_reference, average_pool_i8_reference, average_pool_i16_reference,
    max_pool_f32_reference, max_pool_i8_reference, max_pool_i16_reference,
};
use kinglet_kernels::reduce_max::{ReduceMax, reduce_max_f32_reference, reduce_max_i8_reference};
use proptest::prelude::*;

fn shape() -> impl Strategy<Value = Geometry> {
    (1..=37_usize).prop_flat_map(|channels| geometry(1, channels, channels))
}

fn pool_i8(reference: fn(&PoolI8, &mut Io<i8>), run: fn(&PoolI8, &mut Io<i8>)) {
    let layers = shape().prop_flat_map(|geometry| {
        let input_len = geometry.input.iter().product();
        (Just(geometry), -128..=0_i32, 0..=127_i32, elements(any::<i8>(), input_len))
    });
    check_all(layers, |(geometry, min, max, input)| {
        let layer = PoolI8 { geometry, min, max };
        let overlap = Overlap::Before(closest(&geometry, Rule::WritesInBlocks));
        let output_len = geometry.output.iter().product();
        compare(&input, output_len, overlap, |io| reference(&layer, io), |io| run(&layer, io))
    });
}

fn pool_i16(reference: fn(&PoolI16, &mut Io<i16>), run: fn(&PoolI16, &mut Io<i16>)) {
    let layers = shape().prop_flat_map(|geometry| {
        let input_len = geometry.input.iter().product();
        (Just(geometry), i16::MIN..=0_i16, 0..=i16::MAX, elements(any::<i16>(), input_len))
    });
    check_all(layers, |(geometry, min, max, input)| {
        let layer = PoolI16 { geometry, min, max };
        let overlap = Overlap::Before(closest(&geometry, Rule::WritesInBlocks));
        let output_len = geometry.output.iter().product();
        compare(&input, output_len, overlap, |io| reference(&layer, io), |io| run(&layer, io))
    });
}

fn pool_f32(reference: fn(&PoolF32, &mut Io<f32>), run: fn(&PoolF32, &mut Io<f32>)) {
    let layers = shape().prop_flat_map(|geometry| {
        let input_len = geometry.input.iter().product();
        (Just(geometry), clamp(), elements(float(), input_len))
    });
    check_all(layers, |(geometry, clamp, input)| {
        let layer = PoolF32 { geometry, clamp };
        let overlap = Overlap::Before(closest(&geometry, Rule::WritesInBlocks));
        let output_len = geometry.output.iter().product();
        compare(&input, output_len, overlap, |io| reference(&layer, io), |io| run(&layer, io))
    });
}

pub(crate) fn average_pool_i8(run: fn(&PoolI8, &mut Io<i8>)) {
    pool_i8(average_pool_i8_reference, run);
}

pub(crate) fn max_pool_i8(run: fn(&PoolI8, &mut Io<i8>)) {
    pool_i8(max_pool_i8_reference, run);
}

pub(crate) fn average_pool_i16(run: fn(&PoolI16, &mut Io<i16>)) {
    pool_i16(average_pool_i16_reference, run);
}

pub(crate) fn max_pool_i16(run: fn(&PoolI16, &mut Io<i16>)) {
    pool_i16(max_pool_i16_reference, run);
}

pub(crate) fn average_pool_f32(run: fn(&PoolF32, &mut Io<f32>)) {
    pool_f32(average_pool_f32_reference, run);
}

pub(crate) fn max_pool_f32(run: fn(&PoolF32, &mut Io<f32>)) {
    pool_f32(max_pool_f32_reference, run);
}

/// Outer, reduced and inner.
fn mean_shape() -> impl Strategy<Value = [usize; 3]> {
    (1..=3_usize, 1..=30_usize, 1..=37_usize).prop_map(|(outer, reduced, inner)| [outer, reduced, inner])
}

pub(crate) fn mean_i8(run: fn(&MeanI8, &mut Io<i8>)) {
    let layers = mean_shape().prop_flat_map(|shape| {
        let input = elements(any::<i8>(), shape.iter().product());
        (Just(shape), input, -128..=127_i32, -128..=127_i32, any::<i32>(), -8..=-1_i32)
    });
    check_all(layers, |([outer, reduced, inner], input, input_zero_point, zero_point, multiplier, shift)| {
        let factor = FixedPoint { multiplier: multiplier & i32::MAX, shift };
        let stage = OutputStage::unclamped(zero_point);
        let layer = MeanI8 { outer, reduced, inner, input_zero_point, factor, stage };
        compare(&input, outer * inner, Overlap::Never, |io| mean_i8_reference(&layer, io), |io| run(&layer, io))
    });
}

pub(crate) fn mean_f32(run: fn(&MeanF32, &mut Io<f32>)) {
    let layers = mean_shape().prop_flat_map(|shape| (Just(shape), elements(float(), shape.iter().product::<usize>())));
    check_all(layers, |([outer, reduced, inner], input)| {
        let layer = MeanF32 { outer, reduced, inner };
        compare(&input, outer * inner, Overlap::Never, |io| mean_f32_reference(&layer, io), |io| run(&layer, io))
    });
}

/// The same with a row of each outer index one time in two.
fn max_shape() -> impl Strategy<Value = [usize; 3]> {
    (mean_shape(), any::<bool>()).prop_map(
        |([outer, reduced, inner], is_row)| {
            if is_row { [outer, reduced, 1] } else { [outer, reduced, inner] }
        },
    )
}

pub(crate) fn reduce_max_i8(run: fn(&ReduceMax, &mut Io<i8>)) {
    let layers =
        max_shape().prop_flat_map(|shape| (Just(shape), elements(any::<i8>(), shape.iter().product::<usize>())));
    check_all(layers, |([outer, reduced, inner], input)| {
        let layer = ReduceMax { outer, reduced, inner };
        compare(&input, outer * inner, Overlap::Never, |io| reduce_max_i8_reference(&layer, io), |io| run(&layer, io))
    });
}

pub(crate) fn reduce_max_f32(run: fn(&ReduceMax, &mut Io<f32>)) {
    let layers = max_shape().prop_flat_map(|shape| (Just(shape), elements(float(), shape.iter().product::<usize>())));
    check_all(layers, |([outer, reduced, inner], input)| {
        let layer = ReduceMax { outer, reduced, inner };
        compare(&input, outer * inner, Overlap::Never, |io| reduce_max_f32_reference(&layer, io), |io| run(&layer, io))
    });
}
