//! Trees: attributes of three operators become one form, in which branches are nested in each other.
//!
//! A question of the file becomes one of four. Of a node's two branches the smaller one comes first, where the question can
//! be turned around, so that what stands before the second one stays small.

use std::collections::HashMap;
use std::sync::Arc;

use kinglet_kernels::trees::{Aggregate, FEATURES_MAX, NAN, Node, Question, SKIP_MAX, key};
use kinglet_tract::{OnnxTensor, TensorData};

use super::super::attributes::Call;
use super::super::{Entry, Importer};
use super::EXPORT_AGAIN;
use super::labels::{Labels, Pair, Transform};
use crate::import::build::{Convert, refuse};
use crate::ir::ValueId;
use crate::op::{Concat, Ensemble, Function, Leaves, Trees};

/// How many nodes may stand above each other.
const DEPTH_MAX: usize = 10_000;

/// What a node asks, as files write it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    LessEqual,
    Less,
    GreaterEqual,
    Greater,
    Equal,
    NotEqual,
    Leaf,
}

impl Mode {
    fn of(name: &str) -> Convert<Self> {
        Ok(match name {
            "BRANCH_LEQ" => Mode::LessEqual,
            "BRANCH_LT" => Mode::Less,
            "BRANCH_GTE" => Mode::GreaterEqual,
            "BRANCH_GT" => Mode::Greater,
            "BRANCH_EQ" => Mode::Equal,
            "BRANCH_NEQ" => Mode::NotEqual,
            "LEAF" => Mode::Leaf,
            other => return refuse(format!("has a node of mode {other}"), EXPORT_AGAIN),
        })
    }

    /// The mode with a number in the newest operator set, where leaves stand apart and sets of members are refused.
    fn of_number(number: u8) -> Convert<Self> {
        Ok(match number {
            0 => Mode::LessEqual,
            1 => Mode::Less,
            2 => Mode::GreaterEqual,
            3 => Mode::Greater,
            4 => Mode::Equal,
            5 => Mode::NotEqual,
            6 => return refuse("asks whether a feature is one of several (BRANCH_MEMBER)", "use BRANCH_EQ nodes"),
            other => return refuse(format!("has a node of mode {other}"), EXPORT_AGAIN),
        })
    }

    /// The question, its opposite, and the key of a threshold. Below a number is up to the one before it.
    fn asked(self, threshold: f32) -> (Question, Question, i32) {
        let at = key(threshold);
        match self {
            Mode::LessEqual => (Question::LessEqual, Question::Greater, at),
            Mode::Less => (Question::LessEqual, Question::Greater, at - 1),
            Mode::Greater => (Question::Greater, Question::LessEqual, at),
            Mode::GreaterEqual => (Question::Greater, Question::LessEqual, at - 1),
            Mode::Equal => (Question::Equal, Question::NotEqual, at),
            Mode::NotEqual | Mode::Leaf => (Question::NotEqual, Question::Equal, at),
        }
    }
}

/// A branch or a leaf of a file.
#[derive(Clone, Copy)]
struct Source {
    feature: usize,
    mode: Mode,
    threshold: f32,
    /// Nodes under it: where the answer is yes, and where it is no.
    branches: [usize; 2],
    /// Whether NaN goes where the answer is yes, whatever is asked.
    keeps_nan: bool,
}

/// What leaves say: the target and the number of each.
type Weights = Vec<Vec<(usize, f32)>>;

/// A file's trees.
struct Forest {
    nodes: Vec<Source>,
    roots: Vec<usize>,
    weights: Weights,
    targets: usize,
}

/// Puts nodes in the order in which a device goes through them.
struct Flattened {
    nodes: Vec<Node>,
    /// The file's node of each leaf.
    leaves: Vec<usize>,
}

