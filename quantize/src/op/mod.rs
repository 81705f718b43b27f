//! Operators: one file each, and the list of them.
//!
//! A file holds everything the compiler knows of its operator: attributes, shapes, types, meaning, what passes may
//! do to it, which records compute it. Passes do not know operators; they ask. The one place that names them all is the
//! list below.
//!
//! ```text
//! value, record  <-  op/common, op/rule, op/lowering  <-  op/<operator>  <-  op  <-  ir (graphs)  <-  passes, lower
//! ```

pub(crate) mod common;
pub(crate) mod lowering;
mod operator;
pub(crate) mod rule;

pub use along::Function as LineFunction;
pub use coded_trees::{CodedForest, CodedLeaves, FeatureCode};
pub use combine::Function;
pub(crate) use combine::{integer, real};
pub use common::attributes::{Activation, Padding, Window};
pub use common::elementwise::broadcast;
pub use common::fixed;
pub use kinglet_blob::MapFunction;
pub use lowering::recurrent_i8::{Codes as RecurrentCodes, Matrix as RecurrentMatrix};
pub(crate) use lowering::recurrent_i8::{argument_factor, factors};
pub(crate) use operator::Operator;
pub use recurrent::{Cell, Function as GateFunction, Weights};
pub use reduce::Kind as Reduction;
pub use scatter::Update;
pub use slice::Cut;
pub use trees::{Ensemble, Leaves};

/// Declares the operators: for each its file and its struct of attributes.
macro_rules! operators {
    ($($(#[$about:meta])* $file:ident::$name:ident,)*) => {
        $(
            mod $file;
            pub use $file::$name;
        )*

        /// What a node computes. Shapes: `N` batch, `H` height, `W` width, `C` channels; `O` output channels.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Op {
            $(
                $(#[$about])*
                $name($name),
            )*
        }

        impl Op {
            /// The operator's answers.
            pub(crate) fn operator(&self) -> &dyn Operator {
                match self { $(Op::$name(operator) => operator,)* }
            }

            /// The operator to be changed.
            pub(crate) fn operator_mut(&mut self) -> &mut dyn Operator {
                match self { $(Op::$name(operator) => operator,)* }
            }
        }

        $(
            impl From<$name> for Op {
                fn from(operator: $name) -> Self {
                    Op::$name(operator)
                }
            }
        )*
    };
}

operators! {
    /// `x [N, H, W, I]`, `w [O, KH, KW, I / groups]`, optional `b [O]` -> `[N, H', W', O]`.
    conv2d::Conv2D,
    /// `x [N, H, W, C]`, `w [1, KH, KW, C * multiplier]`, optional `b [C * multiplier]`.
    depthwise_conv2d::DepthwiseConv2D,
    /// `x [..., K]` (all leading axes are rows), `w [O, K]`, optional `b [O]` -> `[..., O]`.
    fully_connected::FullyConnected,
    /// Each pixel of `x [N, H, W, I]` adds a kernel of `w [O, KH, KW, I / groups]`; optional `b [O]`.
    transpose_conv2d::TransposeConv2D,
    /// Mean over each window of `x [N, H, W, C]`.
    average_pool2d::AveragePool2D,
    /// Maximum over each window of `x [N, H, W, C]`.
    max_pool2d::MaxPool2D,
    /// `a + b`, with broadcasting of axes of extent 1.
    add::Add,
    /// `a * b`, with broadcasting of axes of extent 1.
    mul::Mul,
    /// `exp(beta * x) / sum(exp(beta * x))` over the last axis.
    softmax::Softmax,
    /// The same elements in row-major order under the output's shape.
    reshape::Reshape,
    /// Real zeros (or `value`) around `x`: `before` and `after` have one entry for each axis.
    pad::Pad,
    /// All inputs, one after the other along `axis`.
    concat::Concat,
    /// Mean over `axes`.
    mean::Mean,
    /// Sum, extreme or product over `axes`.
    reduce::Reduce,
    /// A function of all elements along `axes` whose result has the operand's shape.
    along::Along,
    /// `a [..., M, K]` times `b [..., K, N]` -> `[..., M, N]`, with broadcasting of the leading axes; either may be stored
    /// transposed.
    mat_mul::MatMul,
    /// `max(x, 0)`.
    relu::Relu,
    /// `min(max(x, 0), 6)`.
    relu6::Relu6,
    /// `min(max(x, low), high)`.
    clip::Clip,
    /// A function of each element, one of a list.
    map::Map,
    /// `1 / (1 + exp(-x))`.
    logistic::Logistic,
    /// Hyperbolic tangent.
    tanh::Tanh,
    /// int8 `x` -> the code that a table of 256 has for it.
    table::Table,
    /// Real or int8 `x` -> int8 under the output's quantization.
    quantize::Quantize,
    /// int8 `x` -> real.
    dequantize::Dequantize,
    /// `y = (x - mean) / sqrt(variance + epsilon) * scale + shift` along the last axis, operands
    /// `x, scale, shift, mean, variance`. Folded away before lowering.
    batch_norm::BatchNorm,
    /// Axis `i` of the output is axis `permutation[i]` of the input.
    transpose::Transpose,
    /// Parts of `x`, one after the other along `axis`: as many results as `sizes`.
    split::Split,
    /// Some indices of each axis of `x`.
    slice::Slice,
    /// A function of `a` and `b`, with broadcasting of axes of extent 1.
    combine::Combine,
    /// `a` where `condition` is true, else `b`; operands `condition, a, b`.
    select::Select,
    /// The same numbers in another type.
    cast::Cast,
    /// Indices of some axes of `x`, in any order and as often as they are named.
    take::Take,
    /// Rows of `x` that `indices` name.
    gather::Gather,
    /// `x` with other rows where `indices` say; operands `x, indices, rows`.
    scatter::Scatter,
    /// Where the greatest or the least elements of an axis are.
    rank::Rank,
    /// Boxes `[N, count, 4]` and scores `[N, classes, count]` -> batch, class and number of those that do not overlap.
    suppress::Suppress,
    /// Boxes relative to anchors, and scores -> corners, classes and scores of those that do not overlap.
    detect::Detect,
    /// Weighted sums of the indices of an axis of `x`.
    resample::Resample,
    /// `x [N, H, W, C]` -> `[N, H', W', C]`, between the four nearest pixels.
    resize_bilinear::ResizeBilinear,
    /// A layer that goes over the steps of sequences and keeps a state for each.
    recurrent::Recurrent,
    /// What the leaves of trees say about each row of features.
    trees::Trees,
    /// The same on integer codes, of which each feature has its own.
    coded_trees::CodedTrees,
}

impl Op {
    /// The operator's name in messages and reports.
    pub fn name(&self) -> &'static str {
        self.operator().name()
    }
}
