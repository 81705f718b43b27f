//! Operators that repeat, reorder or gather elements, and those that resize images.

use super::Importer;
use super::call::{Call, EXPORT_AGAIN, normal_axis};
use crate::import::build::{Convert, refuse};
use crate::import::moves::{Border, but_last, depth_to_space as opened, space_to_depth as folded};
use crate::import::resize::Taps;
use crate::ir::{DType, Op, RANK_MAX, ValueId, broadcast};
use crate::op::{
    Along, Concat, Cut, LineFunction, Pad, Resample, Reshape, ResizeBilinear, Slice, Split, Take, Transpose,
};

impl Importer<'_, '_> {
    /// The elements of `x` at the indices of each axis are the operator's result.
    pub(super) fn finish_take(
        &mut self,
        call: &Call<'_, '_>,
        x: ValueId,
        indices: Vec<Option<Vec<usize>>>,
    ) -> Convert<()> {
        for list in indices.iter().flatten() {
            self.model.budget.charge(list.len(), 8)?;
        }
        let (x, last) = but_last(&mut self.builder, call.name, x, Take { indices })?;
        self.finish(call, last, vec![x])
    }

    /// `x` reshaped, transposed and reshaped again is the operator's result.
    fn finish_reblocked(
        &mut self,
        call: &Call<'_, '_>,
        x: ValueId,
        (blocks, permutation): (Vec<usize>, Vec<usize>),
    ) -> Convert<()> {
        let blocked = self.builder.reshape(&format!("{}/blocks", call.name), x, blocks)?;
        let turned = Op::Transpose(Transpose { permutation });
        let turned = self.builder.apply(&format!("{}/turned", call.name), turned, vec![blocked])?;
        self.finish(call, Reshape, vec![turned])
    }

    /// Integers of a constant operand that are zero or above.
    fn extents(&self, call: &Call<'_, '_>, position: usize, what: &str) -> Convert<Vec<usize>> {
        let numbers = self.integers(call.tensor(position), what)?;
        let extents: Option<Vec<usize>> = numbers.iter().map(|&number| usize::try_from(number).ok()).collect();
        extents.map_or_else(|| refuse(format!("{what} are negative: {numbers:?}"), EXPORT_AGAIN), Ok)
    }
}

pub(super) fn tile(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let x = importer.operand(call, 0)?;
    let shape = importer.shape_of(x);
    let repeats = importer.extents(call, 1, "its repeats")?;
    if repeats.len() != shape.len() {
        return refuse(format!("has {} repeats for {shape:?}", repeats.len()), EXPORT_AGAIN);
    }
    let mut indices = Vec::with_capacity(shape.len());
    for (&extent, &repeat) in shape.iter().zip(&repeats) {
        let len = repeat.saturating_mul(extent);
        importer.model.budget.charge(len, 8)?;
        indices.push((repeat != 1).then(|| (0..len).map(|at| at % extent).collect()));
    }
    importer.finish_take(call, x, indices)
}

pub(super) fn broadcast_to(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let x = importer.operand(call, 0)?;
    let wanted = importer.extents(call, 1, "its extents")?;
    let old = importer.shape_of(x);
    let shape = broadcast(&old, &wanted).or_else(|error| refuse(error.0, EXPORT_AGAIN))?;
    let missing = shape.len().saturating_sub(old.len());
    let old: Vec<usize> = core::iter::repeat_n(1, missing).chain(old).collect();
    let x = importer.builder.reshape(&format!("{}/align", call.name), x, old.clone())?;
    let indices = old.iter().zip(&shape).map(|(&old, &new)| (old != new).then(|| vec![0; new])).collect();
    importer.finish_take(call, x, indices)
}

/// One computed element everywhere.
pub(super) fn spread(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>, one: ValueId) -> Convert<()> {
    let y = importer.result(call)?;
    let shape = importer.shape_of(y);
    let one = importer.builder.reshape(&format!("{}/one", call.name), one, vec![1; shape.len()])?;
    importer.finish_take(call, one, shape.into_iter().map(|extent| (extent != 1).then(|| vec![0; extent])).collect())
}

