//! Elements at any strides to any strides: Transpose, Slice, Expand, Tile, Reverse, and what is made of them.
//!
//! - Six axes, the outermost first; those that are not there have extent 1.
//! - `output[Σ index * output_stride] = input[origin + Σ index * input_stride]`, for every index of every axis. A stride of
//!   the input is 0 where elements repeat and negative where they are read backwards: `origin` is such that the first
//!   element of the input is the lowest one that is read. No two indices meet in the output.
//! - What lies between the elements of the output keeps its value.
//! - Input and output must not overlap.

mod portable;
mod reference;

pub use portable::rearrange;
pub use reference::rearrange_reference;

use crate::Io;

/// Axes of a [`Rearrange`].
pub const AXES: usize = 6;

/// Where every element comes from and where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rearrange {
    /// Extents.
    pub extents: [usize; AXES],
    /// Elements from an index to the next in the input.
    pub input_strides: [isize; AXES],
    /// Elements from an index to the next in the output.
    pub output_strides: [usize; AXES],
}

/// How far elements lie from those at index 0 of every axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Elements before it in the input.
    pub before: usize,
    /// Elements behind it in the input.
    pub behind: usize,
    /// Elements behind it in the output.
    pub output: usize,
}

impl Rearrange {
    /// Where the last elements are. `None` when an axis has no extent, when indices meet in the output, or for numbers
    /// that are larger than any memory.
    #[inline]
    pub fn reach(&self) -> Option<Reach> {
        let mut reach = Reach::default();
        let strides = self.input_strides.iter().zip(&self.output_strides);
        for (extent, (input, output)) in self.extents.iter().zip(strides).rev() {
            let last = extent.checked_sub(1)?;
            if last > 0 && *output <= reach.output {
                return None;
            }
            reach.output = reach.output.checked_add(last.checked_mul(*output)?)?;
            let input_end = last.checked_mul(input.unsigned_abs())?;
            let side = if *input < 0 { &mut reach.before } else { &mut reach.behind };
            *side = side.checked_add(input_end)?;
        }
        Some(reach)
    }

    /// Where the element at index 0 of every axis is read, when all elements can be read and written.
    fn origin<T>(&self, io: &Io<T>) -> Option<usize> {
        let reach = self.reach()?;
        let lens = [reach.before.checked_add(reach.behind)?, reach.output].map(|last| last.saturating_add(1));
        io.has(lens[0], lens[1]).then_some(reach.before)
    }
}
