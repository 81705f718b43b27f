//! Operators that repeat, reorder or gather elements.

use super::attributes::{Call, normal_axis};
use super::constant::{Constant, Numbers};
use super::{Entry, Importer};
use crate::import::build::{Convert, refuse};
use crate::import::moves::{Border, but_last, depth_to_space as opened, reblocked, space_to_depth as folded};
use crate::import::rows;
use crate::ir::{RANK_MAX, ValueId, broadcast};
use crate::op::{Pad, Take};

const EXPORT_AGAIN: &str = "export the model again";

impl Importer<'_> {
    /// The elements of `x` at the indices of each axis.
    pub(super) fn take(&mut self, call: &Call<'_>, x: ValueId, indices: Vec<Option<Vec<usize>>>) -> Convert<ValueId> {
        for list in indices.iter().flatten() {
            self.budget.charge(list.len(), 8)?;
        }
        let (x, last) = but_last(&mut self.builder, call.name, x, Take { indices })?;
        self.apply(call.name, last, vec![x])
    }

    /// `x` with axes of extent 1 in front, as many as are missing.
    fn of_rank(&mut self, call: &Call<'_>, x: ValueId, rank: usize) -> Convert<ValueId> {
        let shape = self.shape(x);
        let missing = rank.saturating_sub(shape.len());
        let padded = core::iter::repeat_n(1, missing).chain(shape).collect();
        self.builder.reshape(&format!("{}/align", call.name), x, padded)
    }
}

/// Integers of constant operand `index`, which must be given.
fn list(call: &Call<'_>, index: usize, what: &str) -> Convert<Vec<i64>> {
    match call.constant(index, what)? {
        Some(Constant { numbers: Numbers::I64(values), .. }) => Ok(values.clone()),
        _ => refuse(format!("{what} are no integers"), EXPORT_AGAIN),
    }
}

pub(super) fn expand(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let x = importer.any_operand(call, 0)?;
    let wanted: Option<Vec<usize>> =
        list(call, 1, "its extents")?.iter().map(|&extent| usize::try_from(extent).ok()).collect();
    let Some(wanted) = wanted.filter(|wanted| wanted.len() <= RANK_MAX) else {
        return refuse("its extents are negative or too many", EXPORT_AGAIN);
    };
    let shape = broadcast(&importer.shape(x), &wanted).or_else(|error| refuse(error.0, EXPORT_AGAIN))?;
    let x = importer.of_rank(call, x, shape.len())?;
    let old = importer.shape(x);
    let indices = old.iter().zip(&shape).map(|(&old, &new)| (old != new).then(|| vec![0; new])).collect();
    Ok(Entry::Value(importer.take(call, x, indices)?))
}

pub(super) fn tile(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let x = importer.any_operand(call, 0)?;
    let shape = importer.shape(x);
    let repeats = list(call, 1, "its repeats")?;
    if repeats.len() != shape.len() {
        return refuse(format!("has {} repeats for {shape:?}", repeats.len()), EXPORT_AGAIN);
    }
    let mut indices = Vec::with_capacity(shape.len());
    for (&extent, &repeat) in shape.iter().zip(&repeats) {
        let len =
            usize::try_from(repeat).ok().filter(|&repeat| repeat > 0).and_then(|repeat| repeat.checked_mul(extent));
        let Some(len) = len else { return refuse(format!("repeats {repeat} times"), "repeat once or more") };
        importer.budget.charge(len, 8)?;
        indices.push((repeat != 1).then(|| (0..len).map(|at| at % extent).collect()));
    }
    Ok(Entry::Value(importer.take(call, x, indices)?))
}