/// By constant indices, of any shape.
pub(super) fn gather(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let x = importer.operand(call, 0)?;
    let shape = importer.shape_of(x);
    let axis = normal_axis(i64::from(call.int(0, 0)?), shape.len())?;
    if call.int(1, 0)? != 0 {
        return refuse("gathers by batches", "gather along one axis for all batches alike");
    }
    let taken = importer.extents(call, 1, "its indices")?;
    let mut indices = vec![None; shape.len()];
    indices[axis] = Some(taken);
    let result = importer.result(call)?;
    if importer.shape_of(result).len() == shape.len() {
        return importer.finish_take(call, x, indices);
    }
    for list in indices.iter().flatten() {
        importer.model.budget.charge(list.len(), 8)?;
    }
    let (x, last) = but_last(&mut importer.builder, call.name, x, Take { indices })?;
    let taken = importer.builder.apply(&format!("{}/taken", call.name), last, vec![x])?;
    importer.finish(call, Reshape, vec![taken])
}

pub(super) fn reverse(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let x = importer.operand(call, 0)?;
    let shape = importer.shape_of(x);
    let mut indices = vec![None; shape.len()];
    for axis in importer.integers(call.tensor(1), "its axes")? {
        let axis = normal_axis(axis, shape.len())?;
        indices[axis] = Some((0..shape[axis]).rev().collect());
    }
    importer.finish_take(call, x, indices)
}

/// Sums of all elements up to each.
pub(super) fn cumsum(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let x = importer.operand(call, 0)?;
    let axis = match importer.integers(call.tensor(1), "its axis")?.as_slice() {
        &[axis] => normal_axis(axis, importer.shape_of(x).len())?,
        axes => return refuse(format!("goes along {} axes", axes.len()), EXPORT_AGAIN),
    };
    let function = match (call.flag(0)?, call.flag(1)?) {
        (false, false) => LineFunction::SumUpTo,
        (true, false) => LineFunction::SumBefore,
        (false, true) => LineFunction::SumFrom,
        (true, true) => LineFunction::SumBehind,
    };
    importer.finish(call, Along { function, axes: vec![axis], epsilon: 0.0 }, vec![x])
}

pub(super) fn mirror_pad(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let x = importer.operand(call, 0)?;
    let shape = importer.shape_of(x);
    let amounts = importer.extents(call, 1, "paddings")?;
    let border = if call.code(0)? == 0 { Border::Reflect } else { Border::Symmetric };
    if amounts.len() != 2 * shape.len() {
        return refuse("has not two paddings for each axis", EXPORT_AGAIN);
    }
    let mut indices = Vec::with_capacity(shape.len());
    for (&extent, pair) in shape.iter().zip(amounts.as_chunks::<2>().0) {
        let [before, after] = pair.map(|amount| i64::try_from(amount).unwrap_or(i64::MAX));
        match border.indices(extent, before, after) {
            Some(list) => indices.push((*pair != [0, 0]).then_some(list)),
            None => return refuse(format!("mirrors more than the {extent} elements of an axis"), "pad by less"),
        }
    }
    importer.finish_take(call, x, indices)
}

pub(super) fn depth_to_space(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let x = importer.operand(call, 0)?;
    let block = call.extent(0, 0, "its block")?;
    match opened(&importer.shape_of(x), block, true) {
        Some((blocks, permutation, _)) => importer.finish_reblocked(call, x, (blocks, permutation)),
        None => refuse(format!("block {block} does not divide its channels"), EXPORT_AGAIN),
    }
}

pub(super) fn space_to_depth(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let x = importer.operand(call, 0)?;
    let block = call.extent(0, 0, "its block")?;
    match folded(&importer.shape_of(x), block, true) {
        Some((blocks, permutation, _)) => importer.finish_reblocked(call, x, (blocks, permutation)),
        None => refuse(format!("block {block} does not divide its image"), EXPORT_AGAIN),
    }
}

