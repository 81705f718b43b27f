//! Writes small TensorFlow Lite files for tests: a flatbuffer with every child behind its parent.

/// A field of a table.
#[derive(Clone)]
pub(crate) enum Field {
    I8(i8),
    I32(i32),
    U32(u32),
    F32(f32),
    Table(Table),
    Tables(Vec<Table>),
    I32s(Vec<i32>),
    F32s(Vec<f32>),
    I64s(Vec<i64>),
    Bytes(Vec<u8>),
}

/// Slots and their fields.
pub(crate) type Table = Vec<(usize, Field)>;

fn align(out: &mut Vec<u8>, bytes: usize) {
    while !out.len().is_multiple_of(bytes) {
        out.push(0);
    }
}

/// Writes a table and everything below it; gives its position.
fn write_table(out: &mut Vec<u8>, table: &Table) -> usize {
    let slot_count = table.iter().map(|(slot, _)| slot + 1).max().unwrap_or(0);
    align(out, 4);
    let vtable = out.len();
    let inline_size = 4 + 4 * table.len();
    let mut offsets = vec![0u16; slot_count];
    for (position, (slot, _)) in table.iter().enumerate() {
        offsets[*slot] = 4 + 4 * position as u16;
    }
    for half in [4 + 2 * slot_count as u16, inline_size as u16].iter().chain(&offsets) {
        out.extend_from_slice(&half.to_le_bytes());
    }
    align(out, 4);
    let start = out.len();
    out.extend_from_slice(&((start - vtable) as i32).to_le_bytes());
    out.resize(start + inline_size, 0);
    for (position, (_, field)) in table.iter().enumerate() {
        write_field(out, start + 4 + 4 * position, field);
    }
    start
}

fn write_field(out: &mut Vec<u8>, at: usize, field: &Field) {
    let inline = match field {
        Field::I8(value) => [*value as u8, 0, 0, 0],
        Field::I32(value) => value.to_le_bytes(),
        Field::U32(value) => value.to_le_bytes(),
        Field::F32(value) => value.to_le_bytes(),
        _ => {
            let target = write_child(out, field);
            ((target - at) as u32).to_le_bytes()
        }
    };
    out[at..at + 4].copy_from_slice(&inline);
}

fn write_child(out: &mut Vec<u8>, field: &Field) -> usize {
    let raw = |values: Vec<[u8; 4]>| values.concat();
    match field {
        Field::Table(table) => write_table(out, table),
        Field::Tables(tables) => {
            let start = write_vector(out, tables.len(), &vec![0; 4 * tables.len()], 4);
            for (index, table) in tables.iter().enumerate() {
                let at = start + 4 + 4 * index;
                let target = write_table(out, table);
                out[at..at + 4].copy_from_slice(&((target - at) as u32).to_le_bytes());
            }
            start
        }
        Field::I32s(values) => {
            write_vector(out, values.len(), &raw(values.iter().map(|value| value.to_le_bytes()).collect()), 4)
        }
        Field::F32s(values) => {
            write_vector(out, values.len(), &raw(values.iter().map(|value| value.to_le_bytes()).collect()), 4)
        }
        Field::I64s(values) => {
            let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            write_vector(out, values.len(), &raw, 8)
        }
        Field::Bytes(bytes) => write_vector(out, bytes.len(), bytes, 16),
        _ => unreachable!("numbers are written inline"),
    }
}

fn write_vector(out: &mut Vec<u8>, count: usize, raw: &[u8], alignment: usize) -> usize {
    align(out, 4);
    while !(out.len() + 4).is_multiple_of(alignment) {
        out.push(0);
    }
    let start = out.len();
    out.extend_from_slice(&(count as u32).to_le_bytes());
    out.extend_from_slice(raw);
    start
}

pub(crate) const FLOAT32: i8 = 0;
pub(crate) const FLOAT16: i8 = 1;
pub(crate) const INT32: i8 = 2;
pub(crate) const UINT8: i8 = 3;
pub(crate) const INT16: i8 = 7;
pub(crate) const INT8: i8 = 9;
pub(crate) const INT4: i8 = 17;

