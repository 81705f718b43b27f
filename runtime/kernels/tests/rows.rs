//! Rows by indices of run time, and where the greatest elements are: numbers that are known, and the definition.

use kinglet_kernels::gather::{DEPTH_MAX, Rows, Update, gather, scatter, scatter_update};
use kinglet_kernels::rank::{Rank, rank};
use proptest::prelude::*;

/// `count` rows of `inner` elements of an axis.
fn rows(extent: usize, count: usize, inner: usize) -> Rows {
    Rows { batches: 1, outer: 1, extents: [1, 1, 1, extent], depth: 1, count, inner }
}

#[test]
fn known_rows() {
    let data = [10, 11, 20, 21, 30, 31];
    let mut y = [0; 12];
    // Below zero from the end; what is outside even so is the nearest.
    assert!(gather(&rows(3, 6, 2), &data, &[2, 0, -1, -3, 7, -8], &mut y));
    assert_eq!(y, [30, 31, 10, 11, 30, 31, 10, 11, 30, 31, 10, 11]);
    let mut ends = [0; 4];
    assert!(gather(&rows(3, 2, 2), &data, &[i32::MIN, i32::MAX], &mut ends));
    assert_eq!(ends, [10, 11, 30, 31]);
    // Pairs of indices of [2, 3], for each of two batches, one tensor each.
    let pairs = Rows { batches: 2, outer: 1, extents: [1, 1, 2, 3], depth: 2, count: 1, inner: 1 };
    let mut two = [0; 2];
    assert!(gather(&pairs, &(0..12).collect::<Vec<_>>(), &[1, 1, 0, -1], &mut two));
    assert_eq!(two, [4, 8]);
}

#[test]
fn known_updates() {
    let (data, indices, new) = ([1, 2, 3, 4], [3, 0, -1], [10, 20, 30]);
    let mut y = [0; 4];
    assert!(scatter(&rows(4, 3, 1), &data, &indices, &new, &mut y));
    assert_eq!(y, [20, 2, 3, 30], "the last row for a place stays");
    for (update, expected) in [
        (Update::Replace, [20, 2, 3, 30]),
        (Update::Add, [21, 2, 3, 44]),
        (Update::Mul, [20, 2, 3, 1200]),
        (Update::Min, [1, 2, 3, 4]),
        (Update::Max, [20, 2, 3, 30]),
    ] {
        assert!(scatter_update((&rows(4, 3, 1), update), &data, &indices, &new, &mut y));
        assert_eq!(y, expected, "{update:?}");
        assert_eq!(Update::from_tag(update as u8), Some(update));
    }
    let mut float = [0.0; 1];
    assert!(scatter_update((&rows(1, 1, 1), Update::Max), &[f32::NAN], &[0], &[1.0], &mut float));
    assert_eq!(float, [1.0]);
    assert!(scatter_update((&rows(1, 1, 1), Update::Add), &[i32::MAX], &[0], &[1], &mut y));
    assert_eq!(y[0], i32::MIN);
}

#[test]
fn known_ranks() {
    let of = |x: &[f32], count: usize, is_least: bool, is_last: bool| {
        let mut y = vec![-1; count];
        let layer = Rank { outer: 1, extent: x.len(), inner: 1, count, is_least, is_last };
        assert!(rank(&layer, x, &mut y));
        y
    };
    let x = [0.0, -0.0, 5.0, f32::NAN, -7.0, 5.0, f32::NEG_INFINITY, f32::INFINITY];
    assert_eq!(of(&x, 8, false, false), [3, 7, 2, 5, 0, 1, 4, 6]);
    assert_eq!(of(&x, 8, false, true), [3, 7, 5, 2, 1, 0, 4, 6]);
    assert_eq!(of(&x, 8, true, false), [6, 4, 0, 1, 2, 5, 7, 3]);
    assert_eq!(of(&[-f32::NAN, f32::INFINITY], 1, false, false), [0], "of either sign");
    let mut y = [0; 2];
    assert!(rank(
        &Rank { outer: 1, extent: 2, inner: 2, count: 1, is_least: false, is_last: false },
        &[i32::MIN, 5, -3, i32::MAX],
        &mut y
    ));
    assert_eq!(y, [1, 1]);
}

#[test]
fn slices_that_are_too_short_are_refused() {
    let (data, indices) = ([1u8; 6], [0; 2]);
    let mut y = [7; 4];
    assert!(!gather(&rows(3, 2, 2), &data[1..], &indices, &mut y));
    assert!(!gather(&rows(3, 2, 2), &data, &indices[1..], &mut y));
    assert!(!gather(&rows(3, 2, 2), &data, &indices, &mut y[1..]));
    assert!(!gather(&rows(0, 2, 2), &data, &indices, &mut y), "no place");
    assert!(!gather(&Rows { depth: DEPTH_MAX + 1, ..rows(3, 2, 2) }, &data, &[0; 20], &mut y));
    assert!(!gather(&Rows { depth: 0, ..rows(3, 2, 2) }, &data, &indices, &mut y));
    assert_eq!(y, [7; 4], "nothing is written");
    let mut whole = [7; 6];
    assert!(!scatter(&rows(3, 2, 2), &data, &indices, &[1; 3], &mut whole));
    assert!(!scatter(&rows(3, 2, 2), &data, &indices, &[1; 4], &mut whole[1..]));
    assert_eq!(whole, [7; 6], "nothing is written");
    let layer = Rank { outer: 1, extent: 3, inner: 1, count: 4, is_least: false, is_last: false };
    assert!(!rank(&layer, &[1i8, 2, 3], &mut [0; 4]), "more than there are");
    assert!(!rank(&Rank { count: 2, ..layer }, &[1i8, 2], &mut [0; 2]));
    assert!(!rank(&Rank { count: 2, ..layer }, &[1i8, 2, 3], &mut [0; 1]));
}

proptest! {
    #[test]
    fn wild_sizes_come_back(sizes in prop::array::uniform9(prop_oneof![0..4_usize, Just(usize::MAX), Just(1 << (usize::BITS / 2 + 1))])) {
        let [batches, outer, a, b, c, d, depth, count, inner] = sizes;
        let rows = Rows { batches, outer, extents: [a, b, c, d], depth, count, inner };
        let (data, indices, mut y) = ([1i8; 64], [2; 64], [0i8; 64]);
        if gather(&rows, &data, &indices, &mut y) {
            prop_assert!(rows.lens().is_some_and(|lens| lens[0] <= 64 && lens[2] <= 64));
        }
        scatter(&rows, &data, &indices, &data, &mut y);
        let layer = Rank { outer, extent: a, inner, count, is_least: depth == 0, is_last: b == 0 };
        rank(&layer, &data, &mut [0; 64]);
    }

    #[test]
    fn ranks_are_those_of_a_stable_sort(
        x in prop::collection::vec(-3..3_i8, 1..40),
        is_least in any::<bool>(),
        is_last in any::<bool>(),
    ) {
        let layer = Rank { outer: 1, extent: x.len(), inner: 1, count: x.len(), is_least, is_last };
        let mut y = vec![0; x.len()];
        prop_assert!(rank(&layer, &x, &mut y));
        let mut order: Vec<i32> = (0..x.len() as i32).collect();
        if is_last {
            order.reverse();
        }
        order.sort_by_key(|&index| if is_least { i32::from(x[index as usize]) } else { -i32::from(x[index as usize]) });
        prop_assert_eq!(y, order);
    }
}
