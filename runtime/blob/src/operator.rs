//! OPERATORS: a sequence of records of different lengths.
//!
//! Each starts with four bytes: opcode, length in 32-bit words (these four bytes included), packing and storage of its
//! weights (0 where there are none). Its operands follow, see [`crate::operand`], then its parameters.

use crate::constants::{SHORT_BIAS, SHORT_FACTORS};
use crate::{DType, Function, MapFunction, OperandList};

/// The one list of operators on the device's side: `$list!` is called with it.
///
/// A row is an operator's tag and name, and for each element type of its first operand the record that holds its
/// parameters ([`crate::records`]) and the cargo feature of the engine that links it. A reader knows an operator for
/// exactly these types.
#[macro_export]
macro_rules! for_each_operator {
    ($list:ident) => {
        $list! {
            /// Convolution over the plane.
            Conv2d = 1 "conv2d" {
                I8: Conv2dI8 "conv2d-i8",
                F32: Conv2dF32 "conv2d-f32",
                I16: Conv2dI16 "conv2d-i16",
            }
            /// Convolution of each channel by itself; `groups` holds the depth multiplier.
            Depthwise = 2 "depthwise" {
                I8: Conv2dI8 "depthwise-i8",
                F32: Conv2dF32 "depthwise-f32",
                I16: Conv2dI16 "depthwise-i16",
            }
            /// A matrix times each row.
            FullyConnected = 3 "fully-connected" {
                I8: FullyConnectedI8 "fully-connected-i8",
                F32: FullyConnectedF32 "fully-connected-f32",
                I16: FullyConnectedI16 "fully-connected-i16",
            }
            /// Mean over windows.
            AveragePool = 4 "average-pool" {
                I8: PoolI8 "average-pool-i8",
                F32: PoolF32 "average-pool-f32",
                I16: PoolI16 "average-pool-i16",
            }
            /// Maximum over windows.
            MaxPool = 5 "max-pool" { I8: PoolI8 "max-pool-i8", F32: PoolF32 "max-pool-f32", I16: PoolI16 "max-pool-i16", }
            /// Sum, element by element.
            Add = 6 "add" { I8: BinaryI8 "add-i8", F32: BinaryF32 "add-f32", I16: BinaryI16 "add-i16", }
            /// Product, element by element.
            Mul = 7 "mul" { I8: BinaryI8 "mul-i8", F32: BinaryF32 "mul-f32", I16: BinaryI16 "mul-i16", }
            /// Softmax over rows.
            Softmax = 8 "softmax" { I8: SoftmaxI8 "softmax-i8", F32: SoftmaxF32 "softmax-f32", I16: SoftmaxI16 "softmax-i16", }
            /// Constant elements around a tensor; `value` is an `i8` or an `i16`, or the bits of an `f32`.
            Pad = 9 "pad" { I8: Pad "pad-i8", F32: Pad "pad-f32", I16: Pad "pad-i16", }
            /// Runs of bytes: Concat, Split, and Reshape between different places.
            Copy = 10 "copy" {
                I8: Copy "copy",
                F32: Copy "copy",
                I16: Copy "copy",
                I32: Copy "copy",
                U8: Copy "copy",
                Bool: Copy "copy",
            }
            /// Mean over an axis.
            Mean = 11 "mean" { I8: MeanI8 "mean-i8", F32: MeanF32 "mean-f32", }
            /// A table: every function of one element of eight bits.
            Lookup = 12 "lookup" { I8: Lookup "lookup-i8", U8: Lookup "lookup-i8", }
            /// ReLU, ReLU6.
            Clamp = 13 "clamp" { F32: UnaryF32 "clamp-f32", }
            /// The logistic function.
            Logistic = 14 "logistic" { F32: UnaryF32 "logistic-f32", }
            /// The hyperbolic tangent.
            Tanh = 15 "tanh" { F32: UnaryF32 "tanh-f32", }
            /// float to int8 or int16; from int16 or int32 or to them, to another quantization.
            Quantize = 16 "quantize" {
                F32: Convert "quantize",
                I16: Requantize "requantize",
                I8: Requantize "requantize",
                I32: Requantize "requantize",
            }
            /// int8 or int16 to float.
            Dequantize = 17 "dequantize" { I8: Convert "dequantize", I16: Convert "dequantize-i16", }
            /// Every pixel adds a kernel.
            TransposeConv = 18 "transpose-conv" {
                I8: TransposeConvI8 "transpose-conv-i8",
                F32: TransposeConvF32 "transpose-conv-f32",
                I16: TransposeConvI16 "transpose-conv-i16",
            }
            /// Maximum over an axis.
            ReduceMax = 19 "reduce-max" { I8: ReduceMax "reduce-max-i8", F32: ReduceMax "reduce-max-f32", }
            /// Convolution over the plane whose weights have zero points.
            AsymmetricConv2d = 20 "asymmetric-conv2d" { I8: AsymmetricConv2dI8 "asymmetric-conv2d-i8", }
            /// Elements at any strides: Transpose, Slice, Expand, Tile, Reverse.
            Rearrange = 21 "rearrange" {
                I8: Rearrange "rearrange",
                F32: Rearrange "rearrange",
                I16: Rearrange "rearrange",
                I32: Rearrange "rearrange",
                U8: Rearrange "rearrange",
                Bool: Rearrange "rearrange",
            }
            /// A function of each element: of floats one of [`crate::MapFunction`].
            Map = 22 "map" { F32: MapF32 "map-f32", I16: MapI16 "map-i16", }
            /// Sums, means, extremes and products over any axes.
            Reduce = 23 "reduce" { I8: ReduceInt "reduce-i8", F32: ReduceF32 "reduce-f32", I16: ReduceInt "reduce-i16", }
            /// Products of two matrices.
            MatMul = 24 "mat-mul" { I8: MatMulI8 "mat-mul-i8", F32: MatMulF32 "mat-mul-f32", I16: MatMulI16 "mat-mul-i16", }
            /// A function of two elements, see [`crate::Function`]: of each pair that meets in the result.
            Combine = 25 "combine" {
                F32: CombineF32 "combine-f32",
                I8: CombineQuantized "combine-i8",
                I16: CombineQuantized "combine-i16",
                I32: Combine "combine-i32",
                Bool: Combine "combine-bool",
            }
            /// One of two elements, by a third.
            Select = 26 "select" { Bool: Select "select", }
            /// From one type to another, without scales.
            Cast = 27 "cast" {
                I8: Cast "cast",
                F32: Cast "cast",
                I16: Cast "cast",
                I32: Cast "cast",
                U8: Cast "cast",
                Bool: Cast "cast",
            }
            /// Indices of an axis by a table: gathering by constants, enlarging to the nearest.
            Take = 28 "take" {
                I8: Take "take",
                F32: Take "take",
                I16: Take "take",
                I32: Take "take",
                U8: Take "take",
                Bool: Take "take",
            }
            /// Weighted sums of indices of an axis by a table.
            Resample = 29 "resample" { I8: Resample "resample-i8", F32: Resample "resample-f32", }
            /// Images of another size, between the four nearest pixels.
            ResizeBilinear = 30 "resize-bilinear" { I8: ResizeBilinear "resize-bilinear-i8", }
            /// Convolution of floats with integer weights; depthwise convolutions and dense layers as well.
            HybridConv2d = 31 "hybrid-conv2d" { F32: HybridConv2d "hybrid-conv2d", }
            /// Functions of all elements along an axis whose results have the operand's shape.
            Along = 32 "along" { F32: AlongF32 "along-f32", I8: AlongI8 "along-i8", }
            /// Rows that indices name which are computed at run time.
            Gather = 33 "gather" {
                I8: Gather "gather",
                F32: Gather "gather",
                I16: Gather "gather",
                I32: Gather "gather",
                U8: Gather "gather",
                Bool: Gather "gather",
            }
            /// A tensor with some rows replaced, by indices that are computed at run time.
            Scatter = 34 "scatter" {
                I8: Scatter "scatter",
                F32: Scatter "scatter",
                I16: Scatter "scatter",
                I32: Scatter "scatter",
                U8: Scatter "scatter",
                Bool: Scatter "scatter",
            }
            /// Where the greatest or the least elements of an axis are.
            Rank = 35 "rank" { I8: Rank "rank", F32: Rank "rank", I16: Rank "rank", I32: Rank "rank", U8: Rank "rank", }
            /// Boxes that do not overlap, the best of each class first.
            Suppress = 36 "suppress" { F32: Suppress "suppress", }
            /// The same for boxes that are relative to anchors, with their corners, classes and scores.
            Detect = 37 "detect" { F32: Detect "detect", }
            /// A layer that goes over the steps of sequences.
            Recurrent = 38 "recurrent" { F32: RecurrentF32 "recurrent-f32", I8: RecurrentI8 "recurrent-i8", }
            /// What the leaves of trees say about a row of features.
            Trees = 39 "trees" { F32: TreesF32 "trees-f32", I16: TreesI16 "trees-i16", }
        }
    };
}

