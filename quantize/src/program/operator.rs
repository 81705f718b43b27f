//! An operator with its addresses: a record of a blob, in either direction.

use core::ops::Range;

use kinglet_blob::{DType, OpCode, Operand, Operands, OperatorBytes, WeightForm};

use super::{Input, Part, Step, Tensor};
use crate::record::{Head, Record, Shapes};

/// Everything that a record of the blob says.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacedOperator {
    /// What it computes.
    pub opcode: OpCode,
    /// Order and storage of the weights.
    pub form: WeightForm,
    /// Where its tensors are.
    pub operands: Operands,
    /// Its parameters.
    pub record: Record,
}

impl PlacedOperator {
    /// The step with the tensor at byte `at(tensor)` of the arena, and its scratch memory at `scratch`.
    pub fn new(step: &Step, at: &dyn Fn(Tensor) -> usize, scratch: usize) -> Self {
        // All offsets lie within an arena of 32-bit size.
        let operand = |tensor: &Tensor, part: Part| Operand {
            offset: (at(*tensor) + part.at) as u32,
            ..Operand::unplaced(tensor.dtype)
        };
        let stripe = step.stripe.as_ref();
        let input = |(index, input): (usize, &Input)| match input {
            Input::Tensor(tensor) => {
                let whole = Part { at: if index == 0 { step.input_offset } else { 0 }, bytes: 0 };
                operand(tensor, stripe.map_or(whole, |stripe| stripe.inputs.get(index).copied().unwrap_or_default()))
            }
            Input::Constant(dtype, offset) => Operand::constant(*dtype, *offset),
        };
        let first = stripe.map_or(Part { at: step.output_offset, bytes: 0 }, |stripe| stripe.output);
        let output =
            |(index, tensor): (usize, &Tensor)| operand(tensor, if index == 0 { first } else { Part::default() });
        PlacedOperator {
            opcode: step.opcode,
            form: step.form,
            operands: Operands {
                inputs: step.inputs.iter().enumerate().map(input).collect(),
                outputs: step.outputs.iter().enumerate().map(output).collect(),
                states: step.states.iter().map(|state| operand(state, Part::default())).collect(),
                scratch: step.scratch_bytes.map(|_| scratch as u32),
            },
            record: step.record.clone(),
        }
    }

    /// The operator of a record; `None` when it is not one of this format.
    pub fn read(bytes: &OperatorBytes<'_>) -> Option<Self> {
        let opcode = OpCode::from_tag(bytes.opcode)?;
        let (list, parameters) = bytes.split()?;
        let form = WeightForm { packing: bytes.packing, storage: bytes.storage };
        let record = Record::read(opcode, bytes.dtype()?, parameters)?;
        Some(PlacedOperator { opcode, form, operands: Operands::read(&list)?, record })
    }

    /// The record's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.record.bytes(self.head(), &self.operands)
    }

    /// What stands before its operands.
    pub fn head(&self) -> Head {
        Head { opcode: self.opcode, form: self.form }
    }

    /// Bytes of an element of the first operand and of the result.
    pub fn element_sizes(&self, shapes: &Shapes) -> [usize; 2] {
        let size = |operands: &[Operand]| operands.first().map_or(1, |operand| operand.dtype.size_bytes());
        if shapes.in_bytes { [1, 1] } else { [size(&self.operands.inputs), size(&self.operands.outputs)] }
    }

    /// The bytes of the arena that the first operand and the result take; none for an operand that is a constant.
    pub fn byte_ranges(&self, shapes: &Shapes) -> [Range<usize>; 2] {
        let bytes = |extents: &[usize], size: usize| extents.iter().product::<usize>() * shapes.batch * size;
        let [input_size, output_size] = self.element_sizes(shapes);
        let (input, output) = (self.input_at(0), self.output_at(0));
        let read = if self.is_constant(0) { 0..0 } else { input..input + bytes(&shapes.input, input_size) };
        [read, output..output + bytes(&shapes.output, output_size)]
    }

    /// The type of the first operand.
    pub fn dtype(&self) -> DType {
        self.operands.inputs.first().map_or(DType::I8, |operand| operand.dtype)
    }

    /// Name of the operator with its element type, as reports and cargo features have it.
    pub fn name(&self) -> &'static str {
        self.opcode.feature(self.dtype()).unwrap_or(self.opcode.name())
    }

    /// True when input `index` is in WEIGHTS.
    fn is_constant(&self, index: usize) -> bool {
        self.operands.inputs.get(index).is_some_and(|operand| operand.region != Operand::ARENA)
    }

    /// Byte of the arena where input `index` starts.
    pub fn input_at(&self, index: usize) -> usize {
        self.operands.inputs.get(index).map_or(0, |operand| operand.offset as usize)
    }

    /// Byte of the arena where output `index` starts.
    pub fn output_at(&self, index: usize) -> usize {
        self.operands.outputs.get(index).map_or(0, |operand| operand.offset as usize)
    }

    /// Byte of the arena where scratch memory starts.
    pub fn scratch_at(&self) -> usize {
        self.operands.scratch.unwrap_or(0) as usize
    }

    /// True when both operands of an elementwise operator are the same tensor.
    pub fn is_of_same(&self) -> bool {
        matches!(self.operands.inputs.as_slice(), [a, b] if a == b)
    }
}
