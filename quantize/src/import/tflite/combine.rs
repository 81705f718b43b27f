//! Functions of two elements, selections and changes of type.
//!
//! A device computes with 32 bits: 64-bit integers are kept so, and constants that do not fit are refused.

use super::Importer;
use super::call::{Call, EXPORT_AGAIN};
use super::names::operator_name;
use crate::import::build::{Convert, refuse};
use crate::ir::{Activation, DType, Elements, Value, ValueId};
use crate::op::{Add, Cast, Combine, Concat, Function, Reshape, Select};

/// The schema's name of a function, and whether its operands change places.
const FUNCTIONS: &[(&str, Function, bool)] = &[
    ("ADD", Function::Add, false),
    ("MUL", Function::Mul, false),
    ("SUB", Function::Sub, false),
    ("DIV", Function::Div, false),
    ("MAXIMUM", Function::Max, false),
    ("MINIMUM", Function::Min, false),
    ("SQUARED_DIFFERENCE", Function::SquaredDifference, false),
    ("POW", Function::Pow, false),
    ("FLOOR_DIV", Function::FloorDiv, false),
    ("FLOOR_MOD", Function::FloorMod, false),
    ("PRELU", Function::PRelu, false),
    ("EQUAL", Function::Equal, false),
    ("NOT_EQUAL", Function::NotEqual, false),
    ("LESS", Function::Less, false),
    ("LESS_EQUAL", Function::LessEqual, false),
    ("GREATER", Function::Less, true),
    ("GREATER_EQUAL", Function::LessEqual, true),
    ("LOGICAL_AND", Function::And, false),
    ("LOGICAL_OR", Function::Or, false),
    ("BITWISE_XOR", Function::Xor, false),
    ("RIGHT_SHIFT", Function::ShiftRight, false),
];

impl Importer<'_, '_> {
    /// Operands from `from` on with as many axes each, and 64-bit constants as 32-bit ones.
    fn operands(&mut self, call: &Call<'_, '_>, from: usize) -> Convert<Vec<ValueId>> {
        let operands: Vec<ValueId> =
            (from..call.operator.inputs.len()).map(|at| self.operand(call, at)).collect::<Convert<_>>()?;
        let operands = operands.into_iter().map(|id| self.in_32_bits(call, id)).collect::<Convert<Vec<_>>>()?;
        let rank = operands.iter().map(|&id| self.shape_of(id).len()).max().unwrap_or(0);
        for &id in operands.iter().filter(|&&id| self.shape_of(id).len() != rank) {
            self.charge_copy(id)?;
        }
        self.builder.aligned(call.name, operands)
    }

    pub(super) fn in_32_bits(&mut self, call: &Call<'_, '_>, id: ValueId) -> Convert<ValueId> {
        let value = self.builder.graph.value(id);
        let Some(Elements::I64(integers)) = &value.elements else { return Ok(id) };
        let narrow: Option<Vec<i32>> = integers.iter().map(|&each| i32::try_from(each).ok()).collect();
        let Some(narrow) = narrow else {
            let problem = format!("`{}` has integers of more than 32 bits", value.name);
            return refuse(problem, "a device computes with 32 bits");
        };
        let shape = value.shape.clone();
        self.charge_copy(id)?;
        self.builder.constant(&format!("{}/constant", call.name), shape, Elements::I32(narrow))
    }
}

impl Importer<'_, '_> {
    /// The slopes of a PRELU on int16 come as int8 codes.
    fn widen_slopes(&mut self, call: &Call<'_, '_>, operands: &mut [ValueId]) -> Convert<()> {
        let &mut [x, ref mut slopes] = operands else { return Ok(()) };
        let value = self.builder.graph.value(*slopes);
        let (DType::I16, Some(Elements::I8(codes))) = (self.builder.graph.value(x).dtype, &value.elements) else {
            return Ok(());
        };
        let wide: Vec<i16> = codes.iter().map(|&code| code.into()).collect();
        let name = format!("{}/slopes", call.name);
        let value = Value { name, dtype: DType::I16, elements: Some(Elements::I16(wide)), ..value.clone() };
        self.model.budget.charge(value.len(), 2)?;
        *slopes = self.builder.value(value)?;
        Ok(())
    }
}

