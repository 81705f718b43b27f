//! Conv2D and DepthwiseConv2D.

use super::geometry::{Rule, closest, geometry};
use super::harness::{Overlap, check_all, compare, elements, float};
use core::ops::RangeInclusive;
use kinglet_kernels::Io;
use kinglet_kernels::conv2d::packing::{lanes_are_exact, limit, pack, paired_is_exact};
use kinglet_kernels::conv2d::{
    Conv2dF32, Conv2dI8, Geometry, Packing, conv2d_f32_reference, conv2d_i8_reference, conv2d_i8_scratch_len,
};
use kinglet_kernels::depthwise::{
    DepthwiseF32, DepthwiseI8, DepthwisePacking, depthwise_f32_reference, depthwise_i8_reference,
    depthwise_i8_scratch_len,
};
use kinglet_kernels::numerics::{ClampF32, OutputStage, Requant};
use proptest::prelude::*;

/// Factors that leave sums of a few hundred products within reach of the `i8` range.
#[derive(Clone, Debug)]
pub(crate) struct Factors {
    words: Vec<u32>,
    shift_base: i32,
    extra: Vec<u8>,
    /// Zero point and clamp of the output.
    pub(crate) stage: OutputStage,
}

impl Factors {
    /// As the kernels take them.
    pub(crate) fn requant(&self) -> Requant<'_> {
        Requant { words: &self.words, shift_base: self.shift_base, extra: &self.extra }
    }
}

/// One factor for each output, or one for all, with and without extra shifts, but only `shifts`.
pub(crate) fn factors(outputs: usize, shifts: RangeInclusive<i32>) -> impl Strategy<Value = Factors> {
    // A word adds up to 3 to the base, an extra up to 4.
    let bases = -14.max(*shifts.start())..=(-5).min(*shifts.end() - 7);
    let count = prop_oneof![Just(outputs), Just(1)];
    let stage = (-128..=127_i32, -128..=127_i32, -128..=127_i32).prop_map(|(zero_point, a, b)| OutputStage {
        zero_point,
        min: a.min(b).min(-60),
        max: a.max(b).max(60),
    });
    (count, any::<bool>()).prop_flat_map(move |(count, with_extra)| {
        let extra_len = if with_extra { count } else { 0 };
        (elements(any::<u32>(), count), bases.clone(), elements(0..=4_u8, extra_len), stage.clone())
            .prop_map(|(words, shift_base, extra, stage)| Factors { words, shift_base, extra, stage })
    })
}

/// Weights that a packing holds: `paired_is_exact` excludes -128.
pub(crate) fn weight(packing: Packing) -> impl Strategy<Value = i8> {
    if packing == Packing::Paired { -127..=127 } else { i8::MIN..=i8::MAX }
}

/// The shape that `closest` allows, sometimes with more room.
pub(super) fn before(geometry: &Geometry, rule: Rule) -> Overlap {
    Overlap::Before(closest(geometry, rule))
}

pub(crate) fn conv2d_i8(packing: Packing, run: fn(&Conv2dI8, &mut Io<i8>, &mut [i8])) {
    let groups = if packing == Packing::RowMajor { 1..=3_usize } else { 1..=1 };
    let shapes = (groups, 1..=19_usize, 1..=9_usize).prop_flat_map(|(g, c, o)| geometry(g, c, o));
    let layers = shapes.prop_flat_map(move |geometry| {
        let (outputs, taps) = (geometry.output[2], geometry.taps());
        let input_len = geometry.input.iter().product();
        let weights = elements(weight(packing), outputs * taps);
        let bias = elements(-20_000..=20_000, outputs);
        (
            Just(geometry),
            weights,
            bias,
            factors(outputs, packing.shifts()),
            elements(any::<i8>(), input_len),
            any::<i8>(),
        )
    });
    check_all(layers, |(geometry, row_major, bias, factors, input, padding_value)| {
        let (outputs, taps) = (geometry.output[2], geometry.taps());
        if packing == Packing::Paired {
            let rows: Vec<&[i8]> = row_major.chunks(taps).collect();
            let exact = rows.chunks(2).zip(bias.chunks(2)).all(|(rows, bias)| {
                paired_is_exact([rows[0], rows.get(1).unwrap_or(&rows[0])], [bias[0], *bias.get(1).unwrap_or(&0)])
            });
            prop_assume!(exact);
        }
        if let Some(limit) = limit(packing) {
            let rows = || row_major.chunks(taps).zip(&bias);
            prop_assume!(rows().all(|(row, &bias)| lanes_are_exact(row.iter().copied(), bias, limit)));
        }
        let mut weights = vec![0; packing.weight_len(outputs, taps)];
        pack(packing, outputs, geometry.runs(), &row_major, &mut weights);
        let requant = factors.requant();
        let packed = Conv2dI8 {
            geometry,
            padding_value,
            stage: factors.stage,
            packing,
            weights: &weights,
            bias: &bias,
            requant,
        };
        let plain = Conv2dI8 { packing: Packing::RowMajor, weights: &row_major, ..packed };
        let output_len = geometry.output.iter().product();
        let rule = if packing == Packing::Quads { Rule::WritesTilesInBlocks } else { Rule::ReadsPixelFirst };
        compare(
            &input,
            output_len,
            before(&geometry, rule),
            |io| conv2d_i8_reference(&plain, io),
            |io| run(&packed, io, &mut vec![0x33; conv2d_i8_scratch_len(&geometry, packing)]),
        )
    });
}

