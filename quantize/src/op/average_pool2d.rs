//! Mean under a window.

use core::fmt;

use kinglet_blob::OpCode;

use super::common::attributes::{Activation, Window};
use super::common::real::{Real, Reals, activated};
use super::common::{fixed, operands, types, window};
use super::lowering::{Reason, Site, pool};
use super::operator::Operator;
use super::rule::channels::{ChannelTies, Channels, Known};
use super::rule::layout::LayoutRule;
use super::rule::quantization::{Codes, End, Scaling};
use super::rule::time::{Absent, TimeRule};
use crate::value::{DType, Shape, ShapeError, Value};

/// Mean over each window of `x [N, H, W, C]`.
#[derive(Clone, Debug, PartialEq)]
pub struct AveragePool2D {
    /// The window.
    pub window: Window,
    /// Fused activation.
    pub activation: Activation,
}

impl Operator for AveragePool2D {
    fn name(&self) -> &'static str {
        "AveragePool2D"
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.window, self.activation)
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        Ok(vec![window::pooled(&self.window, operands::one(inputs)?)?])
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        types::moving(inputs, outputs, &[DType::F32, DType::I8, DType::I16])
    }

    fn evaluate(&self, inputs: &[Real<'_>], shapes: &[&[usize]]) -> Reals {
        let reduce = |seen: &[f64]| seen.iter().sum::<f64>() / seen.len() as f64;
        activated(window::pool(&self.window, inputs[0], shapes[0], reduce), self.activation)
    }

    fn activation_mut(&mut self) -> Option<&mut Activation> {
        Some(&mut self.activation)
    }

    fn clamp(&self) -> Activation {
        self.activation
    }

    fn pool(&self) -> Option<Window> {
        Some(self.window)
    }

    fn changes_nothing(&self, _operand_count: usize, _operand: &Value, _clamp: Activation) -> bool {
        self.activation == Activation::None && self.window.is_one_element()
    }

    fn time_rule(&self, axis: usize, _inputs: &[&[usize]]) -> TimeRule {
        window::time_rule(axis, self.window.size, &self.window.slide(), Absent::Nothing)
    }

    fn begin_with_first_row(&mut self, axis: usize) {
        window::begin_with_first_row(axis, &mut self.window.padding);
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::Fixed
    }

    fn codes(&self) -> Codes {
        Codes::Selected
    }

    fn scale_floors(&self, _scaling: &dyn Scaling) -> Vec<(End, f32)> {
        Vec::new()
    }

    /// The mean of equal values is that value, at the borders as well.
    fn constant_channels(&self, known: &Known<'_>) -> Option<Channels> {
        let stage = fixed::output_stage(self.activation, known.result.quantization.as_ref()?);
        known.each(|q| i32::from(q).max(stage.min).min(stage.max) as i8)
    }

    fn channel_ties(&self, _shapes: &[&[usize]]) -> ChannelTies {
        ChannelTies::InStep
    }

    fn scales_with_operands(&self, _inputs: &[&[usize]], _output: &[usize]) -> bool {
        true
    }

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        pool::lower(site, OpCode::AveragePool, &self.window, self.activation)
    }
}
