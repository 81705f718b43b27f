//! Combine: functions of two elements. Select: one of two elements, by a third.

use kinglet_blob::records::{
    Combine as Record, CombineF32 as RecordF32, CombineQuantized as RecordQuantized, Grid as GridRecord,
    Select as RecordSelect,
};
use kinglet_blob::{DType, Field, Function, Operand, OperatorBytes, Signature, cast};
use kinglet_kernels::combine::quantized::{CombinesCodes, Scaling, combine_codes};
use kinglet_kernels::combine::{self, Combines};
use kinglet_kernels::grid::Grid;
use kinglet_kernels::numerics::ClampF32;
use kinglet_kernels::select;

use super::layer::{clamp, factor};
use super::{product, record, source, typed};
use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Source, Span};

/// Two tensors of a type, and one of that or another type. Each of the two may be constant.
pub(super) const COMBINE: Signature =
    Signature::new(&[DType::F32, DType::F32], &[DType::F32]).of_any_type().or_constant(0).or_constant(1);
/// A condition and two tensors of a type, and one of the same type.
pub(super) const SELECT: Signature = Signature::new(&[DType::Bool, DType::F32, DType::F32], &[DType::F32])
    .of_any_type()
    .or_constant(0)
    .or_constant(1)
    .or_constant(2);

/// The clamp of what is not clamped.
const UNBOUNDED: ClampF32 = ClampF32 { min: f32::NEG_INFINITY, max: f32::INFINITY };

/// Element types by the list's names of them: each runs a function in its own way.
mod types {
    pub(super) struct F32;
    pub(super) struct I32;
    pub(super) struct Bool;
    pub(super) struct I8;
    pub(super) struct I16;
}

/// The kernels' view of a record's extents; the last operands of a record with fewer of them do not repeat.
fn grid<const N: usize>(record: &GridRecord) -> Result<(Grid<N>, usize), LoadRule> {
    let extents = record.extents.map(|extent| extent as usize);
    let len = product(&extents)?;
    let (repeats, beyond) = record.repeats.split_at_checked(N).ok_or(LoadRule::Shape)?;
    let grid = Grid { extents, repeats: repeats.try_into().ok().ok_or(LoadRule::Shape)? };
    if grid.is_sound() && beyond.iter().all(|&bits| bits == 0) { Ok((grid, len)) } else { Err(LoadRule::Shape) }
}

/// What becomes of a result.
#[derive(Clone, Copy)]
enum Stage {
    /// Floats are clamped, others stay.
    Clamp(ClampF32),
    /// Codes have scales.
    Scaling(Scaling),
}

/// What a Combine computes, and where.
struct Resolved {
    function: Function,
    grid: Grid<2>,
    stage: Stage,
    operands: [Source; 2],
    output: Span,
    /// Bytes of an element of the operands and of the result.
    sizes: [usize; 2],
}

fn resolve<R: Field>(
    operator: &OperatorBytes<'_>,
    dtype: DType,
    parts: fn(&R) -> Result<(&GridRecord, Stage), LoadRule>,
) -> Result<Resolved, LoadRule> {
    let ([a, b, output], record): ([u32; 3], R) = record(operator, &COMBINE)?;
    let (fields, stage) = parts(&record)?;
    let (grid, len) = grid::<2>(fields)?;
    let function = Function::from_tag(fields.function).ok_or(LoadRule::Parameter)?;
    let result = function.result(dtype).ok_or(LoadRule::Parameter)?;
    if typed(operator, 2) != Some((result, Operand::ARENA)) {
        return Err(LoadRule::Operands);
    }
    let [a_len, b_len] = grid.repeats.map(|repeats| grid.operand_len(repeats));
    Ok(Resolved {
        function,
        grid,
        stage,
        operands: [source(operator, 0, dtype, a, a_len)?, source(operator, 1, dtype, b, b_len)?],
        output: Span::new(output, len, result.size_bytes()),
        sizes: [dtype.size_bytes(), result.size_bytes()],
    })
}

fn parts_f32(record: &RecordF32) -> Result<(&GridRecord, Stage), LoadRule> {
    Ok((&record.grid, Stage::Clamp(clamp(record.min, record.max)?)))
}