/// A file under construction.
#[derive(Default)]
pub(crate) struct Tflite {
    tensors: Vec<Table>,
    buffers: Vec<Table>,
    codes: Vec<Table>,
    operators: Vec<Table>,
    inputs: Vec<i32>,
    outputs: Vec<i32>,
    /// Names of entry points with their results; each has a subgraph of its own, which are all alike.
    signatures: Vec<(&'static str, Vec<i32>)>,
}

/// A tensor's quantization: scales, zero points and the axis.
pub(crate) type Quantized<'a> = (&'a [f32], &'a [i64], i32);

impl Tflite {
    pub(crate) fn new() -> Self {
        // Buffer 0 is the empty one.
        Tflite { buffers: vec![Vec::new()], ..Tflite::default() }
    }

    /// Adds a tensor; without data it is computed.
    pub(crate) fn tensor(&mut self, name: &str, shape: &[i32], dtype: i8, data: &[u8]) -> i32 {
        let buffer = if data.is_empty() { 0 } else { self.buffers.len() as u32 };
        if !data.is_empty() {
            self.buffers.push(vec![(0, Field::Bytes(data.to_vec()))]);
        }
        self.tensors.push(vec![
            (0, Field::I32s(shape.to_vec())),
            (1, Field::I8(dtype)),
            (2, Field::U32(buffer)),
            (3, Field::Bytes(name.as_bytes().to_vec())),
        ]);
        self.tensors.len() as i32 - 1
    }

    pub(crate) fn float(&mut self, name: &str, shape: &[i32]) -> i32 {
        self.tensor(name, shape, FLOAT32, &[])
    }

    pub(crate) fn floats(&mut self, name: &str, shape: &[i32], values: &[f32]) -> i32 {
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensor(name, shape, FLOAT32, &raw)
    }

    pub(crate) fn ints(&mut self, name: &str, values: &[i32]) -> i32 {
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensor(name, &[values.len() as i32], INT32, &raw)
    }

    /// Sets a tensor's quantization.
    pub(crate) fn quantize(&mut self, tensor: i32, (scales, zero_points, axis): Quantized<'_>) -> i32 {
        let quantization =
            vec![(2, Field::F32s(scales.to_vec())), (3, Field::I64s(zero_points.to_vec())), (6, Field::I32(axis))];
        self.set(tensor, 4, Field::Table(quantization))
    }

    /// Sets any field of a tensor.
    pub(crate) fn set(&mut self, tensor: i32, slot: usize, field: Field) -> i32 {
        self.tensors[tensor as usize].push((slot, field));
        tensor
    }

    /// An int8 activation.
    pub(crate) fn int8(&mut self, name: &str, shape: &[i32], scale: f32, zero_point: i64) -> i32 {
        let tensor = self.tensor(name, shape, INT8, &[]);
        self.quantize(tensor, (&[scale], &[zero_point], 0))
    }

    /// Adds an operator; `options` are its attributes' type code and fields.
    pub(crate) fn operator(&mut self, code: i32, inputs: &[i32], output: i32, options: (i8, Table)) {
        self.operator_of(code, inputs, &[output], options);
    }

    /// Adds an operator with any number of results.
    pub(crate) fn operator_of(&mut self, code: i32, inputs: &[i32], outputs: &[i32], options: (i8, Table)) {
        self.codes.push(vec![(0, Field::I8(code.min(127) as i8)), (3, Field::I32(code))]);
        self.push_operator(inputs, outputs, options);
    }

    pub(crate) fn custom_operator(&mut self, name: &str, inputs: &[i32], output: i32) {
        let name = Field::Bytes(name.as_bytes().to_vec());
        self.codes.push(vec![(0, Field::I8(32)), (1, name), (3, Field::I32(32))]);
        self.push_operator(inputs, &[output], (0, Vec::new()));
    }

