//! A box cut out of a tensor, or a grid of its elements.

use core::fmt;

use super::common::attributes::Activation;
use super::common::real::{Real, Reals, moved_reals, shapes_of};
use super::common::{operands, types};
use super::lowering::rearrange::{self, Axis, Movement, strides};
use super::lowering::{Reason, Site};
use super::operator::Operator;
use super::rule::channels::{ChannelTies, Channels, Known};
use super::rule::layout::{AxisAttributes, LayoutRule};
use super::rule::memory::Placement;
use super::rule::moves::{Moves, from_first};
use super::rule::quantization::{Codes, End, Scaling};
use super::rule::time::{Absent, Reach, TimeRule};
use crate::value::{Shape, ShapeError, Value, fail, inverse};

/// Some indices of each axis of `x`.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    /// One for each axis.
    pub cuts: Vec<Cut>,
}

/// The indices `begin, begin + stride ..` of an axis that are below `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The first index.
    pub begin: usize,
    /// Behind the last index; `None` for the end of the axis, whatever its extent.
    pub end: Option<usize>,
    /// From an index to the next, at least 1.
    pub stride: usize,
}

impl Cut {
    /// All of an axis.
    pub const ALL: Cut = Cut { begin: 0, end: None, stride: 1 };

    /// How many indices of an axis of `extent` it takes; `None` when it takes none, or reaches outside.
    fn count(&self, extent: usize) -> Option<usize> {
        let end = self.end.unwrap_or(extent);
        let is_inside = self.stride > 0 && self.begin < end && end <= extent;
        is_inside.then(|| (end - self.begin).div_ceil(self.stride))
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cut { begin, end, stride } = self;
        if *begin > 0 {
            write!(f, "{begin}")?;
        }
        f.write_str(":")?;
        end.map_or(Ok(()), |end| write!(f, "{end}"))?;
        if *stride == 1 { Ok(()) } else { write!(f, ":{stride}") }
    }
}

impl Operator for Slice {
    fn name(&self) -> &'static str {
        "Slice"
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cuts: Vec<String> = self.cuts.iter().map(Cut::to_string).collect();
        write!(f, " [{}]", cuts.join(", "))
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        let (x, cuts) = (operands::one(inputs)?, &self.cuts);
        if cuts.len() != x.len() {
            return fail(format!("{} cuts for {} axes", cuts.len(), x.len()));
        }
        let extents = cuts.iter().zip(x).map(|(cut, &extent)| {
            cut.count(extent).ok_or_else(|| ShapeError(format!("`{cut}` takes nothing of an axis of extent {extent}, or more than there is")))
        });
        Ok(vec![extents.collect::<Result<_, _>>()?])
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        types::copying(inputs, outputs, types::ANY)
    }

    fn evaluate(&self, inputs: &[Real<'_>], shapes: &[&[usize]]) -> Reals {
        moved_reals(self.moves(&shapes_of(inputs), shapes), inputs)
    }

    fn moves(&self, inputs: &[&[usize]], _outputs: &[&[usize]]) -> Option<Moves> {
        Some(from_first(self.sources(inputs.first()?)))
    }

    fn placement(&self, inputs: &[&[usize]]) -> Placement {
        Placement::Taken(inputs.first().and_then(|x| self.start(x)).into_iter().collect())
    }

    fn changes_nothing(&self, _operand_count: usize, _operand: &Value, _clamp: Activation) -> bool {
        true
    }

    fn time_rule(&self, axis: usize, _inputs: &[&[usize]]) -> TimeRule {
        match self.cuts.get(axis) {
            Some(&Cut::ALL) => TimeRule::Rows(axis),
            Some(cut) => {
                let before = -(cut.begin as isize);
                TimeRule::Windows(Reach { size: 1, stride: cut.stride, before, absent: Absent::Nothing })
            }
            None => TimeRule::Whole,
        }
    }

    fn begin_with_first_row(&mut self, axis: usize) {
        if let Some(cut) = self.cuts.get_mut(axis) {
            *cut = Cut { begin: 0, end: None, stride: cut.stride };
        }
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

    fn constant_channels(&self, known: &Known<'_>) -> Option<Channels> {
        let (all, cut) = (known.channels.first()?, self.cuts.last()?);
        let taken = all.iter().take(cut.end.unwrap_or(all.len())).skip(cut.begin).step_by(cut.stride);
        Some(taken.copied().collect())
    }

    fn channel_ties(&self, _shapes: &[&[usize]]) -> ChannelTies {
        let keeps_channels = self.cuts.last() == Some(&Cut::ALL);
        if keeps_channels { ChannelTies::InStep } else { ChannelTies::All }
    }

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        self.lower_part(site, 0)
    }
}

impl Slice {
    /// The element of `x` that each element of the result is. The cuts are those of [`Operator::infer`].
    pub(crate) fn sources(&self, x: &[usize]) -> Vec<usize> {
        let mut sources = vec![0];
        for (cut, &extent) in self.cuts.iter().zip(x) {
            let taken: Vec<usize> = (cut.begin..cut.end.unwrap_or(extent)).step_by(cut.stride.max(1)).collect();
            sources = sources.iter().flat_map(|row| taken.iter().map(move |index| row * extent + index)).collect();
        }
        sources
    }

    /// The first element of the result in `x`, when those behind it in the result are behind it in `x` too.
    pub(crate) fn start(&self, x: &[usize]) -> Option<usize> {
        let axes = || self.cuts.iter().zip(x);
        // Before the axis that is cut there must be one index of each, and all indices behind it.
        let counts: Vec<usize> = axes().map(|(cut, &extent)| cut.count(extent)).collect::<Option<_>>()?;
        let first = counts.iter().position(|&count| count > 1).unwrap_or(counts.len());
        let is_run = |(axis, (cut, &extent)): (usize, (&Cut, &usize))| {
            axis < first || (cut.stride == 1 && (axis == first || counts[axis] == extent))
        };
        let start = axes().fold(0, |start, (cut, &extent)| start * extent + cut.begin);
        axes().enumerate().all(is_run).then_some(start)
    }
}

impl Slice {
    /// Lowers a node whose result at position `result` is this slice: to nothing when it is where it belongs already.
    pub(crate) fn lower_part(&self, site: &mut Site<'_>, result: usize) -> Result<(), Reason> {
        let (x, y) = (&site.operand(0).shape, site.result_at(result));
        let size = y.dtype.size_bytes();
        if self.start(x).is_some_and(|start| site.is_in_operand(result, start * size)) {
            return Ok(());
        }
        let steps = strides(x).into_iter().zip(strides(&y.shape));
        let axes = self.cuts.iter().zip(&y.shape).zip(steps.clone());
        let axis = |((cut, &count), (input, output)): ((&Cut, &usize), (usize, usize))| Axis {
            count,
            input: (cut.stride * input) as isize,
            output,
        };
        let from = self.cuts.iter().zip(steps).map(|(cut, (input, _))| cut.begin * input).sum();
        rearrange::lower(site, (0, result), Movement { from, to: 0, axes: axes.map(axis).collect() })
    }
}

impl AxisAttributes for Slice {
    fn follow(&mut self, form: &[usize]) -> Vec<usize> {
        self.cuts = inverse(form).iter().map(|&axis| self.cuts[axis]).collect();
        form.to_vec()
    }
}
