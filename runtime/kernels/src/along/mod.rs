//! Functions of all elements along an axis whose results have the operand's shape: normalizations, softmaxes, sums up to
//! each element.
//!
//! - `input, output: [outer, depth, inner]`, each line along the middle axis by itself; sums add in the order of the line.
//! - Standard: `m` = mean, `v` = mean of `(x - m) * (x - m)`, `s = 1 / sqrt(v + epsilon)`: `(x - m) * s`. Rms: the same with
//!   `m` = 0.
//! - L1, L2: `n` = sum of magnitudes, root of the sum of squares: `x * (1 / n)`, where `n` is `epsilon` if it is less; 0 if
//!   that is 0.
//! - Softmax, LogSoftmax: `m` = maximum, `s` = sum of `exp(x - m)`: `exp(x - m) / s`, `(x - m) - log(s)`.
//! - Hardmax: 1 for the first of the greatest, 0 for others. A NaN is never the greatest.
//! - SumUpTo, SumBefore: the sum of the line up to `x`, with it or without it. SumFrom, SumBehind: from the end.
//! - int8 has L2, LogSoftmax and the sums: `quantized`.
//! - Overlapping input and output: in place is fine; with `inner` = 1 the output may also start before the input.
//!
//! The formula is what runs everywhere: a line is read two or three times, and written once.

mod quantized;

pub use quantized::{AlongI8, along_i8};

use crate::Io;
use crate::float_math::{exp, log, sqrt};
use crate::formula::positions;

/// Declares [`Function`] with its tags.
macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident = $tag:literal $text:literal,)*) => {
        /// A function along an axis.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Function {
            $($(#[$doc])* $name = $tag,)*
        }

        impl Function {
            /// Every function, in the order of its tag.
            pub const ALL: &'static [Function] = &[$(Function::$name),*];

            /// The function with tag `tag`.
            pub const fn from_tag(tag: u8) -> Option<Self> {
                match tag {
                    $($tag => Some(Function::$name),)*
                    _ => None,
                }
            }

            /// The function's name.
            pub const fn name(self) -> &'static str {
                match self { $(Function::$name => $text,)* }
            }
        }
    };
}

functions! {
    /// Mean 0 and variance 1.
    Standard = 0 "Standard",
    /// Mean square 1.
    Rms = 1 "Rms",
    /// Magnitudes that add up to 1.
    L1 = 2 "L1",
    /// Squares that add up to 1.
    L2 = 3 "L2",
    /// Exponentials that add up to 1.
    Softmax = 4 "Softmax",
    /// Their logarithms.
    LogSoftmax = 5 "LogSoftmax",
    /// 1 for the first of the greatest.
    Hardmax = 6 "Hardmax",
    /// The sum from the start to the element.
    SumUpTo = 7 "SumUpTo",
    /// The sum of all before the element.
    SumBefore = 8 "SumBefore",
    /// The sum from the element to the end.
    SumFrom = 9 "SumFrom",
    /// The sum of all behind the element.
    SumBehind = 10 "SumBehind",
}

impl Function {
    /// Whether `epsilon` makes a difference.
    pub const fn has_epsilon(self) -> bool {
        matches!(self, Function::Standard | Function::Rms | Function::L1 | Function::L2)
    }
}

/// A function along an axis of floats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AlongF32 {
    /// Which.
    pub function: Function,
    /// Lines that lie behind each other.
    pub outer: usize,
    /// Elements of a line.
    pub depth: usize,
    /// Lines that lie beside each other.
    pub inner: usize,
    /// Added to a variance or a mean square; the least norm. Not negative.
    pub epsilon: f32,
}

/// Where a line is.
#[derive(Clone, Copy)]
struct Line {
    start: usize,
    step: usize,
    depth: usize,
}

impl Line {
    /// The line `[o, i]` of `[outer, depth, inner]`.
    fn of([o, i]: [usize; 2], depth: usize, inner: usize) -> Self {
        Line { start: o.wrapping_mul(depth).wrapping_mul(inner).wrapping_add(i), step: inner, depth }
    }

