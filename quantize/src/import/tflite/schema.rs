//! The parts of TensorFlow Lite's schema that a network needs, as plain structs.
//!
//! Field numbers are those of the published `schema.fbs`; they never change meaning there. Only lengths
//! and references are judged here, what they mean is judged by the importer, which can name the node.

use super::flatbuffer::{Bytes, Damage, Read, Table, Vector, charge};
use crate::import::OPERATOR_COUNT_MAX;
use crate::import::budget::Budget;

/// Longest name kept; converters concatenate names of fused operators without end.
const NAME_SIZE_BYTES_MAX: usize = 256;

/// A whole file, and the subgraph that is its entry point.
pub(super) struct Model<'b> {
    pub(super) tensors: Vec<Tensor<'b>>,
    pub(super) operators: Vec<Operator<'b>>,
    pub(super) inputs: Vec<i32>,
    pub(super) outputs: Vec<i32>,
    /// The file's other subgraphs by their number: an operator may have one run before the first run.
    pub(super) initializers: Vec<(usize, Subgraph<'b>)>,
    /// What may still be copied out of the file.
    pub(super) budget: Budget,
}

/// An entry point by its name.
pub(super) struct Signature {
    pub(super) name: String,
    /// The number of its subgraph.
    pub(super) subgraph: usize,
    /// The tensors that are its results.
    pub(super) outputs: Vec<i32>,
}

/// A list of operators and their tensors.
pub(super) struct Subgraph<'b> {
    pub(super) tensors: Vec<Tensor<'b>>,
    pub(super) operators: Vec<Operator<'b>>,
}

/// One tensor's declaration.
pub(super) struct Tensor<'b> {
    pub(super) name: String,
    pub(super) shape: Vec<i32>,
    /// Like `shape` with -1 for axes that are not fixed; often empty.
    pub(super) signature: Vec<i32>,
    /// Code of the element type, see [`type_name`].
    pub(super) dtype: i8,
    /// Raw elements; empty when the tensor is computed.
    pub(super) data: &'b [u8],
    pub(super) scales: Vec<f32>,
    pub(super) zero_points: Vec<i64>,
    pub(super) quantized_axis: i32,
    /// True when the file keeps it between runs.
    pub(super) is_variable: bool,
    /// How `data` is to be read when it is in a compressed sparse form.
    pub(super) sparsity: Option<Table<'b>>,
}

/// One operator application.
pub(super) struct Operator<'b> {
    /// Code of the operator, see [`super::names`].
    pub(super) code: i32,
    /// Name of a custom operator.
    pub(super) custom: String,
    /// Attributes of a custom operator, in a form of its own.
    pub(super) custom_options: &'b [u8],
    pub(super) inputs: Vec<i32>,
    pub(super) outputs: Vec<i32>,
    /// Attributes; their table type is fixed by the operator.
    pub(super) options: Option<Table<'b>>,
    /// Code of the attributes' type in the file.
    pub(super) options_type: i8,
}

pub(super) const FLOAT32: i8 = 0;
pub(super) const FLOAT16: i8 = 1;
pub(super) const INT32: i8 = 2;
pub(super) const UINT8: i8 = 3;
pub(super) const INT64: i8 = 4;
pub(super) const BOOL: i8 = 6;
pub(super) const INT16: i8 = 7;
pub(super) const INT8: i8 = 9;
pub(super) const INT4: i8 = 17;

/// The schema's name of an element type.
pub(super) fn type_name(code: i8) -> &'static str {
    #[rustfmt::skip] // A table of words reads better in lines than in a column.
    const NAMES: [&str; 18] = [
        "FLOAT32", "FLOAT16", "INT32", "UINT8", "INT64", "STRING", "BOOL", "INT16", "COMPLEX64", "INT8", "FLOAT64",
        "COMPLEX128", "UINT64", "RESOURCE", "VARIANT", "UINT32", "UINT16", "INT4",
    ];
    usize::try_from(code).ok().and_then(|code| NAMES.get(code)).copied().unwrap_or("an unknown type")
}

fn damage<T>(offset: usize, problem: &str) -> Read<T> {
    Err(Damage { offset, problem: problem.into() })
}

/// Signatures that are read.
const SIGNATURE_COUNT_MAX: usize = 64;

/// The entry points that the file names, in its order.
pub(super) fn signatures(bytes: &[u8]) -> Read<Vec<Signature>> {
    let budget = Budget::for_file(bytes.len());
    let list = Bytes(bytes).root()?.vector(7, 4)?;
    let signature = |index: usize| {
        let table = list.table(index)?;
        let outputs = table.vector(1, 4)?;
        charge(&budget, outputs.len(), 4, table.offset())?;
        let outputs = (0..outputs.len()).map(|at| Ok(outputs.table(at)?.u32(1)? as i32)).collect::<Read<_>>()?;
        let (name, subgraph) = (table.string(2, NAME_SIZE_BYTES_MAX)?, table.u32(4)? as usize);
        Ok(Signature { name, subgraph, outputs })
    };
    (0..list.len().min(SIGNATURE_COUNT_MAX)).map(signature).collect()
}

