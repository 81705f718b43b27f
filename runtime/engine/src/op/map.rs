//! A function of each element.

use kinglet_blob::records::{MapF32 as Record, MapI16 as RecordI16};
use kinglet_blob::{MapFunction, OperatorBytes, cast, for_each_function};
use kinglet_kernels::map::{self, Function, FunctionI16, MapF32, MapI16};
use kinglet_kernels::numerics::FixedPoint;

use super::unary::elementwise;
use super::{UNARY_F32, UNARY_I16, layer, product, record, run_as};
use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Span, Spans, constants};

/// Declares which kernel computes a function. A `match`, because a table would keep every function in a firmware that
/// uses one of them.
macro_rules! kernels {
    ($($(#[$doc:meta])* $name:ident = $tag:literal $kernel:ident $text:literal $parameters:literal $feature:literal,)*) => {
        /// The kernel of a function; `None` when its cargo feature is off.
        fn kernel(function: MapFunction) -> Option<Function> {
            match function {
                $(
                    #[cfg(feature = $feature)]
                    MapFunction::$name => Some(map::$kernel),
                )*
                #[allow(unreachable_patterns)] // With all features.
                _ => None,
            }
        }
    };
}
for_each_function!(kernels);

fn resolve(operator: &OperatorBytes<'_>) -> Result<(Function, MapF32, Spans), LoadRule> {
    let (places, record): (_, Record) = record(operator, &UNARY_F32)?;
    let Record { len, function, reserved, alpha, beta } = record;
    let function = MapFunction::from_tag(function).ok_or(LoadRule::Parameter)?;
    let is_sound = |at: usize, parameter: f32| {
        if at < function.parameters() { parameter.is_finite() } else { parameter.to_bits() == 0 }
    };
    if reserved != [0; 3] || !is_sound(0, alpha) || !is_sound(1, beta) {
        return Err(LoadRule::Parameter);
    }
    let kernel = kernel(function).ok_or(LoadRule::OperatorNotLinked)?;
    Ok((kernel, MapF32 { alpha, beta }, elementwise(places, product(&[len as usize])?, 4)))
}

pub(super) fn check(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (_, _, spans) = resolve(operator)?;
    limits.spans(&spans)
}

pub(super) fn run(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (kernel, params, spans) = resolve(operator).ok()?;
    let mut memory = memory.f32(&spans);
    let (io, _) = memory.as_mut()?;
    map::map_f32(&params, kernel, io);
    spans.written(io)
}

/// The factor of a function's place in its table: a multiplier below 2^15, and a shift to the right.
fn place(multiplier: i32, shift: i8) -> Result<FixedPoint, LoadRule> {
    let is_sound = (0..1 << 15).contains(&multiplier) && (-31..=0).contains(&shift);
    if is_sound { Ok(FixedPoint { multiplier, shift: shift.into() }) } else { Err(LoadRule::Parameter) }
}

fn resolve_i16<'b>(operator: &OperatorBytes<'_>, weights: &'b [u8]) -> Result<(MapI16<'b>, Spans), LoadRule> {
    let (places, record): (_, RecordI16) = record(operator, &UNARY_I16)?;
    let RecordI16 { len, function, shifts, reserved, multipliers, min, max, constants: offset } = record;
    let function = FunctionI16::from_tag(function).filter(|_| reserved == 0 && min <= max);
    let function = function.ok_or(LoadRule::Parameter)?;
    let ([a, b], [a_shift, b_shift]) = (multipliers, shifts);
    let none = FixedPoint { multiplier: 0, shift: 0 };
    let (factors, has_second) = match function {
        FunctionI16::Rescale => ([layer::factor(a, a_shift)?, layer::factor(b, b_shift)?], true),
        // Its factor is applied short of 20 bits.
        FunctionI16::Rsqrt if a_shift < -11 => return Err(LoadRule::Parameter),
        FunctionI16::Abs | FunctionI16::Rsqrt => ([layer::factor(a, a_shift)?, none], false),
        FunctionI16::Logistic | FunctionI16::Tanh => ([place(a, a_shift)?, none], false),
        FunctionI16::Table if (a, a_shift) == (0, 0) => ([none; 2], false),
        FunctionI16::Table => return Err(LoadRule::Parameter),
    };
    if !has_second && (b, b_shift) != (0, 0) {
        return Err(LoadRule::Parameter);
    }
    let table = match function.table_len() {
        0 if offset == 0 => Some(&[][..]),
        0 => return Err(LoadRule::Parameter),
        len => constants(weights, offset).and_then(|all| all.get(..len.wrapping_mul(2))).and_then(cast::i16s),
    };
    let table = table.ok_or(LoadRule::ConstantRange)?;
    let spans = elementwise(places, product(&[len as usize])?, 2);
    Ok((MapI16 { function, factors, min, max, table }, spans))
}

pub(super) fn check_i16(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    limits.spans(&resolve_i16(operator, limits.weights)?.1)
}

pub(super) fn run_i16(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (layer, spans) = resolve_i16(operator, memory.weights).ok()?;
    run_as::<i16>(&spans, memory, |io| map::map_i16(&layer, io))
}
