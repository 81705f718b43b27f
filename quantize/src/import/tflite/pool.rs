//! Pooling and reductions.

use super::Importer;
use super::call::{Call, normal_axis};
use super::convolution::Slide;
use crate::import::build::Convert;
use crate::ir::{Op, ValueId, Window};
use crate::op::{AveragePool2D, MaxPool2D, Mean, Reduce, Reduction};

pub(super) fn max_pool(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let x = importer.operand(call, 0)?;
    let (window, activation) = (window(importer, call, x)?, call.activation(5)?);
    importer.finish(call, MaxPool2D { window, activation }, vec![x])
}

pub(super) fn average_pool(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let x = importer.operand(call, 0)?;
    let (window, activation) = (window(importer, call, x)?, call.activation(5)?);
    importer.finish(call, AveragePool2D { window, activation }, vec![x])
}

/// How a pooling operator slides over `x`.
fn window(importer: &Importer<'_, '_>, call: &Call<'_, '_>, x: ValueId) -> Convert<Window> {
    let slide = Slide {
        kernel: [call.extent(4, 0, "filter height")?, call.extent(3, 0, "filter width")?],
        stride: [call.extent(2, 0, "stride")?, call.extent(1, 0, "stride")?],
        dilation: [1, 1],
    };
    let padding = slide.padding(call.code(0)?, &importer.shape_of(x))?;
    Ok(Window { size: slide.kernel, stride: slide.stride, padding })
}

pub(super) fn mean(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    reduce(importer, call, |axes, keep_dims| Op::Mean(Mean { axes, keep_dims }))
}

pub(super) fn reduce_max(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    reduce(importer, call, |axes, keep_dims| Op::Reduce(Reduce { kind: Reduction::Max, axes, keep_dims }))
}

pub(super) fn reduce_min(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    reduce(importer, call, |axes, keep_dims| Op::Reduce(Reduce { kind: Reduction::Min, axes, keep_dims }))
}

pub(super) fn reduce_prod(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    reduce(importer, call, |axes, keep_dims| Op::Reduce(Reduce { kind: Reduction::Prod, axes, keep_dims }))
}

pub(super) fn sum(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    reduce(importer, call, |axes, keep_dims| Op::Reduce(Reduce { kind: Reduction::Sum, axes, keep_dims }))
}

/// The operator that `reduction` makes of axes and whether they stay.
fn reduce(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>, reduction: fn(Vec<usize>, bool) -> Op) -> Convert<()> {
    let x = importer.operand(call, 0)?;
    let rank = importer.shape_of(x).len();
    let axes = importer.integers(call.tensor(1), "axes")?;
    let mut axes: Vec<usize> = axes.iter().map(|&axis| normal_axis(axis, rank)).collect::<Convert<_>>()?;
    axes.sort_unstable();
    axes.dedup();
    importer.finish(call, reduction(axes, call.flag(0)?), vec![x])
}
