//! Pooling and reductions.

use super::Importer;
use super::call::{Call, normal_axis};
use super::convolution::Slide;
use crate::import::build::{Convert, refuse};
use crate::ir::{Activation, DType, Op, Quantization, ValueId, Window};
use crate::op::{AveragePool2D, Cast, Clip, Map, MapFunction, MaxPool2D, Mean, Reduce, Reduction};

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

/// Whether all, or any, of the truth values along axes are true: the extreme of their numbers.
fn reduce_truth(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>, kind: Reduction) -> Convert<()> {
    let x = importer.operand(call, 0)?;
    let axes = axes_of(importer, call, x)?;
    let numbers = (DType::I8, Some(Quantization::per_tensor(1.0, 0)));
    let cast = Cast { to: DType::I8 };
    let numbers = importer.builder.apply_typed(&format!("{}/numbers", call.name), cast.into(), vec![x], numbers)?;
    let reduce = Reduce { kind, axes, keep_dims: call.flag(0)? };
    let extreme = importer.builder.apply(&format!("{}/extreme", call.name), reduce.into(), vec![numbers])?;
    importer.finish(call, Cast { to: DType::Bool }, vec![extreme])
}

pub(super) fn reduce_all(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    reduce_truth(importer, call, Reduction::Min)
}

pub(super) fn reduce_any(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    reduce_truth(importer, call, Reduction::Max)
}

/// The root of the mean square of each window.
pub(super) fn l2_pool(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let x = importer.operand(call, 0)?;
    let (window, activation) = (window(importer, call, x)?, call.activation(5)?);
    let builder = &mut importer.builder;
    if builder.graph.value(x).dtype != DType::F32 {
        return refuse("pools codes", "float32 is needed");
    }
    let squares = builder.apply(&format!("{}/squares", call.name), Map::plain(MapFunction::Square).into(), vec![x])?;
    let pool = AveragePool2D { window, activation: Activation::None };
    let means = builder.apply(&format!("{}/means", call.name), pool.into(), vec![squares])?;
    let root = Map::plain(MapFunction::Sqrt);
    let (low, high) = activation.bounds();
    if activation == Activation::None {
        return importer.finish(call, root, vec![means]);
    }
    let roots = builder.apply(&format!("{}/roots", call.name), root.into(), vec![means])?;
    importer.finish(call, Clip { low, high }, vec![roots])
}

/// The axes in the second operand, ascending.
fn axes_of(importer: &Importer<'_, '_>, call: &Call<'_, '_>, x: ValueId) -> Convert<Vec<usize>> {
    let rank = importer.shape_of(x).len();
    let axes = importer.integers(call.tensor(1), "axes")?;
    let mut axes: Vec<usize> = axes.iter().map(|&axis| normal_axis(axis, rank)).collect::<Convert<_>>()?;
    axes.sort_unstable();
    axes.dedup();
    Ok(axes)
}

/// The operator that `reduction` makes of axes and whether they stay.
fn reduce(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>, reduction: fn(Vec<usize>, bool) -> Op) -> Convert<()> {
    let x = importer.operand(call, 0)?;
    let axes = axes_of(importer, call, x)?;
    importer.finish(call, reduction(axes, call.flag(0)?), vec![x])
}
