//! One element made of all those along whole axes: sums, extremes, products.
//!
//! The mean has a home of its own (`mean.rs`): it is what other operators are fused with.

use core::fmt;

use kinglet_blob::{OpCode, records};
use kinglet_kernels::numerics::{ALL_SHIFTS, FixedPoint};
pub use kinglet_kernels::reduce::Kind;

use super::common::attributes::Activation;
use super::common::real::{Real, Reals};
use super::common::{fixed, reduction, types};
use super::lowering::reduction::{alternating, extents_of};
use super::lowering::{Emission, Reason, Site, no_kernel, refuse};
use super::operator::Operator;
use super::rule::channels::{ChannelTies, Channels, Known};
use super::rule::layout::{AxisAttributes, LayoutRule};
use super::rule::quantization::{Codes, End, Scaling, rescaled};
use super::rule::time::TimeRule;
use crate::record::{Access, Head, Overlap, Parameters, Record, Shapes};
use crate::value::{DType, Shape, ShapeError, Value};

/// What `kind` makes of the elements along `axes`.
#[derive(Clone, Debug, PartialEq)]
pub struct Reduce {
    /// What is made of them.
    pub kind: Kind,
    /// The axes, ascending.
    pub axes: Vec<usize>,
    /// Whether they stay, with extent 1.
    pub keep_dims: bool,
}

impl Operator for Reduce {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Sum => "ReduceSum",
            Kind::Mean => "ReduceMean",
            Kind::Max => "ReduceMax",
            Kind::Min => "ReduceMin",
            Kind::Prod => "ReduceProd",
            Kind::L1 => "ReduceL1",
            Kind::SumSquare => "ReduceSumSquare",
        }
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        reduction::write(&self.axes, self.keep_dims, f)
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        reduction::infer(&self.axes, self.keep_dims, inputs)
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        const ALL: &[DType] = &[DType::F32, DType::I8, DType::I16];
        if self.kind.selects() {
            types::moving(inputs, outputs, ALL)
        } else {
            types::rescaling_among(inputs, outputs, if self.kind.has_integers() { ALL } else { &[DType::F32] })
        }
    }

    fn evaluate(&self, inputs: &[Real<'_>], _shapes: &[&[usize]]) -> Reals {
        let fold = |start: f64, step: fn(f64, f64) -> f64| reduction::fold(&self.axes, inputs[0], start, step);
        let results = match self.kind {
            Kind::Sum | Kind::Mean => fold(0.0, |sum, x| sum + x),
            Kind::Max => fold(f64::NEG_INFINITY, f64::max),
            Kind::Min => fold(f64::INFINITY, f64::min),
            Kind::Prod => fold(1.0, |product, x| product * x),
            Kind::L1 => fold(0.0, |sum, x| sum + x.abs()),
            Kind::SumSquare => fold(0.0, |sum, x| sum + x * x),
        };
        let count = if self.kind == Kind::Mean { inputs[0].data.len() / results.len().max(1) } else { 1 };
        Some(vec![results.into_iter().map(|result| (result / count as f64) as f32).collect()])
    }

    /// With the operand's shape each result is made of one element.
    fn changes_nothing(&self, _operand_count: usize, operand: &Value, _clamp: Activation) -> bool {
        match self.kind {
            Kind::Max | Kind::Min => true,
            Kind::Sum | Kind::Mean | Kind::Prod => operand.dtype == DType::F32,
            Kind::L1 | Kind::SumSquare => false,
        }
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

    fn stays_on_floats(&self) -> bool {
        !self.kind.has_integers()
    }

    fn selects(&self) -> bool {
        self.kind.selects()
    }

    fn codes(&self) -> Codes {
        if self.kind.selects() { Codes::Selected } else { Codes::Rescaled }
    }

    fn scale_floors(&self, scaling: &dyn Scaling) -> Vec<(End, f32)> {
        if self.kind.selects() { Vec::new() } else { vec![rescaled(scaling, 0)] }
    }

    /// An extreme of equal values is that value.
    fn constant_channels(&self, known: &Known<'_>) -> Option<Channels> {
        let &x = known.operands.first()?;
        let is_known = self.kind.selects() && !reduction::takes_last(&self.axes, &x.shape);
        if is_known { known.each(|q| q) } else { None }
    }

    fn channel_ties(&self, shapes: &[&[usize]]) -> ChannelTies {
        reduction::channel_ties(&self.axes, shapes)
    }

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        let dtype = site.dtype();
        let adjacent = extents_of(site, &self.axes)?;
        let has_max = self.kind == Kind::Max && matches!(dtype, DType::F32 | DType::I8);
        if let Some([outer, reduced, inner]) = adjacent.filter(|_| has_max) {
            let record = records::ReduceMax { outer, reduced, inner };
            site.emit(Emission::new(OpCode::ReduceMax, record, Overlap::Never));
            return Ok(());
        }
        emit(site, self.kind, &self.axes)
    }
}

