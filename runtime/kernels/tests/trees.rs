//! Trees: leaves known by hand, and trees and slices that do not fit.

use kinglet_kernels::trees::codes::{self, Places};
use kinglet_kernels::trees::{Aggregate, Leaves, Node, Question, Trees, is_tree, key, trees_f32};

const NAN: f32 = f32::NAN;

fn node(feature: usize, question: Question, threshold: f32, (skip, is_last): (usize, bool)) -> Node {
    Node { feature, question, turns_nan: false, skip, is_last, key: key(threshold) }
}

/// Leaves 0 to 3: `x0 <= 1 ? (x1 > 0 ? 0 : 1) : (x1 == 2 ? 2 : 3)`.
fn nodes() -> Vec<[u32; 2]> {
    let all = [
        node(0, Question::LessEqual, 1.0, (2, false)),
        node(1, Question::Greater, 0.0, (1, true)),
        node(1, Question::Equal, 2.0, (1, true)),
    ];
    all.iter().map(Node::words).collect()
}

/// What one tree of these nodes says about each row of two features.
fn said(nodes: &[[u32; 2]], x: &[[f32; 2]]) -> Vec<f32> {
    let numbers: Vec<f32> = (0..=nodes.len()).map(|leaf| leaf as f32).collect();
    let leaves = Leaves::Numbers { numbers: &numbers, targets: &[0] };
    let layer =
        Trees { rows: x.len(), features: 2, targets: 1, starts: &[0], nodes, leaves, aggregate: Aggregate::Sum };
    let mut y = vec![NAN; x.len()];
    assert!(trees_f32(&layer, x.as_flattened(), &mut y));
    y
}

#[test]
fn rows_come_to_their_leaves() {
    let rows = [[1.0, 0.5], [1.0, 0.0], [-3.0, -0.0], [1.001, 2.0], [5.0, 2.1], [NAN, 2.0], [0.0, NAN]];
    assert_eq!(said(&nodes(), &rows), [0.0, 1.0, 1.0, 2.0, 3.0, 2.0, 0.0], "NaN is greater than every number");
    let turned: Vec<[u32; 2]> =
        nodes().into_iter().map(|words| Node { turns_nan: true, ..Node::of(words) }.words()).collect();
    assert_eq!(said(&turned, &[[NAN, 1.0], [0.0, NAN], [2.0, NAN]]), [0.0, 1.0, 2.0]);
    assert_eq!(said(&[], &[[1.0, 2.0]]), [0.0], "a tree that is one leaf");
}

#[test]
fn numbers_are_put_together() {
    let nodes = [nodes(), nodes()].concat();
    let rows = [1.0, -1.0, 2.0, 5.0, 3.0, -4.0];
    let places = [0, 1, 2, 0, 2, 0, 1, 1];
    let mut layer = Trees {
        rows: 1,
        features: 2,
        targets: 2,
        starts: &[0, 3],
        nodes: &nodes,
        leaves: Leaves::Rows { rows: &rows, places: &places },
        aggregate: Aggregate::Sum,
    };
    let mut of = |aggregate| {
        layer.aggregate = aggregate;
        let mut y = [NAN; 2];
        assert!(trees_f32(&layer, &[9.0, 2.0], &mut y));
        y
    };
    // Leaf 2 of both: rows 2 and 1.
    assert_eq!(of(Aggregate::Sum), [5.0, 1.0]);
    assert_eq!(of(Aggregate::Min), [2.0, -4.0]);
    assert_eq!(of(Aggregate::Max), [3.0, 5.0]);
}

#[test]
fn trees_with_holes_are_found() {
    assert!(is_tree(&nodes(), 2) && is_tree(&[], 1));
    assert!(!is_tree(&nodes(), 1), "no such feature");
    for (at, skip, is_last) in [(0, 3, false), (0, 4, true), (2, 2, true), (2, 1, false), (1, 3, true)] {
        let mut nodes = nodes();
        nodes[at] = Node { skip, is_last, ..Node::of(nodes[at]) }.words();
        assert!(!is_tree(&nodes, 2), "{at} {skip} {is_last}");
    }
}

/// Whatever words nodes are, nothing is read outside of them, and every path ends.
#[test]
fn wild_nodes_end() {
    let mut state = 1u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 8
    };
    let mut refused = 0;
    for _ in 0..2000 {
        let nodes: Vec<[u32; 2]> =
            (0..random() % 9).map(|_| [(random() << 31) | (random() % 5) | ((random() % 3) << 16), random()]).collect();
        let numbers = vec![1.0; random() as usize % 12];
        let (starts, targets) = ([0, random() % 6], [0, (random() % 3) as u16]);
        let leaves = Leaves::Numbers { numbers: &numbers, targets: &targets };
        let aggregate = Aggregate::Sum;
        let layer = Trees { rows: 1, features: 2, targets: 2, starts: &starts, nodes: &nodes, leaves, aggregate };
        refused += usize::from(!trees_f32(&layer, &[0.0, 1.0], &mut [0.0; 2]));
    }
    assert!((1..2000).contains(&refused), "{refused}");
}

