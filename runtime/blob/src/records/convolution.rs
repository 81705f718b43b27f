//! Convolutions, and what they share with other layers that have weights.

use crate::field::record;

record! {
    /// Shapes of a windowed operator on `batch` images.
    Window {
        /// Height, width, channels.
        input: [u16; 3],
        /// Height, width, channels.
        output: [u16; 3],
        /// Height, width.
        kernel: [u8; 2],
        /// Along height, width.
        stride: [u8; 2],
        /// Along height, width.
        dilation: [u8; 2],
        /// Above, to the left.
        pad: [u8; 2],
        /// Images.
        batch: u16,
        /// Channel groups of a convolution, depth multiplier of a depthwise one, 1 for pools.
        groups: u16,
    }
}

record! {
    /// How an int8 layer's accumulators become outputs.
    LayerQuant {
        /// The smallest shift of the layer's factors.
        shift_base: i8,
        /// What positions outside the image read as.
        padding_value: i8,
        /// Output zero point.
        zero_point: i8,
        /// Lower clamp.
        min: i8,
        /// Upper clamp.
        max: i8,
        /// [`crate::constants`] flags.
        flags: u8,
        /// What short biases are shifted to the left by.
        bias_shift: u16,
    }
}

record! {
    /// How the sums of a layer on int16 activations become outputs.
    LayerQuantI16 {
        /// The smallest shift of the layer's factors.
        shift_base: i8,
        /// [`crate::constants`] flags.
        flags: u8,
        /// Lower clamp.
        min: i16,
        /// Upper clamp.
        max: i16,
        /// Zero.
        reserved: u16,
    }
}

record! {
    /// Conv2D and DepthwiseConv2D, int8.
    Conv2dI8 {
        /// Weights.
        constants: u32,
        /// Shapes.
        window: Window,
        /// Requantization.
        quant: LayerQuant,
    }
}

record! {
    /// Conv2D of weights with zero points, `i8[O]` before the weights; a bias that does not contain the input's.
    AsymmetricConv2dI8 {
        /// Weights.
        constants: u32,
        /// Shapes.
        window: Window,
        /// Requantization; `padding_value` is the input's zero point.
        quant: LayerQuant,
    }
}

record! {
    /// Conv2D and DepthwiseConv2D, float.
    Conv2dF32 {
        /// Weights.
        constants: u32,
        /// Shapes.
        window: Window,
        /// Lower clamp.
        min: f32,
        /// Upper clamp.
        max: f32,
    }
}

record! {
    /// Conv2D and DepthwiseConv2D of int16 activations with int8 weights.
    Conv2dI16 {
        /// Weights.
        constants: u32,
        /// Shapes.
        window: Window,
        /// Requantization.
        quant: LayerQuantI16,
    }
}

record! {
    /// TransposeConv2D, int8; weights in the order of phases, and a bias that does not contain the zero point.
    TransposeConvI8 {
        /// Weights.
        constants: u32,
        /// Shapes; `kernel` and `stride` are those of the windows that input pixels add, `dilation` is 1.
        window: Window,
        /// Requantization; `padding_value` is the input's zero point.
        quant: LayerQuant,
    }
}

record! {
    /// TransposeConv2D, float; weights in the order of phases.
    TransposeConvF32 {
        /// Weights.
        constants: u32,
        /// Shapes; `kernel` and `stride` are those of the windows that input pixels add, `dilation` is 1.
        window: Window,
        /// Lower clamp.
        min: f32,
        /// Upper clamp.
        max: f32,
    }
}

record! {
    /// TransposeConv2D of int16 activations with int8 weights in the order of phases.
    TransposeConvI16 {
        /// Weights.
        constants: u32,
        /// Shapes; `kernel` and `stride` are those of the windows that input pixels add, `dilation` is 1.
        window: Window,
        /// Requantization.
        quant: LayerQuantI16,
    }
}

record! {
    /// Conv2D of float activations with integer weights; depthwise convolutions and dense layers are written as one.
    HybridConv2d {
        /// Weights.
        constants: u32,
        /// Shapes; a depthwise convolution has a group for each channel of its input.
        window: Window,
        /// Lower clamp.
        min: f32,
        /// Upper clamp.
        max: f32,
        /// [`crate::constants`] flags.
        flags: u8,
        /// Zero.
        reserved: [u8; 3],
    }
}
