//! What comes behind the trees, in int16.
//!
//! Sums become int16 for all but those who only look for the greatest. All values have one scale, a power of two, so that
//! the halves at which two classes are equal have exact codes; probabilities have the scale that their kernels assume.

use crate::ir::{DType, Elements, Graph, Node, Quantization, Value, ValueId};
use crate::op::common::real::Real;
use crate::op::rule::quantization::Codes;
use crate::op::{CodedForest, Quantize};

/// The greatest code.
const CODE_MAX: f64 = 32_767.0;

/// What the kernels of probabilities give.
fn of_probabilities() -> Quantization {
    Quantization::per_tensor(1.0 / 32_768.0, 0)
}

/// Brings everything behind the trees of `coded`, which are on codes already, from floats to int16.
pub(super) fn quantize(float: &Graph, coded: &mut Graph) -> Result<(), String> {
    coded.nodes.retain(|node| !node.outputs.is_empty());
    let sums: Vec<ValueId> = coded
        .nodes
        .iter()
        .filter(|node| node.op.operator().coded_forest().is_some())
        .map(|node| node.output())
        .collect();
    let bounds = bounds(float, coded, &sums)?;
    let most = bounds.iter().flatten().flatten().fold(0.0f64, |most, &real| most.max(f64::from(real).abs()));
    if !most.is_finite() {
        return Err("what comes behind the trees has no bound".into());
    }
    let scale = (most / CODE_MAX).max(f64::from(f32::MIN_POSITIVE)).log2().ceil().exp2() as f32;
    let common = Quantization::per_tensor(scale, 0);
    let mut nodes = Vec::with_capacity(coded.nodes.len());
    for mut node in core::mem::take(&mut coded.nodes) {
        if !sums.contains(&node.output()) {
            follow(coded, &mut node, &common)?;
        }
        nodes.push(node);
    }
    coded.nodes = nodes;
    sums.iter().for_each(|&id| narrow(coded, id, &common));
    Ok(())
}

/// Two assignments of numbers to each value behind the trees: from all sums at their least, and from all at their greatest.
/// What adds, multiplies by constants and joins has its ends there.
fn bounds(float: &Graph, coded: &Graph, sums: &[ValueId]) -> Result<Vec<Option<[f32; 2]>>, String> {
    let mut ends: Vec<[Option<Vec<f32>>; 2]> = vec![[None, None]; coded.values.len()];
    for node in &coded.nodes {
        if sums.contains(&node.output()) {
            let (id, reach) = (node.output(), reach(coded, node));
            let len = coded.value(id).len();
            ends[id.0 as usize] = [Some(vec![-reach; len]), Some(vec![reach; len])];
            continue;
        }
        for side in [0, 1] {
            let of = |id: &ValueId| {
                let value = coded.value(*id);
                let data = float.constant_f32(*id).or(ends[id.0 as usize][side].as_deref());
                data.map(|data| Real { shape: &value.shape, dtype: float.value(*id).dtype, data })
            };
            let Some(operands) = node.inputs.iter().map(of).collect::<Option<Vec<_>>>() else { continue };
            let shapes: Vec<&[usize]> = node.outputs.iter().map(|id| coded.value(*id).shape.as_slice()).collect();
            let Some(results) = node.op.operator().evaluate(&operands, &shapes) else {
                return Err(format!("`{}` ({}) has no integer form behind trees", node.name, node.op.name()));
            };
            for (id, result) in node.outputs.iter().zip(results) {
                ends[id.0 as usize][side] = Some(result);
            }
        }
    }
    let is_real = |id: usize| float.values.get(id).is_some_and(|value| value.dtype == DType::F32);
    let bound = |(id, [least, greatest]): (usize, &[Option<Vec<f32>>; 2])| {
        let all = least.iter().chain(greatest).flatten();
        let most = all.fold(None::<f32>, |most, real| Some(most.map_or(real.abs(), |most| most.max(real.abs()))));
        most.filter(|_| is_real(id)).map(|most| [-most, most])
    };
    Ok(ends.iter().enumerate().map(bound).collect())
}

