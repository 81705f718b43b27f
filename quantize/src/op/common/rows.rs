//! Rows of a tensor that tuples of indices name: their shapes, and the record that reads or writes them.

use kinglet_blob::records;
use kinglet_kernels::gather::DEPTH_MAX;

use super::real::unravel;
use crate::op::lowering::{Reason, narrow};
use crate::value::{DType, Shape, ShapeError, Value, checked_len, fail};

/// How indices `[batch.., count.., depth]` name rows of `data [batch.., outer.., places.., inner..]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Naming {
    /// Leading axes that data and indices share.
    pub(crate) batch: usize,
    /// The first axis that an index of a tuple is for; not before those shared.
    pub(crate) axis: usize,
}

impl Naming {
    /// Indices of a tuple, when the shapes fit.
    fn depth(self, data: &[usize], indices: &[usize]) -> Result<usize, ShapeError> {
        let Naming { batch, axis } = self;
        let Some((&depth, tuples)) = indices.split_last() else {
            return fail("takes indices without axes".into());
        };
        let is_shared = batch <= axis && batch <= tuples.len() && data.get(..batch) == tuples.get(..batch);
        if !is_shared || !(1..=DEPTH_MAX).contains(&depth) || axis.saturating_add(depth) > data.len() {
            return fail(format!(
                "takes tuples of indices {indices:?} for the axes from {axis} on of {data:?}, {batch} of them in common"
            ));
        }
        Ok(depth)
    }

    /// The shape of the rows that are named.
    pub(crate) fn rows(self, data: &[usize], indices: &[usize]) -> Result<Shape, ShapeError> {
        let depth = self.depth(data, indices)?;
        let tuples = &indices[self.batch..indices.len() - 1];
        let shape: Shape = [&data[..self.axis], tuples, &data[self.axis + depth..]].concat();
        checked_len(&shape)?;
        Ok(shape)
    }

    /// Where each element of the rows is in the data, for indices of shape `tuples` of which `index` says each.
    pub(crate) fn places(
        self,
        data: &[usize],
        tuples: &[usize],
        index: impl Fn(usize) -> i64,
    ) -> Result<Vec<usize>, ShapeError> {
        let depth = self.depth(data, tuples)?;
        let rows = self.rows(data, tuples)?;
        let tuple_axes = tuples.len() - 1 - self.batch;
        let place = |flat: usize| {
            let at = unravel(flat, &rows);
            let (before, behind) = at.split_at(self.axis);
            let (tuple, inner) = behind.split_at(tuple_axes);
            let number = before[..self.batch].iter().chain(tuple).zip(tuples).fold(0, |n, (i, e)| n * e + i);
            let named = (0..depth).map(|position| {
                let (index, extent) = (index(number * depth + position), data[self.axis + position] as i64);
                let counted = if index < 0 { index.saturating_add(extent) } else { index };
                counted.clamp(0, extent - 1) as usize
            });
            before.iter().copied().chain(named).chain(inner.iter().copied()).zip(data).fold(0, |n, (i, e)| n * e + i)
        };
        Ok((0..rows.iter().product()).map(place).collect())
    }

    /// The record for operands of these shapes.
    pub(crate) fn record(self, data: &[usize], indices: &[usize]) -> Result<records::Gather, Reason> {
        let Naming { batch, axis } = self;
        let depth = indices.last().copied().unwrap_or(1);
        let product = |extents: &[usize]| narrow(extents.iter().product(), "a number of rows");
        let mut extents = [1; DEPTH_MAX];
        for (to, &extent) in extents[DEPTH_MAX - depth..].iter_mut().zip(&data[axis..]) {
            *to = narrow(extent, "an extent")?;
        }
        Ok(records::Gather {
            batches: product(&data[..batch])?,
            outer: product(&data[batch..axis])?,
            extents,
            depth: narrow(depth, "the length of a tuple")?,
            count: product(&indices[batch..indices.len() - 1])?,
            inner: product(&data[axis + depth..])?,
        })
    }
}

/// Indices are 32-bit integers.
pub(crate) fn check_indices(indices: &Value) -> Result<(), String> {
    super::types::expect(indices, &[DType::I32])
}
