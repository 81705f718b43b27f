//! Operands of operator records: how many, of what type, and where.
//!
//! ```text
//! byte 0       1      2        3        4                 5                                    6 ...
//! | opcode | words | packing | storage | inputs, outputs | states, has scratch, scratch region | type of each operand |
//! |                                    |   4      4      |   3          1             4       |  dtype 4, region 4   |
//! ```
//!
//! The types are padded with zeros to a multiple of four bytes. One `u32` offset for each operand follows, in the
//! order inputs, outputs, states, and one for scratch if there is any; then the operator's own parameters.

use crate::DType;

/// Where an operand is and what it consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operand {
    /// Element type.
    pub dtype: DType,
    /// The memory that `offset` counts in: [`Operand::ARENA`] or [`Operand::CONSTANTS`].
    pub region: u8,
    /// First byte.
    pub offset: u32,
}

impl Operand {
    /// The region of the session's arena. Numbers 1 to 14 are for machines with several memories; no reader has them.
    pub const ARENA: u8 = 0;
    /// The region of constants: the section WEIGHTS. For inputs only.
    pub const CONSTANTS: u8 = 15;

    /// An operand in the arena whose place is not known yet.
    pub const fn unplaced(dtype: DType) -> Self {
        Operand { dtype, region: Operand::ARENA, offset: 0 }
    }

    /// A constant operand.
    pub const fn constant(dtype: DType, offset: u32) -> Self {
        Operand { dtype, region: Operand::CONSTANTS, offset }
    }

    #[cfg(feature = "alloc")]
    const fn type_byte(self) -> u8 {
        type_byte(self.dtype, self.region)
    }
}

const fn type_byte(dtype: DType, region: u8) -> u8 {
    dtype as u8 | region << 4
}

/// Set in byte 5 of a record with scratch memory.
const HAS_SCRATCH: u8 = 1 << 3;
/// The states in byte 5.
const STATES: u8 = HAS_SCRATCH - 1;

/// Numbers of operands of each role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tensors that are read, at most 15.
    pub inputs: u8,
    /// Tensors that are written, at most 15.
    pub outputs: u8,
    /// Tensors that are kept from run to run, at most 7.
    pub states: u8,
    /// Whether there is temporary memory.
    pub has_scratch: bool,
}

impl Counts {
    /// Bytes 4 and 5 of a record. The scratch memory's region is the arena.
    pub const fn bytes(self) -> [u8; 2] {
        let scratch = if self.has_scratch { HAS_SCRATCH } else { 0 };
        [(self.inputs & 15) | self.outputs << 4, (self.states & STATES) | scratch]
    }

    /// The counts in bytes 4 and 5 of a record.
    pub const fn from_bytes([io, rest]: [u8; 2]) -> Self {
        Counts { inputs: io & 15, outputs: io >> 4, states: rest & STATES, has_scratch: rest & HAS_SCRATCH != 0 }
    }

    /// Operands with a type: all but scratch.
    pub const fn typed(self) -> usize {
        (self.inputs as usize).wrapping_add(self.outputs as usize).wrapping_add(self.states as usize)
    }

    /// Operands with an offset.
    pub const fn placed(self) -> usize {
        self.typed().wrapping_add(self.has_scratch as usize)
    }

    /// First byte of the offsets in a record.
    pub const fn offsets_start(self) -> usize {
        (self.typed().wrapping_add(6)).next_multiple_of(4)
    }

    /// First byte of the operator's parameters in a record.
    pub const fn parameters_start(self) -> usize {
        self.offsets_start().wrapping_add(self.placed().wrapping_mul(4))
    }
}

/// The operands that an operator takes: what its records must say in the bytes from the fifth on.
///
/// Comparing those bytes is a reader's whole check of counts, types and regions, and costs two comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    counts: Counts,
    /// Bytes 4 to 7 of the record, and 8 to 11.
    words: [u32; 2],
    /// Bits of the words in which a record may differ.
    free: [u32; 2],
}

