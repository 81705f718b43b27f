//! Element types of tensors.

/// Declares the element types: tag, name, bytes of an element.
macro_rules! dtypes {
    ($($(#[$doc:meta])* $name:ident = $tag:literal, $text:literal, $bytes:literal;)*) => {
        /// Element type of a tensor. Tag 6 is kept for 16-bit floats.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum DType { $($(#[$doc])* $name = $tag,)* }

        impl DType {
            /// Every type, in the order of its tag.
            pub const ALL: &'static [DType] = &[$(DType::$name),*];

            /// The type with tag `tag`.
            #[inline]
            pub const fn from_tag(tag: u8) -> Option<Self> {
                match tag {
                    $($tag => Some(DType::$name),)*
                    _ => None,
                }
            }

            /// Bytes of one element, and the alignment of a tensor of them.
            #[inline]
            pub const fn size_bytes(self) -> usize {
                match self { $(DType::$name => $bytes,)* }
            }

            /// The name in reports and documents.
            pub const fn name(self) -> &'static str {
                match self { $(DType::$name => $text,)* }
            }
        }
    };
}

dtypes! {
    /// Quantized signed 8-bit integer.
    I8 = 0, "int8", 1;
    /// 32-bit IEEE float.
    F32 = 1, "float32", 4;
    /// Quantized signed 16-bit integer.
    I16 = 2, "int16", 2;
    /// Signed 32-bit integer.
    I32 = 3, "int32", 4;
    /// Quantized unsigned 8-bit integer.
    U8 = 4, "uint8", 1;
    /// One byte, 0 or 1.
    Bool = 5, "bool", 1;
}
