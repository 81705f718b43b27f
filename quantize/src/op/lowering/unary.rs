//! Operators on one tensor, element by element: float functions, and tables of int8 ones.
//!
//! On int8 there are only 256 inputs, so each function becomes a table, filled by the oracle's formula.

use kinglet_blob::records::{self, Convert, Lookup, MapF32, MapI16 as RecordI16, UnaryF32};
use kinglet_blob::{MapFunction, OpCode};
use kinglet_kernels::lookup::{RequantizeI8, table};
use kinglet_kernels::map::FunctionI16;
use kinglet_kernels::quantize::Requantize;

use super::constants::{i8_bytes, i16_bytes};
use super::{Emission, Reason, Site, narrow, refuse};
use crate::op::common::attributes::Activation;
use crate::op::common::int16::MapI16;
use crate::record::Overlap;
use crate::value::Quantization;

/// The float function `opcode` of each element, within the bounds of `clamp`.
pub(crate) fn lower_f32(site: &mut Site<'_>, opcode: OpCode, clamp: Activation) -> Result<(), Reason> {
    let (min, max) = clamp.bounds();
    let record = UnaryF32 { len: len(site)?, min, max };
    site.emit(Emission::new(opcode, record, Overlap::IN_PLACE));
    Ok(())
}

/// Function `function` of the list, with the parameters that it has.
pub(crate) fn lower_map(site: &mut Site<'_>, function: MapFunction, [alpha, beta]: [f32; 2]) -> Result<(), Reason> {
    let record = MapF32 { len: len(site)?, function: function as u8, reserved: [0; 3], alpha, beta };
    site.emit(Emission::new(OpCode::Map, record, Overlap::IN_PLACE));
    Ok(())
}

/// The code `function` of each code.
pub(crate) fn lower_table(site: &mut Site<'_>, function: impl Fn(i8) -> i8) -> Result<(), Reason> {
    let len = len(site)?;
    let record = Lookup { len, constants: site.store(i8_bytes(&table(function)))? };
    site.emit(Emission::new(OpCode::Lookup, record, Overlap::IN_PLACE));
    Ok(())
}

/// A function of int16 elements.
pub(crate) fn lower_i16(site: &mut Site<'_>, map: &MapI16) -> Result<(), Reason> {
    let [positive, negative] = map.factors;
    for factor in map.factors {
        // A distance of 16 bits is shifted left without leaving 32 bits.
        if factor.shift > 14 && map.function != FunctionI16::Rsqrt {
            refuse_shift(factor.shift)?;
        }
    }
    let constants = if map.table.is_empty() { 0 } else { site.store(i16_bytes(&map.table))? };
    let record = RecordI16 {
        len: len(site)?,
        function: map.function as u8,
        shifts: [positive.shift as i8, negative.shift as i8],
        reserved: 0,
        multipliers: [positive.multiplier, negative.multiplier],
        min: map.bounds.0,
        max: map.bounds.1,
        constants,
    };
    site.emit(Emission::new(OpCode::Map, record, Overlap::IN_PLACE));
    Ok(())
}

/// From reals to codes of `quantization`, or back: what `opcode` does.
pub(crate) fn lower_convert(site: &mut Site<'_>, opcode: OpCode, quantization: &Quantization) -> Result<(), Reason> {
    let record = Convert { len: len(site)?, scale: quantization.scale(0), zero_point: quantization.zero_point() };
    site.emit(Emission::new(opcode, record, Overlap::Never));
    Ok(())
}

/// A distance of two int8 values, up to 255, is shifted left without leaving 32 bits.
pub(crate) fn check_shift(params: &RequantizeI8) -> Result<(), Reason> {
    if params.factor.shift <= 22 {
        return Ok(());
    }
    refuse_shift(params.factor.shift)
}

/// The refusal of scales of which one is far below the other.
pub(crate) fn refuse_shift(shift: i32) -> Result<(), Reason> {
    refuse(format!("it scales its operand up by 2^{shift}"), "recalibrate: its scales are unsound")
}

/// From codes of one quantization to those of another, one of them int16.
pub(crate) fn lower_requantize(site: &mut Site<'_>, params: &Requantize) -> Result<(), Reason> {
    let record = records::Requantize {
        len: len(site)?,
        multiplier: params.factor.multiplier,
        shift: params.factor.shift as i8,
        input_zero_point: params.input_zero_point as i8,
        zero_point: params.zero_point as i8,
        reserved: 0,
    };
    site.emit(Emission::new(OpCode::Quantize, record, Overlap::Never));
    Ok(())
}

fn len(site: &Site<'_>) -> Result<u32, Reason> {
    narrow(site.result().len(), "the number of elements")
}
