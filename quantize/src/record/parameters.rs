//! What every record says about itself, whoever asks: the proof of a memory plan, stripes, estimates, inspection.

use core::any::Any;
use core::fmt;

use kinglet_blob::records::{Broadcast, Copy as Blocks, Rearrange, Window};
use kinglet_blob::{Field, OpCode, Operands, WeightForm};
use kinglet_kernels::packing::{PixelOrder, WriteOrder};

/// What stands before the operands of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// What the operator computes.
    pub opcode: OpCode,
    /// Order and storage of the weights.
    pub form: WeightForm,
}

/// The answers of one kind of record.
///
/// A record that belongs to one operator answers in the operator's home (`op/<name>.rs`); those that several operators
/// share answer in files of this folder.
pub trait Parameters: fmt::Debug {
    /// Extents of the operand and of the result.
    fn shapes(&self) -> Shapes;

    /// In which order its kernel reads and writes: the kernel's contract, by which results may lie over operands.
    fn access(&self, head: Head) -> Access<'_>;

    /// The fields that say for how many rows of the result it is; `None` for one that computes its result as a whole.
    fn rows_mut(&mut self) -> Option<RowsMut<'_>> {
        None
    }

    /// Its weights; `None` when it has none.
    fn layer(&self, _head: Head) -> Option<Layer> {
        None
    }

    /// The order of its weights by name, and what that asks for; `None` when a head of it names no packing.
    fn packed(&self, _head: Head) -> Option<Packed> {
        None
    }

    /// Whether the kernels of its packing compute it exactly with the weights that `section`, all of WEIGHTS, has for it;
    /// `None` when its kernels are exact for any.
    fn is_exact(&self, _head: Head, _section: &[u8]) -> Option<bool> {
        None
    }

    /// Elements of each operand, when it has several that are all read whole.
    fn operand_lens(&self) -> Vec<usize> {
        Vec::new()
    }

    /// Elements that a kernel takes into patches or planes before it computes; see [`super::Work::gathered`].
    fn gathered(&self, _opcode: OpCode) -> u64 {
        0
    }
}

/// Extents of an operator's operand and result, and how many images they are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shapes {
    /// Of the first operand.
    pub input: Vec<usize>,
    /// Of the result.
    pub output: Vec<usize>,
    /// Images.
    pub batch: usize,
    /// True when the extents count bytes instead of elements.
    pub in_bytes: bool,
}

impl Shapes {
    /// Extents of elements, of one image.
    pub fn of(input: &[u32], output: &[u32]) -> Shapes {
        let wide = |extents: &[u32]| extents.iter().map(|&extent| extent as usize).collect();
        Shapes { input: wide(input), output: wide(output), batch: 1, in_bytes: false }
    }

    /// An operand and a result of the same extents.
    pub fn same(extents: &[u32]) -> Shapes {
        Shapes::of(extents, extents)
    }

    /// Images of an operator with a window.
    pub fn windowed(window: &Window) -> Shapes {
        let extents = |shape: [u16; 3]| shape.map(usize::from).to_vec();
        let (input, output) = (extents(window.input), extents(window.output));
        Shapes { input, output, batch: window.batch.into(), in_bytes: false }
    }
}

/// In which order a kernel reads its operand and writes its result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Access<'r> {
    /// A window slides over images.
    Windows(&'r Window, WriteOrder),
    /// A row of the result may be written while a row of the operand is still being read.
    Rows {
        /// How many.
        rows: usize,
        /// Elements of an operand's row.
        input: usize,
        /// Elements of a result's row.
        output: usize,
    },
    /// An element is written when the operand's elements up to it have been read.
    Elements {
        /// How many there are.
        len: usize,
        /// Whether each is made of one: then some of them are the same operator, only smaller.
        splits: bool,
    },
    /// The same with a second operand, which stays whole until the end.
    Pairs(&'r Broadcast),
    /// Runs of bytes go elsewhere.
    Blocks(&'r Blocks),
    /// Elements go elsewhere, each on its own; operand and result are apart.
    Strided(&'r Rearrange),
    /// Elements of another size are made of those of the operand; both apart.
    Converted {
        /// How many.
        len: usize,
    },
    /// All of the operand is read and all of the result is written, in no stated order.
    Apart,
}

/// The fields by which a record is made one for some rows of its result.
#[derive(Debug)]
pub enum RowsMut<'r> {
    /// A window's extents and padding.
    Window(&'r mut Window),
    /// A number of elements.
    Elements(&'r mut u32),
    /// The extents of two operands.
    Pairs(&'r mut Broadcast),
}

/// The weights of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Where they start in WEIGHTS, with the biases and factors before them.
    pub constants: u32,
    /// Output channels.
    pub outputs: usize,
    /// Their bytes, without biases, requantization and a packing's padding.
    pub weight_bytes: u64,
    /// Multiplications of a weight with an activation, positions in the padding included.
    pub macs: u64,
}

/// What the packing of a record's weights asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Packed {
    /// Its name.
    pub name: &'static str,
    /// Bytes of temporary memory.
    pub scratch_bytes: usize,
    /// Whether its kernels take these shapes.
    pub takes: bool,
    /// In which order they write.
    pub order: WriteOrder,
}

impl Packed {
    /// A packing that no reader of this version knows.
    pub(super) const UNKNOWN: Packed =
        Packed { name: "unknown", scratch_bytes: 0, takes: false, order: WriteOrder::Pixels(PixelOrder::Interleaved) };
}

/// The product of extents, the largest number when it is larger.
pub(crate) fn product<T: Into<u64>, const N: usize>(extents: [T; N]) -> u64 {
    extents.into_iter().map(Into::into).fold(1u64, u64::saturating_mul)
}

/// A record that is kept without knowing which one it is.
pub(super) trait Kept: Parameters + Send + Sync {
    /// A whole record of the blob, with its head and its operands.
    fn operator_bytes(&self, head: Head, operands: &Operands) -> Vec<u8>;
    fn copied(&self) -> Box<dyn Kept>;
    fn any(&self) -> &dyn Any;
    fn any_mut(&mut self) -> &mut dyn Any;
}

impl<R: Parameters + Field + Copy + Send + Sync + 'static> Kept for R {
    fn operator_bytes(&self, head: Head, operands: &Operands) -> Vec<u8> {
        kinglet_blob::operator_bytes(head.opcode, head.form, operands, self)
    }

    fn copied(&self) -> Box<dyn Kept> {
        Box::new(*self)
    }

    fn any(&self) -> &dyn Any {
        self
    }

    fn any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
