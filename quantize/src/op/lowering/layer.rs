//! What int8 layers with weights share: bias folding, the proof against overflow, packed requantization.

use kinglet_blob::constants::{ConstantsI8, EXTRA_SHIFTS, PER_TENSOR};
use kinglet_blob::records::LayerQuant;
use kinglet_kernels::numerics::{FixedPoint, OutputStage, Requant};
use kinglet_kernels::packing::{Numbers, Storage};

use super::tables::{self, Tables};
use super::{Reason, Site, refuse};
use crate::op::common::attributes::Activation;
use crate::op::common::fixed;
use crate::value::Elements;

/// The parameters of an int8 layer.
pub(crate) struct LayerI8 {
    /// With the input's zero point folded in.
    pub(crate) bias: Vec<i32>,
    /// One factor for each output channel, or one for all.
    pub(crate) factors: Vec<FixedPoint>,
    pub(crate) stage: OutputStage,
    /// The input's zero point, which positions outside the image read as.
    pub(crate) input_zero_point: i8,
    /// How biases and factors are stored.
    pub(crate) tables: Tables,
}

/// The weights of one output channel after the other, whatever their order in memory.
pub(crate) struct Channels<'a> {
    pub(crate) weights: &'a [i8],
    pub(crate) outputs: usize,
    /// From the first weight of a channel to the first of the next.
    pub(crate) channel_stride: usize,
    /// From one weight of a channel to the next.
    pub(crate) tap_stride: usize,
    pub(crate) taps: usize,
}

impl<'a> Channels<'a> {
    /// All weights of an output channel behind each other.
    pub(crate) fn rows(weights: &'a [i8], outputs: usize, taps: usize) -> Self {
        Channels { weights, outputs, channel_stride: taps, tap_stride: 1, taps }
    }

    /// One weight of each output channel after the other.
    pub(crate) fn columns(weights: &'a [i8], outputs: usize, taps: usize) -> Self {
        Channels { weights, outputs, channel_stride: 1, tap_stride: outputs, taps }
    }

    pub(crate) fn channel(&self, output: usize) -> impl Iterator<Item = i64> {
        self.indices(output).map(|index| i64::from(self.weights[index]))
    }

    /// Where the weights of an output channel are.
    pub(crate) fn indices(&self, output: usize) -> impl Iterator<Item = usize> + use<> {
        let (start, step) = (output * self.channel_stride, self.tap_stride);
        (0..self.taps).map(move |tap| start + tap * step)
    }
}

impl LayerI8 {
    /// Folds the input's zero point into the bias and proves that no accumulator overflows.
    ///
    /// The oracle computes `sum(w * (x - z)) + b`; kernels compute `sum(w * x) + (b - z * sum(w))`. Both are the
    /// same number, and it is below `2^31` for every input whatever when the bounds here are.
    pub(crate) fn folded(site: &Site<'_>, channels: &Channels<'_>, activation: Activation) -> Result<Self, Reason> {
        let bounds = |output: usize, bias: i64, zero_point: i64| {
            let folded = bias - zero_point * channels.channel(output).sum::<i64>();
            let low: i64 = folded + channels.channel(output).map(|w| (w * 127).min(w * -128)).sum::<i64>();
            let high: i64 = folded + channels.channel(output).map(|w| (w * 127).max(w * -128)).sum::<i64>();
            [folded, low, high]
        };
        let mut layer = LayerI8::new(site, channels, activation, bounds)?;
        if tables::pay(site, channels) {
            let (mut bias, mut factors) = (layer.bias.clone(), layer.factors.clone());
            let tables = tables::shorten(&mut bias, &mut factors);
            let widest = |output: usize| {
                let products: i64 = channels.channel(output).map(|w| w.abs() * 128).sum();
                let factor = factors.get(output).or(factors.first()).copied();
                check_range(output, [products + i64::from(bias[output]).abs(); 3], factor).is_ok()
            };
            if (0..channels.outputs).all(widest) {
                (layer.bias, layer.factors, layer.tables) = (bias, factors, tables);
            }
        }
        Ok(layer)
    }

    /// The same for kernels that subtract the zero point from each input, of which an output may see any part: the
    /// bias stays as it is.
    pub(crate) fn unfolded(site: &Site<'_>, channels: &Channels<'_>, activation: Activation) -> Result<Self, Reason> {
        LayerI8::unfolded_from(site, channels, &|_| 0, activation)
    }

