//! How an operator with weights reads them.

use crate::op::common::attributes::{Activation, Padding, Slide, Spread};

/// An operator on `x, w, [b]`, where `w` and `b` are parameters and an output channel is a sum of products.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Layer {
    /// Which weight multiplies which channel.
    pub(crate) order: WeightOrder,
    /// How the weights meet the plane.
    pub(crate) kernel: Kernel,
    /// Fused activation.
    pub(crate) activation: Activation,
}

/// How a layer's weights meet the plane of `x [N, H, W, C]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kernel {
    /// No plane: a dense layer on rows.
    None,
    /// A kernel slides over the image.
    Slides(Slide),
    /// Every pixel of the image adds a kernel to the result.
    Spreads(Spread),
}

/// Which weight multiplies which channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum WeightOrder {
    /// `[O, taps .., I / groups]`; an output reads the input channels of its group.
    Dense {
        /// Number of groups; 1 for a dense layer.
        groups: usize,
    },
    /// `[1, taps .., O]`; output `o` reads input `o / multiplier`.
    Depthwise {
        /// Outputs for each input channel.
        multiplier: usize,
    },
}

impl Kernel {
    /// True when some results may see fewer taps than others.
    pub(crate) fn is_clipped(self) -> bool {
        match self {
            Kernel::None => false,
            Kernel::Slides(slide) => slide.padding != Padding::default(),
            Kernel::Spreads(_) => true,
        }
    }
}

impl WeightOrder {
    /// The axis of the output channels in weights of so many axes.
    pub(crate) fn output_axis(self, rank: usize) -> usize {
        match self {
            WeightOrder::Dense { .. } => 0,
            WeightOrder::Depthwise { .. } => rank.saturating_sub(1),
        }
    }

    /// The number of output channels of weights of `shape`.
    pub(crate) fn outputs(self, shape: &[usize]) -> usize {
        shape[self.output_axis(shape.len())]
    }

    /// Weights that go into one output channel.
    pub(crate) fn weights_per_output(self, shape: &[usize]) -> usize {
        let axis = self.output_axis(shape.len());
        shape[..axis].iter().chain(&shape[axis + 1..]).product()
    }

    /// The output channel of weight `flat`.
    pub(crate) fn output_of(self, shape: &[usize], flat: usize) -> usize {
        match self {
            WeightOrder::Dense { .. } => flat / self.weights_per_output(shape),
            WeightOrder::Depthwise { .. } => flat % self.outputs(shape),
        }
    }

    /// The input channel of weight `flat`.
    pub(crate) fn input_of(self, shape: &[usize], flat: usize) -> usize {
        let output = self.output_of(shape, flat);
        match self {
            WeightOrder::Dense { groups } => {
                let depth = shape.last().copied().unwrap_or(1);
                output / (self.outputs(shape) / groups) * depth + flat % depth
            }
            WeightOrder::Depthwise { multiplier } => output / multiplier,
        }
    }
}
