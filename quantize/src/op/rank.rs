//! Where the greatest or the least elements of an axis are.

use core::fmt;

use kinglet_blob::{OpCode, records};

use super::common::real::{Real, Reals, ravel, unravel};
use super::common::{operands, types};
use super::lowering::{Emission, Reason, Site, narrow};
use super::operator::Operator;
use super::rule::layout::{AxisAttributes, LayoutRule};
use super::rule::quantization::{Codes, End, Scaling};
use crate::record::{Access, Head, Overlap, Parameters, Shapes};
use crate::value::{DType, Shape, ShapeError, Value, fail};

/// The indices of the first `count` elements of each line along `axis` when it is sorted: the greatest first, or the least;
/// of equal elements the first one first, or the last. A NaN is greater than every number.
#[derive(Clone, Debug, PartialEq)]
pub struct Rank {
    /// The axis.
    pub axis: usize,
    /// How many, at most as many as there are.
    pub count: usize,
    /// Whether the least come first.
    pub is_least: bool,
    /// Whether the last of equal elements comes first.
    pub is_last: bool,
}

impl Operator for Rank {
    fn name(&self) -> &'static str {
        "Rank"
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = if self.is_least { "least" } else { "greatest" };
        write!(f, " axis {} {} {order}", self.axis, self.count)?;
        if self.is_last { write!(f, " last first") } else { Ok(()) }
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        let x = operands::one(inputs)?;
        let Some(&extent) = x.get(self.axis) else {
            return fail(format!("axis {} of an operand with {} axes", self.axis, x.len()));
        };
        if !(1..=extent).contains(&self.count) {
            return fail(format!("looks for {} of {extent} elements", self.count));
        }
        let mut shape = x.to_vec();
        shape[self.axis] = self.count;
        Ok(vec![shape])
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        types::expect(inputs[0], &[DType::F32, DType::I8, DType::U8, DType::I16, DType::I32])?;
        types::expect(outputs[0], &[DType::I32])
    }

    fn evaluate(&self, inputs: &[Real<'_>], shapes: &[&[usize]]) -> Reals {
        let (x, shape) = (*inputs.first()?, *shapes.first()?);
        let of = |flat: usize| {
            let mut index = unravel(flat, shape);
            let number = core::mem::take(&mut index[self.axis]);
            let at = |place: usize| {
                let index = index.iter().enumerate().map(|(axis, &at)| if axis == self.axis { place } else { at });
                x.data[ravel(index, x.shape)]
            };
            let mut order: Vec<usize> = (0..x.shape[self.axis]).collect();
            if self.is_last {
                order.reverse();
            }
            // Stable: what is equal stays in this order.
            order.sort_by(|&a, &b| {
                let order = of_reals(at(a), at(b));
                if self.is_least { order } else { order.reverse() }
            });
            order[number] as f32
        };
        Some(vec![(0..shape.iter().product()).map(of).collect()])
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::Axes(self)
    }

    fn has_indices(&self) -> bool {
        true
    }

    fn codes(&self) -> Codes {
        Codes::Rescaled
    }

    fn scale_floors(&self, _scaling: &dyn Scaling) -> Vec<(End, f32)> {
        Vec::new()
    }

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        let x = &site.operand(0).shape;
        let product = |extents: &[usize], what: &str| narrow(extents.iter().product(), what);
        let record = records::Rank {
            outer: product(&x[..self.axis], "the number of rows")?,
            extent: narrow(x[self.axis], "an extent")?,
            inner: product(&x[self.axis + 1..], "the length of a row")?,
            count: narrow(self.count, "an extent")?,
            is_least: self.is_least.into(),
            is_last: self.is_last.into(),
            reserved: [0; 2],
        };
        site.emit(Emission::new(OpCode::Rank, record, Overlap::Never));
        Ok(())
    }
}

/// A NaN is the greatest, and equal to others.
fn of_reals(a: f32, b: f32) -> core::cmp::Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

impl AxisAttributes for Rank {
    fn follow(&mut self, form: &[usize]) -> Vec<usize> {
        self.axis = form[self.axis];
        form.to_vec()
    }
}

impl Parameters for records::Rank {
    fn shapes(&self) -> Shapes {
        Shapes::of(&[self.outer, self.extent, self.inner], &[self.outer, self.count, self.inner])
    }

    fn access(&self, _head: Head) -> Access<'_> {
        Access::Apart
    }
}
