//! Float layers with weights: `x, w, [b]`.

use super::constants::f32_bytes;
use super::{Reason, Site};

/// Stores the bias of a layer with so many output channels, zeros when it has none, and its weights behind that.
pub(crate) fn store(site: &mut Site<'_>, outputs: usize, weights: &[f32]) -> Result<u32, Reason> {
    let bias = match site.optional(2) {
        Some(_) => site.f32s(2)?.to_vec(),
        None => vec![0.0; outputs],
    };
    site.store(f32_bytes(bias.iter().chain(weights)))
}
