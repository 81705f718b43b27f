//! Operators with int16 activations.

use super::dense;
use super::elementwise::{operands, refuses_short_operand};
use super::geometry::{Rule, geometry};
use super::harness::{Overlap, check_all, compare, elements, refuses, short, short_constants};
use super::layers::{before, depthwise_shape};
use super::transpose_conv;
use kinglet_kernels::Io;
use kinglet_kernels::conv2d::{Conv2dI16, conv2d_i16_reference};
use kinglet_kernels::depthwise::{DepthwiseI16, depthwise_i16_reference};
use kinglet_kernels::elementwise::{AddI16, MulI16, Operand, add_i16_reference, mul_i16_reference};
use kinglet_kernels::fully_connected::{FullyConnectedI16, fully_connected_i16_reference};
use kinglet_kernels::int16::{LongBias, Rounding, StageI16};
use kinglet_kernels::numerics::Requant;
use kinglet_kernels::transpose_conv::{TransposeConvI16, transpose_conv_i16_reference};
use proptest::prelude::*;

/// Biases, factors, rounding and clamp of a layer.
#[derive(Clone, Debug)]
struct Stage {
    low: Vec<i32>,
    high: Vec<i32>,
    words: Vec<u32>,
    shift_base: i32,
    extra: Vec<u8>,
    rounding: Rounding,
    min: i16,
    max: i16,
}

impl Stage {
    fn as_kernels_take_it(&self) -> StageI16<'_> {
        StageI16 {
            bias: LongBias { low: &self.low, high: &self.high },
            requant: Requant { words: &self.words, shift_base: self.shift_base, extra: &self.extra },
            rounding: self.rounding,
            min: self.min,
            max: self.max,
        }
    }
}

/// Weights or a stage of which something is too short by one.
fn lacking<'a>(weights: &'a [i8], stage: StageI16<'a>) -> impl Iterator<Item = (&'a [i8], StageI16<'a>)> {
    let LongBias { low, high } = stage.bias;
    let stages = short_constants(low, stage.requant).map(move |(_, low, requant)| StageI16 {
        bias: LongBias { low, high },
        requant,
        ..stage
    });
    let high = (high.len() > 1).then_some(StageI16 { bias: LongBias { low, high: short(high) }, ..stage });
    core::iter::once((short(weights), stage)).chain(stages.chain(high).map(move |stage| (weights, stage)))
}

/// Stages of layers with `outputs` output channels.
fn stage(outputs: usize) -> impl Strategy<Value = Stage> {
    let count = prop_oneof![Just(outputs), Just(1)];
    let clamp = (any::<i16>(), any::<i16>()).prop_map(|(a, b)| (a.min(b).min(-9000), a.max(b).max(9000)));
    (count, any::<bool>(), any::<bool>()).prop_flat_map(move |(count, with_extra, is_long)| {
        let extra_len = if with_extra { count } else { 0 };
        let high = elements(-20..=20_i32, if is_long { outputs } else { 0 });
        let rounding = if is_long { Just(Rounding::Once).boxed() } else { any_rounding().boxed() };
        let bias = (elements(-(1 << 24)..=1_i32 << 24, outputs), high);
        let factors = (elements(any::<u32>(), count), -16..=-8_i32, elements(0..=4_u8, extra_len));
        (bias, factors, rounding, clamp.clone()).prop_map(|((low, high), factors, rounding, (min, max))| {
            let (words, shift_base, extra) = factors;
            Stage { low, high, words, shift_base, extra, rounding, min, max }
        })
    })
}

fn any_rounding() -> impl Strategy<Value = Rounding> {
    prop_oneof![Just(Rounding::Once), Just(Rounding::Twice)]
}

pub(crate) fn conv2d_i16(run: fn(&Conv2dI16, &mut Io<i16>)) {
    let shapes = (1..=3_usize, 1..=19_usize, 1..=9_usize).prop_flat_map(|(g, c, o)| geometry(g, c, o));
    let layers = shapes.prop_flat_map(|geometry| {
        let outputs = geometry.output[2];
        let weights = elements(any::<i8>(), outputs * geometry.taps());
        let input = elements(any::<i16>(), geometry.input.iter().product());
        (Just(geometry), weights, stage(outputs), input)
    });
    check_all(layers, |(geometry, weights, stage, input)| {
        let layer = Conv2dI16 { geometry, weights: &weights, stage: stage.as_kernels_take_it() };
        let output_len = geometry.output.iter().product();
        for layer in lacking(&weights, layer.stage).map(|(weights, stage)| Conv2dI16 { weights, stage, ..layer }) {
            refuses("constants too short", &input, output_len, |io| run(&layer, io))?;
        }
        compare(
            &input,
            geometry.output.iter().product(),
            before(&geometry, Rule::WritesInBlocks),
            |io| conv2d_i16_reference(&layer, io),
            |io| run(&layer, io),
        )
    });
}