    fn push_operator(&mut self, inputs: &[i32], outputs: &[i32], (kind, options): (i8, Table)) {
        let mut operator = vec![
            (0, Field::U32(self.codes.len() as u32 - 1)),
            (1, Field::I32s(inputs.to_vec())),
            (2, Field::I32s(outputs.to_vec())),
        ];
        if kind != 0 {
            operator.extend([(3, Field::I8(kind)), (4, Field::Table(options))]);
        }
        self.operators.push(operator);
    }

    /// Names an entry point.
    pub(crate) fn signature(&mut self, name: &'static str, outputs: &[i32]) {
        self.signatures.push((name, outputs.to_vec()));
    }

    /// The file's bytes.
    pub(crate) fn bytes(&self, inputs: &[i32], outputs: &[i32]) -> Vec<u8> {
        let inputs = if inputs.is_empty() { &self.inputs } else { inputs };
        let outputs = if outputs.is_empty() { &self.outputs } else { outputs };
        let graph = vec![
            (0, Field::Tables(self.tensors.clone())),
            (1, Field::I32s(inputs.to_vec())),
            (2, Field::I32s(outputs.to_vec())),
            (3, Field::Tables(self.operators.clone())),
        ];
        let graphs = vec![graph; self.signatures.len().max(1)];
        let signature = |(index, (name, outputs)): (usize, &(&str, Vec<i32>))| {
            let outputs = outputs.iter().map(|&tensor| vec![(1, Field::U32(tensor as u32))]).collect();
            let name = Field::Bytes(name.as_bytes().to_vec());
            vec![(1, Field::Tables(outputs)), (2, name), (4, Field::U32(index as u32))]
        };
        let model = vec![
            (0, Field::U32(3)),
            (1, Field::Tables(self.codes.clone())),
            (2, Field::Tables(graphs)),
            (4, Field::Tables(self.buffers.clone())),
            (7, Field::Tables(self.signatures.iter().enumerate().map(signature).collect())),
        ];
        let mut out = vec![0, 0, 0, 0];
        out.extend_from_slice(b"TFL3");
        let root = write_table(&mut out, &model);
        out[..4].copy_from_slice(&(root as u32).to_le_bytes());
        out
    }
}

/// A small int8 network with a bit of everything, for tests that damage files.
pub(crate) fn small_network() -> Vec<u8> {
    let mut file = Tflite::new();
    let x = file.int8("x", &[1, 4, 4, 2], 0.5, 3);
    let w = file.tensor("w", &[3, 3, 3, 2], INT8, &[1; 54]);
    let w = file.quantize(w, (&[0.1, 0.2, 0.3], &[0, 0, 0], 0));
    let b = file.ints("b", &[10, -20, 30]);
    let b = file.quantize(b, (&[0.05, 0.1, 0.15], &[0, 0, 0], 0));
    let a = file.int8("a", &[1, 2, 2, 3], 0.25, -128);
    file.operator(
        3,
        &[x, w, b],
        a,
        (1, vec![(0, Field::I8(0)), (1, Field::I32(2)), (2, Field::I32(2)), (3, Field::I8(1))]),
    );
    let shape = file.ints("shape", &[1, 12]);
    let flat = file.int8("flat", &[1, 12], 0.25, -128);
    file.operator(22, &[a, shape], flat, (0, Vec::new()));
    let w = file.tensor("dense", &[4, 12], INT8, &[2; 48]);
    let w = file.quantize(w, (&[0.1], &[0], 0));
    let y = file.int8("y", &[1, 4], 0.5, 0);
    file.operator(9, &[flat, w, -1], y, (8, vec![(0, Field::I8(0))]));
    let z = file.int8("z", &[1, 4], 1.0 / 256.0, -128);
    file.operator(25, &[y], z, (9, vec![(0, Field::F32(1.0))]));
    file.bytes(&[x], &[z])
}
