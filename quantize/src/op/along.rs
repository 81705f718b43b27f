//! Functions of all elements along axes whose results have the operand's shape: normalizations, softmaxes, running sums.

use core::fmt;

use kinglet_blob::OpCode;
use kinglet_blob::records::{AlongF32, AlongI8};
use kinglet_kernels::along::AlongI8 as KernelI8;
pub use kinglet_kernels::along::Function;
use kinglet_kernels::numerics::FixedPoint;

use super::common::operands;
use super::common::real::{Real, Reals, unravel};
use super::common::{fixed, reduction, types};
use super::lowering::reduction::extents_of;
use super::lowering::{Emission, Reason, Site, no_kernel, refuse};
use super::operator::Operator;
use super::rule::layout::{AxisAttributes, LayoutRule};
use super::rule::quantization::{Codes, End, Scaling};
use super::rule::time::TimeRule;
use crate::record::{Access, Head, Overlap, Parameters, Record, Shapes};
use crate::value::{DType, Quantization, Shape, ShapeError, Value, fail};

/// `function` of the elements along `axes`, which are one line for each index of the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Along {
    /// What is computed.
    pub function: Function,
    /// The axes, ascending.
    pub axes: Vec<usize>,
    /// Added to a variance or a mean square; the least norm.
    pub epsilon: f32,
}

impl Operator for Along {
    fn name(&self) -> &'static str {
        self.function.name()
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        reduction::write(&self.axes, false, f)?;
        if self.function.has_epsilon() { write!(f, " epsilon {}", self.epsilon) } else { Ok(()) }
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        reduction::infer(&self.axes, true, inputs)?;
        if !(self.epsilon.is_finite() && self.epsilon >= 0.0) {
            return fail(format!("epsilon is {}", self.epsilon));
        }
        operands::like_operand(inputs)
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        let has_int8 = KernelI8::has(self.function);
        types::rescaling_among(inputs, outputs, if has_int8 { &[DType::F32, DType::I8] } else { &[DType::F32] })
    }

    fn evaluate(&self, inputs: &[Real<'_>], _shapes: &[&[usize]]) -> Reals {
        let x = inputs[0];
        let mut lines = std::collections::BTreeMap::<Vec<usize>, Vec<usize>>::new();
        for flat in 0..x.data.len() {
            let mut index = unravel(flat, x.shape);
            self.axes.iter().for_each(|&axis| index[axis] = 0);
            lines.entry(index).or_default().push(flat);
        }
        let mut results = vec![0.0; x.data.len()];
        for line in lines.values() {
            let elements: Vec<f64> = line.iter().map(|&flat| f64::from(x.data[flat])).collect();
            for (&flat, result) in line.iter().zip(of_line(self.function, &elements, f64::from(self.epsilon))) {
                results[flat] = result as f32;
            }
        }
        Some(vec![results])
    }

    fn time_rule(&self, axis: usize, _inputs: &[&[usize]]) -> TimeRule {
        reduction::time_rule(&self.axes, true, axis)
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::Axes(self)
    }

    fn stays_on_floats(&self) -> bool {
        true
    }

    fn codes(&self) -> Codes {
        Codes::Rescaled
    }

    fn scale_floors(&self, _scaling: &dyn Scaling) -> Vec<(End, f32)> {
        Vec::new()
    }

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        let Some([outer, depth, inner]) = extents_of(site, &self.axes)? else {
            return refuse(
                format!("it goes along the axes {:?}, which do not lie next to each other", self.axes),
                "transpose or reshape its operand so that they do",
            );
        };
        let function = self.function as u8;
        let record: Record = match site.dtype() {
            DType::F32 => {
                AlongF32 { outer, depth, inner, epsilon: self.epsilon, function, reserved: [0; 3] }.into()
            }
            DType::I8 => self.lower_i8(site, [outer, depth, inner])?.into(),
            other => return no_kernel(other),
        };
        let overlap = if is_in_order(function, inner) { Overlap::IN_PLACE } else { Overlap::Never };
        site.emit(Emission::new(OpCode::Along, record, overlap));
        Ok(())
    }
}