fn parts(record: &Record) -> Result<(&GridRecord, Stage), LoadRule> {
    Ok((&record.grid, Stage::Clamp(UNBOUNDED)))
}

/// Parameters of int8 codes, which the clamp keeps within their type.
fn parts_i8(record: &RecordQuantized) -> Result<(&GridRecord, Stage), LoadRule> {
    if record.min < i8::MIN.into() || record.max > i8::MAX.into() {
        return Err(LoadRule::Parameter);
    }
    parts_i16(record)
}

fn parts_i16(record: &RecordQuantized) -> Result<(&GridRecord, Stage), LoadRule> {
    if record.min > record.max || record.left_shift > LEFT_SHIFT_MAX || record.reserved != 0 {
        return Err(LoadRule::Parameter);
    }
    let scaling = Scaling {
        a_zero_point: record.a_zero_point.into(),
        b_zero_point: record.b_zero_point.into(),
        left_shift: record.left_shift.into(),
        a_factor: factor(record.a_multiplier, record.a_shift)?,
        b_factor: factor(record.b_multiplier, record.b_shift)?,
        output_factor: factor(record.output_multiplier, record.output_shift)?,
        zero_point: record.zero_point.into(),
        min: record.min.into(),
        max: record.max.into(),
    };
    Ok((&record.grid, Stage::Scaling(scaling)))
}

/// The farthest that operands are shifted before they are scaled.
const LEFT_SHIFT_MAX: u8 = 20;

/// Declares for each type which functions run: the list of functions, as far as they are linked.
macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident = $tag:literal $text:literal $feature:literal { $($dtype:ident,)* } $result:ident)*) => {
        /// Runs a function on operands of type `dtype`; `None` when it is not linked, or a kernel refuses it.
        #[allow(unused_variables)] // Some builds link none.
        fn run(resolved: &Resolved, dtype: DType, memory: &mut Memory<'_, '_>) -> Option<Span> {
            match (resolved.function, dtype) {
                $($(
                    #[cfg(feature = $feature)]
                    (Function::$name, DType::$dtype) => <types::$dtype as Runs<combine::functions::$name>>::run(resolved, memory),
                )*)*
                _ => None,
            }
        }

        /// Whether the function is linked.
        const fn is_linked(function: Function) -> bool {
            match function {
                $(Function::$name => cfg!(feature = $feature),)*
                _ => false,
            }
        }
    };
}
kinglet_blob::for_each_function_of_two!(functions);

/// An element type on which a function runs.
trait Runs<F> {
    fn run(resolved: &Resolved, memory: &mut Memory<'_, '_>) -> Option<Span>;
}

/// Types whose elements are numbers or truth values.
macro_rules! plain {
    ($($name:ident: $ty:ty),*) => { $(
        impl<F: Combines<$ty, Result: cast::Element>> Runs<F> for types::$name {
            fn run(resolved: &Resolved, memory: &mut Memory<'_, '_>) -> Option<Span> {
                let Stage::Clamp(clamp) = resolved.stage else { return None };
                let (operands, output) = views::<$ty, F::Result>(resolved, memory)?;
                combine::combine::<F, $ty>(&resolved.grid, clamp, operands, output).then_some(resolved.output)
            }
        }
    )* };
}
plain!(F32: f32, I32: i32, Bool: u8);

/// Types whose elements are codes; truth values are made of them too.
macro_rules! codes {
    ($($name:ident: $ty:ty),*) => { $(
        impl<F: CombinesCodes> Runs<F> for types::$name {
            fn run(resolved: &Resolved, memory: &mut Memory<'_, '_>) -> Option<Span> {
                let Stage::Scaling(scaling) = &resolved.stage else { return None };
                let is_done = if resolved.function.result(DType::$name) == Some(DType::Bool) {
                    let (operands, output) = views::<$ty, u8>(resolved, memory)?;
                    combine_codes::<F, $ty, u8>(&resolved.grid, scaling, operands, output)
                } else {
                    let (operands, output) = views::<$ty, $ty>(resolved, memory)?;
                    combine_codes::<F, $ty, $ty>(&resolved.grid, scaling, operands, output)
                };
                is_done.then_some(resolved.output)
            }
        }
    )* };
}
codes!(I8: i8, I16: i16);

