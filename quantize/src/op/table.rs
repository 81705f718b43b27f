//! Any function of one int8 element: what a chain of functions between two quantizations comes to.

use core::fmt;

use crate::value::{DType, Shape, ShapeError, Value};
use super::common::real::{Real, Reals};
use super::common::{operands, types};
use super::lowering::{Reason, Site, no_kernel, unary};
use super::operator::Operator;
use super::rule::channels::{ChannelTies, Channels, Known};
use super::rule::layout::LayoutRule;
use super::rule::quantization::{Codes, End, QUANTIZED_ALREADY, Scaling};
use super::rule::rewrite::ReshapeRule;

/// int8 `x` -> the code that `codes` has for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// For the codes −128 to 127, in order.
    pub codes: Box<[i8; 256]>,
}

impl Table {
    /// The table of a function.
    pub fn of(function: impl Fn(i8) -> i8) -> Self {
        let mut codes = Box::new([0; 256]);
        for (result, code) in codes.iter_mut().zip(i8::MIN..=i8::MAX) {
            *result = function(code);
        }
        Table { codes }
    }

    /// The result for `code`.
    pub fn at(&self, code: i8) -> i8 {
        self.codes[(i16::from(code) + 128) as usize]
    }
}

impl Operator for Table {
    fn name(&self) -> &'static str {
        "Table"
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, .., last] = &self.codes[..] else { return Ok(()) };
        write!(f, " {first}..{last}")
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        operands::like_operand(inputs)
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        types::rescaling_among(inputs, outputs, &[DType::I8])
    }

    fn evaluate(&self, _inputs: &[Real<'_>], _shapes: &[&[usize]]) -> Reals {
        None
    }

    fn reshape_rule(&self) -> ReshapeRule {
        ReshapeRule::Passes
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::Elementwise
    }

    fn no_int8_form(&self) -> Option<&'static str> {
        Some(QUANTIZED_ALREADY)
    }

    fn codes(&self) -> Codes {
        Codes::Rescaled
    }

    fn scale_floors(&self, _scaling: &dyn Scaling) -> Vec<(End, f32)> {
        Vec::new()
    }

    fn constant_channels(&self, known: &Known<'_>) -> Option<Channels> {
        known.each(|code| self.at(code))
    }

    fn channel_ties(&self, _shapes: &[&[usize]]) -> ChannelTies {
        ChannelTies::InStep
    }

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        match site.dtype() {
            DType::I8 => unary::lower_table(site, |code| self.at(code)),
            other => no_kernel(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_its_function_at_every_code() {
        let table = Table::of(|code| code.wrapping_neg());
        assert_eq!([-128, -127, 0, 1, 127].map(|code| table.at(code)), [-128, 127, 0, -1, -127]);
    }
}
