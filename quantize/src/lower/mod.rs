//! From a graph to operator records and constants; only the arena offsets are still missing.
//!
//! Each operator says which records compute it (`op::Operator::lower`). This pass walks the graph, shows each node to
//! its operator as an `op::lowering::Site`, and makes steps of what comes back. What a record cannot say is refused, and
//! all refusals of a graph are reported together, each with its node and with what would work instead.

#[cfg(test)]
mod tests;

use std::fmt;

use kinglet_blob::OpCode;
use kinglet_blob::records::Copy;

use crate::ir::{DType, Graph, Node, ValueId};
use crate::op::lowering::constants::Constants;
use crate::op::lowering::site::Slot;
use crate::op::lowering::{Emission, Read, Reason, Site, narrow, refuse};
use crate::program::{Input, Layout, Program, Step, Tensor};
use crate::record::Overlap;
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

/// Turns a verified graph into operators for `target`.
pub fn lower(graph: &Graph, target: Target) -> Result<Program, LowerError> {
    let layout = Layout::new(graph);
    let mut lowering = Lowering { graph, target, layout: &layout, constants: Constants::default(), steps: Vec::new() };
    let mut refusals = lowering.refuse_ports();
    for (index, node) in graph.nodes.iter().enumerate() {
        if let Err(Reason { reason, remedy }) = lowering.node(index, node) {
            refusals.push(Refusal { node: node.name.clone(), op: node.op.name(), reason, remedy });
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
const ARENA_TYPES: [DType; 6] = [DType::F32, DType::I8, DType::I16, DType::U8, DType::I32, DType::Bool];

/// A graph while it is being lowered.
struct Lowering<'g> {
    graph: &'g Graph,
    target: Target,
    layout: &'g Layout,
    constants: Constants,
    steps: Vec<Step>,
}

impl<'g> Lowering<'g> {
    /// Appends the steps of a node.
    fn node(&mut self, index: usize, node: &Node) -> Result<(), Reason> {
        self.check_operands(node)?;
        let (graph, layout) = (self.graph, self.layout);
        let slots = |ids: &[ValueId]| {
            ids.iter().map(|&id| Slot { value: graph.value(id), place: layout.place(id) }).collect::<Vec<_>>()
        };
        let mut site = Site::new(self.target, slots(&node.inputs), slots(&node.outputs), &mut self.constants);
        site.may_round = graph.has_own_scales;
        node.op.operator().lower(&mut site)?;
        for emission in site.into_emissions() {
            self.steps.push(self.step(index, node, emission));
        }
        Ok(())
    }

    /// An operator of the blob with the graph's values for its node's operands and results.
    fn step(&self, index: usize, node: &Node, emission: Emission) -> Step {
        let Emission { opcode, form, record, reads, writes, input_offset, output_offset, scratch_bytes, overlap } =
            emission;
        let input = |read: Read| match read {
            Read::Operand(position) => Input::Tensor(self.tensor(node.inputs[position])),
            Read::Constant(dtype, offset) => Input::Constant(dtype.into(), offset),
        };
        Step {
            node: index,
            opcode,
            form,
            record,
            inputs: reads.into_iter().map(input).collect(),
            outputs: writes.into_iter().map(|position| self.tensor(node.outputs[position])).collect(),
            states: Vec::new(),
            input_offset,
            output_offset,
            scratch_bytes,
            overlap,
            stripe: None,
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
            let [next, value] = [state.next, state.value].map(|id| self.tensor(id));
            let step = Step::new(OpCode::Copy, record, next, value, Overlap::Never);
            self.steps.push(Step { node: self.graph.nodes.len(), ..step });
        }
        Ok(())
    }

    /// Operands that are read from the arena must be computed, and be of a type that kernels know.
    fn check_operands(&self, node: &Node) -> Result<(), Reason> {
        let weighted = node.op.operator().layer().is_some();
        let computed = |id: &ValueId| self.graph.value(*id).elements.is_none();
        let data = if weighted { &node.inputs[..1] } else { &node.inputs[..] };
        if !data.iter().any(computed) && !node.op.operator().stores_constants() {
            return refuse("all its operands are constants", "fold it before compiling");
        }
        let types = |id: &ValueId| ARENA_TYPES.contains(&self.graph.value(*id).dtype);
        if let Some(id) = data.iter().chain(&node.outputs).find(|id| !types(id)) {
            let value = self.graph.value(*id);
            return refuse(
                format!("`{}` is {:?}", value.name, value.dtype),
                "activations must be float32, int8, int16, uint8, int32 or bool",
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
                let remedy = "inputs and outputs must be float32, int8, int16, uint8, int32 or bool";
                add(format!("its type is {:?}", value.dtype), remedy);
            }
        }
        refusals
    }

    /// A computed value as an operand.
    fn tensor(&self, id: ValueId) -> Tensor {
        Tensor { id, dtype: self.graph.value(id).dtype.into() }
    }
}
