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

/// Declares [`Operator`].
macro_rules! operators {
    ($($name:ident,)*) => {
        /// What a model's author calls it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub enum Operator {
            $($name,)*
        }

        impl Operator {
            /// Every operator, in the order of the pages' tables.
            pub const ALL: &'static [Operator] = &[$(Operator::$name,)*];
        }
    };
}

operators! {
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
    ReduceMax,
    Reduce,
    MatMul,
    Along,
    Pad,
    Concat,
    Reshape,
    Transpose,
    Take,
    Resample,
    ResizeBilinear,
    Relu,
    Relu6,
    Logistic,
    Tanh,
    Map,
    Quantize,
    Dequantize,
    Combine,
    Select,
    Cast,
    Gather,
    Scatter,
    Rank,
    Suppress,
    Detect,
    Recurrent,
    Trees,
}
