//! Boxes that do not overlap: numbers that are known, and wild sizes.

use kinglet_kernels::boxes::{Detect, Suppress, detect, suppress};
use proptest::prelude::*;

fn suppressing(count: usize, limit: usize) -> Suppress {
    let (likeness_max, score_min) = (0.5, f32::NEG_INFINITY);
    Suppress { batches: 1, classes: 1, count, limit, likeness_max, score_min, is_centered: false }
}

/// ONNX's example: pairs of boxes that are alike, corners in any order.
const BOXES: [f32; 24] = [
    0.0, 0.0, 1.0, 1.0, 0.0, 0.1, 1.0, 1.1, 0.0, 0.9, 1.0, -0.1, 0.0, 10.0, 1.0, 11.0, 1.0, 10.1, 0.0, 11.1, 1.0,
    101.0, 0.0, 100.0,
];
const SCORES: [f32; 6] = [0.9, 0.75, 0.6, 0.95, 0.5, 0.3];

#[test]
fn known_boxes() {
    let of = |layer: Suppress, scores: &[f32]| {
        let mut rows = vec![7; layer.limit * 3];
        assert!(suppress(&layer, &BOXES, scores, &mut rows));
        rows.chunks(3).map(|row| row[2]).collect::<Vec<i32>>()
    };
    assert_eq!(of(suppressing(6, 6), &SCORES), [3, 0, 5, -1, -1, -1]);
    assert_eq!(of(suppressing(6, 2), &SCORES), [3, 0]);
    assert_eq!(of(Suppress { score_min: 0.4, ..suppressing(6, 3) }, &SCORES), [3, 0, -1]);
    assert_eq!(of(Suppress { score_min: 0.95, ..suppressing(6, 1) }, &SCORES), [-1], "a score has to be greater");
    assert_eq!(of(suppressing(6, 3), &[0.5; 6]), [0, 3, 5], "of equal scores the first");
    assert_eq!(of(suppressing(6, 3), &[f32::NAN, 0.5, f32::NAN, f32::NAN, 0.7, f32::NAN]), [4, 1, -1]);
    assert_eq!(
        of(Suppress { likeness_max: 1.0, ..suppressing(6, 3) }, &SCORES),
        [3, 0, 1],
        "none shares more than all"
    );
}

#[test]
fn known_centers() {
    let layer = Suppress { is_centered: true, ..suppressing(3, 3) };
    // x, y, width, height: the second is the first moved by a tenth of its width.
    let boxes = [0.5, 0.5, 1.0, 2.0, 0.6, 0.5, 1.0, 2.0, 9.0, 0.5, 1.0, 2.0];
    let mut rows = [0; 9];
    assert!(suppress(&layer, &boxes, &[0.5, 0.6, 0.1], &mut rows));
    assert_eq!(rows, [0, 0, 1, 0, 0, 2, -1, -1, -1]);
}

/// Anchors are unit boxes at 0, 0 and 10, 10; two classes behind a background.
fn detecting() -> Detect {
    Detect {
        count: 3,
        columns: 3,
        classes: 2,
        limit: 3,
        per_box: 1,
        per_class: 2,
        score_min: 0.1,
        likeness_max: 0.5,
        scales: [10.0, 10.0, 5.0, 5.0],
        is_by_class: false,
    }
}

#[test]
fn known_detections() {
    let anchors = [0.5, 0.5, 1.0, 1.0, 0.5, 0.5, 1.0, 1.0, 10.5, 10.5, 1.0, 1.0];
    let encodings = [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    let scores = [1.0, 0.25, 0.5, 1.0, 0.75, 0.125, 1.0, 0.25, 0.375];
    let of = |layer: Detect| {
        let mut y = vec![7.0; 6 * layer.limit * layer.per_box + 1];
        assert!(detect(&layer, &encodings, &scores, &anchors, &mut y));
        let room = layer.limit * layer.per_box;
        (y[..4].to_vec(), y[4 * room..5 * room].to_vec(), y[5 * room..6 * room].to_vec(), y[6 * room])
    };
    // The second box, a tenth of its height below the first, is better and takes its place.
    let (first, classes, found, count) = of(detecting());
    assert_eq!((classes, found, count), (vec![0.0, 1.0, 0.0], vec![0.75, 0.375, 0.0], 2.0));
    assert!(first.iter().zip([0.1, 0.0, 1.1, 1.0]).all(|(a, b)| (a - b).abs() < 1e-6), "{first:?}");
    let (_, classes, found, count) = of(Detect { per_box: 2, limit: 2, ..detecting() });
    assert_eq!((classes, found, count), (vec![0.0, 1.0, 1.0, 0.0], vec![0.75, 0.125, 0.375, 0.25], 2.0));
    let (_, classes, found, count) = of(Detect { is_by_class: true, ..detecting() });
    assert_eq!((classes, found, count), (vec![0.0, 1.0, 1.0], vec![0.75, 0.5, 0.375], 3.0));
    let (_, classes, found, count) = of(Detect { is_by_class: true, per_class: 1, ..detecting() });
    assert_eq!((classes, found, count), (vec![0.0, 1.0, 0.0], vec![0.75, 0.5, 0.0], 2.0));
}

#[test]
fn slices_that_are_too_short_are_refused() {
    let mut rows = [7; 18];
    assert!(!suppress(&suppressing(6, 6), &BOXES[1..], &SCORES, &mut rows));
    assert!(!suppress(&suppressing(6, 6), &BOXES, &SCORES[1..], &mut rows));
    assert!(!suppress(&suppressing(6, 6), &BOXES, &SCORES, &mut rows[1..]));
    assert_eq!(rows, [7; 18], "nothing is written");
    let mut y = [7.0; 19];
    for [encodings, scores, anchors, output] in [[11, 9, 12, 19], [12, 8, 12, 19], [12, 9, 11, 19], [12, 9, 12, 18]] {
        let zeros = [0.0; 12];
        assert!(!detect(&detecting(), &zeros[..encodings], &zeros[..scores], &zeros[..anchors], &mut y[..output]));
    }
    assert_eq!(y, [7.0; 19], "nothing is written");
}

proptest! {
    #[test]
    fn wild_sizes_come_back(
        sizes in prop::array::uniform6(prop_oneof![0..4_usize, Just(usize::MAX), Just(1 << (usize::BITS / 2 + 1))]),
        numbers in prop::array::uniform32(any::<f32>()),
        flag in any::<bool>(),
    ) {
        let [a, b, c, d, e, f] = sizes;
        let (likeness_max, score_min) = (numbers[0], numbers[1]);
        let layer = Suppress { batches: a, classes: b, count: c, limit: d, likeness_max, score_min, is_centered: flag };
        suppress(&layer, &numbers, &numbers, &mut [0; 64]);
        let scales = [numbers[2], numbers[3], numbers[4], numbers[5]];
        let layer = Detect {
            count: a,
            columns: b,
            classes: c,
            limit: d,
            per_box: e,
            per_class: f,
            score_min,
            likeness_max,
            scales,
            is_by_class: flag,
        };
        detect(&layer, &numbers, &numbers, &numbers, &mut [0.0; 64]);
    }
}
