//! Numbers of one type as numbers of another, without scales.

use core::fmt;

use kinglet_blob::{OpCode, records};

use super::common::attributes::Activation;
use super::common::real::{Real, Reals};
use super::common::{operands, types};
use super::lowering::{Emission, Reason, Site, narrow};
use super::operator::Operator;
use super::rule::layout::LayoutRule;
use super::rule::quantization::{Codes, End, Scaling};
use super::rule::rewrite::ReshapeRule;
use crate::record::Overlap;
use crate::value::{DType, Shape, ShapeError, Value};

/// The same numbers in another type. Integers wrap, floats lose their fraction, and what is not 0 is true.
///
/// A small integer without scale is a code of scale 1 and zero point 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Cast {
    /// The type.
    pub to: DType,
}

/// Types that are cast.
const NUMBERS: &[DType] = &[DType::F32, DType::I8, DType::U8, DType::I16, DType::I32, DType::Bool];

impl Operator for Cast {
    fn name(&self) -> &'static str {
        "Cast"
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " to={}", self.to.name())
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        Ok(vec![operands::one(inputs)?.to_vec()])
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        types::expect(inputs[0], NUMBERS)?;
        types::expect(outputs[0], &[self.to])?;
        for value in [inputs[0], outputs[0]] {
            if value.quantization.as_ref().is_some_and(|q| q.axis.is_some() || (q.scale(0), q.zero_point()) != (1.0, 0)) {
                return Err(format!("`{}` has a scale, which a change of type does not apply", value.name));
            }
        }
        types::expect(outputs[0], NUMBERS)
    }

    fn evaluate(&self, inputs: &[Real<'_>], _shapes: &[&[usize]]) -> Reals {
        let &Real { data, .. } = inputs.first()?;
        let integer = |x: f32| x as i32;
        let of = |&x: &f32| match self.to {
            DType::Bool => f32::from(u8::from(x != 0.0)),
            DType::I8 => f32::from(integer(x) as i8),
            DType::U8 => f32::from(integer(x) as u8),
            DType::I16 => f32::from(integer(x) as i16),
            DType::I32 => integer(x) as f32,
            _ => x,
        };
        Some(vec![data.iter().map(of).collect()])
    }

    fn changes_nothing(&self, _operand_count: usize, _operand: &Value, _clamp: Activation) -> bool {
        true
    }

    fn reshape_rule(&self) -> ReshapeRule {
        ReshapeRule::Passes
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::Elementwise
    }

    fn stays_on_floats(&self) -> bool {
        true
    }

    fn codes(&self) -> Codes {
        Codes::Rescaled
    }

    fn scale_floors(&self, _scaling: &dyn Scaling) -> Vec<(End, f32)> {
        Vec::new()
    }

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        let record = records::Cast { len: narrow(site.result().len(), "the number of elements")? };
        site.emit(Emission::new(OpCode::Cast, record, Overlap::Never));
        Ok(())
    }
}
