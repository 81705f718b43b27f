//! Runs a graph by compiling it and asking the engine what every operator computed.
//!
//! What is calibrated with is thereby what is shipped: the same kernels, the same order of additions. The engine
//! shows what it writes; values that it never writes on their own (a Reshape is the same memory, operands of a
//! Concat may be computed in place, results of a Split stay in its operand) are put together from those it did.

use kinglet::Tracer;
use kinglet_blob::OpCode;

use super::{Runner, RunnerError};
use crate::emit::{self, Assembly, BuildError, Manifest, SourceKind};
use crate::host::{AlignedBlob, with_session};
use crate::ir::{DType, Graph, Node, Port, ValueId};
use crate::op::rule::moves::Source;
use crate::target::Target;

/// A graph compiled for the host.
#[derive(Debug)]
pub struct EngineRunner<'g> {
    graph: &'g Graph,
    blob: AlignedBlob,
    /// For each operator of the blob the value it writes, and from which byte on.
    written: Vec<(ValueId, usize)>,
}

/// An element type that graphs compute on.
pub trait Element: Copy + Default {
    /// The graph's name for it.
    const DTYPE: DType;

    /// From little-endian bytes; a remainder is ignored.
    fn read(bytes: &[u8]) -> Vec<Self>;

    /// To little-endian bytes.
    fn write(elements: &[Self]) -> Vec<u8>;

    /// As a number.
    fn number(self) -> f32;
}

/// The bytes of numbers in a type without scale.
fn numbers(dtype: DType, numbers: impl Iterator<Item = f32>) -> Vec<u8> {
    let of = |number: f32| match dtype {
        DType::I32 => (number as i32).to_le_bytes().to_vec(),
        DType::I16 => (number as i16).to_le_bytes().to_vec(),
        DType::I8 => vec![number as i8 as u8],
        DType::Bool => vec![u8::from(number != 0.0)],
        _ => vec![number as u8],
    };
    numbers.flat_map(of).collect()
}

impl Element for f32 {
    const DTYPE: DType = DType::F32;

    fn read(bytes: &[u8]) -> Vec<Self> {
        let (words, _) = bytes.as_chunks();
        words.iter().map(|word| f32::from_le_bytes(*word)).collect()
    }

    fn write(elements: &[Self]) -> Vec<u8> {
        elements.iter().flat_map(|element| element.to_le_bytes()).collect()
    }

    fn number(self) -> f32 {
        self
    }
}

impl Element for i8 {
    const DTYPE: DType = DType::I8;

    fn read(bytes: &[u8]) -> Vec<Self> {
        bytes.iter().map(|&byte| byte as i8).collect()
    }

    fn write(elements: &[Self]) -> Vec<u8> {
        elements.iter().map(|&element| element as u8).collect()
    }

    fn number(self) -> f32 {
        self.into()
    }
}

impl<'g> EngineRunner<'g> {
    /// Compiles a verified graph, float or int8, with the portable kernels.
    pub fn new(graph: &'g Graph) -> Result<Self, BuildError> {
        let assembly = Assembly::new(graph, Target::Portable)?;
        let manifest = Manifest::new(graph, emit::Source { kind: SourceKind::Graph, bytes: 0, crc32: 0 });
        let blob = assembly.blob(&manifest, &[])?;
        let written = assembly.program.steps.iter().map(|step| (step.output(), step.output_offset)).collect();
        Ok(EngineRunner { graph, blob, written })
    }
}

impl<T: Element> Runner<T> for EngineRunner<'_> {
    fn run(&mut self, inputs: &[&[T]], observe: &mut dyn FnMut(ValueId, &[T])) -> Result<(), RunnerError> {
        let mut trace =
            Trace { written: &self.written, values: vec![None; self.graph.values.len()], graph: self.graph };
        let port_bytes = |(port, input): (&Port, &&[T])| match self.graph.value(port.value).dtype {
            dtype if dtype == T::DTYPE => T::write(input),
            dtype => numbers(dtype, input.iter().map(|&element| element.number())),
        };
        let inputs: Vec<Vec<u8>> = self.graph.inputs.iter().zip(inputs).map(port_bytes).collect();
        with_session(&self.blob, |session| {
            for (index, input) in inputs.iter().enumerate() {
                let slot = session.input_raw(index)?;
                let len = slot.len().min(input.len());
                slot[..len].copy_from_slice(&input[..len]);
            }
            Ok(session.run_traced(&mut trace)?)
        })?;
        for (port, input) in self.graph.inputs.iter().zip(inputs) {
            trace.values[port.value.0 as usize] = Some(input);
        }
        for node in &self.graph.nodes {
            trace.complete(node)?;
            for &id in &node.outputs {
                if self.graph.value(id).dtype == T::DTYPE
                    && let Some(bytes) = &trace.values[id.0 as usize]
                {
                    observe(id, &T::read(bytes));
                }
            }
        }
        Ok(())
    }
}

/// What one inference wrote.
struct Trace<'g> {
    graph: &'g Graph,
    written: &'g [(ValueId, usize)],
    values: Vec<Option<Vec<u8>>>,
}

impl Tracer for Trace<'_> {
    fn finished(&mut self, index: usize, _: OpCode, output: &[u8]) {
        let Some(&(id, offset)) = self.written.get(index) else { return };
        let value = self.graph.value(id);
        let size_bytes = value.len() * value.dtype.size_bytes();
        let bytes = self.values[id.0 as usize].get_or_insert_with(|| vec![0; size_bytes]);
        // A batch is several operators that write one part each.
        if let Some(part) = bytes.get_mut(offset..offset + output.len()) {
            part.copy_from_slice(output);
        }
    }
}

impl Trace<'_> {
    /// Puts a value together that the engine did not write as a whole.
    fn complete(&mut self, node: &Node) -> Result<(), RunnerError> {
        let joined = match self.moved(node) {
            None => node.outputs.iter().map(|id| self.values[id.0 as usize].clone()).collect(),
            moved => moved,
        };
        let missing = || format!("the engine did not show what `{}` computed; please report this model", node.name);
        for (id, bytes) in node.outputs.iter().zip(joined.ok_or_else(missing)?) {
            self.values[id.0 as usize] = Some(bytes);
        }
        Ok(())
    }

    fn bytes(&self, id: ValueId) -> Option<Vec<u8>> {
        match &self.graph.value(id).elements {
            None => self.values[id.0 as usize].clone(),
            Some(elements) => Some(elements.bytes()),
        }
    }

    /// What an operator that only moves elements makes of its operands, whether or not the engine runs it.
    fn moved(&self, node: &Node) -> Option<Vec<Vec<u8>>> {
        let moves = node.moves(self.graph)?;
        let operands: Vec<Vec<u8>> = node.inputs.iter().map(|&id| self.bytes(id)).collect::<Option<_>>()?;
        let size = self.graph.value(*node.inputs.first()?).dtype.size_bytes();
        let of = |sources: &Vec<Source>| {
            let mut bytes = Vec::with_capacity(sources.len() * size);
            for source in sources {
                bytes.extend_from_slice(&operands[source.operand][source.element * size..][..size]);
            }
            bytes
        };
        Some(moves.iter().map(of).collect())
    }
}
