//! An operator's record before and after its memory is known.
//!
//! Lowering fills everything but the arena offsets, the plan supplies those, and `inspect` and the plan's
//! verifier read the same type back out of a blob.

use kinglet_blob::records::{
    BinaryF32, BinaryI8, Conv2dF32, Conv2dI8, Convert, Copy, FullyConnectedF32, FullyConnectedI8, LookupI8, MeanF32,
    MeanI8, OPERAND_ARENA, Operands, Pad, PoolF32, PoolI8, SoftmaxF32, SoftmaxI8, UnaryF32, Window,
};
use kinglet_blob::{Cursor, Field, OpCode, OperatorBytes, operator_bytes};

/// Where an operator's activations are, as byte offsets in the arena.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// The first operand.
    pub input: u32,
    /// The second operand, when it is in the arena.
    pub second: u32,
    /// The result.
    pub output: u32,
    /// Temporary memory.
    pub scratch: u32,
}

/// Declares the enum of records and what only depends on the variant's type.
macro_rules! records {
    ($($name:ident),* $(,)?) => {
        /// A record of any operator.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum Record {
            $(
                #[doc = concat!("[`kinglet_blob::records::", stringify!($name), "`]")]
                $name($name),
            )*
        }

        impl Record {
            /// The encoded record with its head.
            pub fn bytes(&self, opcode: OpCode, kernel: u8) -> Vec<u8> {
                match self { $(Record::$name(record) => operator_bytes(opcode, kernel, record),)* }
            }
        }

        $(
            impl From<$name> for Record {
                fn from(record: $name) -> Self {
                    Record::$name(record)
                }
            }
        )*
    };
}
records!(
    Conv2dI8,
    Conv2dF32,
    FullyConnectedI8,
    FullyConnectedF32,
    PoolI8,
    PoolF32,
    BinaryI8,
    BinaryF32,
    SoftmaxI8,
    SoftmaxF32,
    Pad,
    Copy,
    MeanI8,
    MeanF32,
    LookupI8,
    UnaryF32,
    Convert,
);

/// Reads a record's fields and wraps them; `None` when they do not fill the body.
fn take<R: Field + Into<Record>>(body: &[u8]) -> Option<Record> {
    let fills = body.len() == R::SIZE.next_multiple_of(4);
    R::take(&mut Cursor::new(body)).filter(|_| fills).map(Into::into)
}

impl Record {
    /// The record of an operator in a blob, with its opcode; `None` when there is no such opcode or its record
    /// has another length.
    pub fn read(operator: &OperatorBytes<'_>) -> Option<(OpCode, Record)> {
        let opcode = OpCode::from_tag(operator.opcode)?;
        let read = match opcode {
            OpCode::Conv2dI8 | OpCode::DepthwiseI8 => take::<Conv2dI8>,
            OpCode::Conv2dF32 | OpCode::DepthwiseF32 => take::<Conv2dF32>,
            OpCode::FullyConnectedI8 => take::<FullyConnectedI8>,
            OpCode::FullyConnectedF32 => take::<FullyConnectedF32>,
            OpCode::AveragePoolI8 | OpCode::MaxPoolI8 => take::<PoolI8>,
            OpCode::AveragePoolF32 | OpCode::MaxPoolF32 => take::<PoolF32>,
            OpCode::AddI8 | OpCode::MulI8 => take::<BinaryI8>,
            OpCode::AddF32 | OpCode::MulF32 => take::<BinaryF32>,
            OpCode::SoftmaxI8 => take::<SoftmaxI8>,
            OpCode::SoftmaxF32 => take::<SoftmaxF32>,
            OpCode::PadI8 | OpCode::PadF32 => take::<Pad>,
            OpCode::Copy => take::<Copy>,
            OpCode::MeanI8 => take::<MeanI8>,
            OpCode::MeanF32 => take::<MeanF32>,
            OpCode::LookupI8 => take::<LookupI8>,
            OpCode::ClampF32 | OpCode::LogisticF32 | OpCode::TanhF32 => take::<UnaryF32>,
            OpCode::Quantize | OpCode::Dequantize => take::<Convert>,
            _ => return None,
        };
        Some((opcode, read(operator.body)?))
    }

    /// The record with its activations at `at`.
    #[must_use]
    pub fn placed(mut self, at: &Addresses) -> Record {
        /// Sets the fields that most records have.
        macro_rules! io {
            ($record:ident) => {
                ($record.input, $record.output) = (at.input, at.output)
            };
        }
        match &mut self {
            Record::Conv2dI8(record) => {
                io!(record);
                record.scratch = at.scratch;
            }
            Record::Conv2dF32(record) => {
                io!(record);
                record.scratch = at.scratch;
            }
            Record::FullyConnectedI8(record) => {
                io!(record);
                record.scratch = at.scratch;
            }
            Record::BinaryI8(record) => place_operands(&mut record.operands, record.b_source, at),
            Record::BinaryF32(record) => place_operands(&mut record.operands, record.b_source, at),
            Record::FullyConnectedF32(record) => io!(record),
            Record::PoolI8(record) => io!(record),
            Record::PoolF32(record) => io!(record),
            Record::SoftmaxI8(record) => io!(record),
            Record::SoftmaxF32(record) => io!(record),
            Record::Pad(record) => io!(record),
            Record::Copy(record) => io!(record),
            Record::MeanI8(record) => io!(record),
            Record::MeanF32(record) => io!(record),
            Record::LookupI8(record) => io!(record),
            Record::UnaryF32(record) => io!(record),
            Record::Convert(record) => io!(record),
        }
        self
    }

