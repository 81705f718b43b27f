//! What moves elements, and what is made of few of them.

use kinglet_kernels::Io;
use kinglet_kernels::rearrange::{AXES, Rearrange, rearrange_reference};
use kinglet_kernels::resample::{Resample, resample_f32_reference, resample_i8_reference};
use kinglet_kernels::resize_bilinear::{ResizeBilinear, resize_bilinear_i8_reference};
use kinglet_kernels::take::{Take, take_reference};
use proptest::prelude::*;

use super::harness::{Element, Overlap, check_all, compare, elements};

/// Axes in any order of the input's strides, repeated, backwards and with gaps; the output's with gaps too.
fn layers() -> impl Strategy<Value = Rearrange> {
    let axis = (1..=7_usize, -9..=9_isize, 0..=2_usize, any::<bool>());
    proptest::collection::vec(axis, 1..=3).prop_flat_map(|axes| {
        let places = proptest::sample::subsequence((0..AXES).collect::<Vec<_>>(), axes.len());
        (Just(axes), places, any::<bool>()).prop_map(|(axes, places, runs)| {
            let mut layer = Rearrange { extents: [1; AXES], input_strides: [0; AXES], output_strides: [0; AXES] };
            let mut reach = 1;
            for ((extent, stride, gap, is_long), place) in axes.into_iter().zip(places).rev() {
                let extent = if is_long { extent * 3 } else { extent };
                let is_innermost = reach == 1;
                layer.extents[place] = extent;
                layer.input_strides[place] = if runs && is_innermost { 1 } else { stride };
                layer.output_strides[place] = if runs && is_innermost { 1 } else { reach + gap };
                reach += (extent - 1) * layer.output_strides[place];
            }
            layer
        })
    })
}

pub(crate) fn rearrange_i8(run: fn(&Rearrange, &mut Io<i8>)) {
    let layers = layers().prop_flat_map(|layer| {
        let reach = layer.reach().expect("no indices meet");
        (Just(layer), elements(any::<i8>(), reach.before + reach.behind + 1), Just(reach.output + 1))
    });
    check_all(layers, |(layer, input, output_len)| {
        compare(&input, output_len, Overlap::Never, |io| rearrange_reference(&layer, io), |io| run(&layer, io))
    });
}

/// An axis, the extents around it, and which of its indices are wanted.
fn indices(taps: usize) -> impl Strategy<Value = ([usize; 4], Vec<u32>)> {
    (1..=3_usize, 1..=6_usize, 1..=40_usize, 1..=7_usize).prop_flat_map(move |(outer, extent, inner, count)| {
        let all = proptest::collection::vec(0..extent as u32, count * taps);
        (Just([outer, extent, inner, count]), all)
    })
}

pub(crate) fn take_i8(run: fn(&Take<'_>, &mut Io<i8>)) {
    let layers = indices(1).prop_flat_map(|(shape, list)| {
        let [outer, extent, inner, _] = shape;
        (Just((shape, list)), elements(any::<i8>(), outer * extent * inner))
    });
    check_all(layers, |(([outer, extent, inner, count], indices), input)| {
        let layer = Take { outer, extent, inner, indices: &indices };
        let output_len = outer * count * inner;
        compare(&input, output_len, Overlap::Never, |io| take_reference(&layer, io), |io| run(&layer, io))
    });
}

fn resampled<T: Element, W: core::fmt::Debug + Clone>(
    element: impl Strategy<Value = T> + Clone,
    weight: impl Strategy<Value = W> + Clone,
    reference: impl Fn(&Resample<'_, W>, i32, &mut Io<T>),
    run: impl Fn(&Resample<'_, W>, i32, &mut Io<T>),
) {
    let layers = (1..=4_usize).prop_flat_map(move |taps| {
        let (element, weight) = (element.clone(), weight.clone());
        indices(taps).prop_flat_map(move |(shape, list)| {
            let [outer, extent, inner, _] = shape;
            let weights = proptest::collection::vec(weight.clone(), list.len());
            (Just((taps, shape, list)), weights, elements(element.clone(), outer * extent * inner), any::<i8>())
        })
    });
    check_all(layers, |((taps, [outer, extent, inner, count], indices), weights, input, zero_point)| {
        let layer = Resample { outer, extent, inner, count, taps, indices: &indices, weights: &weights };
        let zero = i32::from(zero_point);
        let (expected, found) = (|io: &mut Io<T>| reference(&layer, zero, io), |io: &mut Io<T>| run(&layer, zero, io));
        compare(&input, outer * count * inner, Overlap::Never, expected, found)
    });
}

pub(crate) fn resample_i8(run: fn(&Resample<'_, i16>, i32, &mut Io<i8>)) {
    resampled(any::<i8>(), any::<i16>(), resample_i8_reference, run);
}

pub(crate) fn resample_f32(run: fn(&Resample<'_, f32>, &mut Io<f32>)) {
    let reference = |layer: &Resample<'_, f32>, _: i32, io: &mut Io<f32>| resample_f32_reference(layer, io);
    resampled(-9.0..9.0_f32, -2.0..2.0_f32, reference, |layer, _, io| run(layer, io));
}

pub(crate) fn resize_bilinear_i8(run: fn(&ResizeBilinear<'_>, &mut Io<i8>)) {
    let table = |extent: usize| {
        let step = (0..extent as i32, 0..extent as i32, -512..=1024_i32);
        proptest::collection::vec(step, 1..=6).prop_map(|steps| {
            steps.into_iter().flat_map(|(lower, upper, weight)| [lower, upper, weight]).collect::<Vec<i32>>()
        })
    };
    let layers =
        (1..=2_usize, 1..=5_usize, 1..=5_usize, 1..=9_usize).prop_flat_map(move |(batch, height, width, channels)| {
            let input = elements(any::<i8>(), batch * height * width * channels);
            (Just((batch, [height, width], channels)), table(height), table(width), input)
        });
    check_all(layers, |((batch, size, channels), rows, columns, input)| {
        let output = [rows.len() / 3, columns.len() / 3];
        let layer = ResizeBilinear { batch, input: size, output, channels, rows: &rows, columns: &columns };
        let output_len = batch * output[0] * output[1] * channels;
        let reference = |io: &mut Io<i8>| resize_bilinear_i8_reference(&layer, io);
        compare(&input, output_len, Overlap::Never, reference, |io| run(&layer, io))
    });
}
