//! Layers whose weights have zero points: one record for convolutions, depthwise ones and dense layers.
//!
//! A depthwise layer has a group for each input channel, a dense one the rows as columns of an image. Their weights are
//! stored as they are: with the zero point taken off, one would need nine bits.

use kinglet_blob::OpCode;
use kinglet_blob::records::{AsymmetricConv2dI8, Window};

use super::layer::{Channels, LayerI8};
use super::{Emission, Reason, Site};
use crate::op::common::attributes::Activation;
use crate::record::Overlap;
use crate::value::Quantization;

/// True when zero is another code than 0 for some of the weights.
pub(crate) fn is_asymmetric(weights: &Quantization) -> bool {
    weights.zero_points.iter().any(|&zero| zero != 0)
}

/// A layer that reads its operand through `window`, whose groups are groups of channels.
pub(crate) fn lower(
    site: &mut Site<'_>,
    window: Window,
    channels: &Channels<'_>,
    activation: Activation,
) -> Result<(), Reason> {
    let zeros = &site.operand_quantization(1)?.zero_points;
    let zero = |output: usize| zeros.get(output).or(zeros.first()).copied().unwrap_or(0);
    let layer = LayerI8::unfolded_from(site, channels, &|output| zero(output).into(), activation)?;
    // The graph has checked that zero points are codes.
    let zeros = (0..channels.outputs).map(|output| zero(output) as i8);
    let weights = (0..channels.outputs).flat_map(|output| channels.indices(output)).map(|at| channels.weights[at]);
    let (quant, constants) = layer.encode(&zeros.chain(weights).collect::<Vec<i8>>());
    let record = AsymmetricConv2dI8 { constants: site.store(constants)?, window, quant };
    site.emit(Emission::new(OpCode::AsymmetricConv2d, record, Overlap::Never));
    Ok(())
}
