//! A tensor in which the rows that indices name are others.

use core::fmt;

use kinglet_blob::{OpCode, records};
pub use kinglet_kernels::gather::Update;

use super::common::real::{Real, Reals};
use super::common::rows::{Naming, check_indices};
use super::common::{operands, types};
use super::lowering::{Emission, Reason, Site};
use super::operator::Operator;
use super::rule::layout::LayoutRule;
use super::rule::quantization::{Codes, End, Scaling};
use crate::record::{Access, Head, Overlap, Parameters, Shapes};
use crate::value::{DType, Shape, ShapeError, Value, fail};

/// `x`, `indices` and the rows that they name of it (see [`super::Gather`]) -> `x` with these rows, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Scatter {
    /// Leading axes that all operands share.
    pub batch: usize,
    /// The first axis that is indexed.
    pub axis: usize,
    /// What becomes of a row and the one in its place.
    pub update: Update,
}

impl Scatter {
    fn naming(&self) -> Naming {
        Naming { batch: self.batch, axis: self.axis }
    }
}

impl Operator for Scatter {
    fn name(&self) -> &'static str {
        "Scatter"
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " axis {}", self.axis)?;
        if self.batch > 0 {
            write!(f, " batch {}", self.batch)?;
        }
        if self.update == Update::Replace { Ok(()) } else { write!(f, " {:?}", self.update) }
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        let [x, indices, rows] = operands::three(inputs)?;
        let named = self.naming().rows(x, indices)?;
        if named != rows {
            return fail(format!("names rows of shape {named:?}, and has {rows:?}"));
        }
        Ok(vec![x.to_vec()])
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        check_indices(inputs[1])?;
        let numbers: &[DType] = if self.update == Update::Replace { types::ANY } else { &[DType::F32, DType::I32] };
        types::moving(&[inputs[0], inputs[2]], outputs, numbers)
    }

    fn evaluate(&self, inputs: &[Real<'_>], _shapes: &[&[usize]]) -> Reals {
        let &[x, indices, rows] = inputs else { return None };
        let mut results = x.data.to_vec();
        let places = self.naming().places(x.shape, indices.shape, |at| indices.data[at] as i64).ok()?;
        for (place, &by) in places.into_iter().zip(rows.data) {
            let before = results[place];
            results[place] = match self.update {
                Update::Replace => by,
                Update::Add => before + by,
                Update::Mul => before * by,
                Update::Min => before.min(by),
                Update::Max => before.max(by),
            };
        }
        Some(vec![results])
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::Fixed
    }

    fn stays_on_floats(&self) -> bool {
        self.update != Update::Replace
    }

    fn has_indices(&self) -> bool {
        true
    }

    fn codes(&self) -> Codes {
        if self.update == Update::Replace { Codes::Joined } else { Codes::Rescaled }
    }

    fn scale_floors(&self, _scaling: &dyn Scaling) -> Vec<(End, f32)> {
        Vec::new()
    }

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        let rows = self.naming().record(&site.operand(0).shape, &site.operand(1).shape)?;
        let record = records::Scatter { rows, update: self.update as u8, reserved: [0; 3] };
        let reads = site.reads()?;
        site.emit(Emission { reads, ..Emission::new(OpCode::Scatter, record, Overlap::Never) });
        Ok(())
    }
}

impl Parameters for records::Scatter {
    fn shapes(&self) -> Shapes {
        let all = self.rows.shapes();
        Shapes { output: all.input.clone(), ..all }
    }

    fn access(&self, _head: Head) -> Access<'_> {
        Access::Apart
    }

    fn operand_lens(&self) -> Vec<usize> {
        let mut lens = self.rows.operand_lens();
        lens.push(self.rows.shapes().output.iter().product());
        lens
    }
}
