//! The proof that a memory plan is sound, from the definition.
//!
//! Every byte of the arena carries a label: which byte of which value was written there last. The placed
//! operators are replayed in execution order, pixel by pixel where their kernels' contract lets a result run
//! over its operand; each byte an operator reads must carry the label it expects, and each byte it writes
//! gets a new one. Nothing here knows lifetimes, buffers or leads: it reads the same records that go into the
//! blob, and the graph.

use kinglet_blob::OpCode;
use kinglet_blob::records::{BinaryF32, BinaryI8, Operands, Window};
use kinglet_kernels::conv2d::Geometry;
use kinglet_kernels::depthwise::DepthwisePacking;
use kinglet_kernels::depthwise::planar::{BLOCK, Planes};

use crate::ir::{Graph, Op, ValueId};
use crate::lower::{Program, Record, Step, geometry};

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
}

/// Label of memory that holds nothing.
const NOTHING: (u32, u32) = (u32::MAX, 0);

/// Replays `records`, the placed records of `program`'s steps. `offset_of` says where the plan has put a value;
/// it is asked for the inputs and outputs of the graph and for operands of a Concat.
pub fn verify(
    graph: &Graph,
    program: &Program,
    records: &[Record],
    offset_of: &dyn Fn(ValueId) -> Option<usize>,
    arena_bytes: usize,
) -> Result<(), VerifyError> {
    let mut replay =
        Replay { graph, labels: vec![NOTHING; arena_bytes], sources: sources(graph), reader: String::new() };
    for port in &graph.inputs {
        replay.reader = port.name.clone();
        replay.write(port.value, offset_of(port.value).unwrap_or(usize::MAX), 0, bytes_of(graph, port.value))?;
    }
    let mut steps = program.steps.iter().zip(records).peekable();
    for (index, node) in graph.nodes.iter().enumerate() {
        replay.reader = node.name.clone();
        let mut copied = Vec::new();
        while let Some((step, record)) = steps.next_if(|(step, _)| step.node == index) {
            replay.step(step, record)?;
            copied.push((step.input, step.output_offset));
        }
        if let Op::Concat { axis } = node.op {
            replay.rename_slices(index, axis, &copied, offset_of)?;
        }
    }
    for port in &graph.outputs {
        replay.reader = format!("output {}", port.name);
        replay.read(port.value, offset_of(port.value).unwrap_or(usize::MAX), 0, bytes_of(graph, port.value))?;
    }
    Ok(())
}

/// The value whose bytes each value is: a Reshape is another name for its operand.
fn sources(graph: &Graph) -> Vec<u32> {
    let mut sources: Vec<u32> = (0..graph.values.len() as u32).collect();
    for node in graph.nodes.iter().filter(|node| matches!(node.op, Op::Reshape)) {
        sources[node.output.0 as usize] = sources[node.inputs[0].0 as usize];
    }
    sources
}

fn bytes_of(graph: &Graph, id: ValueId) -> usize {
    graph.value(id).len() * graph.value(id).dtype.size_bytes()
}

/// True for a depthwise convolution that works on planes.
fn is_planar(step: &Step) -> bool {
    step.opcode == OpCode::DepthwiseI8 && step.kernel != DepthwisePacking::RowMajor as u8
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
}

/// An operator's operand and result while it is replayed.
#[derive(Clone, Copy)]
struct Flow {
    input: ValueId,
    input_at: usize,
    output: ValueId,
    output_at: usize,
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

