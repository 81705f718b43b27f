//! A dense layer on rows.

use core::fmt;

use super::common::attributes::Activation;
use super::common::real::{Real, Reals, activated};
use super::common::{types, weighted};
use super::operator::Operator;
use super::rule::layer::{Kernel, Layer, WeightOrder};
use super::rule::layout::{LastAxis, LayoutRule};
use super::rule::quantization::{Codes, End, Scaling, of_accumulator};
use crate::value::{DType, Shape, ShapeError, Value, fail};

/// `x [..., K]` (all leading axes are rows), `w [O, K]`, optional `b [O]` -> `[..., O]`.
#[derive(Clone, Debug, PartialEq)]
pub struct FullyConnected {
    /// Fused activation.
    pub activation: Activation,
}

impl Operator for FullyConnected {
    fn name(&self) -> &'static str {
        "FullyConnected"
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.activation)
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        let (x, w, bias) = weighted::with_bias(inputs)?;
        let &[outputs, depth] = w else {
            return fail(format!("weights have shape {w:?}, 2 axes [O, K] are needed"));
        };
        let Some((&last, rows)) = x.split_last() else {
            return fail("operand is a scalar".into());
        };
        if last != depth {
            return fail(format!("input {x:?} and weights {w:?} differ in depth"));
        }
        weighted::check_bias(bias, outputs)?;
        Ok(vec![rows.iter().copied().chain([outputs]).collect()])
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        types::weighted_among(inputs, outputs, 0, &[DType::F32, DType::I8, DType::I16])
    }

    fn evaluate(&self, inputs: &[Real<'_>], _shapes: &[&[usize]]) -> Reals {
        let (x, w) = (inputs[0], inputs[1]);
        let depth = w.shape[1];
        let mut result = Vec::new();
        for row in x.data.chunks(depth) {
            for (output, weights) in w.data.chunks(depth).enumerate() {
                let product: f64 = row.iter().zip(weights).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
                let bias = inputs.get(2).map_or(0.0, |bias| f64::from(bias.data[output]));
                result.push((product + bias) as f32);
            }
        }
        activated(result, self.activation)
    }

    fn activation_mut(&mut self) -> Option<&mut Activation> {
        Some(&mut self.activation)
    }

    fn clamp(&self) -> Activation {
        self.activation
    }

    fn layer(&self) -> Option<Layer> {
        Some(Layer { order: WeightOrder::Dense { groups: 1 }, kernel: Kernel::None, activation: self.activation })
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        // The bias goes with the outputs, which stay.
        LayoutRule::LastAxis(LastAxis { moving: 1, keeps_columns: false })
    }

    fn codes(&self) -> Codes {
        Codes::Rescaled
    }

    fn scale_floors(&self, scaling: &dyn Scaling) -> Vec<(End, f32)> {
        vec![of_accumulator(scaling)]
    }
}
