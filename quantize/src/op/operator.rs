//! What every operator says about itself.

use core::fmt;

use super::common::attributes::{Activation, Window};
use super::common::real::{Real, Reals};
use super::lowering::{Reason, Site};
use super::rule::channels::{ChannelTies, Channels, Known};
use super::rule::layer::Layer;
use super::rule::layout::LayoutRule;
use super::rule::memory::Placement;
use super::rule::moves::Moves;
use super::rule::quantization::{Codes, End, Scaling};
use super::rule::rewrite::{Border, ChannelAffine, ReshapeRule, ZerosRule};
use super::rule::time::TimeRule;
use super::{CodedForest, Ensemble};
use crate::value::{Shape, ShapeError, Value};

/// An operator with its attributes.
///
/// A method without a body is one whose answer nobody can guess; one with a body does nothing special, which is
/// right for an operator that a pass does not know, and at worst leaves work in that the pass could have saved.
pub(crate) trait Operator {
    /// Its name in messages and reports.
    fn name(&self) -> &'static str;

    /// Its attributes in a graph's text, each with a space in front; what has its usual value is left out.
    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;

    /// The shapes of its results; or why it cannot be applied, by its operands' shapes or by its own attributes.
    /// Numbers straight from a hostile file can be passed in.
    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError>;

    /// Whether a result for which [`Operator::infer`] says `inferred` may have the shape `declared`.
    fn may_have_shape(&self, inferred: &[usize], declared: &[usize]) -> bool {
        inferred == declared
    }

    /// Element types and quantizations it may connect, in shapes that fit; the error continues a sentence.
    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String>;

    /// What it means: the formula on reals, for results of `shapes`. `None` when it is no function on reals.
    fn evaluate(&self, inputs: &[Real<'_>], shapes: &[&[usize]]) -> Reals;

    /// The reals that operands which are codes stand for, when that is its result. Only asked of constants.
    fn decode(&self, _inputs: &[&Value]) -> Reals {
        None
    }

    /// Where every element of its results comes from, when it only moves elements, whatever their type.
    fn moves(&self, _inputs: &[&[usize]], _outputs: &[&[usize]]) -> Option<Moves> {
        None
    }

    /// Which of its results and operands, of shapes `inputs`, can be the same memory; only asked when
    /// [`Operator::moves`] knows where every element comes from.
    fn placement(&self, _inputs: &[&[usize]]) -> Placement {
        Placement::Apart
    }

    /// The activation fused into it, when it can carry one.
    fn activation_mut(&mut self) -> Option<&mut Activation> {
        None
    }

    /// The bounds that its result keeps, fused or its own.
    fn clamp(&self) -> Activation {
        Activation::None
    }

    /// The activation that is all it computes.
    fn as_activation(&self) -> Option<Activation> {
        None
    }

    /// The border of one value that it puts around its operand, when that is all it does.
    fn border(&self) -> Option<Border<'_>> {
        None
    }

    /// What it could do itself with a border of zeros around its first operand.
    fn zeros_rule(&mut self) -> ZerosRule<'_> {
        ZerosRule::Stay
    }

    /// Whether the axes that it reduces stay with extent 1, when it reduces any.
    fn keeps_axes_mut(&mut self) -> Option<&mut bool> {
        None
    }

    /// How it reads its weights; `None` when it has none. Operands of a layer but the first are parameters.
    fn layer(&self) -> Option<Layer> {
        None
    }

    /// Whether its result is the nearest code of each real.
    fn encodes(&self) -> bool {
        false
    }

    /// Whether its result is the real that each code stands for.
    fn decodes(&self) -> bool {
        false
    }

    /// Whether every element of its result is one of its first operand's, the largest or the smallest of some.
    fn selects(&self) -> bool {
        false
    }

    /// Whether it has operands or results that are int32 indices, whatever its other ones are.
    fn has_indices(&self) -> bool {
        false
    }

    /// Makes it take its states from a second operand, and give what they are in the end as the end of its result: how many
    /// elements they have, or why it cannot. `None` for one that has none, or is given them.
    fn keep_states(&mut self, _inputs: &[&[usize]]) -> Option<Result<usize, &'static str>> {
        None
    }

    /// How it goes along `axis` of its operands, of shapes `inputs`, all of which have their rows there. Only asked of
    /// operators with a layout of their own or with attributes that name axes: what the others do follows from
    /// [`Operator::layout`].
    fn time_rule(&self, _axis: usize, _inputs: &[&[usize]]) -> TimeRule {
        TimeRule::Whole
    }

    /// Makes its windows along `axis` begin with the first row, without padding. Only asked when windows are its
    /// [`Operator::time_rule`].
    fn begin_with_first_row(&mut self, _axis: usize) {}

    /// The window that it slides over each channel on its own, without weights.
    fn pool(&self) -> Option<Window> {
        None
    }

    /// Whether its one result is its first operand (of `operand_count`), which has the result's shape, type and
    /// quantization and keeps the bounds `clamp`.
    fn changes_nothing(&self, _operand_count: usize, _operand: &Value, _clamp: Activation) -> bool {
        false
    }

    /// Whether its operands may be constants all of them, which it then puts into the arena.
    fn stores_constants(&self) -> bool {
        false
    }

    /// Whether its result has as many rows as there can be, and those behind the last one begin with -1.
    fn fills_rows(&self) -> bool {
        false
    }

    /// The trees that it is.
    fn ensemble(&self) -> Option<&Ensemble> {
        None
    }

    /// The trees on codes that it is.
    fn coded_forest(&self) -> Option<&CodedForest> {
        None
    }

    /// Whether codes of 8 bits in the place of its one operand and its one result are too coarse to show what it does.
    fn vanishes_in_codes(&self) -> bool {
        false
    }

    /// Whether it can trade places with a reshape of its first operand.
    fn reshape_rule(&self) -> ReshapeRule {
        ReshapeRule::Stays
    }

    /// What it computes in each channel, when that is affine.
    fn channel_affine(&self) -> Option<ChannelAffine> {
        None
    }

    /// What a change of layout does to it.
    fn layout(&mut self) -> LayoutRule<'_>;

    /// Why it has no int8 form, and what would work.
    fn no_int8_form(&self) -> Option<&'static str> {
        None
    }

    /// Whether our quantizer leaves it on floats, between a Dequantize and a Quantize, because codes are too coarse for it.
    fn stays_on_floats(&self) -> bool {
        false
    }

    /// How the codes of its results come from those of its operands.
    fn codes(&self) -> Codes;

    /// Beyond this (and below its negative) an operand makes no difference to an int8 result.
    fn saturates_at(&self) -> Option<f32> {
        None
    }

    /// The smallest scales with which its integer arithmetic works.
    fn scale_floors(&self, scaling: &dyn Scaling) -> Vec<(End, f32)>;

    /// The constant channels of its one int8 result; `None` when nothing is known. Not asked of a [`Layer`].
    fn constant_channels(&self, _known: &Known<'_>) -> Option<Channels> {
        None
    }

    /// Which channels it keeps in step, for operands of `shapes`. Not asked of a [`Layer`].
    fn channel_ties(&self, _shapes: &[&[usize]]) -> ChannelTies {
        ChannelTies::All
    }

    /// Whether its results have their channels scaled as all its operands have, by any positive factors, apart from what
    /// [`Operator::clamp`] says of it; by the shapes of operands and result. Not asked of a [`Layer`].
    fn scales_with_operands(&self, _inputs: &[&[usize]], _output: &[usize]) -> bool {
        false
    }

    /// Emits the records that compute it on `site`, or says why none can and what would work.
    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason>;
}
