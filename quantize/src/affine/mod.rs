//! Affine quantization: from a float graph and its calibrated ranges to an int8 graph.
//!
//! | what | how |
//! |---|---|
//! | weights | int8 in -127..=127, symmetric, one scale for each output channel, dense layers included |
//! | activations | int8, asymmetric, one scale and zero point; the range includes 0, which is exact |
//! | biases | int32 with the scale `input * weight`, then corrected (`bias_correction.rs`) |
//!
//! Fused activations belong to their operator, so the range of a ReLU's result starts at 0 and uses all 256
//! codes. Values that an operator does not rescale share their parameters (`sharing.rs`); scales that
//! would make an operator's integer arithmetic overflow are raised until they cannot (`scales.rs`,
//! `weights.rs`).
//!
//! The int8 graph has the float graph's values under the same ids (plus new constants and
//! requantized copies of operands), so both can be compared value by value: [`layer_errors`] does. Its inputs and outputs
//! are int8 with scale and zero point; converting reals is the caller's part.

mod activation;
mod bias_correction;
mod error_report;
mod island;
mod scales;
mod sharing;
#[cfg(test)]
mod tests;
mod weights;

pub use crate::op::fixed;
pub use activation::activation;
pub use bias_correction::correct_biases;
pub use error_report::{LayerError, LayerErrors, layer_errors};
pub(crate) use weights::ACCUMULATOR_MAX;

use crate::calibrate::{CalibrationTable, Range};
use crate::ir::{DType, Elements, Graph, GraphError, Node, Quantization, Value, ValueId};
use island::Island;
use scales::{Scales, float_layer};
use sharing::Sharing;

/// Why a graph cannot be quantized.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum QuantizeError {
    /// Some nodes have no int8 form; all of them are listed.
    #[error("{} cannot be quantized:{}", counted(.0.len()), .0.iter().map(|node| format!("\n  {node}")).collect::<String>())]
    Unsupported(Vec<Unquantizable>),
    /// Calibration did not compute a value.
    #[error("calibration has no range for `{value}`; calibrate the same graph that is quantized")]
    NoRange {
        /// The value.
        value: String,
    },
    /// The graph was malformed before quantization or, which is a defect of this step, after it.
    #[error("quantization, {stage}: {source}")]
    Graph {
        /// Whether it was found before or after.
        stage: &'static str,
        /// What is malformed.
        source: GraphError,
    },
}

/// A node without an int8 form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("node `{node}` ({op}): {reason}")]
pub struct Unquantizable {
    /// The node's name.
    pub node: String,
    /// Its operator.
    pub op: &'static str,
    /// Why not, and what would work.
    pub reason: String,
}

fn counted(nodes: usize) -> String {
    if nodes == 1 { "a node".into() } else { format!("{nodes} nodes") }
}

/// Quantizes `graph`, whose values have the ranges of `table`.
pub fn quantize(graph: &Graph, table: &CalibrationTable) -> Result<Graph, QuantizeError> {
    graph.verify().map_err(|source| QuantizeError::Graph { stage: "given", source })?;
    let refused: Vec<Unquantizable> = graph.nodes.iter().filter_map(|node| refuse(graph, node)).collect();
    if !refused.is_empty() {
        return Err(QuantizeError::Unsupported(refused));
    }
    check_ranges(graph, table)?;
    let sharing = Sharing::new(graph, &|id| range_of(graph, table, id));
    let quantizer = Quantizer { float: graph, scales: Scales::new(graph, sharing) };
    let quantized = quantizer.quantize();
    quantized.verify().map_err(|source| QuantizeError::Graph { stage: "result", source })?;
    Ok(quantized)
}

/// The reason why a node has no int8 form.
fn refuse(graph: &Graph, node: &Node) -> Option<Unquantizable> {
    let constant = |id: &ValueId| graph.constant_f32(*id).is_some();
    let operator = node.op.operator();
    if island::stays(graph, node) {
        return None;
    }
    let reason = if let Some(reason) = operator.no_int8_form() {
        reason.into()
    } else if operator.layer().is_some() && !node.inputs[1..].iter().all(constant) {
        "its weights or bias are computed at run time; they must be constants".into()
    } else {
        // Truth values that choose among others, and indices, stay what they are.
        let stays = |dtype: DType| dtype == DType::Bool || dtype == DType::I32 && operator.has_indices();
        let is_other = |id: &&ValueId| graph.value(**id).dtype != DType::F32 && !stays(graph.value(**id).dtype);
        let operand = node.inputs.iter().chain(&node.outputs).find(is_other)?;
        let value = graph.value(*operand);
        format!("`{}` is {:?}, only float32 is quantized", value.name, value.dtype)
    };
    Some(Unquantizable { node: node.name.clone(), op: node.op.name(), reason })
}

