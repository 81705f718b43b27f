//! Maximum over whole axes.

use core::fmt;

use kinglet_blob::{OpCode, records};

use super::common::attributes::Activation;
use super::common::real::{Real, Reals};
use super::common::{reduction, types};
use super::lowering::{self, Emission, Reason, Site, no_kernel};
use super::operator::Operator;
use super::rule::channels::{ChannelTies, Channels, Known};
use super::rule::layout::{AxisAttributes, LayoutRule};
use super::rule::quantization::{Codes, End, Scaling};
use crate::record::{Access, Head, Overlap, Parameters, Shapes};
use crate::value::{DType, Shape, ShapeError, Value};

/// Maximum over `axes`.
#[derive(Clone, Debug, PartialEq)]
pub struct ReduceMax {
    /// Axes along which the largest element is taken, ascending.
    pub axes: Vec<usize>,
    /// Whether they stay, with extent 1.
    pub keep_dims: bool,
}

impl Operator for ReduceMax {
    fn name(&self) -> &'static str {
        "ReduceMax"
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        reduction::write(&self.axes, self.keep_dims, f)
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        reduction::infer(&self.axes, self.keep_dims, inputs)
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        types::moving(inputs, outputs, &[DType::F32, DType::I8])
    }

    fn evaluate(&self, inputs: &[Real<'_>], _shapes: &[&[usize]]) -> Reals {
        let maxima = reduction::fold(&self.axes, inputs[0], f64::NEG_INFINITY, f64::max);
        Some(vec![maxima.into_iter().map(|max| max as f32).collect()])
    }

    /// With the operand's shape it is the maximum of one element.
    fn changes_nothing(&self, _operand_count: usize, _operand: &Value, _clamp: Activation) -> bool {
        true
    }

    fn keeps_axes_mut(&mut self) -> Option<&mut bool> {
        Some(&mut self.keep_dims)
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::Axes(self)
    }

    fn codes(&self) -> Codes {
        Codes::Selected
    }

    fn scale_floors(&self, _scaling: &dyn Scaling) -> Vec<(End, f32)> {
        Vec::new()
    }

    /// The maximum of equal values is that value.
    fn constant_channels(&self, known: &Known<'_>) -> Option<Channels> {
        let &x = known.operands.first()?;
        if reduction::takes_last(&self.axes, &x.shape) { None } else { known.each(|q| q) }
    }

    fn channel_ties(&self, shapes: &[&[usize]]) -> ChannelTies {
        reduction::channel_ties(&self.axes, shapes)
    }

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        let [outer, reduced, inner] = lowering::reduction::extents(site, &self.axes)?;
        match site.dtype() {
            DType::F32 | DType::I8 => {}
            other => return no_kernel(other),
        }
        let record = records::ReduceMax { outer, reduced, inner };
        site.emit(Emission::new(OpCode::ReduceMax, record, Overlap::Never));
        Ok(())
    }
}

impl AxisAttributes for ReduceMax {
    fn follow(&mut self, form: &[usize]) -> Vec<usize> {
        reduction::follow(&mut self.axes, self.keep_dims, form)
    }
}

impl Parameters for records::ReduceMax {
    fn shapes(&self) -> Shapes {
        Shapes::of(&[self.outer, self.reduced, self.inner], &[self.outer, self.inner])
    }

    fn access(&self, _head: Head) -> Access<'_> {
        Access::Apart
    }
}