impl Forest {
    /// Reads the attributes of the older operators; `what` is `class` or `target`.
    fn of(call: &Call<'_>, what: &str, targets: usize) -> Convert<Self> {
        let ids = |name: &str| call.ints(name).map(Option::unwrap_or_default);
        let (tree_ids, node_ids) = (ids("nodes_treeids")?, ids("nodes_nodeids")?);
        let (yes, no) = (ids("nodes_truenodeids")?, ids("nodes_falsenodeids")?);
        let (features, missing) = (ids("nodes_featureids")?, ids("nodes_missing_value_tracks_true")?);
        let modes = call.strings("nodes_modes")?.unwrap_or_default();
        let thresholds = numbers(call, "nodes_values")?;
        let count = node_ids.len();
        let lens = [tree_ids.len(), yes.len(), no.len(), features.len(), modes.len(), thresholds.len()];
        if count == 0 || lens.iter().any(|&len| len != count) {
            return refuse("its lists of nodes are not of one length", EXPORT_AGAIN);
        }
        let places: HashMap<(i64, i64), usize> =
            tree_ids.iter().zip(node_ids).enumerate().map(|(at, (&tree, &node))| ((tree, node), at)).collect();
        if places.len() != count {
            return refuse("has two nodes with one number", EXPORT_AGAIN);
        }
        let mut forest =
            Forest { nodes: Vec::with_capacity(count), roots: Vec::new(), weights: vec![Vec::new(); count], targets };
        for at in 0..count {
            let tree = tree_ids[at];
            if at == 0 || tree_ids[at - 1] != tree {
                forest.roots.push(at);
            }
            let mode = Mode::of(&modes[at])?;
            let under = |node: i64| match places.get(&(tree, node)) {
                Some(&place) => Ok(place),
                None if mode == Mode::Leaf => Ok(0),
                None => refuse(format!("node {node} of tree {tree} is missing"), EXPORT_AGAIN),
            };
            forest.nodes.push(Source {
                feature: if mode == Mode::Leaf { 0 } else { feature(features[at])? },
                mode,
                threshold: thresholds[at].down(),
                branches: [under(yes[at])?, under(no[at])?],
                keeps_nan: missing.get(at) == Some(&1),
            });
        }
        let (of_trees, of_nodes) = (ids(&format!("{what}_treeids"))?, ids(&format!("{what}_nodeids"))?);
        let (of_targets, weights) = (ids(&format!("{what}_ids"))?, numbers(call, &format!("{what}_weights"))?);
        let count = weights.len();
        if [of_trees.len(), of_nodes.len(), of_targets.len()].iter().any(|&len| len != count) {
            return refuse("its lists of leaves are not of one length", EXPORT_AGAIN);
        }
        for at in 0..count {
            let Some(&place) = places.get(&(of_trees[at], of_nodes[at])) else {
                return refuse(format!("leaf {} of tree {} is missing", of_nodes[at], of_trees[at]), EXPORT_AGAIN);
            };
            forest.say(place, of_targets[at], weights[at].near())?;
        }
        Ok(forest)
    }

    /// A leaf says a number about a target.
    fn say(&mut self, place: usize, target: i64, number: f32) -> Convert<()> {
        match usize::try_from(target).ok().filter(|&target| target < self.targets) {
            Some(target) if number.is_finite() => self.weights[place].push((target, number)),
            Some(_) => return refuse(format!("a leaf says {number}"), "train again"),
            None => return refuse(format!("a leaf speaks of target {target} of {}", self.targets), EXPORT_AGAIN),
        }
        Ok(())
    }

    /// Nodes under each node and itself, without leaves; the file's trees may not meet or come back.
    fn sizes(&self) -> Convert<Vec<usize>> {
        let mut sizes = vec![0usize; self.nodes.len()];
        let mut is_seen = vec![false; self.nodes.len()];
        for &root in &self.roots {
            // Each node twice: before those under it, and behind them.
            let mut waiting = vec![(root, false)];
            while let Some((at, is_done)) = waiting.pop() {
                let Source { mode, branches: [yes, no], .. } = self.nodes[at];
                if is_done {
                    sizes[at] = 1 + sizes[yes] + sizes[no];
                    continue;
                }
                if core::mem::replace(&mut is_seen[at], true) {
                    return refuse("has a node under two others, or under itself", EXPORT_AGAIN);
                }
                if mode != Mode::Leaf {
                    waiting.extend([(at, true), (no, false), (yes, false)]);
                }
                if waiting.len() > 2 * DEPTH_MAX {
                    return refuse(format!("is more than {DEPTH_MAX} nodes deep"), "limit the depth of trees");
                }
            }
        }
        Ok(sizes)
    }

