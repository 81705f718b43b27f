//! What weighted and windowed operators share: shapes, constants, requantization.

use core::ops::RangeInclusive;

use kinglet_blob::constants::{ConstantsI8, EXTRA_SHIFTS, LONG_BIAS, PER_TENSOR, ROUND_TWICE};
use kinglet_blob::records::{LayerQuant, LayerQuantI16, Window};
use kinglet_blob::{DType, OperatorBytes, Signature, cast, size};
use kinglet_kernels::conv2d::Geometry;
use kinglet_kernels::int16::{LongBias, Rounding, StageI16};
use kinglet_kernels::numerics::{ALL_SHIFTS, ClampF32, FixedPoint, LONG_SHIFTS, OutputStage, Requant};
use kinglet_kernels::packing::Storage;

use super::product;
use crate::error::LoadRule;
use crate::memory::Limits;

/// An int8 layer with weights: one tensor in, one out, and scratch.
pub(super) const WEIGHTED_I8: Signature = Signature::new(&[DType::I8], &[DType::I8]).with_scratch();

/// How an int8 layer's weights are stored. A build without kernels for fewer than eight bits has refused all records with
/// others by their heads.
#[inline(always)]
pub(super) fn storage(operator: &OperatorBytes<'_>) -> Result<Storage, LoadRule> {
    if Storage::ANY_NARROW {
        Storage::from_tag(operator.storage).ok_or(LoadRule::PackingNotRunnable)
    } else {
        Ok(Storage::Bits8)
    }
}

/// The kernels' geometry of a window record, with every extent at least 1. `groups` is the caller's: the
/// record's field means different things to a convolution and to a depthwise one.
#[inline]
pub(super) fn geometry(window: &Window, groups: usize) -> Result<Geometry, LoadRule> {
    let wide = |[a, b, c]: [u16; 3]| [usize::from(a), usize::from(b), usize::from(c)];
    let pair = |[a, b]: [u8; 2]| [usize::from(a), usize::from(b)];
    let geometry = Geometry {
        input: wide(window.input),
        output: wide(window.output),
        kernel: pair(window.kernel),
        stride: pair(window.stride),
        dilation: pair(window.dilation),
        pad: pair(window.pad),
        groups,
    };
    for extents in [geometry.kernel, geometry.stride, geometry.dilation] {
        product(&extents)?;
    }
    product(&[usize::from(window.batch), groups])?;
    Ok(geometry)
}

/// Elements of one image on the input and on the output side.
#[inline]
pub(super) fn image_lens(geometry: &Geometry) -> Result<(usize, usize), LoadRule> {
    Ok((product(&geometry.input)?, product(&geometry.output)?))
}

/// An int8 layer's constants, cut out of WEIGHTS.
pub(super) struct LayerI8<'b> {
    pub(super) stage: OutputStage,
    pub(super) weights: &'b [i8],
    pub(super) bias: &'b [i32],
    pub(super) requant: Requant<'b>,
}

impl<'b> LayerI8<'b> {
    /// `constants` starts at the record's offset; `outputs` channels with `weight_len` bytes of weights. The
    /// clamp must be in order and the flags known.
    #[inline]
    pub(super) fn new(
        quant: &LayerQuant,
        constants: &'b [u8],
        outputs: usize,
        weight_len: usize,
    ) -> Result<Self, LoadRule> {
        if quant.flags & !(PER_TENSOR | EXTRA_SHIFTS) != 0 || quant.reserved != 0 || quant.min > quant.max {
            return Err(LoadRule::Parameter);
        }
        let places = ConstantsI8::new(outputs, quant.flags, weight_len).ok_or(LoadRule::ConstantRange)?;
        let part = |from: usize, to: usize| constants.get(from..to).ok_or(LoadRule::ConstantRange);
        Ok(LayerI8 {
            stage: stage(quant.zero_point, quant.min, quant.max),
            weights: cast::i8s(part(places.weights_start, places.end)?),
            bias: cast::i32s(part(0, places.bias_end)?).ok_or(LoadRule::ConstantRange)?,
            requant: Requant {
                words: cast::u32s(part(places.bias_end, places.requant_end)?).ok_or(LoadRule::ConstantRange)?,
                shift_base: i32::from(quant.shift_base),
                extra: part(places.requant_end, places.extra_end)?,
            },
        })
    }
}