/// Every input and computed value was observed.
fn check_ranges(graph: &Graph, table: &CalibrationTable) -> Result<(), QuantizeError> {
    let inputs = graph.inputs.iter().map(|port| port.value);
    let mut ids = inputs.chain(graph.nodes.iter().flat_map(|node| node.outputs.iter().copied()));
    let is_float = |id: &ValueId| graph.value(*id).dtype == DType::F32;
    match ids.find(|id| is_float(id) && table.get(*id).is_none_or(Range::is_empty)) {
        None => Ok(()),
        Some(id) => Err(QuantizeError::NoRange { value: graph.value(id).name.clone() }),
    }
}

/// The range of a value: a constant's is that of its elements.
fn range_of(graph: &Graph, table: &CalibrationTable, id: ValueId) -> Range {
    let of_constant = |elements: &[f32]| elements.iter().fold(Range::EMPTY, |range, &x| range.including(x));
    graph.constant_f32(id).map(of_constant).or(table.get(id)).unwrap_or(Range::EMPTY)
}

struct Quantizer<'g> {
    float: &'g Graph,
    scales: Scales,
}

impl Quantizer<'_> {
    fn quantize(&self) -> Graph {
        let mut graph = self.float.clone();
        graph.has_own_scales = true;
        let computed = self.float.nodes.iter().flat_map(|node| node.outputs.iter().copied());
        let is_quantized =
            |id: &ValueId| self.float.value(*id).dtype == DType::F32 && !island::stays_real(self.float, *id);
        for id in self.float.inputs.iter().map(|port| port.value).chain(computed).filter(is_quantized) {
            let quantization = Some(self.scales.of(id));
            let value = graph.value_mut(id);
            (value.dtype, value.quantization) = (DType::I8, quantization);
        }
        let mut nodes = Vec::with_capacity(self.float.nodes.len());
        let mut island = Island::default();
        for (index, node) in self.float.nodes.iter().enumerate() {
            let mut node = node.clone();
            if island::stays(self.float, &node) {
                island.add(&mut graph, node, &mut nodes);
                continue;
            }
            if float_layer(self.float, &node).is_some() {
                self.layer(&mut graph, &mut node);
            } else {
                self.operands(&mut graph, index, &mut node, &mut nodes);
            }
            nodes.push(node);
        }
        graph.nodes = nodes;
        graph
    }

    /// Replaces the weights and bias of a layer. They are new constants: a shared one has other scales elsewhere.
    fn layer(&self, graph: &mut Graph, node: &mut Node) {
        let Some(float) = float_layer(self.float, node) else { return };
        let input_scale = self.scales.of(node.inputs[0]).scale(0);
        let integers = float.quantize(input_scale, self.scales.of(node.output()).scale(0));
        let axis = if float.channels_last { 3 } else { 0 };
        let (elements, quantization) = integers.weights(axis);
        node.inputs[1] = replace_constant(graph, node.inputs[1], elements, quantization);
        if let Some((elements, quantization)) = integers.bias(input_scale) {
            node.inputs[2] = replace_constant(graph, node.inputs[2], elements, quantization);
        }
        // An activation read as the first operand may itself be a constant.
        node.inputs[0] = self.constant_operand(graph, node.inputs[0], None);
    }

    /// Quantizes constant operands; puts a requantization before operands that need one.
    fn operands(&self, graph: &mut Graph, index: usize, node: &mut Node, nodes: &mut Vec<Node>) {
        for position in 0..node.inputs.len() {
            let operand = node.inputs[position];
            let into = self.scales.requantized(index, position, node.outputs[0]);
            node.inputs[position] = match into {
                Some(into) if self.float.value(operand).elements.is_none() => requantize(graph, operand, into, nodes),
                into => self.constant_operand(graph, operand, into),
            };
        }
    }

    /// A quantized copy of a constant operand; any other operand itself.
    fn constant_operand(&self, graph: &mut Graph, operand: ValueId, into: Option<Quantization>) -> ValueId {
        let Some(elements) = self.float.constant_f32(operand) else { return operand };
        let quantization = into.unwrap_or_else(|| self.scales.of(operand));
        let codes = elements.iter().map(|&real| fixed::quantize_real(real, &quantization)).collect();
        replace_constant(graph, operand, Elements::I8(codes), quantization)
    }
}

/// Adds a constant of the same name and shape as `old` and returns its id.
fn replace_constant(graph: &mut Graph, old: ValueId, elements: Elements, quantization: Quantization) -> ValueId {
    let Value { name, shape, .. } = graph.value(old);
    let (name, shape) = (name.clone(), shape.clone());
    let id = graph.add_constant(&name, shape, elements);
    graph.value_mut(id).quantization = Some(quantization);
    id
}

/// Adds a node that brings `operand` to another quantization.
fn requantize(graph: &mut Graph, operand: ValueId, into: Quantization, nodes: &mut Vec<Node>) -> ValueId {
    let mut value = graph.value(operand).clone();
    let name = graph.unique_name(&format!("{}/requantized", value.name));
    (value.name, value.quantization) = (name.clone(), Some(into));
    let output = graph.add_value(value);
    nodes.push(Node { name, op: crate::op::Quantize.into(), inputs: vec![operand], outputs: vec![output] });
    output
}