pub(crate) fn depthwise_i16(run: fn(&DepthwiseI16, &mut Io<i16>)) {
    let layers = depthwise_shape().prop_flat_map(|(geometry, multiplier)| {
        let outputs = geometry.output[2];
        let weights = elements(any::<i8>(), geometry.kernel[0] * geometry.kernel[1] * outputs);
        let input = elements(any::<i16>(), geometry.input.iter().product());
        (Just((geometry, multiplier)), weights, stage(outputs), input)
    });
    check_all(layers, |((geometry, multiplier), weights, stage, input)| {
        let layer = DepthwiseI16 { geometry, multiplier, weights: &weights, stage: stage.as_kernels_take_it() };
        let output_len = geometry.output.iter().product();
        for layer in lacking(&weights, layer.stage).map(|(weights, stage)| DepthwiseI16 { weights, stage, ..layer }) {
            refuses("constants too short", &input, output_len, |io| run(&layer, io))?;
        }
        compare(
            &input,
            geometry.output.iter().product(),
            before(&geometry, Rule::WritesInBlocks),
            |io| depthwise_i16_reference(&layer, io),
            |io| run(&layer, io),
        )
    });
}

pub(crate) fn fully_connected_i16(run: fn(&FullyConnectedI16, &mut Io<i16>)) {
    // Long rows too: their sums have parts.
    let shapes =
        prop_oneof![4 => dense::shape(), 1 => (1..=2_usize, 250..=900_usize, 1..=5_usize).prop_map(|s| s.into())];
    let layers = shapes.prop_flat_map(|shape: [usize; 3]| {
        let [rows, taps, outputs] = shape;
        let weights = elements(any::<i8>(), outputs * taps);
        (Just(shape), weights, stage(outputs), elements(any::<i16>(), rows * taps))
    });
    check_all(layers, |(shape, weights, stage, input)| {
        let [rows, taps, outputs] = shape;
        let layer = FullyConnectedI16 { rows, taps, outputs, weights: &weights, stage: stage.as_kernels_take_it() };
        let output_len = rows * outputs;
        for layer in
            lacking(&weights, layer.stage).map(|(weights, stage)| FullyConnectedI16 { weights, stage, ..layer })
        {
            refuses("constants too short", &input, output_len, |io| run(&layer, io))?;
        }
        compare(
            &input,
            rows * outputs,
            dense::before(shape),
            |io| fully_connected_i16_reference(&layer, io),
            |io| run(&layer, io),
        )
    });
}

pub(crate) fn add_i16(run: fn(&AddI16, &mut Io<i16>, Operand<'_, i16>)) {
    let factors = [super::elementwise::factor(), super::elementwise::factor(), super::elementwise::factor()];
    let layers = (operands(any::<i16>()), factors, any::<i16>(), any::<i16>());
    check_all(layers, |((a, b), [a_factor, b_factor, output_factor], low, high)| {
        let layer = AddI16 { a_factor, b_factor, output_factor, min: low.min(high), max: low.max(high) };
        let b = b.operand();
        refuses_short_operand(&a, b, |io, b| run(&layer, io, b))?;
        compare(&a, a.len(), Overlap::Before(0), |io| add_i16_reference(&layer, io, b), |io| run(&layer, io, b))
    });
}

pub(crate) fn mul_i16(run: fn(&MulI16, &mut Io<i16>, Operand<'_, i16>)) {
    let layers = (operands(any::<i16>()), super::elementwise::factor(), any::<i16>(), any::<i16>());
    check_all(layers, |((a, b), factor, low, high)| {
        let layer = MulI16 { factor, min: low.min(high), max: low.max(high) };
        let b = b.operand();
        refuses_short_operand(&a, b, |io, b| run(&layer, io, b))?;
        compare(&a, a.len(), Overlap::Before(0), |io| mul_i16_reference(&layer, io, b), |io| run(&layer, io, b))
    });
}

pub(crate) fn transpose_conv_i16(run: fn(&TransposeConvI16, &mut Io<i16>)) {
    let layers = transpose_conv::shape().prop_flat_map(|geometry| {
        let outputs = geometry.output[2];
        let weights = elements(any::<i8>(), outputs * geometry.taps());
        let input = elements(any::<i16>(), geometry.input.iter().product());
        (Just(geometry), weights, stage(outputs), input)
    });
    check_all(layers, |(geometry, weights, stage, input)| {
        let layer = TransposeConvI16 { geometry, weights: &weights, stage: stage.as_kernels_take_it() };
        let output_len = geometry.output.iter().product();
        for layer in lacking(&weights, layer.stage).map(|(weights, stage)| TransposeConvI16 { weights, stage, ..layer })
        {
            refuses("constants too short", &input, output_len, |io| run(&layer, io))?;
        }
        compare(
            &input,
            output_len,
            transpose_conv::before(&geometry),
            |io| transpose_conv_i16_reference(&layer, io),
            |io| run(&layer, io),
        )
    });
}