/// Declares [`OpCode`] from the list.
macro_rules! opcodes {
    ($($(#[$doc:meta])* $name:ident = $tag:literal $text:literal {
        $($dtype:ident: $record:ident $feature:literal,)*
    })*) => {
        /// What an operator record computes. On which element types is said by its operands.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum OpCode {
            $(
                $(#[$doc])*
                ///
                /// Parameters by the type of the first operand:
                $(#[doc = concat!(stringify!($dtype), ": [`crate::records::", stringify!($record), "`]; ")])*
                $name = $tag,
            )*
        }

        impl OpCode {
            /// Every operator, in the order of its tag.
            pub const ALL: &'static [OpCode] = &[$(OpCode::$name),*];

            /// Every operator with the element types of its first operand that are known, and the cargo feature of the
            /// engine that links it for that type.
            pub const KNOWN: &'static [(OpCode, DType, &'static str)] =
                &[$($((OpCode::$name, DType::$dtype, $feature),)*)*];

            /// The opcode with tag `tag`.
            #[inline]
            pub const fn from_tag(tag: u8) -> Option<Self> {
                match tag {
                    $($tag => Some(OpCode::$name),)*
                    _ => None,
                }
            }

            /// The operator's name.
            pub const fn name(self) -> &'static str {
                match self { $(OpCode::$name => $text,)* }
            }

            /// For each operator, in the order of its tag, a bit for each type of its first operand. Firmware that refuses a
            /// model has a byte for an operator thereby, and not the steps of a comparison for each of its types.
            const TYPES: &'static [u8] = &[$(0 $(| 1 << DType::$dtype as u8)*),*];

            /// True for an operator of the format whose first operand may have this type.
            pub fn takes(self, dtype: DType) -> bool {
                let types = Self::TYPES.get(usize::from(self as u8).wrapping_sub(FIRST_TAG));
                types.is_some_and(|types| types >> dtype as u8 & 1 != 0)
            }
        }
    };
}
for_each_operator!(opcodes);