// Signatures are made when the program is compiled, where an index out of range is an error of the compiler.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]
impl Signature {
    /// Most operands that a signature can describe.
    pub const OPERANDS_MAX: usize = 6;

    /// Operands in the arena with these types.
    pub const fn new(inputs: &[DType], outputs: &[DType]) -> Self {
        let counts = Counts { inputs: inputs.len() as u8, outputs: outputs.len() as u8, states: 0, has_scratch: false };
        let mut signature = Signature { counts, words: [0; 2], free: [0; 2] };
        let mut operand = 0;
        while operand < inputs.len() + outputs.len() {
            let dtype = if operand < inputs.len() { inputs[operand] } else { outputs[operand - inputs.len()] };
            signature = signature.with_bits(operand, type_byte(dtype, Operand::ARENA));
            operand += 1;
        }
        signature.with_counts()
    }

    /// The same with scratch memory.
    #[must_use]
    pub const fn with_scratch(mut self) -> Self {
        self.counts.has_scratch = true;
        self.with_counts()
    }

    /// The same, but input `index` may be a constant.
    #[must_use]
    pub const fn or_constant(mut self, index: usize) -> Self {
        let at = index + 2;
        self.free[at / 4] |= 0xF0 << (8 * (at % 4));
        self
    }

    /// The same with operands of any type. That they are of the same one is for the caller to look at.
    #[must_use]
    pub const fn of_any_type(mut self) -> Self {
        let mut operand = 0;
        while operand < self.counts.typed() {
            let at = operand + 2;
            self.free[at / 4] |= 0x0F << (8 * (at % 4));
            operand += 1;
        }
        self
    }

    /// The numbers of operands.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// True when a record that goes on with `bytes` from its fifth byte on has these operands. Regions of inputs that
    /// may be constants are for the caller to look at.
    #[inline(always)]
    pub fn matches(&self, bytes: &[u8]) -> bool {
        let differs = |index: usize| {
            let word = bytes.get(4 * index..).and_then(|rest| rest.first_chunk::<4>());
            let (Some(&word), Some(&expected), Some(&free)) = (word, self.words.get(index), self.free.get(index))
            else {
                return true;
            };
            (u32::from_le_bytes(word) ^ expected) & !free != 0
        };
        !differs(0) && (self.counts.typed() <= 2 || !differs(1))
    }

    const fn with_bits(mut self, operand: usize, byte: u8) -> Self {
        let at = operand + 2;
        self.words[at / 4] |= (byte as u32) << (8 * (at % 4));
        self
    }

    const fn with_counts(mut self) -> Self {
        let [low, high] = self.counts.bytes();
        self.words[0] = (self.words[0] & 0xFFFF_0000) | low as u32 | (high as u32) << 8;
        self
    }
}

/// The operand list of one record.
#[derive(Clone, Copy, Debug)]
pub struct OperandList<'b> {
    counts: Counts,
    types: &'b [u8],
    offsets: &'b [u8],
}

impl<'b> OperandList<'b> {
    /// Splits what follows the first four bytes of a record into its operands and its parameters; `None` when it is
    /// too short, a padding byte is not zero, or scratch is in a region but there is none.
    pub fn split(body: &'b [u8]) -> Option<(Self, &'b [u8])> {
        let counts = Counts::from_bytes(*body.first_chunk::<2>()?);
        let start = counts.offsets_start().checked_sub(4)?;
        let end = counts.parameters_start().checked_sub(4)?;
        let head = body.get(2..start)?;
        let (types, padding) = head.split_at_checked(counts.typed())?;
        let scratch_region = body.get(1)? >> 4;
        if padding.iter().any(|&byte| byte != 0) || scratch_region != Operand::ARENA {
            return None;
        }
        let list = OperandList { counts, types, offsets: body.get(start..end)? };
        Some((list, body.get(end..)?))
    }

