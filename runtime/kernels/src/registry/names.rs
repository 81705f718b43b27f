//! What kernels are for: operators, types of activations, instruction sets.

/// Type of activations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Element {
    I8,
    I16,
    F32,
    /// Every type, by copying.
    Any,
}

impl Element {
    /// True when a kernel for `self` serves `other`.
    pub(super) fn serves(self, other: Element) -> bool {
        self == Element::Any || self == other
    }
}

/// Instruction set a kernel is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// Plain Rust, for every target.
    Portable,
    /// Armv7-M: Cortex-M3, and Armv8-M mainline without DSP.
    Armv7m,
    /// Armv6-M: Cortex-M0 and M0+.
    Armv6m,
    /// Armv7E-M: Cortex-M4 and M7.
    Armv7em,
    /// Armv8.1-M with the vector extension: Cortex-M52, M55 and M85.
    Helium,
}

impl Isa {
    /// Every instruction set, in the order of the README's table.
    pub const ALL: [Isa; 5] = [Isa::Portable, Isa::Armv6m, Isa::Armv7m, Isa::Armv7em, Isa::Helium];

    /// What `cfg(kinglet_isa)` calls it.
    pub(crate) const fn of(name: &str) -> Isa {
        match name.as_bytes() {
            b"armv6m" => Isa::Armv6m,
            b"armv7m" => Isa::Armv7m,
            b"armv7em" => Isa::Armv7em,
            b"helium" => Isa::Helium,
            // A name that is misspelled here is none of `cfg(kinglet_isa)` either, which the compiler says.
            _ => Isa::Portable,
        }
    }
}

/// What a model's author calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Operator {
    Conv2D,
    DepthwiseConv2D,
    TransposeConv2D,
    FullyConnected,
    AveragePool2D,
    MaxPool2D,
    Add,
    Mul,
    Softmax,
    Mean,
    Pad,
    Concat,
    Reshape,
    Relu,
    Relu6,
    Logistic,
    Tanh,
    Quantize,
    Dequantize,
}

impl Operator {
    /// Every operator, in the order of the README's table.
    pub const ALL: [Operator; 19] = [
        Operator::Conv2D,
        Operator::DepthwiseConv2D,
        Operator::TransposeConv2D,
        Operator::FullyConnected,
        Operator::AveragePool2D,
        Operator::MaxPool2D,
        Operator::Add,
        Operator::Mul,
        Operator::Softmax,
        Operator::Mean,
        Operator::Pad,
        Operator::Concat,
        Operator::Reshape,
        Operator::Relu,
        Operator::Relu6,
        Operator::Logistic,
        Operator::Tanh,
        Operator::Quantize,
        Operator::Dequantize,
    ];
}
