//! WEIGHTS while it is being filled.

use std::collections::HashMap;

use super::{Reason, refuse};

/// Constants at multiples of four bytes. Equal ones are stored once: models share lookup tables and padding
/// rows, and a deduplicated blob is no slower.
#[derive(Clone, Debug, Default)]
pub(crate) struct Constants {
    bytes: Vec<u8>,
    known: HashMap<Vec<u8>, u32>,
}

impl Constants {
    /// Stores `constant` and returns where it starts.
    pub(crate) fn add(&mut self, constant: Vec<u8>) -> Result<u32, Reason> {
        if let Some(&offset) = self.known.get(&constant) {
            return Ok(offset);
        }
        let end = self.bytes.len() + constant.len().next_multiple_of(4);
        if u32::try_from(end).is_err() {
            return refuse("the model's constants exceed 4 GiB", "a blob's offsets are 32 bits wide");
        }
        let offset = self.bytes.len() as u32;
        self.bytes.extend_from_slice(&constant);
        self.bytes.resize(end, 0);
        self.known.insert(constant, offset);
        Ok(offset)
    }

    /// The section's bytes.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// The little-endian bytes of floats.
pub(crate) fn f32_bytes<'a>(elements: impl IntoIterator<Item = &'a f32>) -> Vec<u8> {
    elements.into_iter().flat_map(|element| element.to_le_bytes()).collect()
}

/// The bytes of int8 elements.
pub(crate) fn i8_bytes(elements: &[i8]) -> Vec<u8> {
    elements.iter().map(|&element| element as u8).collect()
}

/// The little-endian bytes of int16 elements.
pub(crate) fn i16_bytes(elements: &[i16]) -> Vec<u8> {
    elements.iter().flat_map(|element| element.to_le_bytes()).collect()
}
