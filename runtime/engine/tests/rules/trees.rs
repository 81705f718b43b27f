//! Trees: their order, what their nodes ask about, where branches lead, and what leaves name.

use kinglet_kernels::trees::Node;

use super::*;

/// Byte offsets of the parameters.
const CONSTANTS: usize = 0;
const ROWS: usize = 4;
const FEATURES: usize = 8;
const TARGETS: usize = 12;
const TREES: usize = 16;
const NODES: usize = 20;
const LEAF_ROWS: usize = 24;
const AGGREGATE: usize = 28;

const NAMES: [&str; 2] = ["trees", "trees: rows"];

fn number(program: &Writer, at: usize) -> usize {
    let record = &program.operators[0];
    let bytes = &record[parameters(record) + at..][..4];
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize
}

/// The rule that a program breaks whose constants are changed at a byte.
fn spoilt(name: &str, at: impl Fn(&Writer) -> usize, bytes: &[u8]) -> LoadRule {
    let mut program = program(name);
    let at = number(&program, CONSTANTS) + at(&program);
    program.weights[at..at + bytes.len()].copy_from_slice(bytes);
    broken(&program).0
}

/// The first node of a program.
fn first_node(program: &Writer) -> usize {
    4 * number(program, TREES)
}

/// A node in the place of the first one.
fn replaced(name: &str, change: impl Fn(&mut Node, usize)) -> LoadRule {
    let mut program = program(name);
    let start = number(&program, CONSTANTS) + first_node(&program);
    let word = |at: usize| {
        let bytes = &program.weights[start + 4 * at..][..4];
        u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    };
    let mut node = Node::of([word(0), word(1)]);
    let (features, count) = (number(&program, FEATURES), number(&program, NODES));
    node.feature = node.feature.min(features - 1);
    change(&mut node, count);
    let bytes: Vec<u8> = node.words().into_iter().flat_map(u32::to_le_bytes).collect();
    program.weights[start..start + 8].copy_from_slice(&bytes);
    broken(&program).0
}

#[test]
fn numbers_of_trees() {
    for name in NAMES {
        for at in [ROWS, FEATURES, TARGETS, TREES] {
            assert_eq!(parameter(name, at, &[0; 4]), LoadRule::Shape, "{name}: nothing at {at}");
        }
        for at in [ROWS, FEATURES] {
            assert_eq!(parameter(name, at, &[0, 0, 1, 0]), LoadRule::ArenaRange, "{name}: much at {at}");
        }
        for at in [TREES, NODES, LEAF_ROWS] {
            assert_eq!(parameter(name, at, &[0, 0, 1, 0]), LoadRule::ConstantRange, "{name}: much at {at}");
        }
        assert_eq!(parameter(name, NODES, &[0xFF; 4]), LoadRule::Shape, "{name}: more leaves than numbers");
        assert_eq!(
            parameter(name, CONSTANTS, &[2, 0, 0, 0]),
            LoadRule::ConstantRange,
            "{name}: not a multiple of four"
        );
        assert_eq!(parameter(name, CONSTANTS, &[0, 0, 1, 0]), LoadRule::ConstantRange, "{name}: behind the end");
        assert_eq!(parameter(name, AGGREGATE, &[3]), LoadRule::Parameter, "{name}");
        for at in 1..4 {
            assert_eq!(parameter(name, AGGREGATE + at, &[1]), LoadRule::Parameter, "{name}: reserved");
        }
    }
}

#[test]
fn order_of_trees() {
    for name in NAMES {
        assert_eq!(spoilt(name, |_| 0, &[1, 0, 0, 0]), LoadRule::Parameter, "{name}: nodes of no tree");
        assert_eq!(spoilt(name, |_| 4, &[0xFF; 4]), LoadRule::Parameter, "{name}: behind all nodes");
        let last = |program: &Writer| 4 * (number(program, TREES) - 1);
        assert_eq!(spoilt(name, last, &[0, 0, 0, 0]), LoadRule::Parameter, "{name}: back again");
    }
}

#[test]
fn branches_of_nodes() {
    for name in NAMES {
        assert_eq!(replaced(name, |node, _| node.feature = 4095), LoadRule::Parameter, "{name}: no such feature");
        assert_eq!(replaced(name, |node, count| node.skip = count + 1), LoadRule::Parameter, "{name}: out of the tree");
        let beyond = |node: &mut Node, count: usize| (node.skip, node.is_last) = (count + 1, true);
        assert_eq!(replaced(name, beyond), LoadRule::Parameter, "{name}: a leaf that is not there");
    }
}