    /// The same for weights of which an output channel's zero point is `zero_of(channel)`.
    pub(crate) fn unfolded_from(
        site: &Site<'_>,
        channels: &Channels<'_>,
        zero_of: &dyn Fn(usize) -> i64,
        activation: Activation,
    ) -> Result<Self, Reason> {
        let bounds = |output: usize, bias: i64, zero_point: i64| {
            let zero = zero_of(output);
            let ends = |w: i64| [-128, 127].map(|code| (w - zero) * (code - zero_point));
            let low: i64 = channels.channel(output).map(|w| ends(w).into_iter().fold(0, i64::min)).sum();
            let high: i64 = channels.channel(output).map(|w| ends(w).into_iter().fold(0, i64::max)).sum();
            [bias, bias + low, bias + high]
        };
        LayerI8::new(site, channels, activation, bounds)
    }

    /// A layer of which `bounds(output, bias, zero point)` are the stored bias of an output channel and the lowest and
    /// the highest sum.
    fn new(
        site: &Site<'_>,
        channels: &Channels<'_>,
        activation: Activation,
        bounds: impl Fn(usize, i64, i64) -> [i64; 3],
    ) -> Result<Self, Reason> {
        let [x, w] = [site.operand_quantization(0)?, site.operand_quantization(1)?];
        let y = site.result_quantization()?;
        let source = bias_i32(site)?;
        let factors: Vec<FixedPoint> = fixed::layer_factors(x, w, y).into_iter().map(storable).collect();
        let mut bias = Vec::with_capacity(channels.outputs);
        for output in 0..channels.outputs {
            let own = source.map_or(0, |bias| i64::from(bias[output]));
            let bounds = bounds(output, own, x.zero_point().into());
            check_range(output, bounds, factors.get(output).or(factors.first()).copied())?;
            bias.push(bounds[0] as i32);
        }
        let input_zero_point = x.zero_point() as i8;
        let stage = fixed::output_stage(activation, y);
        Ok(LayerI8 { bias, factors, stage, input_zero_point, tables: Tables::default() })
    }
}

/// The bias of an int8 layer, if it has one.
fn bias_i32<'a>(site: &Site<'a>) -> Result<Option<&'a [i32]>, Reason> {
    match site.optional(2).map(|bias| &bias.elements) {
        None => Ok(None),
        Some(Some(Elements::I32(bias))) => Ok(Some(bias)),
        Some(_) => refuse("its bias is not an int32 constant", "quantize the whole model"),
    }
}

/// A multiplier always has its top bit set in a packed word, so a factor that is too small for one becomes the
/// smallest that can be stored: accumulators below `2^31 - 1` times `2^-32` are 0 all the same.
pub(crate) fn storable(factor: FixedPoint) -> FixedPoint {
    if factor.multiplier == 0 { FixedPoint { multiplier: 1 << 30, shift: -31 } } else { factor }
}

/// Every bound of a channel's accumulator stays within 32 bits, after the factor's shift to the left as well.
pub(crate) fn check_range(output: usize, bounds: [i64; 3], factor: Option<FixedPoint>) -> Result<(), Reason> {
    let shift = factor.map_or(0, |factor| factor.shift);
    if shift > 30 {
        return refuse(
            format!("output channel {output} is scaled up by 2^{shift}"),
            "recalibrate: its scales are unsound",
        );
    }
    let limit = (i64::from(i32::MAX) - 1) >> shift.max(0);
    let widest = bounds.into_iter().map(i64::abs).max().unwrap_or(0);
    if widest <= limit {
        return Ok(());
    }
    refuse(
        format!("the accumulator of output channel {output} can reach {widest}, beyond 32 bits"),
        "reduce the bias or split the layer's input channels",
    )
}

/// Requantization as the blob stores it.
pub(crate) struct PackedRequant {
    words: Vec<u32>,
    extra: Vec<u8>,
    pub(crate) shift_base: i8,
    pub(crate) flags: u8,
}

