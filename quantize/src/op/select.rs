//! Elements of one tensor where a condition holds, and of another where it does not.

use core::fmt;

use super::common::real::{Real, Reals};
use super::common::{elementwise, operands, types};
use super::lowering::{Reason, Site, grid};
use super::operator::Operator;
use super::rule::layout::LayoutRule;
use super::rule::quantization::{Codes, End, Scaling};
use crate::value::{DType, Shape, ShapeError, Value};

/// `a` where `condition` is true, `b` where it is not, operands `condition, a, b`, with broadcasting of axes of extent 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Select;

impl Operator for Select {
    fn name(&self) -> &'static str {
        "Select"
    }

    fn write_attributes(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        let [condition, a, b] = operands::three(inputs)?;
        Ok(vec![elementwise::broadcast(&elementwise::broadcast(condition, a)?, b)?])
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        types::expect(inputs[0], &[DType::Bool])?;
        types::moving(&inputs[1..], outputs, types::ANY)
    }

    fn evaluate(&self, inputs: &[Real<'_>], shapes: &[&[usize]]) -> Reals {
        let &[condition, a, b] = inputs else { return None };
        let all = elementwise::positions(shapes[0]);
        let at = |tensor: Real<'_>, index: &[usize]| tensor.data[elementwise::position(tensor.shape, index)];
        let of = |index: Vec<usize>| at(if at(condition, &index) != 0.0 { a } else { b }, &index);
        Some(vec![all.map(of).collect()])
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::Broadcast
    }

    fn codes(&self) -> Codes {
        Codes::Joined
    }

    fn scale_floors(&self, _scaling: &dyn Scaling) -> Vec<(End, f32)> {
        Vec::new()
    }

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        grid::select(site)
    }
}
