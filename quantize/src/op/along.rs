//! Functions of all elements along axes whose results have the operand's shape: normalizations, softmaxes, running sums.

use core::fmt;

use kinglet_blob::OpCode;
use kinglet_blob::records::AlongF32;
pub use kinglet_kernels::along::Function;

use super::common::operands;
use super::common::real::{Real, Reals, unravel};
use super::common::{reduction, types};
use super::lowering::reduction::extents_of;
use super::lowering::{Emission, Reason, Site, no_kernel, refuse};
use super::operator::Operator;
use super::rule::layout::{AxisAttributes, LayoutRule};
use super::rule::quantization::{Codes, End, Scaling};
use crate::record::{Access, Head, Overlap, Parameters, Shapes};
use crate::value::{DType, Shape, ShapeError, Value, fail};

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
        types::rescaling_among(inputs, outputs, &[DType::F32])
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
        if site.dtype() != DType::F32 {
            return no_kernel(site.dtype());
        }
        let Some([outer, depth, inner]) = extents_of(site, &self.axes)? else {
            return refuse(
                format!("it goes along the axes {:?}, which do not lie next to each other", self.axes),
                "transpose or reshape its operand so that they do",
            );
        };
        let function = self.function as u8;
        let record = AlongF32 { outer, depth, inner, epsilon: self.epsilon, function, reserved: [0; 3] };
        let overlap = if is_in_order(&record) { Overlap::IN_PLACE } else { Overlap::Never };
        site.emit(Emission::new(OpCode::Along, record, overlap));
        Ok(())
    }
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
fn is_in_order(record: &AlongF32) -> bool {
    let is_backwards = [Function::SumFrom, Function::SumBehind].map(|function| function as u8).contains(&record.function);
    record.inner == 1 && !is_backwards
}

impl Parameters for AlongF32 {
    fn shapes(&self) -> Shapes {
        Shapes::same(&[self.outer, self.depth, self.inner])
    }

    fn access(&self, _head: Head) -> Access<'_> {
        let len = [self.outer, self.depth, self.inner].map(|extent| extent as usize).iter().product();
        if is_in_order(self) { Access::Elements { len, splits: false } } else { Access::Apart }
    }
}