/// The greatest magnitude that a sum of leaves can have.
fn reach(graph: &Graph, node: &Node) -> f32 {
    let scale = graph.value(node.output()).quantization.as_ref().map_or(1.0, |quantization| quantization.scale(0));
    let codes = node.op.operator().coded_forest().map_or(0, CodedForest::sum_max);
    (codes as f64 * f64::from(scale)) as f32
}

/// Brings the float results and constants of a node to int16.
fn follow(graph: &mut Graph, node: &mut Node, common: &Quantization) -> Result<(), String> {
    let rule = node.op.operator().codes();
    for operand in &mut node.inputs {
        if let Some(reals) = graph.constant_f32(*operand).map(<[f32]>::to_vec) {
            *operand = constant(graph, *operand, &reals, common.scale(0));
        }
    }
    let of_operand = node.inputs.first().and_then(|id| graph.value(*id).quantization.clone());
    let quantization = match rule {
        Codes::Bound(_) | Codes::Usual(_) => of_probabilities(),
        Codes::Kept | Codes::Selected | Codes::Joined if of_operand.as_ref() == Some(&of_probabilities()) => {
            of_probabilities()
        }
        Codes::Kept | Codes::Selected | Codes::Joined | Codes::Rescaled => common.clone(),
    };
    for id in &node.outputs {
        let value = graph.value_mut(*id);
        if value.dtype == DType::F32 {
            (value.dtype, value.quantization) = (DType::I16, Some(quantization.clone()));
        }
    }
    Ok(())
}

/// How much finer or coarser than others a constant's scale may be: kernels shift by so many bits at most.
const SCALES_APART: f64 = 256.0;

/// A constant in int16, with a scale of its own where that is not far from the common one.
fn constant(graph: &mut Graph, id: ValueId, reals: &[f32], common: f32) -> ValueId {
    let most = reals.iter().fold(0.0f64, |most, &real| most.max(f64::from(real).abs()));
    let (own, common) = (most / CODE_MAX, f64::from(common));
    let scale = (own.max(common / SCALES_APART)) as f32;
    let codes = reals.iter().map(|&real| (f64::from(real) / f64::from(scale)).round() as i16).collect();
    let Value { name, shape, .. } = graph.value(id).clone();
    let new = graph.add_constant(&name, shape, Elements::I16(codes));
    graph.value_mut(new).quantization = Some(Quantization::per_tensor(scale, 0));
    new
}

/// Puts sums of 32 bits in front of the value `id`, which becomes int16, for those who look for the greatest; the value itself
/// goes where nobody else reads it.
fn narrow(graph: &mut Graph, id: ValueId, common: &Quantization) {
    let (sums, name) = (graph.value(id).clone(), graph.unique_name(&format!("{}/sums", graph.value(id).name)));
    let wide = graph.add_value(Value { name: name.clone(), ..sums });
    let value = graph.value_mut(id);
    (value.dtype, value.quantization) = (DType::I16, Some(common.clone()));
    let Some(at) = graph.nodes.iter().position(|node| node.outputs.contains(&id)) else { return };
    graph.nodes[at].outputs = vec![wide];
    for index in 0..graph.nodes.len() {
        let node = &graph.nodes[index];
        if node.op.operator().has_indices() && graph.value(node.output()).dtype == DType::I32 {
            let node = &mut graph.nodes[index];
            node.inputs.iter_mut().filter(|operand| **operand == id).for_each(|operand| *operand = wide);
        }
    }
    if graph.is_output(id) || !graph.consumers(id).is_empty() {
        let node = Node { name, op: Quantize.into(), inputs: vec![wide], outputs: vec![id] };
        graph.nodes.insert(at + 1, node);
    }
}
