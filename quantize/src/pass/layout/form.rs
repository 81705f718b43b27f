//! How a value of the old graph is kept in the new one.
//!
//! Permutations follow [`crate::ir::Op::Transpose`]: axis `i` of the result is axis `p[i]` of the operand.

use crate::ir::{inverse, transposed};

/// The relation between a value as the old graph had it and the value that is kept instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// They are equal.
    Straight,
    /// The old value is the kept one transposed.
    Permuted(Vec<usize>),
    /// The old value is `[N, K]`: the kept one's rows, reshaped to `shape` and transposed by `permutation`,
    /// which leaves the first axis alone. The kept one is `[N, K]` too.
    Columns {
        /// Shape of the kept value before it was flattened.
        shape: Vec<usize>,
        /// Its transposition.
        permutation: Vec<usize>,
    },
}

impl Form {
    /// The form of what a permutation of the kept value gives.
    pub(super) fn permuted(permutation: Vec<usize>) -> Self {
        if is_identity(&permutation) { Form::Straight } else { Form::Permuted(permutation) }
    }

    /// The permutation, also of a straight value of `rank` axes; `None` for columns.
    pub(super) fn permutation(&self, rank: usize) -> Option<Vec<usize>> {
        match self {
            Form::Straight => Some((0..rank).collect()),
            Form::Permuted(permutation) => Some(permutation.clone()),
            Form::Columns { .. } => None,
        }
    }
}

pub(super) fn is_identity(permutation: &[usize]) -> bool {
    permutation.iter().enumerate().all(|(to, &from)| to == from)
}

/// Transposing by `first`, then by `second`.
pub(super) fn compose(first: &[usize], second: &[usize]) -> Vec<usize> {
    second.iter().map(|&axis| first[axis]).collect()
}

/// The permutation that takes the kept value of form `from` to the kept value of form `to`.
pub(super) fn conversion(from: &[usize], to: &[usize]) -> Vec<usize> {
    compose(from, &inverse(to))
}

/// True when transposing a value of shape `shape` moves no element: only axes of extent 1 change places.
pub(super) fn keeps_order(shape: &[usize], permutation: &[usize]) -> bool {
    let moving: Vec<usize> = permutation.iter().copied().filter(|&axis| shape[axis] != 1).collect();
    moving.is_sorted()
}

/// Elements that a transposition has to move.
pub(super) fn cost(shape: &[usize], permutation: &[usize]) -> usize {
    if keeps_order(shape, permutation) { 0 } else { shape.iter().product() }
}

/// For the columns of [`Form::Columns`]: column `j` of the old value is column `result[j]` of the kept one.
pub(super) fn columns(shape: &[usize], permutation: &[usize]) -> Vec<usize> {
    let inner: Vec<usize> = permutation[1..].iter().map(|&axis| axis - 1).collect();
    let all: Vec<usize> = (0..shape[1..].iter().product()).collect();
    transposed(&all, &shape[1..], &inner)
}

/// Numbers that go with the old value's columns, for the kept one's.
pub(super) fn moved<T: Copy + Default>(numbers: &[T], columns: &[usize]) -> Vec<T> {
    let mut moved = vec![T::default(); numbers.len()];
    for (row, chunk) in numbers.chunks(columns.len()).enumerate() {
        for (&column, &number) in columns.iter().zip(chunk) {
            moved[row * columns.len() + column] = number;
        }
    }
    moved
}

/// Dropping and adding axes of extent 1: from the old value (of shape `old`, the kept value transposed by
/// `permutation`) to `target`. Gives the shape the kept value is reshaped to, and its new permutation.
pub(super) fn squeeze(old: &[usize], permutation: &[usize], target: &[usize]) -> Option<(Vec<usize>, Vec<usize>)> {
    let long = |shape: &[usize]| (0..shape.len()).filter(|&axis| shape[axis] != 1).collect::<Vec<_>>();
    let (old_long, target_long) = (long(old), long(target));
    if !old_long.iter().map(|&axis| old[axis]).eq(target_long.iter().map(|&axis| target[axis])) {
        return None;
    }
    // The target's axes in the order the kept value will have them: short ones first, the batch among
    // them, then the long ones as the kept value has them.
    let mut order: Vec<usize> = (0..target.len()).filter(|&axis| target[axis] == 1).collect();
    let mut kept: Vec<(usize, usize)> =
        old_long.iter().zip(&target_long).map(|(&old_axis, &axis)| (permutation[old_axis], axis)).collect();
    kept.sort_unstable();
    order.extend(kept.into_iter().map(|(_, axis)| axis));
    let shape = order.iter().map(|&axis| target[axis]).collect();
    Some((shape, inverse(&order)))
}

#[cfg(test)]
mod tests {
    use super::{columns, compose, conversion, keeps_order, moved, squeeze};
    use crate::ir::{inverse, transposed};

    #[test]
    fn composing_is_transposing_twice() {
        let shape = [2, 3, 4];
        let data: Vec<usize> = (0..24).collect();
        let (p, q) = ([2, 0, 1], [1, 0, 2]);
        let once = transposed(&data, &shape, &p);
        let twice = transposed(&once, &[4, 2, 3], &q);
        assert_eq!(twice, transposed(&data, &shape, &compose(&p, &q)));
        assert_eq!(compose(&p, &inverse(&p)), [0, 1, 2]);
    }

    #[test]
    fn a_conversion_keeps_the_old_value() {
        let (from, to) = ([2, 0, 1], [1, 2, 0]);
        // The old value from either kept value.
        assert_eq!(compose(&conversion(&from, &to), &to), from);
    }

    #[test]
    fn columns_follow_flattening() {
        // Kept [1, 2, 3] (two pixels, three channels); the old value had channels first.
        let kept = [0, 1, 2, 10, 11, 12];
        let old = transposed(&kept, &[1, 2, 3], &[0, 2, 1]);
        let columns = columns(&[1, 2, 3], &[0, 2, 1]);
        assert!(old.iter().zip(&columns).all(|(&number, &column)| number == kept[column]));
        assert_eq!(moved(&old, &columns), kept);
    }

    #[test]
    fn axes_of_extent_one_move_for_free() {
        assert!(keeps_order(&[1, 49, 10, 1], &[0, 3, 1, 2]));
        assert!(!keeps_order(&[1, 49, 10, 2], &[0, 3, 1, 2]));
    }

    #[test]
    fn squeezing_keeps_the_old_value() {
        // Kept [1, 4, 1, 3] (channels last), old [1, 3, 4, 1], squeezed to [1, 3, 4].
        let kept: Vec<usize> = (0..12).collect();
        let old = transposed(&kept, &[1, 4, 1, 3], &[0, 3, 1, 2]);
        let (shape, permutation) = squeeze(&[1, 3, 4, 1], &[0, 3, 1, 2], &[1, 3, 4]).expect("only ones go");
        assert_eq!(shape, [1, 4, 3]);
        assert_eq!(transposed(&kept, &shape, &permutation), old);
        assert_eq!(squeeze(&[1, 3, 4, 1], &[0, 3, 1, 2], &[3, 2, 2]), None);
    }
}