    /// The numbers of operands.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Operand `index`, inputs first, then outputs, then states; `None` past the last or for an unknown type.
    pub fn get(&self, index: usize) -> Option<Operand> {
        let byte = *self.types.get(index)?;
        let dtype = DType::from_tag(byte & 15)?;
        Some(Operand { dtype, region: byte >> 4, offset: self.offset(index)? })
    }

    /// Input `index`.
    pub fn input(&self, index: usize) -> Option<Operand> {
        if index < usize::from(self.counts.inputs) { self.get(index) } else { None }
    }

    /// Output `index`.
    pub fn output(&self, index: usize) -> Option<Operand> {
        let inputs = usize::from(self.counts.inputs);
        if index < usize::from(self.counts.outputs) { self.get(inputs.checked_add(index)?) } else { None }
    }

    /// The scratch memory's offset.
    pub fn scratch(&self) -> Option<u32> {
        if self.counts.has_scratch { self.offset(self.counts.typed()) } else { None }
    }

    fn offset(&self, index: usize) -> Option<u32> {
        let bytes = self.offsets.get(index.checked_mul(4)?..)?.first_chunk::<4>()?;
        Some(u32::from_le_bytes(*bytes))
    }
}

/// An operator's operands while a record is written.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operands {
    /// What it reads.
    pub inputs: alloc::vec::Vec<Operand>,
    /// What it writes.
    pub outputs: alloc::vec::Vec<Operand>,
    /// What it keeps from run to run.
    pub states: alloc::vec::Vec<Operand>,
    /// Offset of its temporary memory in the arena.
    pub scratch: Option<u32>,
}

#[cfg(feature = "alloc")]
impl Operands {
    /// One input and one output in the arena.
    pub fn unary((from, input): (DType, u32), (to, output): (DType, u32)) -> Self {
        Operands {
            inputs: alloc::vec![Operand { offset: input, ..Operand::unplaced(from) }],
            outputs: alloc::vec![Operand { offset: output, ..Operand::unplaced(to) }],
            ..Operands::default()
        }
    }

    /// The same with scratch memory.
    #[must_use]
    pub fn with_scratch(self, offset: u32) -> Self {
        Operands { scratch: Some(offset), ..self }
    }

    /// The numbers of operands; more than a record can count are cut off.
    pub fn counts(&self) -> Counts {
        let count = |list: &[Operand], max: usize| u8::try_from(list.len().min(max)).unwrap_or(0);
        Counts {
            inputs: count(&self.inputs, 15),
            outputs: count(&self.outputs, 15),
            states: count(&self.states, STATES.into()),
            has_scratch: self.scratch.is_some(),
        }
    }

    /// Every operand with a type, in the order of a record.
    pub fn typed(&self) -> impl Iterator<Item = &Operand> {
        self.inputs.iter().chain(&self.outputs).chain(&self.states)
    }

    /// The operands of a record.
    pub fn read(list: &OperandList<'_>) -> Option<Self> {
        let counts = list.counts();
        let (inputs, outputs) = (usize::from(counts.inputs), usize::from(counts.outputs));
        let range = |from: usize, to: usize| (from..to).map(|index| list.get(index)).collect::<Option<_>>();
        let behind = inputs.checked_add(outputs)?;
        Some(Operands {
            inputs: range(0, inputs)?,
            outputs: range(inputs, behind)?,
            states: range(behind, counts.typed())?,
            scratch: list.scratch(),
        })
    }

    /// Appends the bytes of a record from its fifth to its parameters.
    pub(crate) fn put(&self, out: &mut alloc::vec::Vec<u8>) {
        out.extend(self.counts().bytes());
        out.extend(self.typed().map(|operand| operand.type_byte()));
        out.resize(out.len().next_multiple_of(4), 0);
        let offsets = self.typed().map(|operand| operand.offset).chain(self.scratch);
        offsets.for_each(|offset| out.extend(offset.to_le_bytes()));
    }
}