/// By constant indices, of any shape.
pub(super) fn gather(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let x = importer.any_operand(call, 0)?;
    let shape = importer.shape(x);
    let axis = normal_axis(call.int("axis", 0)?, shape.len())?;
    let Some(Constant { shape: index_shape, numbers: Numbers::I64(numbers), .. }) = call.constant(1, "its indices")?
    else {
        return refuse("its indices are no integers", EXPORT_AGAIN);
    };
    let taken = numbers.iter().map(|&index| normal_axis(index, shape[axis])).collect::<Convert<Vec<usize>>>()?;
    let result: Vec<usize> = shape[..axis].iter().chain(index_shape).chain(&shape[axis + 1..]).copied().collect();
    let mut indices = vec![None; shape.len()];
    indices[axis] = Some(taken);
    let taken = importer.take(call, x, indices)?;
    Ok(Entry::Value(importer.builder.reshape(call.name, taken, result)?))
}

/// The slices of axis `axis` for which a constant condition holds; of all elements when no axis is given.
pub(super) fn compress(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let x = importer.any_operand(call, 0)?;
    let (x, axis) = if call.has("axis") {
        let rank = importer.shape(x).len();
        (x, normal_axis(call.int("axis", 0)?, rank)?)
    } else {
        let len = importer.shape(x).iter().product();
        (importer.builder.reshape(&format!("{}/flat", call.name), x, vec![len])?, 0)
    };
    let condition = list(call, 1, "its conditions")?;
    let taken: Vec<usize> = (0..condition.len()).filter(|&index| condition[index] != 0).collect();
    let mut indices = vec![None; importer.shape(x).len()];
    indices[axis] = Some(taken);
    Ok(Entry::Value(importer.take(call, x, indices)?))
}

/// Each sequence of the batch reversed up to its constant length.
pub(super) fn reverse_sequence(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let x = importer.any_operand(call, 0)?;
    let shape = importer.shape(x);
    let (batch, time) = (call.int("batch_axis", 1)?, call.int("time_axis", 0)?);
    let (batch, time) = (normal_axis(batch, shape.len())?, normal_axis(time, shape.len())?);
    if !matches!(call.operand(1), Some(Entry::Constant(_))) {
        let lengths = importer.index_operand(call, 1)?;
        let operands = [x, lengths];
        return Ok(Entry::Value(rows::reversed(&mut importer.builder, call.name, operands, [batch, time])?));
    }
    let lengths = list(call, 1, "its lengths")?;
    let lengths: Option<Vec<usize>> =
        lengths.iter().map(|&len| usize::try_from(len).ok().filter(|&len| len <= shape[time])).collect();
    let Some(lengths) = lengths.filter(|lengths| lengths.len() == shape[batch] && batch != time) else {
        return refuse("has no fitting length for each sequence", EXPORT_AGAIN);
    };
    // Sequences of one length are reversed at once; of several, one after the other, as parts of a whole.
    let order = |len: usize| (0..len).rev().chain(len..shape[time]).collect::<Vec<usize>>();
    if lengths.iter().all(|&len| len == lengths[0]) {
        let mut indices = vec![None; shape.len()];
        indices[time] = Some(order(lengths[0]));
        return Ok(Entry::Value(importer.take(call, x, indices)?));
    }
    let mut parts = Vec::with_capacity(lengths.len());
    for (index, &len) in lengths.iter().enumerate() {
        let mut indices = vec![None; shape.len()];
        (indices[batch], indices[time]) = (Some(vec![index]), Some(order(len)));
        parts.push(importer.take(call, x, indices)?);
    }
    Ok(Entry::Value(importer.apply(call.name, crate::op::Concat { axis: batch }.into(), parts)?))
}

