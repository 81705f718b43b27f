//! The proof that a memory plan is sound, from the definition.
//!
//! Every byte of the arena carries a label: which byte of which value was written there last. The placed
//! operators are replayed in execution order, pixel by pixel where their kernels' contract lets a result run
//! over its operand; each byte an operator reads must carry the label it expects, and each byte it writes
//! gets a new one. Nothing here knows lifetimes, buffers or leads: it reads the same records that go into the
//! blob, and the graph.
//!
//! An operator may compute some rows of its result only. All that is believed of such a record is which bytes of the
//! result it says it writes: from the graph follows which inputs they are made of, and those must be where the record
//! makes its kernel read.
//!
//! ```text
//! mod.rs      labels, and operators that go from element to element
//! windows.rs  operators that slide a window
//! bands.rs    those that take bands of rows into scratch memory
//! moves.rs    operators that only move elements
//! ```

mod bands;
mod moves;
mod windows;

use std::rc::Rc;

use kinglet_blob::records::Broadcast;
use kinglet_kernels::packing::WriteOrder;

use crate::ir::{Graph, Node, ValueId};
use crate::op::rule::memory::Placement;
use crate::op::rule::moves::Moves;
use crate::program::{Input, PlacedOperator, Program, Step};
use crate::record::Access;

/// What is wrong with a plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// A range leaves the arena.
    #[error("`{reader}` uses bytes {start} to {end} of an arena of {arena_bytes}")]
    OutOfArena {
        /// The node.
        reader: String,
        /// First byte.
        start: usize,
        /// Behind the last byte.
        end: usize,
        /// Size of the arena.
        arena_bytes: usize,
    },
    /// A value has been overwritten before it was used.
    #[error("`{reader}` expects byte {index} of `{value}` at {address}, where `{found}` is")]
    Overwritten {
        /// The node, or the output port.
        reader: String,
        /// The value it needs.
        value: String,
        /// Which byte of it.
        index: usize,
        /// Where it should be.
        address: usize,
        /// What is there.
        found: String,
    },
    /// A record computes something else than its node at this place of the result.
    #[error("`{reader}` does not compute byte {index} of its result as its operator does")]
    Miscomputed {
        /// The node.
        reader: String,
        /// First byte of the pixel, or of the range.
        index: usize,
    },
}

/// Label of memory that holds nothing.
const NOTHING: (u32, u32) = (u32::MAX, 0);

/// Replays `operators`, the steps of `program` with their addresses. `offset_of` says where the plan has put a value;
/// it is asked for the inputs and outputs of the graph and for results of operators that move elements.
pub fn verify(
    graph: &Graph,
    program: &Program,
    operators: &[PlacedOperator],
    offset_of: &dyn Fn(ValueId) -> Option<usize>,
    arena_bytes: usize,
) -> Result<(), VerifyError> {
    let mut replay = Replay {
        graph,
        labels: vec![NOTHING; arena_bytes],
        sources: sources(graph),
        reader: String::new(),
        moves: None,
    };
    let everywhere = |id: ValueId| (0, offset_of(id).unwrap_or(NOWHERE), bytes_of(graph, id));
    for port in &graph.inputs {
        replay.reader = port.name.clone();
        let (first, address, bytes) = everywhere(port.value);
        replay.write(port.value, first, address, bytes)?;
    }
    for state in &graph.states {
        replay.reader = state.name.clone();
        let (first, address, bytes) = everywhere(state.value);
        replay.write(state.value, first, address, bytes)?;
    }
    let has_parts = |node: &Node| matches!(node.placement(graph), Placement::Joined(_) | Placement::Taken(_));
    let mut joints = (0..graph.nodes.len()).filter(|&index| has_parts(&graph.nodes[index])).peekable();
    for (step, placed) in program.steps.iter().zip(operators) {
        while let Some(index) = joints.next_if(|&index| index < step.node) {
            replay.rename_parts(index, offset_of);
        }
        replay.reader = graph.nodes.get(step.node).map_or_else(String::new, |node| node.name.clone());
        replay.step(step, placed)?;
    }
    for index in joints {
        replay.rename_parts(index, offset_of);
    }
    for port in &graph.outputs {
        replay.reader = format!("output {}", port.name);
        let (first, address, bytes) = everywhere(port.value);
        replay.read(port.value, first, address, bytes)?;
    }
    for state in &graph.states {
        replay.reader = format!("state {}", state.name);
        let (first, address, bytes) = everywhere(state.value);
        replay.read(state.next, first, address, bytes)?;
    }
    Ok(())
}

/// An address that is in no arena, and no sum of it with a length either.
const NOWHERE: usize = usize::MAX / 2;

