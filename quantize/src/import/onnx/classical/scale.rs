//! What changes features one by one, or their scale together.

use super::super::attributes::Call;
use super::super::{Entry, Importer};
use super::{EXPORT_AGAIN, each};
use crate::import::build::{Convert, refuse};
use crate::ir::DType;
use crate::op::{Along, Function, LineFunction, Reduce, Reduction, Select};

/// An offset of so many times what features vary by is taken off before anything is multiplied: taken off behind a layer, it
/// would leave few digits of a difference of large numbers.
const FAR: f32 = 64.0;

/// `(x - offset) * scale`.
pub(super) fn scaler(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let (mut y, [_, features]) = importer.features(call, 0)?;
    let offsets = each(call, "offset", features)?;
    let scales = each(call, "scale", features)?;
    let is_far = offsets.iter().zip(&scales).any(|(offset, scale)| (offset * scale).abs() > FAR);
    if offsets.iter().any(|&offset| offset != 0.0) {
        // Passes take sums into layers, and leave differences alone.
        let (function, offsets) = match is_far {
            true => (Function::Sub, offsets),
            false => (Function::Add, offsets.iter().map(|offset| -offset).collect()),
        };
        let offsets = importer.own_floats(call, "offset", vec![1, features], offsets)?;
        y = importer.combined(&format!("{}/centered", call.name), function, [y, offsets])?;
    }
    let scales = importer.own_floats(call, "scale", vec![1, features], scales)?;
    Ok(Entry::Value(importer.combined(call.name, Function::Mul, [y, scales])?))
}

/// Rows of norm 1. The norm MAX is the greatest number, not the greatest magnitude.
pub(super) fn normalizer(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let (x, _) = importer.features(call, 0)?;
    let function = match call.string("norm", "MAX")? {
        "L1" => LineFunction::L1,
        "L2" => LineFunction::L2,
        "MAX" => return by_greatest(importer, call),
        other => return refuse(format!("its norm is {other}"), "use L1, L2 or MAX"),
    };
    let op = Along { function, axes: vec![1], epsilon: 0.0 };
    Ok(Entry::Value(importer.apply(call.name, op.into(), vec![x])?))
}

fn by_greatest(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let (x, _) = importer.features(call, 0)?;
    let name = |part: &str| format!("{}/{part}", call.name);
    let greatest = Reduce { kind: Reduction::Max, axes: vec![1], keep_dims: true };
    let greatest = importer.apply(&name("greatest"), greatest.into(), vec![x])?;
    let [zero, one] =
        [("zero", 0.0), ("one", 1.0)].map(|(part, number)| importer.own_floats(call, part, vec![1, 1], vec![number]));
    let is_zero = importer.combined(&name("is zero"), Function::Equal, [greatest, zero?])?;
    let operands = vec![is_zero, one?, greatest];
    let divisor = importer.builder.apply_typed(&name("divisor"), Select.into(), operands, (DType::F32, None))?;
    Ok(Entry::Value(importer.combined(call.name, Function::Div, [x, divisor])?))
}

/// Another number where a feature is missing, which is NaN or a number.
pub(super) fn imputer(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let (x, [_, features]) = importer.features(call, 0)?;
    let whole = call.ints("imputed_value_int64s")?.unwrap_or_default();
    let (numbers, missing) = if whole.is_empty() {
        (each(call, "imputed_value_floats", features)?, call.float("replaced_value_float", 0.0)?)
    } else {
        let numbers: Vec<f32> = whole.iter().map(|&number| number as f32).collect();
        let numbers = match numbers.as_slice() {
            [one] => vec![*one; features],
            all if all.len() == features => all.to_vec(),
            all => return refuse(format!("has {} numbers for {features} features", all.len()), EXPORT_AGAIN),
        };
        (numbers, call.int("replaced_value_int64", 0)? as f32)
    };
    let is_missing = if missing.is_nan() {
        importer.combined(&format!("{}/missing", call.name), Function::NotEqual, [x, x])?
    } else if missing.is_infinite() {
        let bound = importer.own_floats(call, "bound", vec![1], vec![f32::MAX.copysign(missing)])?;
        let operands = if missing > 0.0 { [bound, x] } else { [x, bound] };
        importer.combined(&format!("{}/missing", call.name), Function::Less, operands)?
    } else {
        importer.with_number(call, Function::Equal, x, missing)?
    };
    let numbers = importer.own_floats(call, "imputed", vec![1, features], numbers)?;
    let operands = vec![is_missing, numbers, x];
    Ok(Entry::Value(importer.builder.apply_typed(call.name, Select.into(), operands, (DType::F32, None))?))
}

/// 1 above the threshold, else 0.
pub(super) fn binarizer(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let (x, _) = importer.features(call, 0)?;
    let threshold = importer.own_floats(call, "threshold", vec![1, 1], vec![call.float("threshold", 0.0)?])?;
    let is_above = importer.combined(&format!("{}/above", call.name), Function::Less, [threshold, x])?;
    Ok(Entry::Value(importer.cast(call.name, is_above, DType::F32)?))
}
