//! Operators that move elements without computing.

use super::attributes::{Call, normal_axis};
use super::constant::{Constant, Numbers};
use super::fold::axes;
use super::moves::repeated_border;
use super::{Entry, Importer};
use crate::import::build::{Convert, refuse};
use crate::import::moves::Border;
use crate::import::padding;
use crate::ir::{Op, RANK_MAX, ValueId};
use crate::op::{Concat, Pad, Transpose};

const EXPORT_AGAIN: &str = "export the model again";

/// The shape a `Reshape` asks for, given its operand's.
pub(super) fn resolve_shape(call: &Call<'_>, input: &[usize]) -> Convert<Vec<usize>> {
    let Some(wanted) = call.integers("shape", 1)? else {
        return refuse("has no shape", EXPORT_AGAIN);
    };
    let keep_zero = call.int("allowzero", 0)? != 0;
    let known = |(axis, &extent): (usize, &i64)| match extent {
        -1 => Some(None),
        0 if !keep_zero => input.get(axis).copied().map(Some),
        extent => usize::try_from(extent).ok().map(Some),
    };
    let len: usize = input.iter().product();
    let resolved = || {
        let extents: Vec<Option<usize>> = wanted.iter().enumerate().map(known).collect::<Option<_>>()?;
        let fixed = extents.iter().flatten().try_fold(1usize, |len, &extent| len.checked_mul(extent))?;
        let open = extents.iter().filter(|extent| extent.is_none()).count();
        let rest = len.checked_div(fixed).unwrap_or(0);
        let fits = if open == 0 { fixed == len } else { open == 1 && fixed > 0 && rest * fixed == len };
        fits.then(|| extents.into_iter().map(|extent| extent.unwrap_or(rest)).collect())
    };
    match (wanted.len() <= RANK_MAX).then(resolved).flatten() {
        Some(shape) => Ok(shape),
        None => refuse(
            format!("{input:?} cannot be reshaped to {wanted:?}"),
            "export with batch 1 (or an open batch), so that shapes agree",
        ),
    }
}

/// `shape` without the axes a `Squeeze` names, or without all axes of extent 1.
pub(super) fn squeezed(call: &Call<'_>, shape: &[usize]) -> Convert<Vec<usize>> {
    let axes = match axes(call, 1, shape.len())? {
        Some(axes) => axes,
        None => (0..shape.len()).filter(|&axis| shape[axis] == 1).collect(),
    };
    if let Some(&axis) = axes.iter().find(|&&axis| shape[axis] != 1) {
        return refuse(format!("axis {axis} of {shape:?} cannot be dropped"), EXPORT_AGAIN);
    }
    Ok((0..shape.len()).filter(|axis| !axes.contains(axis)).map(|axis| shape[axis]).collect())
}

/// `shape` with the axes an `Unsqueeze` names, which are counted in the result.
pub(super) fn unsqueezed(call: &Call<'_>, shape: &[usize]) -> Convert<Vec<usize>> {
    let Some(added) = call.integers("axes", 1)? else {
        return refuse("has no axes", EXPORT_AGAIN);
    };
    let rank = shape.len().saturating_add(added.len());
    if rank > RANK_MAX {
        return refuse(format!("its result has {rank} axes"), "use at most 8 axes");
    }
    let mut axes = added.iter().map(|&axis| normal_axis(axis, rank)).collect::<Convert<Vec<_>>>()?;
    axes.sort_unstable();
    if axes.windows(2).any(|pair| pair[0] == pair[1]) {
        return refuse(format!("axes {added:?} name one twice"), EXPORT_AGAIN);
    }
    let mut old = shape.iter().copied();
    Ok((0..rank).map(|axis| if axes.contains(&axis) { 1 } else { old.next().unwrap_or(1) }).collect())
}

impl Importer<'_> {
    fn reshaped(&mut self, call: &Call<'_>, shape: Vec<usize>) -> Convert<Entry> {
        let x = call.value(0)?;
        Ok(Entry::Value(self.builder.reshape(call.name, x, shape)?))
    }
}

pub(super) fn reshape(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let shape = resolve_shape(call, &importer.shape(call.value(0)?))?;
    importer.reshaped(call, shape)
}

