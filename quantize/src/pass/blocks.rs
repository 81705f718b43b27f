//! Weights that have a scale for each block of inputs become those of groups, which have one for each output.
//!
//! A record has one scale for each output channel, and weights on no such grid would be floats in the blob. Where each block
//! of inputs is on a grid of its own, as four-bit weights are made, the blocks are groups of a convolution over single pixels:
//!
//! ```text
//!   x [rows, K] -> [1, 1, rows, K] -> Conv2D in K / block groups -> [rows, blocks, O] -> sum -> [rows, O], + bias
//! ```
//!
//! The order of the sums is another one: of floats, before anything is quantized.

use kinglet_kernels::packing::Storage;

use super::integers::grid::{Codes, of_weights};
use super::{PassError, PassReport};
use crate::ir::{Activation, DType, Elements, Graph, Node, Op, Padding, Quantization, Value, ValueId};
use crate::op::rule::layer::WeightOrder;
use crate::op::{Add, Conv2D, Reduce, Reduction, Reshape};

/// The pass's name in reports.
const NAME: &str = "blocks";

/// Lengths of blocks that are looked for; of those that fit the longest is taken.
const LENS: [usize; 5] = [256, 128, 64, 32, 16];

/// The most groups' outputs that a record can say.
const OUTPUTS_MAX: usize = u16::MAX as usize;

/// Codes of a byte's half.
const NARROW_STEPS: i32 = 15;

/// See the module's head. It runs once, before weights get their codes back.
pub fn blocks(graph: &mut Graph) -> Result<PassReport, PassError> {
    let mut report = PassReport::new(NAME);
    for index in (0..graph.nodes.len()).rev() {
        if let Some(layer) = Layer::of(graph, index) {
            let name = graph.nodes[index].name.clone();
            layer.replace(graph, index);
            report.change(&name, "its blocks of weights are groups");
        }
    }
    graph.verify().map_err(|source| PassError::Broken { pass: NAME, source })?;
    Ok(report)
}

/// A dense layer whose weights are blocks.
struct Layer {
    outputs: usize,
    len: usize,
    count: usize,
    /// In the order of groups.
    weights: Codes,
    activation: Activation,
}

impl Layer {
    fn of(graph: &Graph, index: usize) -> Option<Layer> {
        let node = &graph.nodes[index];
        let order = node.op.operator().layer()?.order;
        let value = graph.value(*node.inputs.get(1)?);
        let is_marked = value.dtype == DType::F32 && value.quantization.is_some() && value.codes().is_none();
        let (&[outputs, depth], WeightOrder::Dense { groups: 1 }) = (value.shape.as_slice(), order) else {
            return None;
        };
        let reals = graph.constant_f32(node.inputs[1]).filter(|_| is_marked)?;
        if of_weights(reals, &value.shape, order).is_some() {
            return None;
        }
        let fits = |len: &usize| depth.is_multiple_of(*len) && depth > *len && outputs * (depth / len) <= OUTPUTS_MAX;
        let (len, found) = LENS.into_iter().filter(fits).find_map(|len| {
            let found = of_weights(reals, &[outputs * (depth / len), len], order)?;
            Some((len, found)).filter(|(_, found)| found.quantization.axis.is_some())
        })?;
        let count = depth / len;
        let mut activation = node.op.clone();
        let activation = activation.operator_mut().activation_mut().map(core::mem::take).unwrap_or_default();
        Some(Layer { outputs, len, count, weights: grouped(found, [outputs, count, len]), activation })
    }

