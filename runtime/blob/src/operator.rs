//! OPERATORS: a sequence of records of different lengths.
//!
//! Each starts with four bytes: opcode, length in 32-bit words (these four bytes included), packing and storage of its
//! weights (0 where there are none). Its operands follow, see [`crate::operand`], then its parameters.

use crate::{DType, OperandList};

/// Declares the operators: tag, name, and for each element type of the first operand the cargo feature that links it.
///
/// This is the one list of operators on the device's side: a reader knows an operator for exactly these types.
macro_rules! operators {
    ($($(#[$doc:meta])* $name:ident = $tag:literal $text:literal { $($dtype:ident: $feature:literal,)* })*) => {
        /// What an operator record computes. On which element types is said by its operands.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum OpCode { $($(#[$doc])* $name = $tag,)* }

        impl OpCode {
            /// Every operator, in the order of its tag.
            pub const ALL: &'static [OpCode] = &[$(OpCode::$name),*];

            /// Every operator with the element types of its first operand that are known, and the cargo feature of the
            /// engine that links it for that type.
            pub const KNOWN: &'static [(OpCode, DType, &'static str)] =
                &[$($((OpCode::$name, DType::$dtype, $feature),)*)*];

            /// The opcode with tag `tag`.
            #[inline]
            pub const fn from_tag(tag: u8) -> Option<Self> {
                match tag {
                    $($tag => Some(OpCode::$name),)*
                    _ => None,
                }
            }

            /// The operator's name.
            pub const fn name(self) -> &'static str {
                match self { $(OpCode::$name => $text,)* }
            }

            /// True for an operator of the format whose first operand may have this type.
            pub const fn takes(self, dtype: DType) -> bool {
                match (self, dtype) {
                    $($((OpCode::$name, DType::$dtype) => true,)*)*
                    _ => false,
                }
            }
        }
    };
}

operators! {
    /// [`crate::records::Conv2dI8`], [`crate::records::Conv2dF32`], [`crate::records::Conv2dI16`]
    Conv2d = 1 "conv2d" { I8: "conv2d-i8", F32: "conv2d-f32", I16: "conv2d-i16", }
    /// The same records; `groups` holds the depth multiplier.
    Depthwise = 2 "depthwise" { I8: "depthwise-i8", F32: "depthwise-f32", I16: "depthwise-i16", }
    /// [`crate::records::FullyConnectedI8`], [`crate::records::FullyConnectedF32`],
    /// [`crate::records::FullyConnectedI16`]
    FullyConnected = 3 "fully-connected" {
        I8: "fully-connected-i8",
        F32: "fully-connected-f32",
        I16: "fully-connected-i16",
    }
    /// [`crate::records::PoolI8`], [`crate::records::PoolF32`]
    AveragePool = 4 "average-pool" { I8: "average-pool-i8", F32: "average-pool-f32", }
    /// [`crate::records::PoolI8`], [`crate::records::PoolF32`]
    MaxPool = 5 "max-pool" { I8: "max-pool-i8", F32: "max-pool-f32", }
    /// [`crate::records::BinaryI8`], [`crate::records::BinaryF32`], [`crate::records::BinaryI16`]
    Add = 6 "add" { I8: "add-i8", F32: "add-f32", I16: "add-i16", }
    /// [`crate::records::BinaryI8`], [`crate::records::BinaryF32`]
    Mul = 7 "mul" { I8: "mul-i8", F32: "mul-f32", }
    /// [`crate::records::SoftmaxI8`], [`crate::records::SoftmaxF32`]
    Softmax = 8 "softmax" { I8: "softmax-i8", F32: "softmax-f32", }
    /// [`crate::records::Pad`]: `value` is an `i8`, or the bits of an `f32`.
    Pad = 9 "pad" { I8: "pad-i8", F32: "pad-f32", }
    /// [`crate::records::Copy`]: Concat, Split, and Reshape between different places.
    Copy = 10 "copy" { I8: "copy", F32: "copy", I16: "copy", I32: "copy", U8: "copy", Bool: "copy", }
    /// [`crate::records::MeanI8`], [`crate::records::MeanF32`]
    Mean = 11 "mean" { I8: "mean-i8", F32: "mean-f32", }
    /// [`crate::records::Lookup`]: every function of one element of eight bits.
    Lookup = 12 "lookup" { I8: "lookup-i8", U8: "lookup-i8", }
    /// [`crate::records::UnaryF32`]: ReLU, ReLU6.
    Clamp = 13 "clamp" { F32: "clamp-f32", }
    /// [`crate::records::UnaryF32`]
    Logistic = 14 "logistic" { F32: "logistic-f32", }
    /// [`crate::records::UnaryF32`]
    Tanh = 15 "tanh" { F32: "tanh-f32", }
    /// [`crate::records::Convert`]
    Quantize = 16 "quantize" { F32: "quantize", }
    /// [`crate::records::Convert`]
    Dequantize = 17 "dequantize" { I8: "dequantize", }
    /// [`crate::records::TransposeConvI8`], [`crate::records::TransposeConvF32`]
    TransposeConv = 18 "transpose-conv" { I8: "transpose-conv-i8", F32: "transpose-conv-f32", }
}

