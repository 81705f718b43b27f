//! What int8 layers with weights share: bias folding, the proof against overflow, packed requantization.

use kinglet_blob::constants::{ConstantsI8, EXTRA_SHIFTS, PER_TENSOR};
use kinglet_blob::records::LayerQuant;
use kinglet_kernels::numerics::{FixedPoint, OutputStage, Requant};

use super::{Lowering, Reason, refuse};
use crate::ir::{Elements, Node};

/// The parameters of an int8 layer.
pub(super) struct LayerI8 {
    /// With the input's zero point folded in.
    pub(super) bias: Vec<i32>,
    /// One factor for each output channel, or one for all.
    pub(super) factors: Vec<FixedPoint>,
    pub(super) stage: OutputStage,
    /// The input's zero point, which positions outside the image read as.
    pub(super) input_zero_point: i8,
}

/// The weights of one output channel after the other, whatever their order in memory.
pub(super) struct Channels<'a> {
    pub(super) weights: &'a [i8],
    pub(super) outputs: usize,
    /// From the first weight of a channel to the first of the next.
    pub(super) channel_stride: usize,
    /// From one weight of a channel to the next.
    pub(super) tap_stride: usize,
    pub(super) taps: usize,
}

impl Channels<'_> {
    pub(super) fn channel(&self, output: usize) -> impl Iterator<Item = i64> {
        self.indices(output).map(|index| i64::from(self.weights[index]))
    }

    /// Where the weights of an output channel are.
    pub(super) fn indices(&self, output: usize) -> impl Iterator<Item = usize> + use<> {
        let (start, step) = (output * self.channel_stride, self.tap_stride);
        (0..self.taps).map(move |tap| start + tap * step)
    }
}

impl Lowering<'_> {
    /// Folds the input's zero point into the bias and proves that no accumulator overflows.
    ///
    /// The oracle computes `sum(w * (x - z)) + b`; kernels compute `sum(w * x) + (b - z * sum(w))`. Both are the
    /// same number, and it is below `2^31` for every input whatever when the bounds here are.
    pub(super) fn layer_i8(
        &self,
        node: &Node,
        channels: &Channels<'_>,
        factors: Vec<FixedPoint>,
        stage: OutputStage,
    ) -> Result<LayerI8, Reason> {
        let zero_point = self.quantization(node.inputs[0])?.zero_point();
        let source = self.bias_i32(node)?;
        let factors: Vec<FixedPoint> = factors.into_iter().map(storable).collect();
        let mut bias = Vec::with_capacity(channels.outputs);
        for output in 0..channels.outputs {
            let sum: i64 = channels.channel(output).sum();
            let folded = source.map_or(0, |bias| i64::from(bias[output])) - i64::from(zero_point) * sum;
            let low: i64 = folded + channels.channel(output).map(|w| (w * 127).min(w * -128)).sum::<i64>();
            let high: i64 = folded + channels.channel(output).map(|w| (w * 127).max(w * -128)).sum::<i64>();
            let factor = factors.get(output).or(factors.first()).copied();
            check_range(output, [folded, low, high], factor)?;
            bias.push(folded as i32);
        }
        Ok(LayerI8 { bias, factors, stage, input_zero_point: zero_point as i8 })
    }

    /// The same for kernels that subtract the zero point from each input, of which an output may see any part: the
    /// bias stays as it is.
    pub(super) fn unfolded_layer_i8(
        &self,
        node: &Node,
        channels: &Channels<'_>,
        factors: Vec<FixedPoint>,
        stage: OutputStage,
    ) -> Result<LayerI8, Reason> {
        let zero_point = self.quantization(node.inputs[0])?.zero_point();
        let source = self.bias_i32(node)?;
        let factors: Vec<FixedPoint> = factors.into_iter().map(storable).collect();
        let [lowest, highest] = [-128, 127].map(|code| code - i64::from(zero_point));
        let mut all = Vec::with_capacity(channels.outputs);
        for output in 0..channels.outputs {
            let bias = source.map_or(0, |bias| i64::from(bias[output]));
            let ends = |w: i64| [w * lowest, w * highest];
            let low: i64 = channels.channel(output).map(|w| ends(w).into_iter().fold(0, i64::min)).sum();
            let high: i64 = channels.channel(output).map(|w| ends(w).into_iter().fold(0, i64::max)).sum();
            let factor = factors.get(output).or(factors.first()).copied();
            check_range(output, [bias, bias + low, bias + high], factor)?;
            all.push(bias as i32);
        }
        Ok(LayerI8 { bias: all, factors, stage, input_zero_point: zero_point as i8 })
    }

    /// The bias of an int8 layer, if it has one.
    fn bias_i32(&self, node: &Node) -> Result<Option<&[i32]>, Reason> {
        match node.inputs.get(2).map(|&id| &self.graph.value(id).elements) {
            None => Ok(None),
            Some(Some(Elements::I32(bias))) => Ok(Some(bias)),
            Some(_) => refuse("its bias is not an int32 constant", "quantize the whole model"),
        }
    }
}

/// A multiplier always has its top bit set in a packed word, so a factor that is too small for one becomes the
/// smallest that can be stored: accumulators below `2^31 - 1` times `2^-32` are 0 all the same.
pub(super) fn storable(factor: FixedPoint) -> FixedPoint {
    if factor.multiplier == 0 { FixedPoint { multiplier: 1 << 30, shift: -31 } } else { factor }
}

/// Every bound of a channel's accumulator stays within 32 bits, after the factor's shift to the left as well.
pub(super) fn check_range(output: usize, bounds: [i64; 3], factor: Option<FixedPoint>) -> Result<(), Reason> {
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
pub(super) struct PackedRequant {
    words: Vec<u32>,
    extra: Vec<u8>,
    pub(super) shift_base: i8,
    pub(super) flags: u8,
}

impl PackedRequant {
    /// Packs factors whose multipliers are in `[2^30, 2^31)`. Equal factors are stored once.
    pub(super) fn new(factors: &[FixedPoint]) -> Self {
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

    /// Appends the words and the extra shifts, padded to whole words.
    pub(super) fn put(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.words.iter().flat_map(|word| word.to_le_bytes()));
        bytes.extend_from_slice(&self.extra);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
}

impl LayerI8 {
    /// The record's part and the constants behind its offset; `weights` are packed already.
    pub(super) fn encode(&self, weights: &[i8]) -> (LayerQuant, Vec<u8>) {
        let requant = PackedRequant::new(&self.factors);
        let quant = LayerQuant {
            shift_base: requant.shift_base,
            padding_value: self.input_zero_point,
            zero_point: self.stage.zero_point as i8,
            min: self.stage.min as i8,
            max: self.stage.max as i8,
            flags: requant.flags,
            reserved: 0,
        };
        let mut bytes: Vec<u8> = self.bias.iter().flat_map(|bias| bias.to_le_bytes()).collect();
        requant.put(&mut bytes);
        bytes.extend(weights.iter().map(|&weight| weight as u8));
        debug_assert_eq!(
            ConstantsI8::new(self.bias.len(), requant.flags, weights.len()).map(|places| places.end),
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