    fn elements<T: Copy>(self, io: &Io<T>) -> impl Iterator<Item = T> {
        io.input().get(self.start..).unwrap_or_default().iter().step_by(self.step.max(1)).take(self.depth).copied()
    }

    /// `function` of each element, written in the order `indices`.
    fn write<T: Copy + Default>(
        self,
        io: &mut Io<T>,
        indices: impl Iterator<Item = usize>,
        mut function: impl FnMut(usize, T) -> T,
    ) {
        for index in indices {
            let at = self.start.wrapping_add(index.wrapping_mul(self.step));
            let x = io.input().get(at).copied().unwrap_or_default();
            io.set(at, function(index, x));
        }
    }
}

/// Computes the function. No scratch.
pub fn along_f32(layer: &AlongF32, io: &mut Io<f32>) {
    let AlongF32 { outer, depth, inner, .. } = *layer;
    let len = outer.wrapping_mul(depth).wrapping_mul(inner);
    if !io.has(len, len) {
        return io.refuse();
    }
    for position in positions([outer, inner]) {
        let line = Line::of(position, depth, inner);
        match layer.function {
            Function::Standard | Function::Rms | Function::L1 | Function::L2 => normalize(layer, line, io),
            Function::Softmax | Function::LogSoftmax => softmax(layer.function, line, io),
            Function::Hardmax => hardmax(line, io),
            Function::SumUpTo | Function::SumBefore => sums(layer.function, line, io, 0..depth),
            Function::SumFrom | Function::SumBehind => sums(layer.function, line, io, (0..depth).rev()),
        }
    }
}

fn normalize(layer: &AlongF32, line: Line, io: &mut Io<f32>) {
    let count = layer.depth as f32;
    let sum = |of: &dyn Fn(f32) -> f32| line.elements(io).fold(0.0, |sum: f32, x| sum + of(x));
    let (mean, norm) = match layer.function {
        Function::Standard => {
            let mean = sum(&|x| x) / count;
            let variance = sum(&|x| (x - mean) * (x - mean)) / count;
            (mean, sqrt(variance + layer.epsilon))
        }
        Function::Rms => (0.0, sqrt(sum(&|x| x * x) / count + layer.epsilon)),
        Function::L1 => (0.0, at_least(sum(&|x| x.abs()), layer.epsilon)),
        _ => (0.0, at_least(sqrt(sum(&|x| x * x)), layer.epsilon)),
    };
    let scale = if norm == 0.0 && layer.function != Function::Standard { 0.0 } else { 1.0 / norm };
    line.write(io, 0..layer.depth, |_, x| (x - mean) * scale);
}

fn at_least(x: f32, least: f32) -> f32 {
    if x < least { least } else { x }
}

/// The greatest element of a line, none of which is NaN; the lowest float when all are.
fn greatest(line: Line, io: &Io<f32>) -> f32 {
    line.elements(io).fold(f32::MIN, |max, x| if x > max { x } else { max })
}

fn softmax(function: Function, line: Line, io: &mut Io<f32>) {
    let max = greatest(line, io);
    let sum = line.elements(io).fold(0.0, |sum: f32, x| sum + exp(x - max));
    if function == Function::Softmax {
        line.write(io, 0..line.depth, |_, x| exp(x - max) / sum);
    } else {
        let shift = log(sum);
        line.write(io, 0..line.depth, |_, x| (x - max) - shift);
    }
}

fn hardmax(line: Line, io: &mut Io<f32>) {
    let max = greatest(line, io);
    let first = line.elements(io).position(|x| x == max).unwrap_or(0);
    line.write(io, 0..line.depth, |index, _| if index == first { 1.0 } else { 0.0 });
}

fn sums(function: Function, line: Line, io: &mut Io<f32>, indices: impl Iterator<Item = usize>) {
    let mut sum = 0.0;
    let is_inclusive = matches!(function, Function::SumUpTo | Function::SumFrom);
    line.write(io, indices, |_, x| {
        let before = sum;
        sum += x;
        if is_inclusive { sum } else { before }
    });
}