/// The tag of the first operator of the list; each further one has the next.
const FIRST_TAG: usize = 1;

impl OpCode {
    /// True when the head says how weights are packed and stored.
    pub const fn is_packed(self, dtype: DType) -> bool {
        matches!((self, dtype), (OpCode::Conv2d | OpCode::Depthwise | OpCode::FullyConnected, DType::I8))
    }

    /// True when the weights may be stored in fewer than eight bits.
    pub const fn has_storages(self, dtype: DType) -> bool {
        matches!(
            (self, dtype),
            (OpCode::Conv2d | OpCode::Depthwise | OpCode::FullyConnected, DType::I8)
                | (OpCode::HybridConv2d, DType::F32)
        )
    }

    /// The cargo feature of the engine that links the operator for this type of its first operand.
    pub fn feature(self, dtype: DType) -> Option<&'static str> {
        let row = Self::KNOWN.iter().find(|(opcode, known, _)| (*opcode, *known) == (self, dtype))?;
        Some(row.2)
    }
}

/// The engine's cargo feature without which no kernels for row-major int8 weights are linked.
pub const ROW_MAJOR_FEATURE: &str = "row-major";

/// Storages of weights in fewer than eight bits: tag, and the engine's cargo feature without which they are refused.
pub const STORAGE_FEATURES: [(u8, &str); 4] = [(1, "int4"), (2, "int3"), (3, "int2"), (4, "sparse")];

/// The engine's cargo feature without which short biases and factors are refused.
pub const SHORT_TABLES_FEATURE: &str = "short-tables";

