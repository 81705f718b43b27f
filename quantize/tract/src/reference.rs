//! Runs a float model with tract.
//!
//! tract is written for models one trusts. A hostile file is kept from it in three steps: the file is
//! scanned and decoded first, only operators whose results are no larger than their operands and attributes
//! say are let through, and what panics all the same is caught and becomes an error. Callers that hold a
//! file of unknown origin import it with Kinglet first: that bounds every shape in it.

use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;

use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::{
    DatumExt, Framework, InferenceFact, InferenceModelExt, IntoRunnable, RunnableModel, TValue, TypedFact, TypedOp,
};

use crate::external::NoSiblings;
use crate::file::OnnxFile;
use crate::model::{Extent, OnnxModel, OnnxPort, type_code};

/// A float tensor, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Extent of each axis.
    pub shape: Vec<usize>,
    /// As many elements as the shape holds.
    pub data: Vec<f32>,
}

type Plan = Arc<RunnableModel<TypedFact, Box<dyn TypedOp>>>;

/// A float model that can be run.
pub struct FloatReference {
    runnable: Plan,
    input_shapes: Vec<Vec<usize>>,
}

/// Operators tract may run for us: those of Kinglet's importer and some common float ones. None can ask
/// for a result out of all proportion, as `Expand`, `Tile` or `Loop` can.
#[rustfmt::skip] // A table of words reads better in lines than in a column.
const OPERATORS: [&str; 48] = [
    "Add", "AveragePool", "BatchNormalization", "Cast", "Clip", "Concat", "Constant", "Conv", "ConvTranspose",
    "DequantizeLinear", "Div", "Dropout", "Elu", "Exp", "Flatten", "Gather", "Gemm", "GlobalAveragePool",
    "GlobalMaxPool", "HardSigmoid",
    "HardSwish", "Identity", "LeakyRelu", "LogSoftmax", "MatMul", "Max", "MaxPool", "Min", "Mul", "Neg", "Pad", "Pow",
    "QuantizeLinear", "ReduceMax", "ReduceMean", "Relu", "Reshape", "Shape", "Sigmoid", "Slice", "Softmax", "Split",
    "Sqrt", "Squeeze", "Sub", "Tanh", "Transpose", "Unsqueeze",
];

/// Largest input, in elements.
const INPUT_LEN_MAX: usize = 1 << 26;

impl FloatReference {
    /// [`Self::new`] of the bytes of a file that has nothing beside it.
    ///
    /// # Errors
    /// When the bytes are no ONNX model, and those of [`Self::new`].
    pub fn from_onnx(bytes: &[u8], batch: usize) -> Result<Self, String> {
        let file = OnnxFile::decode(bytes, &NoSiblings).map_err(|error| error.to_string())?;
        Self::new(&file, batch)
    }

    /// Prepares a model for inputs of `batch` samples; axes open in the file other than the first are refused,
    /// and a batch fixed in the file stays as it is.
    ///
    /// # Errors
    /// When an input is not a float tensor of known shape, or when tract cannot run the model; the text says which.
    pub fn new(file: &OnnxFile, batch: usize) -> Result<Self, String> {
        let model = file.model().map_err(|error| error.to_string())?;
        check_operators(&model)?;
        let is_constant = |port: &&OnnxPort| model.graph.initializers.iter().any(|constant| constant.name == port.name);
        let supplied = model.graph.inputs.iter().filter(|port| !is_constant(port));
        let input_shapes = supplied.map(|port| input_shape(port, batch)).collect::<Result<Vec<_>, _>>()?;
        let output_count = model.graph.outputs.len();
        let runnable = guard("preparing", || prepare(&file.proto, &input_shapes, output_count))?;
        Ok(FloatReference { runnable, input_shapes })
    }

    /// The shape of each input, in the model's own layout.
    pub fn input_shapes(&self) -> &[Vec<usize>] {
        &self.input_shapes
    }

