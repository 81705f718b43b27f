//! A function of each element, one of a list.

use core::fmt;

use kinglet_blob::MapFunction;

use crate::value::{DType, Shape, ShapeError, Value, fail};
use super::common::attributes::Activation;
use super::common::int16::MapI16;
use super::common::real::{Real, Reals, each};
use super::common::{functions, operands, tables, types};
use super::lowering::{Reason, Site, no_kernel, unary};
use super::operator::Operator;
use super::rule::channels::{ChannelTies, Channels, Known};
use super::rule::layout::LayoutRule;
use super::rule::quantization::{Codes, End, Scaling, rescaled};
use super::rule::rewrite::ReshapeRule;

/// A function of each element.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// Which one.
    pub function: MapFunction,
    /// Its parameters; 0 where it has none.
    pub parameters: [f32; 2],
}

impl Map {
    /// A function without parameters.
    pub fn plain(function: MapFunction) -> Self {
        Map { function, parameters: [0.0; 2] }
    }

    /// A function with one parameter.
    pub fn with(function: MapFunction, alpha: f32) -> Self {
        Map { function, parameters: [alpha, 0.0] }
    }

    fn code(&self, [x, y]: [&crate::value::Quantization; 2], code: i8) -> i8 {
        tables::code(self.function, self.parameters, x, y, code)
    }
}

impl Operator for Map {
    fn name(&self) -> &'static str {
        "Map"
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " {}", self.function.name())?;
        self.parameters.iter().take(self.function.parameters()).try_for_each(|parameter| write!(f, " {parameter}"))
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        match self.parameters.iter().find(|parameter| !parameter.is_finite()) {
            None => operands::like_operand(inputs),
            Some(parameter) => fail(format!("parameter {parameter} of {} is no number", self.function.name())),
        }
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        types::rescaling(inputs, outputs)
    }

    fn evaluate(&self, inputs: &[Real<'_>], _shapes: &[&[usize]]) -> Reals {
        each(inputs, |x| functions::real(self.function, self.parameters, x))
    }

    fn changes_nothing(&self, _operand_count: usize, operand: &Value, _clamp: Activation) -> bool {
        self.vanishes_in_codes() && operand.dtype == DType::I8
    }

    fn vanishes_in_codes(&self) -> bool {
        matches!(self.function, MapFunction::Float16 | MapFunction::Bfloat16)
    }

    fn reshape_rule(&self) -> ReshapeRule {
        ReshapeRule::Passes
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::Elementwise
    }

    fn codes(&self) -> Codes {
        if self.vanishes_in_codes() { Codes::Selected } else { Codes::Rescaled }
    }

    /// Only some functions compute with a factor from scale to scale, but no other needs finer steps.
    fn scale_floors(&self, scaling: &dyn Scaling) -> Vec<(End, f32)> {
        vec![rescaled(scaling, 0)]
    }

    fn constant_channels(&self, known: &Known<'_>) -> Option<Channels> {
        let ends = known.ends()?;
        known.each(|code| self.code(ends, code))
    }

    fn channel_ties(&self, _shapes: &[&[usize]]) -> ChannelTies {
        ChannelTies::InStep
    }

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        match site.dtype() {
            DType::F32 => unary::lower_map(site, self.function, self.parameters),
            DType::I8 => {
                let ends = [site.operand_quantization(0)?.clone(), site.result_quantization()?.clone()];
                unary::lower_table(site, |code| self.code(ends.each_ref(), code))
            }
            DType::I16 => {
                let [x, y] = [site.operand_quantization(0)?, site.result_quantization()?];
                unary::lower_i16(site, &MapI16::of(self.function, self.parameters, x, y))
            }
            other => no_kernel(other),
        }
    }
}