#[test]
fn names_of_leaves() {
    // What leaves or trees name stands at the end.
    for (name, has_rows) in [("trees", false), ("trees: rows", true)] {
        let last = move |program: &Writer| {
            let [trees, nodes, targets] = [TREES, NODES, TARGETS].map(|at| number(program, at));
            let numbers = if has_rows { number(program, LEAF_ROWS) * targets } else { nodes + trees };
            let names = if has_rows { nodes + trees } else { trees };
            4 * trees + 8 * nodes + 4 * numbers + 2 * (names - 1)
        };
        assert_eq!(spoilt(name, last, &[0xFF; 2]), LoadRule::Parameter, "{name}");
        assert_eq!(spoilt(name, last, &[6, 0]), LoadRule::Parameter, "{name}: one too many");
    }
}

#[test]
fn places_of_features() {
    for index in [0, 1] {
        assert_eq!(placed("trees", index, &[2, 0, 0, 0]), LoadRule::ArenaAlignment);
        assert_eq!(placed("trees", index, &[0, 0, 0, 1]), LoadRule::ArenaRange);
    }
    assert_eq!(placed("trees", 1, &[0; 4]), LoadRule::ArenaOverlap);
}

const CODES: [&str; 3] = ["trees-i16", "trees-i16: rows", "trees-i16: many rows"];

/// Byte offset of the bits of a feature, with `reserved` behind it.
const FEATURE_BITS: usize = 28;

#[test]
fn numbers_of_trees_on_codes() {
    for name in CODES {
        for at in [ROWS, FEATURES, TARGETS, TREES] {
            assert_eq!(parameter(name, at, &[0; 4]), LoadRule::Shape, "{name}: nothing at {at}");
        }
        for at in [TREES, NODES, LEAF_ROWS] {
            assert_eq!(parameter(name, at, &[0, 0, 1, 0]), LoadRule::ConstantRange, "{name}: much at {at}");
        }
        assert_eq!(parameter(name, CONSTANTS, &[2, 0, 0, 0]), LoadRule::ConstantRange, "{name}");
        assert_eq!(parameter(name, FEATURE_BITS, &[16]), LoadRule::Parameter, "{name}");
        for at in 1..4 {
            assert_eq!(parameter(name, FEATURE_BITS + at, &[1]), LoadRule::Parameter, "{name}: reserved");
        }
    }
}

#[test]
fn order_and_branches_of_trees_on_codes() {
    for name in CODES {
        assert_eq!(spoilt(name, |_| 0, &[1, 0, 0, 0]), LoadRule::Parameter, "{name}: nodes of no tree");
        assert_eq!(spoilt(name, |_| 4, &[0xFF; 4]), LoadRule::Parameter, "{name}: behind all nodes");
        assert_eq!(spoilt(name, |_| 4, &[0; 4]), LoadRule::Parameter, "{name}: a tree without a node");
        // All bits of the way to the second branch.
        assert_eq!(spoilt(name, first_node, &[0xFF, 0x7F]), LoadRule::Parameter, "{name}: out of the tree");
        assert_eq!(spoilt(name, first_node, &[0xFF, 0xFF]), LoadRule::Parameter, "{name}: a leaf that is not there");
    }
}

#[test]
fn names_of_leaves_on_codes() {
    for (name, name_bytes, bound) in [("trees-i16", 2, 3), ("trees-i16: rows", 1, 6), ("trees-i16: many rows", 2, 300)]
    {
        let last = move |program: &Writer| {
            let [trees, nodes, targets] = [TREES, NODES, TARGETS].map(|at| number(program, at));
            let leaf_rows = number(program, LEAF_ROWS);
            let numbers = if leaf_rows == 0 { nodes + trees } else { leaf_rows * targets };
            let names = if leaf_rows == 0 { trees } else { nodes + trees };
            4 * (trees + nodes + targets) + 2 * numbers + name_bytes * (names - 1)
        };
        let bytes = u16::to_le_bytes(bound);
        assert_eq!(spoilt(name, last, &bytes[..name_bytes]), LoadRule::Parameter, "{name}: one too many");
    }
}

#[test]
fn places_of_codes_and_sums() {
    assert_eq!(placed("trees-i16", 0, &[1, 0, 0, 0]), LoadRule::ArenaAlignment);
    assert_eq!(placed("trees-i16", 1, &[2, 0, 0, 0]), LoadRule::ArenaAlignment);
    assert_eq!(placed("trees-i16", 0, &[0, 0, 0, 1]), LoadRule::ArenaRange);
    assert_eq!(placed("trees-i16", 1, &[0; 4]), LoadRule::ArenaOverlap);
}
