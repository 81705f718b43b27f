//! What running an operator takes, counted from its record alone.
//!
//! A verified blob cannot fail, but it can be long: one pooling record of forty bytes may ask for 10^13 comparisons. So
//! there is a number to look at before a model from elsewhere is run. It is counted in 64 bits, exactly as far as these
//! reach, and no kernel does more than a constant times it. Time is another matter: that depends on the machine.

use crate::records::{
    AlongF32, AlongI8, AsymmetricConv2dI8, BinaryF32, BinaryI8, BinaryI16, Broadcast, Cast, Combine, CombineF32,
    CombineQuantized, Conv2dF32, Conv2dI8, Conv2dI16, Convert, Copy as Blocks, Detect, FullyConnectedF32,
    FullyConnectedI8, FullyConnectedI16, Gather, Grid, HybridConv2d, Lookup, MapF32, MapI16, MatMulF32, MatMulI8,
    MatMulI16, MatMulShape, MeanF32, MeanI8, Pad, PoolF32, PoolI8, PoolI16, Rank, Rearrange, RecurrentF32, RecurrentI8,
    ReduceF32, ReduceInt, ReduceMax, Requantize, Resample, ResizeBilinear, Scatter, Select, SoftmaxF32, SoftmaxI8,
    SoftmaxI16, Suppress, Take, TransposeConvF32, TransposeConvI8, TransposeConvI16, TreesF32, TreesI16, UnaryF32,
    Window,
};
use crate::{Cursor, DType, Field, OpCode, OperatorBytes};

/// What an operator or a model has to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Multiplications of an activation with a weight, or with another activation. Positions of a window outside of the image count.
    pub macs: u64,
    /// Elements that windows and reductions look at, positions outside of the image included.
    pub taps: u64,
    /// Elements that are read and written, each operand and each result once; bytes where only bytes are copied.
    pub elements: u64,
}

impl Work {
    /// The sum of both, and the most that a number holds when that is less.
    #[must_use]
    pub const fn plus(self, other: Work) -> Work {
        Work {
            macs: self.macs.saturating_add(other.macs),
            taps: self.taps.saturating_add(other.taps),
            elements: self.elements.saturating_add(other.elements),
        }
    }

    /// All of it in one number: what a limit is compared with.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.macs.saturating_add(self.taps).saturating_add(self.elements)
    }
}

/// A record that says what its operator has to do.
trait Counted {
    fn work(&self, opcode: OpCode) -> Work;
}

/// The product of extents.
fn product<T: Into<u64>, const N: usize>(extents: [T; N]) -> u64 {
    extents.into_iter().map(Into::into).fold(1, u64::saturating_mul)
}

/// A number of elements that are read, and one that are written.
fn moved(read: u64, written: u64) -> Work {
    Work { macs: 0, taps: 0, elements: read.saturating_add(written) }
}

impl Window {
    /// Weights of one output channel of a convolution, or of a depthwise one.
    #[must_use]
    pub fn taps(&self, opcode: OpCode) -> u64 {
        let area = product(self.kernel);
        if opcode == OpCode::Depthwise {
            return area;
        }
        area.saturating_mul(self.input[2].checked_div(self.groups).unwrap_or(self.input[2]).into())
    }

    /// Products of a convolution whose windows slide over the input.
    #[must_use]
    pub fn macs(&self, opcode: OpCode) -> u64 {
        product(self.output).saturating_mul(self.batch.into()).saturating_mul(self.taps(opcode))
    }

    /// Products of a transposed convolution, in which every pixel of the input meets every weight.
    #[must_use]
    pub fn transposed_macs(&self, opcode: OpCode) -> u64 {
        let pixels = product([self.input[0], self.input[1], self.batch]);
        pixels.saturating_mul(self.taps(opcode)).saturating_mul(self.output[2].into())
    }

    /// Elements that a pool looks at.
    fn pooled(&self) -> u64 {
        product(self.output).saturating_mul(self.batch.into()).saturating_mul(product(self.kernel))
    }

    fn moved(&self) -> Work {
        let of = |extents: [u16; 3]| product(extents).saturating_mul(self.batch.into());
        moved(of(self.input), of(self.output))
    }
}

impl Broadcast {
    fn moved(&self) -> Work {
        moved(u64::from(self.len).saturating_mul(2), self.len.into())
    }
}

impl MatMulShape {
    fn work(&self) -> Work {
        let [x, y, z] = self.batch;
        let of = |rows: u32, columns: u32| product([x, y, z, rows, columns]);
        let read = of(self.rows, self.depth).saturating_add(of(self.depth, self.columns));
        let macs = of(self.rows, self.columns).saturating_mul(self.depth.into());
        Work { macs, ..moved(read, of(self.rows, self.columns)) }
    }
}