#[test]
fn slices_that_are_too_short_are_refused() {
    let leaves = Leaves::Numbers { numbers: &[0.0; 4], targets: &[0] };
    let nodes = nodes();
    let layer =
        Trees { rows: 2, features: 2, targets: 1, starts: &[0], nodes: &nodes, leaves, aggregate: Aggregate::Sum };
    assert!(trees_f32(&layer, &[0.0; 4], &mut [0.0; 2]));
    assert!(!trees_f32(&layer, &[0.0; 3], &mut [0.0; 2]));
    assert!(!trees_f32(&layer, &[0.0; 4], &mut [0.0; 1]));
    for wild in [usize::MAX, 0] {
        assert!(!trees_f32(&Trees { features: wild, ..layer }, &[0.0; 4], &mut [0.0; 2]));
        assert!(!trees_f32(&Trees { targets: wild, ..layer }, &[0.0; 4], &mut [0.0; 2]));
    }
    assert!(!trees_f32(&Trees { rows: usize::MAX, ..layer }, &[0.0; 4], &mut [0.0; 2]));
}

/// Leaves 0 to 3 of codes: `x0 <= 100 ? (x1 <= -5 ? 0 : 1) : (x1 <= 7 ? 2 : 3)`.
fn codes() -> Vec<u32> {
    let node = |feature, threshold, skip, is_last| codes::Node { feature, threshold, skip, is_last };
    let all = [node(0, 100, 2, false), node(1, -5, 1, true), node(1, 7, 1, true)];
    all.iter().map(|node| node.word(1).expect("fits")).collect()
}

fn coded<'a>(nodes: &'a [u32], leaves: codes::Leaves<'a>, base: &'a [i32]) -> codes::Trees<'a> {
    codes::Trees { rows: 1, features: 2, feature_bits: 1, starts: &[0], nodes, base, leaves }
}

#[test]
fn codes_come_to_their_leaves() {
    let (nodes, numbers) = (codes(), [10, 20, 30, -40]);
    assert!(codes::is_tree(&nodes, 1, 2));
    let leaves = codes::Leaves::Numbers { numbers: &numbers, targets: &[0] };
    for (x, sum) in
        [([100, -5], 1010), ([i16::MIN, -4], 1020), ([101, 7], 1030), ([i16::MAX, 8], 960), ([100, i16::MIN], 1010)]
    {
        let mut y = [0];
        assert!(codes::trees_i16(&coded(&nodes, leaves, &[1000]), &x, &mut y));
        assert_eq!(y, [sum], "{x:?}");
    }
}

#[test]
fn sums_of_codes_wrap_and_rows_are_shared() {
    let nodes = codes();
    let rows = [1, 2, 32_767, -32_768];
    for places in [Places::Bytes(&[0, 1, 1, 0]), Places::Halves(&[0, 1, 1, 0])] {
        let leaves = codes::Leaves::Rows { rows: &rows, places };
        let mut y = [0; 2];
        assert!(codes::trees_i16(&coded(&nodes, leaves, &[i32::MAX, i32::MIN]), &[0, 0], &mut y));
        assert_eq!(y, [i32::MIN + 32_766, i32::MAX - 32_767]);
    }
}

#[test]
fn codes_with_holes_are_found_and_refused() {
    let good = codes();
    let numbers = [0; 4];
    for (at, bits) in [(0, 1 << 2), (1, 1 << 1), (2, 1 << 1), (0, 2 << 1), (2, 0x7FF << 1)] {
        let mut nodes = good.clone();
        nodes[at] ^= bits;
        // Whatever stands in nodes, a kernel ends: it leads forward only.
        let leaves = codes::Leaves::Numbers { numbers: &numbers, targets: &[0] };
        codes::trees_i16(&coded(&nodes, leaves, &[0]), &[i16::MAX; 2], &mut [0]);
        codes::trees_i16(&coded(&nodes, leaves, &[0]), &[i16::MIN; 2], &mut [0]);
    }
    assert!(!codes::is_tree(&[], 1, 2), "a tree has a node");
    assert!(!codes::is_tree(&good[..2], 1, 2), "a second branch that is cut off");
    assert!(!codes::is_tree(&good, 1, 1), "a feature that there is not");
    let leaves = codes::Leaves::Numbers { numbers: &numbers, targets: &[1] };
    assert!(!codes::trees_i16(&coded(&good, leaves, &[0]), &[0; 2], &mut [0]), "a target that there is not");
    let leaves = codes::Leaves::Numbers { numbers: &numbers[..1], targets: &[0] };
    assert!(!codes::trees_i16(&coded(&good, leaves, &[0]), &[101, 8], &mut [0]), "a leaf that there is not");
    let leaves = codes::Leaves::Numbers { numbers: &numbers, targets: &[0] };
    let layer = coded(&good, leaves, &[0]);
    assert!(!codes::trees_i16(&layer, &[0; 1], &mut [0]) && !codes::trees_i16(&layer, &[0; 2], &mut []));
    for wild in [usize::MAX, usize::MAX / 2, 1 << (usize::BITS / 2 + 1)] {
        assert!(!codes::trees_i16(&codes::Trees { rows: wild, ..layer }, &[0; 2], &mut [0]) || wild == 0);
        assert!(!codes::trees_i16(&codes::Trees { features: wild, ..layer }, &[0; 2], &mut [0]) || wild == 0);
    }
}
