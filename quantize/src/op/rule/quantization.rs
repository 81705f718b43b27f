//! What an operator asks of the quantizations around it.

use crate::value::Quantization;

/// How the codes of an operator's result come from those of its operands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Codes {
    /// The result has a quantization of its own.
    Rescaled,
    /// Every result has the quantization of the first operand.
    Kept,
    /// The same, for one result whose codes are chosen among the first operand's or are their average. A file may give
    /// it another quantization: then it is requantized behind the operator.
    Selected,
    /// The result has the quantization of all operands, whose codes are copied.
    Joined,
    /// The kernel assumes this quantization of the result.
    Bound(Quantization),
    /// The result's range is known, so this is its quantization unless the model says otherwise.
    Usual(Quantization),
}

/// A value at one end of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The operand at that position.
    Operand(usize),
    /// The one result.
    Result,
}

/// Scales around one node while they are being chosen.
pub(crate) trait Scaling {
    /// Number of operands.
    fn operand_count(&self) -> usize;

    /// The scale of the operand at `position`.
    fn scale(&self, position: usize) -> f32;

    /// Whether that operand has another quantization than the result.
    fn is_rescaled(&self, position: usize) -> bool;

    /// The largest magnitude that the real accumulator of a layer can reach; 0 for other operators.
    fn reach(&self) -> f64;
}

/// Largest power of two by which any operator may scale a code up. The int8 kernels shift before they multiply,
/// so codes and sums have to stay within 32 bits then.
pub(crate) const SCALE_UP_MAX: f32 = (1u32 << 20) as f32;

/// The floor of a result whose codes are those of operand `position` times one factor.
pub(crate) fn rescaled(scaling: &dyn Scaling, position: usize) -> (End, f32) {
    (End::Result, scaling.scale(position) / SCALE_UP_MAX)
}

/// The floor of a layer's result: the accumulator in steps of it stays below 2^29.
pub(crate) fn of_accumulator(scaling: &dyn Scaling) -> (End, f32) {
    (End::Result, (scaling.reach() / f64::from(1u32 << 29)) as f32)
}

/// Why operators of quantized models have no int8 form.
pub(crate) const QUANTIZED_ALREADY: &str = "the model is quantized already; leave the calibration data out";
