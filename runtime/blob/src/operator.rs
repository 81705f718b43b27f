//! OPERATORS: a sequence of records of different lengths.
//!
//! Each starts with four bytes: opcode, length in 32-bit words (these four bytes included), kernel tag
//! (the packing of its weights, 0 where there are none), and a zero.

/// What an operator record computes. The name ends in the element type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum OpCode {
    /// [`crate::records::Conv2dI8`]
    Conv2dI8 = 1,
    /// [`crate::records::Conv2dF32`]
    Conv2dF32 = 2,
    /// [`crate::records::Conv2dI8`]; `groups` holds the depth multiplier.
    DepthwiseI8 = 3,
    /// [`crate::records::Conv2dF32`]; `groups` holds the depth multiplier.
    DepthwiseF32 = 4,
    /// [`crate::records::FullyConnectedI8`]
    FullyConnectedI8 = 5,
    /// [`crate::records::FullyConnectedF32`]
    FullyConnectedF32 = 6,
    /// [`crate::records::PoolI8`]
    AveragePoolI8 = 7,
    /// [`crate::records::PoolF32`]
    AveragePoolF32 = 8,
    /// [`crate::records::PoolI8`]
    MaxPoolI8 = 9,
    /// [`crate::records::PoolF32`]
    MaxPoolF32 = 10,
    /// [`crate::records::BinaryI8`]
    AddI8 = 11,
    /// [`crate::records::BinaryF32`]
    AddF32 = 12,
    /// [`crate::records::BinaryI8`]
    MulI8 = 13,
    /// [`crate::records::BinaryF32`]
    MulF32 = 14,
    /// [`crate::records::SoftmaxI8`]
    SoftmaxI8 = 15,
    /// [`crate::records::SoftmaxF32`]
    SoftmaxF32 = 16,
    /// [`crate::records::Pad`], `value` is an `i8`.
    PadI8 = 17,
    /// [`crate::records::Pad`], `value` is the bits of an `f32`.
    PadF32 = 18,
    /// [`crate::records::Copy`]: Concat, and Reshape between different places.
    Copy = 19,
    /// [`crate::records::MeanI8`]
    MeanI8 = 20,
    /// [`crate::records::MeanF32`]
    MeanF32 = 21,
    /// [`crate::records::LookupI8`]: ReLU, ReLU6, Logistic, Tanh, Quantize from int8.
    LookupI8 = 22,
    /// [`crate::records::UnaryF32`]: ReLU, ReLU6.
    ClampF32 = 23,
    /// [`crate::records::UnaryF32`]
    LogisticF32 = 24,
    /// [`crate::records::UnaryF32`]
    TanhF32 = 25,
    /// [`crate::records::Convert`]
    Quantize = 26,
    /// [`crate::records::Convert`]
    Dequantize = 27,
}

impl OpCode {
    /// Every opcode with its name in reports and cargo features.
    pub const ALL: [(OpCode, &'static str); 27] = [
        (OpCode::Conv2dI8, "conv2d-i8"),
        (OpCode::Conv2dF32, "conv2d-f32"),
        (OpCode::DepthwiseI8, "depthwise-i8"),
        (OpCode::DepthwiseF32, "depthwise-f32"),
        (OpCode::FullyConnectedI8, "fully-connected-i8"),
        (OpCode::FullyConnectedF32, "fully-connected-f32"),
        (OpCode::AveragePoolI8, "average-pool-i8"),
        (OpCode::AveragePoolF32, "average-pool-f32"),
        (OpCode::MaxPoolI8, "max-pool-i8"),
        (OpCode::MaxPoolF32, "max-pool-f32"),
        (OpCode::AddI8, "add-i8"),
        (OpCode::AddF32, "add-f32"),
        (OpCode::MulI8, "mul-i8"),
        (OpCode::MulF32, "mul-f32"),
        (OpCode::SoftmaxI8, "softmax-i8"),
        (OpCode::SoftmaxF32, "softmax-f32"),
        (OpCode::PadI8, "pad-i8"),
        (OpCode::PadF32, "pad-f32"),
        (OpCode::Copy, "copy"),
        (OpCode::MeanI8, "mean-i8"),
        (OpCode::MeanF32, "mean-f32"),
        (OpCode::LookupI8, "lookup-i8"),
        (OpCode::ClampF32, "clamp-f32"),
        (OpCode::LogisticF32, "logistic-f32"),
        (OpCode::TanhF32, "tanh-f32"),
        (OpCode::Quantize, "quantize"),
        (OpCode::Dequantize, "dequantize"),
    ];

    /// The opcode with tag `tag`.
    #[inline]
    pub fn from_tag(tag: u8) -> Option<Self> {
        let (opcode, _) = Self::ALL.get(usize::from(tag).checked_sub(1)?)?;
        Some(*opcode)
    }

    /// The name in reports and cargo features.
    pub fn name(self) -> &'static str {
        Self::ALL.get((self as usize).wrapping_sub(1)).map_or("", |(_, name)| name)
    }
}

impl OpCode {
    /// True when the head's kernel tag says how weights are packed.
    pub fn is_packed(self) -> bool {
        matches!(self, OpCode::Conv2dI8 | OpCode::DepthwiseI8 | OpCode::FullyConnectedI8)
    }
}

/// The engine's cargo feature without which no kernels for row-major int8 weights are linked.
pub const ROW_MAJOR_FEATURE: &str = "row-major";

impl OperatorBytes<'_> {
    /// The engine's cargo features that run this operator; nothing for an unknown opcode.
    pub fn features(&self) -> impl Iterator<Item = &'static str> + use<> {
        let opcode = OpCode::from_tag(self.opcode);
        let row_major = opcode.filter(|opcode| opcode.is_packed() && self.kernel == 0).map(|_| ROW_MAJOR_FEATURE);
        opcode.map(OpCode::name).into_iter().chain(row_major)
    }
}

/// One operator record.
#[derive(Clone, Copy, Debug)]
pub struct OperatorBytes<'b> {
    /// The opcode's tag, not yet known to be an [`OpCode`].
    pub opcode: u8,
    /// Which packing the weights have; meaning depends on the operator.
    pub kernel: u8,
    /// The head's last byte, zero in a sound record.
    pub reserved: u8,
    /// Offset of the record in OPERATORS.
    pub offset: usize,
    /// What follows the four bytes of the head.
    pub body: &'b [u8],
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
        let &[opcode, words, kernel, reserved] = rest.first_chunk::<4>()?;
        let length = usize::from(words).checked_mul(4)?;
        let body = rest.get(4..length)?;
        let offset = self.offset;
        self.offset = offset.checked_add(length)?;
        Some(OperatorBytes { opcode, kernel, reserved, offset, body })
    }
}
