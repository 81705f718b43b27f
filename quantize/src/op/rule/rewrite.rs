//! What simplification and fusion ask about an operator.

use crate::op::common::attributes::Activation;

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
