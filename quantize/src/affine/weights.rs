//! Weights and biases of one layer as integers.
//!
//! Weights are symmetric (zero point 0, codes -127..=127), with a scale for each output channel, dense layers
//! included. The accumulator then has the scale `input scale * weight scale`, and so has the int32 bias.
//!
//! A channel of tiny weights has a tiny scale, in which its bias may not fit; and a long sum of large codes may
//! leave 32 bits. Both are the same question, how large the accumulator can get, and have the same answer: a
//! larger scale for that channel. Its weights lose bits that its bias drowns anyway.

use kinglet_kernels::packing::Storage;

use crate::ir::{Elements, Quantization};

/// No accumulator of a layer gets larger than this, whatever its input.
pub(crate) const ACCUMULATOR_MAX: f64 = (1u32 << 30) as f64;

/// Largest distance of an int8 code from its zero point, one more for the rounding of the weights.
const CODE_DISTANCE_MAX: f64 = 256.0;

/// A layer's float parameters, weights of one output channel at a time.
pub(super) struct FloatLayer<'a> {
    /// All weights.
    pub(super) weights: &'a [f32],
    /// Empty when the layer has no bias.
    pub(super) bias: &'a [f32],
    /// Number of output channels.
    pub(super) outputs: usize,
    /// True when the output channel is the last axis of the weights (depthwise), false when it is the first.
    pub(super) channels_last: bool,
    /// The scales of the codes that the weights are the reals of, one for each output channel or one for all; empty when
    /// they are not, or have zero points.
    pub(super) scales: &'a [f32],
}

/// A layer's integer parameters.
#[derive(Debug)]
pub(super) struct IntegerLayer {
    pub(super) weights: Vec<i8>,
    pub(super) bias: Vec<i32>,
    pub(super) scales: Vec<f32>,
}

impl FloatLayer<'_> {
    /// Indices of the weights of `output`.
    fn indices(&self, output: usize) -> impl Iterator<Item = usize> + use<> {
        let taps = self.weights.len() / self.outputs;
        let (first, step) = if self.channels_last { (output, self.outputs) } else { (output * taps, 1) };
        (0..taps).map(move |tap| first + tap * step)
    }

    fn bias(&self, output: usize) -> f64 {
        self.bias.get(output).copied().map_or(0.0, f64::from)
    }

    /// Largest magnitude and sum of magnitudes of the weights of `output`.
    fn magnitudes(&self, output: usize) -> (f64, f64) {
        let magnitudes = self.indices(output).map(|index| f64::from(self.weights[index]).abs());
        magnitudes.fold((0.0, 0.0), |(max, sum), magnitude| (max.max(magnitude), sum + magnitude))
    }

    /// The largest magnitude, over all channels, that the real accumulator can reach.
    pub(super) fn reach(&self, input_scale: f32) -> f64 {
        let of = |output| {
            let (_, sum) = self.magnitudes(output);
            sum * CODE_DISTANCE_MAX * f64::from(input_scale) + self.bias(output).abs()
        };
        (0..self.outputs).map(of).fold(0.0, f64::max)
    }

    /// The scale of the weights of `output`.
    fn scale(&self, output: usize, input_scale: f32, output_scale: f32) -> f32 {
        let (max, sum) = self.magnitudes(output);
        let bias = self.bias(output).abs();
        // Rounding a code adds up to one half to each weight, hence a fourth of the range for safety.
        let fits = (sum * CODE_DISTANCE_MAX + bias / f64::from(input_scale)) / (ACCUMULATOR_MAX * 0.75);
        // Without a weight the scale only has to render the bias: 256 steps to one of the output.
        let idle = f64::from(output_scale) / f64::from(input_scale) / 256.0;
        // Weights that were codes stay the same ones, unless the sum would not fit.
        let own = self.scales.get(if self.scales.len() == 1 { 0 } else { output }).copied().map(f64::from);
        let scale = if max == 0.0 { idle.max(fits) } else { own.unwrap_or(max / 127.0).max(fits) };
        (scale as f32).clamp(f32::MIN_POSITIVE, f32::MAX)
    }

    /// The integers for these scales of the layer's input and output.
    pub(super) fn quantize(&self, input_scale: f32, output_scale: f32) -> IntegerLayer {
        let scales: Vec<f32> = (0..self.outputs).map(|output| self.scale(output, input_scale, output_scale)).collect();
        let mut weights = vec![0; self.weights.len()];
        for (output, &scale) in scales.iter().enumerate() {
            for index in self.indices(output) {
                let code = (f64::from(self.weights[index]) / f64::from(scale)).round();
                weights[index] = code.clamp(-127.0, 127.0) as i8;
            }
        }
        let of_bias = |(output, &scale): (usize, &f32)| {
            let code = self.bias(output) / (f64::from(input_scale) * f64::from(scale));
            code.round().clamp(-ACCUMULATOR_MAX, ACCUMULATOR_MAX) as i32
        };
        let bias = if self.bias.is_empty() { Vec::new() } else { scales.iter().enumerate().map(of_bias).collect() };
        IntegerLayer { weights, bias, scales }
    }
}

