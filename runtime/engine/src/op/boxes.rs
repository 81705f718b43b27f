//! Suppress and Detect: boxes that do not overlap.

use kinglet_blob::records::{Detect as RecordDetect, Suppress as RecordSuppress};
use kinglet_blob::{DType, OperatorBytes, Signature, cast};
use kinglet_kernels::boxes::{self, Detect, Suppress};

use super::{product, record};
use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Source, Span};

/// Boxes and scores, each of which may be constant, and int32 rows.
pub(super) const SUPPRESS: Signature =
    Signature::new(&[DType::F32, DType::F32], &[DType::I32]).or_constant(0).or_constant(1);
/// Encodings, scores and anchors, each of which may be constant, and detections.
pub(super) const DETECT: Signature =
    Signature::new(&[DType::F32, DType::F32, DType::F32], &[DType::F32]).or_constant(0).or_constant(1).or_constant(2);

/// Floats of operand `index`.
fn floats(operator: &OperatorBytes<'_>, index: usize, at: u32, len: usize) -> Result<Source, LoadRule> {
    Source::of(operator, index, Span::new(at, len, 4))
}

fn resolve_suppress(operator: &OperatorBytes<'_>) -> Result<(Suppress, [Source; 2], Span), LoadRule> {
    let ([boxes, scores, output], record): ([u32; 3], RecordSuppress) = record(operator, &SUPPRESS)?;
    let RecordSuppress { likeness_max, score_min, is_centered, reserved, .. } = record;
    if is_centered > 1 || reserved != [0; 3] || likeness_max.is_nan() || score_min.is_nan() {
        return Err(LoadRule::Parameter);
    }
    let [batches, classes, count, limit] =
        [record.batches, record.classes, record.count, record.limit].map(|number| number as usize);
    let lens =
        [product(&[batches, count, 4])?, product(&[batches, classes, count])?, product(&[batches, classes, limit, 3])?];
    let layer = Suppress { batches, classes, count, limit, likeness_max, score_min, is_centered: is_centered != 0 };
    let operands = [floats(operator, 0, boxes, lens[0])?, floats(operator, 1, scores, lens[1])?];
    Ok((layer, operands, Span::new(output, lens[2], 4)))
}

pub(super) fn check_suppress(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (_, operands, output) = resolve_suppress(operator)?;
    limits.apart(&operands.map(|operand| (operand, 4)), output, 4)
}

pub(super) fn run_suppress(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (layer, operands, output) = resolve_suppress(operator).ok()?;
    let weights = memory.weights;
    let (around, to) = memory.around(output)?;
    let [boxes, scores] = operands.map(|source| cast::f32s(around.get(source, weights)?));
    boxes::suppress(&layer, boxes?, scores?, cast::i32s_mut(to)?).then_some(output)
}

fn resolve_detect(operator: &OperatorBytes<'_>) -> Result<(Detect, [Source; 3], Span), LoadRule> {
    let ([encodings, scores, anchors, output], record): ([u32; 4], RecordDetect) = record(operator, &DETECT)?;
    let RecordDetect { score_min, likeness_max, scales, is_by_class, reserved, .. } = record;
    let is_scale = |scale: &f32| scale.is_finite() && *scale != 0.0;
    let are_numbers = !score_min.is_nan() && !likeness_max.is_nan() && scales.iter().all(is_scale);
    if is_by_class > 1 || reserved != [0; 3] || !are_numbers {
        return Err(LoadRule::Parameter);
    }
    let [count, columns, classes] = [record.count, record.columns, record.classes].map(|number| number as usize);
    let [limit, per_box, per_class] = [record.limit, record.per_box, record.per_class].map(|number| number as usize);
    if classes > columns {
        return Err(LoadRule::Shape);
    }
    // Room for boxes, each of six numbers, and for how many there are.
    let room = product(&[limit, per_box, 6])?.checked_add(1).ok_or(LoadRule::Shape)?;
    product(&[classes, per_class])?;
    let lens = [product(&[count, 4])?, product(&[count, columns])?, room];
    let layer = Detect {
        count,
        columns,
        classes,
        limit,
        per_box,
        per_class,
        score_min,
        likeness_max,
        scales,
        is_by_class: is_by_class != 0,
    };
    let operands = [
        floats(operator, 0, encodings, lens[0])?,
        floats(operator, 1, scores, lens[1])?,
        floats(operator, 2, anchors, lens[0])?,
    ];
    Ok((layer, operands, Span::new(output, lens[2], 4)))
}

pub(super) fn check_detect(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (_, operands, output) = resolve_detect(operator)?;
    limits.apart(&operands.map(|operand| (operand, 4)), output, 4)
}

pub(super) fn run_detect(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (layer, operands, output) = resolve_detect(operator).ok()?;
    let weights = memory.weights;
    let (around, to) = memory.around(output)?;
    let [encodings, scores, anchors] = operands.map(|source| cast::f32s(around.get(source, weights)?));
    boxes::detect(&layer, encodings?, scores?, anchors?, cast::f32s_mut(to)?).then_some(output)
}
