//! Layers with int8 weights on int16 activations.

use kinglet_blob::constants::{LONG_BIAS, ROUND_TWICE};
use kinglet_blob::records::LayerQuantI16;
use kinglet_kernels::int16::Rounding;
use kinglet_kernels::numerics::{FixedPoint, LONG_LIMIT, LONG_SHIFTS};

use super::layer::{Channels, PackedRequant, check_range, storable};
use super::{Reason, Site, refuse};
use crate::op::common::attributes::Activation;
use crate::op::common::fixed;
use crate::value::Elements;

/// Largest magnitude of an int16 code.
const CODE_MAX: i64 = 1 << 15;

/// The record's part and the constants behind its offset; `short` is the rounding of a bias of 32 bits. Proves that
/// no sum leaves the range in which its rounding is exact.
pub(crate) fn encode(
    site: &Site<'_>,
    channels: &Channels<'_>,
    short: Rounding,
    activation: Activation,
) -> Result<(LayerQuantI16, Vec<u8>), Reason> {
    let (mut bias, rounding) = match site.optional(2).map(|bias| &bias.elements) {
        None => (vec![0; channels.outputs], Rounding::Once),
        Some(Some(Elements::I64(bias))) => (bias.clone(), Rounding::Once),
        Some(Some(Elements::I32(bias))) => (bias.iter().map(|&bias| bias.into()).collect(), short),
        Some(_) => return refuse("its bias is not an int64 or int32 constant", "quantize the whole model"),
    };
    let [x, w] = [site.operand_quantization(0)?, site.operand_quantization(1)?];
    let y = site.result_quantization()?;
    let exact = fixed::layer_factors(x, w, y);
    let mut weights = channels.weights.to_vec();
    for (output, bias) in bias.iter_mut().enumerate() {
        let reach = channels.channel(output).map(i64::abs).sum::<i64>() * CODE_MAX;
        let Some(&factor) = exact.get(output).or(exact.first()) else { continue };
        match rounding {
            // No word holds the factor 0, and a long sum times the smallest one is not always 0.
            Rounding::Once if factor.multiplier == 0 => {
                *bias = 0;
                channels.indices(output).for_each(|index| weights[index] = 0);
            }
            Rounding::Once => check_long(output, *bias, reach, factor)?,
            Rounding::Twice => check_range(output, [*bias, *bias - reach, *bias + reach], Some(storable(factor)))?,
        }
    }
    let factors: Vec<FixedPoint> = exact.into_iter().map(storable).collect();
    let (min, max) = fixed::clamp_i16(activation, y);
    let requant = PackedRequant::new(&factors);
    let is_long = bias.iter().any(|&bias| i32::try_from(bias).is_err());
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    let flags = requant.flags | flag(is_long, LONG_BIAS) | flag(rounding == Rounding::Twice, ROUND_TWICE);
    let mut constants = Vec::new();
    if is_long {
        constants.extend(bias.iter().flat_map(|&bias| ((bias >> 32) as i32).to_le_bytes()));
    }
    constants.extend(bias.iter().flat_map(|&bias| (bias as i32).to_le_bytes()));
    requant.put(&mut constants);
    constants.extend(weights.iter().map(|&weight| weight as u8));
    Ok((LayerQuantI16 { shift_base: requant.shift_base, flags, min, max, reserved: 0 }, constants))
}

/// The sum and the factor of an output channel are within what one rounding takes.
fn check_long(output: usize, bias: i64, reach: i64, factor: FixedPoint) -> Result<(), Reason> {
    if !LONG_SHIFTS.contains(&factor.shift) {
        return refuse(
            format!("output channel {output} is scaled up by 2^{}", factor.shift),
            "recalibrate: its scales are unsound",
        );
    }
    let widest = bias.unsigned_abs().saturating_add(reach.unsigned_abs());
    if widest < LONG_LIMIT.unsigned_abs() {
        return Ok(());
    }
    refuse(
        format!("the sum of output channel {output} can reach {widest}, beyond 47 bits"),
        "reduce the bias or split the layer's input channels",
    )
}
