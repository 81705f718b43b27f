//! Functions of two elements, selections and changes of type.
//!
//! A graph computes with floats, 32-bit integers and truth values. Integers of other widths are cast to 32 bits before,
//! and what they give is cast back, which keeps the lowest bits: exactly what the narrow operator computes. 64-bit
//! integers are kept as 32-bit ones; constants that do not fit are refused.

use kinglet_tract::type_code;

use super::attributes::Call;
use super::constant::{Constant, Numbers};
use super::types::is_float;
use super::{Entry, Importer};
use crate::import::build::{Convert, refuse};
use crate::ir::{Activation, DType, Elements, Op, Quantization, ValueId};
use crate::op::{Add, Cast, Combine, Function, Mul, Relu, Select};

const EXPORT_AGAIN: &str = "export the model again";

/// ONNX's name of a function, and whether its operands change places.
const FUNCTIONS: &[(&str, Function, bool)] = &[
    ("Add", Function::Add, false),
    ("Sub", Function::Sub, false),
    ("Mul", Function::Mul, false),
    ("Div", Function::Div, false),
    ("Max", Function::Max, false),
    ("Min", Function::Min, false),
    ("Sum", Function::Add, false),
    ("Mean", Function::Add, false),
    ("PRelu", Function::PRelu, false),
    ("And", Function::And, false),
    ("Or", Function::Or, false),
    ("Xor", Function::Xor, false),
    ("BitwiseAnd", Function::And, false),
    ("BitwiseOr", Function::Or, false),
    ("BitwiseXor", Function::Xor, false),
    ("Equal", Function::Equal, false),
    ("Less", Function::Less, false),
    ("LessOrEqual", Function::LessEqual, false),
    ("Greater", Function::Less, true),
    ("GreaterOrEqual", Function::LessEqual, true),
];

/// The function that a node computes, and whether its operands change places.
pub(super) fn function_of(call: &Call<'_>) -> Convert<(Function, bool)> {
    let name = call.node.op_type.as_str();
    if let Some(&(_, function, swaps)) = FUNCTIONS.iter().find(|(known, ..)| *known == name) {
        return Ok((function, swaps));
    }
    Ok((
        match name {
            "Pow" => Function::Pow,
            "Mod" if call.int("fmod", 0)? != 0 => Function::Remainder,
            "Mod" => Function::FloorMod,
            "BitShift" if call.string("direction", "")? == "LEFT" => Function::ShiftLeft,
            "BitShift" => Function::ShiftRight,
            _ => return refuse("is no function of two elements", EXPORT_AGAIN),
        },
        false,
    ))
}

/// The type in which a graph keeps elements of an ONNX type.
pub(super) fn kept_as(code: i32) -> Option<DType> {
    Some(match code {
        _ if is_float(code) => DType::F32,
        type_code::UINT8 => DType::U8,
        type_code::INT8 => DType::I8,
        type_code::INT16 => DType::I16,
        type_code::INT32 | type_code::INT64 => DType::I32,
        type_code::BOOL => DType::Bool,
        _ => return None,
    })
}

/// The ONNX type of elements that a graph keeps as `dtype`.
pub(super) fn code_of(dtype: DType) -> i32 {
    match dtype {
        DType::U8 => type_code::UINT8,
        DType::I8 => type_code::INT8,
        DType::I16 => type_code::INT16,
        DType::I32 | DType::I64 => type_code::INT32,
        DType::Bool => type_code::BOOL,
        DType::F32 => type_code::FLOAT,
    }
}

/// The quantization of plain integers, whose codes are the numbers themselves.
pub(super) fn plain(dtype: DType) -> Option<Quantization> {
    matches!(dtype, DType::I8 | DType::U8 | DType::I16).then(|| Quantization::per_tensor(1.0, 0))
}

