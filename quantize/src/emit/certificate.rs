//! CERTIFICATE: what the compiler says the model costs, 32 bytes.
//!
//! Fixed fields in the order of the struct, little-endian. Everything in it can be recomputed from the other
//! sections, and `kinglet verify` does.

use kinglet_blob::{Blob, Cursor, Field, SectionKind};

use crate::program::PlacedOperator;
use crate::record::Layer;

/// Version of the layout.
const VERSION: u32 = 1;

/// The section's content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// Working memory of a session.
    pub arena_bytes: u32,
    /// The part of it that the greediest operator uses for itself.
    pub scratch_bytes: u32,
    /// Operators of a run.
    pub operators: u32,
    /// Multiplications of a weight with an activation in a run, positions in the padding included.
    pub macs: u64,
    /// Bytes of weights, without biases, requantization, tables and packing's padding. Weights that several
    /// operators share count once.
    pub weight_bytes: u64,
}

impl Certificate {
    /// The section's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        [VERSION, self.arena_bytes, self.scratch_bytes, self.operators].put(&mut bytes);
        [self.macs, self.weight_bytes].put(&mut bytes);
        bytes
    }

    /// Reads a section; `None` when it is too short or of another version.
    pub fn decode(section: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(section);
        let [version, arena_bytes, scratch_bytes, operators] = cursor.take::<[u32; 4]>()?;
        let [macs, weight_bytes] = cursor.take::<[u64; 2]>()?;
        (version == VERSION).then_some(Certificate { arena_bytes, scratch_bytes, operators, macs, weight_bytes })
    }

    /// What the operators of `blob` add up to. `scratch_bytes` is not in the records and stays 0.
    pub fn recomputed(blob: &Blob<'_>) -> Self {
        let mut certificate = Certificate { arena_bytes: blob.header().arena_bytes, ..Certificate::default() };
        let mut layers = Vec::new();
        for operator in blob.operators() {
            certificate.operators += 1;
            let operator = PlacedOperator::read(&operator);
            if let Some(layer) = operator.and_then(|operator| operator.record.layer(operator.head())) {
                certificate.macs = certificate.macs.saturating_add(layer.macs);
                layers.push(layer);
            }
        }
        certificate.weight_bytes = weight_bytes(layers.into_iter());
        certificate
    }

    /// True when the blob's certificate says what its operators add up to.
    pub fn is_true_of(blob: &Blob<'_>) -> bool {
        let Some(stated) = Certificate::decode(blob.section(SectionKind::Certificate)) else { return false };
        Certificate { scratch_bytes: stated.scratch_bytes, ..Certificate::recomputed(blob) } == stated
    }
}

/// Bytes of the weights of all `layers`, each layer's once: its stripes share them.
pub(super) fn weight_bytes(layers: impl Iterator<Item = Layer>) -> u64 {
    let mut layers: Vec<(u32, u64)> = layers.map(|layer| (layer.constants, layer.weight_bytes)).collect();
    layers.sort_unstable();
    layers.dedup();
    layers.into_iter().map(|(_, bytes)| bytes).fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_from_its_bytes() {
        let certificate =
            Certificate { arena_bytes: 1, scratch_bytes: 2, operators: 3, macs: u64::MAX, weight_bytes: 5 };
        let bytes = certificate.encode();
        assert_eq!(Certificate::decode(&bytes), Some(certificate));
        assert_eq!((0..32).find_map(|len| Certificate::decode(&bytes[..len])), None);
    }
}
