//! What weighted and windowed operators share: shapes, constants, requantization.

use core::marker::PhantomData;
use core::ops::RangeInclusive;

use kinglet_blob::constants::{
    ConstantsI8, EXTRA_SHIFTS, LONG_BIAS, PER_TENSOR, ROUND_TWICE, SHORT_BIAS, SHORT_FACTORS,
};
use kinglet_blob::records::{LayerQuant, LayerQuantI16, Window};
use kinglet_blob::{DType, OperatorBytes, Signature, cast, size};
use kinglet_kernels::conv2d::Geometry;
use kinglet_kernels::int16::{LongBias, Rounding, StageI16};
use kinglet_kernels::numerics::{ALL_SHIFTS, ClampF32, FixedPoint, LONG_SHIFTS, OutputStage, Requant};
use kinglet_kernels::packing::{Sparse, Storage};

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

/// Bytes of a layer's weights: `whole`, or fewer where zeros are left out, whose number stands with the weights.
#[inline(always)]
fn weight_len(
    storage: Storage,
    whole: usize,
    (quant, constants, outputs): (&LayerQuant, &[u8], usize),
    sparse: impl FnOnce() -> Sparse,
) -> Result<usize, LoadRule> {
    if storage != Storage::Sparse {
        return Ok(whole);
    }
    if !storage.is_runnable() {
        return Err(LoadRule::PackingNotRunnable);
    }
    let places = ConstantsI8::new(outputs, quant.flags, 0).ok_or(LoadRule::ConstantRange)?;
    let stored = constants.get(places.weights_start..).ok_or(LoadRule::ConstantRange)?;
    sparse().stored_len(cast::i8s(stored)).ok_or(LoadRule::ConstantRange)
}

/// Where zeros are left out, there is a weight for each place that has one.
#[inline]
pub(super) fn check_sparse(storage: Storage, sparse: impl FnOnce() -> Sparse, weights: &[i8]) -> Result<(), LoadRule> {
    let is_sparse = storage == Storage::Sparse && storage.is_runnable();
    if is_sparse && !sparse().is_consistent(weights) { Err(LoadRule::Parameter) } else { Ok(()) }
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

/// An int8 layer's constants, cut out of WEIGHTS. Of those that are short the kernels' slices are empty until
/// [`Short::lengthen`].
pub(super) struct LayerI8<'b> {
    pub(super) short: Short<'b>,
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
        if quant.flags & (SHORT_BIAS | SHORT_FACTORS) != 0 {
            return Err(LoadRule::Parameter);
        }
        LayerI8::maybe_short(quant, constants, outputs, weight_len)
    }

    /// The same for operators that take weights in any storage, and lengthen short constants: `whole` bytes of weights, or
    /// those of `sparse`.
    #[inline(always)]
    pub(super) fn stored(
        quant: &LayerQuant,
        constants: &'b [u8],
        outputs: usize,
        (storage, whole): (Storage, usize),
        sparse: impl FnOnce() -> Sparse,
    ) -> Result<Self, LoadRule> {
        let weight_len = weight_len(storage, whole, (quant, constants, outputs), sparse)?;
        LayerI8::maybe_short(quant, constants, outputs, weight_len)
    }

    /// The same with so many bytes of weights.
    #[inline]
    fn maybe_short(
        quant: &LayerQuant,
        constants: &'b [u8],
        outputs: usize,
        weight_len: usize,
    ) -> Result<Self, LoadRule> {
        const KNOWN: u8 = PER_TENSOR | EXTRA_SHIFTS | SHORT_BIAS | SHORT_FACTORS;
        let flags = quant.flags;
        let shifts = if flags & SHORT_BIAS != 0 { BIAS_SHIFT_MAX } else { 0 };
        if flags & !KNOWN != 0 || quant.bias_shift > shifts || quant.min > quant.max {
            return Err(LoadRule::Parameter);
        }
        if flags & (SHORT_BIAS | SHORT_FACTORS) != 0 && !Short::IS_LINKED {
            return Err(LoadRule::PackingNotRunnable);
        }
        let places = ConstantsI8::new(outputs, quant.flags, weight_len).ok_or(LoadRule::ConstantRange)?;
        let part = |from: usize, to: usize| constants.get(from..to).ok_or(LoadRule::ConstantRange);
        Ok(LayerI8 {
            stage: stage(quant.zero_point, quant.min, quant.max),
            weights: cast::i8s(part(places.weights_start, places.end)?),
            bias: long(Short::is(flags, SHORT_BIAS), part(0, places.bias_end)?, cast::i32s)?,
            requant: Requant {
                words: long(
                    Short::is(flags, SHORT_FACTORS),
                    part(places.requant_start, places.requant_end)?,
                    cast::u32s,
                )?,
                shift_base: i32::from(quant.shift_base),
                extra: part(places.requant_end, places.extra_end)?,
            },
            short: Short::of(
                flags,
                quant.bias_shift.into(),
                part(0, places.bias_end)?,
                part(places.requant_start, places.requant_end)?,
            )?,
        })
    }
}

/// Most that a short bias is shifted.
const BIAS_SHIFT_MAX: u16 = 15;

/// A table as kernels read it; an empty one when it is short.
#[inline]
fn long<'b, T>(is_short: bool, bytes: &'b [u8], view: fn(&'b [u8]) -> Option<&'b [T]>) -> Result<&'b [T], LoadRule> {
    if is_short { Ok(&[]) } else { view(bytes).ok_or(LoadRule::ConstantRange) }
}

