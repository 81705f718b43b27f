//! Mean over whole axes.

use core::fmt;

use kinglet_blob::OpCode;
use kinglet_blob::records::{MeanF32, MeanI8};
use kinglet_kernels::numerics::OutputStage;

use super::common::attributes::Activation;
use super::common::real::{Real, Reals, ravel, unravel};
use super::common::{fixed, operands, types};
use super::lowering::{Emission, Reason, Site, narrow, no_kernel, refuse};
use super::operator::Operator;
use super::rule::channels::{ChannelTies, Channels, Known};
use super::rule::layout::{AxisAttributes, LayoutRule};
use super::rule::quantization::{Codes, End, Scaling, rescaled};
use crate::record::{Overlap, Record};
use crate::value::{DType, Shape, ShapeError, Value, fail};

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
        write!(f, " axes {:?}{}", self.axes, if self.keep_dims { " keep" } else { "" })
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        let Mean { axes, keep_dims } = self;
        let x = operands::one(inputs)?;
        let ascending = axes.windows(2).all(|pair| pair[0] < pair[1]);
        if !ascending || axes.last().is_none_or(|&axis| axis >= x.len()) {
            return fail(format!("axes {axes:?} of an operand with {} axes must be ascending and not empty", x.len()));
        }
        let kept = x.iter().enumerate().filter_map(|(axis, &extent)| match (axes.contains(&axis), keep_dims) {
            (false, _) => Some(extent),
            (true, true) => Some(1),
            (true, false) => None,
        });
        Ok(vec![kept.collect()])
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        types::rescaling(inputs, outputs)
    }

    fn evaluate(&self, inputs: &[Real<'_>], _shapes: &[&[usize]]) -> Reals {
        let x = inputs[0];
        let extents = x.shape.iter().enumerate();
        let kept: Vec<usize> =
            extents.map(|(axis, &extent)| if self.axes.contains(&axis) { 1 } else { extent }).collect();
        let mut sums = vec![0.0f64; kept.iter().product()];
        for (flat, &element) in x.data.iter().enumerate() {
            let index = unravel(flat, x.shape).into_iter();
            let index = index.zip(&kept).map(|(at, &extent)| if extent == 1 { 0 } else { at });
            sums[ravel(index, &kept)] += f64::from(element);
        }
        let count = (x.data.len() / sums.len()) as f64;
        Some(vec![sums.into_iter().map(|sum| (sum / count) as f32).collect()])
    }

    /// An int8 mean rounds even when it averages one element.
    fn changes_nothing(&self, _operand_count: usize, operand: &Value, _clamp: Activation) -> bool {
        operand.dtype == DType::F32
    }

    fn keeps_axes_mut(&mut self) -> Option<&mut bool> {
        Some(&mut self.keep_dims)
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
        if self.takes_last_of(&x.shape) {
            return None;
        }
        let [qx, qy] = known.ends()?;
        let count: usize = self.axes.iter().map(|&axis| x.shape[axis]).product();
        let factor = fixed::mean_factor(qx, qy, count);
        let stage = OutputStage::unclamped(qy.zero_point());
        known.each(|q| stage.apply(((i64::from(q) - i64::from(qx.zero_point())) * count as i64) as i32, factor))
    }

    fn channel_ties(&self, shapes: &[&[usize]]) -> ChannelTies {
        let takes_last = shapes.first().is_none_or(|shape| self.takes_last_of(shape));
        if takes_last { ChannelTies::All } else { ChannelTies::InStep }
    }

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        let shape = &site.operand(0).shape;
        let Some([outer, reduced, inner]) = split(shape, &self.axes) else {
            return refuse(
                format!("it averages over the axes {:?} of {shape:?}, which do not lie next to each other", self.axes),
                "average over adjacent axes, one Mean after the other",
            );
        };
        let record: Record = match site.dtype() {
            DType::F32 => {
                let [outer, reduced, inner] = [extent(outer)?, extent(reduced)?, extent(inner)?];
                MeanF32 { outer, reduced, inner }.into()
            }
            DType::I8 => record_i8(site, [outer, reduced, inner])?.into(),
            other => return no_kernel(other),
        };
        site.emit(Emission::new(OpCode::Mean, record, Overlap::Never));
        Ok(())
    }
}

fn extent(extent: usize) -> Result<u32, Reason> {
    narrow(extent, "an extent")
}

fn record_i8(site: &Site<'_>, [outer, reduced, inner]: [usize; 3]) -> Result<MeanI8, Reason> {
    let (x, y) = (site.operand_quantization(0)?, site.result_quantization()?);
    // The sum of distances from the zero point stays below 255 for each element.
    if reduced > (i32::MAX / 256) as usize {
        return refuse(format!("it averages {reduced} elements"), "at most 8,388,607 fit the accumulator");
    }
    let factor = fixed::mean_factor(x, y, reduced);
    if !(-31..=30).contains(&factor.shift) {
        return refuse(format!("its factor is 2^{}", factor.shift), "recalibrate: its scales are unsound");
    }
    Ok(MeanI8 {
        outer: extent(outer)?,
        reduced: extent(reduced)?,
        inner: extent(inner)?,
        multiplier: factor.multiplier,
        shift: factor.shift as i8,
        input_zero_point: x.zero_point() as i8,
        zero_point: y.zero_point() as i8,
        reserved: 0,
    })
}

impl Mean {
    /// Whether it averages the last axis of an operand of `shape`.
    fn takes_last_of(&self, shape: &[usize]) -> bool {
        self.axes.last() == Some(&shape.len().wrapping_sub(1))
    }
}

impl AxisAttributes for Mean {
    fn follow(&mut self, form: &[usize]) -> Vec<usize> {
        let rank = form.len();
        let mut kept: Vec<usize> = self.axes.iter().map(|&axis| form[axis]).collect();
        kept.sort_unstable();
        let axes = core::mem::replace(&mut self.axes, kept);
        if self.keep_dims {
            return form.to_vec();
        }
        // Of the axes that stay: where each of the old value's is among the kept value's.
        let stay: Vec<usize> = (0..rank).filter(|axis| !self.axes.contains(axis)).collect();
        let old = (0..rank).filter(|axis| !axes.contains(axis)).map(|axis| form[axis]);
        old.filter_map(|axis| stay.iter().position(|&kept| kept == axis)).collect()
    }
}

/// `[outer, reduced, inner]` of a mean over `axes`; `None` when an axis longer than 1 lies between them.
fn split(shape: &[usize], axes: &[usize]) -> Option<[usize; 3]> {
    let long: Vec<usize> = axes.iter().copied().filter(|&axis| shape[axis] > 1).collect();
    let (&first, &last) = match (long.first(), long.last()) {
        (Some(first), Some(last)) => (first, last),
        _ => (axes.first()?, axes.first()?),
    };
    if (first..=last).any(|axis| shape[axis] > 1 && !axes.contains(&axis)) {
        return None;
    }
    let product = |range: &[usize]| range.iter().product::<usize>();
    Some([product(&shape[..first]), product(&shape[first..=last]), product(&shape[last + 1..])])
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn splits_around_adjacent_axes() {
        assert_eq!(split(&[2, 3, 4, 5], &[1, 2]), Some([2, 12, 5]));
        assert_eq!(split(&[2, 3, 4, 5], &[3]), Some([24, 5, 1]));
        assert_eq!(split(&[2, 3, 1, 5], &[1, 3]), Some([2, 15, 1]));
        assert_eq!(split(&[2, 3, 4, 5], &[1, 3]), None);
        assert_eq!(split(&[2, 1, 1, 5], &[1, 2]), Some([2, 1, 5]));
    }
}
