//! A function of each element.

use kinglet_blob::records::MapF32 as Record;
use kinglet_blob::{MapFunction, OperatorBytes, for_each_function};
use kinglet_kernels::map::{self, Function, MapF32};

use super::unary::elementwise;
use super::{UNARY_F32, product, record};
use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Span, Spans};

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
