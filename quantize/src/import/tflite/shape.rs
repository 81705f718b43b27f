//! Operators that move elements without computing, and take nothing apart.

use super::Importer;
use super::call::{Call, EXPORT_AGAIN, normal_axis};
use super::elementwise::unary;
use crate::import::build::{Convert, refuse};
use crate::import::padding;
use crate::ir::{DType, ValueId};
use crate::op::{Concat, Pad, Reshape, Transpose};

/// The shape that the file declares for the result is the one that it gets.
pub(super) fn reshape(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    unary(importer, call, Reshape)
}

pub(super) fn pad(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let x = importer.operand(call, 0)?;
    let amounts = importer.integers(call.tensor(1), "paddings")?;
    let amounts: Option<Vec<usize>> = amounts.iter().map(|&amount| usize::try_from(amount).ok()).collect();
    let Some(amounts) = amounts else {
        return refuse("a padding is negative", "use paddings of zero and above");
    };
    let (pairs, []) = amounts.as_chunks::<2>() else {
        return refuse("paddings are not pairs", EXPORT_AGAIN);
    };
    let (before, after): (Vec<usize>, Vec<usize>) = pairs.iter().map(|pair| (pair[0], pair[1])).unzip();
    if importer.builder.graph.value(x).dtype == DType::I32 {
        return pad_integers(importer, call, x, [before, after]);
    }
    let value = match call.given(2) {
        None => 0.0,
        Some(tensor) => importer.real(tensor)?,
    };
    let pad = Pad { before, after, value };
    if pad.before.len() != importer.shape_of(x).len() {
        return importer.finish(call, pad, vec![x]);
    }
    let (x, last) = padding::but_last(&mut importer.builder, call.name, x, pad)?;
    importer.finish(call, last, vec![x])
}

fn pad_integers(
    importer: &mut Importer<'_, '_>,
    call: &Call<'_, '_>,
    x: ValueId,
    [before, after]: [Vec<usize>; 2],
) -> Convert<()> {
    let value = match call.given(2) {
        None => 0,
        Some(tensor) => match importer.integers(tensor, "the pad value")?.as_slice() {
            &[value] => i32::try_from(value).unwrap_or(0),
            values => return refuse(format!("pads with {} values", values.len()), EXPORT_AGAIN),
        },
    };
    let y = importer.result(call)?;
    importer.model.budget.charge(importer.builder.graph.value(y).len(), 4 * before.len())?;
    let inner = format!("{}/padded", call.name);
    let padded = padding::of_integers(&mut importer.builder, &inner, x, ([&before, &after], value))?;
    importer.finish(call, Reshape, vec![padded])
}

pub(super) fn concat(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    call.no_activation(1)?;
    let tensors = call.operator.inputs.iter();
    let inputs: Vec<ValueId> = tensors.map(|&tensor| importer.value(tensor)).collect::<Convert<_>>()?;
    let rank = inputs.first().map_or(0, |&id| importer.shape_of(id).len());
    let axis = normal_axis(i64::from(call.int(0, 0)?), rank)?;
    importer.finish(call, Concat { axis }, inputs)
}

pub(super) fn transpose(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let x = importer.operand(call, 0)?;
    let rank = importer.shape_of(x).len();
    let axes = importer.integers(call.tensor(1), "its permutation")?;
    let permutation = axes.iter().map(|&axis| normal_axis(axis, rank)).collect::<Convert<_>>()?;
    importer.finish(call, Transpose { permutation }, vec![x])
}
