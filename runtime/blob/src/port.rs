//! Model inputs and outputs.

use crate::field::record;

/// Element type of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[non_exhaustive]
pub enum DType {
    /// Quantized signed 8-bit integer.
    I8 = 0,
    /// 32-bit IEEE float.
    F32 = 1,
}

impl DType {
    /// The type with tag `tag`.
    pub fn from_tag(tag: u8) -> Option<Self> {
        match tag {
            0 => Some(DType::I8),
            1 => Some(DType::F32),
            _ => None,
        }
    }

    /// Bytes of one element.
    pub fn size_bytes(self) -> usize {
        match self {
            DType::I8 => 1,
            DType::F32 => 4,
        }
    }
}

record! {
    /// One input or output, 32 bytes.
    PortRecord {
        /// Byte offset in the arena.
        arena_offset: u32,
        /// Extents, the first `rank` of them; the others are 1.
        dims: [u32; 4],
        /// `real = scale * (q - zero_point)`; 1 for floats.
        scale: f32,
        /// 0 for floats.
        zero_point: i8,
        /// A [`DType`].
        dtype: u8,
        /// 1 to 4.
        rank: u8,
        /// 1 when the source model has this tensor channels-first and the blob channels-last; else 0.
        channels_moved: u8,
        /// The name's first byte in NAMES.
        name_offset: u16,
        /// The name's length.
        name_bytes: u16,
    }
}

impl PortRecord {
    /// Number of elements, or `None` when it overflows or the rank is out of range.
    #[allow(clippy::len_without_is_empty, reason = "an empty port is refused, so nobody asks")]
    pub fn len(&self) -> Option<usize> {
        if self.rank == 0 || self.rank > 4 {
            return None;
        }
        self.dims.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim as usize))
    }
}