    /// Runs the model on one tensor for each input.
    ///
    /// # Errors
    /// When the inputs do not have the shapes of [`Self::input_shapes`], or tract fails.
    pub fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, String> {
        let given: Vec<&Vec<usize>> = inputs.iter().map(|input| &input.shape).collect();
        if given.iter().copied().ne(&self.input_shapes) {
            return Err(format!("inputs have shapes {given:?}, the model takes {:?}", self.input_shapes));
        }
        let values = inputs.iter().map(to_tract).collect::<Result<_, String>>()?;
        guard("running", || {
            let outputs = self.runnable.run(values).map_err(|error| format!("{error:#}"))?;
            outputs.iter().map(from_tract).collect()
        })
    }
}

/// Turns a panic inside tract into an error.
fn guard<T>(doing: &str, work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| format!("{doing} the float reference: {error}")),
        Err(_) => Err(format!("{doing} the float reference: tract panicked on this model")),
    }
}

fn check_operators(model: &OnnxModel) -> Result<(), String> {
    let foreign = |domain: &str, op: &str| !domain.is_empty() || !OPERATORS.contains(&op);
    let mut refused: Vec<&str> = model
        .graph
        .nodes
        .iter()
        .filter(|node| foreign(&node.domain, &node.op_type))
        .map(|node| node.op_type.as_str())
        .collect();
    refused.sort_unstable();
    refused.dedup();
    if refused.is_empty() {
        return Ok(());
    }
    Err(format!("the float reference does not run {}", refused.join(", ")))
}

fn input_shape(port: &OnnxPort, batch: usize) -> Result<Vec<usize>, String> {
    let Some(extents) = &port.shape else {
        return Err(format!("input `{}` has no shape", port.name));
    };
    let extent = |(axis, extent): (usize, &Extent)| match extent {
        Extent::Fixed(fixed) => usize::try_from(*fixed).ok().filter(|&extent| extent > 0),
        Extent::Open(_) if axis == 0 => Some(batch),
        Extent::Open(_) => None,
    };
    let shape: Option<Vec<usize>> = extents.iter().enumerate().map(extent).collect();
    let shape = shape.ok_or_else(|| format!("input `{}` has an open or empty axis: {extents:?}", port.name))?;
    match shape.iter().try_fold(1usize, |len, &extent| len.checked_mul(extent)) {
        Some(len) if (1..=INPUT_LEN_MAX).contains(&len) && port.element_type == type_code::FLOAT => Ok(shape),
        _ => Err(format!("input `{}` with shape {shape:?} is no float tensor of reasonable size", port.name)),
    }
}

fn prepare(proto: &ModelProto, input_shapes: &[Vec<usize>], output_count: usize) -> Result<Plan, String> {
    let text = |error| format!("{error:#}");
    let mut model = tract_onnx::onnx().model_for_proto_model(proto).map_err(text)?;
    for (index, shape) in input_shapes.iter().enumerate() {
        let fact = f32::fact(shape.as_slice());
        model = model.with_input_fact(index, InferenceFact::from(&fact)).map_err(text)?;
    }
    // A declared output shape that tract infers differently would be an error, and it is often wrong.
    for index in 0..output_count {
        model = model.with_output_fact(index, InferenceFact::default()).map_err(text)?;
    }
    model.into_optimized().and_then(|typed| typed.into_runnable()).map_err(text)
}

fn to_tract(tensor: &Tensor) -> Result<TValue, String> {
    let tract = tract_onnx::prelude::Tensor::from_shape(&tensor.shape, &tensor.data);
    tract.map(TValue::from).map_err(|error| format!("{error:#}"))
}

fn from_tract(value: &TValue) -> Result<Tensor, String> {
    let text = |error| format!("{error:#}");
    let floats = value.cast_to::<f32>().map_err(text)?;
    let view = floats.to_plain_array_view::<f32>().map_err(text)?;
    Ok(Tensor { shape: view.shape().to_vec(), data: view.iter().copied().collect() })
}