/// Cut or filled with zeros on both sides, so that the middle stays the middle.
pub(super) fn center_crop_pad(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let mut x = importer.any_operand(call, 0)?;
    let shape = importer.shape(x);
    let axes = match call.ints("axes")? {
        None => (0..shape.len()).collect(),
        Some(axes) => axes.iter().map(|&axis| normal_axis(axis, shape.len())).collect::<Convert<Vec<usize>>>()?,
    };
    let sizes = list(call, 1, "its extents")?;
    if sizes.len() != axes.len() {
        return refuse(format!("has {} extents for {} axes", sizes.len(), axes.len()), EXPORT_AGAIN);
    }
    let (mut before, mut after, mut indices) = (vec![0; shape.len()], vec![0; shape.len()], vec![None; shape.len()]);
    for (&axis, &size) in axes.iter().zip(&sizes) {
        let Some(size) = usize::try_from(size).ok().filter(|&size| size > 0) else {
            return refuse(format!("makes an extent of {size}"), EXPORT_AGAIN);
        };
        let extent = shape[axis];
        if size < extent {
            let begin = (extent - size) / 2;
            indices[axis] = Some((begin..begin + size).collect());
        } else {
            before[axis] = (size - extent) / 2;
            after[axis] = size - extent - before[axis];
        }
    }
    if indices.iter().any(Option::is_some) {
        x = importer.take(call, x, indices)?;
    }
    Ok(Entry::Value(importer.apply(call.name, Pad { before, after, value: 0.0 }.into(), vec![x])?))
}

pub(super) fn depth_to_space(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let (x, block) = image_and_block(importer, call)?;
    let block_first = is_block_first(call)?;
    let Some(steps) = opened(&importer.shape(x), block, block_first) else {
        return refuse(format!("block {block} does not divide its channels"), EXPORT_AGAIN);
    };
    let moved = reblocked(&mut importer.builder, call.name, x, steps)?;
    Ok(Entry::Value(importer.channels_first(call, moved)?))
}

pub(super) fn space_to_depth(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let (x, block) = image_and_block(importer, call)?;
    let Some(steps) = folded(&importer.shape(x), block, is_block_first(call)?) else {
        return refuse(format!("block {block} does not divide its image"), EXPORT_AGAIN);
    };
    let moved = reblocked(&mut importer.builder, call.name, x, steps)?;
    Ok(Entry::Value(importer.channels_first(call, moved)?))
}

/// Whether a deep channel's number is its place in the block, then the shallow channel; else the other way round.
fn is_block_first(call: &Call<'_>) -> Convert<bool> {
    match call.string("mode", "DCR")? {
        "DCR" => Ok(true),
        "CRD" => Ok(false),
        mode => refuse(format!("mode is {mode}"), "use DCR or CRD"),
    }
}

/// An image with its channels at the end, and the side of a block.
fn image_and_block(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<(ValueId, usize)> {
    let x = importer.any_operand(call, 0)?;
    let rank = importer.shape(x).len();
    if rank != 4 {
        return refuse(format!("its operand has {rank} axes"), "4 are needed");
    }
    let block = call.int("blocksize", 0)?;
    let Some(block) = usize::try_from(block).ok().filter(|&block| (1..=1024).contains(&block)) else {
        return refuse(format!("attribute `blocksize` is {block}"), "use a block between 1 and 1024");
    };
    Ok((importer.channels_last(call, x)?, block))
}

/// A border of repeated elements, or one that cuts; `amounts` are before and behind each axis.
pub(super) fn repeated_border(
    importer: &mut Importer<'_>,
    call: &Call<'_>,
    x: ValueId,
    (border, amounts): (Border, Vec<[i64; 2]>),
) -> Convert<Entry> {
    let shape = importer.shape(x);
    let mut indices = Vec::with_capacity(shape.len());
    for (&extent, &[before, after]) in shape.iter().zip(&amounts) {
        let len = before.max(0).saturating_add(after.max(0)).saturating_add(extent as i64);
        importer.budget.charge(usize::try_from(len).unwrap_or(usize::MAX), 8)?;
        match border.indices(extent, before, after) {
            Some(_) if [before, after] == [0, 0] => indices.push(None),
            Some(list) => indices.push(Some(list)),
            None => {
                return refuse(format!("pads {extent} elements by {before} and {after}"), "pad by less than there is");
            }
        }
    }
    Ok(Entry::Value(importer.take(call, x, indices)?))
}
