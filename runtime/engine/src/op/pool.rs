//! AveragePool and MaxPool.

use kinglet_blob::records::{PoolF32 as RecordF32, PoolI8 as RecordI8, PoolI16 as RecordI16, Window};
use kinglet_blob::{OperatorBytes, size};
use kinglet_kernels::conv2d::Geometry;
use kinglet_kernels::pool::{self, PoolF32, PoolI8, PoolI16};

use super::conv2d::for_each_image;
use super::layer::{clamp, geometry, image_lens};
use super::{UNARY_F32, UNARY_I8, UNARY_I16, record};
use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Span, Spans};

/// Geometry and spans of a pool over elements of `size` bytes.
fn resolve(window: &Window, places: [u32; 2], size: usize) -> Result<(Geometry, Spans), LoadRule> {
    let geometry = geometry(window, 1)?;
    let (input_len, output_len) = image_lens(&geometry)?;
    if geometry.input[2] != geometry.output[2] || window.groups != 1 {
        return Err(LoadRule::Shape);
    }
    let batch = usize::from(window.batch);
    let lens = [input_len, output_len].map(|len| size::saturating_product(len, batch));
    Ok((geometry, Spans::unary(places, lens, size)))
}

fn resolve_i8(operator: &OperatorBytes<'_>) -> Result<(RecordI8, PoolI8, Spans), LoadRule> {
    let (places, record): (_, RecordI8) = record(operator, &UNARY_I8)?;
    let (geometry, spans) = resolve(&record.window, places, 1)?;
    if record.min > record.max || record.reserved != 0 {
        return Err(LoadRule::Parameter);
    }
    Ok((record, PoolI8 { geometry, min: record.min.into(), max: record.max.into() }, spans))
}

fn resolve_f32(operator: &OperatorBytes<'_>) -> Result<(RecordF32, PoolF32, Spans), LoadRule> {
    let (places, record): (_, RecordF32) = record(operator, &UNARY_F32)?;
    let (geometry, spans) = resolve(&record.window, places, 4)?;
    Ok((record, PoolF32 { geometry, clamp: clamp(record.min, record.max)? }, spans))
}

fn resolve_i16(operator: &OperatorBytes<'_>) -> Result<(RecordI16, PoolI16, Spans), LoadRule> {
    let (places, record): (_, RecordI16) = record(operator, &UNARY_I16)?;
    let (geometry, spans) = resolve(&record.window, places, 2)?;
    if record.min > record.max {
        return Err(LoadRule::Parameter);
    }
    Ok((record, PoolI16 { geometry, min: record.min, max: record.max }, spans))
}

pub(super) fn check_i8(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (_, _, spans) = resolve_i8(operator)?;
    limits.spans(&spans)
}

pub(super) fn check_f32(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (_, _, spans) = resolve_f32(operator)?;
    limits.spans(&spans)
}

pub(super) fn check_i16(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (_, _, spans) = resolve_i16(operator)?;
    limits.spans(&spans)
}

/// Declares the run function of one pool: its records, its memory, its kernel.
macro_rules! run {
    ($name:ident, $resolve:ident, $memory:ident, $kernel:path) => {
        pub(super) fn $name(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
            let (record, layer, spans) = $resolve(operator).ok()?;
            let mut memory = memory.$memory(&spans);
            let (io, _) = memory.as_mut()?;
            for_each_image(record.window.batch, &layer.geometry, io, |io| $kernel(&layer, io));
            spans.written(io)
        }
    };
}
run!(run_average_i8, resolve_i8, i8, pool::average_pool_i8);
run!(run_max_i8, resolve_i8, i8, pool::max_pool_i8);
run!(run_average_i16, resolve_i16, elements, pool::average_pool_i16);
run!(run_max_i16, resolve_i16, elements, pool::max_pool_i16);
run!(run_average_f32, resolve_f32, f32, pool::average_pool_f32);
run!(run_max_f32, resolve_f32, f32, pool::max_pool_f32);
