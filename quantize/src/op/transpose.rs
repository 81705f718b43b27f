//! Axes in another order.

use core::fmt;

use super::common::attributes::Activation;
use super::common::real::{Real, Reals};
use super::common::{operands, types};
use super::lowering::{Reason, Site, refuse};
use super::operator::Operator;
use super::rule::channels::{ChannelTies, Channels, Known};
use super::rule::layout::LayoutRule;
use super::rule::moves::{Moves, from_first};
use super::rule::quantization::{Codes, End, Scaling};
use crate::value::{Shape, ShapeError, Value, fail, is_permutation, transposed};

/// Axis `i` of the output is axis `permutation[i]` of the input.
#[derive(Clone, Debug, PartialEq)]
pub struct Transpose {
    /// The permutation.
    pub permutation: Vec<usize>,
}

impl Operator for Transpose {
    fn name(&self) -> &'static str {
        "Transpose"
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " {:?}", self.permutation)
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        let (x, permutation) = (operands::one(inputs)?, &self.permutation);
        if !is_permutation(permutation, x.len()) {
            return fail(format!("{permutation:?} is no permutation of {} axes", x.len()));
        }
        Ok(vec![permutation.iter().map(|&axis| x[axis]).collect()])
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        types::moving(inputs, outputs, types::ANY)
    }

    fn evaluate(&self, inputs: &[Real<'_>], _shapes: &[&[usize]]) -> Reals {
        let x = inputs[0];
        Some(vec![transposed(x.data, x.shape, &self.permutation)])
    }

    fn moves(&self, inputs: &[&[usize]], _outputs: &[&[usize]]) -> Option<Moves> {
        let &x = inputs.first()?;
        let all: Vec<usize> = (0..x.iter().product()).collect();
        Some(from_first(transposed(&all, x, &self.permutation)))
    }

    fn changes_nothing(&self, _operand_count: usize, _operand: &Value, _clamp: Activation) -> bool {
        self.permutation.is_sorted()
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::Transposes(&self.permutation)
    }

    fn codes(&self) -> Codes {
        Codes::Kept
    }

    fn scale_floors(&self, _scaling: &dyn Scaling) -> Vec<(End, f32)> {
        Vec::new()
    }

    fn constant_channels(&self, known: &Known<'_>) -> Option<Channels> {
        if self.keeps_channels() { known.each(|q| q) } else { None }
    }

    fn channel_ties(&self, _shapes: &[&[usize]]) -> ChannelTies {
        if self.keeps_channels() { ChannelTies::InStep } else { ChannelTies::All }
    }

    /// Only where the layout pass could not carry it away.
    fn lower(&self, _site: &mut Site<'_>) -> Result<(), Reason> {
        refuse(
            format!("the permutation {:?} could not be moved to an input or output of the model", self.permutation),
            "only layout changes around channels-first operators are supported",
        )
    }
}

impl Transpose {
    /// True when the last axis stays where it is.
    fn keeps_channels(&self) -> bool {
        self.permutation.last() == Some(&self.permutation.len().wrapping_sub(1))
    }
}
