//! Operators that move elements without computing, and take nothing apart.

use super::Importer;
use super::call::{Call, EXPORT_AGAIN, normal_axis};
use super::elementwise::unary;
use crate::import::build::{Convert, refuse};
use crate::ir::ValueId;
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
    let (before, after) = pairs.iter().map(|pair| (pair[0], pair[1])).unzip();
    let value = match call.given(2) {
        None => 0.0,
        Some(tensor) => importer.real(tensor)?,
    };
    importer.finish(call, Pad { before, after, value }, vec![x])
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
