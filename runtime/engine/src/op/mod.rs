//! One module for each family of operators: what its record must satisfy, and how it runs.
//!
//! `check` and `run` of an operator both start from the same function, which turns the record into the
//! kernel's parameters and the spans of memory it touches. What was checked is thereby what is run.

mod binary;
mod conv2d;
mod depthwise;
mod fully_connected;
mod layer;
mod mean;
mod pool;
mod shape;
mod softmax;
mod unary;

use kinglet_blob::{Cursor, Field, OpCode, OperatorBytes};

use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Span};

/// What the engine does with an operator. Both functions return the span it writes.
#[derive(Clone, Copy)]
pub(crate) struct Operator {
    /// Proves a record's memory and parameters.
    pub(crate) check: fn(&OperatorBytes<'_>, &Limits<'_>) -> Result<Span, LoadRule>,
    /// Runs a checked record; `None` only when the record is not the one that was checked.
    pub(crate) run: fn(&OperatorBytes<'_>, &mut Memory<'_, '_>) -> Option<Span>,
}

impl Operator {
    const fn new(
        check: fn(&OperatorBytes<'_>, &Limits<'_>) -> Result<Span, LoadRule>,
        run: fn(&OperatorBytes<'_>, &mut Memory<'_, '_>) -> Option<Span>,
    ) -> Option<Self> {
        Some(Operator { check, run })
    }
}

/// The dispatch table; `None` for an operator whose cargo feature is off.
#[inline]
pub(crate) fn operator(opcode: OpCode) -> Option<Operator> {
    match opcode {
        #[cfg(feature = "conv2d-i8")]
        OpCode::Conv2dI8 => Operator::new(conv2d::check_i8, conv2d::run_i8),
        #[cfg(feature = "conv2d-f32")]
        OpCode::Conv2dF32 => Operator::new(conv2d::check_f32, conv2d::run_f32),
        #[cfg(feature = "depthwise-i8")]
        OpCode::DepthwiseI8 => Operator::new(depthwise::check_i8, depthwise::run_i8),
        #[cfg(feature = "depthwise-f32")]
        OpCode::DepthwiseF32 => Operator::new(depthwise::check_f32, depthwise::run_f32),
        #[cfg(feature = "fully-connected-i8")]
        OpCode::FullyConnectedI8 => Operator::new(fully_connected::check_i8, fully_connected::run_i8),
        #[cfg(feature = "fully-connected-f32")]
        OpCode::FullyConnectedF32 => Operator::new(fully_connected::check_f32, fully_connected::run_f32),
        #[cfg(feature = "average-pool-i8")]
        OpCode::AveragePoolI8 => Operator::new(pool::check_i8, pool::run_average_i8),
        #[cfg(feature = "average-pool-f32")]
        OpCode::AveragePoolF32 => Operator::new(pool::check_f32, pool::run_average_f32),
        #[cfg(feature = "max-pool-i8")]
        OpCode::MaxPoolI8 => Operator::new(pool::check_i8, pool::run_max_i8),
        #[cfg(feature = "max-pool-f32")]
        OpCode::MaxPoolF32 => Operator::new(pool::check_f32, pool::run_max_f32),
        #[cfg(feature = "add-i8")]
        OpCode::AddI8 => Operator::new(binary::check_i8, binary::run_add_i8),
        #[cfg(feature = "add-f32")]
        OpCode::AddF32 => Operator::new(binary::check_f32, binary::run_add_f32),
        #[cfg(feature = "mul-i8")]
        OpCode::MulI8 => Operator::new(binary::check_i8, binary::run_mul_i8),
        #[cfg(feature = "mul-f32")]
        OpCode::MulF32 => Operator::new(binary::check_f32, binary::run_mul_f32),
        #[cfg(feature = "softmax-i8")]
        OpCode::SoftmaxI8 => Operator::new(softmax::check_i8, softmax::run_i8),
        #[cfg(feature = "softmax-f32")]
        OpCode::SoftmaxF32 => Operator::new(softmax::check_f32, softmax::run_f32),
        #[cfg(feature = "pad-i8")]
        OpCode::PadI8 => Operator::new(shape::check_pad_i8, shape::run_pad_i8),
        #[cfg(feature = "pad-f32")]
        OpCode::PadF32 => Operator::new(shape::check_pad_f32, shape::run_pad_f32),
        #[cfg(feature = "copy")]
        OpCode::Copy => Operator::new(shape::check_copy, shape::run_copy),
        #[cfg(feature = "mean-i8")]
        OpCode::MeanI8 => Operator::new(mean::check_i8, mean::run_i8),
        #[cfg(feature = "mean-f32")]
        OpCode::MeanF32 => Operator::new(mean::check_f32, mean::run_f32),
        #[cfg(feature = "lookup-i8")]
        OpCode::LookupI8 => Operator::new(unary::check_lookup, unary::run_lookup),
        #[cfg(feature = "clamp-f32")]
        OpCode::ClampF32 => Operator::new(unary::check_f32, unary::run_clamp),
        #[cfg(feature = "logistic-f32")]
        OpCode::LogisticF32 => Operator::new(unary::check_f32, unary::run_logistic),
        #[cfg(feature = "tanh-f32")]
        OpCode::TanhF32 => Operator::new(unary::check_f32, unary::run_tanh),
        #[cfg(feature = "quantize")]
        OpCode::Quantize => Operator::new(unary::check_quantize, unary::run_quantize),
        #[cfg(feature = "dequantize")]
        OpCode::Dequantize => Operator::new(unary::check_dequantize, unary::run_dequantize),
        #[allow(unreachable_patterns, reason = "reached when a feature is off")]
        _ => None,
    }
}

/// The head's last byte is zero, and its packing too where there are no weights to pack.
pub(crate) fn check_head(opcode: OpCode, operator: &OperatorBytes<'_>) -> Result<(), LoadRule> {
    let packs = matches!(opcode, OpCode::Conv2dI8 | OpCode::DepthwiseI8 | OpCode::FullyConnectedI8);
    if operator.reserved != 0 {
        return Err(LoadRule::Parameter);
    }
    if packs || operator.kernel == 0 { Ok(()) } else { Err(LoadRule::PackingNotRunnable) }
}

/// The record behind an operator's head; it must fill its words exactly.
#[inline]
fn record<R: Field>(operator: &OperatorBytes<'_>) -> Result<R, LoadRule> {
    if operator.body.len() != R::SIZE.next_multiple_of(4) {
        return Err(LoadRule::RecordLength);
    }
    R::take(&mut Cursor::new(operator.body)).ok_or(LoadRule::RecordLength)
}

/// The product of extents, none of which may be zero.
#[inline]
fn product(extents: &[usize]) -> Result<usize, LoadRule> {
    let all = extents.iter().try_fold(1usize, |product, &extent| product.checked_mul(extent));
    all.filter(|&len| len != 0).ok_or(LoadRule::Shape)
}
