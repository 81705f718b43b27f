//! Operators that take tensors apart.

use super::attributes::{Call, normal_axis};
use super::{Entry, Importer};
use crate::import::build::{Convert, refuse};
use crate::ir::Op;
use crate::op::{Cut, Slice, Split};

const EXPORT_AGAIN: &str = "export the model again";

/// Some indices of an axis, forward or backward.
pub(super) struct Span {
    pub(super) axis: usize,
    /// The first index.
    begin: usize,
    /// From an index to the next.
    step: i64,
    /// How many.
    count: usize,
}

impl Span {
    /// The indices in their order.
    pub(super) fn indices(&self) -> impl Iterator<Item = usize> + Clone {
        let (begin, step) = (self.begin as i64, self.step);
        (0..self.count as i64).map(move |at| (begin + at * step) as usize)
    }
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
        let (extent, step) = (shape[axis] as i64, steps[index].clamp(-(1 << 40), 1 << 40));
        let from_end = |at: i64| if at < 0 { at.saturating_add(extent) } else { at };
        let (begin, end) = (from_end(starts[index]), from_end(ends[index]));
        // Forward up to the end, backward down to before the first one.
        let (begin, len) = match step {
            0 => return refuse("takes steps of 0", "slice with steps of 1 and above, or -1 and below"),
            1.. => (begin.clamp(0, extent), end.clamp(0, extent) - begin.clamp(0, extent)),
            _ => (begin.clamp(-1, extent - 1), begin.clamp(-1, extent - 1) - end.clamp(-1, extent - 1)),
        };
        let count = len.max(0).unsigned_abs().div_ceil(step.unsigned_abs());
        Ok(Span { axis, begin: begin.max(0) as usize, step, count: count as usize })
    };
    let spans = (0..starts.len()).map(span).collect::<Convert<Vec<Span>>>()?;
    match (1..spans.len()).find(|&index| spans[..index].iter().any(|span| span.axis == spans[index].axis)) {
        None => Ok(spans),
        Some(index) => refuse(format!("slices axis {} twice", spans[index].axis), EXPORT_AGAIN),
    }
}

pub(super) fn slice(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let x = call.value(0)?;
    let shape = importer.shape(x);
    let spans = spans(call, &shape)?;
    if let Some(span) = spans.iter().find(|span| span.count == 0) {
        return refuse(format!("takes nothing of axis {}", span.axis), "take at least one index");
    }
    if spans.iter().any(|span| span.step < 0) {
        let mut indices = vec![None; shape.len()];
        spans.iter().for_each(|span| indices[span.axis] = Some(span.indices().collect()));
        return Ok(Entry::Value(importer.take(call, x, indices)?));
    }
    let mut cuts = vec![Cut::ALL; shape.len()];
    for Span { axis, begin, step, count } in spans {
        let end = (begin + (count - 1) * step as usize + 1).max(begin + 1);
        cuts[axis] = Cut { begin, end: (end < shape[axis]).then_some(end), stride: step as usize };
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
