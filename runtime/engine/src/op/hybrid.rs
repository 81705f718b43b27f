//! Layers of floats with integer weights.

use kinglet_blob::constants::{ConstantsHybrid, NO_BIAS, PER_TENSOR, ZERO_POINTS};
use kinglet_blob::records::HybridConv2d as Record;
use kinglet_blob::{OperatorBytes, cast, size};
use kinglet_kernels::conv2d::{self, Conv2dHybrid};
use kinglet_kernels::packing::Storage;

use super::conv2d::{for_each_image, shapes};
use super::layer::clamp;
use super::{UNARY_F32, product, record};
use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Span, Spans, constants};

fn resolve<'b>(operator: &OperatorBytes<'b>, weights: &'b [u8]) -> Result<(u16, Conv2dHybrid<'b>, Spans), LoadRule> {
    let (places, record): (_, Record) = record(operator, &UNARY_F32)?;
    let (geometry, batch, input_len, output_len) = shapes(&record.window)?;
    if record.flags & !(PER_TENSOR | ZERO_POINTS | NO_BIAS) != 0 || record.reserved != [0; 3] {
        return Err(LoadRule::Parameter);
    }
    let storage = Storage::from_tag(operator.storage).filter(|storage| *storage != Storage::Sparse);
    let storage = storage.ok_or(LoadRule::PackingNotRunnable)?;
    let outputs = geometry.output[2];
    let weight_bytes = storage.bytes(product(&[outputs, geometry.taps()])?);
    let all = constants(weights, record.constants).ok_or(LoadRule::ConstantRange)?;
    let ends = ConstantsHybrid::new(outputs, record.flags, weight_bytes).ok_or(LoadRule::ConstantRange)?;
    let part = |from: usize, to: usize| all.get(from..to).ok_or(LoadRule::ConstantRange);
    let floats = |from: usize, to: usize| cast::f32s(part(from, to)?).ok_or(LoadRule::ConstantRange);
    let layer = Conv2dHybrid {
        geometry,
        clamp: clamp(record.min, record.max)?,
        storage,
        weights: cast::i8s(part(ends.scales_end, ends.weights_end)?),
        scales: floats(ends.bias_end, ends.scales_end)?,
        zero_points: cast::i8s(part(ends.weights_end, ends.end)?),
        bias: floats(0, ends.bias_end)?,
    };
    let spans = Spans::unary(places, [input_len, output_len].map(|len| size::saturating_product(len, batch)), 4);
    Ok((record.window.batch, layer, spans))
}

pub(super) fn check(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (_, layer, spans) = resolve(operator, limits.weights)?;
    if !layer.storage.is_runnable() {
        return Err(LoadRule::PackingNotRunnable);
    }
    limits.spans(&spans)
}

pub(super) fn run(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (batch, layer, spans) = resolve(operator, memory.weights).ok()?;
    let mut memory = memory.f32(&spans);
    let (io, _) = memory.as_mut()?;
    for_each_image(batch, &layer.geometry, io, |io| conv2d::conv2d_hybrid(&layer, io));
    spans.written(io)
}
