//! Trees.

use kinglet_blob::OpCode;
use kinglet_blob::records::{TreesF32, TreesI16};
use kinglet_blob::{DType, Operands};
use kinglet_kernels::trees::{Node, Question, codes, key};

use super::{read_f32, read_i16, unary_f32, write_f32};
use crate::Program;
use crate::program::Apply;

/// A tree as it is drawn: a question and two branches, or a leaf with its number.
enum Tree {
    Node { feature: usize, question: Question, threshold: f32, turns_nan: bool, branches: [Box<Tree>; 2] },
    Leaf(usize),
}

impl Tree {
    /// Nodes without leaves.
    fn size(&self) -> usize {
        match self {
            Tree::Node { branches: [first, second], .. } => 1 + first.size() + second.size(),
            Tree::Leaf(_) => 0,
        }
    }

    fn flatten(&self, nodes: &mut Vec<Node>) {
        let Tree::Node { feature, question, threshold, turns_nan, branches: [first, second] } = self else { return };
        let is_last = matches!(**second, Tree::Leaf(_));
        let (feature, question, turns_nan) = (*feature, *question, *turns_nan);
        nodes.push(Node { feature, question, turns_nan, skip: first.size() + 1, is_last, key: key(*threshold) });
        first.flatten(nodes);
        second.flatten(nodes);
    }

    /// The number of the leaf that features come to, by the definition.
    fn leaf(&self, x: &[f32]) -> usize {
        match self {
            Tree::Leaf(number) => *number,
            Tree::Node { feature, question, threshold, turns_nan, branches } => {
                let (own, t) = (x[*feature], *threshold);
                let holds = match question {
                    // NaN is greater than every number.
                    Question::LessEqual => own <= t,
                    Question::Greater => own > t || own.is_nan(),
                    Question::Equal => own == t,
                    Question::NotEqual => own != t,
                };
                branches[usize::from(holds == (*turns_nan && own.is_nan()))].leaf(x)
            }
        }
    }
}

impl Tree {
    /// Thresholds as codes, four to a unit, and every question `x <= t`.
    fn flatten_codes(&self, nodes: &mut Vec<codes::Node>) {
        let Tree::Node { feature, threshold, branches: [first, second], .. } = self else { return };
        let is_last = matches!(**second, Tree::Leaf(_));
        let threshold = (threshold * 4.0) as i16;
        nodes.push(codes::Node { feature: *feature, skip: first.size() + 1, is_last, threshold });
        first.flatten_codes(nodes);
        second.flatten_codes(nodes);
    }

    /// The number of the leaf that codes come to, by the definition.
    fn leaf_of_codes(&self, x: &[i16]) -> usize {
        match self {
            Tree::Leaf(number) => *number,
            Tree::Node { feature, threshold, branches, .. } => {
                branches[usize::from(x[*feature] > (threshold * 4.0) as i16)].leaf_of_codes(x)
            }
        }
    }
}

impl Program {
    /// Random trees on codes `[rows, features]`; leaves share `leaf_rows` rows of numbers, or have a number each.
    pub(crate) fn trees_i16(&mut self, input: u32, output: u32, shape: [u32; 4], leaf_rows: u32) {
        let [rows, features, targets, count] = shape;
        let (mut trees, mut nodes, mut starts, mut leaves) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for _ in 0..count {
            starts.push(nodes.len() as u32);
            let known = leaves;
            let mut tree = self.tree(5, features as usize, &mut leaves);
            while tree.size() == 0 {
                leaves = known;
                tree = self.tree(5, features as usize, &mut leaves);
            }
            tree.flatten_codes(&mut nodes);
            trees.push(tree);
        }
        let numbers = if leaf_rows == 0 { leaves } else { (leaf_rows * targets) as usize };
        let numbers: Vec<i16> = (0..numbers).map(|_| self.random.range(-32768, 32767) as i16).collect();
        let base: Vec<i32> = (0..targets).map(|_| self.random.range(-70_000, 70_000)).collect();
        let (names, bound) = if leaf_rows == 0 { (count as usize, targets) } else { (leaves, leaf_rows) };
        let names: Vec<u16> = (0..names).map(|_| self.random.range(0, bound as i32 - 1) as u16).collect();
        let feature_bits = features.next_power_of_two().trailing_zeros();
        let words = nodes.iter().map(|node| node.word(feature_bits).expect("a small tree"));
        let is_short = (1..=256).contains(&leaf_rows);
        let table = (starts.iter().copied().chain(words).flat_map(u32::to_le_bytes))
            .chain(base.iter().flat_map(|number| number.to_le_bytes()))
            .chain(numbers.iter().flat_map(|number| number.to_le_bytes()))
            .chain(names.iter().flat_map(|name| name.to_le_bytes().into_iter().take(if is_short { 1 } else { 2 })));
        let constants = self.constants(&table.collect::<Vec<u8>>());
        let (feature_bits, reserved) = (feature_bits as u8, [0; 3]);
        let nodes = nodes.len() as u32;
        let record =
            TreesI16 { constants, rows, features, targets, trees: count, nodes, leaf_rows, feature_bits, reserved };
        let reference: Apply = Box::new(move |arena| {
            let (features, targets) = (features as usize, targets as usize);
            let mut at = output as usize;
            for x in read_i16(arena, input, rows as usize * features).chunks(features) {
                let mut y = base.clone();
                for (index, tree) in trees.iter().enumerate() {
                    let leaf = tree.leaf_of_codes(x);
                    if leaf_rows == 0 {
                        y[usize::from(names[index])] += i32::from(numbers[leaf]);
                    } else {
                        let row = &numbers[usize::from(names[leaf]) * targets..][..targets];
                        y.iter_mut().zip(row).for_each(|(to, &number)| *to += i32::from(number));
                    }
                }
                for byte in y.iter().flat_map(|sum| sum.to_le_bytes()) {
                    arena[at] = byte;
                    at += 1;
                }
            }
        });
        let operands = Operands::unary((DType::I16, input), (DType::I32, output));
        self.push(OpCode::Trees, &operands, &record, reference);
    }

