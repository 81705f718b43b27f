//! One operator being converted: its operands and attributes, with the schema's defaults.

use super::Importer;
use super::flatbuffer::Table;
use super::schema::Operator;
use crate::import::build::{Convert, refuse};
use crate::ir::{Activation, DType, Op, ValueId};

pub(super) const EXPORT_AGAIN: &str = "export the model again";

/// An operator of the file with what its reader needs.
pub(super) struct Call<'a, 'b> {
    pub(super) operator: &'a Operator<'b>,
    /// Its name in messages and in the graph.
    pub(super) name: &'a str,
    /// Its attributes; an absent table has every default.
    pub(super) attributes: Option<Table<'b>>,
}

impl Call<'_, '_> {
    /// The tensor of operand `position`; -1 when there is none.
    pub(super) fn tensor(&self, position: usize) -> i32 {
        self.operator.inputs.get(position).copied().unwrap_or(-1)
    }

    /// The same for an operand that may be left out.
    pub(super) fn given(&self, position: usize) -> Option<i32> {
        Some(self.tensor(position)).filter(|&tensor| tensor != -1)
    }

    /// The tensor of the first result; -1 when there is none.
    pub(super) fn first_result(&self) -> i32 {
        self.operator.outputs.first().copied().unwrap_or(-1)
    }

    pub(super) fn code(&self, slot: usize) -> Convert<i8> {
        Ok(self.attributes.map_or(Ok(0), |table| table.i8(slot))?)
    }

    pub(super) fn flag(&self, slot: usize) -> Convert<bool> {
        Ok(self.code(slot)? != 0)
    }

    pub(super) fn int(&self, slot: usize, default: i32) -> Convert<i32> {
        Ok(self.attributes.map_or(Ok(default), |table| table.i32(slot, default))?)
    }

    pub(super) fn float(&self, slot: usize) -> Convert<f32> {
        Ok(self.attributes.map_or(Ok(0.0), |table| table.f32(slot))?)
    }

    /// A stride, size or dilation.
    pub(super) fn extent(&self, slot: usize, default: i32, what: &str) -> Convert<usize> {
        let value = self.int(slot, default)?;
        match usize::try_from(value) {
            Ok(extent) if extent > 0 => Ok(extent),
            _ => refuse(format!("{what} is {value}"), EXPORT_AGAIN),
        }
    }

    pub(super) fn activation(&self, slot: usize) -> Convert<Activation> {
        let remedy = "use RELU, RELU6, RELU_N1_TO_1 or no fused activation";
        match self.code(slot)? {
            0 => Ok(Activation::None),
            1 => Ok(Activation::Relu),
            3 => Ok(Activation::Relu6),
            2 => Ok(Activation::clip(-1.0, 1.0)),
            4 => refuse("fused activation TANH", remedy),
            other => refuse(format!("fused activation with code {other}"), remedy),
        }
    }

    pub(super) fn no_activation(&self, slot: usize) -> Convert<()> {
        match self.activation(slot)? {
            Activation::None => Ok(()),
            _ => refuse("an activation is fused into it", "use a RELU operator of its own"),
        }
    }
}

impl Importer<'_, '_> {
    /// Adds the node that computes the operator's one result.
    pub(super) fn finish(&mut self, call: &Call<'_, '_>, op: impl Into<Op>, inputs: Vec<ValueId>) -> Convert<()> {
        let (op, output) = (op.into(), self.result(call)?);
        super::int8::check(&self.builder.graph, &op, output)?;
        self.add_rescaled(call.name, op, inputs, output)
    }

    /// Makes `value` the operator's one result, which it is already.
    pub(super) fn rename(&mut self, call: &Call<'_, '_>, value: ValueId) -> Convert<()> {
        let result = call.first_result();
        let (declared, held) = (self.declared_value(result)?, self.builder.graph.value(value));
        // What is known of a float constant's codes is known of it under any name.
        let same_codes = held.dtype == DType::F32 || declared.quantization == held.quantization;
        if (declared.dtype, &declared.shape) != (held.dtype, &held.shape) || !same_codes {
            return refuse(
                format!("its result is declared as {:?} {:?}", declared.dtype, declared.shape),
                EXPORT_AGAIN,
            );
        }
        match self.values.insert(result, value) {
            None => Ok(()),
            Some(_) => refuse("computes what is computed elsewhere", EXPORT_AGAIN),
        }
    }

    /// The operator's one result.
    pub(super) fn result(&mut self, call: &Call<'_, '_>) -> Convert<ValueId> {
        match call.operator.outputs.as_slice() {
            &[output] => self.value(output),
            outputs => refuse(format!("has {} results", outputs.len()), EXPORT_AGAIN),
        }
    }

    /// Operand `position`, which must be there.
    pub(super) fn operand(&mut self, call: &Call<'_, '_>, position: usize) -> Convert<ValueId> {
        self.value(call.tensor(position))
    }

    /// Charges the copy that reshaping a constant makes: ten thousand operators may share one.
    pub(super) fn charge_copy(&self, id: ValueId) -> Convert<()> {
        let value = self.builder.graph.value(id);
        let len = if value.elements.is_some() { value.len() } else { 0 };
        Ok(self.model.budget.charge(len, value.dtype.size_bytes())?)
    }

    pub(super) fn shape_of(&self, id: ValueId) -> Vec<usize> {
        self.builder.graph.value(id).shape.clone()
    }
}

/// An axis counted from the front, from one that may count from the back.
pub(super) fn normal_axis(axis: i64, rank: usize) -> Convert<usize> {
    let counted = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
    match counted.and_then(|axis| usize::try_from(axis).ok()).filter(|&axis| axis < rank) {
        Some(axis) => Ok(axis),
        None => refuse(format!("axis {axis} of an operand with {rank} axes"), EXPORT_AGAIN),
    }
}
