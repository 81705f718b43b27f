//! Where the greatest or the least elements of an axis are.
//!
//! - `input: [outer, extent, inner]`, `output: [outer, count, inner]`, int32, `count <= extent`.
//! - `output[o, k, n]` is the index of the element that is number `k` when those of `input[o, :, n]` are sorted, the greatest
//!   or the least one first. Of equal elements the first one comes first, or the last one.
//! - Zeros of both signs are equal. A NaN is greater than every number, and equal to every other NaN.
//! - Input and output share no memory.
//!
//! Each index is found by looking at the whole axis, so that nothing needs to be kept: `count` is small where this is used.

use crate::formula::positions;
use crate::io::volume;

/// Which elements are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rank {
    /// Product of the dimensions before the axis.
    pub outer: usize,
    /// Extent of the axis.
    pub extent: usize,
    /// Product of the dimensions after the axis.
    pub inner: usize,
    /// How many.
    pub count: usize,
    /// Whether the least come first; else the greatest.
    pub is_least: bool,
    /// Whether the last of equal elements comes first.
    pub is_last: bool,
}

/// Elements in an order.
pub trait Ranked: Copy {
    /// An integer that is less when the element is.
    fn key(self) -> i32;
}

impl Ranked for i8 {
    fn key(self) -> i32 {
        self.into()
    }
}

impl Ranked for u8 {
    fn key(self) -> i32 {
        self.into()
    }
}

impl Ranked for i16 {
    fn key(self) -> i32 {
        self.into()
    }
}

impl Ranked for i32 {
    fn key(self) -> i32 {
        self
    }
}

impl Ranked for f32 {
    fn key(self) -> i32 {
        if self.is_nan() {
            return i32::MAX;
        }
        // Magnitudes are in the order of their bits. Zero of either sign is 0.
        let magnitude = self.abs().to_bits().cast_signed();
        if self < 0.0 { magnitude.wrapping_neg() } else { magnitude }
    }
}

impl Rank {
    fn fits(&self, input: usize, output: usize) -> bool {
        let len = |extent: usize| self.outer.checked_mul(extent)?.checked_mul(self.inner);
        let needed = len(self.extent).zip(len(self.count));
        (1..=self.extent).contains(&self.count) && needed.is_some_and(|(x, y)| input >= x && output >= y)
    }

    /// True when an element with key `a.0` at index `a.1` comes before `b`.
    fn is_before(&self, a: (i32, usize), b: (i32, usize)) -> bool {
        if a.0 != b.0 {
            return (a.0 < b.0) == self.is_least;
        }
        if self.is_last { a.1 > b.1 } else { a.1 < b.1 }
    }
}

/// Computes the indices. False, and nothing is written, when a slice is too short. No scratch.
pub fn rank<T: Ranked>(layer: &Rank, x: &[T], y: &mut [i32]) -> bool {
    if !layer.fits(x.len(), y.len()) {
        return false;
    }
    let Rank { outer, extent, inner, count, .. } = *layer;
    for [o, n, _] in positions([outer, inner, 1]) {
        let line = x.get(volume([o, extent, inner]).wrapping_add(n)..).unwrap_or_default();
        let results = y.get_mut(volume([o, count, inner]).wrapping_add(n)..).unwrap_or_default();
        if count == 1 {
            if let Some(result) = results.first_mut() {
                *result = first(layer, line) as i32;
            }
            continue;
        }
        let mut previous = None;
        for result in results.iter_mut().step_by(inner.max(1)).take(count) {
            previous = next(layer, line, previous);
            // An index of an axis of a record has 32 bits.
            *result = previous.map_or(0, |(_, index)| index as i32);
        }
    }
    true
}

/// The index of the first element in the order.
fn first<T: Ranked>(layer: &Rank, line: &[T]) -> usize {
    // Keys in the opposite order are those with all bits turned over.
    let flip = if layer.is_least { 0 } else { -1 };
    let (mut best, mut found, mut at) = (i32::MAX, 0, 0_usize);
    for index in 0..layer.extent {
        let Some(element) = line.get(at) else { break };
        let key = element.key() ^ flip;
        if key < best || (key == best && layer.is_last) {
            (best, found) = (key, index);
        }
        at = at.wrapping_add(layer.inner);
    }
    found
}

/// The first element in the order of those behind `previous`.
fn next<T: Ranked>(layer: &Rank, line: &[T], previous: Option<(i32, usize)>) -> Option<(i32, usize)> {
    let elements = line.iter().step_by(layer.inner.max(1)).take(layer.extent);
    let left = elements.enumerate().map(|(index, element)| (element.key(), index));
    left.filter(|&element| previous.is_none_or(|previous| layer.is_before(previous, element)))
        .reduce(|first, element| if layer.is_before(element, first) { element } else { first })
}