/// Zeros around the image, then its blocks as images of the batch.
pub(super) fn space_to_batch(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let x = importer.operand(call, 0)?;
    let shape = importer.shape_of(x);
    let blocks = importer.extents(call, 1, "its blocks")?;
    let amounts = importer.extents(call, 2, "its paddings")?;
    let spatial = blocks.len();
    if amounts.len() != 2 * spatial || shape.len() <= spatial || 2 * spatial + shape.len() > RANK_MAX + spatial {
        return refuse("its blocks and paddings do not fit its operand", EXPORT_AGAIN);
    }
    let (mut before, mut after) = (vec![0; shape.len()], vec![0; shape.len()]);
    for (axis, pair) in amounts.as_chunks::<2>().0.iter().enumerate() {
        (before[axis + 1], after[axis + 1]) = (pair[0], pair[1]);
    }
    let padded = Op::Pad(Pad { before, after, value: 0.0 });
    let padded = importer.builder.apply(&format!("{}/padded", call.name), padded, vec![x])?;
    let shape = importer.shape_of(padded);
    if blocks.iter().zip(&shape[1..]).any(|(&block, extent)| block == 0 || !extent.is_multiple_of(block)) {
        return refuse(format!("blocks {blocks:?} do not divide {shape:?}"), EXPORT_AGAIN);
    }
    // [N, H / b, b, W / c, c, ..] to [b, c, N, H / b, W / c, ..].
    let mut split = vec![shape[0]];
    split.extend(blocks.iter().zip(&shape[1..]).flat_map(|(&block, &extent)| [extent / block, block]));
    split.extend(&shape[1 + spatial..]);
    let inner = (0..spatial).map(|axis| 2 + 2 * axis);
    let outer = (0..spatial).map(|axis| 1 + 2 * axis);
    let permutation = inner.chain([0]).chain(outer).chain(1 + 2 * spatial..split.len()).collect();
    importer.finish_reblocked(call, padded, (split, permutation))
}

/// The images of a batch as blocks of fewer, larger images, of which the edges are cut.
pub(super) fn batch_to_space(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let x = importer.operand(call, 0)?;
    let shape = importer.shape_of(x);
    let blocks = importer.extents(call, 1, "its blocks")?;
    let crops = importer.extents(call, 2, "its crops")?;
    let spatial = blocks.len();
    let area = blocks.iter().fold(1usize, |area, &block| area.saturating_mul(block));
    let divides = area > 0 && shape.first().is_some_and(|batch| batch.is_multiple_of(area));
    if crops.len() != 2 * spatial || shape.len() <= spatial || shape.len() + spatial > RANK_MAX || !divides {
        return refuse("its blocks and crops do not fit its operand", EXPORT_AGAIN);
    }
    // [b, c, N, H, W, ..] to [N, H, b, W, c, ..].
    let split: Vec<usize> = blocks.iter().copied().chain([shape[0] / area]).chain(shape[1..].iter().copied()).collect();
    let pairs = (0..spatial).flat_map(|axis| [spatial + 1 + axis, axis]);
    let permutation: Vec<usize> = [spatial].into_iter().chain(pairs).chain(2 * spatial + 1..split.len()).collect();
    if crops.iter().all(|&crop| crop == 0) {
        return importer.finish_reblocked(call, x, (split, permutation));
    }
    let mut whole = vec![shape[0] / area];
    whole.extend(blocks.iter().zip(&shape[1..]).map(|(block, extent)| block * extent));
    whole.extend(&shape[1 + spatial..]);
    let steps = (split, permutation, whole.clone());
    let joined = crate::import::moves::reblocked(&mut importer.builder, &format!("{}/joined", call.name), x, steps)?;
    let mut cuts = vec![Cut::ALL; whole.len()];
    for (axis, pair) in crops.as_chunks::<2>().0.iter().enumerate() {
        let Some(end) = whole[axis + 1].checked_sub(pair[1]) else {
            return refuse(format!("crops {} of {} elements", pair[1], whole[axis + 1]), EXPORT_AGAIN);
        };
        cuts[axis + 1] = Cut { begin: pair[0], end: Some(end), stride: 1 };
    }
    importer.finish(call, Slice { cuts }, vec![joined])
}

/// Tensors behind each other along a new axis.
pub(super) fn pack(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let tensors = call.operator.inputs.iter();
    let parts: Vec<ValueId> = tensors.map(|&tensor| importer.value(tensor)).collect::<Convert<_>>()?;
    let shape = parts.first().map_or(Vec::new(), |&id| importer.shape_of(id));
    let axis = normal_axis(i64::from(call.int(1, 0)?), shape.len() + 1)?;
    let mut joined = Vec::with_capacity(parts.len());
    for (index, part) in parts.into_iter().enumerate() {
        let mut shape = importer.shape_of(part);
        shape.insert(axis.min(shape.len()), 1);
        joined.push(importer.builder.reshape(&format!("{}/part{index}", call.name), part, shape)?);
    }
    importer.finish(call, Concat { axis }, joined)
}

