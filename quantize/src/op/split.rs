//! One tensor taken apart.

use core::fmt;

use super::common::real::{Real, Reals, moved_reals, shapes_of};
use super::common::{operands, types};
use super::lowering::{Reason, Site};
use super::operator::Operator;
use super::rule::channels::ChannelTies;
use super::rule::layout::{AxisAttributes, LayoutRule};
use super::rule::memory::Placement;
use super::rule::moves::{Moves, from_first};
use super::rule::quantization::{Codes, End, Scaling};
use super::rule::time::TimeRule;
use super::slice::{Cut, Slice};
use crate::op::common::attributes::Activation;
use crate::value::{Shape, ShapeError, Value, fail};

/// Parts of `x`, one after the other along `axis`: as many results as `sizes`.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// The axis.
    pub axis: usize,
    /// Extent of each part; they sum up to that of the operand.
    pub sizes: Vec<usize>,
}

impl Operator for Split {
    fn name(&self) -> &'static str {
        "Split"
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " axis {} into {:?}", self.axis, self.sizes)
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        let (x, axis) = (operands::one(inputs)?, self.axis);
        let Some(&extent) = x.get(axis) else {
            return fail(format!("axis {axis} of an operand with {} axes", x.len()));
        };
        let total = self.sizes.iter().try_fold(0usize, |total, &size| total.checked_add(size));
        if total != Some(extent) || self.sizes.contains(&0) {
            return fail(format!("axis {axis} of extent {extent} cannot be split into {:?}", self.sizes));
        }
        let part = |&size: &usize| {
            let mut shape = x.to_vec();
            shape[axis] = size;
            shape
        };
        Ok(self.sizes.iter().map(part).collect())
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        types::moving(inputs, outputs, types::ANY)
    }

    fn evaluate(&self, inputs: &[Real<'_>], shapes: &[&[usize]]) -> Reals {
        moved_reals(self.moves(&shapes_of(inputs), shapes), inputs)
    }

    fn moves(&self, inputs: &[&[usize]], _outputs: &[&[usize]]) -> Option<Moves> {
        let &x = inputs.first()?;
        self.slices(x.len()).iter().map(|part| from_first(part.sources(x)).pop()).collect()
    }

    fn placement(&self, inputs: &[&[usize]]) -> Placement {
        let starts = inputs.first().map(|&x| self.slices(x.len()).iter().map(|part| part.start(x)).collect());
        Placement::Taken(starts.flatten().unwrap_or_default())
    }

    fn changes_nothing(&self, _operand_count: usize, _operand: &Value, _clamp: Activation) -> bool {
        true
    }

    fn time_rule(&self, axis: usize, _inputs: &[&[usize]]) -> TimeRule {
        if self.axis == axis { TimeRule::Whole } else { TimeRule::Rows(axis) }
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::Axes(self)
    }

    fn codes(&self) -> Codes {
        Codes::Kept
    }

    fn scale_floors(&self, _scaling: &dyn Scaling) -> Vec<(End, f32)> {
        Vec::new()
    }

    fn channel_ties(&self, shapes: &[&[usize]]) -> ChannelTies {
        let along_channels = shapes.first().is_none_or(|shape| self.axis + 1 == shape.len());
        if along_channels { ChannelTies::All } else { ChannelTies::InStep }
    }

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        let parts = self.slices(site.operand(0).shape.len());
        parts.iter().enumerate().try_for_each(|(result, part)| part.lower_part(site, result))
    }
}

impl Split {
    /// Each part of an operand with so many axes, as the slice that it is.
    pub(crate) fn slices(&self, rank: usize) -> Vec<Slice> {
        let mut begin = 0;
        let part = |&size: &usize| {
            let mut cuts = vec![Cut::ALL; rank];
            cuts[self.axis] = Cut { begin, end: Some(begin + size), stride: 1 };
            begin += size;
            Slice { cuts }
        };
        self.sizes.iter().map(part).collect()
    }
}

impl AxisAttributes for Split {
    fn follow(&mut self, form: &[usize]) -> Vec<usize> {
        self.axis = form[self.axis];
        form.to_vec()
    }
}
