//! From a graph to operator records and constants; only the arena offsets are still missing.
//!
//! Each family of operators has a file that turns a node into one or more [`Step`]s: parameters computed as
//! the oracle computes them (`op::fixed`), weights in the order the target's kernels read them
//! (`choose`). What a record cannot say is refused, and all refusals of a graph are reported together, each
//! with its node and with what would work instead.

mod binary;
mod choose;
mod concat;
mod constants;
mod convolution;
mod fully_connected;
mod int16;
mod layer;
mod mean;
mod pad;
mod pool;
mod slice;
mod softmax;
#[cfg(test)]
mod tests;
mod transpose_conv;
mod unary;
mod window;

use crate::op::{Add, AveragePool2D, Concat, FullyConnected, MaxPool2D, Mean, Mul, Pad, Softmax, Transpose};
use std::fmt;

use kinglet_blob::OpCode;
use kinglet_blob::records::Copy;

pub use constants::Constants;

use crate::ir::{DType, Elements, Graph, Node, Op, Quantization, ValueId};
use crate::program::{Layout, Program, Step, Tensor};
use crate::record::{Overlap, Record};
use crate::target::Target;

/// A node that cannot be lowered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its name in the source model.
    pub node: String,
    /// What it computes.
    pub op: &'static str,
    /// Which limit it exceeds.
    pub reason: String,
    /// What would work.
    pub remedy: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Refusal { node, op, reason, remedy } = self;
        write!(f, "node `{node}` ({op}): {reason}; {remedy}")
    }
}

/// Why a graph cannot be lowered: every node that stands in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LowerError {
    /// In execution order, never empty.
    pub refusals: Vec<Refusal>,
}

impl fmt::Display for LowerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.refusals.as_slice() {
            [refusal] => refusal.fmt(f),
            refusals => {
                write!(f, "{} nodes cannot be compiled:", refusals.len())?;
                refusals.iter().try_for_each(|refusal| write!(f, "\n  {refusal}"))
            }
        }
    }
}

impl core::error::Error for LowerError {}

/// A refusal before its node is attached.
#[derive(Debug)]
struct Reason {
    reason: String,
    remedy: String,
}

/// The error of a node that has `reason` and could be replaced by `remedy`.
fn refuse<T>(reason: impl Into<String>, remedy: impl Into<String>) -> Result<T, Reason> {
    Err(Reason { reason: reason.into(), remedy: remedy.into() })
}

/// The error of a node whose output has an element type that its operator's lowering does not name.
///
/// `check_types` of the operators refuses these graphs first; this keeps a type added there from being taken for int8.
fn no_kernel<T>(dtype: DType) -> Result<T, Reason> {
    refuse(format!("no kernel writes {dtype:?} for it"), "use float32 or int8")
}

/// Turns a verified graph into operators for `target`.
pub fn lower(graph: &Graph, target: Target) -> Result<Program, LowerError> {
    let layout = Layout::new(graph);
    let mut lowering = Lowering { graph, target, layout: &layout, constants: Constants::default(), steps: Vec::new() };
    let mut refusals = lowering.refuse_ports();
    for (index, node) in graph.nodes.iter().enumerate() {
        let first = lowering.steps.len();
        match lowering.node(node) {
            Ok(()) => lowering.steps[first..].iter_mut().for_each(|step| step.node = index),
            Err(Reason { reason, remedy }) => {
                refusals.push(Refusal { node: node.name.clone(), op: node.op.name(), reason, remedy });
            }
        }
    }
    if let Err(Reason { reason, remedy }) = lowering.keep_states() {
        refusals.push(Refusal { node: graph.name.clone(), op: "state", reason, remedy });
    }
    let Lowering { constants, steps, .. } = lowering;
    if refusals.is_empty() {
        Ok(Program { steps, weights: constants.into_bytes(), layout })
    } else {
        Err(LowerError { refusals })
    }
}

/// Types of tensors that are read and written.
const ARENA_TYPES: [DType; 4] = [DType::F32, DType::I8, DType::I16, DType::U8];

/// A graph while it is being lowered.
struct Lowering<'g> {
    graph: &'g Graph,
    target: Target,
    layout: &'g Layout,
    constants: Constants,
    steps: Vec<Step>,
}

impl<'g> Lowering<'g> {
    fn node(&mut self, node: &Node) -> Result<(), Reason> {
        self.check_operands(node)?;
        match &node.op {
            Op::Conv2D(_) => self.convolution(node),
            Op::DepthwiseConv2D(_) => self.depthwise(node),
            Op::TransposeConv2D(op) => self.transpose_conv(node, op),
            Op::FullyConnected(FullyConnected { activation }) => self.fully_connected(node, *activation),
            Op::AveragePool2D(AveragePool2D { window, activation })
            | Op::MaxPool2D(MaxPool2D { window, activation }) => self.pool(node, window, *activation),
            Op::Add(Add { activation }) | Op::Mul(Mul { activation }) => self.binary(node, *activation),
            Op::Softmax(Softmax { beta }) => self.softmax(node, *beta),
            Op::Reshape(_) => Ok(()),
            Op::Pad(Pad { before, value, .. }) => self.pad(node, before, *value),
            Op::Concat(Concat { axis }) => self.concat(node, *axis),
            Op::Mean(Mean { axes, .. }) => self.mean(node, axes),
            Op::Relu(_) | Op::Relu6(_) | Op::Logistic(_) | Op::Tanh(_) | Op::Quantize(_) | Op::Dequantize(_) => {
                self.unary(node)
            }
            Op::BatchNorm(_) => refuse(
                "batch normalization that no convolution or dense layer precedes has no kernel",
                "put it right behind a Conv, Gemm or MatMul, or write it as Mul and Add",
            ),
            Op::Split(split) => self.slices(node, &split.slices(self.shape(node.inputs[0]).len())),
            Op::Slice(slice) => self.slices(node, core::slice::from_ref(slice)),
            Op::Transpose(Transpose { permutation }) => refuse(
                format!("the permutation {permutation:?} could not be moved to an input or output of the model"),
                "only layout changes around channels-first operators are supported",
            ),
        }
    }

