//! What an operator means: a function on real tensors, computed in `f64` and rounded once to `f32`.

use super::attributes::Activation;
use crate::op::rule::moves::{Moves, moved};
use crate::value::DType;

/// A real tensor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Real<'a> {
    pub(crate) shape: &'a [usize],
    /// What its elements are kept as: integers and truth values are computed with as such.
    pub(crate) dtype: DType,
    /// Row-major.
    pub(crate) data: &'a [f32],
}

/// The results of an operator, one for each of its outputs; `None` when it is no function on reals.
pub(crate) type Reals = Option<Vec<Vec<f32>>>;

/// `function` of every element of the first operand.
pub(crate) fn each(inputs: &[Real<'_>], function: impl Fn(f64) -> f64) -> Reals {
    let &x = inputs.first()?;
    Some(vec![x.data.iter().map(|&v| function(f64::from(v)) as f32).collect()])
}

/// `data` with a fused activation applied, as the one result.
pub(crate) fn activated(mut data: Vec<f32>, activation: Activation) -> Reals {
    data.iter_mut().for_each(|value| *value = activation.of(*value));
    Some(vec![data])
}

/// The index along each axis of element `flat`.
pub(crate) fn unravel(flat: usize, shape: &[usize]) -> Vec<usize> {
    let mut rest = flat;
    let mut index: Vec<usize> = shape.iter().rev().map(|&extent| (rest % extent, rest /= extent).0).collect();
    index.reverse();
    index
}

/// The element at `index`.
pub(crate) fn ravel(index: impl Iterator<Item = usize>, shape: &[usize]) -> usize {
    index.zip(shape).fold(0, |flat, (at, &extent)| flat * extent + at)
}

/// What an operator that only moves elements makes of `inputs`.
pub(crate) fn moved_reals(moves: Option<Moves>, inputs: &[Real<'_>]) -> Reals {
    let data: Vec<&[f32]> = inputs.iter().map(|input| input.data).collect();
    Some(moved(&moves?, &data))
}

/// The shapes of `inputs`.
pub(crate) fn shapes_of<'a>(inputs: &[Real<'a>]) -> Vec<&'a [usize]> {
    inputs.iter().map(|input| input.shape).collect()
}
