//! Functions of int8 elements along an axis, in the integers of TensorFlow Lite Micro.
//!
//! `x` is a code less the input's zero point, `*` a [`FixedPoint`] multiplication that rounds twice; results are clamped.
//!
//! - L2: `x * (1 / root)` in units of 1/128, with the root of the sum of squares from five Newton steps
//!   ([`inverse_root`]).
//! - LogSoftmax: differences to the line's maximum become `Q5`, their exponentials are summed in `Q12`, and the
//!   sum's logarithm is subtracted in `Q5`; units of 1/16, zero point 127.
//! - Sums: `(s << 19) * factor + zero_point`, where `s` starts at the *negated zero point of the input*. No other
//!   implementation has these operators on int8, so that this start, odd as it is, is what they mean.

use super::{Function, Line};
use crate::Io;
use crate::fixed_math::{exp_negative, inverse_root, log_q12};
use crate::formula::positions;
use crate::numerics::{FixedPoint, rounding_shift_right};

/// A function along an axis of int8 elements: one of L2, LogSoftmax and the sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlongI8 {
    /// Which.
    pub function: Function,
    /// Lines that lie behind each other.
    pub outer: usize,
    /// Elements of a line.
    pub depth: usize,
    /// Lines that lie beside each other.
    pub inner: usize,
    /// Zero point of the input.
    pub input_zero_point: i32,
    /// Zero point of the output, of sums.
    pub zero_point: i32,
    /// LogSoftmax: brings a difference to `Q5`. Sums: from units of `2^-19` of the input's to the output's.
    pub factor: FixedPoint,
    /// LogSoftmax: from `Q5` back to a difference.
    pub reverse: FixedPoint,
    /// LogSoftmax: smaller differences count as minus infinity.
    pub diff_min: i32,
}

impl AlongI8 {
    /// Whether there is such a function of int8.
    pub const fn has(function: Function) -> bool {
        matches!(
            function,
            Function::L2
                | Function::LogSoftmax
                | Function::SumUpTo
                | Function::SumBefore
                | Function::SumFrom
                | Function::SumBehind
        )
    }
}

/// Computes the function. No scratch.
pub fn along_i8(layer: &AlongI8, io: &mut Io<i8>) {
    let AlongI8 { outer, depth, inner, .. } = *layer;
    let len = outer.wrapping_mul(depth).wrapping_mul(inner);
    if !io.has(len, len) {
        return io.refuse();
    }
    for position in positions([outer, inner]) {
        let line = Line::of(position, depth, inner);
        match layer.function {
            Function::L2 => normalize(layer, line, io),
            Function::LogSoftmax => log_softmax(layer, line, io),
            Function::SumUpTo => sums(layer, line, io, true, 0..depth),
            Function::SumBefore => sums(layer, line, io, false, 0..depth),
            Function::SumFrom => sums(layer, line, io, true, (0..depth).rev()),
            Function::SumBehind => sums(layer, line, io, false, (0..depth).rev()),
            _ => return io.refuse(),
        }
    }
}

fn clamped(value: i32) -> i8 {
    value.clamp(-128, 127) as i8
}

fn normalize(layer: &AlongI8, line: Line, io: &mut Io<i8>) {
    let centered = |x: i8| i32::from(x).wrapping_sub(layer.input_zero_point);
    let squares = line.elements(io).fold(0_i32, |sum, x| sum.wrapping_add(centered(x).wrapping_mul(centered(x))));
    let root = inverse_root(squares);
    let factor = FixedPoint { shift: root.shift.wrapping_add(7), ..root };
    line.write(io, 0..layer.depth, |_, x| clamped(factor.apply(centered(x))));
}

fn log_softmax(layer: &AlongI8, line: Line, io: &mut Io<i8>) {
    let max = i32::from(line.elements(io).max().unwrap_or(i8::MIN));
    let difference = |x: i8| i32::from(x).wrapping_sub(max);
    let sum = line.elements(io).map(difference).filter(|&it| it >= layer.diff_min).fold(0_i32, |sum, it| {
        let exponential = exp_negative(layer.factor.apply(it), 5);
        sum.wrapping_add(rounding_shift_right(exponential, 12))
    });
    let logarithm = log_q12(sum);
    let least = layer.reverse.apply(logarithm.wrapping_add(i32::MIN)).max(layer.diff_min.wrapping_sub(1));
    line.write(io, 0..layer.depth, |_, x| {
        let it = difference(x);
        if it <= least {
            return i8::MIN;
        }
        let result = rounding_shift_right(layer.factor.apply(it).wrapping_sub(logarithm), 31 - 5 - 4);
        clamped(result.wrapping_add(127))
    });
}

fn sums(layer: &AlongI8, line: Line, io: &mut Io<i8>, is_inclusive: bool, indices: impl Iterator<Item = usize>) {
    let mut sum = layer.input_zero_point.wrapping_neg();
    line.write(io, indices, |_, x| {
        let before = sum;
        sum = sum.wrapping_add(i32::from(x).wrapping_sub(layer.input_zero_point));
        let shown = if is_inclusive { sum } else { before };
        clamped(layer.factor.apply(shown.wrapping_shl(19)).wrapping_add(layer.zero_point))
    });
}
