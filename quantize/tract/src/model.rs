//! An ONNX model as plain data.

/// A whole model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OnnxModel {
    /// Version of each operator set, by domain; the default domain is the empty string.
    pub opsets: Vec<(String, i64)>,
    /// Its main graph.
    pub graph: OnnxGraph,
    /// Operators that are defined in the file.
    pub functions: Vec<OnnxFunction>,
}

/// A graph: the main one, or a branch or body of an operator.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OnnxGraph {
    /// In the file's order, which should be an execution order and is not always one.
    pub nodes: Vec<OnnxNode>,
    /// Constants by name.
    pub initializers: Vec<OnnxTensor>,
    /// What the caller supplies; older files list the initializers here too.
    pub inputs: Vec<OnnxPort>,
    /// What the caller reads.
    pub outputs: Vec<OnnxPort>,
}

/// An operator that is defined in the file by others.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OnnxFunction {
    /// The operator set it belongs to.
    pub domain: String,
    /// What nodes call it.
    pub name: String,
    /// Names of its operands in its nodes.
    pub inputs: Vec<String>,
    /// Names of its results in its nodes.
    pub outputs: Vec<String>,
    /// Operator sets of its nodes, by domain.
    pub opsets: Vec<(String, i64)>,
    /// In the file's order.
    pub nodes: Vec<OnnxNode>,
}

/// One operator application.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OnnxNode {
    /// Often empty.
    pub name: String,
    /// For example `Conv`.
    pub op_type: String,
    /// The operator set's domain; empty for ONNX itself.
    pub domain: String,
    /// Names of operands; an empty name is an omitted optional operand.
    pub inputs: Vec<String>,
    /// Names of results.
    pub outputs: Vec<String>,
    /// Attributes by name.
    pub attributes: Vec<(String, Attribute)>,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// A float.
    Float(f32),
    /// An integer.
    Int(i64),
    /// A string; what is not UTF-8 is replaced.
    String(String),
    /// A tensor.
    Tensor(OnnxTensor),
    /// A list of floats.
    Floats(Vec<f32>),
    /// A list of integers.
    Ints(Vec<i64>),
    /// A list of strings.
    Strings(Vec<String>),
    /// A graph: a branch or the body of a loop.
    Graph(Box<OnnxGraph>),
    /// In a function: the attribute of this name of the node that calls it.
    OfFunction(String),
    /// A type, or a list of graphs or tensors: only operators Kinglet does not run have these.
    Other,
}

/// A constant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OnnxTensor {
    /// Its name; empty inside an attribute.
    pub name: String,
    /// Extent of each axis; the product is the number of elements.
    pub shape: Vec<usize>,
    /// The elements, row-major.
    pub data: TensorData,
}

/// Elements of a constant.
#[derive(Clone, Debug, PartialEq)]
pub enum TensorData {
    /// FLOAT.
    F32(Vec<f32>),
    /// DOUBLE.
    F64(Vec<f64>),
    /// FLOAT16, its bits.
    F16(Vec<u16>),
    /// BFLOAT16, its bits.
    Bf16(Vec<u16>),
    /// INT32.
    I32(Vec<i32>),
    /// INT64.
    I64(Vec<i64>),
    /// UINT32.
    U32(Vec<u32>),
    /// UINT64.
    U64(Vec<u64>),
    /// INT16.
    I16(Vec<i16>),
    /// UINT16.
    U16(Vec<u16>),
    /// INT8.
    I8(Vec<i8>),
    /// UINT8.
    U8(Vec<u8>),
    /// INT4, one in each element.
    I4(Vec<i8>),
    /// UINT4, one in each element.
    U4(Vec<u8>),
    /// BOOL.
    Bool(Vec<bool>),
    /// STRING; what is not UTF-8 is replaced.
    Text(Vec<String>),
    /// Any other element type, by its code (see [`type_name`]); the elements are dropped.
    Other(i32),
}

