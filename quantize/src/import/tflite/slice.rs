//! Operators that take tensors apart: STRIDED_SLICE, SLICE, SPLIT, SPLIT_V.

use super::Importer;
use super::call::{Call, EXPORT_AGAIN, normal_axis};
use crate::import::build::{Convert, refuse};
use crate::ir::{Op, RANK_MAX};
use crate::op::{Cut, Reshape, Slice, Split, Take};

/// What the numbers of a STRIDED_SLICE mean: bit `i` is of position `i`.
struct Masks {
    /// From the first index on, whatever `begin` says.
    begin: i32,
    /// To the last index, whatever `end` says.
    end: i32,
    /// As many whole axes as are left.
    ellipsis: i32,
    /// A new axis of extent 1.
    new_axis: i32,
    /// One index, whose axis is dropped.
    shrink: i32,
}

impl Masks {
    fn has(mask: i32, position: usize) -> bool {
        u32::try_from(position).is_ok_and(|position| mask.checked_shr(position).unwrap_or(0) & 1 == 1)
    }
}

/// A STRIDED_SLICE as a slice of all axes, and the extents that its result has instead of those of the slice.
struct Strided {
    cuts: Vec<Cut>,
    /// The axes that go backwards once they are cut.
    reversed: Vec<usize>,
    /// For each extent of the result, the axis that it is of; `None` for a new one.
    axes: Vec<Option<usize>>,
}

impl Strided {
    /// Of an operand of `shape`; `numbers` are begin, end and stride of each position.
    fn new(shape: &[usize], numbers: &[[i64; 3]], masks: &Masks) -> Convert<Self> {
        let (mut cuts, mut axes): (Vec<Cut>, Vec<Option<usize>>) = (Vec::new(), Vec::new());
        let mut reversed = Vec::new();
        let has_ellipsis = |position: usize| Masks::has(masks.ellipsis, position);
        let is_new = |position: usize| Masks::has(masks.new_axis, position) && !has_ellipsis(position);
        if (0..numbers.len()).filter(|&position| has_ellipsis(position)).count() > 1 {
            return refuse("has several ellipses", EXPORT_AGAIN);
        }
        for (position, &numbers_here) in numbers.iter().enumerate() {
            let axis = cuts.len();
            if has_ellipsis(position) {
                let behind = (position + 1..numbers.len()).filter(|&position| !is_new(position)).count();
                let whole = axis..shape.len().saturating_sub(behind).max(axis);
                cuts.extend(whole.clone().map(|_| Cut::ALL));
                axes.extend(whole.map(Some));
            } else if is_new(position) {
                axes.push(None);
            } else {
                let Some(&extent) = shape.get(axis) else {
                    return refuse(format!("cuts more than the {} axes of its operand", shape.len()), EXPORT_AGAIN);
                };
                let shrinks = Masks::has(masks.shrink, position);
                if numbers_here[2] < 0 && !shrinks {
                    reversed.push(axis);
                }
                cuts.push(cut(extent, numbers_here, position, masks)?);
                axes.extend((!shrinks).then_some(Some(axis)));
            }
        }
        axes.extend((cuts.len()..shape.len()).map(Some));
        cuts.resize(shape.len(), Cut::ALL);
        Ok(Strided { cuts, reversed, axes })
    }
}

/// What one position takes of an axis of `extent`.
fn cut(extent: usize, [begin, end, stride]: [i64; 3], position: usize, masks: &Masks) -> Convert<Cut> {
    if stride == 0 {
        return refuse("takes steps of 0", "slice with steps of 1 and above, or of -1 and below");
    }
    let from_end = |at: i64| if at < 0 { at.saturating_add(extent as i64) } else { at };
    let bound = |at: i64| from_end(at).clamp(0, extent as i64) as usize;
    if Masks::has(masks.shrink, position) {
        return match usize::try_from(from_end(begin)) {
            Ok(begin) if begin < extent => Ok(Cut { begin, end: Some(begin + 1), stride: 1 }),
            _ => refuse(format!("takes index {begin} of an axis of extent {extent}"), EXPORT_AGAIN),
        };
    }
    if stride < 0 {
        let last = extent as i64 - 1;
        let begin = if Masks::has(masks.begin, position) { last } else { from_end(begin).clamp(-1, last) };
        let end = if Masks::has(masks.end, position) { -1 } else { from_end(end).clamp(-1, last) };
        return backward(begin, end, stride);
    }
    let stride = usize::try_from(stride).unwrap_or(usize::MAX);
    let begin = if Masks::has(masks.begin, position) { 0 } else { bound(begin) };
    let end = if Masks::has(masks.end, position) { extent } else { bound(end) };
    Ok(Cut { begin, end: (end < extent).then_some(end), stride })
}

/// The indices from `begin` down to above `end`, in ascending order.
fn backward(begin: i64, end: i64, stride: i64) -> Convert<Cut> {
    if begin <= end {
        return refuse("takes nothing of an axis", "take at least one index");
    }
    let step = stride.unsigned_abs().min(1 << 32) as i64;
    let lowest = begin - (begin - end - 1) / step * step;
    Ok(Cut { begin: lowest as usize, end: Some(begin as usize + 1), stride: step as usize })
}

