//! Reductions over whole axes.

use super::attributes::Call;
use super::elementwise::identity;
use super::fold::axes;
use super::{Entry, Importer};
use crate::import::build::{Convert, refuse};
use crate::ir::{Op, ValueId};
use crate::op::{Function, Map, MapFunction, Mean, Reduce, Reduction};

/// Makes the operator of the axes, and of whether they stay.
type Make = fn(Vec<usize>, bool) -> Op;

/// A function for each reduction that the graph has, by what makes it of the axes and of whether they stay.
macro_rules! reductions {
    ($($name:ident: $make:expr;)*) => { $(
        pub(super) fn $name(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
            reduce(importer, call, $make)
        }
    )* };
}

reductions! {
    reduce_mean: |axes, keep_dims| Mean { axes, keep_dims }.into();
    reduce_max: |axes, keep_dims| Reduce { kind: Reduction::Max, axes, keep_dims }.into();
    reduce_min: |axes, keep_dims| Reduce { kind: Reduction::Min, axes, keep_dims }.into();
    reduce_sum: |axes, keep_dims| Reduce { kind: Reduction::Sum, axes, keep_dims }.into();
    reduce_prod: |axes, keep_dims| Reduce { kind: Reduction::Prod, axes, keep_dims }.into();
    reduce_l1: |axes, keep_dims| Reduce { kind: Reduction::L1, axes, keep_dims }.into();
    reduce_sum_square: |axes, keep_dims| Reduce { kind: Reduction::SumSquare, axes, keep_dims }.into();
}

/// The root of the sum of squares.
pub(super) fn reduce_l2(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let sum = reduce_sum_square(importer, call)?;
    mapped(importer, call, sum, MapFunction::Sqrt)
}

pub(super) fn reduce_log_sum(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let sum = reduce_sum(importer, call)?;
    mapped(importer, call, sum, MapFunction::Log)
}

/// The logarithm of the sum of exponentials: of differences from the largest, which cannot overflow.
pub(super) fn reduce_log_sum_exp(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let (x, name) = (call.value(0)?, call.name);
    let Some(axes) = reduced_axes(importer, call, x)? else { return identity(importer, call) };
    let reduce = |kind, keep_dims| Reduce { kind, axes: axes.clone(), keep_dims };
    let largest = importer.apply(&format!("{name}/largest"), reduce(Reduction::Max, true).into(), vec![x])?;
    let below = importer.combined(&format!("{name}/below"), Function::Sub, [x, largest])?;
    let powers = importer.apply(&format!("{name}/powers"), Map::plain(MapFunction::Exp).into(), vec![below])?;
    let sum = importer.apply(&format!("{name}/sum"), reduce(Reduction::Sum, true).into(), vec![powers])?;
    let log = importer.apply(&format!("{name}/log"), Map::plain(MapFunction::Log).into(), vec![sum])?;
    let result = importer.combined(name, Function::Add, [log, largest])?;
    let mut shape = importer.shape(result);
    if call.int("keepdims", 1)? == 0 {
        axes.iter().rev().for_each(|&axis| {
            shape.remove(axis);
        });
    }
    Ok(Entry::Value(importer.builder.reshape(&format!("{name}/axes"), result, shape)?))
}

fn mapped(importer: &mut Importer<'_>, call: &Call<'_>, x: Entry, function: MapFunction) -> Convert<Entry> {
    let Entry::Value(x) = x else { return Ok(x) };
    let op = Map { function, parameters: [0.0; 2] };
    Ok(Entry::Value(importer.apply(&format!("{}/of sum", call.name), op.into(), vec![x])?))
}

/// No axes are all of them, or none, as `noop_with_empty_axes` says.
fn reduced_axes(importer: &Importer<'_>, call: &Call<'_>, x: ValueId) -> Convert<Option<Vec<usize>>> {
    let rank = importer.shape(x).len();
    Ok(match axes(call, 1, rank)? {
        Some(axes) if !axes.is_empty() => Some(axes),
        _ if call.int("noop_with_empty_axes", 0)? != 0 => None,
        _ => Some((0..rank).collect()),
    })
}

fn reduce(importer: &mut Importer<'_>, call: &Call<'_>, make: Make) -> Convert<Entry> {
    let x = call.value(0)?;
    let Some(axes) = reduced_axes(importer, call, x)? else { return identity(importer, call) };
    importer.unary(call, make(axes, call.int("keepdims", 1)? != 0))
}

pub(super) fn global_average_pool(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    reduce_plane(importer, call, |axes, keep_dims| Mean { axes, keep_dims }.into())
}

pub(super) fn global_max_pool(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    reduce_plane(importer, call, |axes, keep_dims| Reduce { kind: Reduction::Max, axes, keep_dims }.into())
}

/// All spatial axes, which stay with extent 1.
fn reduce_plane(importer: &mut Importer<'_>, call: &Call<'_>, make: Make) -> Convert<Entry> {
    let x = call.value(0)?;
    let rank = importer.shape(x).len();
    if rank < 3 {
        return refuse(format!("operand has {rank} axes"), "use [N, C, ...]");
    }
    importer.unary(call, make((2..rank).collect(), true))
}
