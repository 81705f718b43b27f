//! Trees: leaves known by hand, and trees and slices that do not fit.

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
