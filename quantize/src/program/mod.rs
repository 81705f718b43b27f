//! The lowered program: operators with their parameters, operands and constants, without addresses.
//!
//! ```text
//! Graph --lower--> Program { steps, weights } --plan--> MemoryPlan --emit--> blob
//! ```
//!
//! This layer lies below `lower`, which writes programs, and `plan`, `stripe`, `cost`, `emit` and `inspect`, which read
//! them; none of them is known here. Operands are lists: an operator with two outputs, or with memory that it keeps from
//! run to run, is a step like any other.
//!
//! ```text
//! layout.rs    which values share memory by construction
//! operator.rs  a step with its addresses: what becomes a record of the blob, and what is read from one
//! ```

mod layout;
mod operator;

pub use layout::{Layout, Place};
pub use operator::PlacedOperator;

use kinglet_blob::{DType, OpCode, WeightForm};

use crate::ir::ValueId;
use crate::record::{Head, Overlap, Record};

/// A computed value as an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// The value.
    pub id: ValueId,
    /// Its element type.
    pub dtype: DType,
}

/// What an operator reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// A tensor in the arena.
    Tensor(Tensor),
    /// Elements in WEIGHTS, from this byte on.
    Constant(DType, u32),
}

impl Input {
    /// The value, when it is in the arena.
    pub fn tensor(&self) -> Option<ValueId> {
        match self {
            Input::Tensor(tensor) => Some(tensor.id),
            Input::Constant(..) => None,
        }
    }
}

/// One operator of the blob, without its place in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Index of the node in the graph.
    pub node: usize,
    /// What it computes.
    pub opcode: OpCode,
    /// Order and storage of the weights.
    pub form: WeightForm,
    /// Its parameters.
    pub record: Record,
    /// What it reads.
    pub inputs: Vec<Input>,
    /// What it writes.
    pub outputs: Vec<Tensor>,
    /// What it keeps from run to run.
    pub states: Vec<Tensor>,
    /// Bytes of the first operand before the first one this operator reads.
    pub input_offset: usize,
    /// Bytes of the first result before the first one this operator writes.
    pub output_offset: usize,
    /// Temporary memory. `None` for an operator whose records know none.
    pub scratch_bytes: Option<usize>,
    /// How the first result may share memory with the first operand.
    pub overlap: Overlap,
    /// What is read and written when it is not whole values.
    pub stripe: Option<Stripe>,
}

/// The memory of an operator that computes some rows of its result, counted from the start of each value's memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stripe {
    /// Of each input; empty for constants.
    pub inputs: Vec<Part>,
    /// Of the result. The bytes written there are those from the step's `output_offset` on.
    pub output: Part,
}

/// A range of a value's memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// First byte.
    pub at: usize,
    /// Length.
    pub bytes: usize,
}

impl Step {
    /// An operator from `input` to the whole of `output`, without scratch.
    pub fn new(opcode: OpCode, record: impl Into<Record>, input: Tensor, output: Tensor, overlap: Overlap) -> Self {
        Step {
            node: 0,
            opcode,
            form: WeightForm::default(),
            record: record.into(),
            inputs: vec![Input::Tensor(input)],
            outputs: vec![output],
            states: Vec::new(),
            input_offset: 0,
            output_offset: 0,
            scratch_bytes: None,
            overlap,
            stripe: None,
        }
    }

    /// What stands before its operands.
    pub fn head(&self) -> Head {
        Head { opcode: self.opcode, form: self.form }
    }

    /// Bytes of temporary memory.
    pub fn scratch(&self) -> usize {
        self.scratch_bytes.unwrap_or(0)
    }

    /// The first operand.
    pub fn input(&self) -> ValueId {
        self.inputs.iter().find_map(Input::tensor).unwrap_or(ValueId(u32::MAX))
    }

    /// The first result.
    pub fn output(&self) -> ValueId {
        self.outputs.first().map_or(ValueId(u32::MAX), |tensor| tensor.id)
    }

    /// The type of the first operand, by which an engine chooses the implementation.
    pub fn dtype(&self) -> DType {
        match self.inputs.first() {
            Some(Input::Tensor(Tensor { dtype, .. }) | Input::Constant(dtype, _)) => *dtype,
            None => DType::I8,
        }
    }

    /// Every tensor of the arena that is read, with the part of it that a stripe reads. States are among them.
    pub fn reads(&self) -> impl Iterator<Item = (ValueId, Option<Part>)> {
        let part = |index: usize| self.stripe.as_ref().and_then(|stripe| stripe.inputs.get(index).copied());
        let inputs = self.inputs.iter().enumerate();
        let inputs = inputs.filter_map(move |(index, input)| Some((input.tensor()?, part(index))));
        inputs.chain(self.states.iter().map(|state| (state.id, None)))
    }

    /// Every tensor that is written, with the part of it that a stripe writes. States are among them.
    pub fn writes(&self) -> impl Iterator<Item = (ValueId, Option<Part>)> {
        let part = self.stripe.as_ref().map(|stripe| stripe.output);
        let outputs = self.outputs.iter().enumerate();
        let outputs = outputs.map(move |(index, output)| (output.id, part.filter(|_| index == 0)));
        outputs.chain(self.states.iter().map(|state| (state.id, None)))
    }

    /// Name of the operator with its element type, as reports and cargo features have it.
    pub fn name(&self) -> &'static str {
        self.opcode.feature(self.dtype()).unwrap_or(self.opcode.name())
    }
}

/// A lowered graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// Operators in execution order.
    pub steps: Vec<Step>,
    /// WEIGHTS.
    pub weights: Vec<u8>,
    /// Which values share memory by construction.
    pub layout: Layout,
}
