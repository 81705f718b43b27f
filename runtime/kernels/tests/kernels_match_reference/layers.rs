//! Conv2D and DepthwiseConv2D.

use super::geometry::{Rule, closest, geometry};
use super::harness::{Overlap, check_all, compare, elements, float, refuses, short, short_constants};
use super::without_zeros;
use core::ops::RangeInclusive;
use kinglet_kernels::conv2d::{
    Conv2dF32, Conv2dI8, Geometry, conv2d_f32_reference, conv2d_i8_reference, conv2d_i8_scratch_len,
};
use kinglet_kernels::depthwise::{
    DepthwiseF32, DepthwiseI8, depthwise_f32_reference, depthwise_i8_reference, depthwise_i8_scratch_len,
};
use kinglet_kernels::numerics::{ClampF32, FixedPoint, OutputStage, Requant};
use kinglet_kernels::packing::{DepthwisePacking, Numbers, Packing, PixelOrder, Storage, WriteOrder};
use kinglet_kernels::{Io, Token};
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

/// The factor of each output.
pub(crate) fn fixed_points(factors: &Factors, outputs: usize) -> Vec<FixedPoint> {
    (0..outputs).map(|output| factors.requant().at(output)).collect()
}

/// Weights that a packing and a storage hold.
pub(crate) fn weight(least: i8, storage: Storage) -> impl Strategy<Value = i8> {
    let weights = least.max(*storage.range().start())..=*storage.range().end();
    // Every other one is zero where zeros are left out.
    weights.prop_map(move |weight| if storage == Storage::Sparse && weight % 2 == 0 { 0 } else { weight })
}

/// The shape that `closest` allows, sometimes with more room.
pub(super) fn before(geometry: &Geometry, rule: Rule) -> Overlap {
    Overlap::Before(closest(geometry, rule))
}

/// The rule of kernels with this order.
fn rule(order: PixelOrder) -> Rule {
    match order {
        PixelOrder::ReadThenWrite => Rule::ReadsPixelFirst,
        PixelOrder::Interleaved => Rule::WritesInBlocks,
        PixelOrder::Tiled => Rule::WritesTilesInBlocks,
    }
}

