//! Indices of one axis, looked up in a table: gathering by constants, enlarging to the nearest.
//!
//! - `input: [outer, extent, inner]`, `output: [outer, indices, inner]`.
//! - `output[o, i, n] = input[o, indices[i], n]`; every index is below `extent`.
//! - Input and output must not overlap.

use crate::Io;
use crate::formula::{Tensor, positions};
use crate::io::{range, volume};

/// The indices that are taken of the middle axis.
#[derive(Clone, Copy, Debug)]
pub struct Take<'a> {
    /// Product of the dimensions before the axis.
    pub outer: usize,
    /// Extent of the axis.
    pub extent: usize,
    /// Product of the dimensions after the axis.
    pub inner: usize,
    /// Which index of the input each of the output is.
    pub indices: &'a [u32],
}

impl Take<'_> {
    /// True when all elements can be read and written.
    fn fits<T>(&self, io: &Io<T>) -> bool {
        let is_inside = self.indices.iter().all(|index| (*index as usize) < self.extent);
        let len = |extent: usize| self.outer.checked_mul(extent).and_then(|len| len.checked_mul(self.inner));
        match (len(self.extent), len(self.indices.len())) {
            (Some(input), Some(output)) => is_inside && io.has(input, output),
            _ => false,
        }
    }
}

/// Takes the indices, row by row. No scratch.
pub fn take<T: Copy>(layer: &Take<'_>, io: &mut Io<T>) {
    if !layer.fits(io) {
        return io.refuse();
    }
    let Io::Split { input, output } = io else { return io.refuse() };
    let Take { outer, extent, inner, indices } = *layer;
    let mut rows = output.chunks_exact_mut(inner.max(1));
    for o in 0..outer {
        let from = volume([o, extent, inner]);
        for index in indices {
            let start = from.wrapping_add((*index as usize).wrapping_mul(inner));
            let row = rows.next().unwrap_or_default();
            row.iter_mut().zip(range(input, start, inner)).for_each(|(to, from)| *to = *from);
        }
    }
}

/// What [`take`] equals, element by element.
pub fn take_reference<T: Copy + Default>(layer: &Take<'_>, io: &mut Io<T>) {
    if !layer.fits(io) {
        return io.refuse();
    }
    let Take { outer, extent, inner, indices } = *layer;
    let shape = [outer, indices.len(), inner];
    for (at, [o, i, n]) in positions(shape).enumerate() {
        let index = indices.get(i).map_or(0, |index| *index as usize);
        let element = Tensor::new(io.input(), [outer, extent, inner]).at([o, index, n]);
        io.set(at, element);
    }
}