    fn flattened(&self, root: usize, sizes: &[usize]) -> Convert<Flattened> {
        let mut flat = Flattened { nodes: Vec::with_capacity(sizes[root]), leaves: Vec::new() };
        let mut waiting = vec![root];
        while let Some(at) = waiting.pop() {
            let source = &self.nodes[at];
            if source.mode == Mode::Leaf {
                flat.leaves.push(at);
                continue;
            }
            let [yes, no] = source.branches;
            let (question, opposite, key) = source.mode.asked(source.threshold);
            let swaps = sizes[no] < sizes[yes];
            let (question, first, second) = if swaps { (opposite, no, yes) } else { (question, yes, no) };
            // What NaN is answered as it stands, and where it is to go: to the first branch when that is yes.
            let natural = question.holds(NAN, key);
            let wanted = (source.keeps_nan || source.mode == Mode::NotEqual) != swaps;
            let skip = sizes[first] + 1;
            if skip > SKIP_MAX {
                return refuse(format!("a tree has more than {SKIP_MAX} nodes on both sides"), "use smaller trees");
            }
            flat.nodes.push(Node {
                feature: source.feature,
                question,
                turns_nan: natural != wanted,
                skip,
                is_last: self.nodes[second].mode == Mode::Leaf,
                key,
            });
            waiting.extend([second, first]);
        }
        Ok(flat)
    }

    fn ensemble(&self, features: usize, aggregate: Aggregate) -> Convert<Ensemble> {
        let sizes = self.sizes()?;
        let (mut starts, mut nodes, mut leaves) = (Vec::new(), Vec::new(), Vec::new());
        for &root in &self.roots {
            starts.push(nodes.len());
            let flat = self.flattened(root, &sizes)?;
            nodes.extend(flat.nodes);
            leaves.push(flat.leaves);
        }
        if let Some(node) = nodes.iter().find(|node: &&Node| node.feature >= features) {
            return refuse(format!("asks for feature {} of {features}", node.feature), EXPORT_AGAIN);
        }
        let leaves = match self.numbers(&leaves) {
            Some(numbers) => numbers,
            None => self.rows(&leaves, aggregate)?,
        };
        Ok(Ensemble { features, targets: self.targets, starts, nodes, leaves, aggregate })
    }

    /// A number for each leaf, where all leaves of a tree speak of one target.
    fn numbers(&self, leaves: &[Vec<usize>]) -> Option<Leaves> {
        let (mut numbers, mut targets) = (Vec::new(), Vec::new());
        for tree in leaves {
            let target = self.weights[*tree.first()?].first()?.0;
            for &leaf in tree {
                let &[(of, number)] = self.weights[leaf].as_slice() else { return None };
                if of != target {
                    return None;
                }
                numbers.push(number);
            }
            targets.push(u16::try_from(target).ok()?);
        }
        Some(Leaves::Numbers { numbers, targets })
    }

    /// A number of each leaf for every target.
    fn rows(&self, leaves: &[Vec<usize>], aggregate: Aggregate) -> Convert<Leaves> {
        let mut known: HashMap<Vec<u32>, u16> = HashMap::new();
        let (mut rows, mut places) = (Vec::new(), Vec::new());
        for &leaf in leaves.iter().flatten() {
            let mut row = vec![0.0; self.targets];
            for &(target, number) in &self.weights[leaf] {
                row[target] += number;
            }
            if aggregate != Aggregate::Sum && self.weights[leaf].len() != self.targets {
                return refuse("takes the least or greatest number, and has none for a target", "use SUM or AVERAGE");
            }
            let bits = row.iter().map(|number| number.to_bits()).collect();
            let next = u16::try_from(known.len());
            let place = match (known.get(&bits), next) {
                (Some(&place), _) => place,
                (None, Ok(next)) => {
                    rows.extend(&row);
                    known.insert(bits, next);
                    next
                }
                (None, Err(_)) => {
                    return refuse("has more than 65,536 different leaves", "use fewer trees, or smaller ones");
                }
            };
            places.push(place);
        }
        Ok(Leaves::Rows { rows, places })
    }