/// Weights and output stage of a layer on int16 activations, cut out of WEIGHTS. The clamp must be in order and the
/// flags known.
pub(super) fn layer_i16<'b>(
    quant: &LayerQuantI16,
    constants: &'b [u8],
    outputs: usize,
    weight_len: usize,
) -> Result<(&'b [i8], StageI16<'b>), LoadRule> {
    let known = PER_TENSOR | EXTRA_SHIFTS | ROUND_TWICE | LONG_BIAS;
    if quant.flags & !known != 0 || quant.reserved != 0 || quant.min > quant.max {
        return Err(LoadRule::Parameter);
    }
    let high_len = if quant.flags & LONG_BIAS != 0 { outputs } else { 0 };
    let high_end = size::product(high_len, 4).ok_or(LoadRule::ConstantRange)?;
    let (high, constants) = constants.split_at_checked(high_end).ok_or(LoadRule::ConstantRange)?;
    let places = ConstantsI8::new(outputs, quant.flags, weight_len).ok_or(LoadRule::ConstantRange)?;
    let part = |from: usize, to: usize| constants.get(from..to).ok_or(LoadRule::ConstantRange);
    let i32s = |bytes: &'b [u8]| cast::i32s(bytes).ok_or(LoadRule::ConstantRange);
    let stage = StageI16 {
        bias: LongBias { low: i32s(part(0, places.bias_end)?)?, high: i32s(high)? },
        requant: Requant {
            words: cast::u32s(part(places.bias_end, places.requant_end)?).ok_or(LoadRule::ConstantRange)?,
            shift_base: i32::from(quant.shift_base),
            extra: part(places.requant_end, places.extra_end)?,
        },
        rounding: if quant.flags & ROUND_TWICE != 0 { Rounding::Twice } else { Rounding::Once },
        min: quant.min,
        max: quant.max,
    };
    Ok((cast::i8s(part(places.weights_start, places.end)?), stage))
}

/// Shifts are in the range of the layer's rounding.
pub(super) fn check_shifts_i16(stage: &StageI16<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let allowed = match stage.rounding {
        Rounding::Once => LONG_SHIFTS,
        Rounding::Twice => ALL_SHIFTS,
    };
    check_shifts(&stage.requant, &allowed, limits)
}

/// Shifts are in the range that the kernels of a packing document.
pub(super) fn check_shifts(
    requant: &Requant<'_>,
    allowed: &RangeInclusive<i32>,
    limits: &Limits<'_>,
) -> Result<(), LoadRule> {
    let lowest = requant.shift_base;
    // The largest shift a word could add is 3; only a layer near the end of the range, or one with extra
    // shifts, pays for looking.
    let highest = if lowest.saturating_add(3) <= *allowed.end() && requant.extra.is_empty() {
        lowest
    } else {
        limits.look_at(requant.words.len())?;
        (0..requant.words.len()).map(|channel| requant.at(channel).shift).max().unwrap_or(0)
    };
    let is_within = lowest >= *allowed.start() && highest <= *allowed.end();
    if is_within { Ok(()) } else { Err(LoadRule::Parameter) }
}

/// A float layer's constants: bias, then weights.
#[inline]
pub(super) fn constants_f32(constants: &[u8], outputs: usize, weight_len: usize) -> Result<(&[f32], &[f32]), LoadRule> {
    let len = size::sum(outputs, weight_len).and_then(|len| size::product(len, 4)).ok_or(LoadRule::ConstantRange)?;
    let all = constants.get(..len).and_then(cast::f32s).ok_or(LoadRule::ConstantRange)?;
    all.split_at_checked(outputs).ok_or(LoadRule::ConstantRange)
}

/// The output stage with these parameters.
#[inline]
pub(super) fn stage(zero_point: i8, min: i8, max: i8) -> OutputStage {
    OutputStage { zero_point: zero_point.into(), min: min.into(), max: max.into() }
}

/// The clamp with these bounds, which must be in order.
#[inline]
pub(super) fn clamp(min: f32, max: f32) -> Result<ClampF32, LoadRule> {
    if min <= max { Ok(ClampF32 { min, max }) } else { Err(LoadRule::Parameter) }
}

/// A factor's multiplier is not negative, and its shift is one that the kernels document.
pub(super) fn is_factor(factor: FixedPoint) -> bool {
    factor.multiplier >= 0 && ALL_SHIFTS.contains(&factor.shift)
}

/// The factor of a record, when it is one.
pub(super) fn factor(multiplier: i32, shift: i8) -> Result<FixedPoint, LoadRule> {
    let factor = FixedPoint { multiplier, shift: shift.into() };
    if is_factor(factor) { Ok(factor) } else { Err(LoadRule::Parameter) }
}
