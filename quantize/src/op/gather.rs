//! Rows of a tensor that indices name which are computed at run time.

use core::fmt;

use kinglet_blob::{OpCode, records};

use super::common::real::{Real, Reals};
use super::common::rows::{Naming, check_indices};
use super::common::{operands, types};
use super::lowering::{Emission, Reason, Site};
use super::operator::Operator;
use super::rule::layout::LayoutRule;
use super::rule::quantization::{Codes, End, Scaling};
use crate::record::{Access, Head, Overlap, Parameters, Shapes};
use crate::value::{Shape, ShapeError, Value};

/// `x [batch.., outer.., places.., inner..]` and tuples of `indices [batch.., count.., depth]`, which name a place of as many
/// axes from `axis` on -> `[batch.., outer.., count.., inner..]`. An index below zero counts from the end; one that is outside
/// is the nearest that there is.
#[derive(Clone, Debug, PartialEq)]
pub struct Gather {
    /// Leading axes that both operands share.
    pub batch: usize,
    /// The first axis that is indexed.
    pub axis: usize,
}

impl Gather {
    fn naming(&self) -> Naming {
        Naming { batch: self.batch, axis: self.axis }
    }
}

impl Operator for Gather {
    fn name(&self) -> &'static str {
        "Gather"
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " axis {}", self.axis)?;
        if self.batch == 0 { Ok(()) } else { write!(f, " batch {}", self.batch) }
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        let [x, indices] = operands::two(inputs)?;
        Ok(vec![self.naming().rows(x, indices)?])
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        check_indices(inputs[1])?;
        types::copying(&inputs[..1], outputs, types::ANY)
    }

    fn evaluate(&self, inputs: &[Real<'_>], _shapes: &[&[usize]]) -> Reals {
        let &[x, indices] = inputs else { return None };
        let places = self.naming().places(x.shape, indices.shape, |at| indices.data[at] as i64).ok()?;
        Some(vec![places.into_iter().map(|place| x.data[place]).collect()])
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::Fixed
    }

    fn has_indices(&self) -> bool {
        true
    }

    fn codes(&self) -> Codes {
        Codes::Kept
    }

    fn scale_floors(&self, _scaling: &dyn Scaling) -> Vec<(End, f32)> {
        Vec::new()
    }

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        let record = self.naming().record(&site.operand(0).shape, &site.operand(1).shape)?;
        let reads = site.reads()?;
        site.emit(Emission { reads, ..Emission::new(OpCode::Gather, record, Overlap::Never) });
        Ok(())
    }
}

impl Parameters for records::Gather {
    fn shapes(&self) -> Shapes {
        let [a, b, c, d] = self.extents;
        let (batches, outer, inner) = (self.batches, self.outer, self.inner);
        Shapes::of(&[batches, outer, a, b, c, d, inner], &[batches, outer, self.count, inner])
    }

    fn access(&self, _head: Head) -> Access<'_> {
        Access::Apart
    }

    fn operand_lens(&self) -> Vec<usize> {
        let indices = [self.batches, self.count, self.depth].map(|extent| extent as usize);
        vec![self.shapes().input.iter().product(), indices.iter().product()]
    }
}