pub(super) fn strided_slice(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let x = importer.operand(call, 0)?;
    let shape = importer.shape_of(x);
    let list = |position: usize, what: &str| importer.integers(call.tensor(position), what);
    let (begin, end, stride) = (list(1, "its begins")?, list(2, "its ends")?, list(3, "its strides")?);
    if [end.len(), stride.len()] != [begin.len(); 2] || begin.len() > 2 * RANK_MAX {
        return refuse("begins, ends and strides differ in number, or are too many", EXPORT_AGAIN);
    }
    if call.flag(5)? {
        return refuse("counts its ends from its begins", "export with ends counted from the front");
    }
    let masks = Masks {
        begin: call.int(0, 0)?,
        end: call.int(1, 0)?,
        ellipsis: call.int(2, 0)?,
        new_axis: call.int(3, 0)?,
        shrink: call.int(4, 0)?,
    };
    let numbers: Vec<[i64; 3]> = (0..begin.len()).map(|at| [begin[at], end[at], stride[at]]).collect();
    let Strided { cuts, reversed, axes } = Strided::new(&shape, &numbers, &masks)?;
    let mut x = x;
    let mut op = Op::from(Slice { cuts });
    if !reversed.is_empty() {
        x = importer.builder.apply(&format!("{}/cut", call.name), op, vec![x])?;
        let extents = importer.shape_of(x);
        let backward = |axis: usize| reversed.contains(&axis).then(|| (0..extents[axis]).rev().collect());
        let indices: Vec<Option<Vec<usize>>> = (0..extents.len()).map(backward).collect();
        importer.model.budget.charge(indices.iter().flatten().map(Vec::len).sum(), 8)?;
        op = Take { indices }.into();
    }
    if axes.iter().copied().eq((0..shape.len()).map(Some)) {
        return importer.finish(call, op, vec![x]);
    }
    let sliced = importer.builder.apply(&format!("{}/slice", call.name), op, vec![x])?;
    let extents = importer.shape_of(sliced);
    let expected: Vec<usize> = axes.iter().map(|axis| axis.map_or(1, |axis| extents[axis])).collect();
    let output = importer.result(call)?;
    if importer.shape_of(output) != expected {
        return refuse(format!("computes shape {expected:?} but its result has another"), EXPORT_AGAIN);
    }
    importer.finish(call, Reshape, vec![sliced])
}

pub(super) fn slice(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let x = importer.operand(call, 0)?;
    let shape = importer.shape_of(x);
    let list = |position: usize, what: &str| importer.integers(call.tensor(position), what);
    let (begins, sizes) = (list(1, "its begins")?, list(2, "its sizes")?);
    if [begins.len(), sizes.len()] != [shape.len(); 2] {
        return refuse(format!("has {} begins and {} sizes for {shape:?}", begins.len(), sizes.len()), EXPORT_AGAIN);
    }
    let cut = |axis: usize| {
        let begin = usize::try_from(begins[axis]).ok()?;
        let end = match sizes[axis] {
            -1 => shape[axis],
            size => begin.checked_add(usize::try_from(size).ok()?)?,
        };
        Some(Cut { begin, end: (end != shape[axis]).then_some(end), stride: 1 })
    };
    match (0..shape.len()).map(cut).collect() {
        Some(cuts) => importer.finish(call, Slice { cuts }, vec![x]),
        None => refuse("a begin or a size is negative", EXPORT_AGAIN),
    }
}

/// Into equal parts.
pub(super) fn split(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let count = call.operator.outputs.len();
    let axis = split_axis(importer, call, 0, 1)?;
    let x = importer.operand(call, 1)?;
    let extent = importer.shape_of(x)[axis];
    if !extent.is_multiple_of(count.max(1)) {
        return refuse(format!("splits an extent of {extent} into {count}"), EXPORT_AGAIN);
    }
    split_into(importer, call, Split { axis, sizes: vec![extent / count.max(1); count] }, 1)
}

/// Into parts of the sizes given, of which one may be the rest.
pub(super) fn split_v(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let axis = split_axis(importer, call, 2, 0)?;
    let x = importer.operand(call, 0)?;
    let extent = importer.shape_of(x)[axis];
    let sizes = importer.integers(call.tensor(1), "its sizes")?;
    let known = sizes.iter().fold(0usize, |sum, &size| sum.saturating_add(usize::try_from(size).unwrap_or(0)));
    let rest = |size: i64| if size == -1 { extent.saturating_sub(known) } else { size.try_into().unwrap_or(0) };
    let sizes = sizes.into_iter().map(rest).collect();
    split_into(importer, call, Split { axis, sizes }, 0)
}

/// The axis in operand `position`, along which operand `data` is split.
fn split_axis(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>, position: usize, data: usize) -> Convert<usize> {
    let axis = importer.integers(call.tensor(position), "its axis")?;
    let x = importer.operand(call, data)?;
    match axis.as_slice() {
        &[axis] => normal_axis(axis, importer.shape_of(x).len()),
        axes => refuse(format!("splits along {} axes", axes.len()), EXPORT_AGAIN),
    }
}

fn split_into(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>, split: Split, data: usize) -> Convert<()> {
    let count = call.operator.outputs.len();
    let declared = call.int(0, i32::try_from(count).unwrap_or(0))?;
    if usize::try_from(declared).ok() != Some(count) || split.sizes.len() != count {
        return refuse(format!("has {count} results for {} parts", split.sizes.len()), EXPORT_AGAIN);
    }
    let x = importer.operand(call, data)?;
    let outputs = call.operator.outputs.iter().map(|&output| importer.value(output)).collect::<Convert<Vec<_>>>()?;
    importer.builder.node_of(call.name, Op::Split(split), vec![x], outputs)
}
