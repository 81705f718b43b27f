//! Whether a packing's kernels are exact for the weights that a blob has.

use std::borrow::Cow;

use kinglet_blob::cast;
use kinglet_blob::constants::{ConstantsI8, SHORT_BIAS, SHORT_FACTORS};
use kinglet_blob::records::LayerQuant;
use kinglet_kernels::numerics::{FixedPoint, Requant};
use kinglet_kernels::packing::{Numbers, Sparse, Storage};

/// Weights as the proof wants them: all taps of each output channel behind each other.
pub(super) fn row_major(outputs: usize, taps: usize, weight: impl Fn(usize, usize) -> i8) -> Vec<i8> {
    let places = (0..outputs).flat_map(|output| (0..taps).map(move |tap| (output, tap)));
    places.map(|(output, tap)| weight(output, tap)).collect()
}

/// The constants of an int8 layer, cut out of WEIGHTS.
pub(super) struct Constants<'w> {
    /// In all their places, zeros too.
    pub(super) weights: Cow<'w, [i8]>,
    bias: Vec<i32>,
    factors: Vec<FixedPoint>,
}

/// Bytes of scratch for what is short of a layer's biases and factors.
pub(crate) fn lengthened(quant: &LayerQuant, outputs: usize) -> usize {
    ConstantsI8::lengthened_bytes(outputs, quant.flags)
}

/// Weights with all their places.
fn expanded(sparse: Option<Sparse>, stored: &[i8]) -> Option<Cow<'_, [i8]>> {
    let Some(sparse) = sparse else { return Some(Cow::Borrowed(stored)) };
    // As many as the bits say, which are there.
    let mut bytes = vec![0; sparse.head.checked_add(sparse.places)?];
    sparse.expand(stored, &mut bytes).then_some(Cow::Owned(bytes))
}

impl<'w> Constants<'w> {
    /// Those at byte `at` of a layer with `outputs` channels and `weight_len` bytes of weights, or those of `sparse` without
    /// their zeros; `None` when they are not there, which loading refuses.
    pub(super) fn at(
        at: u32,
        quant: &LayerQuant,
        (outputs, weight_len, sparse): (usize, usize, Option<Sparse>),
        section: &'w [u8],
    ) -> Option<Self> {
        let all = section.get(usize::try_from(at).ok()?..)?;
        let weight_len = match sparse {
            Some(sparse) => {
                let start = ConstantsI8::new(outputs, quant.flags, 0)?.weights_start;
                sparse.stored_len(cast::i8s(all.get(start..)?))?
            }
            None => weight_len,
        };
        let places = ConstantsI8::new(outputs, quant.flags, weight_len)?;
        let (bias, words) = (all.get(..places.bias_end)?, all.get(places.requant_start..places.requant_end)?);
        let bias: Vec<i32> = if quant.flags & SHORT_BIAS != 0 {
            let shift = u32::from(quant.bias_shift);
            cast::i16s(bias)?.iter().map(|&bias| i32::from(bias).wrapping_shl(shift)).collect()
        } else {
            cast::i32s(bias)?.to_vec()
        };
        let words: Vec<u32> = if quant.flags & SHORT_FACTORS != 0 {
            cast::u16s(words)?.iter().map(|&word| u32::from(word) << 16).collect()
        } else {
            cast::u32s(words)?.to_vec()
        };
        let extra = all.get(places.requant_end..places.extra_end)?;
        let requant = Requant { words: &words, shift_base: quant.shift_base.into(), extra };
        Some(Constants {
            weights: expanded(sparse, cast::i8s(all.get(places.weights_start..places.end)?))?,
            bias,
            factors: (0..outputs).map(|channel| requant.at(channel)).collect(),
        })
    }

    /// The numbers of the proof, with the weights as `row_major`, `taps` of each channel.
    pub(super) fn numbers<'n>(&'n self, taps: usize, storage: Storage, row_major: &'n [i8]) -> Numbers<'n> {
        Numbers { taps, storage, weights: row_major, bias: &self.bias, factors: &self.factors }
    }
}
