//! Elements that meet in an elementwise result, when operands repeat along some of its axes.
//!
//! ```text
//! extents  [ 2, 3, 4 ]           a result of 24 elements
//! a        [ 2, 1, 4 ]  repeats along the middle axis: 8 elements, rows of 4
//! b        [ 1, 3, 1 ]  repeats along the others: 3 elements, each for a row of 4
//! ```
//!
//! An operand is dense: it has the elements of the axes along which it does not repeat, row-major. Lengths and steps
//! follow from that, so there is nothing else that could be wrong. The host joins axes that lie together; six that do not
//! are more than any model has had.

use crate::io::range;

/// Axes of a grid.
pub const AXES: usize = 6;

/// Extents of a result, and how its `N` operands repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid<const N: usize> {
    /// Outermost first.
    pub extents: [usize; AXES],
    /// For each operand a bit for each axis along which it repeats, the lowest for the outermost.
    pub repeats: [u8; N],
}

impl<const N: usize> Grid<N> {
    /// Elements of the result. Wraps for extents that no memory holds.
    pub fn result_len(&self) -> usize {
        self.extents.iter().fold(1, |len: usize, &extent| len.wrapping_mul(extent))
    }

    /// Elements of an operand with these repeats.
    pub fn operand_len(&self, repeats: u8) -> usize {
        let own = self.extents.iter().enumerate().filter(|(axis, _)| !repeats_along(repeats, *axis));
        own.fold(1, |len: usize, (_, &extent)| len.wrapping_mul(extent))
    }

    /// True when every axis that is longer than one element is an operand's own, and no bit is for an axis that there is
    /// not.
    pub fn is_sound(&self) -> bool {
        let common = self.repeats.iter().fold(u8::MAX, |common, repeats| common & repeats);
        let none = |(axis, &extent): (usize, &usize)| extent == 1 || !repeats_along(common, axis);
        self.extents.iter().enumerate().all(none) && self.repeats.iter().all(|repeats| repeats >> AXES == 0)
    }

    /// True when operands of these lengths have all elements of a result of length `result`.
    pub(crate) fn fits(&self, operands: [usize; N], result: usize) -> bool {
        let has_all = |(repeats, len): (&u8, usize)| len >= self.operand_len(*repeats);
        self.is_sound() && result >= self.result_len() && self.repeats.iter().zip(operands).all(has_all)
    }

    /// Elements of a row: those along the innermost axis.
    pub(crate) fn row_len(&self) -> usize {
        let [.., inner] = self.extents;
        inner
    }

    /// The elements of an operand with these repeats that meet a row of the result: one, or as many as the row has.
    pub(crate) fn row<'a, T>(&self, repeats: u8, operand: &'a [T], start: usize) -> &'a [T] {
        range(operand, start, self.operand_row_len(repeats))
    }

    /// How many those are.
    pub(crate) fn operand_row_len(&self, repeats: u8) -> usize {
        if repeats_along(repeats, AXES.wrapping_sub(1)) { 1 } else { self.row_len() }
    }

    /// Where the operands are read for one row after the other.
    pub(crate) fn rows(&self) -> Rows<N> {
        let mut steps = [[0; N]; AXES - 1];
        let mut strides = self.repeats.map(|repeats| if repeats_along(repeats, AXES - 1) { 1 } else { self.row_len() });
        // By index: lists that are paired and then read from behind end in a panic where their lengths differ.
        for axis in (0..AXES - 1).rev() {
            let (Some(steps), Some(&extent)) = (steps.get_mut(axis), self.extents.get(axis)) else { continue };
            for ((step, stride), repeats) in steps.iter_mut().zip(&mut strides).zip(self.repeats) {
                if !repeats_along(repeats, axis) {
                    *step = *stride;
                    *stride = stride.wrapping_mul(extent);
                }
            }
        }
        let [.., last, _] = self.extents;
        Rows { at: [0; N], left: last, index: [0; AXES - 2], steps, extents: self.extents }
    }
}

#[inline]
fn repeats_along(repeats: u8, axis: usize) -> bool {
    repeats >> axis & 1 != 0
}

/// A position of the outer axes.
pub(crate) struct Rows<const N: usize> {
    /// Where each operand's row starts.
    pub(crate) at: [usize; N],
    /// Rows along the innermost of these axes from this one on.
    left: usize,
    /// Of the axes around it.
    index: [usize; AXES - 2],
    /// From one index of an axis to the next, for each operand.
    steps: [[usize; N]; AXES - 1],
    extents: [usize; AXES],
}

impl<const N: usize> Rows<N> {
    /// Goes on to the next row.
    #[inline]
    pub(crate) fn advance(&mut self) {
        let [.., steps] = &self.steps;
        self.left = self.left.wrapping_sub(1);
        self.at.iter_mut().zip(steps).for_each(|(at, step)| *at = at.wrapping_add(*step));
        if self.left == 0 {
            self.turn();
        }
    }

    /// Goes back to the first row of the innermost axis, and on along those around it.
    #[inline(never)]
    fn turn(&mut self) {
        let ([.., steps], [.., last, _]) = (&self.steps, self.extents);
        self.left = last;
        self.at.iter_mut().zip(steps).for_each(|(at, step)| *at = at.wrapping_sub(step.wrapping_mul(last)));
        for axis in (0..AXES - 2).rev() {
            let index = self.index.get_mut(axis);
            let (Some(index), Some(steps), Some(&extent)) = (index, self.steps.get(axis), self.extents.get(axis))
            else {
                continue;
            };
            *index = index.wrapping_add(1);
            let is_behind = *index >= extent;
            for (at, step) in self.at.iter_mut().zip(steps) {
                *at = at.wrapping_add(*step);
                if is_behind {
                    *at = at.wrapping_sub(step.wrapping_mul(extent));
                }
            }
            if !is_behind {
                return;
            }
            *index = 0;
        }
    }
}
