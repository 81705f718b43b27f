//! What kernels are for: operators and types of activations.

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