impl Along {
    /// The record on int8.
    fn lower_i8(&self, site: &Site<'_>, [outer, depth, inner]: [u32; 3]) -> Result<AlongI8, Reason> {
        let (x, y) = (site.operand_quantization(0)?, site.result_quantization()?);
        let none = FixedPoint { multiplier: 0, shift: 0 };
        let (mut factor, mut reverse, mut diff_min) = (none, none, 0);
        let [mut input_zero_point, mut zero_point] = [x, y].map(|it| it.zero_point() as i8);
        match self.function {
            Function::L2 => {
                expect_result(y, 1.0 / 128.0, 0)?;
                if depth > 1 << 15 {
                    return refuse(format!("it adds {depth} squares"), "at most 32768 fit the accumulator");
                }
            }
            Function::LogSoftmax => {
                expect_result(y, 1.0 / 16.0, 127)?;
                (factor, diff_min) = match fixed::softmax(x, 1.0) {
                    Ok(parameters) => parameters,
                    Err(error) => return refuse(error.to_string(), "recalibrate its input"),
                };
                let divisor = 2f64.powi(31 - factor.shift) / f64::from(factor.multiplier);
                (reverse, input_zero_point, zero_point) = (fixed::quantize_multiplier(divisor), 0, 0);
                if depth > 1 << 12 || factor.shift > 30 || reverse.shift > 0 {
                    return refuse(format!("{depth} classes of scale {}", x.scale(0)), "is out of its range");
                }
            }
            _ => {
                factor = fixed::quantize_multiplier(2.0 * f64::from(x.scale(0)) / (f64::from(1 << 20) * f64::from(y.scale(0))));
                if factor.shift > 0 {
                    return refuse("its result's scale is too fine", "recalibrate: its scales are unsound");
                }
            }
        }
        Ok(AlongI8 {
            outer,
            depth,
            inner,
            diff_min,
            multiplier: factor.multiplier,
            reverse_multiplier: reverse.multiplier,
            shift: factor.shift as i8,
            reverse_shift: reverse.shift as i8,
            function: self.function as u8,
            reserved: 0,
            input_zero_point,
            zero_point: if self.function == Function::L2 { 0 } else { zero_point },
            unused: [0; 2],
        })
    }
}

/// A result of another quantization has no kernel.
fn expect_result(y: &Quantization, scale: f32, zero_point: i32) -> Result<(), Reason> {
    if (y.scale(0), y.zero_point()) == (scale, zero_point) {
        return Ok(());
    }
    refuse(
        format!("its result has scale {} and zero point {}", y.scale(0), y.zero_point()),
        format!("on int8 it has scale {scale} and zero point {zero_point}"),
    )
}

/// The function of one line, on reals.
fn of_line(function: Function, line: &[f64], epsilon: f64) -> Vec<f64> {
    let count = line.len() as f64;
    let sum = |of: &dyn Fn(f64) -> f64| line.iter().map(|&x| of(x)).sum::<f64>();
    let scaled = |scale: f64| line.iter().map(|x| x * scale).collect();
    let by_norm = |norm: f64| scaled(if norm > 0.0 { 1.0 / norm } else { 0.0 });
    let max = line.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let exponentials = sum(&|x| (x - max).exp());
    let up_to = |index: usize| line[..index].iter().sum::<f64>();
    let from = |index: usize| line[index..].iter().sum::<f64>();
    let each = |of: &dyn Fn(usize) -> f64| (0..line.len()).map(of).collect();
    match function {
        Function::Standard => {
            let mean = sum(&|x| x) / count;
            let root = (sum(&|x| (x - mean) * (x - mean)) / count + epsilon).sqrt();
            line.iter().map(|x| (x - mean) / root).collect()
        }
        Function::Rms => by_norm((sum(&|x| x * x) / count + epsilon).sqrt()),
        Function::L1 => by_norm(sum(&f64::abs).max(epsilon)),
        Function::L2 => by_norm(sum(&|x| x * x).sqrt().max(epsilon)),
        Function::Softmax => line.iter().map(|x| (x - max).exp() / exponentials).collect(),
        Function::LogSoftmax => line.iter().map(|x| x - max - exponentials.ln()).collect(),
        Function::Hardmax => {
            let first = line.iter().position(|&x| x == max).unwrap_or(0);
            each(&|index| f64::from(u8::from(index == first)))
        }
        Function::SumUpTo => each(&|index| up_to(index + 1)),
        Function::SumBefore => each(&up_to),
        Function::SumFrom => each(&from),
        Function::SumBehind => each(&|index| from(index + 1)),
    }
}

impl AxisAttributes for Along {
    fn follow(&mut self, form: &[usize]) -> Vec<usize> {
        reduction::follow(&mut self.axes, true, form)
    }
}

/// Whether elements are written in the order of memory, each after all that is before it has been read.
fn is_in_order(function: u8, inner: u32) -> bool {
    let is_backwards = [Function::SumFrom, Function::SumBehind].map(|function| function as u8).contains(&function);
    inner == 1 && !is_backwards
}

macro_rules! records {
    ($($record:ty),*) => { $(
        impl Parameters for $record {
            fn shapes(&self) -> Shapes {
                Shapes::same(&[self.outer, self.depth, self.inner])
            }

            fn access(&self, _head: Head) -> Access<'_> {
                let len = [self.outer, self.depth, self.inner].map(|extent| extent as usize).iter().product();
                let is_in_order = is_in_order(self.function, self.inner);
                if is_in_order { Access::Elements { len, splits: false } } else { Access::Apart }
            }
        }
    )* };
}
records!(AlongF32, AlongI8);
