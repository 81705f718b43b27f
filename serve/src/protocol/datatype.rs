//! Element types as the protocol names them.

use kinglet::DType;

/// Declares the types: name in the protocol, bytes of an element, the blob's type.
macro_rules! datatypes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $bytes:literal, $dtype:expr;)*) => {
        /// An element type that requests and answers may have.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Datatype { $($(#[$doc])* $name,)* }

        impl Datatype {
            /// All of them.
            pub const ALL: &'static [Datatype] = &[$(Datatype::$name),*];

            /// The protocol's name.
            pub const fn name(self) -> &'static str {
                match self { $(Datatype::$name => $text,)* }
            }

            /// Bytes of an element.
            pub const fn size_bytes(self) -> usize {
                match self { $(Datatype::$name => $bytes,)* }
            }

            /// The type of a blob that is the same.
            pub const fn dtype(self) -> Option<DType> {
                match self { $(Datatype::$name => $dtype,)* }
            }
        }
    };
}

datatypes! {
    /// One byte, 0 or 1.
    Bool = "BOOL", 1, Some(DType::Bool);
    /// Signed 8-bit integer.
    Int8 = "INT8", 1, Some(DType::I8);
    /// Unsigned 8-bit integer.
    Uint8 = "UINT8", 1, Some(DType::U8);
    /// Signed 16-bit integer.
    Int16 = "INT16", 2, Some(DType::I16);
    /// Signed 32-bit integer.
    Int32 = "INT32", 4, Some(DType::I32);
    /// Signed 64-bit integer; blobs have none, what fits 32 bits goes in.
    Int64 = "INT64", 8, None;
    /// 32-bit IEEE float.
    Fp32 = "FP32", 4, Some(DType::F32);
}

impl Datatype {
    /// The type of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|datatype| datatype.name() == name)
    }

    /// The protocol's type for a blob's; none for one that is newer than this server.
    pub fn of(dtype: DType) -> Option<Self> {
        Self::ALL.iter().copied().find(|datatype| datatype.dtype() == Some(dtype))
    }

    /// The integer in the bytes of one element; none for floats.
    pub fn integer(self, bytes: &[u8]) -> Option<i64> {
        let mut word = [0u8; 8];
        word.get_mut(..bytes.len())?.copy_from_slice(bytes);
        let value = i64::from_le_bytes(word);
        match self {
            Datatype::Fp32 => None,
            Datatype::Bool => Some(i64::from(value != 0)),
            Datatype::Uint8 => Some(value),
            // The sign is the highest bit of the element.
            _ => {
                let unused = 64 - 8 * u32::try_from(self.size_bytes()).ok()?;
                Some(value.wrapping_shl(unused).wrapping_shr(unused))
            }
        }
    }

    /// Appends an integer, if it is one of this type.
    pub fn push_integer(self, value: i64, out: &mut Vec<u8>) -> bool {
        let (least, most) = match self {
            Datatype::Fp32 => return false,
            Datatype::Bool => (0, 1),
            Datatype::Uint8 => (0, 255),
            Datatype::Int8 => (i8::MIN.into(), i8::MAX.into()),
            Datatype::Int16 => (i16::MIN.into(), i16::MAX.into()),
            Datatype::Int32 => (i32::MIN.into(), i32::MAX.into()),
            Datatype::Int64 => (i64::MIN, i64::MAX),
        };
        let fits = (least..=most).contains(&value);
        if fits {
            out.extend_from_slice(&value.to_le_bytes()[..self.size_bytes()]);
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_go_in_and_out() {
        for &datatype in Datatype::ALL.iter().filter(|&&datatype| datatype != Datatype::Fp32) {
            for value in [0, 1, -1, 127, -128, 128, 255, 256, 32767, -32769, 1 << 31, i64::MIN, i64::MAX] {
                let mut bytes = Vec::new();
                if datatype.push_integer(value, &mut bytes) {
                    assert_eq!(datatype.integer(&bytes), Some(value), "{datatype:?}");
                } else {
                    assert!(bytes.is_empty());
                }
            }
            assert_eq!(Datatype::of_name(datatype.name()), Some(datatype));
        }
        assert!(!Datatype::Uint8.push_integer(256, &mut Vec::new()));
        assert!(!Datatype::Int8.push_integer(128, &mut Vec::new()));
    }
}
