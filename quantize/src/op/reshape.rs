//! Another shape of the same elements.

use core::fmt;

use super::common::attributes::Activation;
use super::common::real::{Real, Reals};
use super::common::{operands, types};
use super::lowering::{Reason, Site};
use super::operator::Operator;
use super::rule::channels::{ChannelTies, Channels, Known, channel_count, gcd};
use super::rule::layout::LayoutRule;
use super::rule::memory::Placement;
use super::rule::moves::{Moves, from_first};
use super::rule::quantization::{Codes, End, Scaling};
use crate::value::{Shape, ShapeError, Value, checked_len};

/// The same elements in row-major order under the output's shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Reshape;

impl Operator for Reshape {
    fn name(&self) -> &'static str {
        "Reshape"
    }

    fn write_attributes(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }

    /// The result is not determined by the operand: this is the flat shape `[len]`, and any shape of that many
    /// elements is right.
    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        Ok(vec![vec![checked_len(operands::one(inputs)?)?]])
    }

    fn may_have_shape(&self, inferred: &[usize], declared: &[usize]) -> bool {
        checked_len(declared).is_ok_and(|len| inferred == [len])
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        types::copying(inputs, outputs, types::ANY)
    }

    fn evaluate(&self, inputs: &[Real<'_>], _shapes: &[&[usize]]) -> Reals {
        Some(vec![inputs.first()?.data.to_vec()])
    }

    fn moves(&self, inputs: &[&[usize]], _outputs: &[&[usize]]) -> Option<Moves> {
        Some(from_first(0..inputs.first()?.iter().product()))
    }

    fn placement(&self, _inputs: &[&[usize]]) -> Placement {
        Placement::Renamed
    }

    fn changes_nothing(&self, _operand_count: usize, _operand: &Value, _clamp: Activation) -> bool {
        true
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::Reshapes
    }

    fn codes(&self) -> Codes {
        Codes::Kept
    }

    fn scale_floors(&self, _scaling: &dyn Scaling) -> Vec<(End, f32)> {
        Vec::new()
    }

    /// New channel `j` holds elements of the old channels that are `j` modulo the greatest common divisor of both
    /// extents.
    fn constant_channels(&self, known: &Known<'_>) -> Option<Channels> {
        let (&old, channels) = (known.channels.first()?, channel_count(known.result));
        let step = gcd(old.len(), channels);
        let of_residue = |residue: usize| {
            let mut all = old.iter().skip(residue).step_by(step);
            let first = (*all.next()?)?;
            all.all(|&channel| channel == Some(first)).then_some(first)
        };
        let residues: Channels = (0..step).map(of_residue).collect();
        Some((0..channels).map(|channel| residues[channel % step]).collect())
    }

    fn channel_ties(&self, _shapes: &[&[usize]]) -> ChannelTies {
        ChannelTies::Reshaped
    }

    /// Nothing runs: the result is the operand ([`Placement::Renamed`]).
    fn scales_with_operands(&self, inputs: &[&[usize]], output: &[usize]) -> bool {
        inputs.first().is_some_and(|shape| shape.last() == output.last())
    }

    fn lower(&self, _site: &mut Site<'_>) -> Result<(), Reason> {
        Ok(())
    }
}
