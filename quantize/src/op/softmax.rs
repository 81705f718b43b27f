//! Softmax over the last axis.

use core::fmt;

use kinglet_blob::OpCode;
use kinglet_blob::records::{SoftmaxF32, SoftmaxI8, SoftmaxI16};

use super::common::real::{Real, Reals};
use super::common::{fixed, int16, operands, types};
use super::lowering::constants::i16_bytes;
use super::lowering::{Emission, Reason, Site, narrow, no_kernel, refuse};
use super::operator::Operator;
use super::rule::layout::{LastAxis, LayoutRule};
use super::rule::quantization::{Codes, End, Scaling};
use super::rule::rewrite::ReshapeRule;
use crate::record::{Access, Head, Overlap, Parameters, Record, Shapes};
use crate::value::{DType, Quantization, Shape, ShapeError, Value, fail};

/// `exp(beta * x) / sum(exp(beta * x))` over the last axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Softmax {
    /// Factor on the logits; 1 for ONNX.
    pub beta: f32,
}

impl Operator for Softmax {
    fn name(&self) -> &'static str {
        "Softmax"
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.beta == 1.0 { Ok(()) } else { write!(f, " beta {}", self.beta) }
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        let x = operands::one(inputs)?;
        if x.is_empty() {
            return fail("operand is a scalar".into());
        }
        if !(self.beta.is_finite() && self.beta > 0.0) {
            return fail(format!("beta is {}", self.beta));
        }
        Ok(vec![x.to_vec()])
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        types::rescaling(inputs, outputs)
    }

    fn evaluate(&self, inputs: &[Real<'_>], _shapes: &[&[usize]]) -> Reals {
        let (x, beta) = (inputs[0], f64::from(self.beta));
        let mut result = Vec::with_capacity(x.data.len());
        for row in x.data.chunks(x.shape.last().copied().unwrap_or(1)) {
            let top = row.iter().map(|&v| f64::from(v)).fold(f64::NEG_INFINITY, f64::max);
            let powers: Vec<f64> = row.iter().map(|&v| (beta * (f64::from(v) - top)).exp()).collect();
            let sum: f64 = powers.iter().sum();
            result.extend(powers.iter().map(|power| (power / sum) as f32));
        }
        Some(vec![result])
    }

    fn reshape_rule(&self) -> ReshapeRule {
        ReshapeRule::PassesKeepingChannels
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::LastAxis(LastAxis { moving: 0, keeps_columns: true })
    }

    fn codes(&self) -> Codes {
        Codes::Bound(Quantization::per_tensor(1.0 / 256.0, -128))
    }

    fn scale_floors(&self, _scaling: &dyn Scaling) -> Vec<(End, f32)> {
        // Differences are brought to 5 integer bits by a shift to the left.
        vec![(End::Operand(0), 2.0 / (self.beta * (1u32 << 26) as f32))]
    }

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        let depth = site.result().shape.last().copied().unwrap_or(1);
        let rows: u32 = narrow(site.result().len() / depth.max(1), "the number of rows")?;
        let depth: u32 = narrow(depth, "the number of classes")?;
        let record: Record = match site.dtype() {
            DType::F32 => SoftmaxF32 { rows, depth, beta: self.beta }.into(),
            DType::I8 => {
                let output = site.result_quantization()?;
                if (output.scale(0), output.zero_point()) != (1.0 / 256.0, -128) {
                    return refuse(
                        format!("its result has scale {} and zero point {}", output.scale(0), output.zero_point()),
                        "an int8 softmax has scale 1/256 and zero point -128",
                    );
                }
                let (factor, diff_min) = match fixed::softmax(site.operand_quantization(0)?, self.beta) {
                    Ok(parameters) => parameters,
                    Err(error) => return refuse(error.to_string(), "recalibrate its input"),
                };
                let (multiplier, shift) = (factor.multiplier, factor.shift);
                SoftmaxI8 { rows, depth, multiplier, shift, diff_min }.into()
            }
            DType::I16 => lower_i16(site, self.beta, [rows, depth])?.into(),
            other => return no_kernel(other),
        };
        site.emit(Emission::new(OpCode::Softmax, record, Overlap::IN_PLACE));
        Ok(())
    }
}

/// The record of an int16 softmax.
fn lower_i16(site: &mut Site<'_>, beta: f32, [rows, depth]: [u32; 2]) -> Result<SoftmaxI16, Reason> {
    let (x, y) = (site.operand_quantization(0)?, site.result_quantization()?);
    let unit = 1.0 / 32768.0;
    if (y.scale(0) - unit).abs() > unit * 1e-3 || y.zero_point() != 0 {
        return refuse(
            format!("its result has scale {} and zero point {}", y.scale(0), y.zero_point()),
            "an int16 softmax has scale 1/32768 and zero point 0",
        );
    }
    // Differences of 16 bits are shifted left, and exponentials of 15 bits added, within 32 bits.
    let factor = fixed::quantize_multiplier(f64::from(x.scale(0)) * f64::from(beta) / (10.0 / 65535.0));
    if factor.shift > 14 || depth > 1 << 16 {
        return refuse(format!("{depth} classes of scale {} are beyond its range", x.scale(0)), "recalibrate its input");
    }
    let constants = site.store(i16_bytes(&int16::softmax_tables()))?;
    Ok(SoftmaxI16 { rows, depth, multiplier: factor.multiplier, shift: factor.shift, constants })
}

macro_rules! records {
    ($($record:ty),*) => { $(
        impl Parameters for $record {
            fn shapes(&self) -> Shapes {
                Shapes::same(&[self.rows, self.depth])
            }

            fn access(&self, _head: Head) -> Access<'_> {
                let [rows, depth] = [self.rows, self.depth].map(|extent| extent as usize);
                Access::Elements { len: rows * depth, splits: false }
            }
        }
    )* };
}
records!(SoftmaxI8, SoftmaxI16, SoftmaxF32);