impl Importer<'_> {
    /// `x` as numbers of another type.
    pub(super) fn cast(&mut self, name: &str, x: ValueId, to: DType) -> Convert<ValueId> {
        let value = self.builder.graph.value(x);
        if value.dtype == to {
            return Ok(x);
        }
        // Numbers of ONNX are codes themselves; those of the graph are less 128 where the file has uint8.
        if value.quantization != plain(value.dtype) || self.unsigned.contains(&x) {
            return refuse(format!("casts the codes of `{}`", value.name), "use DequantizeLinear");
        }
        self.builder.apply_typed(name, Cast { to }.into(), vec![x], (to, plain(to)))
    }

    /// The type of the first operand from `from` on that is computed, as it was before narrow integers became wide.
    fn computed_type(&self, call: &Call<'_>, from: usize) -> Option<DType> {
        call.operands.iter().skip(from).flatten().find_map(|operand| match operand {
            &Entry::Value(id) => Some(self.builder.graph.value(id).dtype),
            _ => None,
        })
    }

    /// Operands from `from` on as values of the type in which they are computed with, constants too.
    fn wide_operands(&mut self, call: &Call<'_>, from: usize) -> Convert<Vec<ValueId>> {
        let dtype = wide(self.computed_type(call, from).unwrap_or(DType::F32));
        (from..call.operands.len()).map(|index| self.wide_operand(call, index, dtype)).collect()
    }

    fn wide_operand(&mut self, call: &Call<'_>, index: usize, dtype: DType) -> Convert<ValueId> {
        match call.operand(index) {
            Some(&Entry::Value(id)) => {
                let to = wide(self.builder.graph.value(id).dtype);
                self.cast(&format!("{}/wide", call.name), id, to)
            }
            Some(Entry::Constant(constant)) => {
                self.budget.charge(constant.numbers.len(), 8)?;
                // An infinity is as good a number to choose as any, but nothing to compute with.
                if matches!(constant.numbers, Numbers::F32(_)) && call.node.op_type != "Where" {
                    call.floats_of(index, "an operand's numbers")?;
                }
                let elements = elements(constant, dtype)?;
                self.builder.constant(&format!("{}/constant", call.name), constant.shape.clone(), elements)
            }
            _ => refuse(format!("operand {index} is missing"), EXPORT_AGAIN),
        }
    }

    /// A function of two values; floats are added and multiplied by the operators that passes know best.
    pub(super) fn combined(&mut self, name: &str, function: Function, operands: [ValueId; 2]) -> Convert<ValueId> {
        let operands = self.builder.same_rank(name, operands)?;
        let dtype = self.builder.graph.value(operands[0]).dtype;
        let activation = Activation::None;
        let is_constant = |id: ValueId| self.builder.graph.value(id).elements.is_some();
        // A constant goes second: the passes look for it there.
        let [a, b] = operands;
        let commuted = if is_constant(a) { vec![b, a] } else { vec![a, b] };
        match (function, dtype) {
            (Function::Add, DType::F32) => return self.apply(name, Op::Add(Add { activation }), commuted),
            (Function::Mul, DType::F32) => return self.apply(name, Op::Mul(Mul { activation }), commuted),
            _ => {}
        }
        let op = Combine::new(function);
        match op.result(dtype) {
            Some(result) => self.builder.apply_typed(name, op.into(), operands.to_vec(), (result, None)),
            None => refuse(format!("is computed on {}", dtype.name()), "use floats or integers of up to 32 bits"),
        }
    }

    /// `y` in the type that the file's operator has, when that is a narrow integer and `y` a wide one.
    fn narrowed(&mut self, call: &Call<'_>, y: ValueId, dtype: Option<DType>) -> Convert<Entry> {
        let is_integer = self.builder.graph.value(y).dtype == DType::I32;
        let to = dtype.filter(|&dtype| is_integer && plain(dtype).is_some());
        Ok(Entry::Value(match to {
            Some(to) => self.cast(&format!("{}/narrow", call.name), y, to)?,
            None => y,
        }))
    }
}

/// The type in which elements are computed with.
fn wide(dtype: DType) -> DType {
    if plain(dtype).is_some() { DType::I32 } else { dtype }
}

