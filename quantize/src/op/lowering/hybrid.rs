//! Layers on floats whose weights the source model has as codes: these stay what they are, in the blob and on the device.

use kinglet_blob::constants::{NO_BIAS, PER_TENSOR, ZERO_POINTS};
use kinglet_blob::records::{HybridConv2d, Window};
use kinglet_blob::{OpCode, WeightForm};

use super::constants::f32_bytes;
use super::layer::Channels;
use super::{Emission, Reason, Site};
use crate::op::common::attributes::Activation;
use crate::record::Overlap;
use crate::value::{Quantization, Value};

/// Codes of the weights, and what they stand for; `None` for weights that are only floats, or have no scales along
/// `axis`, that of the output channels.
pub(crate) fn codes<'a>(site: &Site<'a>, axis: usize) -> Option<(Vec<i8>, &'a Quantization)> {
    let weights: &'a Value = site.operand(1);
    weights.codes().filter(|(_, quantization)| quantization.axis.is_none_or(|own| own == axis))
}

/// A layer that reads its operand through `window`, whose groups are groups of channels.
pub(crate) fn lower(
    site: &mut Site<'_>,
    window: Window,
    channels: &Channels<'_>,
    quantization: &Quantization,
    activation: Activation,
) -> Result<(), Reason> {
    let mut bias = match site.optional(2) {
        Some(_) => site.f32s(2)?.to_vec(),
        None => Vec::new(),
    };
    // Blocks of weights have a bias for each scale, and none of them is needed.
    if bias.iter().all(|bias| *bias == 0.0) {
        bias.clear();
    }
    let has_zeros = quantization.zero_points.iter().any(|&zero| zero != 0);
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    let flags = flag(quantization.scales.len() == 1, PER_TENSOR)
        | flag(has_zeros, ZERO_POINTS)
        | flag(bias.is_empty(), NO_BIAS);
    let storage = quantization.storage;
    let mut weights = vec![0; storage.bytes(channels.outputs * channels.taps)];
    for (place, index) in (0..channels.outputs).flat_map(|output| channels.indices(output)).enumerate() {
        storage.write(&mut weights, place, channels.weights[index]);
    }
    let mut constants = f32_bytes(bias.iter().chain(&quantization.scales));
    constants.extend(weights.iter().map(|&code| code as u8));
    if has_zeros {
        // The graph has checked that zero points are codes.
        constants.extend(quantization.zero_points.iter().map(|&zero| zero as u8));
    }
    let (min, max) = activation.bounds();
    let record = HybridConv2d { constants: site.store(constants)?, window, min, max, flags, reserved: [0; 3] };
    site.emit(Emission {
        form: WeightForm { packing: 0, storage: storage as u8 },
        ..Emission::new(OpCode::HybridConv2d, record, Overlap::Never)
    });
    Ok(())
}