    /// Puts the groups in the place of node `index`.
    fn replace(self, graph: &mut Graph, index: usize) {
        let node = graph.nodes.remove(index);
        let (name, x, y) = (node.name.clone(), node.inputs[0], node.output());
        let rows: usize = graph.value(y).shape.iter().product::<usize>() / self.outputs;
        let mut at = index;
        let mut add = |graph: &mut Graph, op: Op, inputs: Vec<ValueId>, output: ValueId| {
            let name = graph.value(output).name.clone();
            graph.nodes.insert(at, Node { name, op, inputs, outputs: vec![output] });
            at += 1;
        };
        let step =
            |graph: &mut Graph, what: &str, shape: Vec<usize>| graph.add_intermediate(&format!("{name}/{what}"), shape);
        let shape = vec![self.count * self.outputs, 1, 1, self.len];
        let (value, elements) = (graph.value(node.inputs[1]).clone(), Some(Elements::I8(self.weights.codes)));
        let weights = Value {
            name: graph.unique_name(&format!("{}/blocks", value.name)),
            dtype: DType::I8,
            shape,
            quantization: Some(self.weights.quantization),
            elements,
        };
        let weights = graph.add_value(weights.widened());
        let image = step(graph, "image", vec![1, 1, rows, self.count * self.len]);
        add(graph, Reshape.into(), vec![x], image);
        let parts = step(graph, "parts", vec![1, 1, rows, self.count * self.outputs]);
        let op = Conv2D {
            stride: [1, 1],
            dilation: [1, 1],
            padding: Padding::default(),
            groups: self.count,
            activation: Activation::None,
        };
        add(graph, op.into(), vec![image, weights], parts);
        let blocks = step(graph, "blocks", vec![rows, self.count, self.outputs]);
        add(graph, Reshape.into(), vec![parts], blocks);
        let sum = step(graph, "sum", vec![rows, self.outputs]);
        let reduce = Reduce { kind: Reduction::Sum, axes: vec![1], keep_dims: false };
        add(graph, reduce.into(), vec![blocks], sum);
        if node.inputs.get(2).is_none() && self.activation == Activation::None {
            return add(graph, Reshape.into(), vec![sum], y);
        }
        let whole = graph.value(y).shape.clone();
        let bias = node.inputs.get(2).and_then(|&bias| graph.constant_f32(bias)).map(<[f32]>::to_vec);
        let bias = bias.unwrap_or_else(|| vec![0.0; self.outputs]);
        let mut line = vec![1; whole.len()];
        if let Some(last) = line.last_mut() {
            *last = self.outputs;
        }
        let bias = graph.add_constant(&format!("{name}/bias"), line, Elements::F32(bias));
        let shaped = step(graph, "rows", whole);
        add(graph, Reshape.into(), vec![sum], shaped);
        add(graph, Add { activation: self.activation }.into(), vec![shaped, bias], y);
    }
}

/// Rows of `[output, block]` as rows of `[block, output]`, in four bits where every block is within those.
fn grouped(found: Codes, [outputs, count, len]: [usize; 3]) -> Codes {
    let rows: Vec<usize> =
        (0..count).flat_map(|block| (0..outputs).map(move |output| output * count + block)).collect();
    let of = &found.quantization;
    let steps =
        |row: usize| found.codes[row * len..(row + 1) * len].iter().map(move |&code| i32::from(code) - of.zero_of(row));
    let ends = |row: usize| steps(row).fold((0, 0), |(low, high), step| (low.min(step), high.max(step)));
    let is_narrow = rows.iter().all(|&row| matches!(ends(row), (low, high) if high - low <= NARROW_STEPS));
    let zero = |row: usize| match ends(row) {
        _ if !is_narrow => of.zero_of(row),
        (low, high) if low >= -8 && high <= 7 => 0,
        (low, _) => -8 - low,
    };
    let codes = rows.iter().flat_map(|&row| steps(row).map(move |step| (step + zero(row)) as i8)).collect();
    let quantization = Quantization {
        scales: rows.iter().map(|&row| of.scale(row)).collect(),
        zero_points: rows.iter().map(|&row| zero(row)).collect(),
        axis: Some(0),
        storage: if is_narrow { Storage::Bits4 } else { Storage::Bits8 },
    };
    Codes { codes, quantization }
}
