//! One module for each family of operators: what its record must satisfy, and how it runs.
//!
//! `check` and `run` of an operator both start from the same function, which turns the record into the
//! kernel's parameters and the spans of memory it touches. What was checked is thereby what is run.

mod along;
mod asymmetric_conv2d;
mod binary;
mod boxes;
mod cast;
mod combine;
mod conv2d;
mod depthwise;
mod fully_connected;
mod gather;
mod hybrid;
mod layer;
mod map;
mod mat_mul;
mod mean;
mod pool;
mod rank;
mod rearrange;
mod recurrent;
mod reduce;
mod reduce_max;
mod shape;
mod softmax;
mod take;
mod transpose_conv;
mod trees;
mod unary;

use kinglet_blob::cast::Element;
use kinglet_blob::{Cursor, DType, Field, OpCode, OperatorBytes, Signature, size};
use kinglet_kernels::Io;
use kinglet_kernels::packing::Storage;

use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Source, Span, Spans};

/// What the engine does with an operator.
#[derive(Clone, Copy)]
pub(crate) struct Operator {
    /// Proves a record's operands, memory and parameters.
    pub(crate) check: fn(&OperatorBytes<'_>, &Limits<'_>) -> Result<(), LoadRule>,
    /// Runs a checked record and tells what it wrote; `None` only when the record is not the one that was checked: it
    /// cannot be read, its memory cannot be cut out, or the kernel refuses its layer.
    pub(crate) run: fn(&OperatorBytes<'_>, &mut Memory<'_, '_>) -> Option<Span>,
}

/// Declares the dispatch: for each operator on an element type its cargo feature, the operands of its records, and the
/// functions that check and run one. A `match`, because a table of function pointers would keep every operator in a
/// firmware that uses one of them.
macro_rules! dispatch {
    ($($feature:literal $opcode:ident $($dtype:ident)|+: $signature:path => $check:path, $run:path;)*) => {
        /// The functions for an operator whose first operand has type `dtype`; `None` when its cargo feature is off or
        /// there is no such operator.
        #[inline]
        pub(crate) fn operator(opcode: OpCode, dtype: DType) -> Option<Operator> {
            match (opcode, dtype) {
                $(
                    #[cfg(feature = $feature)]
                    (OpCode::$opcode, $(DType::$dtype)|+) => Some(Operator {
                        check: |operator, limits| {
                            if !$signature.matches(operator.body) {
                                return Err(LoadRule::Operands);
                            }
                            $check(operator, limits)
                        },
                        run: $run,
                    }),
                )*
                // Unknown, or its feature is off: which of the two, `OpCode::takes` says.
                _ => None,
            }
        }
    };
}

dispatch! {
    "conv2d-i8" Conv2d I8: layer::WEIGHTED_I8 => conv2d::check_i8, conv2d::run_i8;
    "conv2d-f32" Conv2d F32: UNARY_F32 => conv2d::check_f32, conv2d::run_f32;
    "conv2d-i16" Conv2d I16: UNARY_I16 => conv2d::check_i16, conv2d::run_i16;
    "depthwise-i8" Depthwise I8: layer::WEIGHTED_I8 => depthwise::check_i8, depthwise::run_i8;
    "depthwise-f32" Depthwise F32: UNARY_F32 => depthwise::check_f32, depthwise::run_f32;
    "depthwise-i16" Depthwise I16: UNARY_I16 => depthwise::check_i16, depthwise::run_i16;
    "fully-connected-i8" FullyConnected I8: layer::WEIGHTED_I8 => fully_connected::check_i8, fully_connected::run_i8;
    "fully-connected-f32" FullyConnected F32: UNARY_F32 => fully_connected::check_f32, fully_connected::run_f32;
    "fully-connected-i16" FullyConnected I16: UNARY_I16 => fully_connected::check_i16, fully_connected::run_i16;
    "average-pool-i8" AveragePool I8: UNARY_I8 => pool::check_i8, pool::run_average_i8;
    "average-pool-f32" AveragePool F32: UNARY_F32 => pool::check_f32, pool::run_average_f32;
    "average-pool-i16" AveragePool I16: UNARY_I16 => pool::check_i16, pool::run_average_i16;
    "max-pool-i8" MaxPool I8: UNARY_I8 => pool::check_i8, pool::run_max_i8;
    "max-pool-f32" MaxPool F32: UNARY_F32 => pool::check_f32, pool::run_max_f32;
    "max-pool-i16" MaxPool I16: UNARY_I16 => pool::check_i16, pool::run_max_i16;
    "add-i8" Add I8: binary::I8 => binary::check_i8, binary::run_add_i8;
    "add-f32" Add F32: binary::F32 => binary::check_f32, binary::run_add_f32;
    "add-i16" Add I16: binary::I16 => binary::check_i16, binary::run_add_i16;
    "mul-i8" Mul I8: binary::I8 => binary::check_i8, binary::run_mul_i8;
    "mul-f32" Mul F32: binary::F32 => binary::check_f32, binary::run_mul_f32;
    "mul-i16" Mul I16: binary::I16 => binary::check_i16, binary::run_mul_i16;
    "softmax-i8" Softmax I8: UNARY_I8 => softmax::check_i8, softmax::run_i8;
    "softmax-f32" Softmax F32: UNARY_F32 => softmax::check_f32, softmax::run_f32;
    "softmax-i16" Softmax I16: UNARY_I16 => softmax::check_i16, softmax::run_i16;
    "pad-i8" Pad I8: UNARY_I8 => shape::check_pad_i8, shape::run_pad_i8;
    "pad-f32" Pad F32: UNARY_F32 => shape::check_pad_f32, shape::run_pad_f32;
    "pad-i16" Pad I16: UNARY_I16 => shape::check_pad_i16, shape::run_pad_i16;
    "copy" Copy I8 | F32 | I16 | I32 | U8 | Bool: shape::COPY_OR_CONSTANT => shape::check_copy, shape::run_copy;
    "mean-i8" Mean I8: UNARY_I8 => mean::check_i8, mean::run_i8;
    "mean-f32" Mean F32: UNARY_F32 => mean::check_f32, mean::run_f32;
    "lookup-i8" Lookup I8 | U8: unary::LOOKUP => unary::check_lookup, unary::run_lookup;
    "clamp-f32" Clamp F32: UNARY_F32 => unary::check_f32, unary::run_clamp;
    "logistic-f32" Logistic F32: UNARY_F32 => unary::check_f32, unary::run_logistic;
    "tanh-f32" Tanh F32: UNARY_F32 => unary::check_f32, unary::run_tanh;
    "quantize" Quantize F32: unary::QUANTIZE => unary::check_quantize, unary::run_quantize;
    "requantize" Quantize I16 | I8 | I32: unary::REQUANTIZE => unary::check_requantize, unary::run_requantize;
    "dequantize" Dequantize I8: unary::DEQUANTIZE => unary::check_dequantize, unary::run_dequantize;
    "dequantize-i16" Dequantize I16: unary::DEQUANTIZE_I16 => unary::check_dequantize, unary::run_dequantize_i16;
    "transpose-conv-i8" TransposeConv I8: UNARY_I8 => transpose_conv::check_i8, transpose_conv::run_i8;
    "transpose-conv-f32" TransposeConv F32: UNARY_F32 => transpose_conv::check_f32, transpose_conv::run_f32;
    "transpose-conv-i16" TransposeConv I16: UNARY_I16 => transpose_conv::check_i16, transpose_conv::run_i16;
    "reduce-max-i8" ReduceMax I8: UNARY_I8 => reduce_max::check_i8, reduce_max::run_i8;
    "reduce-max-f32" ReduceMax F32: UNARY_F32 => reduce_max::check_f32, reduce_max::run_f32;
    "asymmetric-conv2d-i8" AsymmetricConv2d I8: UNARY_I8 => asymmetric_conv2d::check, asymmetric_conv2d::run;
    "rearrange" Rearrange I8 | F32 | I16 | I32 | U8 | Bool: shape::COPY => rearrange::check, rearrange::run;
    "take" Take I8 | F32 | I16 | I32 | U8 | Bool: shape::COPY => take::check_take, take::run_take;
    "resample-i8" Resample I8: UNARY_I8 => take::check_resample_i8, take::run_resample_i8;
    "resample-f32" Resample F32: UNARY_F32 => take::check_resample_f32, take::run_resample_f32;
    "resize-bilinear-i8" ResizeBilinear I8: UNARY_I8 => take::check_resize, take::run_resize;
    "map-f32" Map F32: UNARY_F32 => map::check, map::run;
    "map-i16" Map I16: UNARY_I16 => map::check_i16, map::run_i16;
    "reduce-i8" Reduce I8: UNARY_I8 => reduce::check_i8, reduce::run_i8;
    "reduce-f32" Reduce F32: UNARY_F32 => reduce::check_f32, reduce::run_f32;
    "reduce-i16" Reduce I16: UNARY_I16 => reduce::check_i16, reduce::run_i16;
    "mat-mul-i8" MatMul I8: mat_mul::I8 => mat_mul::check_i8, mat_mul::run_i8;
    "mat-mul-f32" MatMul F32: mat_mul::F32 => mat_mul::check_f32, mat_mul::run_f32;
    "mat-mul-i16" MatMul I16: mat_mul::I16 => mat_mul::check_i16, mat_mul::run_i16;
    "combine-f32" Combine F32: combine::COMBINE => combine::check_f32, combine::run_f32;
    "combine-i8" Combine I8: combine::COMBINE => combine::check_i8, combine::run_i8;
    "combine-i16" Combine I16: combine::COMBINE => combine::check_i16, combine::run_i16;
    "combine-i32" Combine I32: combine::COMBINE => combine::check_i32, combine::run_i32;
    "combine-bool" Combine Bool: combine::COMBINE => combine::check_bool, combine::run_bool;
    "select" Select Bool: combine::SELECT => combine::check_select, combine::run_select;
    "cast" Cast I8 | F32 | I16 | I32 | U8 | Bool: cast::CAST => cast::check, cast::run;
    "hybrid-conv2d" HybridConv2d F32: UNARY_F32 => hybrid::check, hybrid::run;
    "along-f32" Along F32: UNARY_F32 => along::check_f32, along::run_f32;
    "along-i8" Along I8: UNARY_I8 => along::check_i8, along::run_i8;
    "gather" Gather I8 | F32 | I16 | I32 | U8 | Bool: gather::GATHER => gather::check_gather, gather::run_gather;
    "scatter" Scatter I8 | F32 | I16 | I32 | U8 | Bool: gather::SCATTER => gather::check_scatter, gather::run_scatter;
    "suppress" Suppress F32: boxes::SUPPRESS => boxes::check_suppress, boxes::run_suppress;
    "detect" Detect F32: boxes::DETECT => boxes::check_detect, boxes::run_detect;
    "trees-f32" Trees F32: UNARY_F32 => trees::check_f32, trees::run_f32;
    "trees-i16" Trees I16: trees::I16 => trees::check_i16, trees::run_i16;
    "rank" Rank I8 | F32 | I16 | I32 | U8: rank::RANK => rank::check, rank::run;
    "recurrent-f32" Recurrent F32: recurrent::F32 => recurrent::check_f32, recurrent::run_f32;
    "recurrent-i8" Recurrent I8: recurrent::I8 => recurrent::check_i8, recurrent::run_i8;
}

/// One int8 tensor to another.
const UNARY_I8: Signature = Signature::new(&[DType::I8], &[DType::I8]);
/// One int16 tensor to another.
const UNARY_I16: Signature = Signature::new(&[DType::I16], &[DType::I16]);
/// One float tensor to another.
const UNARY_F32: Signature = Signature::new(&[DType::F32], &[DType::F32]);

/// The head says nothing of weights where there are none, and all weights have eight bits but where the operator looks.
pub(crate) fn check_head(opcode: OpCode, dtype: DType, operator: &OperatorBytes<'_>) -> Result<(), LoadRule> {
    let has_storages = Storage::ANY_NARROW && opcode.has_storages(dtype);
    if (operator.storage == 0 || has_storages) && (operator.packing == 0 || opcode.is_packed(dtype)) {
        Ok(())
    } else {
        Err(LoadRule::PackingNotRunnable)
    }
}

/// The offsets of the `N` operands of a record with this signature, and its parameters; they must fill it exactly.
#[inline(always)]
fn record<const N: usize, R: Field>(
    operator: &OperatorBytes<'_>,
    signature: &Signature,
) -> Result<([u32; N], R), LoadRule> {
    // Known when this is compiled, like all of the signature.
    let start = signature.counts().offsets_start().wrapping_sub(4);
    let length = const { R::SIZE.next_multiple_of(4) + 4 * N };
    let body = operator.body.get(start..).filter(|body| body.len() == length).ok_or(LoadRule::RecordLength)?;
    let mut cursor = Cursor::new(body);
    let (Some(places), Some(parameters)) = (cursor.take(), cursor.take()) else { return Err(LoadRule::RecordLength) };
    Ok((places, parameters))
}

/// Type byte `index` of a record: the operand's type, and its region.
fn typed(operator: &OperatorBytes<'_>, index: usize) -> Option<(DType, u8)> {
    let byte = *operator.body.get(index.checked_add(2)?)?;
    Some((DType::from_tag(byte & 15)?, byte >> 4))
}

/// Operand `index`, which has `len` elements of a type.
fn source(operator: &OperatorBytes<'_>, index: usize, dtype: DType, at: u32, len: usize) -> Result<Source, LoadRule> {
    match typed(operator, index) {
        Some((found, _)) if found == dtype => Source::of(operator, index, Span::new(at, len, dtype.size_bytes())),
        _ => Err(LoadRule::Operands),
    }
}

/// An input and an output of one type.
fn check_same_type(operator: &OperatorBytes<'_>) -> Result<(), LoadRule> {
    match [0, 1].map(|index| typed(operator, index)) {
        [Some((input, _)), Some((output, _))] if input == output => Ok(()),
        _ => Err(LoadRule::Operands),
    }
}

/// Runs `$run` with `$Element` a number as wide as `$dtype`'s, for operators that move elements and do not look at them.
macro_rules! by_size {
    ($dtype:expr, $Element:ident => $run:expr) => {
        match $dtype.size_bytes() {
            1 => {
                type $Element = i8;
                $run
            }
            2 => {
                type $Element = i16;
                $run
            }
            4 => {
                type $Element = i32;
                $run
            }
            _ => None,
        }
    };
}
use by_size;

/// Runs a kernel on elements as `T`.
fn run_as<T: Element>(spans: &Spans, memory: &mut Memory<'_, '_>, run: impl FnOnce(&mut Io<'_, T>)) -> Option<Span> {
    let mut memory = memory.elements::<T>(spans);
    let (io, _) = memory.as_mut()?;
    run(io);
    spans.written(io)
}

/// The product of extents, none of which may be zero; less than 2^32 on every machine.
#[inline]
fn product(extents: &[usize]) -> Result<usize, LoadRule> {
    let all = extents.iter().try_fold(1usize, |product, &extent| size::product(product, extent));
    all.filter(|&len| len != 0).ok_or(LoadRule::Shape)
}
