//! Records: the parameters of an operator of the blob, whichever it is.
//!
//! This layer lies below the operators, which say what they are lowered to, and below programs, whose steps have a
//! record each. It knows neither graphs nor addresses.

mod overlap;
mod work;

pub use overlap::{Overlap, PixelOrder};
pub use work::Work;

use kinglet_blob::records::{
    BinaryF32, BinaryI8, BinaryI16, Conv2dF32, Conv2dI8, Conv2dI16, Convert, Copy, FullyConnectedF32, FullyConnectedI8,
    FullyConnectedI16, Lookup, MeanF32, MeanI8, Pad, PoolF32, PoolI8, SoftmaxF32, SoftmaxI8, TransposeConvF32,
    TransposeConvI8, UnaryF32, Window,
};
use kinglet_blob::{Cursor, DType, Field, OpCode, Operands, WeightForm, operator_bytes};
use kinglet_kernels::conv2d::Geometry;
use kinglet_kernels::packing::Storage;

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
            /// The whole record, with its head and its operands.
            pub fn bytes(&self, opcode: OpCode, form: WeightForm, operands: &Operands) -> Vec<u8> {
                match self { $(Record::$name(record) => operator_bytes(opcode, form, operands, record),)* }
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
    Lookup,
    UnaryF32,
    Convert,
    TransposeConvI8,
    TransposeConvF32,
    Conv2dI16,
    FullyConnectedI16,
    BinaryI16,
);

/// Reads a record's fields and wraps them; `None` when they do not fill the body.
fn take<R: Field + Into<Record>>(body: &[u8]) -> Option<Record> {
    let fills = body.len() == R::SIZE.next_multiple_of(4);
    R::take(&mut Cursor::new(body)).filter(|_| fills).map(Into::into)
}

impl Record {
    /// The parameters of an operator in a blob whose first operand has type `dtype`; `None` when there is no such
    /// operator or its parameters have another length.
    pub fn read(opcode: OpCode, dtype: DType, parameters: &[u8]) -> Option<Record> {
        type Read = fn(&[u8]) -> Option<Record>;
        let of_types = |int8: Read, float: Read, int16: Option<Read>| match dtype {
            DType::I8 => Some(int8),
            DType::F32 => Some(float),
            DType::I16 => int16,
            _ => None,
        };
        let by_type = |int8: Read, float: Read| of_types(int8, float, None);
        let read = match opcode {
            OpCode::Conv2d | OpCode::Depthwise => {
                of_types(take::<Conv2dI8>, take::<Conv2dF32>, Some(take::<Conv2dI16>))?
            }
            OpCode::TransposeConv => by_type(take::<TransposeConvI8>, take::<TransposeConvF32>)?,
            OpCode::FullyConnected => {
                of_types(take::<FullyConnectedI8>, take::<FullyConnectedF32>, Some(take::<FullyConnectedI16>))?
            }
            OpCode::AveragePool | OpCode::MaxPool => by_type(take::<PoolI8>, take::<PoolF32>)?,
            OpCode::Add => of_types(take::<BinaryI8>, take::<BinaryF32>, Some(take::<BinaryI16>))?,
            OpCode::Mul => by_type(take::<BinaryI8>, take::<BinaryF32>)?,
            OpCode::Softmax => by_type(take::<SoftmaxI8>, take::<SoftmaxF32>)?,
            OpCode::Mean => by_type(take::<MeanI8>, take::<MeanF32>)?,
            OpCode::Pad => take::<Pad>,
            OpCode::Copy => take::<Copy>,
            OpCode::Lookup => take::<Lookup>,
            OpCode::Clamp | OpCode::Logistic | OpCode::Tanh => take::<UnaryF32>,
            OpCode::Quantize | OpCode::Dequantize => take::<Convert>,
            _ => return None,
        };
        read(parameters)
    }

    /// The window of an operator that slides one.
    pub fn window(&self) -> Option<&Window> {
        match self {
            Record::Conv2dI8(record) => Some(&record.window),
            Record::Conv2dF32(record) => Some(&record.window),
            Record::Conv2dI16(record) => Some(&record.window),
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
            Record::Conv2dI16(record) => Some(&mut record.window),
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
            Record::TransposeConvI8(record) => Some(record.constants),
            Record::TransposeConvF32(record) => Some(record.constants),
            Record::Conv2dI16(record) => Some(record.constants),
            Record::FullyConnectedI16(record) => Some(record.constants),
            _ => None,
        }
    }

    /// Bytes of weights, without biases, requantization and packing's padding.
    pub fn weight_bytes(&self, opcode: OpCode, form: WeightForm) -> u64 {
        let storage = Storage::from_tag(form.storage).unwrap_or_default();
        // The weights of a layer fit into memory.
        let stored = |places: u64| storage.bytes(usize::try_from(places).unwrap_or(usize::MAX)) as u64;
        match self {
            Record::Conv2dI8(Conv2dI8 { window, .. })
            | Record::Conv2dI16(Conv2dI16 { window, .. })
            | Record::TransposeConvI8(TransposeConvI8 { window, .. }) => stored(window_weights(opcode, window)),
            Record::Conv2dF32(Conv2dF32 { window, .. }) | Record::TransposeConvF32(TransposeConvF32 { window, .. }) => {
                window_weights(opcode, window).saturating_mul(4)
            }
            Record::FullyConnectedI8(FullyConnectedI8 { taps, outputs, .. })
            | Record::FullyConnectedI16(FullyConnectedI16 { taps, outputs, .. }) => stored(product([*taps, *outputs])),
            Record::FullyConnectedF32(FullyConnectedF32 { taps, outputs, .. }) => product([4, *taps, *outputs]),
            _ => 0,
        }
    }

    /// Multiplications of a weight with an activation, positions in the padding included.
    pub fn macs(&self, opcode: OpCode) -> u64 {
        match self {
            Record::Conv2dI8(Conv2dI8 { window, .. })
            | Record::Conv2dF32(Conv2dF32 { window, .. })
            | Record::Conv2dI16(Conv2dI16 { window, .. }) => window_macs(opcode, window),
            Record::TransposeConvI8(TransposeConvI8 { window, .. })
            | Record::TransposeConvF32(TransposeConvF32 { window, .. }) => {
                let pixels = product([window.input[0], window.input[1], window.batch]);
                pixels.saturating_mul(window_weights(opcode, window))
            }
            Record::FullyConnectedI8(FullyConnectedI8 { rows, taps, outputs, .. })
            | Record::FullyConnectedI16(FullyConnectedI16 { rows, taps, outputs, .. })
            | Record::FullyConnectedF32(FullyConnectedF32 { rows, taps, outputs, .. }) => {
                product([*rows, *taps, *outputs])
            }
            _ => 0,
        }
    }
}

/// Weights of one output channel.
fn taps(opcode: OpCode, window: &Window) -> u64 {
    let area = product(window.kernel);
    match opcode {
        OpCode::Depthwise => area,
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

/// The kernels' view of a record's shapes, for one image. `groups` is 1 where the record's field means
/// something else.
pub fn geometry(window: &Window, groups: usize) -> Geometry {
    Geometry {
        input: window.input.map(usize::from),
        output: window.output.map(usize::from),
        kernel: window.kernel.map(usize::from),
        stride: window.stride.map(usize::from),
        dilation: window.dilation.map(usize::from),
        pad: window.pad.map(usize::from),
        groups,
    }
}