    /// Puts what the states become into their places, when all that read them have run.
    fn keep_states(&mut self) -> Result<(), Reason> {
        for state in &self.graph.states {
            if self.layout.is_same(state.value, state.next) {
                continue;
            }
            let value = self.graph.value(state.value);
            let block_bytes = narrow(value.len() * value.dtype.size_bytes(), "the length of a state")?;
            let record = Copy { blocks: 1, block_bytes, input_stride: block_bytes, output_stride: block_bytes };
            let step = self.step(OpCode::Copy, record, [state.next, state.value], Overlap::Never);
            self.push(Step { node: self.graph.nodes.len(), ..step });
        }
        Ok(())
    }

    /// Operands that are read from the arena must be computed, and be of a type that kernels know.
    fn check_operands(&self, node: &Node) -> Result<(), Reason> {
        let weighted = node.op.operator().layer().is_some();
        let computed = |id: &ValueId| self.graph.value(*id).elements.is_none();
        let data = if weighted { &node.inputs[..1] } else { &node.inputs[..] };
        if !data.iter().any(computed) {
            return refuse("all its operands are constants", "fold it before compiling");
        }
        let types = |id: &ValueId| ARENA_TYPES.contains(&self.graph.value(*id).dtype);
        if let Some(id) = data.iter().chain(&node.outputs).find(|id| !types(id)) {
            let value = self.graph.value(*id);
            return refuse(
                format!("`{}` is {:?}", value.name, value.dtype),
                "activations must be float32, int8, int16 or uint8",
            );
        }
        if weighted && node.inputs[1..].iter().any(computed) {
            return refuse("its weights or bias are computed while the model runs", "they must be constants");
        }
        Ok(())
    }

    /// Ports have to be tensors of the arena that a port record can describe.
    fn refuse_ports(&self) -> Vec<Refusal> {
        let ports = self
            .graph
            .inputs
            .iter()
            .map(|port| (port, "input"))
            .chain(self.graph.outputs.iter().map(|port| (port, "output")));
        let mut refusals = Vec::new();
        for (port, op) in ports {
            let value = self.graph.value(port.value);
            let mut add = |reason: String, remedy: &str| {
                refusals.push(Refusal { node: port.name.clone(), op, reason, remedy: remedy.into() });
            };
            if value.elements.is_some() {
                add("its value does not depend on the model's inputs".into(), "remove it from the model's outputs");
            }
            if !ARENA_TYPES.contains(&value.dtype) {
                let remedy = "inputs and outputs must be float32, int8, int16 or uint8";
                add(format!("its type is {:?}", value.dtype), remedy);
            }
            if value.shape.is_empty() || value.shape.len() > 4 {
                add(format!("its shape {:?} has {} axes", value.shape, value.shape.len()), "1 to 4 axes are supported");
            }
        }
        refusals
    }

    /// A computed value as an operand.
    fn tensor(&self, id: ValueId) -> Tensor {
        Tensor { id, dtype: self.dtype(id).into() }
    }

    /// An operator from `input` to the whole of `output`, without scratch.
    fn step(&self, opcode: OpCode, record: impl Into<Record>, ends: [ValueId; 2], overlap: Overlap) -> Step {
        let [input, output] = ends.map(|id| self.tensor(id));
        Step::new(opcode, record, input, output, overlap)
    }

    /// Appends an operator; `lower` fills in its node.
    fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    fn dtype(&self, id: ValueId) -> DType {
        self.graph.value(id).dtype
    }

    fn shape(&self, id: ValueId) -> &'g [usize] {
        &self.graph.value(id).shape
    }

    /// The quantization of an int8 value, which the graph's verifier has seen.
    fn quantization(&self, id: ValueId) -> Result<&'g Quantization, Reason> {
        match &self.graph.value(id).quantization {
            Some(quantization) => Ok(quantization),
            None => refuse(format!("`{}` has no quantization", self.graph.value(id).name), "quantize the whole model"),
        }
    }

    fn i8s(&self, id: ValueId) -> Result<&'g [i8], Reason> {
        match &self.graph.value(id).elements {
            Some(Elements::I8(elements)) => Ok(elements),
            _ => refuse(format!("`{}` is not an int8 constant", self.graph.value(id).name), "quantize the whole model"),
        }
    }

    fn f32s(&self, id: ValueId) -> Result<&'g [f32], Reason> {
        match &self.graph.value(id).elements {
            Some(Elements::F32(elements)) => Ok(elements),
            _ => refuse(format!("`{}` is not a float constant", self.graph.value(id).name), "make it a constant"),
        }
    }
}

/// `value` as the integer type of a record's field.
fn narrow<T: TryFrom<usize>>(value: usize, what: &str) -> Result<T, Reason> {
    T::try_from(value).or_else(|_| {
        let max = (1u128 << (8 * size_of::<T>())) - 1;
        refuse(format!("{what} is {value}"), format!("at most {max} is supported"))
    })
}

/// The clamp of a float operator's fused activation.
fn clamp_f32(activation: crate::ir::Activation) -> (f32, f32) {
    use crate::ir::Activation;
    match activation {
        Activation::None => (f32::NEG_INFINITY, f32::INFINITY),
        Activation::Relu => (0.0, f32::INFINITY),
        Activation::Relu6 => (0.0, 6.0),
    }
}