impl Grid {
    /// Elements that repeat count as often as they are read.
    fn moved(&self, operands: u64) -> Work {
        let len = product(self.extents);
        moved(len.saturating_mul(operands), len)
    }
}

impl Gather {
    /// Elements of the rows that are named.
    fn rows(&self) -> u64 {
        product([self.batches, self.outer, self.count, self.inner])
    }

    /// The same and the indices, which are read for each of `outer`.
    fn read(&self) -> u64 {
        self.rows().saturating_add(product([self.batches, self.outer, self.count, self.depth]))
    }

    /// Elements of the whole tensor.
    fn data(&self) -> u64 {
        product(self.extents).saturating_mul(product([self.batches, self.outer, self.inner]))
    }
}

/// Gates of a cell, as many as the largest has for one that is not known.
fn gates_of(cell: u8) -> u64 {
    [1, 4, 3, 3].get(usize::from(cell)).copied().unwrap_or(4)
}

/// Each group of records with what it counts, `$it` being the record.
macro_rules! counted {
    ($($($record:ty),+: |$it:ident, $opcode:ident| $work:expr;)*) => {
        $($(impl Counted for $record {
            fn work(&self, $opcode: OpCode) -> Work {
                let $it = self;
                $work
            }
        })+)*
    };
}

counted! {
    Conv2dI8, Conv2dF32, Conv2dI16, AsymmetricConv2dI8, HybridConv2d:
        |it, opcode| Work { macs: it.window.macs(opcode), ..it.window.moved() };
    TransposeConvI8, TransposeConvF32, TransposeConvI16:
        |it, opcode| Work { macs: it.window.transposed_macs(opcode), ..it.window.moved() };
    FullyConnectedI8, FullyConnectedF32, FullyConnectedI16: |it, _opcode| Work {
        macs: product([it.rows, it.taps, it.outputs]),
        ..moved(product([it.rows, it.taps]), product([it.rows, it.outputs]))
    };
    PoolI8, PoolF32, PoolI16: |it, _opcode| Work { taps: it.window.pooled(), ..it.window.moved() };
    BinaryI8, BinaryF32, BinaryI16: |it, _opcode| it.broadcast.moved();
    SoftmaxI8, SoftmaxI16, SoftmaxF32: |it, _opcode| moved(product([it.rows, it.depth]), product([it.rows, it.depth]));
    Pad: |it, _opcode| moved(product(it.input_dims), product(it.output_dims));
    Blocks: |it, _opcode| moved(product([it.blocks, it.block_bytes]), product([it.blocks, it.block_bytes]));
    Take: |it, _opcode| {
        let len = product([it.outer, it.count, it.inner]);
        moved(len.saturating_add(it.count.into()), len)
    };
    Resample: |it, _opcode| Work {
        macs: product([it.outer, it.count, it.inner]).saturating_mul(it.taps.into()),
        ..moved(product([it.outer, it.extent, it.inner]), product([it.outer, it.count, it.inner]))
    };
    ResizeBilinear: |it, _opcode| {
        let len = |[height, width]: [u32; 2]| product([it.batch, height, width, it.channels]);
        Work { macs: len(it.output).saturating_mul(4), ..moved(len(it.input), len(it.output)) }
    };
    Rearrange: |it, _opcode| moved(product(it.extents), product(it.extents));
    MeanI8, MeanF32, ReduceMax: |it, _opcode| Work {
        taps: product([it.outer, it.reduced, it.inner]),
        ..moved(product([it.outer, it.reduced, it.inner]), product([it.outer, it.inner]))
    };
    ReduceF32, ReduceInt: |it, _opcode| {
        let [k0, r0, k1, r1, k2, r2, k3] = it.extents;
        let read = product([k0, r0, k1, r1, k2, r2, k3]);
        Work { taps: read, ..moved(read, product([k0, k1, k2, k3])) }
    };
    AlongF32, AlongI8: |it, _opcode| {
        let len = product([it.outer, it.depth, it.inner]);
        Work { taps: len, ..moved(len, len) }
    };
    MatMulF32, MatMulI8, MatMulI16: |it, _opcode| it.shape.work();
    CombineF32, CombineQuantized, Combine: |it, _opcode| it.grid.moved(2);
    Select: |it, _opcode| it.grid.moved(3);
    Gather: |it, _opcode| moved(it.read(), it.rows());
    Scatter: |it, _opcode| {
        let (data, updates) = (it.rows.data(), it.rows.read());
        moved(data.saturating_add(updates), data.saturating_add(it.rows.rows()))
    };
    Rank: |it, _opcode| {
        let read = product([it.outer, it.extent, it.inner]);
        Work { taps: read.saturating_mul(it.count.into()), ..moved(read, product([it.outer, it.count, it.inner])) }
    };
    Suppress: |it, _opcode| {
        // Each box may be looked for among all of its class, and compared with all that are taken.
        let scores = product([it.batches, it.classes, it.count]);
        let (boxes, rows) = (product([it.batches, it.count, 4]), product([it.batches, it.classes, it.limit, 3]));
        let taps = scores.saturating_mul(u64::from(it.count).saturating_add(it.limit.into()));
        Work { taps, ..moved(scores.saturating_add(boxes), rows) }
    };
    Detect: |it, _opcode| {
        let scores = product([it.count, it.columns]);
        let taps = scores.saturating_mul(u64::from(it.count).saturating_add(it.limit.into()));
        Work { taps, ..moved(scores.saturating_add(product([it.count, 8])), product([it.limit, it.per_box, 6])) }
    };
    RecurrentF32, RecurrentI8: |it, _opcode| {
        let (steps, gates) = (product([it.steps, it.batch]), product([gates_of(it.cell), it.units.into()]));
        let macs = product([steps, gates]).saturating_mul(u64::from(it.inputs).saturating_add(it.units.into()));
        Work { macs, ..moved(product([steps, it.inputs.into()]), product([steps, it.units.into()])) }
    };
    TreesF32, TreesI16: |it, _opcode| {
        // A path may lead through all of a tree; what a leaf names is read for each target.
        let (nodes, leaves) = (product([it.rows, it.nodes]), product([it.rows, it.trees, it.targets]));
        let taps = nodes.saturating_add(leaves).saturating_add(product([it.rows, it.trees]));
        Work { taps, ..moved(product([it.rows, it.features]), product([it.rows, it.targets])) }
    };
    Lookup, UnaryF32, MapF32, MapI16, Convert, Cast, Requantize: |it, _opcode| moved(it.len.into(), it.len.into());
}