impl PackedRequant {
    /// Packs factors whose multipliers are in `[2^30, 2^31)`. Equal factors are stored once.
    pub(crate) fn new(factors: &[FixedPoint]) -> Self {
        let per_tensor = factors.windows(2).all(|pair| pair[0] == pair[1]);
        let factors = if per_tensor { &factors[..factors.len().min(1)] } else { factors };
        let base = factors.iter().map(|factor| factor.shift).min().unwrap_or(0);
        let above = |factor: &FixedPoint| (factor.shift - base) as u32;
        let words = factors.iter().map(|factor| Requant::pack(factor.multiplier, above(factor).min(3))).collect();
        let extra: Vec<u8> = factors.iter().map(|factor| (above(factor) - above(factor).min(3)) as u8).collect();
        let has_extra = extra.iter().any(|&shift| shift != 0);
        let flags = if per_tensor { PER_TENSOR } else { 0 } | if has_extra { EXTRA_SHIFTS } else { 0 };
        let extra = if has_extra { extra } else { Vec::new() };
        PackedRequant { words, extra, shift_base: base as i8, flags }
    }

    /// The same with the upper halves of the words.
    fn put_upper(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.words.iter().flat_map(|word| ((word >> 16) as u16).to_le_bytes()));
        bytes.extend_from_slice(&self.extra);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }

    /// Appends the words and the extra shifts, padded to whole words.
    pub(crate) fn put(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.words.iter().flat_map(|word| word.to_le_bytes()));
        bytes.extend_from_slice(&self.extra);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
}

impl LayerI8 {
    /// What a packing looks at to prove that it computes the layer of these weights exactly.
    pub(crate) fn numbers<'a>(&'a self, storage: Storage, channels: &Channels<'a>) -> Numbers<'a> {
        let (bias, factors) = (&self.bias, &self.factors);
        Numbers { taps: channels.taps, storage, weights: channels.weights, bias, factors }
    }

    /// The record's part and the constants behind its offset; `weights` are packed already.
    pub(crate) fn encode(&self, weights: &[i8]) -> (LayerQuant, Vec<u8>) {
        let requant = PackedRequant::new(&self.factors);
        let quant = LayerQuant {
            shift_base: requant.shift_base,
            padding_value: self.input_zero_point,
            zero_point: self.stage.zero_point as i8,
            min: self.stage.min as i8,
            max: self.stage.max as i8,
            flags: requant.flags | self.tables.flags(),
            bias_shift: self.tables.bias_shift.unwrap_or(0),
        };
        let mut bytes = self.tables.biases(&self.bias);
        if self.tables.has_short_factors {
            requant.put_upper(&mut bytes);
        } else {
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            requant.put(&mut bytes);
        }
        bytes.extend(weights.iter().map(|&weight| weight as u8));
        debug_assert_eq!(
            ConstantsI8::new(self.bias.len(), quant.flags, weights.len()).map(|places| places.end),
            Some(bytes.len())
        );
        (quant, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpack(packed: &PackedRequant, channel: usize) -> FixedPoint {
        let shift_base = packed.shift_base.into();
        Requant { words: &packed.words, shift_base, extra: &packed.extra }.at(channel)
    }

    #[test]
    fn packed_factors_come_back() {
        let factor = |multiplier, shift| FixedPoint { multiplier, shift };
        for factors in [
            vec![factor(1 << 30, -31)],
            vec![factor(0x7fff_ffff, -9), factor(1 << 30, -6), factor(0x5555_5555, -7)],
            vec![factor(0x7fff_ffff, -31), factor(1 << 30, 5), factor(0x5555_5555, -27)],
        ] {
            let packed = PackedRequant::new(&factors);
            for (channel, &expected) in factors.iter().enumerate() {
                assert_eq!(unpack(&packed, channel), expected);
            }
        }
    }

    #[test]
    fn equal_factors_take_one_word() {
        let packed = PackedRequant::new(&[FixedPoint { multiplier: 3 << 29, shift: -4 }; 7]);
        assert_eq!((packed.words.len(), packed.extra.len(), packed.flags), (1, 0, PER_TENSOR));
    }

    #[test]
    fn the_smallest_factor_gives_zero_for_all_accumulators_that_are_let_through() {
        let factor = storable(FixedPoint { multiplier: 0, shift: 0 });
        for acc in [0, 1, -1, i32::MAX - 1, -(i32::MAX - 1), 1 << 30] {
            assert_eq!(factor.apply(acc), 0, "{acc}");
        }
        assert!(check_range(0, [0, 0, i64::from(i32::MAX)], Some(factor)).is_err());
    }
}
