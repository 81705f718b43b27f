//! Model inputs and outputs.

use crate::field::record;
use crate::size;

record! {
    /// One input or output, 36 bytes.
    PortRecord {
        /// Byte offset in the region.
        arena_offset: u32,
        /// Extents, the first `rank` of them; the others are 1.
        dims: [u32; 4],
        /// `real = scale * (q - zero_point)`; 1 for floats and for integers that are not quantized.
        scale: f32,
        /// 0 for floats and for integers that are not quantized.
        zero_point: i32,
        /// A [`crate::DType`].
        dtype: u8,
        /// Which memory `arena_offset` counts in; [`crate::Operand::ARENA`].
        region: u8,
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
        self.dims.iter().try_fold(1usize, |product, &dim| size::product(product, dim as usize))
    }
}