/// Reads the file's structure; its subgraph `entry` is the model.
pub(super) fn read(bytes: &[u8], entry: usize) -> Read<Model<'_>> {
    let budget = Budget::for_file(bytes.len());
    let root = Bytes(bytes).root()?;
    let version = root.u32(0)?;
    if version != 3 {
        return damage(root.offset(), &format!("schema version {version} instead of 3"));
    }
    let subgraphs = root.vector(2, 4)?;
    if subgraphs.len() == 0 {
        return damage(root.offset(), "no subgraph");
    }
    let graph = subgraphs.table(entry)?;
    let lists = Lists { buffers: root.vector(4, 4)?, codes: root.vector(1, 4)?, budget: &budget };
    let Subgraph { tensors, operators } = lists.subgraph(graph)?;
    let (inputs, outputs) = (graph.vector(1, 4)?.to_i32(&budget)?, graph.vector(2, 4)?.to_i32(&budget)?);
    let others = (0..subgraphs.len().min(SUBGRAPH_COUNT_MAX)).filter(|&index| index != entry);
    let read = |index| Ok((index, lists.subgraph(subgraphs.table(index)?)?));
    let initializers = others.map(read).collect::<Read<_>>()?;
    Ok(Model { tensors, operators, inputs, outputs, initializers, budget })
}

/// Subgraphs that are read.
const SUBGRAPH_COUNT_MAX: usize = 64;

/// What the file's subgraphs refer to.
struct Lists<'b, 'a> {
    buffers: Vector<'b>,
    codes: Vector<'b>,
    budget: &'a Budget,
}

impl<'b> Lists<'b, '_> {
    fn subgraph(&self, graph: Table<'b>) -> Read<Subgraph<'b>> {
        let tensor_list = graph.vector(0, 4)?;
        let operator_list = graph.vector(3, 4)?;
        if operator_list.len() > OPERATOR_COUNT_MAX || tensor_list.len() > 8 * OPERATOR_COUNT_MAX {
            let problem = format!("more than {OPERATOR_COUNT_MAX} operators or eight times the tensors");
            return damage(graph.offset(), &problem);
        }
        let Lists { buffers, codes, budget } = *self;
        let tensors = (0..tensor_list.len()).map(|index| tensor(tensor_list.table(index)?, buffers, budget));
        let operators = (0..operator_list.len()).map(|index| operator(operator_list.table(index)?, codes, budget));
        Ok(Subgraph { tensors: tensors.collect::<Read<_>>()?, operators: operators.collect::<Read<_>>()? })
    }
}

fn tensor<'b>(table: Table<'b>, buffers: Vector<'b>, budget: &Budget) -> Read<Tensor<'b>> {
    let (mut scales, mut zero_points, mut quantized_axis) = (Vec::new(), Vec::new(), 0);
    if let Some(quantization) = table.table(4)? {
        scales = quantization.vector(2, 4)?.to_f32(budget)?;
        zero_points = quantization.vector(3, 8)?.to_i64(budget)?;
        quantized_axis = quantization.i32(6, 0)?;
    }
    let name = table.string(3, NAME_SIZE_BYTES_MAX)?;
    charge(budget, 1, name.len(), table.offset())?;
    Ok(Tensor {
        name,
        shape: table.vector(0, 4)?.to_i32(budget)?,
        signature: table.vector(7, 4)?.to_i32(budget)?,
        dtype: table.i8(1)?,
        data: buffer(buffers, table.u32(2)?, table.offset())?,
        scales,
        zero_points,
        quantized_axis,
        is_variable: table.bool(5)?,
        sparsity: table.table(6)?,
    })
}

/// The bytes of buffer `index`; buffer 0 is the empty one by convention.
fn buffer<'b>(buffers: Vector<'b>, index: u32, holder: usize) -> Read<&'b [u8]> {
    let index = index as usize;
    if index >= buffers.len() {
        // A file without any buffer list still refers to the empty buffer 0.
        return if index == 0 { Ok(&[]) } else { damage(holder, &format!("buffer {index} does not exist")) };
    }
    let table = buffers.table(index)?;
    if table.u64(1)? > 1 || table.u64(2)? > 1 {
        return damage(table.offset(), "buffer data outside the flatbuffer (a file over 2 GB) is not supported");
    }
    Ok(table.vector(0, 1)?.raw())
}

fn operator<'b>(table: Table<'b>, codes: Vector<'b>, budget: &Budget) -> Read<Operator<'b>> {
    let code_table = codes.table(table.u32(0)? as usize)?;
    // Codes up to 127 are in the old byte field of old files, in both fields of new ones.
    let code = code_table.i32(3, 0)?.max(i32::from(code_table.i8(0)?));
    let custom = code_table.string(1, NAME_SIZE_BYTES_MAX)?;
    charge(budget, 1, custom.len(), table.offset())?;
    Ok(Operator {
        code,
        custom,
        custom_options: table.vector(5, 1)?.raw(),
        inputs: table.vector(1, 4)?.to_i32(budget)?,
        outputs: table.vector(2, 4)?.to_i32(budget)?,
        options: table.table(4)?,
        options_type: table.i8(3)?,
    })
}
