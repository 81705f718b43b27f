//! What elimination asks about channels: the indices of a value's last axis.

use crate::value::{Quantization, Value};

/// For each channel of a value the int8 it always holds, if it is known to hold one.
pub(crate) type Channels = Vec<Option<i8>>;

/// Extent of the last axis; 1 for a scalar.
pub(crate) fn channel_count(value: &Value) -> usize {
    value.shape.last().copied().unwrap_or(1)
}

/// What is known of a node's operands.
pub(crate) struct Known<'a> {
    /// Constant channels of each operand.
    pub(crate) channels: Vec<&'a Channels>,
    /// The operands.
    pub(crate) operands: Vec<&'a Value>,
    /// The one result.
    pub(crate) result: &'a Value,
}

impl Known<'_> {
    /// The quantizations of the first operand and of the result.
    pub(crate) fn ends(&self) -> Option<[&Quantization; 2]> {
        Some([self.operands.first()?.quantization.as_ref()?, self.result.quantization.as_ref()?])
    }

    /// The quantizations of two operands and of the result.
    pub(crate) fn three_ends(&self) -> Option<[&Quantization; 3]> {
        let &[a, b] = self.operands.as_slice() else { return None };
        Some([a.quantization.as_ref()?, b.quantization.as_ref()?, self.result.quantization.as_ref()?])
    }

    /// `function` of each constant channel of the first operand.
    pub(crate) fn each(&self, function: impl Fn(i8) -> i8) -> Option<Channels> {
        Some(self.channels.first()?.iter().map(|channel| channel.map(&function)).collect())
    }

    /// The two operands' channels that meet in each channel of an elementwise result.
    pub(crate) fn pairs(&self) -> Option<Vec<(Option<i8>, Option<i8>)>> {
        let &[a, b] = self.channels.as_slice() else { return None };
        let of = |operand: &Channels, channel: usize| operand[if operand.len() == 1 { 0 } else { channel }];
        Some((0..channel_count(self.result)).map(|channel| (of(a, channel), of(b, channel))).collect())
    }
}

/// Which channels an operator keeps in step: dropping one means dropping all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChannelTies {
    /// It reads and writes all channels; none may go.
    All,
    /// The same channel of every operand and every result. An operand with one channel is stretched and stays.
    InStep,
    /// The elements are the same in row-major order.
    Reshaped,
    /// The operands' channels follow each other in the result.
    Concatenated,
}

/// The greatest common divisor.
pub(crate) fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