    /// Bytes `first .. first + bytes` of `id`, which starts at address `at`, are still there.
    fn read(&self, id: ValueId, at: usize, first: usize, bytes: usize) -> Result<(), VerifyError> {
        let value = self.sources[id.0 as usize];
        let range = self.range(at.saturating_add(first), bytes)?;
        let start = range.start;
        let wrong = |(offset, label): (usize, &(u32, u32))| *label != (value, (first + offset) as u32);
        match self.labels[range].iter().enumerate().position(wrong) {
            None => Ok(()),
            Some(offset) => Err(self.overwritten(id, first + offset, start + offset)),
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

    /// Writes bytes `first .. first + bytes` of `id`, which starts at address `at`.
    fn write(&mut self, id: ValueId, at: usize, first: usize, bytes: usize) -> Result<(), VerifyError> {
        let value = self.sources[id.0 as usize];
        let range = self.range(at.saturating_add(first), bytes)?;
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

    fn step(&mut self, step: &Step, record: &Record) -> Result<(), VerifyError> {
        let at = record.addresses();
        let flow = Flow {
            input: step.input,
            input_at: at.input as usize,
            output: step.output,
            output_at: (at.output as usize).wrapping_sub(step.output_offset),
        };
        let scratch = at.scratch as usize;
        self.spoil(scratch, step.scratch_bytes)?;
        match record {
            Record::Conv2dI8(conv) if is_planar(step) => self.planes(&conv.window, flow)?,
            Record::Conv2dI8(_) | Record::Conv2dF32(_) | Record::PoolI8(_) | Record::PoolF32(_) => {
                let window = record.window().copied();
                window.map_or(Ok(()), |window| self.windowed(step.opcode, &window, flow))?;
            }
            Record::FullyConnectedI8(r) => self.rows(flow, r.rows, r.taps as usize, r.outputs as usize)?,
            Record::FullyConnectedF32(r) => self.rows(flow, r.rows, 4 * r.taps as usize, 4 * r.outputs as usize)?,
            Record::BinaryI8(BinaryI8 { operands, .. }) => self.binary(step, operands, flow, 1)?,
            Record::BinaryF32(BinaryF32 { operands, .. }) => self.binary(step, operands, flow, 4)?,
            Record::SoftmaxI8(_) | Record::LookupI8(_) => self.elementwise(flow, 1)?,
            Record::SoftmaxF32(_) | Record::UnaryF32(_) => self.elementwise(flow, 4)?,
            Record::Copy(copy) => {
                let (blocks, bytes) = (copy.blocks as usize, copy.block_bytes as usize);
                for block in 0..blocks {
                    let first = step.output_offset + block * copy.output_stride as usize;
                    self.write(flow.output, flow.output_at, first, bytes)?;
                }
                for block in 0..blocks {
                    self.read(flow.input, flow.input_at, block * copy.input_stride as usize, bytes)?;
                }
            }
            Record::Pad(_) | Record::MeanI8(_) | Record::MeanF32(_) | Record::Convert(_) => self.apart(flow)?,
        }
        self.spoil(scratch, step.scratch_bytes)
    }

    /// Writes everything before it reads anything: true for no kernel, and passed only by disjoint memory.
    fn apart(&mut self, flow: Flow) -> Result<(), VerifyError> {
        self.write(flow.output, flow.output_at, 0, bytes_of(self.graph, flow.output))?;
        self.read(flow.input, flow.input_at, 0, bytes_of(self.graph, flow.input))
    }

    /// Four channels at a time, band of rows after band of rows: a band's inputs are taken into the planes before
    /// its outputs are written.
    fn planes(&mut self, window: &Window, flow: Flow) -> Result<(), VerifyError> {
        let planes = Planes::new(&geometry(window, 1));
        let &Geometry { input, output, stride, pad, .. } = planes.geometry();
        let multiplier = usize::from(window.groups);
        let (input_bytes, output_bytes) = (input.iter().product::<usize>(), output.iter().product::<usize>());
        for image in 0..usize::from(window.batch) {
            for channel in (0..input[2]).step_by(BLOCK) {
                let lanes = channel..(channel + BLOCK).min(input[2]);
                let mut filled = 0;
                for first in (0..output[0]).step_by(planes.band_rows()) {
                    let rows = planes.band_rows().min(output[0] - first);
                    // Rows are counted from the top of the padding.
                    let needed = first * stride[0] + planes.input_rows(rows);
                    for row in (filled..needed).filter_map(|row| row.checked_sub(pad[0])).filter(|&row| row < input[0])
                    {
                        for at in (row * input[1]..(row + 1) * input[1]).map(|pixel| pixel * input[2]) {
                            let from = image * input_bytes + at + lanes.start;
                            self.read(flow.input, flow.input_at, from, lanes.len())?;
                        }
                    }
                    filled = filled.max(needed);
                    for pixel in first * output[1]..(first + rows) * output[1] {
                        let to = image * output_bytes + pixel * output[2] + lanes.start * multiplier;
                        self.write(flow.output, flow.output_at, to, lanes.len() * multiplier)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Each element of the result is written when the operand's elements up to it have been read.
    fn elementwise(&mut self, flow: Flow, size: usize) -> Result<(), VerifyError> {
        for first in (0..bytes_of(self.graph, flow.output)).step_by(size) {
            self.read(flow.input, flow.input_at, first, size)?;
            self.write(flow.output, flow.output_at, first, size)?;
        }
        Ok(())
    }

    /// The second operand stays whole until the end.
    fn binary(&mut self, step: &Step, operands: &Operands, flow: Flow, size: usize) -> Result<(), VerifyError> {
        self.elementwise(flow, size)?;
        match step.second {
            Some(id) => self.read(id, operands.b as usize, 0, bytes_of(self.graph, id)),
            None => Ok(()),
        }
    }

    /// A row's outputs may be written while the row is still being read.
    fn rows(&mut self, flow: Flow, rows: u32, input_bytes: usize, output_bytes: usize) -> Result<(), VerifyError> {
        for row in 0..rows as usize {
            self.write(flow.output, flow.output_at, row * output_bytes, output_bytes)?;
            self.read(flow.input, flow.input_at, row * input_bytes, input_bytes)?;
        }
        Ok(())
    }

    fn windowed(&mut self, opcode: OpCode, window: &Window, flow: Flow) -> Result<(), VerifyError> {
        let geometry = geometry(window, 1);
        let size = self.graph.value(flow.input).dtype.size_bytes();
        // An int8 convolution gathers a pixel's patch before it writes the pixel; all others mix the two.
        let gathers = opcode == OpCode::Conv2dI8;
        let pixel_bytes = geometry.output[2] * size;
        let mut written = 0;
        for image in 0..usize::from(window.batch) {
            for y in 0..geometry.output[0] {
                for x in 0..geometry.output[1] {
                    if gathers {
                        self.read_patch(&geometry, flow, image, (y, x))?;
                    }
                    self.write(flow.output, flow.output_at, written, pixel_bytes)?;
                    if !gathers {
                        self.read_patch(&geometry, flow, image, (y, x))?;
                    }
                    written += pixel_bytes;
                }
            }
        }
        Ok(())
    }

    /// All inputs of one output pixel.
    fn read_patch(&self, geometry: &Geometry, flow: Flow, image: usize, at: (usize, usize)) -> Result<(), VerifyError> {
        let size = self.graph.value(flow.input).dtype.size_bytes();
        let pixel_bytes = geometry.input[2] * size;
        let image_bytes = geometry.input[0] * geometry.input[1] * pixel_bytes;
        for i in 0..geometry.kernel[0] {
            for j in 0..geometry.kernel[1] {
                if let Some(pixel) = geometry.source_pixel(at, (i, j)) {
                    let first = image * image_bytes + pixel * pixel_bytes;
                    self.read(flow.input, flow.input_at, first, pixel_bytes)?;
                }
            }
        }
        Ok(())
    }

    /// Operands of a Concat that were not copied are said to stand in their place: their bytes become the
    /// result's.
    fn rename_slices(
        &mut self,
        node: usize,
        axis: usize,
        copied: &[(ValueId, usize)],
        offset_of: &dyn Fn(ValueId) -> Option<usize>,
    ) -> Result<(), VerifyError> {
        let graph = self.graph;
        let node = &graph.nodes[node];
        let output = graph.value(node.output);
        let mut first = 0;
        for &input in &node.inputs {
            let value = graph.value(input);
            let block: usize = value.shape[axis..].iter().product();
            if !copied.contains(&(input, first)) {
                let at = offset_of(input).unwrap_or(usize::MAX);
                self.read(input, at, 0, bytes_of(graph, input))?;
                self.write(node.output, at.wrapping_sub(first), first, bytes_of(graph, input))?;
            }
            first += block * output.dtype.size_bytes();
        }
        Ok(())
    }
}