pub(super) fn squeeze(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let shape = squeezed(call, &importer.shape(call.value(0)?))?;
    importer.reshaped(call, shape)
}

pub(super) fn unsqueeze(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let shape = unsqueezed(call, &importer.shape(call.value(0)?))?;
    importer.reshaped(call, shape)
}

/// To two axes: those before `axis`, and the rest.
pub(super) fn flatten(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let shape = importer.shape(call.value(0)?);
    let axis = call.int("axis", 1)?;
    let split = match usize::try_from(axis) {
        Ok(split) if split <= shape.len() => split,
        _ => normal_axis(axis, shape.len())?,
    };
    let (rows, columns) = shape.split_at(split);
    importer.reshaped(call, vec![rows.iter().product(), columns.iter().product()])
}

pub(super) fn transpose(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let rank = importer.shape(call.value(0)?).len();
    let permutation = call.permutation(rank)?;
    importer.unary(call, Op::Transpose(Transpose { permutation }))
}

pub(super) fn concat(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let mut inputs = Vec::with_capacity(call.operands.len());
    for index in 0..call.operands.len() {
        inputs.push(importer.any_operand(call, index)?);
    }
    let rank = inputs.first().map_or(0, |&id: &ValueId| importer.shape(id).len());
    let axis = normal_axis(call.int("axis", 1)?, rank)?;
    Ok(Entry::Value(importer.apply(call.name, Op::Concat(Concat { axis }), inputs)?))
}

pub(super) fn pad(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let border = match call.string("mode", "constant")? {
        "constant" => None,
        "reflect" => Some(Border::Reflect),
        "edge" => Some(Border::Edge),
        "wrap" => Some(Border::Wrap),
        mode => return refuse(format!("pads by {mode}"), "pad by a constant, or by reflect, edge or wrap"),
    };
    let x = importer.float_operand(call, 0)?;
    let amounts = pad_amounts(call, importer.shape(x).len())?;
    if let Some(border) = border {
        return repeated_border(importer, call, x, (border, amounts));
    }
    let value = match call.constant(2, "the pad value")? {
        None => call.float("value", 0.0)?,
        Some(constant) => match constant.as_float() {
            Some(value) => value,
            None => return refuse("the pad value is no single float", EXPORT_AGAIN),
        },
    };
    let side = |side: usize| amounts.iter().map(|pair| usize::try_from(pair[side]).unwrap_or(0)).collect::<Vec<_>>();
    let op = Pad { before: side(0), after: side(1), value };
    let cut: Vec<[i64; 2]> = amounts.iter().map(|pair| pair.map(|amount| amount.min(0))).collect();
    let x = if cut.iter().flatten().any(|&amount| amount < 0) {
        // What is cut goes first.
        match repeated_border(importer, call, x, (Border::Edge, cut))? {
            Entry::Value(x) => x,
            _ => return refuse("cuts nothing", EXPORT_AGAIN),
        }
    } else {
        x
    };
    let (x, last) = padding::but_last(&mut importer.builder, call.name, x, op)?;
    Ok(Entry::Value(importer.apply(call.name, last, vec![x])?))
}

/// The elements that a `Pad` adds before and behind each axis; it cuts where they are negative.
fn pad_amounts(call: &Call<'_>, rank: usize) -> Convert<Vec<[i64; 2]>> {
    let Some(amounts) = call.integers("pads", 1)? else {
        return refuse("has no pads", EXPORT_AGAIN);
    };
    let axes: Vec<usize> = match call.constant(3, "axes")? {
        None => (0..rank).collect(),
        Some(Constant { numbers: Numbers::I64(axes), .. }) => {
            axes.iter().map(|&axis| normal_axis(axis, rank)).collect::<Convert<_>>()?
        }
        Some(_) => return refuse("axes are floats", EXPORT_AGAIN),
    };
    if amounts.len() != 2 * axes.len() {
        return refuse("pads are not two for each axis", EXPORT_AGAIN);
    }
    let mut all = vec![[0, 0]; rank];
    for (position, &axis) in axes.iter().enumerate() {
        all[axis] = [amounts[position], amounts[axes.len() + position]];
    }
    Ok(all)
}
