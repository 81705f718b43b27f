//! Several tensors behind each other.

use core::fmt;

use kinglet_blob::OpCode;
use kinglet_blob::records::Copy;

use super::common::attributes::Activation;
use super::common::real::{Real, Reals, moved_reals, shapes_of};
use super::common::types;
use super::lowering::{Emission, Read, Reason, Site, narrow};
use super::operator::Operator;
use super::rule::channels::{ChannelTies, Channels, Known};
use super::rule::layout::{AxisAttributes, LayoutRule};
use super::rule::memory::Placement;
use super::rule::moves::{Moves, Source};
use super::rule::quantization::{Codes, End, Scaling, rescaled};
use super::rule::time::TimeRule;
use crate::record::Overlap;
use crate::value::{Shape, ShapeError, Value, fail};

/// All inputs, one after the other along `axis`.
#[derive(Clone, Debug, PartialEq)]
pub struct Concat {
    /// The axis.
    pub axis: usize,
}

impl Operator for Concat {
    fn name(&self) -> &'static str {
        "Concat"
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " axis {}", self.axis)
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        let axis = self.axis;
        let Some((first, rest)) = inputs.split_first() else {
            return fail("takes at least 1 operand".into());
        };
        let mut shape = first.to_vec();
        if rest.is_empty() && shape.is_empty() && axis == 0 {
            // Of one scalar: the copy of a constant that is an output.
            return Ok(vec![shape]);
        }
        let Some(mut total) = shape.get(axis).copied() else {
            return fail(format!("axis {axis} of an operand with {} axes", shape.len()));
        };
        for other in rest {
            let same = other.len() == shape.len() && (0..shape.len()).all(|a| a == axis || other[a] == shape[a]);
            if !same {
                return fail(format!("operands {first:?} and {other:?} differ outside axis {axis}"));
            }
            total = total.checked_add(other[axis]).ok_or_else(|| ShapeError("operands are too large".into()))?;
        }
        shape[axis] = total;
        Ok(vec![shape])
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        types::moving(inputs, outputs, types::ANY)
    }

    fn evaluate(&self, inputs: &[Real<'_>], shapes: &[&[usize]]) -> Reals {
        moved_reals(self.moves(&shapes_of(inputs), shapes), inputs)
    }

    fn moves(&self, inputs: &[&[usize]], _outputs: &[&[usize]]) -> Option<Moves> {
        let rows: usize = inputs.first()?.get(..self.axis)?.iter().product();
        let mut result = Vec::new();
        for row in 0..rows {
            for (operand, shape) in inputs.iter().enumerate() {
                let block: usize = shape[self.axis..].iter().product();
                result.extend((row * block..(row + 1) * block).map(|element| Source { operand, element }));
            }
        }
        Some(vec![result])
    }

    fn placement(&self, inputs: &[&[usize]]) -> Placement {
        let outer = inputs.first().and_then(|shape| shape.get(..self.axis));
        if outer.is_none_or(|outer| outer.iter().any(|&extent| extent > 1)) {
            return Placement::Joined(Vec::new());
        }
        let mut next = 0;
        let start = |shape: &&[usize]| {
            let start = next;
            next += shape.iter().product::<usize>();
            start
        };
        Placement::Joined(inputs.iter().map(start).collect())
    }

    fn changes_nothing(&self, operand_count: usize, _operand: &Value, _clamp: Activation) -> bool {
        operand_count == 1
    }

    fn stores_constants(&self) -> bool {
        true
    }

    fn time_rule(&self, axis: usize, _inputs: &[&[usize]]) -> TimeRule {
        if self.axis == axis { TimeRule::Whole } else { TimeRule::Rows(axis) }
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::Axes(self)
    }

    fn codes(&self) -> Codes {
        Codes::Joined
    }

    fn scale_floors(&self, scaling: &dyn Scaling) -> Vec<(End, f32)> {
        let requantized = (0..scaling.operand_count()).filter(|&position| scaling.is_rescaled(position));
        requantized.map(|position| rescaled(scaling, position)).collect()
    }

    fn constant_channels(&self, known: &Known<'_>) -> Option<Channels> {
        let mut parts = known.channels.iter();
        if self.is_last_of(&known.result.shape) {
            return Some(parts.flat_map(|&part| part).copied().collect());
        }
        let mut channels = (*parts.next()?).clone();
        for &part in parts {
            for (channel, other) in channels.iter_mut().zip(part) {
                *channel = channel.filter(|q| Some(*q) == *other);
            }
        }
        Some(channels)
    }

    fn channel_ties(&self, shapes: &[&[usize]]) -> ChannelTies {
        let along_channels = shapes.first().is_some_and(|shape| self.is_last_of(shape));
        if along_channels { ChannelTies::Concatenated } else { ChannelTies::InStep }
    }

    /// A copy for each operand that is not computed in its place already; constants never are.
    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        let (output, size) = (&site.result().shape, site.dtype().size_bytes());
        let blocks: usize = output[..self.axis].iter().product();
        let output_stride = output[self.axis..].iter().product::<usize>() * size;
        let mut offset = 0;
        for position in 0..site.operand_count() {
            let operand = site.operand(position);
            let block_bytes = operand.shape[self.axis..].iter().product::<usize>() * size;
            let read = match &operand.elements {
                Some(elements) => Read::Constant(operand.dtype, site.store(elements.bytes())?),
                None => Read::Operand(position),
            };
            if !site.is_in_result(position, offset) {
                let record = Copy {
                    blocks: narrow(blocks, "the number of blocks")?,
                    block_bytes: narrow(block_bytes, "a block's length")?,
                    input_stride: narrow(block_bytes, "a block's length")?,
                    output_stride: narrow(output_stride, "a block's length")?,
                };
                site.emit(Emission {
                    reads: vec![read],
                    output_offset: offset,
                    ..Emission::new(OpCode::Copy, record, Overlap::Never)
                });
            }
            offset += block_bytes;
        }
        Ok(())
    }
}

impl Concat {
    fn is_last_of(&self, shape: &[usize]) -> bool {
        self.axis + 1 == shape.len()
    }
}

impl AxisAttributes for Concat {
    fn follow(&mut self, form: &[usize]) -> Vec<usize> {
        self.axis = form[self.axis];
        form.to_vec()
    }
}
