//! An ONNX model as plain data.

/// A whole model: its main graph.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OnnxModel {
    /// Version of each operator set, by domain; the default domain is the empty string.
    pub opsets: Vec<(String, i64)>,
    /// In the file's order, which is an execution order.
    pub nodes: Vec<OnnxNode>,
    /// Constants by name.
    pub initializers: Vec<OnnxTensor>,
    /// What the caller supplies; older files list the initializers here too.
    pub inputs: Vec<OnnxPort>,
    /// What the caller reads.
    pub outputs: Vec<OnnxPort>,
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
    /// A graph, sparse tensor, type or list of them: only operators Kinglet does not run have these.
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
    /// INT32.
    I32(Vec<i32>),
    /// INT64.
    I64(Vec<i64>),
    /// INT8.
    I8(Vec<i8>),
    /// UINT8.
    U8(Vec<u8>),
    /// BOOL.
    Bool(Vec<bool>),
    /// Any other element type, by its code (see [`type_name`]); the elements are dropped.
    Other(i32),
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

/// ONNX's name of element type `code`.
pub fn type_name(code: i32) -> &'static str {
    #[rustfmt::skip] // A table of words reads better in lines than in a column.
    const NAMES: [&str; 24] = [
        "UNDEFINED", "FLOAT", "UINT8", "INT8", "UINT16", "INT16", "INT32", "INT64", "STRING", "BOOL", "FLOAT16",
        "DOUBLE", "UINT32", "UINT64", "COMPLEX64", "COMPLEX128", "BFLOAT16", "FLOAT8E4M3FN", "FLOAT8E4M3FNUZ",
        "FLOAT8E5M2", "FLOAT8E5M2FNUZ", "UINT4", "INT4", "FLOAT4E2M1",
    ];
    usize::try_from(code).ok().and_then(|code| NAMES.get(code)).copied().unwrap_or("an unknown type")
}