impl TensorData {
    /// Number of elements; `None` where they were dropped.
    pub fn len(&self) -> Option<usize> {
        Some(match self {
            TensorData::F32(v) => v.len(),
            TensorData::F64(v) => v.len(),
            TensorData::I32(v) => v.len(),
            TensorData::I64(v) => v.len(),
            TensorData::U32(v) => v.len(),
            TensorData::U64(v) => v.len(),
            TensorData::I16(v) => v.len(),
            TensorData::U16(v) | TensorData::F16(v) | TensorData::Bf16(v) => v.len(),
            TensorData::I8(v) | TensorData::I4(v) => v.len(),
            TensorData::U8(v) | TensorData::U4(v) => v.len(),
            TensorData::Bool(v) => v.len(),
            TensorData::Text(v) => v.len(),
            TensorData::Other(_) => return None,
        })
    }

    /// True when there is no element, or none was kept.
    pub fn is_empty(&self) -> bool {
        self.len().is_none_or(|len| len == 0)
    }

    /// ONNX's code of the element type.
    pub fn type_code(&self) -> i32 {
        match self {
            TensorData::F32(_) => type_code::FLOAT,
            TensorData::F64(_) => type_code::DOUBLE,
            TensorData::F16(_) => type_code::FLOAT16,
            TensorData::Bf16(_) => type_code::BFLOAT16,
            TensorData::I32(_) => type_code::INT32,
            TensorData::I64(_) => type_code::INT64,
            TensorData::U32(_) => type_code::UINT32,
            TensorData::U64(_) => type_code::UINT64,
            TensorData::I16(_) => type_code::INT16,
            TensorData::U16(_) => type_code::UINT16,
            TensorData::I8(_) => type_code::INT8,
            TensorData::U8(_) => type_code::UINT8,
            TensorData::I4(_) => type_code::INT4,
            TensorData::U4(_) => type_code::UINT4,
            TensorData::Bool(_) => type_code::BOOL,
            TensorData::Text(_) => type_code::STRING,
            TensorData::Other(code) => *code,
        }
    }
}

impl Default for TensorData {
    fn default() -> Self {
        TensorData::Other(0)
    }
}

/// An input or output of the graph.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OnnxPort {
    /// Its name.
    pub name: String,
    /// Code of its element type, see [`type_name`]; 0 when the file does not say.
    pub element_type: i32,
    /// Its shape, when the file states one.
    pub shape: Option<Vec<Extent>>,
}

/// The extent of one axis of a port.
#[derive(Clone, Debug, PartialEq)]
pub enum Extent {
    /// Fixed in the file.
    Fixed(i64),
    /// Open: any extent, under this name (which may be empty).
    Open(String),
}

/// ONNX's codes of element types that are read.
#[allow(missing_docs, reason = "ONNX's own names")]
pub mod type_code {
    pub const FLOAT: i32 = 1;
    pub const UINT8: i32 = 2;
    pub const INT8: i32 = 3;
    pub const UINT16: i32 = 4;
    pub const INT16: i32 = 5;
    pub const INT32: i32 = 6;
    pub const INT64: i32 = 7;
    pub const STRING: i32 = 8;
    pub const BOOL: i32 = 9;
    pub const FLOAT16: i32 = 10;
    pub const DOUBLE: i32 = 11;
    pub const UINT32: i32 = 12;
    pub const UINT64: i32 = 13;
    pub const BFLOAT16: i32 = 16;
    pub const UINT4: i32 = 21;
    pub const INT4: i32 = 22;
}

/// ONNX's name of element type `code`.
pub fn type_name(code: i32) -> &'static str {
    #[rustfmt::skip] // A table of words reads better in lines than in a column.
    const NAMES: [&str; 29] = [
        "UNDEFINED", "FLOAT", "UINT8", "INT8", "UINT16", "INT16", "INT32", "INT64", "STRING", "BOOL", "FLOAT16",
        "DOUBLE", "UINT32", "UINT64", "COMPLEX64", "COMPLEX128", "BFLOAT16", "FLOAT8E4M3FN", "FLOAT8E4M3FNUZ",
        "FLOAT8E5M2", "FLOAT8E5M2FNUZ", "UINT4", "INT4", "FLOAT4E2M1", "FLOAT8E8M0", "UINT2", "INT2", "FLOAT6E2M3",
        "FLOAT6E3M2",
    ];
    usize::try_from(code).ok().and_then(|code| NAMES.get(code)).copied().unwrap_or("an unknown type")
}
