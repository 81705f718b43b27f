//! Operators that take tensors apart.

use super::attributes::{Call, normal_axis};
use super::{Entry, Importer};
use crate::import::build::{Convert, refuse};
use crate::ir::Op;
use crate::op::{Cut, Slice, Split};

const EXPORT_AGAIN: &str = "export the model again";

/// Indices `begin .. end` of an axis in steps; `end` may be below `begin`.
pub(super) struct Span {
    pub(super) axis: usize,
    pub(super) begin: usize,
    pub(super) end: usize,
    pub(super) step: usize,
}

/// What a `Slice` takes of an operand of `shape`.
pub(super) fn spans(call: &Call<'_>, shape: &[usize]) -> Convert<Vec<Span>> {
    let list = |name: &str, index: usize| call.integers(name, index);
    let (Some(starts), Some(ends)) = (list("starts", 1)?, list("ends", 2)?) else {
        return refuse("has no starts or ends", EXPORT_AGAIN);
    };
    let axes = match list("axes", 3)? {
        Some(axes) => axes,
        None => (0..starts.len() as i64).collect(),
    };
    let steps = list("steps", 4)?.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return refuse("starts, ends, axes and steps differ in number", EXPORT_AGAIN);
    }
    let span = |index: usize| {
        let axis = normal_axis(axes[index], shape.len())?;
        let extent = shape[axis] as i64;
        let bound = |at: i64| (if at < 0 { at.saturating_add(extent) } else { at }).clamp(0, extent) as usize;
        match usize::try_from(steps[index]) {
            Ok(step) if step > 0 => Ok(Span { axis, begin: bound(starts[index]), end: bound(ends[index]), step }),
            _ => refuse(format!("takes steps of {}", steps[index]), "slice with steps of 1 and above"),
        }
    };
    let spans = (0..starts.len()).map(span).collect::<Convert<Vec<Span>>>()?;
    match (1..spans.len()).find(|&index| spans[..index].iter().any(|span| span.axis == spans[index].axis)) {
        None => Ok(spans),
        Some(index) => refuse(format!("slices axis {} twice", spans[index].axis), EXPORT_AGAIN),
    }
}

pub(super) fn slice(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let shape = importer.shape(call.value(0)?);
    let mut cuts = vec![Cut::ALL; shape.len()];
    for Span { axis, begin, end, step } in spans(call, &shape)? {
        cuts[axis] = Cut { begin, end: (end < shape[axis]).then_some(end), stride: step };
    }
    importer.unary(call, Op::Slice(Slice { cuts }))
}

/// Into the sizes given, or into as many equal parts as it has results, of which the last may be smaller.
pub(super) fn split(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Vec<Entry>> {
    let x = call.value(0)?;
    let shape = importer.shape(x);
    let axis = normal_axis(call.int("axis", 0)?, shape.len())?;
    let count = call.node.outputs.len();
    let declared = call.int("num_outputs", count as i64)?;
    if usize::try_from(declared).ok() != Some(count) {
        return refuse(format!("has {count} results, not {declared}"), EXPORT_AGAIN);
    }
    let sizes = match call.integers("split", 1)? {
        Some(sizes) => sizes.iter().map(|&size| usize::try_from(size).unwrap_or(0)).collect(),
        None => equal_parts(shape[axis], count),
    };
    if sizes.len() != count {
        return refuse(format!("has {} sizes for {count} results", sizes.len()), EXPORT_AGAIN);
    }
    let results = importer.builder.apply_all(call.name, Op::Split(Split { axis, sizes }), vec![x])?;
    Ok(results.into_iter().map(Entry::Value).collect())
}

/// `count` parts of `extent`: as large as the first each, but for the last.
fn equal_parts(extent: usize, count: usize) -> Vec<usize> {
    let size = extent.div_ceil(count.max(1));
    (0..count).map(|part| extent.saturating_sub(part * size).min(size)).collect()
}