/// Emits the record that reduces the first operand of `site` over any `axes`.
pub(super) fn emit(site: &mut Site<'_>, kind: Kind, axes: &[usize]) -> Result<(), Reason> {
    let extents = alternating(site, axes)?;
    let record: Record = match site.dtype() {
        DType::F32 => records::ReduceF32 { extents, kind: kind as u8, reserved: [0; 3] }.into(),
        DType::I8 | DType::I16 if kind.has_integers() => record_int(site, kind, extents)?.into(),
        other => return no_kernel(other),
    };
    site.emit(Emission::new(OpCode::Reduce, record, Overlap::Never));
    Ok(())
}

fn record_int(site: &Site<'_>, kind: Kind, extents: [u32; 7]) -> Result<records::ReduceInt, Reason> {
    let (x, y) = (site.operand_quantization(0)?, site.result_quantization()?);
    let [_, r0, _, r1, _, r2, _] = extents;
    let count = [r0, r1, r2].into_iter().fold(1_u64, |count, extent| count.saturating_mul(extent.into()));
    // Distances from the zero point are below 2^8, or at most 2^15; their sum stays below 2^31.
    let bits = if site.dtype() == DType::I8 { 8 } else { 16 };
    if count >= 1 << (31 - bits) && !kind.selects() {
        return refuse(format!("it adds {count} elements"), format!("less than {} fit the accumulator", 1 << (31 - bits)));
    }
    let factor = match kind {
        Kind::Sum => fixed::requantize(x, y).factor,
        Kind::Mean => fixed::mean_factor(x, y, count as usize),
        _ => FixedPoint { multiplier: 0, shift: 0 },
    };
    if !ALL_SHIFTS.contains(&factor.shift) {
        return refuse(format!("its factor is 2^{}", factor.shift), "recalibrate: its scales are unsound");
    }
    Ok(records::ReduceInt {
        extents,
        multiplier: factor.multiplier,
        shift: factor.shift as i8,
        kind: kind as u8,
        input_zero_point: x.zero_point() as i8,
        zero_point: y.zero_point() as i8,
    })
}

impl AxisAttributes for Reduce {
    fn follow(&mut self, form: &[usize]) -> Vec<usize> {
        reduction::follow(&mut self.axes, self.keep_dims, form)
    }
}

macro_rules! records {
    ($($record:ty),*) => { $(
        impl Parameters for $record {
            fn shapes(&self) -> Shapes {
                let [k0, _, k1, _, k2, _, k3] = self.extents;
                Shapes::of(&self.extents, &[k0, k1, k2, k3])
            }

            fn access(&self, _head: Head) -> Access<'_> {
                Access::Apart
            }
        }
    )* };
}
records!(records::ReduceF32, records::ReduceInt);

impl Parameters for records::ReduceMax {
    fn shapes(&self) -> Shapes {
        Shapes::of(&[self.outer, self.reduced, self.inner], &[self.outer, self.inner])
    }

    fn access(&self, _head: Head) -> Access<'_> {
        Access::Apart
    }
}
