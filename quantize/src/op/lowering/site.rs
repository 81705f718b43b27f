//! A node as its operator's lowering sees it, and what it hands back.

use kinglet_blob::{OpCode, WeightForm};

use super::constants::Constants;
use super::refusal::{Reason, refuse};
use crate::op::rule::memory::Place;
use crate::record::{Overlap, Record};
use crate::target::Target;
use crate::value::{DType, Elements, Quantization, Value};

/// An operand or a result, and where it lies when it is computed.
#[derive(Clone, Copy)]
pub(crate) struct Slot<'a> {
    /// The value.
    pub(crate) value: &'a Value,
    /// Its memory; `None` for constants.
    pub(crate) place: Option<Place>,
}

impl Slot<'_> {
    /// True when this is computed at byte `offset` of `whole`.
    fn is_at(&self, whole: &Slot<'_>, offset: usize) -> bool {
        self.place.zip(whole.place).is_some_and(|(part, whole)| part.is_at(&whole, offset))
    }
}

/// A node of a verified graph. Operands and results are named by their position.
pub(crate) struct Site<'a> {
    /// What the blob is compiled for.
    pub(crate) target: Target,
    /// Whether factors and biases may be rounded.
    pub(crate) may_round: bool,
    operands: Vec<Slot<'a>>,
    results: Vec<Slot<'a>>,
    constants: &'a mut Constants,
    emissions: Vec<Emission>,
}

/// What an operator of the blob reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// The operand at that position, from the arena.
    Operand(usize),
    /// Elements in WEIGHTS, from this byte on.
    Constant(DType, u32),
}

/// An operator of the blob.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Emission {
    /// What it computes.
    pub(crate) opcode: OpCode,
    /// Order and storage of the weights.
    pub(crate) form: WeightForm,
    /// Its parameters.
    pub(crate) record: Record,
    /// What it reads.
    pub(crate) reads: Vec<Read>,
    /// The positions of the results that it writes.
    pub(crate) writes: Vec<usize>,
    /// Bytes of what it reads first before the first one that it reads.
    pub(crate) input_offset: usize,
    /// Bytes of what it writes first before the first one that it writes.
    pub(crate) output_offset: usize,
    /// Temporary memory. `None` for an operator whose records know none.
    pub(crate) scratch_bytes: Option<usize>,
    /// How what it writes first may share memory with what it reads first.
    pub(crate) overlap: Overlap,
}

impl Emission {
    /// An operator from the whole first operand to the whole first result, without weights and without scratch.
    pub(crate) fn new(opcode: OpCode, record: impl Into<Record>, overlap: Overlap) -> Self {
        Emission {
            opcode,
            form: WeightForm::default(),
            record: record.into(),
            reads: vec![Read::Operand(0)],
            writes: vec![0],
            input_offset: 0,
            output_offset: 0,
            scratch_bytes: None,
            overlap,
        }
    }
}

impl<'a> Site<'a> {
    /// A node with these operands and results; its constants go to `constants`.
    pub(crate) fn new(
        target: Target,
        operands: Vec<Slot<'a>>,
        results: Vec<Slot<'a>>,
        constants: &'a mut Constants,
    ) -> Self {
        Site { target, may_round: false, operands, results, constants, emissions: Vec::new() }
    }

    /// The operand at a position that the operator has.
    pub(crate) fn operand(&self, position: usize) -> &'a Value {
        self.operands[position].value
    }

    /// The operand at a position that the operator may have.
    pub(crate) fn optional(&self, position: usize) -> Option<&'a Value> {
        self.operands.get(position).map(|slot| slot.value)
    }

    /// How many operands the node has.
    pub(crate) fn operand_count(&self) -> usize {
        self.operands.len()
    }

    /// The result at a position that the operator has.
    pub(crate) fn result_at(&self, position: usize) -> &'a Value {
        self.results[position].value
    }

    /// The first result.
    pub(crate) fn result(&self) -> &'a Value {
        self.result_at(0)
    }

    /// The element type of the first result, by which kernels are chosen.
    pub(crate) fn dtype(&self) -> DType {
        self.result().dtype
    }

    /// The shape of an operand that has `N` axes.
    pub(crate) fn axes<const N: usize>(&self, position: usize) -> Result<[usize; N], Reason> {
        let shape = &self.operand(position).shape;
        shape
            .as_slice()
            .try_into()
            .or_else(|_| refuse(format!("operand {position} has {} axes", shape.len()), format!("{N} are needed")))
    }

    /// The quantization of an operand, of a layer's weights for example.
    pub(crate) fn operand_quantization(&self, position: usize) -> Result<&'a Quantization, Reason> {
        quantization(self.operand(position))
    }

    /// The quantization of the first result.
    pub(crate) fn result_quantization(&self) -> Result<&'a Quantization, Reason> {
        quantization(self.result())
    }

    /// The elements of an int8 constant.
    pub(crate) fn i8s(&self, position: usize) -> Result<&'a [i8], Reason> {
        let value = self.operand(position);
        match value.elements.as_ref().and_then(Elements::i8s) {
            Some(elements) => Ok(elements),
            None => refuse(format!("`{}` is not an int8 constant", value.name), "quantize the whole model"),
        }
    }

    /// The elements of a float constant.
    pub(crate) fn f32s(&self, position: usize) -> Result<&'a [f32], Reason> {
        let value = self.operand(position);
        match value.elements.as_ref().and_then(Elements::f32s) {
            Some(elements) => Ok(elements),
            None => refuse(format!("`{}` is not a float constant", value.name), "make it a constant"),
        }
    }

    /// True when an operand is computed at byte `offset` of the first result.
    pub(crate) fn is_in_result(&self, operand: usize, offset: usize) -> bool {
        self.operands[operand].is_at(&self.results[0], offset)
    }

    /// True when a result is what is computed at byte `offset` of the first operand.
    pub(crate) fn is_in_operand(&self, result: usize, offset: usize) -> bool {
        self.results[result].is_at(&self.operands[0], offset)
    }

    /// True when two operands are the same memory.
    pub(crate) fn are_same(&self, a: usize, b: usize) -> bool {
        let [a, b] = [a, b].map(|position| self.operands[position].place);
        a.is_some() && a == b
    }

    /// Stores a constant in WEIGHTS and returns where it starts. Equal ones are stored once.
    pub(crate) fn store(&mut self, constant: Vec<u8>) -> Result<u32, Reason> {
        self.constants.add(constant)
    }

    /// All operands as an operator reads them: from the arena, or constants, which are stored for it.
    pub(crate) fn reads(&mut self) -> Result<Vec<Read>, Reason> {
        let mut reads = Vec::with_capacity(self.operand_count());
        for position in 0..self.operand_count() {
            let value = self.operand(position);
            reads.push(match &value.elements {
                Some(elements) => Read::Constant(value.dtype, self.store(elements.bytes())?),
                None => Read::Operand(position),
            });
        }
        Ok(reads)
    }

    /// Appends an operator to those that compute the node, in their order.
    pub(crate) fn emit(&mut self, emission: Emission) {
        self.emissions.push(emission);
    }

    /// What computes the node.
    pub(crate) fn into_emissions(self) -> Vec<Emission> {
        self.emissions
    }
}

/// The quantization of an integer value, which the graph's verifier has seen.
fn quantization(value: &Value) -> Result<&Quantization, Reason> {
    match &value.quantization {
        Some(quantization) => Ok(quantization),
        None => refuse(format!("`{}` has no quantization", value.name), "quantize the whole model"),
    }
}