/// Reads a record and counts; nothing when it is cut off.
fn counted<R: Field + Counted>(parameters: &[u8], opcode: OpCode) -> Option<Work> {
    R::take(&mut Cursor::new(parameters)).map(|record| record.work(opcode))
}

/// Finds the record by the list of operators.
macro_rules! read {
    ($($(#[$doc:meta])* $name:ident = $tag:literal $text:literal {
        $($dtype:ident: $record:ident $feature:literal,)*
    })*) => {
        fn of(opcode: OpCode, dtype: DType, parameters: &[u8]) -> Option<Work> {
            match (opcode, dtype) {
                $($((OpCode::$name, DType::$dtype) => {
                    counted::<crate::records::$record>(parameters, opcode)
                })*)*
                _ => None,
            }
        }
    };
}
crate::for_each_operator!(read);

impl OperatorBytes<'_> {
    /// What the operator has to do; nothing for one that this version does not know.
    pub fn work(&self) -> Option<Work> {
        let (_, parameters) = self.split()?;
        of(OpCode::from_tag(self.opcode)?, self.dtype()?, parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Window = Window {
        input: [5, 6, 4],
        output: [3, 2, 8],
        kernel: [3, 2],
        stride: [1, 1],
        dilation: [1, 1],
        pad: [0, 0],
        batch: 2,
        groups: 2,
    };

    #[test]
    fn windows_count_their_products() {
        // Two images of 3 * 2 pixels, 8 channels, each of 3 * 2 * 4 / 2 weights.
        assert_eq!(WINDOW.macs(OpCode::Conv2d), 2 * 6 * 8 * 12);
        assert_eq!(WINDOW.macs(OpCode::Depthwise), 2 * 6 * 8 * 6);
        assert_eq!(WINDOW.transposed_macs(OpCode::TransposeConv), 2 * 30 * 12 * 8);
        let pool = PoolI8 { window: WINDOW, min: 0, max: 0, reserved: 0 };
        let expected = Work { macs: 0, taps: 2 * 6 * 8 * 6, elements: 2 * (120 + 48) };
        assert_eq!(pool.work(OpCode::MaxPool), expected);
    }

    #[test]
    fn the_largest_records_do_not_wrap() {
        let window = Window {
            input: [u16::MAX; 3],
            output: [u16::MAX; 3],
            kernel: [u8::MAX; 2],
            batch: u16::MAX,
            groups: 1,
            ..WINDOW
        };
        let largest = Conv2dF32 { constants: 0, window, min: 0.0, max: 0.0 }.work(OpCode::Conv2d);
        assert_eq!((largest.macs, largest.total()), (u64::MAX, u64::MAX));
        // A pool's are exact: 65535^4 * 255^2 would not fit, 65535^3 * 255^2 does.
        let pool = PoolF32 { window: Window { batch: 1, ..window }, min: 0.0, max: 0.0 }.work(OpCode::MaxPool);
        assert_eq!(u128::from(pool.taps), 65535_u128.pow(3) * 255 * 255);
    }
}