/// A function of two operands.
pub(super) fn combine(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let name = operator_name(call.operator.code);
    let Some(&(_, function, swaps)) = FUNCTIONS.iter().find(|(known, ..)| *known == name) else {
        return refuse("is no function of two elements", EXPORT_AGAIN);
    };
    let mut operands = importer.operands(call, 0)?;
    if function == Function::PRelu {
        importer.widen_slopes(call, &mut operands)?;
    }
    if swaps {
        operands.reverse();
    }
    let activation = if matches!(name, "SUB" | "DIV" | "ADD" | "MUL") { call.activation(0)? } else { Activation::None };
    importer.finish(call, Combine { function, activation }, operands)
}

/// The sum of any number of operands of one shape.
pub(super) fn add_n(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let operands = importer.operands(call, 0)?;
    let (Some((&first, others)), Some(&last)) = (operands.split_first(), operands.last()) else {
        return refuse("has no operand", EXPORT_AGAIN);
    };
    let Some((_, between)) = others.split_last() else { return importer.finish(call, Reshape, vec![first]) };
    if importer.builder.graph.value(first).dtype == DType::I8 {
        return importer.finish_sum_of_codes(call, &operands);
    }
    let is_float = importer.builder.graph.value(first).dtype != DType::I32;
    let mut sum = first;
    for (index, &operand) in between.iter().enumerate() {
        let name = format!("{}/{index}", call.name);
        sum = importer.builder.apply(&name, adding(is_float), vec![sum, operand])?;
    }
    importer.finish(call, adding(is_float), vec![sum, last])
}

fn adding(is_float: bool) -> crate::ir::Op {
    if is_float { Add { activation: Activation::None }.into() } else { Combine::new(Function::Add).into() }
}

/// Each truth value's opposite.
pub(super) fn not(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let x = importer.operand(call, 0)?;
    let ones = vec![1; importer.shape_of(x).len()];
    let truth = importer.builder.constant(&format!("{}/constant", call.name), ones, Elements::Bool(vec![1]))?;
    importer.finish(call, Combine::new(Function::Xor), vec![x, truth])
}

/// One of two operands by a condition; a list of conditions is for the rows of the older operator's operands.
pub(super) fn select(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let chosen = importer.operands(call, 1)?;
    let mut condition = importer.operand(call, 0)?;
    let rank = chosen.first().map_or(0, |&id| importer.shape_of(id).len());
    let shape = importer.shape_of(condition);
    if operator_name(call.operator.code) == "SELECT" && shape.len() == 1 && rank > 1 {
        let rows = shape.iter().copied().chain(core::iter::repeat_n(1, rank - 1)).collect();
        importer.charge_copy(condition)?;
        condition = importer.builder.reshape(&format!("{}/rows", call.name), condition, rows)?;
    }
    let operands = [condition].into_iter().chain(chosen).collect();
    let operands = importer.builder.aligned(call.name, operands)?;
    importer.finish(call, Select, operands)
}

/// The same numbers in the type of the result.
pub(super) fn cast(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let x = importer.operand(call, 0)?;
    let y = importer.result(call)?;
    let to = importer.builder.graph.value(y).dtype;
    importer.finish(call, Cast { to }, vec![x])
}

/// The shape that two shapes are broadcast to: of each pair of extents, counted from the last, the greater one.
pub(super) fn broadcast_args(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let mut operands = vec![importer.operand(call, 0)?, importer.operand(call, 1)?];
    let lens: Vec<usize> = operands.iter().map(|&id| importer.builder.graph.value(id).len()).collect();
    let rank = lens.iter().copied().max().unwrap_or(0);
    for (operand, len) in operands.iter_mut().zip(lens).filter(|(_, len)| *len != rank) {
        let name = format!("{}/ones", call.name);
        let ones = importer.builder.constant(&name, vec![rank - len], Elements::I32(vec![1; rank - len]))?;
        let joined = Concat { axis: 0 }.into();
        *operand = importer.builder.apply(&format!("{name}/joined"), joined, vec![ones, *operand])?;
    }
    importer.finish(call, Combine::new(Function::Max), operands)
}
