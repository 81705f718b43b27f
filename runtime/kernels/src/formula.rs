//! What the reference kernels are written with: tensors that are read by index, positions in the order of memory, and
//! sums that wrap. With these a reference kernel is the formula in its operator's module head, letter by letter.
//!
//! Reading outside of a tensor gives nothing, and no formula does it: an operator's `fits` has asked for all lengths.

pub(crate) use core::num::Wrapping;

/// Elements in row-major order, read by an index for each axis.
#[derive(Clone, Copy)]
pub(crate) struct Tensor<'a, T, const N: usize> {
    elements: &'a [T],
    shape: [usize; N],
}

impl<'a, T: Copy + Default, const N: usize> Tensor<'a, T, N> {
    pub(crate) fn new(elements: &'a [T], shape: [usize; N]) -> Self {
        Tensor { elements, shape }
    }

    /// The element at `index`.
    pub(crate) fn at(&self, index: [usize; N]) -> T {
        let offset = self
            .shape
            .iter()
            .zip(index)
            .fold(0_usize, |offset, (extent, i)| offset.wrapping_mul(*extent).wrapping_add(i));
        self.elements.get(offset).copied().unwrap_or_default()
    }
}

/// All indices of a tensor of this shape, in the order of memory.
pub(crate) fn positions<const N: usize>(shape: [usize; N]) -> impl Iterator<Item = [usize; N]> {
    let mut next = if shape.contains(&0) { None } else { Some([0; N]) };
    core::iter::from_fn(move || {
        let position = next?;
        next = successor(position, &shape);
        Some(position)
    })
}

/// The index behind `position`: the last axis runs fastest.
fn successor<const N: usize>(mut position: [usize; N], shape: &[usize; N]) -> Option<[usize; N]> {
    for (index, extent) in position.iter_mut().zip(shape).rev() {
        *index = index.wrapping_add(1);
        if *index < *extent {
            return Some(position);
        }
        *index = 0;
    }
    None
}

/// `x * w` in 32 bits.
pub(crate) fn product(x: impl Into<i32>, w: impl Into<i32>) -> Wrapping<i32> {
    Wrapping(x.into()) * Wrapping(w.into())
}

/// `x * w` in 64 bits.
pub(crate) fn long_product(x: impl Into<i64>, w: impl Into<i64>) -> Wrapping<i64> {
    Wrapping(x.into()) * Wrapping(w.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_in_the_order_of_memory() {
        let tensor = Tensor::new(&[10, 11, 12, 13, 14, 15], [2, 3]);
        assert!(positions([2, 3]).map(|position| tensor.at(position)).eq(10..16));
        assert_eq!(positions([2, 0, 3]).count(), 0);
        assert_eq!(tensor.at([1, 3]), 0, "outside");
    }
}
