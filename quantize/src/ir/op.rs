//! The operators of the graph and their attributes.

/// Activation fused into an operator's output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Activation {
    /// The identity.
    #[default]
    None,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
}

/// Rows and columns added around the spatial axes; always explicit, never "same".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Padding {
    /// Rows above.
    pub top: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns before.
    pub left: usize,
    /// Columns after.
    pub right: usize,
}

/// A pooling window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Height and width.
    pub size: [usize; 2],
    /// Step along height and width.
    pub stride: [usize; 2],
    /// Padding; padded positions never count towards an average or a maximum.
    pub padding: Padding,
}

/// What a node computes. Shapes: `N` batch, `H` height, `W` width, `C` channels; `O` output channels.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// `x [N, H, W, I]`, `w [O, KH, KW, I / groups]`, optional `b [O]` -> `[N, H', W', O]`.
    Conv2D {
        /// Step along height and width.
        stride: [usize; 2],
        /// Distance between taps along height and width.
        dilation: [usize; 2],
        /// Zero (real value) padding.
        padding: Padding,
        /// Number of independent channel groups.
        groups: usize,
        /// Fused activation.
        activation: Activation,
    },
    /// `x [N, H, W, C]`, `w [1, KH, KW, C * multiplier]`, optional `b [C * multiplier]`.
    DepthwiseConv2D {
        /// Step along height and width.
        stride: [usize; 2],
        /// Distance between taps along height and width.
        dilation: [usize; 2],
        /// Zero (real value) padding.
        padding: Padding,
        /// Output channels for each input channel.
        multiplier: usize,
        /// Fused activation.
        activation: Activation,
    },
    /// `x [..., K]` (all leading axes are rows), `w [O, K]`, optional `b [O]` -> `[..., O]`.
    FullyConnected {
        /// Fused activation.
        activation: Activation,
    },
    /// Mean over each window of `x [N, H, W, C]`.
    AveragePool2D {
        /// The window.
        window: Window,
        /// Fused activation.
        activation: Activation,
    },
    /// Maximum over each window of `x [N, H, W, C]`.
    MaxPool2D {
        /// The window.
        window: Window,
        /// Fused activation.
        activation: Activation,
    },
    /// `a + b`, with broadcasting of axes of extent 1.
    Add {
        /// Fused activation.
        activation: Activation,
    },
    /// `a * b`, with broadcasting of axes of extent 1.
    Mul {
        /// Fused activation.
        activation: Activation,
    },
    /// `exp(beta * x) / sum(exp(beta * x))` over the last axis.
    Softmax {
        /// Factor on the logits; 1 for ONNX.
        beta: f32,
    },
    /// The same elements in row-major order under the output's shape.
    Reshape,
    /// Real zeros (or `value`) around `x`: `before` and `after` have one entry for each axis.
    Pad {
        /// Elements added before each axis.
        before: Vec<usize>,
        /// Elements added after each axis.
        after: Vec<usize>,
        /// The real value of the added elements.
        value: f32,
    },
    /// All inputs, one after the other along `axis`.
    Concat {
        /// The axis.
        axis: usize,
    },
    /// Mean over `axes`.
    Mean {
        /// Axes that are averaged away, ascending.
        axes: Vec<usize>,
        /// Whether they stay, with extent 1.
        keep_dims: bool,
    },
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `1 / (1 + exp(-x))`.
    Logistic,
    /// Hyperbolic tangent.
    Tanh,
    /// Real or int8 `x` -> int8 under the output's quantization.
    Quantize,
    /// int8 `x` -> real.
    Dequantize,
    /// `y = (x - mean) / sqrt(variance + epsilon) * scale + shift` along the last axis, operands
    /// `x, scale, shift, mean, variance`. Folded away before lowering.
    BatchNorm {
        /// Added to the variance.
        epsilon: f32,
    },
    /// Axis `i` of the output is axis `permutation[i]` of the input.
    Transpose {
        /// The permutation.
        permutation: Vec<usize>,
    },
}

impl Op {
    /// The operator's name in messages and reports.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Conv2D { .. } => "Conv2D",
            Op::DepthwiseConv2D { .. } => "DepthwiseConv2D",
            Op::FullyConnected { .. } => "FullyConnected",
            Op::AveragePool2D { .. } => "AveragePool2D",
            Op::MaxPool2D { .. } => "MaxPool2D",
            Op::Add { .. } => "Add",
            Op::Mul { .. } => "Mul",
            Op::Softmax { .. } => "Softmax",
            Op::Reshape => "Reshape",
            Op::Pad { .. } => "Pad",
            Op::Concat { .. } => "Concat",
            Op::Mean { .. } => "Mean",
            Op::Relu => "Relu",
            Op::Relu6 => "Relu6",
            Op::Logistic => "Logistic",
            Op::Tanh => "Tanh",
            Op::Quantize => "Quantize",
            Op::Dequantize => "Dequantize",
            Op::BatchNorm { .. } => "BatchNorm",
            Op::Transpose { .. } => "Transpose",
        }
    }

    /// The activation fused into the operator, when it is one that can carry an activation.
    pub fn activation_mut(&mut self) -> Option<&mut Activation> {
        match self {
            Op::Conv2D { activation, .. }
            | Op::DepthwiseConv2D { activation, .. }
            | Op::FullyConnected { activation }
            | Op::AveragePool2D { activation, .. }
            | Op::MaxPool2D { activation, .. }
            | Op::Add { activation }
            | Op::Mul { activation } => Some(activation),
            _ => None,
        }
    }
}