    /// Whether an unspoken score of 0 cannot be taken for one that trees have given: each class has a tree that always speaks of
    /// it, or all that trees give is above zero.
    fn speaks_of_all(&self) -> bool {
        if self.weights.iter().flatten().all(|&(_, number)| number >= 0.0) {
            return true;
        }
        // A tree's nodes follow its root.
        let ends = self.roots.iter().skip(1).copied().chain([self.nodes.len()]);
        let trees: Vec<(usize, usize)> = self.roots.iter().copied().zip(ends).collect();
        (0..self.targets).all(|target| {
            trees.iter().any(|&(start, end)| {
                (start..end)
                    .filter(|&at| self.nodes[at].mode == Mode::Leaf)
                    .all(|at| self.weights[at].iter().any(|&(of, _)| of == target))
            })
        })
    }

    /// The targets that leaves speak of.
    fn spoken(&self) -> Vec<usize> {
        let mut targets: Vec<usize> = self.weights.iter().flatten().map(|&(target, _)| target).collect();
        targets.sort_unstable();
        targets.dedup();
        targets
    }
}

fn feature(number: i64) -> Convert<usize> {
    match usize::try_from(number).ok().filter(|&feature| feature < FEATURES_MAX) {
        Some(feature) => Ok(feature),
        None => refuse(format!("asks for feature {number}"), format!("use at most {FEATURES_MAX} features")),
    }
}

/// A number of a file, which may be of 64 bits.
#[derive(Clone, Copy)]
struct Number(f64);

impl Number {
    /// The nearest float.
    fn near(self) -> f32 {
        self.0 as f32
    }

    /// The greatest float that is not above it: floats are up to both or to none.
    fn down(self) -> f32 {
        let near = self.near();
        if f64::from(near) > self.0 { near.next_down() } else { near }
    }
}

/// The numbers of an attribute, or of the tensor that stands for it in newer operator sets.
fn numbers(call: &Call<'_>, name: &str) -> Convert<Vec<Number>> {
    match call.tensor(&format!("{name}_as_tensor"))? {
        Some(tensor) => of_tensor(tensor, name),
        None => Ok(call.floats(name)?.unwrap_or_default().iter().map(|&each| Number(each.into())).collect()),
    }
}

fn of_tensor(tensor: &OnnxTensor, name: &str) -> Convert<Vec<Number>> {
    match &tensor.data {
        TensorData::F32(floats) => Ok(floats.iter().map(|&each| Number(each.into())).collect()),
        TensorData::F64(floats) => Ok(floats.iter().map(|&each| Number(each)).collect()),
        _ => refuse(format!("attribute `{name}` holds no floats"), EXPORT_AGAIN),
    }
}

fn aggregate(name: &str) -> Convert<(Aggregate, bool)> {
    Ok(match name {
        "SUM" => (Aggregate::Sum, false),
        "AVERAGE" => (Aggregate::Sum, true),
        "MIN" => (Aggregate::Min, false),
        "MAX" => (Aggregate::Max, false),
        other => return refuse(format!("its aggregate_function is {other}"), "use SUM, AVERAGE, MIN or MAX"),
    })
}

impl Importer<'_> {
    /// What trees say about each row, `[rows, targets]`, with the mean of all trees where that is asked.
    fn trees(&mut self, call: &Call<'_>, forest: &Forest, (aggregate, is_mean): (Aggregate, bool)) -> Convert<ValueId> {
        let (x, [_, features]) = self.features(call, 0)?;
        self.budget.charge(forest.nodes.len(), 32)?;
        self.budget.charge(forest.nodes.len(), forest.targets)?;
        let ensemble = Arc::new(forest.ensemble(features, aggregate)?);
        let y = self.apply(&format!("{}/trees", call.name), Trees { ensemble }.into(), vec![x])?;
        if is_mean { self.with_number(call, Function::Mul, y, 1.0 / forest.roots.len() as f32) } else { Ok(y) }
    }

    fn with_base(&mut self, call: &Call<'_>, y: ValueId, base: Vec<f32>) -> Convert<ValueId> {
        if base.iter().all(|&base| base == 0.0) {
            return Ok(y);
        }
        let base = self.own_floats(call, "base", vec![1, base.len()], base)?;
        self.combined(&format!("{}/with base", call.name), Function::Add, [y, base])
    }
}