/// Two operands and a result.
type Views<'a, T, Y> = ([&'a [T]; 2], &'a mut [Y]);

fn views<'a, T: cast::Element, Y: cast::Element>(
    resolved: &Resolved,
    memory: &'a mut Memory<'_, '_>,
) -> Option<Views<'a, T, Y>> {
    let weights = memory.weights;
    let (around, output) = memory.around(resolved.output)?;
    let [a, b] = resolved.operands.map(|source| T::view(around.get(source, weights)?));
    Some(([a?, b?], Y::view_mut(output)?))
}

fn check(resolved: &Resolved, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let [size, result_size] = resolved.sizes;
    if !is_linked(resolved.function) {
        return Err(LoadRule::OperatorNotLinked);
    }
    limits.apart(&resolved.operands.map(|source| (source, size)), resolved.output, result_size)
}

pub(super) fn check_f32(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    check(&resolve(operator, DType::F32, parts_f32)?, limits)
}

pub(super) fn run_f32(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    run(&resolve(operator, DType::F32, parts_f32).ok()?, DType::F32, memory)
}

pub(super) fn check_i8(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    check(&resolve(operator, DType::I8, parts_i8)?, limits)
}

pub(super) fn run_i8(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    run(&resolve(operator, DType::I8, parts_i8).ok()?, DType::I8, memory)
}

pub(super) fn check_i16(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    check(&resolve(operator, DType::I16, parts_i16)?, limits)
}

pub(super) fn run_i16(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    run(&resolve(operator, DType::I16, parts_i16).ok()?, DType::I16, memory)
}

pub(super) fn check_i32(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    check(&resolve(operator, DType::I32, parts)?, limits)
}

pub(super) fn run_i32(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    run(&resolve(operator, DType::I32, parts).ok()?, DType::I32, memory)
}

pub(super) fn check_bool(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    check(&resolve(operator, DType::Bool, parts)?, limits)
}

pub(super) fn run_bool(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    run(&resolve(operator, DType::Bool, parts).ok()?, DType::Bool, memory)
}

/// The grid of a selection, its condition and two tensors, its result, and the bytes of an element.
fn resolve_select(operator: &OperatorBytes<'_>) -> Result<(Grid<3>, [Source; 3], Span, usize), LoadRule> {
    let (places, record): ([u32; 4], RecordSelect) = record(operator, &SELECT)?;
    let (grid, len) = grid::<3>(&record.grid)?;
    let (dtype, _) = typed(operator, 1).ok_or(LoadRule::Operands)?;
    if typed(operator, 3) != Some((dtype, Operand::ARENA)) {
        return Err(LoadRule::Operands);
    }
    if record.grid.function != 0 {
        return Err(LoadRule::Parameter);
    }
    let ([condition, a, b, output], lens) = (places, grid.repeats.map(|repeats| grid.operand_len(repeats)));
    let sources = [
        source(operator, 0, DType::Bool, condition, lens[0])?,
        source(operator, 1, dtype, a, lens[1])?,
        source(operator, 2, dtype, b, lens[2])?,
    ];
    Ok((grid, sources, Span::new(output, len, dtype.size_bytes()), dtype.size_bytes()))
}

pub(super) fn check_select(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (_, [condition, a, b], output, size) = resolve_select(operator)?;
    limits.apart(&[(condition, 1), (a, size), (b, size)], output, size)
}

pub(super) fn run_select(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (grid, sources, output, size) = resolve_select(operator).ok()?;
    match size {
        1 => run_select_of::<u8>(&grid, sources, output, memory),
        2 => run_select_of::<i16>(&grid, sources, output, memory),
        4 => run_select_of::<i32>(&grid, sources, output, memory),
        _ => None,
    }
}

fn run_select_of<T: cast::Element>(
    grid: &Grid<3>,
    sources: [Source; 3],
    output: Span,
    memory: &mut Memory<'_, '_>,
) -> Option<Span> {
    let weights = memory.weights;
    let (around, to) = memory.around(output)?;
    let [condition, a, b] = sources.map(|source| around.get(source, weights));
    select::select(grid, condition?, T::view(a?)?, T::view(b?)?, T::view_mut(to)?).then_some(output)
}