    /// A random tree so deep at most; its leaves are numbered from `next` on.
    fn tree(&mut self, depth: u32, features: usize, next: &mut usize) -> Tree {
        if depth == 0 || self.random.range(0, 5) == 0 {
            *next += 1;
            return Tree::Leaf(*next - 1);
        }
        let feature = self.random.range(0, features as i32 - 1) as usize;
        let question = match self.random.range(0, 3) {
            0 => Question::LessEqual,
            1 => Question::Greater,
            2 => Question::Equal,
            _ => Question::NotEqual,
        };
        let threshold = self.random.range(-12, 12) as f32 / 4.0;
        let turns_nan = self.random.range(0, 1) == 1;
        let first = Box::new(self.tree(depth - 1, features, next));
        let second = Box::new(self.tree(depth - 1, features, next));
        Tree::Node { feature, question, threshold, turns_nan, branches: [first, second] }
    }

    /// Random trees on `[rows, features]`; leaves share `leaf_rows` rows of numbers, or have a number each.
    pub(crate) fn trees(&mut self, input: u32, output: u32, shape: [u32; 4], (leaf_rows, aggregate): (u32, u8)) {
        let [rows, features, targets, count] = shape;
        let (mut trees, mut nodes, mut starts, mut leaves) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for _ in 0..count {
            starts.push(nodes.len() as u32);
            let tree = self.tree(5, features as usize, &mut leaves);
            tree.flatten(&mut nodes);
            trees.push(tree);
        }
        let numbers = if leaf_rows == 0 { leaves } else { (leaf_rows * targets) as usize };
        let numbers: Vec<f32> = (0..numbers).map(|_| self.random.range(-64, 64) as f32 / 16.0).collect();
        let (names, bound) = if leaf_rows == 0 { (count as usize, targets) } else { (leaves, leaf_rows) };
        let names: Vec<u16> = (0..names).map(|_| self.random.range(0, bound as i32 - 1) as u16).collect();
        let words = starts.iter().copied().chain(nodes.iter().flat_map(Node::words)).flat_map(u32::to_le_bytes);
        let table = words
            .chain(numbers.iter().flat_map(|number| number.to_le_bytes()))
            .chain(names.iter().flat_map(|name| name.to_le_bytes()));
        let constants = self.constants(&table.collect::<Vec<u8>>());
        let nodes = nodes.len() as u32;
        let record = TreesF32 {
            constants,
            rows,
            features,
            targets,
            trees: count,
            nodes,
            leaf_rows,
            aggregate,
            reserved: [0; 3],
        };
        let reference: Apply = Box::new(move |arena| {
            let (features, targets) = (features as usize, targets as usize);
            let from = read_f32(arena, input, rows as usize * features);
            let neutral = [0.0, f32::INFINITY, f32::NEG_INFINITY][usize::from(aggregate)];
            let put = |to: f32, number: f32| match aggregate {
                0 => to + number,
                1 => to.min(number),
                _ => to.max(number),
            };
            let mut results = Vec::new();
            for x in from.chunks(features) {
                let mut y = vec![neutral; targets];
                for (at, tree) in trees.iter().enumerate() {
                    let leaf = tree.leaf(x);
                    if leaf_rows == 0 {
                        let target = usize::from(names[at]);
                        y[target] = put(y[target], numbers[leaf]);
                    } else {
                        let row = &numbers[usize::from(names[leaf]) * targets..][..targets];
                        y.iter_mut().zip(row).for_each(|(to, &number)| *to = put(*to, number));
                    }
                }
                results.extend(y);
            }
            write_f32(arena, output, &results);
        });
        self.push(OpCode::Trees, &unary_f32(input, output), &record, reference);
    }
}