    /// Where the record says its activations are; 0 for what it does not have.
    pub fn addresses(&self) -> Addresses {
        /// Reads the fields that most records have.
        macro_rules! io {
            ($record:ident) => {
                Addresses { input: $record.input, output: $record.output, ..Addresses::default() }
            };
        }
        match self {
            Record::Conv2dI8(record) => Addresses { scratch: record.scratch, ..io!(record) },
            Record::Conv2dF32(record) => Addresses { scratch: record.scratch, ..io!(record) },
            Record::FullyConnectedI8(record) => Addresses { scratch: record.scratch, ..io!(record) },
            Record::BinaryI8(BinaryI8 { operands, b_source, .. })
            | Record::BinaryF32(BinaryF32 { operands, b_source, .. }) => {
                let second = if *b_source == OPERAND_ARENA { operands.b } else { 0 };
                Addresses { input: operands.a, second, output: operands.output, scratch: 0 }
            }
            Record::FullyConnectedF32(record) => io!(record),
            Record::PoolI8(record) => io!(record),
            Record::PoolF32(record) => io!(record),
            Record::SoftmaxI8(record) => io!(record),
            Record::SoftmaxF32(record) => io!(record),
            Record::Pad(record) => io!(record),
            Record::Copy(record) => io!(record),
            Record::MeanI8(record) => io!(record),
            Record::MeanF32(record) => io!(record),
            Record::LookupI8(record) => io!(record),
            Record::UnaryF32(record) => io!(record),
            Record::Convert(record) => io!(record),
        }
    }

    /// The window of an operator that slides one.
    pub fn window(&self) -> Option<&Window> {
        match self {
            Record::Conv2dI8(record) => Some(&record.window),
            Record::Conv2dF32(record) => Some(&record.window),
            Record::PoolI8(record) => Some(&record.window),
            Record::PoolF32(record) => Some(&record.window),
            _ => None,
        }
    }

    /// [`Record::window`], to be changed.
    pub fn window_mut(&mut self) -> Option<&mut Window> {
        match self {
            Record::Conv2dI8(record) => Some(&mut record.window),
            Record::Conv2dF32(record) => Some(&mut record.window),
            Record::PoolI8(record) => Some(&mut record.window),
            Record::PoolF32(record) => Some(&mut record.window),
            _ => None,
        }
    }

    /// Where an operator's constants start, when it has a layer's weights.
    pub fn constants(&self) -> Option<u32> {
        match self {
            Record::Conv2dI8(record) => Some(record.constants),
            Record::Conv2dF32(record) => Some(record.constants),
            Record::FullyConnectedI8(record) => Some(record.constants),
            Record::FullyConnectedF32(record) => Some(record.constants),
            _ => None,
        }
    }

    /// Bytes of weights, without biases, requantization and packing's padding.
    pub fn weight_bytes(&self, opcode: OpCode) -> u64 {
        match self {
            Record::Conv2dI8(Conv2dI8 { window, .. }) => window_weights(opcode, window),
            Record::Conv2dF32(Conv2dF32 { window, .. }) => window_weights(opcode, window).saturating_mul(4),
            Record::FullyConnectedI8(FullyConnectedI8 { taps, outputs, .. }) => product([*taps, *outputs]),
            Record::FullyConnectedF32(FullyConnectedF32 { taps, outputs, .. }) => product([4, *taps, *outputs]),
            _ => 0,
        }
    }

    /// Multiplications of a weight with an activation, positions in the padding included.
    pub fn macs(&self, opcode: OpCode) -> u64 {
        match self {
            Record::Conv2dI8(Conv2dI8 { window, .. }) | Record::Conv2dF32(Conv2dF32 { window, .. }) => {
                window_macs(opcode, window)
            }
            Record::FullyConnectedI8(FullyConnectedI8 { rows, taps, outputs, .. })
            | Record::FullyConnectedF32(FullyConnectedF32 { rows, taps, outputs, .. }) => {
                product([*rows, *taps, *outputs])
            }
            _ => 0,
        }
    }
}

fn place_operands(operands: &mut Operands, b_source: u8, at: &Addresses) {
    (operands.a, operands.output) = (at.input, at.output);
    if b_source == OPERAND_ARENA {
        operands.b = at.second;
    }
}

/// Weights of one output channel.
fn taps(opcode: OpCode, window: &Window) -> u64 {
    let area = product(window.kernel);
    match opcode {
        OpCode::DepthwiseI8 | OpCode::DepthwiseF32 => area,
        _ => area.saturating_mul((window.input[2] / window.groups.max(1)).into()),
    }
}

pub(crate) fn window_macs(opcode: OpCode, window: &Window) -> u64 {
    product(window.output).saturating_mul(window.batch.into()).saturating_mul(taps(opcode, window))
}

fn window_weights(opcode: OpCode, window: &Window) -> u64 {
    taps(opcode, window).saturating_mul(window.output[2].into())
}

fn product<T: Into<u64>, const N: usize>(extents: [T; N]) -> u64 {
    extents.into_iter().map(Into::into).fold(1u64, u64::saturating_mul)
}
