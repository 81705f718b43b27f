//! A blob under construction, together with what it must compute.

use kinglet_blob::{DType, Field, OpCode, Operand, Operands, PortRecord, WeightForm, Writer, golden, operator_bytes};

use crate::{AlignedBlob, Random};

/// What the reference kernel makes of an arena.
pub(crate) type Apply = Box<dyn Fn(&mut [u8])>;

/// Records, constants and ports for the writer, and the reference beside each record.
pub struct Program {
    name: String,
    writer: Writer,
    references: Vec<Apply>,
    pub(crate) random: Random,
}

impl Program {
    /// An empty program; its random numbers follow from its name.
    pub fn new(name: &str) -> Self {
        let seed = name.bytes().fold(0u32, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
        Program { name: name.into(), writer: Writer::default(), references: Vec::new(), random: Random::new(seed) }
    }

    /// The name it was made with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the writer gets, GOLDEN left out.
    pub fn writer(&self) -> &Writer {
        &self.writer
    }

    /// The same, to be changed before [`Program::blob_without_golden`].
    pub fn writer_mut(&mut self) -> &mut Writer {
        &mut self.writer
    }

    /// Arena for `bytes` bytes.
    pub fn memory(&mut self, bytes: usize) -> u32 {
        let start = self.writer.arena_bytes;
        self.writer.arena_bytes += bytes.next_multiple_of(16) as u32;
        start
    }

    /// Puts `bytes` into WEIGHTS and tells their offset.
    pub fn constants(&mut self, bytes: &[u8]) -> u32 {
        let weights = &mut self.writer.weights;
        weights.resize(weights.len().next_multiple_of(4), 0);
        let start = weights.len() as u32;
        weights.extend_from_slice(bytes);
        start
    }

    /// Adds a model input at `arena_offset`.
    pub fn input(&mut self, dtype: DType, shape: &[u32], arena_offset: u32) {
        let port = self.port("in", self.writer.inputs.len(), dtype, shape, arena_offset);
        self.writer.inputs.push(port);
    }

    /// Adds a model output at `arena_offset`.
    pub fn output(&mut self, dtype: DType, shape: &[u32], arena_offset: u32) {
        let port = self.port("out", self.writer.outputs.len(), dtype, shape, arena_offset);
        self.writer.outputs.push(port);
    }

    fn port(&mut self, side: &str, index: usize, dtype: DType, shape: &[u32], arena_offset: u32) -> PortRecord {
        let name = format!("{side}{index}");
        let name_offset = self.writer.names.len() as u16;
        self.writer.names.extend_from_slice(name.as_bytes());
        let mut dims = [1; 4];
        dims[..shape.len()].copy_from_slice(shape);
        let is_i8 = dtype == DType::I8;
        PortRecord {
            arena_offset,
            dims,
            scale: if is_i8 { 0.5 } else { 1.0 },
            zero_point: if is_i8 { -3 } else { 0 },
            dtype: dtype as u8,
            region: Operand::ARENA,
            rank: shape.len() as u8,
            channels_moved: 0,
            name_offset,
            name_bytes: name.len() as u16,
        }
    }

    /// Adds an operator and its reference.
    pub(crate) fn push<R: Field>(&mut self, opcode: OpCode, operands: &Operands, record: &R, reference: Apply) {
        self.push_packed(opcode, WeightForm::default(), operands, record, reference);
    }

    /// The same with weights in this order and storage.
    pub(crate) fn push_packed<R: Field>(
        &mut self,
        opcode: OpCode,
        form: WeightForm,
        operands: &Operands,
        record: &R,
        reference: Apply,
    ) {
        self.writer.operators.push(operator_bytes(opcode, form, operands, record));
        self.references.push(reference);
    }

    /// The blob as it stands.
    pub fn blob_without_golden(&self) -> AlignedBlob {
        AlignedBlob::copy_of(&self.writer.finish().expect("test blobs are small"))
    }

    /// The blob with `vectors` test vectors.
    pub fn blob(&self, vectors: u32) -> AlignedBlob {
        let mut section = vectors.to_le_bytes().to_vec();
        for seed in 0..vectors {
            let inputs = self.sample(seed);
            for tensor in inputs.iter().chain(&self.expected(&inputs)) {
                section.extend_from_slice(tensor);
                section.resize(golden::padded(section.len()), 0);
            }
        }
        let writer = Writer { golden: section, ..self.writer.clone() };
        AlignedBlob::copy_of(&writer.finish().expect("test blobs are small"))
    }

    /// Random bytes for every input; floats are ordinary numbers.
    pub fn sample(&self, seed: u32) -> Vec<Vec<u8>> {
        let mut random = Random::new(seed ^ 0x5EED);
        self.writer.inputs.iter().map(|port| random_tensor(&mut random, port)).collect()
    }

    /// What every output must be after a run from a zeroed arena.
    pub fn expected(&self, inputs: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let mut arena = vec![0u8; self.writer.arena_bytes as usize];
        for (port, bytes) in self.writer.inputs.iter().zip(inputs) {
            place(&mut arena, port, bytes);
        }
        self.references.iter().for_each(|reference| reference(&mut arena));
        self.writer.outputs.iter().map(|port| tensor(&arena, port)).collect()
    }
}

fn size_bytes(port: &PortRecord) -> usize {
    let element = DType::from_tag(port.dtype).expect("a known type").size_bytes();
    port.dims.iter().product::<u32>() as usize * element
}

fn place(arena: &mut [u8], port: &PortRecord, bytes: &[u8]) {
    arena[port.arena_offset as usize..][..size_bytes(port)].copy_from_slice(bytes);
}

fn tensor(arena: &[u8], port: &PortRecord) -> Vec<u8> {
    arena[port.arena_offset as usize..][..size_bytes(port)].to_vec()
}

fn random_tensor(random: &mut Random, port: &PortRecord) -> Vec<u8> {
    if port.dtype == DType::F32 as u8 {
        let number = |_| random.range(-4000, 4000) as f32 / 1000.0;
        return (0..size_bytes(port) / 4).map(number).flat_map(f32::to_le_bytes).collect();
    }
    if port.dtype == DType::Bool as u8 {
        return (0..size_bytes(port)).map(|_| (random.next() & 1) as u8).collect();
    }
    if port.dtype == DType::I32 as u8 {
        return (0..size_bytes(port) / 4).flat_map(|_| integer(random).to_le_bytes()).collect();
    }
    (0..size_bytes(port)).map(|_| random.next() as u8).collect()
}

/// Any integer, or one that may be an index of a short axis.
pub(crate) fn integer(random: &mut Random) -> i32 {
    if random.next() & 1 == 0 { random.next().cast_signed() } else { random.range(-6, 6) }
}
