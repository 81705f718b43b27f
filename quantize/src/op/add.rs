//! Sum of two tensors, element by element.

use core::fmt;

use kinglet_blob::{Function, OpCode};

use super::common::attributes::Activation;
use super::common::fixed::FixedPointError;
use super::common::real::{Real, Reals, activated};
use super::common::{elementwise, fixed, operands, types};
use super::lowering::binary::Roles;
use super::lowering::{Reason, Site, grid, no_kernel, refuse};
use super::operator::Operator;
use super::rule::channels::{ChannelTies, Channels, Known};
use super::rule::layout::LayoutRule;
use super::rule::quantization::{Codes, End, SCALE_UP_MAX, Scaling};
use super::rule::rewrite::{ChannelAffine, ReshapeRule};
use crate::value::{DType, Shape, ShapeError, Value};

/// `a + b`, with broadcasting of axes of extent 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Add {
    /// Fused activation.
    pub activation: Activation,
}

impl Operator for Add {
    fn name(&self) -> &'static str {
        "Add"
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.activation)
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        let [a, b] = operands::two(inputs)?;
        Ok(vec![elementwise::broadcast(a, b)?])
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        types::rescaling_among(inputs, outputs, &[DType::F32, DType::I8, DType::I16])
    }

    fn evaluate(&self, inputs: &[Real<'_>], shapes: &[&[usize]]) -> Reals {
        activated(elementwise::binary(inputs, shapes[0], |a, b| a + b), self.activation)
    }

    fn activation_mut(&mut self) -> Option<&mut Activation> {
        Some(&mut self.activation)
    }

    fn clamp(&self) -> Activation {
        self.activation
    }

    fn reshape_rule(&self) -> ReshapeRule {
        ReshapeRule::PassesBroadcasting
    }

    fn channel_affine(&self) -> Option<ChannelAffine> {
        Some(ChannelAffine::Shift(self.activation))
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::Broadcast
    }

    fn codes(&self) -> Codes {
        Codes::Rescaled
    }

    fn scale_floors(&self, scaling: &dyn Scaling) -> Vec<(End, f32)> {
        // The kernel's factors are below 1 (a tenth in reserve for roundings).
        vec![(End::Result, scaling.scale(0).max(scaling.scale(1)) * 2.2 / SCALE_UP_MAX)]
    }

    fn constant_channels(&self, known: &Known<'_>) -> Option<Channels> {
        let [a, b, y] = known.three_ends()?;
        let params = fixed::add(a, b, y, self.activation).ok()?;
        Some(known.pairs()?.into_iter().map(|(a, b)| Some(params.apply(a?, b?))).collect())
    }

    fn channel_ties(&self, _shapes: &[&[usize]]) -> ChannelTies {
        ChannelTies::InStep
    }

    fn scales_with_operands(&self, inputs: &[&[usize]], output: &[usize]) -> bool {
        inputs.iter().all(|shape| *shape == output)
    }

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        let roles = match Roles::of(site)? {
            Some(roles) => roles,
            None => return grid::combine(site, Function::Add, self.activation),
        };
        let record = match site.dtype() {
            DType::F32 => roles.record_f32(self.activation).into(),
            DType::I8 => {
                let [a, b, y] = roles.quantizations(site)?;
                roles.record_i8(&in_range(fixed::add(a, b, y, self.activation))?).into()
            }
            DType::I16 => {
                let [a, b, y] = roles.quantizations(site)?;
                roles.record_i16(&in_range(fixed::add_i16(a, b, y, self.activation))?).into()
            }
            other => return no_kernel(other),
        };
        roles.emit(site, OpCode::Add, record);
        Ok(())
    }
}

/// The parameters of a sum, when its integers can express them.
fn in_range<T>(parameters: Result<T, FixedPointError>) -> Result<T, Reason> {
    parameters
        .or_else(|error| refuse(error.to_string(), "its result's scale must not be far below its operands'"))
}
