//! Element types, and the elements of a constant: the one list of types on the host's side.

use core::ops::RangeInclusive;
use std::borrow::Cow;

use super::Quantization;

/// Declares the types from the list: name, Rust's type, access to elements of it, name in dumps, the type that a blob's
/// records name, and the zero points that a quantization may have.
macro_rules! elements {
    ($($(#[$doc:meta])* $name:ident($element:ty), $access:ident, $text:literal, blob $blob:ident, zero points $zeros:expr;)*) => {
        /// Element type of a value.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum DType { $($(#[$doc])* $name,)* }

        /// The elements of a constant, row-major.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Elements { $(#[doc = concat!("For [`DType::", stringify!($name), "`].")] $name(Vec<$element>),)* }

        impl DType {
            /// Bytes of one element.
            pub fn size_bytes(self) -> usize {
                match self { $(DType::$name => size_of::<$element>(),)* }
            }

            /// The name in dumps and errors.
            pub fn name(self) -> &'static str {
                match self { $(DType::$name => $text,)* }
            }

            /// Zero points that a quantization of this type may have.
            pub fn zero_points(self) -> RangeInclusive<i32> {
                match self { $(DType::$name => $zeros,)* }
            }
        }

        impl From<DType> for kinglet_blob::DType {
            /// The type that a blob's records name.
            fn from(dtype: DType) -> Self {
                match dtype { $(DType::$name => kinglet_blob::DType::$blob,)* }
            }
        }

        impl Elements {
            $(
                pub(crate) fn $access(&self) -> Option<&[$element]> {
                    match self {
                        Elements::$name(elements) => Some(elements),
                        _ => None,
                    }
                }
            )*

            /// Number of elements.
            pub fn len(&self) -> usize {
                match self { $(Elements::$name(elements) => elements.len(),)* }
            }

            /// The element type.
            pub fn dtype(&self) -> DType {
                match self { $(Elements::$name(_) => DType::$name,)* }
            }

            /// `len` times what stands for zero: the zero point, for codes that have one, which must be of the type.
            pub fn zeros(dtype: DType, quantization: Option<&Quantization>, len: usize) -> Self {
                let zero = quantization.map_or(0, Quantization::zero_point);
                match dtype { $(DType::$name => Elements::$name(vec![zero as $element; len]),)* }
            }

            /// Their little-endian bytes.
            pub fn bytes(&self) -> Vec<u8> {
                match self {
                    $(Elements::$name(elements) => elements.iter().flat_map(|element| element.to_le_bytes()).collect(),)*
                }
            }

            /// What `bytes` holds; bytes of a last, incomplete element are left out.
            pub fn from_bytes(dtype: DType, bytes: &[u8]) -> Self {
                match dtype {
                    $(DType::$name => {
                        Elements::$name(bytes.as_chunks().0.iter().map(|raw| <$element>::from_le_bytes(*raw)).collect())
                    })*
                }
            }

            /// Elements of several constants of one type, each by the number of its constant and its place there; `None`
            /// when they have different types.
            pub(crate) fn gather(
                from: &[&Elements],
                places: impl IntoIterator<Item = (usize, usize)>,
            ) -> Option<Elements> {
                match from.first()? {
                    $(Elements::$name(_) => {
                        let all: Vec<&[$element]> = from.iter().map(|elements| elements.$access()).collect::<Option<_>>()?;
                        Some(Elements::$name(places.into_iter().map(|(constant, place)| all[constant][place]).collect()))
                    })*
                }
            }
        }
    };
}

elements! {
    /// 32-bit IEEE float.
    F32(f32), f32s, "f32", blob F32, zero points 0..=0;
    /// Signed 8-bit integer, quantized.
    I8(i8), i8s, "i8", blob I8, zero points -128..=127;
    /// Unsigned 8-bit integer, quantized: at the ends of a model and where it converts from and to them.
    U8(u8), u8s, "u8", blob U8, zero points 0..=255;
    /// Signed 16-bit integer, quantized with zero point 0.
    I16(i16), i16s, "i16", blob I16, zero points 0..=0;
    /// Signed 32-bit integer: biases and indices.
    I32(i32), i32s, "i32", blob I32, zero points 0..=0;
    /// Signed 64-bit integer: biases of layers on int16, and shape arithmetic. Folded away before any record is written.
    I64(i64), i64s, "i64", blob I32, zero points 0..=0;
    /// A truth value, 0 or 1.
    Bool(u8), bools, "bool", blob Bool, zero points 0..=0;
}

/// A float holds every integer of this magnitude and below.
const EXACT: u32 = 1 << 24;

impl Elements {
    /// As reals, when these are exact and there is no scale that they depend on: floats, integers up to 2^24, truth
    /// values.
    pub(crate) fn to_reals(&self) -> Option<Cow<'_, [f32]>> {
        match self {
            Elements::F32(floats) => Some(Cow::Borrowed(floats)),
            Elements::I32(integers) if integers.iter().all(|integer| integer.unsigned_abs() <= EXACT) => {
                Some(integers.iter().map(|&integer| integer as f32).collect())
            }
            Elements::Bool(truths) => Some(truths.iter().map(|&truth| f32::from(truth)).collect()),
            _ => None,
        }
    }

    /// What reals are in a type without scale, when they are exact in it.
    pub(crate) fn from_reals(dtype: DType, reals: Vec<f32>) -> Option<Elements> {
        match dtype {
            DType::F32 => Some(Elements::F32(reals)),
            DType::I32 if reals.iter().all(|real| real.abs() < EXACT as f32) => {
                Some(Elements::I32(reals.into_iter().map(|real| real as i32).collect()))
            }
            DType::Bool => Some(Elements::Bool(reals.into_iter().map(|real| u8::from(real != 0.0)).collect())),
            _ => None,
        }
    }
}

impl Elements {
    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_come_back_from_their_bytes() {
        let constants = [Elements::I16(vec![1, -2]), Elements::F32(vec![0.5, -1.0]), Elements::I64(vec![1 << 40])];
        for constant in constants {
            assert_eq!(Elements::from_bytes(constant.dtype(), &constant.bytes()), constant);
            assert_eq!(constant.bytes().len(), constant.len() * constant.dtype().size_bytes());
        }
    }

    #[test]
    fn elements_are_gathered_from_constants_of_one_type() {
        let (a, b) = (Elements::U8(vec![1, 2]), Elements::U8(vec![3]));
        assert_eq!(Elements::gather(&[&a, &b], [(1, 0), (0, 1)]), Some(Elements::U8(vec![3, 2])));
        assert_eq!(Elements::gather(&[&a, &Elements::I8(vec![1])], [(0, 0)]), None);
    }
}
