//! Functions of one int16 element, as the records of the blob compute them.
//!
//! The formulas are TensorFlow Lite's; which of its roundings are to `f32` decides bits. What has no integer formula there
//! gets its table of 513 entries, which it draws lines between.

use kinglet_blob::MapFunction;
use kinglet_kernels::map::FunctionI16;
use kinglet_kernels::numerics::FixedPoint;

use super::attributes::Activation;
use super::fixed::{clamp_i16, quantize_multiplier};
use super::functions::real;
use crate::value::Quantization;

/// A factor that is not used.
const NONE: FixedPoint = FixedPoint { multiplier: 0, shift: 0 };

/// A function with what its record says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MapI16 {
    /// Which.
    pub(crate) function: FunctionI16,
    /// For elements that are not negative, and for those that are.
    pub(crate) factors: [FixedPoint; 2],
    /// The clamp.
    pub(crate) bounds: (i16, i16),
    /// Its table.
    pub(crate) table: Vec<i16>,
}

impl MapI16 {
    fn plain(function: FunctionI16, factors: [FixedPoint; 2]) -> Self {
        MapI16 { function, factors, bounds: (i16::MIN, i16::MAX), table: Vec::new() }
    }

    /// A rescaling within the bounds of an activation.
    pub(crate) fn clamp(activation: Activation, x: &Quantization, y: &Quantization) -> Self {
        let factor = quotient(x, y);
        MapI16 { bounds: clamp_i16(activation, y), ..Self::plain(FunctionI16::Rescale, [factor; 2]) }
    }

    /// The logistic function into units of `2^-15`; `None` for other results, and for operands of too coarse a scale.
    pub(crate) fn logistic(x: &Quantization, y: &Quantization) -> Option<Self> {
        Self::squashing(FunctionI16::Logistic, x, y, &[1.0])
    }

    /// The hyperbolic tangent, likewise.
    pub(crate) fn tanh(x: &Quantization, y: &Quantization) -> Option<Self> {
        Self::squashing(FunctionI16::Tanh, x, y, &[1.0, 2.0])
    }

    /// `exact` are the scales in units of `2^-12` that are multiplied by without rounding.
    fn squashing(function: FunctionI16, x: &Quantization, y: &Quantization, exact: &[f32]) -> Option<Self> {
        if (y.scale(0), y.zero_point()) != (1.0 / 32768.0, 0) {
            return None;
        }
        // Three parts of 4096: a table's step is a 24th.
        let mut multiplier = f64::from(x.scale(0)) * 4096.0 * 3.0;
        let mut shift = 0;
        if exact.iter().all(|&exact| x.scale(0) * 4096.0 != exact) {
            while multiplier <= 32767.0 / 2.0 && shift <= 30 {
                shift += 1;
                multiplier *= 2.0;
            }
        }
        let multiplier = Some(multiplier as i32).filter(|&multiplier| multiplier < 1 << 15)?;
        let factor = FixedPoint { multiplier, shift: -shift };
        Some(MapI16 { table: halves_of_logistic(), ..Self::plain(function, [factor, NONE]) })
    }

    /// A function of the list.
    pub(crate) fn of(function: MapFunction, parameters: [f32; 2], x: &Quantization, y: &Quantization) -> Self {
        match function {
            MapFunction::Abs => Self::plain(FunctionI16::Abs, [quotient(x, y), NONE]),
            MapFunction::LeakyRelu if parameters[0] >= 0.0 => {
                let below =
                    quantize_multiplier(f64::from(x.scale(0)) * f64::from(parameters[0]) / f64::from(y.scale(0)));
                Self::plain(FunctionI16::Rescale, [quotient(x, y), below])
            }
            MapFunction::Rsqrt => {
                let factor = quantize_multiplier(1.0 / f64::from(x.scale(0).sqrt() * y.scale(0)));
                if (-11..=30).contains(&factor.shift) {
                    return Self::plain(FunctionI16::Rsqrt, [factor, NONE]);
                }
                Self::looked_up(|value| real(function, parameters, value.into()) as f32, x, y)
            }
            _ => Self::looked_up(|value| real(function, parameters, value.into()) as f32, x, y),
        }
    }

    /// Any function of a real.
    pub(crate) fn looked_up(function: impl Fn(f32) -> f32, x: &Quantization, y: &Quantization) -> Self {
        let table = table(function, x.scale(0), y.scale(0), 0);
        MapI16 { table, ..Self::plain(FunctionI16::Table, [NONE; 2]) }
    }
}

/// The operand's scale in steps of the result's.
fn quotient(x: &Quantization, y: &Quantization) -> FixedPoint {
    quantize_multiplier(f64::from(x.scale(0)) / f64::from(y.scale(0)))
}

/// The logistic function of 24ths in units of `2^-16`, less half of what a line to the next lacks halfway.
pub(crate) fn halves_of_logistic() -> Vec<i16> {
    let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
    let entry = |index: u32| {
        let x = f64::from(index) / 24.0;
        let lacks = (logistic(x) + logistic(x + 1.0 / 24.0)) / 2.0 - logistic(x + 1.0 / 48.0);
        let value = (65536.0 * (logistic(x) - lacks / 2.0)).round();
        // Beyond the last one is the limit.
        if index == 255 { u16::MAX } else { value.min(65535.0) as u16 }
    };
    (0..256).map(|index| entry(index) as i16).collect()
}

/// A table of `function`: its values at 513 places, 128 codes apart, each moved by half of what the line to the next is
/// off halfway. `zero` is the zero point of the operand, which may be an end of its range.
pub(crate) fn table(function: impl Fn(f32) -> f32, x_scale: f32, y_scale: f32, zero: i32) -> Vec<i16> {
    const STEPS: u16 = 512;
    let [low, high] = [i16::MIN, i16::MAX].map(|end| x_scale * (i32::from(end) - zero) as f32);
    let [least, greatest] = [i16::MIN, i16::MAX].map(|end| y_scale * f32::from(end));
    let step = (high - low) / f32::from(STEPS);
    let scaling = 65536.0 / (greatest - least);
    let code = |value: f32| value.max(i16::MIN.into()).min(i16::MAX.into()) as i16;
    let entry = |index: u16| {
        let place = |index: u16| low + f32::from(index) * step;
        let (here, next) = (function(place(index)), function(place(index + 1)));
        let middle = (function(place(index) + step / 2.0) * scaling).round();
        let sample = (here * scaling).round();
        let drawn = ((next * scaling + sample) / 2.0).round();
        code(sample - ((drawn - middle) / 2.0).round())
    };
    (0..STEPS).map(entry).chain([code((function(high) * scaling).round())]).collect()
}

/// The two tables of a softmax: exponentials of -10 to 0, and `1 / (1 + x)` of 0 to 1.
pub(crate) fn softmax_tables() -> Vec<i16> {
    const RANGE: f32 = 65535.0;
    let exponential = |value: f32| f64::from(value).exp() as f32;
    let exponentials = table(exponential, 10.0 / RANGE, 2.0 / RANGE, i16::MAX.into());
    let inverses = table(|value| 1.0 / (1.0 + value), 1.0 / RANGE, 2.0 / RANGE, i16::MIN.into());
    exponentials.into_iter().chain(inverses).collect()
}