/// The value whose bytes each value is: a Reshape is another name for its operand.
fn sources(graph: &Graph) -> Vec<u32> {
    let mut sources: Vec<u32> = (0..graph.values.len() as u32).collect();
    for node in graph.nodes.iter().filter(|node| node.placement(graph) == Placement::Renamed) {
        sources[node.output().0 as usize] = sources[node.inputs[0].0 as usize];
    }
    sources
}

fn bytes_of(graph: &Graph, id: ValueId) -> usize {
    graph.value(id).len() * graph.value(id).dtype.size_bytes()
}

/// The state of the arena while operators are replayed.
struct Replay<'g> {
    graph: &'g Graph,
    /// Value and byte index, for each byte of the arena.
    labels: Vec<(u32, u32)>,
    /// By value, see [`sources`].
    sources: Vec<u32>,
    /// Who reads and writes, for messages.
    reader: String,
    /// What the node that was asked for last moves where.
    moves: Option<(usize, Rc<Moves>)>,
}

/// An operator's operand and result while it is replayed, and the addresses that its record gives them.
#[derive(Clone, Copy)]
struct Flow {
    node: usize,
    input: ValueId,
    input_at: usize,
    output: ValueId,
    output_at: usize,
    /// Which byte of the result the first one is.
    first: usize,
}

