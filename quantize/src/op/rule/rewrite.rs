//! What simplification and fusion ask about an operator.

use crate::op::common::attributes::{Activation, Padding, Window};

/// Whether an operator can trade places with a reshape of its first operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReshapeRule {
    /// It cannot.
    Stays,
    /// It works element by element on one operand and does not see shapes.
    Passes,
    /// It can when the reshape keeps the last axis, with which its parameters go.
    PassesKeepingChannels,
    /// Likewise, and its second operand has as many axes as the first.
    PassesBroadcasting,
}

/// A function that is affine in each channel of the first operand, when the other operands are constants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ChannelAffine {
    /// Times the second operand, then the activation.
    Scale(Activation),
    /// Plus the second operand, then the activation.
    Shift(Activation),
    /// Batch normalization, with what is added to the variance.
    Normalize(f32),
}

/// Elements of one value around an operand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Border<'a> {
    /// How many before each axis.
    pub(crate) before: &'a [usize],
    /// How many behind each axis.
    pub(crate) after: &'a [usize],
    /// Their real value.
    pub(crate) value: f32,
}

/// What an operator could do itself with zeros around its operand.
#[derive(Debug)]
pub(crate) enum ZerosRule<'a> {
    /// Nothing: they stay.
    Stay,
    /// Its window pads with zeros that count as any element: a sum.
    Count(&'a mut Padding),
    /// Its window ignores its own padding, which is the same where no element is below zero, unless a window lies in
    /// the padding altogether: a maximum.
    Ignore(&'a mut Window),
}