impl IntegerLayer {
    /// Elements and quantization of the weights, `axis` being that of the output channels.
    pub(super) fn weights(&self, axis: usize) -> (Elements, Quantization) {
        let zero_points = vec![0; self.scales.len()];
        let quantization =
            Quantization { scales: self.scales.clone(), zero_points, axis: Some(axis), storage: Storage::Bits8 };
        (Elements::I8(self.weights.clone()), quantization)
    }

    /// Elements and quantization of the bias, `None` when there is none.
    pub(super) fn bias(&self, input_scale: f32) -> Option<(Elements, Quantization)> {
        if self.bias.is_empty() {
            return None;
        }
        let product = |scale: &f32| (input_scale * scale).clamp(f32::MIN_POSITIVE, f32::MAX);
        let scales: Vec<f32> = self.scales.iter().map(product).collect();
        let quantization =
            Quantization { zero_points: vec![0; scales.len()], scales, axis: Some(0), storage: Storage::Bits8 };
        Some((Elements::I32(self.bias.clone()), quantization))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn layer<'a>(weights: &'a [f32], bias: &'a [f32], outputs: usize) -> FloatLayer<'a> {
        FloatLayer { weights, bias, outputs, channels_last: false, scales: &[] }
    }

    #[test]
    fn channels_have_their_own_scales() {
        let integers = layer(&[127.0, -63.0, 0.5, 0.25], &[10.0, -1.0], 2).quantize(0.5, 1.0);
        assert_eq!(integers.scales[0], 1.0);
        assert_eq!(integers.weights, [127, -63, 127, 64]);
        assert_eq!(integers.bias[0], 20);
    }

    #[test]
    fn weights_that_were_codes_stay_these_codes() {
        let float = FloatLayer { scales: &[0.5, 0.25], ..layer(&[50.0, -63.5, 0.5, 0.25], &[10.0, -1.0], 2) };
        let integers = float.quantize(0.5, 1.0);
        assert_eq!(
            (integers.scales.as_slice(), integers.weights.as_slice()),
            (&[0.5, 0.25][..], &[100, -127, 2, 1][..])
        );
        let float = FloatLayer { scales: &[0.5], ..float };
        assert_eq!(float.quantize(0.5, 1.0).weights, [100, -127, 1, 1]);
    }

    #[test]
    fn depthwise_channels_are_interleaved() {
        let weights = [1.0, 10.0, -0.5, 5.0, 0.25, -10.0];
        let float = FloatLayer { channels_last: true, ..layer(&weights, &[], 2) };
        let integers = float.quantize(1.0, 1.0);
        assert_eq!(integers.weights, [127, 127, -64, 64, 32, -127]);
        assert!(integers.bias.is_empty());
    }

    #[test]
    fn large_bias_of_tiny_weights_keeps_its_value() {
        let integers = layer(&[1e-12, -1e-12], &[5.0], 1).quantize(0.01, 0.1);
        let bias = f64::from(integers.bias[0]) * 0.01f32 as f64 * f64::from(integers.scales[0]);
        assert!((bias - 5.0).abs() < 1e-6, "{bias}");
    }

    #[test]
    fn channel_without_weights_renders_its_bias() {
        let integers = layer(&[0.0, 0.0], &[-3.3], 1).quantize(0.02, 0.1);
        let bias = f64::from(integers.bias[0]) * 0.02f32 as f64 * f64::from(integers.scales[0]);
        assert!((bias + 3.3).abs() < 0.1 / 256.0, "{bias}");
    }

    fn magnitude() -> impl Strategy<Value = f32> {
        prop_oneof![-1f32..1.0, -1e-6f32..1e-6, -1e6f32..1e6, Just(0.0)]
    }

    proptest! {
        #[test]
        fn no_accumulator_overflows_and_no_weight_is_off_by_a_step(
            weights in prop::collection::vec(magnitude(), 24),
            bias in prop::collection::vec(prop_oneof![magnitude(), -1e20f32..1e20], 4),
            input_scale in prop_oneof![1e-9f32..1.0, 1f32..1e6],
        ) {
            let float = layer(&weights, &bias, 4);
            let integers = float.quantize(input_scale, 0.1);
            for output in 0..4 {
                let codes = &integers.weights[output * 6..][..6];
                let reach: i64 = codes.iter().map(|&code| 256 * i64::from(code).abs()).sum();
                prop_assert!(reach + i64::from(integers.bias[output]).abs() < 1 << 30);
                let scale = integers.scales[output];
                prop_assert!(scale.is_normal() && scale > 0.0);
                for (code, weight) in codes.iter().zip(&weights[output * 6..]) {
                    let error = (f64::from(*code) * f64::from(scale) - f64::from(*weight)).abs();
                    prop_assert!(error <= f64::from(scale) * 0.500_001, "{weight} as {code} * {scale}");
                }
                let unit = f64::from(input_scale) * f64::from(scale);
                let error = (f64::from(integers.bias[output]) * unit - f64::from(bias[output])).abs();
                prop_assert!(error <= unit * 0.500_001);
            }
        }
    }
}