impl Replay<'_> {
    fn range(&self, start: usize, bytes: usize) -> Result<core::ops::Range<usize>, VerifyError> {
        let end = start.saturating_add(bytes);
        if end > self.labels.len() {
            let (reader, arena_bytes) = (self.reader.clone(), self.labels.len());
            return Err(VerifyError::OutOfArena { reader, start, end, arena_bytes });
        }
        Ok(start..end)
    }

    /// Bytes `first .. first + bytes` of `id` are at `address`.
    fn read(&self, id: ValueId, first: usize, address: usize, bytes: usize) -> Result<(), VerifyError> {
        let value = self.sources[id.0 as usize];
        let range = self.range(address, bytes)?;
        let wrong = |(offset, label): (usize, &(u32, u32))| *label != (value, (first + offset) as u32);
        match self.labels[range].iter().enumerate().position(wrong) {
            None => Ok(()),
            Some(offset) => Err(self.overwritten(id, first + offset, address + offset)),
        }
    }

    fn overwritten(&self, id: ValueId, index: usize, address: usize) -> VerifyError {
        let (found, found_index) = self.labels[address];
        let found = match self.graph.values.get(found as usize) {
            Some(value) => format!("byte {found_index} of {}", value.name),
            None => "nothing".into(),
        };
        let (reader, value) = (self.reader.clone(), self.graph.value(id).name.clone());
        VerifyError::Overwritten { reader, value, index, address, found }
    }

    fn miscomputed<T>(&self, index: usize) -> Result<T, VerifyError> {
        Err(VerifyError::Miscomputed { reader: self.reader.clone(), index })
    }

    /// Writes bytes `first .. first + bytes` of `id` to `address`.
    fn write(&mut self, id: ValueId, first: usize, address: usize, bytes: usize) -> Result<(), VerifyError> {
        let value = self.sources[id.0 as usize];
        let range = self.range(address, bytes)?;
        for (offset, label) in self.labels[range].iter_mut().enumerate() {
            *label = (value, (first + offset) as u32);
        }
        Ok(())
    }

    /// Scratch may hold anything before, while and after its operator runs.
    fn spoil(&mut self, start: usize, bytes: usize) -> Result<(), VerifyError> {
        if bytes > 0 {
            let range = self.range(start, bytes)?;
            self.labels[range].fill(NOTHING);
        }
        Ok(())
    }

    fn step(&mut self, step: &Step, placed: &PlacedOperator) -> Result<(), VerifyError> {
        let flow = Flow {
            node: step.node,
            input: step.input(),
            input_at: placed.input_at(step.inputs.iter().position(|input| input.tensor().is_some()).unwrap_or(0)),
            output: step.output(),
            output_at: placed.output_at(0),
            first: step.output_offset,
        };
        let scratch = placed.scratch_at();
        self.spoil(scratch, step.scratch())?;
        self.accessed(placed.record.access(placed.head()), step, placed, flow)?;
        self.spoil(scratch, step.scratch())
    }

    /// Replays what a record's kernel does by its contract.
    fn accessed(
        &mut self,
        access: Access<'_>,
        step: &Step,
        placed: &PlacedOperator,
        flow: Flow,
    ) -> Result<(), VerifyError> {
        let size = placed.dtype().size_bytes();
        match access {
            Access::Windows(window, WriteOrder::Bands(bands)) => self.planes(window, &bands, flow),
            Access::Windows(window, WriteOrder::Pixels(order)) => self.windowed(window, order, flow),
            Access::Rows { rows, input, output } => self.rows(flow, rows, size * input, size * output),
            Access::Pairs(broadcast) => self.binary(step, placed, broadcast, flow, size),
            Access::Elements { len, .. } => self.elementwise(flow, len, size),
            // What a state becomes keeps its own label at the state's place: who reads the state after that is found.
            Access::Blocks(copy) if self.is_kept(flow) => {
                let flow = Flow { output: flow.input, ..flow };
                self.moved(flow, copy.block_bytes as usize)
            }
            Access::Blocks(copy) if flow.input == flow.output => self.moved(flow, copy.block_bytes as usize),
            Access::Blocks(copy) => self.copied(copy, flow),
            Access::Strided(record) => self.rearranged(record, flow),
            Access::Converted { len } => {
                let size = |id: ValueId| self.graph.value(id).dtype.size_bytes();
                let (input, output) = (size(flow.input), size(flow.output));
                self.apart(flow, flow.first / output * input, len * input, len * output)
            }
            Access::Apart => self.all_apart(step, placed, flow),
        }
    }

    /// Writes everything before it reads anything: true for no kernel, and passed only by disjoint memory.
    fn apart(&mut self, flow: Flow, first: usize, read: usize, written: usize) -> Result<(), VerifyError> {
        self.write(flow.output, flow.first, flow.output_at, written)?;
        self.read(flow.input, first, flow.input_at, read)
    }

    /// The same with all operands, which are read whole.
    fn all_apart(&mut self, step: &Step, placed: &PlacedOperator, flow: Flow) -> Result<(), VerifyError> {
        self.write(flow.output, flow.first, flow.output_at, bytes_of(self.graph, flow.output))?;
        let tensors = step.inputs.iter().enumerate().filter_map(|(index, input)| Some((index, input.tensor()?)));
        for (index, id) in tensors {
            self.read(id, 0, placed.input_at(index), bytes_of(self.graph, id))?;
        }
        Ok(())
    }

    /// True when an operator puts what a state becomes into the state's place.
    fn is_kept(&self, flow: Flow) -> bool {
        self.graph.states.iter().any(|state| (state.next, state.value) == (flow.input, flow.output))
    }

    /// A part of a value goes elsewhere, byte after byte.
    fn moved(&mut self, flow: Flow, bytes: usize) -> Result<(), VerifyError> {
        for at in 0..bytes {
            self.read(flow.input, flow.first + at, flow.input_at + at, 1)?;
            self.write(flow.output, flow.first + at, flow.output_at + at, 1)?;
        }
        Ok(())
    }

    /// Each element of the result is written when the operand's elements up to it have been read.
    fn elementwise(&mut self, flow: Flow, len: usize, size: usize) -> Result<(), VerifyError> {
        for at in (0..len).map(|index| index * size) {
            self.read(flow.input, flow.first + at, flow.input_at + at, size)?;
            self.write(flow.output, flow.first + at, flow.output_at + at, size)?;
        }
        Ok(())
    }

    /// The second operand stays whole until the end.
    fn binary(
        &mut self,
        step: &Step,
        placed: &PlacedOperator,
        broadcast: &Broadcast,
        flow: Flow,
        size: usize,
    ) -> Result<(), VerifyError> {
        let len = broadcast.len as usize;
        self.elementwise(flow, len, size)?;
        let b_bytes = broadcast.b_len as usize * size;
        let second = step.inputs.get(1);
        let is_constant = matches!(second, Some(Input::Constant(..)));
        // An operand that is the first one has been read with it.
        let b = second.and_then(Input::tensor).filter(|_| !placed.is_of_same());
        let is_whole = b.is_none_or(|id| bytes_of(self.graph, id) == b_bytes);
        // A whole operand is read from its start, which must be where a period starts, unless there is one for each
        // element and the record has as many of both.
        let period = broadcast.inner as usize * b_bytes;
        let is_elements = broadcast.inner == 1 && broadcast.b_len == broadcast.len && !is_constant;
        if !is_elements && (!is_whole || !flow.first.is_multiple_of(period.max(1))) {
            return self.miscomputed(flow.first);
        }
        let first = if is_whole { 0 } else { flow.first };
        b.map_or(Ok(()), |id| self.read(id, first, placed.input_at(1), b_bytes))
    }

    /// A row's outputs may be written while the row is still being read.
    fn rows(&mut self, flow: Flow, rows: usize, input_bytes: usize, output_bytes: usize) -> Result<(), VerifyError> {
        for row in 0..rows {
            let (from, to) = (row * input_bytes, row * output_bytes);
            self.write(flow.output, flow.first + to, flow.output_at + to, output_bytes)?;
            self.read(flow.input, from, flow.input_at + from, input_bytes)?;
        }
        Ok(())
    }
}
