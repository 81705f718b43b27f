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

use crate::op::rule::memory::Placement;
use crate::op::rule::moves::Moves;
use crate::op::{AveragePool2D, Conv2D, DepthwiseConv2D, MaxPool2D};
use std::rc::Rc;

use kinglet_blob::records::{BinaryF32, BinaryI8, Broadcast, Copy, Window};
use kinglet_blob::{DType, OpCode};
use kinglet_kernels::conv2d::{Geometry, PIXEL_TILE, Packing};
use kinglet_kernels::depthwise::DepthwisePacking;
use kinglet_kernels::depthwise::planar::{BLOCK, Planes};
use kinglet_kernels::depthwise::windows::{self, Windows};
use kinglet_kernels::depthwise::{lanes, triples};

use crate::ir::{Graph, Node, Op, ValueId};
use crate::program::{Input, PlacedOperator, Program, Record, Step, geometry};

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
            replay.rename_parts(index, offset_of)?;
        }
        replay.reader = graph.nodes.get(step.node).map_or_else(String::new, |node| node.name.clone());
        replay.step(step, placed)?;
    }
    for index in joints {
        replay.rename_parts(index, offset_of)?;
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

/// How a depthwise convolution walks that takes a block of channels of a band of rows into scratch memory. Rows and
/// columns are those of its walk, which may be the image's columns and rows.
struct Bands {
    /// Channels of a block.
    block: usize,
    /// Output rows of a band.
    rows: usize,
    /// Input rows under one output row.
    window: usize,
    /// Input rows from an output row to the next.
    stride: usize,
    /// Rows of padding before the first.
    pad: usize,
    /// Rows and columns of the input, and elements from one to the next.
    input: [(usize, usize); 2],
    /// Rows and columns of the output, and elements from one to the next.
    output: [(usize, usize); 2],
}

impl Bands {
    /// The bands of a walk along the image's rows.
    fn along_rows(geometry: &Geometry, block: usize, rows: usize) -> Self {
        let walk = |[rows, columns, channels]: [usize; 3]| [(rows, columns * channels), (columns, channels)];
        let Geometry { input, output, kernel, stride, pad, .. } = *geometry;
        let (input, output) = (walk(input), walk(output));
        Bands { block, rows, window: kernel[0], stride: stride[0], pad: pad[0], input, output }
    }

    /// The bands of a step, if it works on any.
    fn of(step: &Step, window: &Window) -> Option<Self> {
        if (step.opcode, step.dtype()) != (OpCode::Depthwise, DType::I8) {
            return None;
        }
        let geometry = geometry(window, 1);
        match DepthwisePacking::from_tag(step.form.packing)? {
            DepthwisePacking::Planar => {
                let planes = Planes::new(&geometry);
                let walk = |extents: [usize; 2], steps: [usize; 2]| [(extents[0], steps[0]), (extents[1], steps[1])];
                Some(Bands {
                    block: BLOCK,
                    rows: planes.band_rows(),
                    window: planes.input_rows(1),
                    stride: planes.stride()[0],
                    pad: planes.padding()[0],
                    input: walk(planes.input(), planes.input_steps()),
                    output: walk(planes.output(), planes.output_steps()),
                })
            }
            DepthwisePacking::Triples => {
                let planes = triples::Planes::new(&geometry);
                Some(Bands::along_rows(planes.geometry(), BLOCK, planes.band_rows()))
            }
            DepthwisePacking::WordPlane => {
                let plane = lanes::Plane::new(&geometry);
                Some(Bands::along_rows(plane.geometry(), 1, plane.band_rows()))
            }
            DepthwisePacking::Windows => {
                Some(Bands::along_rows(&geometry, windows::BLOCK, Windows::new(&geometry).band_rows()))
            }
            _ => None,
        }
    }
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
            input_at: placed.input_at(0),
            output: step.output(),
            output_at: placed.output_at(0),
            first: step.output_offset,
        };
        let scratch = placed.scratch_at();
        self.spoil(scratch, step.scratch())?;
        match &placed.record {
            Record::Conv2dI8(conv) if Bands::of(step, &conv.window).is_some() => {
                Bands::of(step, &conv.window).map_or(Ok(()), |bands| self.planes(&conv.window, &bands, flow))?;
            }
            Record::Conv2dI8(_) | Record::Conv2dF32(_) | Record::PoolI8(_) | Record::PoolF32(_) => {
                let window = placed.record.window().copied();
                window.map_or(Ok(()), |window| self.windowed(step, &window, flow))?;
            }
            Record::FullyConnectedI8(r) => self.rows(flow, r.rows, r.taps as usize, r.outputs as usize)?,
            Record::FullyConnectedF32(r) => self.rows(flow, r.rows, 4 * r.taps as usize, 4 * r.outputs as usize)?,
            Record::BinaryI8(BinaryI8 { broadcast, .. }) => self.binary(step, placed, broadcast, flow, 1)?,
            Record::BinaryF32(BinaryF32 { broadcast, .. }) => self.binary(step, placed, broadcast, flow, 4)?,
            Record::Lookup(r) => self.elementwise(flow, r.len as usize, 1)?,
            Record::UnaryF32(r) => self.elementwise(flow, r.len as usize, 4)?,
            Record::SoftmaxI8(r) => self.elementwise(flow, r.rows as usize * r.depth as usize, 1)?,
            Record::SoftmaxF32(r) => self.elementwise(flow, r.rows as usize * r.depth as usize, 4)?,
            // What a state becomes keeps its own label at the state's place: who reads the state after that is found.
            Record::Copy(copy) if self.is_kept(flow) => {
                let flow = Flow { output: flow.input, ..flow };
                self.moved(flow, copy.block_bytes as usize)?;
            }
            Record::Copy(copy) if flow.input == flow.output => self.moved(flow, copy.block_bytes as usize)?,
            Record::Copy(copy) => self.copied(copy, flow)?,
            Record::Convert(r) => {
                let size = |id: ValueId| self.graph.value(id).dtype.size_bytes();
                let (input, output, len) = (size(flow.input), size(flow.output), r.len as usize);
                self.apart(flow, flow.first / output * input, len * input, len * output)?;
            }
            Record::Pad(_) | Record::MeanI8(_) | Record::MeanF32(_) => {
                self.apart(flow, 0, bytes_of(self.graph, flow.input), bytes_of(self.graph, flow.output))?;
            }
        }
        self.spoil(scratch, step.scratch())
    }

    /// Writes everything before it reads anything: true for no kernel, and passed only by disjoint memory.
    fn apart(&mut self, flow: Flow, first: usize, read: usize, written: usize) -> Result<(), VerifyError> {
        self.write(flow.output, flow.first, flow.output_at, written)?;
        self.read(flow.input, first, flow.input_at, read)
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

    /// The windowed operator of a node as the graph has it, and the row of its result that a record starts with. The
    /// record must have the node's extents in everything but rows.
    fn original(&self, flow: Flow, record: &Geometry) -> Result<(Geometry, usize), VerifyError> {
        let original = self.graph.nodes.get(flow.node).and_then(|node| windowed_geometry(self.graph, node));
        let Some(original) = original else { return self.miscomputed(flow.first) };
        let row_bytes = original.output[1] * original.output[2] * self.graph.value(flow.output).dtype.size_bytes();
        let extents = |g: &Geometry| (g.input[1], g.input[2], g.output[1], g.output[2], g.kernel);
        let is_like = extents(&original) == extents(record) && flow.first.is_multiple_of(row_bytes.max(1));
        if is_like { Ok((original, flow.first / row_bytes.max(1))) } else { self.miscomputed(flow.first) }
    }

    /// A block of channels at a time, band of rows after band of rows: a band's inputs are taken into scratch memory
    /// before its outputs are written.
    fn planes(&mut self, window: &Window, bands: &Bands, flow: Flow) -> Result<(), VerifyError> {
        let record = geometry(window, 1);
        let (original, top) = self.original(flow, &record)?;
        if original == record && top == 0 {
            self.whole_planes(window, bands, flow)
        } else {
            self.stripe_of_planes(window, bands, flow, (&record, &original, top))
        }
    }

    /// All of an image, along its rows or its columns.
    fn whole_planes(&mut self, window: &Window, bands: &Bands, flow: Flow) -> Result<(), VerifyError> {
        let multiplier = usize::from(window.groups);
        let bytes = |shape: [u16; 3]| shape.into_iter().map(usize::from).product::<usize>();
        let (input_bytes, output_bytes) = (bytes(window.input), bytes(window.output));
        let ([rows_in, columns_in], [rows_out, columns_out]) = (bands.input, bands.output);
        let channels = usize::from(window.input[2]);
        for image in 0..usize::from(window.batch) {
            for channel in (0..channels).step_by(bands.block) {
                let lanes = channel..(channel + bands.block).min(channels);
                let mut filled = 0;
                for first in (0..rows_out.0).step_by(bands.rows) {
                    let rows = bands.rows.min(rows_out.0 - first);
                    // Rows are counted from the top of the padding.
                    let needed = (first + rows - 1) * bands.stride + bands.window;
                    let inside = (filled..needed).filter_map(|row| row.checked_sub(bands.pad));
                    for row in inside.filter(|&row| row < rows_in.0) {
                        for column in 0..columns_in.0 {
                            let at = row * rows_in.1 + column * columns_in.1;
                            let from = image * input_bytes + at + lanes.start;
                            self.read(flow.input, from, flow.input_at + from, lanes.len())?;
                        }
                    }
                    filled = filled.max(needed);
                    for row in first..first + rows {
                        for column in 0..columns_out.0 {
                            let at = row * rows_out.1 + column * columns_out.1;
                            let to = image * output_bytes + at + lanes.start * multiplier;
                            self.write(flow.output, flow.first + to, flow.output_at + to, lanes.len() * multiplier)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Some rows of an image, whose windows must meet the rows that they meet in the whole one.
    fn stripe_of_planes(
        &mut self,
        window: &Window,
        bands: &Bands,
        flow: Flow,
        (record, original, top): (&Geometry, &Geometry, usize),
    ) -> Result<(), VerifyError> {
        let Geometry { input, output, stride, kernel, .. } = *record;
        // An image that is one band may lie on its side: all of it is taken before anything is written.
        let is_turned = bands.input[0] != (input[0], input[1] * input[2]);
        let is_one_band = bands.rows >= bands.output[0].0;
        if original.stride != stride || (is_turned && !is_one_band) {
            return self.miscomputed(flow.first);
        }
        let band_rows = if is_turned { output[0] } else { bands.rows };
        let multiplier = usize::from(window.groups);
        let (input_bytes, output_bytes) = (input.iter().product::<usize>(), output.iter().product::<usize>());
        for image in 0..usize::from(window.batch) {
            for channel in (0..input[2]).step_by(bands.block) {
                let lanes = channel..(channel + bands.block).min(input[2]);
                let mut filled = 0;
                for first in (0..output[0]).step_by(band_rows) {
                    let rows = band_rows.min(output[0] - first);
                    // Rows are counted from the top of the padding.
                    let needed = (first + rows - 1) * stride[0] + kernel[0];
                    for padded in filled..needed {
                        let inside = |geometry: &Geometry, padded: usize| {
                            padded.checked_sub(geometry.pad[0]).filter(|&row| row < geometry.input[0])
                        };
                        let (row, source) = match (inside(record, padded), inside(original, padded + top * stride[0])) {
                            (Some(row), Some(source)) => (row, source),
                            (None, None) => continue,
                            _ => return self.miscomputed(flow.first),
                        };
                        for x in 0..input[1] {
                            let index =
                                |row: usize| image * input_bytes + (row * input[1] + x) * input[2] + lanes.start;
                            self.read(flow.input, index(source), flow.input_at + index(row), lanes.len())?;
                        }
                    }
                    filled = filled.max(needed);
                    for pixel in first * output[1]..(first + rows) * output[1] {
                        let to = image * output_bytes + pixel * output[2] + lanes.start * multiplier;
                        self.write(flow.output, flow.first + to, flow.output_at + to, lanes.len() * multiplier)?;
                    }
                }
            }
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
    fn rows(&mut self, flow: Flow, rows: u32, input_bytes: usize, output_bytes: usize) -> Result<(), VerifyError> {
        for row in 0..rows as usize {
            let (from, to) = (row * input_bytes, row * output_bytes);
            self.write(flow.output, flow.first + to, flow.output_at + to, output_bytes)?;
            self.read(flow.input, from, flow.input_at + from, input_bytes)?;
        }
        Ok(())
    }

    fn windowed(&mut self, step: &Step, window: &Window, flow: Flow) -> Result<(), VerifyError> {
        let geometry = geometry(window, 1);
        let (original, top) = self.original(flow, &geometry)?;
        let patch = Patch { geometry, original, top };
        let size = self.graph.value(flow.input).dtype.size_bytes();
        // An int8 convolution gathers a pixel's patch before it writes the pixel; all others mix the two, and so does
        // one whose weights are in quads, a tile of pixels at a time.
        let is_int8 = (step.opcode, step.dtype()) == (OpCode::Conv2d, DType::I8);
        let tiles = is_int8 && step.form.packing == Packing::Quads as u8;
        let gathers = is_int8 && !tiles;
        let tile = if tiles { PIXEL_TILE } else { 1 };
        let pixel_bytes = geometry.output[2] * size;
        let position = |pixel: usize| (pixel / geometry.output[1], pixel % geometry.output[1]);
        let pixels = geometry.pixels();
        for image in 0..usize::from(window.batch) {
            for pixel in 0..pixels {
                if gathers {
                    self.read_patch(&patch, flow, image, position(pixel))?;
                }
                let written = (image * pixels + pixel) * pixel_bytes;
                self.write(flow.output, flow.first + written, flow.output_at + written, pixel_bytes)?;
                // Tiles begin anywhere: each pixel may be the last of one.
                for read in (pixel + 1).saturating_sub(tile)..=pixel {
                    if !gathers {
                        self.read_patch(&patch, flow, image, position(read))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// All inputs of one output pixel.
    fn read_patch(&self, patch: &Patch, flow: Flow, image: usize, (y, x): (usize, usize)) -> Result<(), VerifyError> {
        let Patch { geometry, original, top } = patch;
        let size = self.graph.value(flow.input).dtype.size_bytes();
        let pixel_bytes = geometry.input[2] * size;
        let image_bytes = |geometry: &Geometry| geometry.input[0] * geometry.input[1] * pixel_bytes;
        for i in 0..geometry.kernel[0] {
            for j in 0..geometry.kernel[1] {
                let is = geometry.source_pixel((y, x), (i, j));
                let should_be = original.source_pixel((top + y, x), (i, j));
                match (is, should_be) {
                    (Some(pixel), Some(source)) => {
                        let index = image * image_bytes(original) + source * pixel_bytes;
                        let address = flow.input_at + image * image_bytes(geometry) + pixel * pixel_bytes;
                        self.read(flow.input, index, address, pixel_bytes)?;
                    }
                    (None, None) => {}
                    _ => return self.miscomputed(flow.first),
                }
            }
        }
        Ok(())
    }

    /// What a node that only moves elements moves where.
    fn moves(&mut self, node: usize) -> Option<Rc<Moves>> {
        if let Some((_, moves)) = self.moves.as_ref().filter(|(index, _)| *index == node) {
            return Some(moves.clone());
        }
        let moves = Rc::new(self.graph.nodes.get(node)?.moves(self.graph)?);
        self.moves = Some((node, moves.clone()));
        Some(moves)
    }

    /// Blocks of a result, made of the elements that the node puts there. Passed only by disjoint memory.
    fn copied(&mut self, copy: &Copy, flow: Flow) -> Result<(), VerifyError> {
        let Some(moves) = self.moves(flow.node) else { return self.miscomputed(flow.first) };
        let graph = self.graph;
        let node = &graph.nodes[flow.node];
        let result = node.outputs.iter().position(|&id| id == flow.output).and_then(|position| moves.get(position));
        let Some(result) = result else { return self.miscomputed(flow.first) };
        let (blocks, bytes) = (copy.blocks as usize, copy.block_bytes as usize);
        for at in (0..blocks).map(|block| block * copy.output_stride as usize) {
            self.write(flow.output, flow.first + at, flow.output_at + at, bytes)?;
        }
        let size = graph.value(flow.output).dtype.size_bytes();
        for block in 0..blocks {
            let first = flow.first + block * copy.output_stride as usize;
            let sources = result.get(first / size..(first + bytes) / size);
            let Some(sources) = sources.filter(|_| first.is_multiple_of(size) && bytes.is_multiple_of(size)) else {
                return self.miscomputed(first);
            };
            let from = flow.input_at + block * copy.input_stride as usize;
            for (index, source) in sources.iter().enumerate() {
                self.read(node.inputs[source.operand], source.element * size, from + index * size, size)?;
            }
        }
        Ok(())
    }

    /// Elements of a node's results that no record has put there are said to stand in their place: they become the
    /// results'.
    fn rename_parts(&mut self, index: usize, offset_of: &dyn Fn(ValueId) -> Option<usize>) -> Result<(), VerifyError> {
        let graph = self.graph;
        let node = &graph.nodes[index];
        self.reader.clone_from(&node.name);
        let Some(moves) = self.moves(index) else { return self.miscomputed(0) };
        for (&output, sources) in node.outputs.iter().zip(moves.iter()) {
            let size = graph.value(output).dtype.size_bytes();
            let at = offset_of(output).unwrap_or(NOWHERE);
            self.range(at, sources.len() * size)?;
            for (element, source) in sources.iter().enumerate() {
                let byte = element * size;
                if self.labels[at + byte] != (self.sources[output.0 as usize], byte as u32) {
                    self.read(node.inputs[source.operand], source.element * size, at + byte, size)?;
                    self.write(output, byte, at + byte, size)?;
                }
            }
        }
        Ok(())
    }
}

/// Where a record reads the inputs of its pixels, and where its node has them.
struct Patch {
    /// The record's.
    geometry: Geometry,
    /// The node's.
    original: Geometry,
    /// The node's row that the record starts with.
    top: usize,
}

/// The geometry of a node that slides a window over images.
fn windowed_geometry(graph: &Graph, node: &Node) -> Option<Geometry> {
    let shape = |id: ValueId| graph.value(id).shape.as_slice();
    let weights = |axis: usize| node.inputs.get(1).and_then(|&id| shape(id).get(axis)).copied().unwrap_or(0);
    let (kernel, stride, dilation, padding) = match &node.op {
        Op::Conv2D(Conv2D { stride, dilation, padding, .. })
        | Op::DepthwiseConv2D(DepthwiseConv2D { stride, dilation, padding, .. }) => {
            ([weights(1), weights(2)], *stride, *dilation, padding)
        }
        Op::AveragePool2D(AveragePool2D { window, .. }) | Op::MaxPool2D(MaxPool2D { window, .. }) => {
            (window.size, window.stride, [1, 1], &window.padding)
        }
        _ => return None,
    };
    let (&[_, in_h, in_w, in_c], &[_, out_h, out_w, out_c]) = (shape(*node.inputs.first()?), shape(node.output()))
    else {
        return None;
    };
    let pad = [padding.top, padding.left];
    Some(Geometry {
        input: [in_h, in_w, in_c],
        output: [out_h, out_w, out_c],
        kernel,
        stride,
        dilation,
        pad,
        groups: 1,
    })
}
