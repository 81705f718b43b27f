//! Functions of two tensors, element by element: one operator with a list of functions.

use core::fmt;

use super::common::attributes::Activation;
use super::common::real::{Real, Reals, activated};
use super::common::{elementwise, operands, types};
use super::lowering::{Reason, Site, grid};
use super::operator::Operator;
use super::rule::layout::LayoutRule;
use super::rule::quantization::{Codes, End, SCALE_UP_MAX, Scaling, rescaled};
use crate::value::{DType, Shape, ShapeError, Value};

pub use kinglet_blob::Function;

/// `function(a, b)`, with broadcasting of axes of extent 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Combine {
    /// What is computed.
    pub function: Function,
    /// Fused activation, of floats.
    pub activation: Activation,
}

impl Combine {
    /// The function without an activation.
    pub fn new(function: Function) -> Self {
        Combine { function, activation: Activation::None }
    }

    /// True when its result is always one of its operands.
    fn chooses(&self) -> bool {
        matches!(self.function, Function::Max | Function::Min)
    }

    /// The type of its result on operands of type `dtype`, when it has one.
    pub fn result(&self, dtype: DType) -> Option<DType> {
        match self.function.result(dtype.into())? {
            kinglet_blob::DType::Bool => Some(DType::Bool),
            _ => Some(dtype),
        }
    }
}

impl Operator for Combine {
    fn name(&self) -> &'static str {
        self.function.operator_name()
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.activation)
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        let [a, b] = operands::two(inputs)?;
        Ok(vec![elementwise::broadcast(a, b)?])
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        let (a, y) = (inputs[0], outputs[0]);
        types::expect_same(inputs[1], a, &[DType::F32, DType::I8, DType::I16, DType::I32, DType::Bool])?;
        inputs.iter().try_for_each(|value| types::activation(value, a.dtype))?;
        match self.result(a.dtype) {
            // Codes are compared and chosen as they are.
            Some(result) if self.chooses() && a.quantization.is_some() => types::moving(inputs, outputs, &[result]),
            Some(result) => types::activation(y, result),
            None => Err(format!("`{}` is {:?}, for which there is no such function", inputs[0].name, inputs[0].dtype)),
        }
    }

    fn evaluate(&self, inputs: &[Real<'_>], shapes: &[&[usize]]) -> Reals {
        let results = if inputs.first()?.dtype == DType::F32 {
            elementwise::binary(inputs, shapes[0], real(self.function)?)
        } else {
            let formula = integer(self.function)?;
            elementwise::binary(inputs, shapes[0], |a, b| f64::from(formula(a as i64, b as i64) as i32))
        };
        activated(results, self.activation)
    }

    fn activation_mut(&mut self) -> Option<&mut Activation> {
        Some(&mut self.activation)
    }

    fn clamp(&self) -> Activation {
        self.activation
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::Broadcast
    }

    fn stays_on_floats(&self) -> bool {
        let on_codes =
            matches!(self.function, Function::Sub | Function::SquaredDifference | Function::PRelu) || self.chooses();
        !on_codes
    }

    fn codes(&self) -> Codes {
        if self.chooses() { Codes::Joined } else { Codes::Rescaled }
    }

    fn scale_floors(&self, scaling: &dyn Scaling) -> Vec<(End, f32)> {
        if self.stays_on_floats() {
            return Vec::new();
        }
        let (a, b) = (scaling.scale(0), scaling.scale(1));
        match self.function {
            // As those of Add.
            Function::Sub => vec![(End::Result, a.max(b) * 2.2 / SCALE_UP_MAX)],
            // The square of a difference has 30 bits and is not scaled up.
            Function::SquaredDifference => vec![(End::Result, a.max(b).powi(2) * 4.4 / (1u32 << 14) as f32)],
            // Codes are scaled up, and products of 16 bits.
            Function::PRelu => vec![rescaled(scaling, 0), (End::Result, a * b / (1u32 << 13) as f32)],
            _ => Vec::new(),
        }
    }

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        grid::combine(site, self.function, self.activation)
    }
}

fn truth(condition: bool) -> f64 {
    f64::from(u8::from(condition))
}

/// A function of reals.
pub(crate) fn real(function: Function) -> Option<fn(f64, f64) -> f64> {
    Some(match function {
        Function::Add => |a, b| a + b,
        Function::Sub => |a, b| a - b,
        Function::Mul => |a, b| a * b,
        Function::Div => |a, b| a / b,
        Function::Max => |a, b| if a > b || a.is_nan() { a } else { b },
        Function::Min => |a, b| if a < b || a.is_nan() { a } else { b },
        Function::SquaredDifference => |a, b| (a - b) * (a - b),
        Function::Pow => f64::powf,
        // Of the quotient as it is kept.
        Function::FloorDiv => |a, b| f64::from((a / b) as f32).floor(),
        Function::FloorMod => |a, b| {
            let left = a % b;
            if left != 0.0 && (left < 0.0) != (b < 0.0) { left + b } else { left }
        },
        Function::Remainder => |a, b| a % b,
        Function::PRelu => |a, b| if a < 0.0 { a * b } else { a },
        Function::Equal => |a, b| truth(a == b),
        Function::NotEqual => |a, b| truth(a != b),
        Function::Less => |a, b| truth(a < b),
        Function::LessEqual => |a, b| truth(a <= b),
        _ => return None,
    })
}

/// What a division of integers towards negative infinity leaves.
fn floor_mod(a: i64, b: i64) -> i64 {
    let left = a.checked_rem(b).unwrap_or(0);
    if left != 0 && (left < 0) != (b < 0) { left + b } else { left }
}

/// A function of 32-bit integers and truth values; the result is its lowest 32 bits.
pub(crate) fn integer(function: Function) -> Option<fn(i64, i64) -> i64> {
    Some(match function {
        Function::Add => i64::wrapping_add,
        Function::Sub => i64::wrapping_sub,
        Function::Mul => |a, b| a.wrapping_mul(b),
        Function::Div => |a, b| a.checked_div(b).unwrap_or(0),
        Function::Max => i64::max,
        Function::Min => i64::min,
        Function::SquaredDifference => |a, b| a.wrapping_sub(b).wrapping_mul(a.wrapping_sub(b)),
        Function::Pow => |a, b| match u32::try_from(b) {
            Ok(b) => a.wrapping_pow(b),
            // 1 / a^-b, which is an integer for 1 and -1 only.
            Err(_) if a == 1 || a == -1 => a.pow((b & 1) as u32),
            Err(_) => 0,
        },
        Function::FloorDiv => |a, b| a.wrapping_sub(floor_mod(a, b)).checked_div(b).unwrap_or(0),
        Function::FloorMod => floor_mod,
        Function::Remainder => |a, b| a.checked_rem(b).unwrap_or(0),
        Function::And => |a, b| a & b,
        Function::Or => |a, b| a | b,
        Function::Xor => |a, b| a ^ b,
        Function::ShiftLeft => |a, b| if (0..32).contains(&b) { a << b } else { 0 },
        Function::ShiftRight => |a, b| a >> if (0..32).contains(&b) { b } else { 31 },
        Function::Equal => |a, b| i64::from(a == b),
        Function::NotEqual => |a, b| i64::from(a != b),
        Function::Less => |a, b| i64::from(a < b),
        Function::LessEqual => |a, b| i64::from(a <= b),
        _ => return None,
    })
}
