//! Attributes that several operators have, and how a graph's text shows them.

use core::fmt;

/// Activation fused into an operator's output.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Activation {
    /// The identity.
    #[default]
    None,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `min(max(x, low), high)` with bounds other than those; made by [`Activation::clip`].
    Clip {
        /// The least result, or minus infinity.
        low: f32,
        /// The greatest result, not below `low`, or infinity.
        high: f32,
    },
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

/// How a convolution's kernel moves over the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slide {
    /// Step along height and width.
    pub(crate) stride: [usize; 2],
    /// Distance between taps along height and width.
    pub(crate) dilation: [usize; 2],
    /// Zero (real value) padding.
    pub(crate) padding: Padding,
}

/// How a transposed convolution's kernels lie on its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spread {
    /// Distance between the kernels of neighbouring pixels along height and width.
    pub(crate) stride: [usize; 2],
    /// Rows and columns of the first kernels that lie above and to the left of the result.
    pub(crate) pad: [usize; 2],
}

impl Activation {
    /// `min(max(x, low), high)`; neither is NaN, and the upper bound wins where they cross.
    pub fn clip(low: f32, high: f32) -> Self {
        match (low.min(high), high) {
            (f32::NEG_INFINITY, f32::INFINITY) => Activation::None,
            (0.0, f32::INFINITY) => Activation::Relu,
            (0.0, 6.0) => Activation::Relu6,
            (low, high) => Activation::Clip { low, high },
        }
    }

    /// This activation, and then `next`: bounds again.
    pub(crate) fn then(self, next: Activation) -> Self {
        let ((low, high), (least, greatest)) = (self.bounds(), next.bounds());
        Activation::clip(low.clamp(least, greatest), high.clamp(least, greatest))
    }

    /// Whether what `before` has bounded stays as it is.
    pub(crate) fn changes_nothing_after(self, before: Activation) -> bool {
        let ((low, high), (least, greatest)) = (before.bounds(), self.bounds());
        low >= least && high <= greatest
    }

    /// The activation of `x`.
    pub(crate) fn of(self, x: f32) -> f32 {
        match self {
            Activation::None => x,
            Activation::Relu => x.max(0.0),
            Activation::Relu6 => x.clamp(0.0, 6.0),
            Activation::Clip { low, high } => x.clamp(low, high),
        }
    }

    /// The least and the greatest real that it gives.
    pub(crate) fn bounds(self) -> (f32, f32) {
        match self {
            Activation::None => (f32::NEG_INFINITY, f32::INFINITY),
            Activation::Relu => (0.0, f32::INFINITY),
            Activation::Relu6 => (0.0, 6.0),
            Activation::Clip { low, high } => (low, high),
        }
    }
}

impl Window {
    /// How the window moves.
    pub(crate) fn slide(&self) -> Slide {
        Slide { stride: self.stride, dilation: [1, 1], padding: self.padding }
    }

    /// True when each window is one element of the operand.
    pub(crate) fn is_one_element(&self) -> bool {
        self.size == [1, 1] && self.padding == Padding::default()
    }
}

impl fmt::Display for Slide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Slide { stride, dilation, padding } = self;
        if *stride != [1, 1] {
            write!(f, " stride {stride:?}")?;
        }
        if *dilation != [1, 1] {
            write!(f, " dilation {dilation:?}")?;
        }
        let Padding { top, bottom, left, right } = padding;
        if *padding != Padding::default() {
            write!(f, " padding {top},{bottom},{left},{right}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " {}x{}{}", self.size[0], self.size[1], self.slide())
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Activation::None => Ok(()),
            Activation::Relu => f.write_str(" relu"),
            Activation::Relu6 => f.write_str(" relu6"),
            Activation::Clip { low, high } => write!(f, " clip {low},{high}"),
        }
    }
}
