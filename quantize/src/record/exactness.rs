//! Whether a packing's kernels are exact for the weights that a blob has.

use kinglet_blob::cast;
use kinglet_blob::constants::ConstantsI8;
use kinglet_blob::records::LayerQuant;
use kinglet_kernels::numerics::{FixedPoint, Requant};
use kinglet_kernels::packing::Numbers;

/// Weights as the proof wants them: all taps of each output channel behind each other.
pub(super) fn row_major(outputs: usize, taps: usize, weight: impl Fn(usize, usize) -> i8) -> Vec<i8> {
    let places = (0..outputs).flat_map(|output| (0..taps).map(move |tap| (output, tap)));
    places.map(|(output, tap)| weight(output, tap)).collect()
}

/// The constants of an int8 layer, cut out of WEIGHTS.
pub(super) struct Constants<'w> {
    pub(super) weights: &'w [i8],
    bias: &'w [i32],
    factors: Vec<FixedPoint>,
}

impl<'w> Constants<'w> {
    /// Those at byte `at` of a layer with `outputs` channels and `weight_len` bytes of weights; `None` when they are not
    /// there, which loading refuses.
    pub(super) fn at(
        at: u32,
        quant: &LayerQuant,
        (outputs, weight_len): (usize, usize),
        section: &'w [u8],
    ) -> Option<Self> {
        let all = section.get(usize::try_from(at).ok()?..)?;
        let places = ConstantsI8::new(outputs, quant.flags, weight_len)?;
        let requant = Requant {
            words: cast::u32s(all.get(places.bias_end..places.requant_end)?)?,
            shift_base: quant.shift_base.into(),
            extra: all.get(places.requant_end..places.extra_end)?,
        };
        Some(Constants {
            weights: cast::i8s(all.get(places.weights_start..places.end)?),
            bias: cast::i32s(all.get(..places.bias_end)?)?,
            factors: (0..outputs).map(|channel| requant.at(channel)).collect(),
        })
    }

    /// The numbers of the proof, with the weights as `row_major`, `taps` of each channel.
    pub(super) fn numbers<'n>(&'n self, taps: usize, row_major: &'n [i8]) -> Numbers<'n> {
        Numbers { taps, weights: row_major, bias: self.bias, factors: &self.factors }
    }
}
