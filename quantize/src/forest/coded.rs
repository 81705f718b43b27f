//! Nodes and leaves in integers.

use std::sync::Arc;

use kinglet_kernels::trees::{Aggregate, Question, codes};

use super::features::{Column, threshold};
use crate::ir::{DType, Graph, Node, Quantization};
use crate::op::rule::rewrite::ChannelAffine;
use crate::op::{Activation, CodedForest, CodedLeaves, CodedTrees, Ensemble, Leaves, Op};

/// The greatest magnitude of a leaf.
const LEAF_MAX: f64 = 32_767.0;

/// Puts trees on codes in the place of node `index`. Its result is int32 sums, quantized, with a constant that was added
/// behind it.
pub(super) fn replace(graph: &mut Graph, index: usize, columns: &[Column]) -> Result<(), String> {
    let node = graph.nodes[index].clone();
    let Some(ensemble) = node.op.operator().ensemble() else { return Err("something else than trees is coded".into()) };
    let base = added(graph, &node, ensemble.targets);
    let (forest, scale) = forest(ensemble, columns, base.as_ref().map_or(&[], |(_, base)| base))?;
    if let Some(problem) = forest.problem() {
        return Err(format!("`{}` {problem}", node.name));
    }
    graph.nodes[index].op = Op::CodedTrees(CodedTrees { forest: Arc::new(forest) });
    if let Some((behind, _)) = base {
        // The sum is what the addition gave; the node itself is gone when all are replaced.
        let sum = graph.nodes[behind].output();
        graph.nodes[index].outputs = vec![sum];
        graph.nodes[behind].outputs = vec![];
    }
    let sums = graph.value_mut(graph.nodes[index].output());
    (sums.dtype, sums.quantization) = (DType::I32, Some(Quantization::per_tensor(scale, 0)));
    Ok(())
}

/// The node that alone reads the trees' result and adds a constant to each target, and that constant.
fn added(graph: &Graph, node: &Node, targets: usize) -> Option<(usize, Vec<f32>)> {
    let y = node.output();
    let [behind] = *graph.consumers(y) else { return None };
    let adds = graph.nodes[behind].op.operator().channel_affine() == Some(ChannelAffine::Shift(Activation::None));
    let constant = graph.constant_f32(*graph.nodes[behind].inputs.get(1)?)?;
    let base = match constant {
        [one] => vec![*one; targets],
        all => all.to_vec(),
    };
    let is_each = base.len() == targets && graph.nodes[behind].inputs[0] == y && !graph.is_output(y);
    let is_same_shape = graph.value(y).shape == graph.value(graph.nodes[behind].output()).shape;
    (adds && is_each && is_same_shape).then_some((behind, base))
}

/// The trees in integers, and the scale of their sums.
fn forest(ensemble: &Ensemble, columns: &[Column], base: &[f32]) -> Result<(CodedForest, f32), String> {
    if ensemble.aggregate != Aggregate::Sum {
        return Err("the least or the greatest number of trees is taken".into());
    }
    let numbers = match &ensemble.leaves {
        Leaves::Numbers { numbers, .. } => numbers,
        Leaves::Rows { rows, .. } => rows,
    };
    let most = numbers.iter().fold(0.0f64, |most, &number| most.max(f64::from(number).abs()));
    let scale = if most > 0.0 { (most / LEAF_MAX) as f32 } else { 1.0 };
    if !(scale.is_finite() && scale > 0.0) {
        return Err(format!("leaves of {most} have no scale"));
    }
    let code = |number: f32| (f64::from(number) / f64::from(scale)).round();
    let code_i16 = |&number: &f32| code(number).clamp(-LEAF_MAX, LEAF_MAX) as i16;
    let mut coded = CodedForest {
        features: columns.iter().map(|column| column.code).collect(),
        starts: Vec::with_capacity(ensemble.starts.len()),
        nodes: Vec::with_capacity(ensemble.nodes.len()),
        base: vec![0; ensemble.targets],
        leaves: CodedLeaves::Numbers { numbers: Vec::new(), targets: Vec::new() },
    };
    for (to, &number) in coded.base.iter_mut().zip(base) {
        *to = code(number) as i32;
    }
    let mut order = Vec::with_capacity(ensemble.nodes.len() + ensemble.starts.len());
    for tree in 0..ensemble.starts.len() {
        coded.starts.push(coded.nodes.len());
        flatten(ensemble, tree, columns, (&mut coded.nodes, &mut order))?;
    }
    coded.leaves = match &ensemble.leaves {
        Leaves::Numbers { numbers, targets } => CodedLeaves::Numbers {
            numbers: order.iter().map(|&leaf| code_i16(&numbers[leaf])).collect(),
            targets: targets.clone(),
        },
        Leaves::Rows { rows, places } => CodedLeaves::Rows {
            rows: rows.iter().map(code_i16).collect(),
            places: order.iter().map(|&leaf| places[leaf]).collect(),
        },
    };
    Ok((coded, scale))
}

/// Puts the nodes of a tree in the order in which yes to `x <= t` comes first, and names the leaves in that order.
fn flatten(
    ensemble: &Ensemble,
    tree: usize,
    columns: &[Column],
    (nodes, leaves): (&mut Vec<codes::Node>, &mut Vec<usize>),
) -> Result<(), String> {
    let (of_tree, first_leaf) = ensemble.tree(tree);
    if of_tree.is_empty() {
        // A device's tree has a node: one with the same leaf on both sides.
        nodes.push(codes::Node { feature: 0, skip: 1, is_last: true, threshold: 0 });
        leaves.extend([first_leaf; 2]);
        return Ok(());
    }
    // A part of the tree: its first node, its first leaf, its nodes.
    let mut waiting = vec![(0usize, first_leaf, of_tree.len())];
    while let Some((at, leaf, size)) = waiting.pop() {
        if size == 0 {
            leaves.push(leaf);
            continue;
        }
        let node = &of_tree[at];
        let parts = [(at + 1, leaf, node.skip - 1), (at + node.skip, leaf + node.skip, size - node.skip)];
        let [yes, no] = if node.question == Question::LessEqual { parts } else { [parts[1], parts[0]] };
        nodes.push(codes::Node {
            feature: node.feature,
            skip: yes.2 + 1,
            is_last: no.2 == 0,
            threshold: columns[node.feature].threshold(threshold(node)?),
        });
        waiting.extend([no, yes]);
    }
    Ok(())
}