pub(crate) fn conv2d_f32(run: fn(&Conv2dF32, &mut Io<f32>)) {
    let shapes = (1..=3_usize, 1..=19_usize, 1..=9_usize).prop_flat_map(|(g, c, o)| geometry(g, c, o));
    let layers = shapes.prop_flat_map(|geometry| {
        let weights = elements(float(), geometry.output[2] * geometry.taps());
        let input_len = geometry.input.iter().product();
        (Just(geometry), weights, elements(float(), geometry.output[2]), elements(float(), input_len), clamp())
    });
    check_all(layers, |(geometry, weights, bias, input, clamp)| {
        let layer = Conv2dF32 { geometry, clamp, weights: &weights, bias: &bias };
        compare(
            &input,
            geometry.output.iter().product(),
            before(&geometry, Rule::WritesInBlocks),
            |io| conv2d_f32_reference(&layer, io),
            |io| run(&layer, io),
        )
    });
}

/// No clamp, ReLU and ReLU6.
pub(crate) fn clamp() -> impl Strategy<Value = ClampF32> {
    prop_oneof![
        Just(ClampF32 { min: f32::NEG_INFINITY, max: f32::INFINITY }),
        Just(ClampF32 { min: 0.0, max: f32::INFINITY }),
        Just(ClampF32 { min: 0.0, max: 6.0 }),
    ]
}

/// A shape and its multiplier.
pub(super) fn depthwise_shape() -> impl Strategy<Value = (Geometry, usize)> {
    (1..=37_usize, prop_oneof![3 => Just(1_usize), 2 => 2..=9_usize]).prop_flat_map(|(channels, multiplier)| {
        let shapes = geometry(1, channels, channels * multiplier);
        (shapes, Just(multiplier))
    })
}

/// A shape like `geometry` that the packing takes, and its multiplier.
fn taken(packing: DepthwisePacking, geometry: Geometry, multiplier: usize) -> (Geometry, usize) {
    if packing != DepthwisePacking::Windows {
        return (geometry, multiplier);
    }
    let channels = geometry.input[2].next_multiple_of(4);
    let Geometry { input: [height, width, _], output: [rows, columns, _], stride, pad, .. } = geometry;
    let geometry = Geometry {
        input: [height, width, channels],
        output: [rows, columns, channels],
        kernel: [3, 3],
        stride: [stride[0].min(2); 2],
        dilation: [1, 1],
        pad: pad.map(|pad| pad.min(2)),
        ..geometry
    };
    (geometry, 1)
}

pub(crate) fn depthwise_i8(packing: DepthwisePacking, run: fn(&DepthwiseI8, &mut Io<i8>, &mut [i8])) {
    let layers = depthwise_shape().prop_flat_map(move |(geometry, multiplier)| {
        let (geometry, multiplier) = taken(packing, geometry, multiplier);
        let outputs = geometry.output[2];
        let area = geometry.kernel[0] * geometry.kernel[1];
        let input_len = geometry.input.iter().product();
        let weights = elements(any::<i8>(), area * outputs);
        let bias = elements(-20_000..=20_000, outputs);
        let numbers =
            (weights, bias, factors(outputs, packing.shifts()), elements(any::<i8>(), input_len), any::<i8>());
        (Just((geometry, multiplier)), numbers)
    });
    check_all(layers, |((geometry, multiplier), (row_major, bias, factors, input, padding_value))| {
        let area = geometry.kernel[0] * geometry.kernel[1];
        let mut weights = vec![0; packing.weight_len(geometry.output[2], area)];
        packing.pack(geometry.output[2], area, &row_major, &mut weights);
        // The planar kernels work channel by channel: they need the whole input until the end, or all of a
        // channel before its output.
        let (geometry, overlap) = match packing {
            DepthwisePacking::RowMajor | DepthwisePacking::Lanes => (geometry, before(&geometry, Rule::WritesInBlocks)),
            _ => {
                let mut geometry = Geometry { dilation: [1, 1], ..geometry };
                if packing == DepthwisePacking::WordPlane {
                    geometry.stride[1] = geometry.stride[1].min(2);
                }
                prop_assume!(packing.takes(&geometry, multiplier));
                let same = geometry.input == geometry.output && geometry.stride == [1, 1];
                (geometry, if same { Overlap::Exact } else { Overlap::Never })
            }
        };
        let layer = DepthwiseI8 {
            geometry,
            multiplier,
            padding_value,
            stage: factors.stage,
            packing,
            weights: &weights,
            bias: &bias,
            requant: factors.requant(),
        };
        let plain = DepthwiseI8 { packing: DepthwisePacking::RowMajor, weights: &row_major, ..layer };
        let scratch_len = depthwise_i8_scratch_len(&geometry, multiplier, packing);
        compare(
            &input,
            geometry.output.iter().product(),
            overlap,
            |io| depthwise_i8_reference(&plain, io),
            |io| run(&layer, io, &mut vec![0x33; scratch_len]),
        )
    });
}

pub(crate) fn depthwise_f32(run: fn(&DepthwiseF32, &mut Io<f32>)) {
    let layers = depthwise_shape().prop_flat_map(|(geometry, multiplier)| {
        let outputs = geometry.output[2];
        let area = geometry.kernel[0] * geometry.kernel[1];
        let input_len = geometry.input.iter().product();
        let numbers = (elements(float(), outputs * area), elements(float(), outputs), elements(float(), input_len));
        (Just((geometry, multiplier)), numbers, clamp())
    });
    check_all(layers, |((geometry, multiplier), (weights, bias, input), clamp)| {
        let layer = DepthwiseF32 { geometry, multiplier, clamp, weights: &weights, bias: &bias };
        compare(
            &input,
            geometry.output.iter().product(),
            before(&geometry, Rule::WritesInBlocks),
            |io| depthwise_f32_reference(&layer, io),
            |io| run(&layer, io),
        )
    });
}