/// Biases of 16 bits, and upper halves of words. Of no size in a build that does not lengthen them, so that it costs an
/// image with long tables nothing.
#[derive(Clone, Copy)]
pub(super) struct Short<'b> {
    #[cfg(feature = "short-tables")]
    tables: Tables<'b>,
    lifetime: PhantomData<&'b [u16]>,
}

#[cfg(feature = "short-tables")]
#[derive(Clone, Copy)]
struct Tables<'b> {
    bias: &'b [u16],
    bias_shift: u32,
    words: &'b [u16],
}

impl<'b> Short<'b> {
    /// True when this build lengthens them; others have refused all records with some.
    const IS_LINKED: bool = cfg!(feature = "short-tables");

    /// Whether the table with this flag is short.
    #[inline]
    const fn is(flags: u8, flag: u8) -> bool {
        Self::IS_LINKED && flags & flag != 0
    }

    /// Those of a record's tables that are short.
    #[cfg(feature = "short-tables")]
    #[inline]
    fn of(flags: u8, bias_shift: u32, bias: &'b [u8], words: &'b [u8]) -> Result<Self, LoadRule> {
        let table = |flag: u8, bytes: &'b [u8]| {
            if Self::is(flags, flag) { cast::u16s(bytes).ok_or(LoadRule::ConstantRange) } else { Ok(&[][..]) }
        };
        let tables = Tables { bias: table(SHORT_BIAS, bias)?, bias_shift, words: table(SHORT_FACTORS, words)? };
        Ok(Short { tables, lifetime: PhantomData })
    }

    /// None.
    #[cfg(not(feature = "short-tables"))]
    #[inline]
    fn of(_flags: u8, _bias_shift: u32, _bias: &'b [u8], _words: &'b [u8]) -> Result<Self, LoadRule> {
        Ok(Short { lifetime: PhantomData })
    }

    /// Upper halves of words, if those are short.
    #[inline]
    pub(super) fn words(&self) -> &'b [u16] {
        #[cfg(feature = "short-tables")]
        return self.tables.words;
        #[cfg(not(feature = "short-tables"))]
        return &[];
    }

    /// Bytes of scratch that they take, in front of the kernel's.
    pub(super) fn scratch_len(quant: &LayerQuant, outputs: usize) -> usize {
        if Self::IS_LINKED { ConstantsI8::lengthened_bytes(outputs, quant.flags) } else { 0 }
    }

    /// Writes what is short into `scratch`, as long as kernels want it, and returns the rest of scratch.
    #[cfg(feature = "short-tables")]
    #[inline]
    pub(super) fn lengthen<'s>(
        &self,
        bias: &mut &'s [i32],
        words: &mut &'s [u32],
        scratch: &'s mut [u8],
    ) -> Option<&'s mut [i8]> {
        if self.tables.bias.is_empty() && self.tables.words.is_empty() {
            return Some(cast::i8s_mut(scratch));
        }
        self.tables.write(bias, words, scratch)
    }

    /// All of scratch: nothing is short.
    #[cfg(not(feature = "short-tables"))]
    #[inline]
    pub(super) fn lengthen<'s>(
        &self,
        _bias: &mut &'s [i32],
        _words: &mut &'s [u32],
        scratch: &'s mut [u8],
    ) -> Option<&'s mut [i8]> {
        Some(cast::i8s_mut(scratch))
    }
}

#[cfg(feature = "short-tables")]
impl Tables<'_> {
    #[inline(never)]
    fn write<'s>(&self, bias: &mut &'s [i32], words: &mut &'s [u32], scratch: &'s mut [u8]) -> Option<&'s mut [i8]> {
        let (long_bias, scratch) = scratch.split_at_mut_checked(size::product(self.bias.len(), 4)?)?;
        let (long_words, scratch) = scratch.split_at_mut_checked(size::product(self.words.len(), 4)?)?;
        if !self.bias.is_empty() {
            let to = cast::i32s_mut(long_bias)?;
            for (to, from) in to.iter_mut().zip(self.bias) {
                *to = i32::from(*from as i16).wrapping_shl(self.bias_shift);
            }
            *bias = to;
        }
        if !self.words.is_empty() {
            let to = cast::u32s_mut(long_words)?;
            for (to, from) in to.iter_mut().zip(self.words) {
                *to = u32::from(*from) << 16;
            }
            *words = to;
        }
        Some(cast::i8s_mut(scratch))
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
            words: cast::u32s(part(places.requant_start, places.requant_end)?).ok_or(LoadRule::ConstantRange)?,
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
    check_shifts(&stage.requant, &[], &allowed, limits)
}

/// Shifts are in the range that the kernels of a packing document.
pub(super) fn check_shifts(
    requant: &Requant<'_>,
    short: &[u16],
    allowed: &RangeInclusive<i32>,
    limits: &Limits<'_>,
) -> Result<(), LoadRule> {
    let lowest = requant.shift_base;
    // The largest shift a word could add is 3; only a layer near the end of the range, or one with extra
    // shifts, pays for looking.
    let highest = if lowest.saturating_add(3) <= *allowed.end() && requant.extra.is_empty() {
        lowest
    } else {
        limits.look_at(requant.words.len().max(short.len()))?;
        let shift_of_short = |(word, index): (&u16, usize)| {
            let extra = requant.extra.get(index).copied().unwrap_or(0);
            lowest.wrapping_add(i32::from(word >> 14)).wrapping_add(extra.into())
        };
        let short = short.iter().zip(0..).map(shift_of_short).max();
        let long = (0..requant.words.len()).map(|channel| requant.at(channel).shift).max();
        long.max(short).unwrap_or(0)
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