pub(crate) fn conv2d_i8(packing: Packing, storage: Storage, run: fn(&Conv2dI8, &mut Io<i8>, &mut [i8])) {
    let groups = if packing.runs_conv2d(2) { 1..=3_usize } else { 1..=1 };
    // Some with more channels than any kernel takes at a time.
    let channels = prop_oneof![4 => (groups, 1..=19_usize, 1..=9_usize), 1 => (Just(1), 1..=40_usize, 10..=40_usize)];
    let shapes = channels.prop_flat_map(|(g, c, o)| geometry(g, c, o));
    let layers = shapes.prop_flat_map(move |geometry| {
        let (outputs, taps) = (geometry.output[2], geometry.taps());
        let input_len = geometry.input.iter().product();
        let weights = elements(weight(packing.least_weight(), storage), outputs * taps);
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
        let factor = fixed_points(&factors, outputs);
        prop_assume!(packing.is_exact(&Numbers { taps, storage, weights: &row_major, bias: &bias, factors: &factor }));
        let mut weights = vec![0; packing.weight_len(storage, outputs, taps)];
        packing.pack(storage, outputs, geometry.runs(), &row_major, &mut weights);
        let weights = without_zeros(storage, packing.sparse(outputs, taps), weights);
        let requant = factors.requant();
        let packed = Conv2dI8 {
            geometry,
            padding_value,
            stage: factors.stage,
            packing,
            storage,
            weights: &weights,
            bias: &bias,
            requant,
            token: Token::PLAIN,
        };
        let plain = Conv2dI8 { packing: Packing::RowMajor, storage: Storage::Bits8, weights: &row_major, ..packed };
        let output_len = geometry.output.iter().product();
        let rule = rule(packing.pixel_order());
        for token in Token::all() {
            let packed = Conv2dI8 { token, ..packed };
            compare(
                &input,
                output_len,
                before(&geometry, rule),
                |io| conv2d_i8_reference(&plain, io),
                |io| run(&packed, io, &mut vec![0x33; conv2d_i8_scratch_len(&geometry, packing, storage)]),
            )?;
            let scratch = || vec![0x33; conv2d_i8_scratch_len(&geometry, packing, storage)];
            let lacking = Conv2dI8 { weights: short(&weights), ..packed };
            refuses("weights too short", &input, output_len, |io| run(&lacking, io, &mut scratch()))?;
            for (what, bias, requant) in short_constants(&bias, requant) {
                let lacking = Conv2dI8 { bias, requant, ..packed };
                refuses(what, &input, output_len, |io| run(&lacking, io, &mut scratch()))?;
            }
        }
        Ok(())
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
        let layer = Conv2dF32 { geometry, clamp, weights: &weights, bias: &bias, token: Token::PLAIN };
        let output_len = geometry.output.iter().product();
        for layer in [Conv2dF32 { weights: short(&weights), ..layer }, Conv2dF32 { bias: short(&bias), ..layer }] {
            refuses("constants too short", &input, output_len, |io| run(&layer, io))?;
        }
        for token in Token::all() {
            let layer = Conv2dF32 { token, ..layer };
            compare(
                &input,
                output_len,
                before(&geometry, Rule::WritesInBlocks),
                |io| conv2d_f32_reference(&layer, io),
                |io| run(&layer, io),
            )?;
        }
        Ok(())
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

pub(crate) fn depthwise_i8(packing: DepthwisePacking, storage: Storage, run: fn(&DepthwiseI8, &mut Io<i8>, &mut [i8])) {
    let layers = depthwise_shape().prop_flat_map(move |(geometry, multiplier)| {
        let (geometry, multiplier) = packing.nearest(&geometry, multiplier);
        let outputs = geometry.output[2];
        let area = geometry.kernel[0] * geometry.kernel[1];
        let input_len = geometry.input.iter().product();
        let weights = elements(weight(packing.least_weight(), storage), area * outputs);
        let bias = elements(-20_000..=20_000, outputs);
        let numbers =
            (weights, bias, factors(outputs, packing.shifts()), elements(any::<i8>(), input_len), any::<i8>());
        (Just((geometry, multiplier)), numbers)
    });
    check_all(layers, |((geometry, multiplier), (row_major, bias, factors, input, padding_value))| {
        let area = geometry.kernel[0] * geometry.kernel[1];
        let mut weights = vec![0; packing.weight_len(storage, geometry.output[2], area)];
        packing.pack(storage, geometry.output[2], area, &row_major, &mut weights);
        let weights = without_zeros(storage, packing.sparse(geometry.output[2], area), weights);
        prop_assume!(packing.takes(&geometry, multiplier));
        let overlap = match packing.write_order(&geometry) {
            WriteOrder::Pixels(order) => before(&geometry, rule(order)),
            WriteOrder::Bands(bands) if bands.run_in_place(multiplier) => Overlap::Exact,
            WriteOrder::Bands(_) => Overlap::Never,
        };
        let layer = DepthwiseI8 {
            geometry,
            multiplier,
            padding_value,
            stage: factors.stage,
            packing,
            storage,
            weights: &weights,
            bias: &bias,
            requant: factors.requant(),
            token: Token::PLAIN,
        };
        let plain =
            DepthwiseI8 { packing: DepthwisePacking::RowMajor, storage: Storage::Bits8, weights: &row_major, ..layer };
        let scratch_len = depthwise_i8_scratch_len(&geometry, multiplier, packing, storage);
        let output_len = geometry.output.iter().product();
        for token in Token::all() {
            let layer = DepthwiseI8 { token, ..layer };
            let lacking = DepthwiseI8 { weights: short(&weights), ..layer };
            refuses("weights too short", &input, output_len, |io| run(&lacking, io, &mut vec![0x33; scratch_len]))?;
            for (what, bias, requant) in short_constants(&bias, layer.requant) {
                let lacking = DepthwiseI8 { bias, requant, ..layer };
                refuses(what, &input, output_len, |io| run(&lacking, io, &mut vec![0x33; scratch_len]))?;
            }
            compare(
                &input,
                output_len,
                overlap,
                |io| depthwise_i8_reference(&plain, io),
                |io| run(&layer, io, &mut vec![0x33; scratch_len]),
            )?;
        }
        Ok(())
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
        let layer = DepthwiseF32 { geometry, multiplier, clamp, weights: &weights, bias: &bias, token: Token::PLAIN };
        let output_len = geometry.output.iter().product();
        for layer in [DepthwiseF32 { weights: short(&weights), ..layer }, DepthwiseF32 { bias: short(&bias), ..layer }]
        {
            refuses("constants too short", &input, output_len, |io| run(&layer, io))?;
        }
        for token in Token::all() {
            let layer = DepthwiseF32 { token, ..layer };
            compare(
                &input,
                output_len,
                before(&geometry, Rule::WritesInBlocks),
                |io| depthwise_f32_reference(&layer, io),
                |io| run(&layer, io),
            )?;
        }
        Ok(())
    });
}