/// A constant's elements in a type.
pub(super) fn elements(constant: &Constant, dtype: DType) -> Convert<Elements> {
    match (&constant.numbers, dtype) {
        (Numbers::F32(floats), DType::F32) => Ok(Elements::F32(floats.clone())),
        (Numbers::I64(integers), DType::F32) => Ok(Elements::F32(integers.iter().map(|&each| each as f32).collect())),
        (Numbers::I64(integers), DType::Bool) => {
            Ok(Elements::Bool(integers.iter().map(|&each| u8::from(each != 0)).collect()))
        }
        (Numbers::I64(integers), _) => {
            let narrow: Option<Vec<i32>> = integers.iter().map(|&each| i32::try_from(each).ok()).collect();
            match narrow {
                Some(integers) => Ok(Elements::I32(integers)),
                None => refuse("has an integer constant of more than 32 bits", "a device computes with 32 bits"),
            }
        }
        (Numbers::F32(_), _) => refuse("mixes floats with integers", EXPORT_AGAIN),
    }
}

/// A function of two operands, or of any number of them, one after the other.
pub(super) fn combine(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let (function, swaps) = function_of(call)?;
    let dtype = importer.computed_type(call, 0);
    let mut operands = importer.wide_operands(call, 0)?;
    if swaps {
        operands.reverse();
    }
    let takes_any_number = matches!(call.node.op_type.as_str(), "Max" | "Min" | "Sum" | "Mean");
    if operands.len() != 2 && !takes_any_number {
        return refuse(format!("takes 2 operands, has {}", operands.len()), EXPORT_AGAIN);
    }
    let Some((&first, others)) = operands.split_first() else { return refuse("has no operand", EXPORT_AGAIN) };
    let mut y = first;
    for (index, &other) in others.iter().enumerate() {
        let name = if index + 1 == others.len() { call.name.to_owned() } else { format!("{}/{index}", call.name) };
        y = importer.combined(&name, function, [y, other])?;
    }
    importer.narrowed(call, y, dtype)
}

/// The sum of all operands over their number.
pub(super) fn mean(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let Entry::Value(sum) = combine(importer, call)? else { return refuse("has no operand", EXPORT_AGAIN) };
    let ones = vec![1; importer.shape(sum).len()];
    let part = Elements::F32(vec![1.0 / call.operands.len() as f32]);
    let part = importer.builder.constant(&format!("{}/part", call.name), ones, part)?;
    Ok(Entry::Value(importer.combined(&format!("{}/mean", call.name), Function::Mul, [sum, part])?))
}

/// The maximum of all operands; that with zero is Relu.
pub(super) fn max(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let is_zero = |operand: Option<&Entry>| match operand {
        Some(Entry::Constant(constant)) => constant.as_float() == Some(0.0) && constant.shape.len() <= 1,
        _ => false,
    };
    match (call.operand(0), call.operand(1)) {
        (Some(&Entry::Value(x)), zero) if call.operands.len() == 2 && is_zero(zero) => {
            Ok(Entry::Value(importer.apply(call.name, Op::Relu(Relu), vec![x])?))
        }
        _ => combine(importer, call),
    }
}

/// A power; a square is a product. A result has the type of the base.
pub(super) fn pow(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let exponent = match call.operand(1) {
        Some(Entry::Constant(constant)) => constant.as_float().or(constant.as_int().map(|exponent| exponent as f32)),
        _ => None,
    };
    if let (Some(&Entry::Value(x)), Some(2.0)) = (call.operand(0), exponent)
        && importer.builder.graph.value(x).dtype == DType::F32
    {
        return Ok(Entry::Value(importer.combined(call.name, Function::Mul, [x, x])?));
    }
    let base = match call.operand(0) {
        Some(&Entry::Value(id)) => importer.builder.graph.value(id).dtype,
        Some(Entry::Constant(constant)) if matches!(constant.numbers, Numbers::I64(_)) => DType::I32,
        _ => DType::F32,
    };
    let is_float = |entry: Option<&Entry>| match entry {
        Some(&Entry::Value(id)) => importer.builder.graph.value(id).dtype == DType::F32,
        Some(Entry::Constant(constant)) => matches!(constant.numbers, Numbers::F32(_)),
        _ => false,
    };
    let computed = if is_float(call.operand(0)) || is_float(call.operand(1)) { DType::F32 } else { DType::I32 };
    let mut operands = [0, 1].map(|index| importer.wide_operand(call, index, computed));
    for operand in &mut operands {
        if let Ok(id) = operand {
            *operand = importer.cast(&format!("{}/operand", call.name), *id, computed);
        }
    }
    let [a, b] = operands;
    let y = importer.combined(call.name, Function::Pow, [a?, b?])?;
    let y = importer.cast(&format!("{}/result", call.name), y, wide(base))?;
    importer.narrowed(call, y, Some(base))
}

