//! Axes in another order.

use core::fmt;

use super::common::attributes::Activation;
use super::common::real::{Real, Reals};
use super::common::{operands, types};
use super::lowering::rearrange::{self, Axis, Movement, strides};
use super::lowering::{Reason, Site};
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
        types::copying(inputs, outputs, types::ANY)
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

    /// Where the layout pass could not carry it to where nobody sees it.
    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        let (x, y) = (&site.operand(0).shape, &site.result().shape);
        let (from, to) = (strides(x), strides(y));
        let axes = self.permutation.iter().zip(y).zip(to);
        let axis = |((&axis, &count), output): ((&usize, &usize), usize)| Axis {
            count,
            input: from[axis] as isize,
            output,
        };
        rearrange::lower(site, (0, 0), Movement { from: 0, to: 0, axes: axes.map(axis).collect() })
    }
}

impl Transpose {
    /// True when the last axis stays where it is.
    fn keeps_channels(&self) -> bool {
        self.permutation.last() == Some(&self.permutation.len().wrapping_sub(1))
    }
}
