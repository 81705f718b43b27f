//! Mean over whole axes.

use core::fmt;

use kinglet_blob::OpCode;
use kinglet_blob::records::{MeanF32, MeanI8};
use kinglet_kernels::numerics::{ALL_SHIFTS, OutputStage};

use super::common::attributes::Activation;
use super::common::real::{Real, Reals};
use super::common::{fixed, reduction, types};
use super::lowering::{self, Emission, Reason, Site, no_kernel, refuse};
use super::operator::Operator;
use super::reduce;
use super::rule::channels::{ChannelTies, Channels, Known};
use super::rule::layout::{AxisAttributes, LayoutRule};
use super::rule::quantization::{Codes, End, Scaling, rescaled};
use super::rule::time::TimeRule;
use crate::record::{Access, Head, Overlap, Parameters, Record, Shapes};
use crate::value::{DType, Shape, ShapeError, Value};

/// Mean over `axes`.
#[derive(Clone, Debug, PartialEq)]
pub struct Mean {
    /// Axes that are averaged away, ascending.
    pub axes: Vec<usize>,
    /// Whether they stay, with extent 1.
    pub keep_dims: bool,
}

impl Operator for Mean {
    fn name(&self) -> &'static str {
        "Mean"
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        reduction::write(&self.axes, self.keep_dims, f)
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        reduction::infer(&self.axes, self.keep_dims, inputs)
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        types::rescaling_among(inputs, outputs, &[DType::F32, DType::I8, DType::I16])
    }

    fn evaluate(&self, inputs: &[Real<'_>], _shapes: &[&[usize]]) -> Reals {
        let sums = reduction::fold(&self.axes, inputs[0], 0.0, |sum, element| sum + element);
        let count = (inputs[0].data.len() / sums.len()) as f64;
        Some(vec![sums.into_iter().map(|sum| (sum / count) as f32).collect()])
    }

    /// An int8 mean rounds even when it averages one element.
    fn changes_nothing(&self, _operand_count: usize, operand: &Value, _clamp: Activation) -> bool {
        operand.dtype == DType::F32
    }

    fn keeps_axes_mut(&mut self) -> Option<&mut bool> {
        Some(&mut self.keep_dims)
    }

    fn time_rule(&self, axis: usize, _inputs: &[&[usize]]) -> TimeRule {
        reduction::time_rule(&self.axes, self.keep_dims, axis)
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::Axes(self)
    }

    fn codes(&self) -> Codes {
        Codes::Rescaled
    }

    fn scale_floors(&self, scaling: &dyn Scaling) -> Vec<(End, f32)> {
        vec![rescaled(scaling, 0)]
    }

    fn constant_channels(&self, known: &Known<'_>) -> Option<Channels> {
        let &x = known.operands.first()?;
        if reduction::takes_last(&self.axes, &x.shape) {
            return None;
        }
        let [qx, qy] = known.ends()?;
        let count: usize = self.axes.iter().map(|&axis| x.shape[axis]).product();
        let factor = fixed::mean_factor(qx, qy, count);
        let stage = OutputStage::unclamped(qy.zero_point());
        known.each(|q| stage.apply(((i64::from(q) - i64::from(qx.zero_point())) * count as i64) as i32, factor))
    }

    fn channel_ties(&self, shapes: &[&[usize]]) -> ChannelTies {
        reduction::channel_ties(&self.axes, shapes)
    }

    fn scales_with_operands(&self, inputs: &[&[usize]], _output: &[usize]) -> bool {
        inputs.first().is_some_and(|shape| !reduction::takes_last(&self.axes, shape))
    }

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        let Some([outer, reduced, inner]) = lowering::reduction::extents_of(site, &self.axes)? else {
            return reduce::emit(site, reduce::Kind::Mean, &self.axes);
        };
        let record: Record = match site.dtype() {
            DType::F32 => MeanF32 { outer, reduced, inner }.into(),
            DType::I8 => record_i8(site, [outer, reduced, inner])?.into(),
            DType::I16 => return reduce::emit(site, reduce::Kind::Mean, &self.axes),
            other => return no_kernel(other),
        };
        site.emit(Emission::new(OpCode::Mean, record, Overlap::Never));
        Ok(())
    }
}

fn record_i8(site: &Site<'_>, [outer, reduced, inner]: [u32; 3]) -> Result<MeanI8, Reason> {
    let (x, y) = (site.operand_quantization(0)?, site.result_quantization()?);
    // The sum of distances from the zero point stays below 255 for each element.
    if reduced > i32::MAX as u32 / 256 {
        return refuse(format!("it averages {reduced} elements"), "at most 8,388,607 fit the accumulator");
    }
    let factor = fixed::mean_factor(x, y, reduced as usize);
    if !ALL_SHIFTS.contains(&factor.shift) {
        return refuse(format!("its factor is 2^{}", factor.shift), "recalibrate: its scales are unsound");
    }
    Ok(MeanI8 {
        outer,
        reduced,
        inner,
        multiplier: factor.multiplier,
        shift: factor.shift as i8,
        input_zero_point: x.zero_point() as i8,
        zero_point: y.zero_point() as i8,
        reserved: 0,
    })
}

impl AxisAttributes for Mean {
    fn follow(&mut self, form: &[usize]) -> Vec<usize> {
        reduction::follow(&mut self.axes, self.keep_dims, form)
    }
}

macro_rules! records {
    ($($record:ty),*) => { $(
        impl Parameters for $record {
            fn shapes(&self) -> Shapes {
                Shapes::of(&[self.outer, self.reduced, self.inner], &[self.outer, self.inner])
            }

            fn access(&self, _head: Head) -> Access<'_> {
                Access::Apart
            }
        }
    )* };
}
records!(MeanI8, MeanF32);