/// The engine's cargo feature without which models that keep tensors from run to run are refused.
pub const STATE_FEATURE: &str = "state";

/// One operator record.
#[derive(Clone, Copy, Debug)]
pub struct OperatorBytes<'b> {
    /// The opcode's tag, not yet known to be an [`OpCode`].
    pub opcode: u8,
    /// In which order the weights stand; meaning depends on the operator.
    pub packing: u8,
    /// In how many bits the weights are stored, and how many of them share a scale.
    pub storage: u8,
    /// Offset of the record in OPERATORS.
    pub offset: usize,
    /// What follows the first four bytes: operands and parameters.
    pub body: &'b [u8],
}

impl<'b> OperatorBytes<'b> {
    /// The type of the first operand, by which an operator's implementation is chosen.
    #[inline]
    pub fn dtype(&self) -> Option<DType> {
        DType::from_tag(self.body.get(2)? & 15)
    }

    /// The operands, and the parameters behind them.
    pub fn split(&self) -> Option<(OperandList<'b>, &'b [u8])> {
        OperandList::split(self.body)
    }

    /// The function of two elements that it names, when it names one.
    pub fn function(&self) -> Option<Function> {
        let (_, parameters) = self.split()?;
        let names_one = self.opcode == OpCode::Combine as u8;
        parameters.first().filter(|_| names_one).and_then(|&tag| Function::from_tag(tag))
    }

    /// The engine's cargo features that run this operator; nothing for an unknown one.
    pub fn features(&self) -> impl Iterator<Item = &'static str> + use<> {
        let known = OpCode::from_tag(self.opcode).zip(self.dtype());
        let row_major = known.filter(|(opcode, dtype)| opcode.is_packed(*dtype) && self.packing == 0);
        let feature = known.and_then(|(opcode, dtype)| opcode.feature(dtype));
        let stored = known.filter(|(opcode, dtype)| opcode.has_storages(*dtype));
        let storage = stored.and_then(|_| STORAGE_FEATURES.iter().find(|(tag, _)| *tag == self.storage));
        let storage = storage.map(|(_, feature)| *feature);
        // The flags are those of the `LayerQuant` that ends the parameters.
        let packed = known.filter(|(opcode, dtype)| opcode.is_packed(*dtype)).and_then(|_| self.split());
        let flags = packed.and_then(|(_, parameters)| parameters.iter().nth_back(2).copied()).unwrap_or(0);
        let short = (flags & (SHORT_BIAS | SHORT_FACTORS) != 0).then_some(SHORT_TABLES_FEATURE);
        let mapped = known.filter(|known| *known == (OpCode::Map, DType::F32)).and_then(|_| self.split());
        let function = mapped.and_then(|(_, parameters)| MapFunction::of_record(parameters)).map(MapFunction::feature);
        let function = function.or_else(|| self.function().map(Function::feature));
        feature.into_iter().chain(row_major.map(|_| ROW_MAJOR_FEATURE)).chain(storage).chain(short).chain(function)
    }
}

/// Walks the records of OPERATORS.
#[derive(Clone, Copy, Debug)]
pub struct Operators<'b> {
    bytes: &'b [u8],
    offset: usize,
}

impl<'b> Operators<'b> {
    /// Starts at `offset` of the section.
    #[inline]
    pub fn new(section: &'b [u8], offset: usize) -> Self {
        Operators { bytes: section, offset }
    }

    /// Where the next record starts.
    #[inline]
    pub fn offset(&self) -> usize {
        self.offset
    }
}

impl<'b> Iterator for Operators<'b> {
    type Item = OperatorBytes<'b>;

    /// The next record; `None` at the end and at a record whose length cannot be.
    #[inline]
    fn next(&mut self) -> Option<OperatorBytes<'b>> {
        let rest = self.bytes.get(self.offset..)?;
        let &[opcode, words, packing, storage] = rest.first_chunk::<4>()?;
        let length = usize::from(words).checked_mul(4)?;
        let body = rest.get(4..length)?;
        let offset = self.offset;
        self.offset = offset.checked_add(length)?;
        Some(OperatorBytes { opcode, packing, storage, offset, body })
    }
}
