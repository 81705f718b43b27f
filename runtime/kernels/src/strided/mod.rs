//! Runs of elements at strides along two axes: what every operator that moves elements is made of.
//!
//! `output[to + r * to_row + c * to_step + i] = input[from + r * from_row + c * from_step + i]` for `r < rows`, `c < count`
//! and `i < run`, in this order. Nothing happens when a run lies outside of its slice.

#[cfg_attr(any(kinglet_isa = "armv7m", kinglet_isa = "armv7em", kinglet_isa = "helium"), allow(dead_code))]
mod portable;

#[cfg(any(kinglet_isa = "armv7m", kinglet_isa = "armv7em", kinglet_isa = "helium"))]
pub(crate) use crate::arch::strided::{copy, copy_within};
#[cfg(not(any(kinglet_isa = "armv7m", kinglet_isa = "armv7em", kinglet_isa = "helium")))]
pub(crate) use portable::{copy, copy_within};

/// Where runs are. Extents are not zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plane {
    pub(crate) rows: usize,
    /// Elements from a row to the next in the input.
    pub(crate) from_row: isize,
    /// The same in the output.
    pub(crate) to_row: usize,
    /// Runs of a row.
    pub(crate) count: usize,
    /// Elements from a run to the next in the input.
    pub(crate) from_step: isize,
    /// The same in the output.
    pub(crate) to_step: usize,
    /// Elements of a run.
    pub(crate) run: usize,
}

impl Plane {
    /// A single run.
    pub(crate) fn run(len: usize) -> Plane {
        Plane { rows: 1, from_row: 0, to_row: 0, count: 1, from_step: 0, to_step: 0, run: len }
    }

    /// True when all runs, the first of which starts at the first number of a pair, lie in as many elements as the second.
    #[inline(never)]
    pub(crate) fn fits(&self, (from, input): (usize, usize), (to, output): (usize, usize)) -> bool {
        let last = |extent: usize| extent.wrapping_sub(1);
        let axes = [(last(self.rows), self.from_row, self.to_row), (last(self.count), self.from_step, self.to_step)];
        let (mut before, mut behind, mut written) = (0_usize, self.run, self.run);
        for (last, from, to) in axes {
            let end = last.saturating_mul(from.unsigned_abs());
            let side = if from < 0 { &mut before } else { &mut behind };
            *side = side.saturating_add(end);
            written = written.saturating_add(last.saturating_mul(to));
        }
        let is_some = self.rows != 0 && self.count != 0 && self.run != 0;
        is_some && before <= from && from.saturating_add(behind) <= input && to.saturating_add(written) <= output
    }
}