impl OpCode {
    /// True when the head says how weights are packed and stored.
    pub const fn is_packed(self, dtype: DType) -> bool {
        matches!((self, dtype), (OpCode::Conv2d | OpCode::Depthwise | OpCode::FullyConnected, DType::I8))
    }

    /// True when the weights may be stored in fewer than eight bits.
    pub const fn has_storages(self, dtype: DType) -> bool {
        matches!((self, dtype), (OpCode::Conv2d | OpCode::FullyConnected, DType::I8))
    }

    /// The cargo feature of the engine that links the operator for this type of its first operand.
    pub fn feature(self, dtype: DType) -> Option<&'static str> {
        let row = Self::KNOWN.iter().find(|(opcode, known, _)| (*opcode, *known) == (self, dtype))?;
        Some(row.2)
    }
}

/// The engine's cargo feature without which no kernels for row-major int8 weights are linked.
pub const ROW_MAJOR_FEATURE: &str = "row-major";

/// The engine's cargo feature without which weights of four bits are refused.
pub const INT4_FEATURE: &str = "int4";

/// The storage of weights of four bits, the only one beside that of eight.
const INT4_STORAGE: u8 = 1;

/// The engine's cargo feature without which models that keep tensors from run to run are refused.
pub const STATE_FEATURE: &str = "state";

/// One operator record.
#[derive(Clone, Copy, Debug)]
pub struct OperatorBytes<'b> {
    /// The opcode's tag, not yet known to be an [`OpCode`].
    pub opcode: u8,
    /// In which order the weights stand; meaning depends on the operator.
    pub packing: u8,
    /// In how many bits the weights are stored, and how many of them share a scale.
    pub storage: u8,
    /// Offset of the record in OPERATORS.
    pub offset: usize,
    /// What follows the first four bytes: operands and parameters.
    pub body: &'b [u8],
}

impl<'b> OperatorBytes<'b> {
    /// The type of the first operand, by which an operator's implementation is chosen.
    #[inline]
    pub fn dtype(&self) -> Option<DType> {
        DType::from_tag(self.body.get(2)? & 15)
    }

    /// The operands, and the parameters behind them.
    pub fn split(&self) -> Option<(OperandList<'b>, &'b [u8])> {
        OperandList::split(self.body)
    }

    /// The engine's cargo features that run this operator; nothing for an unknown one.
    pub fn features(&self) -> impl Iterator<Item = &'static str> + use<> {
        let known = OpCode::from_tag(self.opcode).zip(self.dtype());
        let row_major = known.filter(|(opcode, dtype)| opcode.is_packed(*dtype) && self.packing == 0);
        let feature = known.and_then(|(opcode, dtype)| opcode.feature(dtype));
        let int4 = known.filter(|(opcode, dtype)| opcode.has_storages(*dtype) && self.storage == INT4_STORAGE);
        feature.into_iter().chain(row_major.map(|_| ROW_MAJOR_FEATURE)).chain(int4.map(|_| INT4_FEATURE))
    }
}

/// Walks the records of OPERATORS.
#[derive(Clone, Copy, Debug)]
pub struct Operators<'b> {
    bytes: &'b [u8],
    offset: usize,
}

impl<'b> Operators<'b> {
    /// Starts at `offset` of the section.
    #[inline]
    pub fn new(section: &'b [u8], offset: usize) -> Self {
        Operators { bytes: section, offset }
    }

    /// Where the next record starts.
    #[inline]
    pub fn offset(&self) -> usize {
        self.offset
    }
}

impl<'b> Iterator for Operators<'b> {
    type Item = OperatorBytes<'b>;

    /// The next record; `None` at the end and at a record whose length cannot be.
    #[inline]
    fn next(&mut self) -> Option<OperatorBytes<'b>> {
        let rest = self.bytes.get(self.offset..)?;
        let &[opcode, words, packing, storage] = rest.first_chunk::<4>()?;
        let length = usize::from(words).checked_mul(4)?;
        let body = rest.get(4..length)?;
        let offset = self.offset;
        self.offset = offset.checked_add(length)?;
        Some(OperatorBytes { opcode, packing, storage, offset, body })
    }
}
