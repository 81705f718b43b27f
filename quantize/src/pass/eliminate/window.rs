//! Which taps of a kernel lie inside the image, for every place it is put.
//!
//! Inside the image all taps do; at the borders, some. A layer has few such *sights* however large its image
//! is, so what must hold at every output position is checked on each sight once.

use crate::op::common::attributes::{Slide, Spread};
use crate::op::rule::layer::Kernel;

/// Distinct sets of tap indices (row-major in the kernel).
pub(super) type Sights = Vec<Vec<usize>>;

/// More taps than this over all sights are not enumerated. A 3x3 kernel has at most 9 sights of 9 taps, a 10x4 one
/// some 40 of 40; only a kernel about as large as its image has more than this.
const TAPS_MAX: usize = 1 << 14;

/// The sights of a layer whose operands have these shapes; one of one tap when no kernel slides.
pub(super) fn sights(kernel: Kernel, input: &[usize], weights: &[usize], output: &[usize]) -> Option<Sights> {
    if kernel == Kernel::None {
        return Some(vec![vec![0]]);
    }
    if weights[1] * weights[2] > TAPS_MAX {
        return None;
    }
    let axis = |axis: usize| {
        let (taps, extent) = (weights[1 + axis], input[1 + axis]);
        let spans = (0..output[1 + axis]).map(|position| match kernel {
            Kernel::None => Taps::default(),
            Kernel::Slides(slide) => Taps::of_slide(&slide, axis, position, taps, extent),
            Kernel::Spreads(spread) => Taps::of_spread(&spread, axis, position, taps, extent),
        });
        let mut spans: Vec<Taps> = spans.collect();
        spans.sort_unstable();
        spans.dedup();
        spans
    };
    let (rows, columns) = (axis(0), axis(1));
    let taps = rows.len().saturating_mul(columns.len()).saturating_mul(weights[1] * weights[2]);
    if taps > TAPS_MAX {
        return None;
    }
    let sight = |rows: Taps, columns: Taps| {
        let row = |i| columns.iter().map(move |j| i * weights[2] + j);
        rows.iter().flat_map(row).collect()
    };
    Some(rows.iter().flat_map(|&row| columns.iter().map(move |&column| sight(row, column))).collect())
}

/// The taps along one axis that lie inside the image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Taps {
    first: usize,
    end: usize,
    /// One less than the distance from one to the next.
    between: usize,
}

impl Taps {
    /// Tap `t` is at `position * stride + t * dilation - before`, which must be in `0..extent`.
    fn of_slide(slide: &Slide, axis: usize, position: usize, taps: usize, extent: usize) -> Taps {
        let (before, step) = ([slide.padding.top, slide.padding.left][axis], slide.dilation[axis]);
        let start = position * slide.stride[axis];
        let first = before.saturating_sub(start).div_ceil(step).min(taps);
        let end = (before + extent).saturating_sub(start).div_ceil(step).min(taps);
        Taps { first, end: end.max(first), between: 0 }
    }

    /// Tap `t` meets `(position + before - t) / stride`, which must be a whole number in `0..extent`.
    fn of_spread(spread: &Spread, axis: usize, position: usize, taps: usize, extent: usize) -> Taps {
        let stride = spread.stride[axis];
        let at = position + spread.pad[axis];
        // Later taps meet earlier pixels.
        let first = (at % stride).max(at.saturating_sub((extent - 1) * stride)).min(taps);
        match (at + 1).min(taps).checked_sub(first + 1) {
            // Up to the last one that is there, so that equal sets are equal.
            Some(rest) => Taps { first, end: first + rest / stride * stride + 1, between: stride - 1 },
            None => Taps::default(),
        }
    }

    fn iter(self) -> impl Iterator<Item = usize> {
        (self.first..self.end).step_by(self.between + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::Padding;

    fn sights_of(
        [stride, dilation]: [usize; 2],
        padding: Padding,
        input: &[usize],
        weights: &[usize],
        output: &[usize],
    ) -> Option<Sights> {
        let slide = Slide { stride: [stride; 2], dilation: [dilation; 2], padding };
        sights(Kernel::Slides(slide), input, weights, output)
    }

    #[test]
    fn unpadded_kernel_has_one_sight() {
        let found = sights_of([1, 1], Padding::default(), &[1, 9, 9, 4], &[8, 3, 3, 4], &[1, 7, 7, 8]);
        assert_eq!(found, Some(vec![(0..9).collect()]));
    }

    #[test]
    fn padded_kernel_sees_corners_edges_and_middle() {
        let padding = Padding { top: 1, bottom: 1, left: 1, right: 1 };
        let found = sights_of([1, 1], padding, &[1, 9, 9, 4], &[8, 3, 3, 4], &[1, 9, 9, 8]).unwrap_or_default();
        assert_eq!(found.len(), 9);
        assert!(found.contains(&vec![4, 5, 7, 8]), "top left");
        assert!(found.contains(&vec![0, 1, 3, 4]), "bottom right");
        assert!(found.contains(&(0..9).collect()), "middle");
    }

    #[test]
    fn stride_may_never_meet_one_border() {
        // 8 columns, stride 2, one column of padding before: the last kernel ends inside.
        let padding = Padding { top: 0, bottom: 0, left: 1, right: 0 };
        let found = sights_of([2, 1], padding, &[1, 3, 8, 1], &[1, 3, 3, 1], &[1, 1, 4, 1]).unwrap_or_default();
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn transposed_kernel_is_seen_phase_by_phase() {
        // 3 columns, stride 2, kernel 3, one column cut off: columns 0 to 4 of the result.
        let spread = Spread { stride: [1, 2], pad: [0, 1] };
        let found = sights(Kernel::Spreads(spread), &[1, 1, 3, 1], &[1, 1, 3, 1], &[1, 1, 6, 1]).unwrap_or_default();
        // Even columns meet the middle tap, odd ones the outer two; the last one only the first pixel behind it.
        assert_eq!(found, [vec![0, 2], vec![1], vec![2]]);
    }

    #[test]
    fn kernel_as_large_as_its_image_is_not_enumerated() {
        let padding = Padding { top: 99, bottom: 99, left: 99, right: 99 };
        assert_eq!(sights_of([1, 1], padding, &[1, 100, 100, 1], &[1, 100, 100, 1], &[1, 199, 199, 1]), None);
    }
}