/// Each index of an axis as a tensor of its own.
pub(super) fn unpack(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let x = importer.operand(call, 0)?;
    let shape = importer.shape_of(x);
    let axis = normal_axis(i64::from(call.int(1, 0)?), shape.len())?;
    let count = call.operator.outputs.len();
    if shape[axis] != count {
        return refuse(format!("has {count} results for an extent of {}", shape[axis]), EXPORT_AGAIN);
    }
    let split = Op::Split(Split { axis, sizes: vec![1; count] });
    let parts = importer.builder.apply_all(&format!("{}/parts", call.name), split, vec![x])?;
    for (&part, &output) in parts.iter().zip(&call.operator.outputs) {
        let output = importer.value(output)?;
        importer.builder.node(call.name, Reshape.into(), vec![part], output)?;
    }
    Ok(())
}

/// Height and width that a resizing makes.
fn size(importer: &Importer<'_, '_>, call: &Call<'_, '_>, shape: &[usize]) -> Convert<[usize; 2]> {
    let size = importer.extents(call, 1, "its size")?;
    match (size.as_slice(), shape.len()) {
        (&[height, width], 4) if (1..=1 << 16).contains(&height) && (1..=1 << 16).contains(&width) => {
            Ok([height, width])
        }
        _ => refuse(format!("resizes {shape:?} to {size:?}"), "resize an image of 4 axes to a height and a width"),
    }
}

pub(super) fn resize_nearest(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let x = importer.operand(call, 0)?;
    let shape = importer.shape_of(x);
    let size = size(importer, call, &shape)?;
    let (align_corners, half_pixel) = (call.flag(0)?, call.flag(1)?);
    let nearest = |input: usize, output: usize| {
        let scale = if align_corners && output > 1 {
            (input - 1) as f32 / (output - 1) as f32
        } else {
            input as f32 / output as f32
        };
        let offset = if half_pixel { 0.5 } else { 0.0 };
        let place = |at: usize| (at as f32 + offset) * scale;
        let index = |at: usize| if align_corners { place(at).round() } else { place(at).floor() };
        (0..output).map(|at| (index(at).max(0.0) as usize).min(input - 1)).collect::<Vec<usize>>()
    };
    let indices = vec![None, Some(nearest(shape[1], size[0])), Some(nearest(shape[2], size[1])), None];
    importer.finish_take(call, x, indices)
}

/// int8 as the integer kernel of TensorFlow Lite, floats along one axis after the other.
pub(super) fn resize_bilinear(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let x = importer.operand(call, 0)?;
    let shape = importer.shape_of(x);
    let size = size(importer, call, &shape)?;
    let (align_corners, half_pixel) = (call.flag(2)?, call.flag(3)?);
    if align_corners && half_pixel {
        return refuse("aligns corners and takes half pixels", EXPORT_AGAIN);
    }
    if importer.builder.graph.value(x).dtype != DType::F32 {
        return importer.finish(call, ResizeBilinear { size, align_corners, half_pixel }, vec![x]);
    }
    importer.model.budget.charge(size[0] + size[1], 8 * 8)?;
    let rows = Resample { axis: 1, taps: linear(shape[1], size[0], align_corners, half_pixel) };
    let rows = importer.builder.apply(&format!("{}/rows", call.name), rows.into(), vec![x])?;
    importer.finish(call, Resample { axis: 2, taps: linear(shape[2], size[1], align_corners, half_pixel) }, vec![rows])
}

/// What the indices of a resized axis are made of.
fn linear(input: usize, output: usize, align_corners: bool, half_pixel: bool) -> Taps {
    let scale = if align_corners && output > 1 {
        (input - 1) as f32 / (output - 1) as f32
    } else {
        input as f32 / output as f32
    };
    let taps = |at: usize| {
        let place = if half_pixel { (at as f32 + 0.5) * scale - 0.5 } else { at as f32 * scale };
        let lower = (place.floor().max(0.0) as usize).min(input - 1);
        let upper = (place.ceil().max(0.0) as usize).min(input - 1);
        let weight = place - lower as f32;
        if lower == upper { vec![(lower, 1.0), (lower, 0.0)] } else { vec![(lower, 1.0 - weight), (upper, weight)] }
    };
    (0..output).map(taps).collect()
}