fn base_values(call: &Call<'_>) -> Convert<Vec<f32>> {
    Ok(numbers(call, "base_values")?.into_iter().map(Number::near).collect())
}

/// A number for each target.
pub(super) fn regressor(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let targets = call.extent("n_targets")?;
    let forest = Forest::of(call, "target", targets)?;
    let transform = Transform::of(call)?;
    let y = importer.trees(call, &forest, aggregate(call.string("aggregate_function", "SUM")?)?)?;
    let base = base_values(call)?;
    let y = match base.len() {
        0 => y,
        len if len == targets => importer.with_base(call, y, base)?,
        len => return refuse(format!("has {len} base values for {targets} targets"), EXPORT_AGAIN),
    };
    // One number stays as it is.
    let transform = if targets == 1 { Transform::None } else { transform };
    Ok(Entry::Value(importer.transformed(call, y, transform)?))
}

/// A label and scores.
pub(super) fn classifier(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Vec<Entry>> {
    let labels = Labels::of(call, "classlabels_int64s", "classlabels_strings")?;
    let forest = Forest::of(call, "class", labels.len())?;
    let transform = Transform::of(call)?;
    let base = base_values(call)?;
    if labels.len() <= 2 {
        return two_classes(importer, call, forest, (labels, transform, base));
    }
    if base.is_empty() && !forest.speaks_of_all() {
        return refuse("has a class of which no tree always speaks, and negative scores", "give it base_values");
    }
    let y = importer.trees(call, &forest, (Aggregate::Sum, false))?;
    let scores = match base.len() {
        0 => y,
        len if len == labels.len() => importer.with_base(call, y, base)?,
        len => return refuse(format!("has {len} base values for {} classes", labels.len()), EXPORT_AGAIN),
    };
    let index = importer.greatest(call, scores)?;
    let label = importer.label(call, index, &labels)?;
    Ok(vec![label, Entry::Value(importer.transformed(call, scores, transform)?)])
}

/// One number for two classes: a probability where no leaf is negative, else above zero for the second. Where leaves speak of
/// the first class the scores are made of it, where they speak of the second it is its score beside one that is zero.
fn two_classes(
    importer: &mut Importer<'_>,
    call: &Call<'_>,
    mut forest: Forest,
    (labels, transform, base): (Labels, Transform, Vec<f32>),
) -> Convert<Vec<Entry>> {
    labels.expect(2)?;
    let is_of_second = match *forest.spoken().as_slice() {
        [spoken] => spoken == 1,
        _ => return refuse("has leaves of both of two classes", "let leaves speak of one class, or name a third one"),
    };
    forest.weights.iter_mut().flatten().for_each(|(target, _)| *target = 0);
    forest.targets = 1;
    let is_probability = forest.weights.iter().flatten().all(|&(_, number)| number >= 0.0);
    let y = importer.trees(call, &forest, (Aggregate::Sum, false))?;
    let y = match *base.as_slice() {
        [] => y,
        [base] if !is_of_second => importer.with_base(call, y, vec![base])?,
        _ => return refuse(format!("has {} base values for one number", base.len()), EXPORT_AGAIN),
    };
    let (pair, threshold) = if is_probability { (Pair::Complement, 0.5) } else { (Pair::Opposite, 0.0) };
    let index = importer.above(call, y, threshold)?;
    let label = importer.label(call, index, &labels)?;
    if !is_of_second {
        return Ok(vec![label, Entry::Value(importer.paired(call, y, pair, transform)?)]);
    }
    let none = importer.with_number(call, Function::Mul, y, 0.0)?;
    let scores = importer.apply(&format!("{}/scores", call.name), Concat { axis: 1 }.into(), vec![none, y])?;
    Ok(vec![label, Entry::Value(importer.transformed(call, scores, transform)?)])
}

/// The operator of the newest operator set: branches and leaves are lists of their own.
pub(super) fn ensemble(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let targets = call.extent("n_targets")?;
    let forest = newest(call, targets)?;
    let aggregate = match call.int("aggregate_function", 1)? {
        0 => (Aggregate::Sum, true),
        1 => (Aggregate::Sum, false),
        2 => (Aggregate::Min, false),
        3 => (Aggregate::Max, false),
        other => return refuse(format!("its aggregate_function is {other}"), EXPORT_AGAIN),
    };
    let transform = match call.int("post_transform", 0)? {
        0 => Transform::None,
        1 => Transform::Softmax,
        2 => Transform::Logistic,
        3 => Transform::SoftmaxZero,
        _ => return refuse("its post_transform is PROBIT", "use NONE, LOGISTIC or SOFTMAX"),
    };
    let y = importer.trees(call, &forest, aggregate)?;
    Ok(Entry::Value(importer.transformed(call, y, transform)?))
}

fn newest(call: &Call<'_>, targets: usize) -> Convert<Forest> {
    let ids = |name: &str| call.ints(name).map(Option::unwrap_or_default);
    let required = |name: &str| match call.tensor(name)? {
        Some(tensor) => Ok(tensor),
        None => refuse(format!("attribute `{name}` is missing"), EXPORT_AGAIN),
    };
    let (yes, no, features) = (ids("nodes_truenodeids")?, ids("nodes_falsenodeids")?, ids("nodes_featureids")?);
    let (yes_leafs, no_leafs) = (ids("nodes_trueleafs")?, ids("nodes_falseleafs")?);
    let missing = ids("nodes_missing_value_tracks_true")?;
    let thresholds = of_tensor(required("nodes_splits")?, "nodes_splits")?;
    let TensorData::U8(modes) = &required("nodes_modes")?.data else {
        return refuse("its modes are not UINT8", EXPORT_AGAIN);
    };
    let weights = of_tensor(required("leaf_weights")?, "leaf_weights")?;
    let (leaf_targets, roots) = (ids("leaf_targetids")?, ids("tree_roots")?);
    let count = modes.len();
    let lens = [yes.len(), no.len(), features.len(), yes_leafs.len(), no_leafs.len(), thresholds.len()];
    if lens.iter().any(|&len| len != count) || weights.len() != leaf_targets.len() || roots.is_empty() {
        return refuse("its lists of nodes are not of one length", EXPORT_AGAIN);
    }
    let mut forest = Forest { nodes: Vec::new(), roots: Vec::new(), weights: vec![Vec::new(); count], targets };
    for at in 0..count {
        forest.nodes.push(Source {
            feature: feature(features[at])?,
            mode: Mode::of_number(modes[at])?,
            threshold: thresholds[at].down(),
            branches: [0; 2],
            keeps_nan: missing.get(at) == Some(&1),
        });
    }
    for at in 0..count {
        for (side, (is_leaf, under)) in [(yes_leafs[at], yes[at]), (no_leafs[at], no[at])].into_iter().enumerate() {
            let place = usize::try_from(under).ok();
            let branch = if is_leaf == 0 {
                place.filter(|&place| place < count)
            } else {
                // Each branch has a leaf of its own, even where they share one.
                match place.filter(|&place| place < weights.len()) {
                    Some(place) => {
                        forest.nodes.push(LEAF);
                        forest.weights.push(Vec::new());
                        forest.say(forest.nodes.len() - 1, leaf_targets[place], weights[place].near())?;
                        Some(forest.nodes.len() - 1)
                    }
                    None => None,
                }
            };
            let Some(branch) = branch else { return refuse(format!("node {under} is missing"), EXPORT_AGAIN) };
            forest.nodes[at].branches[side] = branch;
        }
    }
    for &root in roots {
        let Some(mut root) = usize::try_from(root).ok().filter(|&root| root < count) else {
            return refuse(format!("root {root} is missing"), EXPORT_AGAIN);
        };
        // A tree of one leaf is written as a node with that leaf on both sides.
        let [yes, no] = forest.nodes[root].branches;
        if yes_leafs[root] != 0 && no_leafs[root] != 0 && forest.weights[yes] == forest.weights[no] {
            root = yes;
        }
        forest.roots.push(root);
    }
    Ok(forest)
}

const LEAF: Source = Source { feature: 0, mode: Mode::Leaf, threshold: 0.0, branches: [0; 2], keeps_nan: false };
