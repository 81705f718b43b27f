//! What can go wrong, by stage. Numbers only: the host tool turns them into sentences.

use kinglet_blob::FormatError;

/// Implements `Display` (numbers and the variant's name) and, with `std`, `Error`.
macro_rules! error_traits {
    ($($ty:ty),*) => { $(
        impl core::fmt::Display for $ty {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Debug::fmt(self, f)
            }
        }
        impl core::error::Error for $ty {}
    )* };
}
error_traits!(Error, LoadError, SessionError, TensorError, RunError, SelfTestError);

/// Which rule a blob breaks that has a sound structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
#[non_exhaustive]
pub enum LoadRule {
    /// The opcode is unknown: the blob needs a newer engine.
    UnknownOperator = 64,
    /// The operator is known but its cargo feature is off in this build.
    OperatorNotLinked = 65,
    /// This build has no kernel for the weights' packing. Compile the blob for this target; a build that is to try other
    /// machines' blobs wants the cargo feature `emulation`.
    PackingNotRunnable = 66,
    /// The record is shorter than its operator's, or the records do not fill the section.
    RecordLength = 67,
    /// The header counts another number of operators.
    OperatorCount = 68,
    /// A tensor or scratch range does not lie within the arena.
    ArenaRange = 69,
    /// A tensor's offset is not a multiple of its element.
    ArenaAlignment = 70,
    /// Ranges overlap in a way that the operator's kernels cannot work with.
    ArenaOverlap = 71,
    /// Constants do not lie within WEIGHTS, are misaligned, or are shared by so many operators that checking
    /// them would take longer than reading the blob.
    ConstantRange = 72,
    /// A shape is empty, too large, or does not fit the others of its record.
    Shape = 73,
    /// A parameter is out of its range: shift, clamp, flag, multiplier.
    Parameter = 74,
    /// A port's type, rank, shape, range or name is wrong.
    Port = 75,
    /// The arena is larger than 2 GiB, the most that a 32-bit machine can give a slice.
    ArenaSize = 76,
    /// GOLDEN is not as long as its vectors, or there is nothing in them to compare.
    Golden = 77,
    /// The operands are not those of the operator: their number, type or region.
    Operands = 78,
    /// A tensor of STATE is not in the arena, or the section is not as long as its tensors.
    State = 79,
    /// The model has to do more than the caller's limit: [`crate::Model::from_bytes_within`].
    Work = 80,
}

/// Why bytes are not a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadError {
    /// The structure is broken: damaged, cut off, or not a blob.
    Format(FormatError),
    /// A record breaks a rule.
    Record {
        /// Which.
        rule: LoadRule,
        /// Byte offset of the record in the blob.
        offset: u32,
    },
}

#[cfg(feature = "defmt")]
impl defmt::Format for LoadError {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "LoadError {{ code: {}, offset: {} }}", self.code(), self.offset());
    }
}

impl LoadError {
    /// The rule's number: [`crate::FormatRule`] below 64, [`LoadRule`] from 64 on.
    pub fn code(&self) -> u8 {
        match self {
            LoadError::Format(error) => error.rule as u8,
            LoadError::Record { rule, .. } => *rule as u8,
        }
    }

    /// Byte offset in the blob of what is wrong.
    pub fn offset(&self) -> u32 {
        match self {
            LoadError::Format(error) => error.offset,
            LoadError::Record { offset, .. } => *offset,
        }
    }
}

/// Why a session cannot start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SessionError {
    /// The memory given is too small.
    ArenaTooSmall {
        /// Bytes the model needs.
        needed: usize,
        /// Bytes given.
        given: usize,
    },
    /// The memory does not start at a 16-byte aligned address; use [`crate::Arena`].
    ArenaMisaligned,
}

/// Why a tensor cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TensorError {
    /// The model has fewer inputs or outputs.
    NoSuchTensor,
    /// The tensor has the other element type.
    WrongType,
    /// The tensor has another number of elements.
    WrongLength {
        /// Elements of the tensor.
        needed: usize,
        /// Elements of the slice.
        given: usize,
    },
}

/// Why a run stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RunError {
    /// The blob's bytes are not those that were verified: the memory behind them has changed. The operator's record
    /// cannot be read any more, or its kernel refuses the layer that it describes; its output is not a result.
    BlobChanged {
        /// Byte offset of the operator in OPERATORS.
        offset: u32,
    },
}

/// Why a self-test failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SelfTestError {
    /// The blob carries no test vectors.
    NoVectors,
    /// An output differs from what the compiler computed.
    Mismatch {
        /// Which vector.
        vector: u32,
        /// Which output.
        output: u16,
    },
    /// The run itself failed.
    Run(RunError),
}

/// Any error of the engine, for `?`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// From [`crate::Model::from_bytes`].
    Load(LoadError),
    /// From [`crate::Session::new`].
    Session(SessionError),
    /// From tensor access.
    Tensor(TensorError),
    /// From running.
    Run(RunError),
    /// From the self-test.
    SelfTest(SelfTestError),
}

/// Each stage's error converts into [`Error`].
macro_rules! from_stage {
    ($($variant:ident($ty:ty)),*) => { $(
        impl From<$ty> for Error {
            fn from(error: $ty) -> Self {
                Error::$variant(error)
            }
        }
    )* };
}
from_stage!(Load(LoadError), Session(SessionError), Tensor(TensorError), Run(RunError), SelfTest(SelfTestError));
