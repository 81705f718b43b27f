//! ONNX's element types: which of them are floats, and what integers they hold.

use core::ops::RangeInclusive;

use kinglet_kernels::float_math;
use kinglet_tract::type_code;

use crate::op::MapFunction;

/// True for types of floats, which are all float32 here.
pub(super) fn is_float(code: i32) -> bool {
    [type_code::FLOAT, type_code::FLOAT16, type_code::BFLOAT16, type_code::DOUBLE].contains(&code)
}

/// What makes floats of a narrower type of floats: the operator's function, and what it computes.
pub(super) type Rounding = (MapFunction, fn(f32) -> f32);

/// How the floats of a type of 16 bits are made; `None` for any other type.
pub(super) fn rounding(code: i32) -> Option<Rounding> {
    match code {
        type_code::FLOAT16 => Some((MapFunction::Float16, float_math::float16)),
        type_code::BFLOAT16 => Some((MapFunction::Bfloat16, float_math::bfloat16)),
        _ => None,
    }
}

/// What elements of an integer type may be; of 64 bits without a sign only what has a sign too.
pub(super) fn integer_range(code: i32) -> Option<RangeInclusive<i64>> {
    let signed = |bits: u32| Some(-(1 << (bits - 1))..=(1 << (bits - 1)) - 1);
    let unsigned = |bits: u32| Some(0..=(1 << bits) - 1);
    match code {
        type_code::INT64 => Some(i64::MIN..=i64::MAX),
        type_code::UINT64 => Some(0..=i64::MAX),
        type_code::INT32 => signed(32),
        type_code::UINT32 => unsigned(32),
        type_code::INT16 => signed(16),
        type_code::UINT16 => unsigned(16),
        type_code::INT8 => signed(8),
        type_code::UINT8 => unsigned(8),
        type_code::INT4 => signed(4),
        type_code::UINT4 => unsigned(4),
        type_code::BOOL => unsigned(1),
        _ => None,
    }
}

/// An integer as an element of an integer type: its lowest bits, and of truth whether it is not zero.
pub(super) fn wrapped(value: i64, code: i32) -> i64 {
    match integer_range(code) {
        _ if code == type_code::BOOL => i64::from(value != 0),
        Some(range) if code != type_code::INT64 && code != type_code::UINT64 => {
            let count = range.end() - range.start() + 1;
            (value.wrapping_sub(*range.start())).rem_euclid(count) + range.start()
        }
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_keep_their_lowest_bits() {
        let codes = [type_code::INT8, type_code::UINT8, type_code::INT4, type_code::BOOL, type_code::INT64];
        assert_eq!(codes.map(|code| wrapped(300, code)), [44, 44, -4, 1, 300]);
        assert_eq!(codes.map(|code| wrapped(-1, code)), [-1, 255, -1, 1, -1]);
        assert_eq!(wrapped(i64::MIN, type_code::UINT32), 0);
        assert_eq!(wrapped(i64::MAX, type_code::INT32), -1);
    }

    #[test]
    fn every_type_of_numbers_is_known() {
        assert!((1..=13).all(|code| code == 8 || is_float(code) || integer_range(code).is_some()));
        assert_eq!((integer_range(14), is_float(8)), (None, false));
    }
}
