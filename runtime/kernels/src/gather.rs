//! Rows of a tensor that indices name which are computed at run time: reading them, and writing them.
//!
//! - `data: [batches, outer, e0 * e1 * .., inner]`, `indices: [batches, count, depth]`, `rows: [batches, outer, count, inner]`.
//!   A tuple of `depth` indices names a place in the extents `e0, e1, ..`, of which there are as many.
//! - An index below zero counts from the end. One that is outside even so is the nearest that there is, so that every index
//!   means some row.
//! - Gather: `output[b, o, c] = data[b, o, place(indices[b, c])]`.
//! - Scatter: the output is `data`, in which each row of `rows`, in their order, takes the place of the row that its indices
//!   name, or is added to it, multiplied with it, or leaves the lesser or the greater. Integers wrap; of a NaN and a number
//!   the number stays.
//! - The result shares no memory with an operand; operands may share with each other.

use crate::io::{range, volume};

/// Most indices of a tuple.
pub const DEPTH_MAX: usize = 4;

/// Which rows there are, and how many of them are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows {
    /// Tensors that have indices of their own.
    pub batches: usize,
    /// Tensors of a batch with the same indices.
    pub outer: usize,
    /// Extents of the places, the last `depth` of them; 1 before these.
    pub extents: [usize; DEPTH_MAX],
    /// Indices of a tuple.
    pub depth: usize,
    /// Tuples of a batch.
    pub count: usize,
    /// Elements of a row.
    pub inner: usize,
}

/// What a row of updates does to the row in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Update {
    /// Takes its place.
    Replace = 0,
    /// Is added to it.
    Add = 1,
    /// Is multiplied with it.
    Mul = 2,
    /// Leaves the lesser of each two elements.
    Min = 3,
    /// Leaves the greater of each two elements.
    Max = 4,
}

impl Update {
    /// Every update, in the order of its tag.
    pub const ALL: &'static [Update] = &[Update::Replace, Update::Add, Update::Mul, Update::Min, Update::Max];

    /// The update with tag `tag`.
    pub fn from_tag(tag: u8) -> Option<Self> {
        Self::ALL.get(usize::from(tag)).copied()
    }
}

/// Numbers that updates compute with.
pub trait Number: Copy {
    /// What is there after the update of `self` by `by`.
    #[must_use]
    fn updated(self, update: Update, by: Self) -> Self;
}

impl Number for f32 {
    fn updated(self, update: Update, by: Self) -> Self {
        match update {
            Update::Replace => by,
            Update::Add => self + by,
            Update::Mul => self * by,
            Update::Min => self.min(by),
            Update::Max => self.max(by),
        }
    }
}

impl Number for i32 {
    fn updated(self, update: Update, by: Self) -> Self {
        match update {
            Update::Replace => by,
            Update::Add => self.wrapping_add(by),
            Update::Mul => self.wrapping_mul(by),
            Update::Min => self.min(by),
            Update::Max => self.max(by),
        }
    }
}

impl Rows {
    /// The extents of the places.
    fn named(&self) -> &[usize] {
        let first = DEPTH_MAX.saturating_sub(self.depth);
        self.extents.get(first..).unwrap_or_default()
    }

    /// Rows that there are for each of `outer`.
    pub fn places(&self) -> Option<usize> {
        self.extents.iter().try_fold(1usize, |product, &extent| product.checked_mul(extent))
    }

    /// Elements of the data, indices, and elements of the rows that are named; `None` when a number does not hold them.
    pub fn lens(&self) -> Option<[usize; 3]> {
        let of = |rows: usize| self.batches.checked_mul(self.outer)?.checked_mul(rows)?.checked_mul(self.inner);
        let indices = self.batches.checked_mul(self.count)?.checked_mul(self.depth)?;
        Some([of(self.places()?)?, indices, of(self.count)?])
    }

    /// True when slices of these lengths hold all of it.
    fn fits(&self, data: usize, indices: usize, rows: usize) -> bool {
        let needed = self.lens();
        let is_long = |[a, b, c]: [usize; 3]| data >= a && indices >= b && rows >= c;
        (1..=DEPTH_MAX).contains(&self.depth) && needed.is_some_and(|lens| is_long(lens) && !lens.contains(&0))
    }

    /// The number of the row that a tuple names.
    fn place(&self, tuple: &[i32]) -> usize {
        let pairs = tuple.iter().zip(self.named());
        pairs.fold(0, |at: usize, (&index, &extent)| at.wrapping_mul(extent).wrapping_add(inside(index, extent)))
    }

    /// Calls `each` with the first element of every row of the data that is named, and that of the row in the list of rows.
    fn walk(&self, indices: &[i32], mut each: impl FnMut(usize, usize)) {
        let places = self.places().unwrap_or(0);
        let mut row: usize = 0;
        for batch in 0..self.batches {
            let start = volume([batch, self.count, self.depth]);
            let tuples = range(indices, start, self.count.wrapping_mul(self.depth));
            for outer in 0..self.outer {
                let first = batch.wrapping_mul(self.outer).wrapping_add(outer).wrapping_mul(places);
                for tuple in tuples.chunks_exact(self.depth.max(1)) {
                    let place = first.wrapping_add(self.place(tuple));
                    each(place.wrapping_mul(self.inner), row.wrapping_mul(self.inner));
                    row = row.wrapping_add(1);
                }
            }
        }
    }
}

/// The index that is meant of an axis that is not empty.
fn inside(index: i32, extent: usize) -> usize {
    let from_end = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
    if index < 0 { extent.saturating_sub(from_end) } else { from_end.min(extent.saturating_sub(1)) }
}

/// Reads the rows that `indices` name. False, and nothing is written, when a slice is too short. No scratch.
pub fn gather<T: Copy>(rows: &Rows, data: &[T], indices: &[i32], y: &mut [T]) -> bool {
    if !rows.fits(data.len(), indices.len(), y.len()) {
        return false;
    }
    rows.walk(indices, |from, to| {
        let row = y.get_mut(to..).unwrap_or_default().iter_mut();
        row.zip(range(data, from, rows.inner)).for_each(|(to, from)| *to = *from);
    });
    true
}

/// Copies `data`, and puts the rows of `updates` where `indices` say. False, and nothing is written, when a slice is too
/// short. No scratch.
pub fn scatter<T: Copy>(rows: &Rows, data: &[T], indices: &[i32], updates: &[T], y: &mut [T]) -> bool {
    scattered(rows, data, indices, updates, y, |_, by| by)
}

/// The same with rows that meet what is in their places.
pub fn scatter_update<T: Number>(
    (rows, update): (&Rows, Update),
    data: &[T],
    indices: &[i32],
    updates: &[T],
    y: &mut [T],
) -> bool {
    scattered(rows, data, indices, updates, y, |before, by| before.updated(update, by))
}

fn scattered<T: Copy>(
    rows: &Rows,
    data: &[T],
    indices: &[i32],
    updates: &[T],
    y: &mut [T],
    meet: impl Fn(T, T) -> T,
) -> bool {
    if !rows.fits(data.len().min(y.len()), indices.len(), updates.len()) {
        return false;
    }
    y.iter_mut().zip(data).for_each(|(to, from)| *to = *from);
    rows.walk(indices, |to, from| {
        let row = y.get_mut(to..).unwrap_or_default().iter_mut();
        row.zip(range(updates, from, rows.inner)).for_each(|(to, from)| *to = meet(*to, *from));
    });
    true
}
