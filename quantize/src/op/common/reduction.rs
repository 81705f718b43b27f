//! What operators have in common that make one element of all those along some axes.
//!
//! `axes` are ascending. With `keep_dims` they stay in the result, with extent 1.

use core::fmt;

use super::operands;
use super::real::{Real, ravel, unravel};
use crate::op::rule::channels::ChannelTies;
use crate::op::rule::time::TimeRule;
use crate::value::{Shape, ShapeError, fail};

/// The axes in a graph's text.
pub(crate) fn write(axes: &[usize], keep_dims: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, " axes {axes:?}{}", if keep_dims { " keep" } else { "" })
}

/// The shape of the result.
pub(crate) fn infer(axes: &[usize], keep_dims: bool, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
    let x = operands::one(inputs)?;
    let ascending = axes.windows(2).all(|pair| pair[0] < pair[1]);
    if !ascending || axes.last().is_none_or(|&axis| axis >= x.len()) {
        return fail(format!("axes {axes:?} of an operand with {} axes must be ascending and not empty", x.len()));
    }
    let kept = x.iter().enumerate().filter_map(|(axis, &extent)| match (axes.contains(&axis), keep_dims) {
        (false, _) => Some(extent),
        (true, true) => Some(1),
        (true, false) => None,
    });
    Ok(vec![kept.collect()])
}

/// For each element of the result what `step` makes of `start` and those that it is made of, in row-major order.
pub(crate) fn fold(axes: &[usize], x: Real<'_>, start: f64, step: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    let extents = x.shape.iter().enumerate();
    let kept: Vec<usize> = extents.map(|(axis, &extent)| if axes.contains(&axis) { 1 } else { extent }).collect();
    let mut results = vec![start; kept.iter().product()];
    for (flat, &element) in x.data.iter().enumerate() {
        let index = unravel(flat, x.shape).into_iter();
        let index = index.zip(&kept).map(|(at, &extent)| if extent == 1 { 0 } else { at });
        let result = &mut results[ravel(index, &kept)];
        *result = step(*result, f64::from(element));
    }
    results
}

/// Whether the last axis of an operand of `shape` is one of them.
pub(crate) fn takes_last(axes: &[usize], shape: &[usize]) -> bool {
    axes.last() == Some(&shape.len().wrapping_sub(1))
}

/// Channels go through where they are not reduced themselves.
pub(crate) fn channel_ties(axes: &[usize], shapes: &[&[usize]]) -> ChannelTies {
    let takes_last = shapes.first().is_none_or(|shape| takes_last(axes, shape));
    if takes_last { ChannelTies::All } else { ChannelTies::InStep }
}

/// How rows along `axis` go through: each on its own where it stays.
pub(crate) fn time_rule(axes: &[usize], keep_dims: bool, axis: usize) -> TimeRule {
    match (axes.contains(&axis), keep_dims) {
        (true, _) => TimeRule::Whole,
        (false, true) => TimeRule::Rows(axis),
        (false, false) => TimeRule::Rows(axis - axes.iter().filter(|&&gone| gone < axis).count()),
    }
}

/// Makes `axes` name those of an operand that is kept transposed by `form`, and says how the result is kept; see
/// [`AxisAttributes`](crate::op::rule::layout::AxisAttributes).
pub(crate) fn follow(axes: &mut Vec<usize>, keep_dims: bool, form: &[usize]) -> Vec<usize> {
    let rank = form.len();
    let mut kept: Vec<usize> = axes.iter().map(|&axis| form[axis]).collect();
    kept.sort_unstable();
    let old = core::mem::replace(axes, kept);
    if keep_dims {
        return form.to_vec();
    }
    // Of the axes that stay: where each of the old value's is among the kept value's.
    let stay: Vec<usize> = (0..rank).filter(|axis| !axes.contains(axis)).collect();
    let old = (0..rank).filter(|axis| !old.contains(axis)).map(|axis| form[axis]);
    old.filter_map(|axis| stay.iter().position(|&kept| kept == axis)).collect()
}