/// `a` where the condition holds, else `b`.
pub(super) fn select(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let dtype = importer.computed_type(call, 1);
    let condition = importer.wide_operand(call, 0, DType::Bool)?;
    // Without a computed one, the constants say what they are.
    let constant = call
        .operands
        .iter()
        .skip(1)
        .flatten()
        .any(|operand| matches!(operand, Entry::Constant(constant) if matches!(constant.numbers, Numbers::I64(_))));
    let computed = wide(dtype.unwrap_or(if constant { DType::I32 } else { DType::F32 }));
    let a = importer.wide_operand(call, 1, computed)?;
    let b = importer.wide_operand(call, 2, computed)?;
    let operands = importer.builder.aligned(call.name, vec![condition, a, b])?;
    let y = importer.builder.apply_typed(call.name, Select.into(), operands, (computed, None))?;
    importer.narrowed(call, y, dtype)
}

/// `x` and a constant under every element of it.
fn with_scalar(importer: &mut Importer<'_>, call: &Call<'_>, x: ValueId, scalar: Elements) -> Convert<[ValueId; 2]> {
    let ones = vec![1; importer.shape(x).len()];
    Ok([x, importer.builder.constant(&format!("{}/constant", call.name), ones, scalar)?])
}

/// Each truth value's opposite.
pub(super) fn not(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let x = call.value(0)?;
    let operands = with_scalar(importer, call, x, Elements::Bool(vec![1]))?;
    Ok(Entry::Value(importer.combined(call.name, Function::Xor, operands)?))
}

/// All bits of an integer turned over.
pub(super) fn bitwise_not(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let dtype = importer.computed_type(call, 0);
    let x = importer.wide_operand(call, 0, DType::I32)?;
    let operands = with_scalar(importer, call, x, Elements::I32(vec![-1]))?;
    let y = importer.combined(call.name, Function::Xor, operands)?;
    importer.narrowed(call, y, dtype)
}

/// NaN is what does not equal itself.
pub(super) fn is_nan(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let x = call.value(0)?;
    Ok(Entry::Value(importer.combined(call.name, Function::NotEqual, [x, x])?))
}

/// Infinity is what lies beyond the largest finite number.
pub(super) fn is_inf(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let x = call.value(0)?;
    let (positive, negative) = (call.int("detect_positive", 1)? != 0, call.int("detect_negative", 1)? != 0);
    let mut found = Vec::new();
    if positive {
        let [x, bound] = with_scalar(importer, call, x, Elements::F32(vec![f32::MAX]))?;
        found.push(importer.combined(&format!("{}/positive", call.name), Function::Less, [bound, x])?);
    }
    if negative {
        let operands = with_scalar(importer, call, x, Elements::F32(vec![f32::MIN]))?;
        found.push(importer.combined(&format!("{}/negative", call.name), Function::Less, operands)?);
    }
    match *found.as_slice() {
        [one] => Ok(Entry::Value(one)),
        [one, other] => Ok(Entry::Value(importer.combined(call.name, Function::Or, [one, other])?)),
        _ => Ok(Entry::Value(importer.combined(call.name, Function::Less, [x, x])?)),
    }
}
