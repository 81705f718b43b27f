//! Tensors become values: types, shapes, quantization, constants.

use kinglet_kernels::packing::Storage;

use super::flatbuffer::{Damage, i32s, i64s};
use super::names::operator_name;
use super::schema::{BOOL, FLOAT16, FLOAT32, INT4, INT8, INT16, INT32, INT64, Tensor, UINT8, type_name};
use super::{Importer, unsigned};
use crate::half;
use crate::import::build::{Convert, Refusal, refuse};
use crate::ir::{DType, Elements, Quantization, Value, ValueId, checked_len};

const EXPORT_AGAIN: &str = "export the model again";

impl From<Damage> for Refusal {
    fn from(damage: Damage) -> Self {
        Refusal { problem: format!("{} at byte {}", damage.problem, damage.offset), remedy: EXPORT_AGAIN.into() }
    }
}

impl<'b> Importer<'_, 'b> {
    /// The declaration of tensor `index`.
    pub(super) fn tensor(&self, index: i32) -> Convert<&Tensor<'b>> {
        match usize::try_from(index).ok().and_then(|index| self.model.tensors.get(index)) {
            Some(tensor) => Ok(tensor),
            None if index == -1 => refuse("an operand is missing", EXPORT_AGAIN),
            None => refuse(format!("refers to tensor {index}, which does not exist"), EXPORT_AGAIN),
        }
    }

    /// The graph's value of tensor `index`.
    pub(super) fn value(&mut self, index: i32) -> Convert<ValueId> {
        if let Some(&id) = self.values.get(&index) {
            return Ok(id);
        }
        let id = match self.ends.get(&index) {
            Some(&end) => self.codes_of(index, end)?,
            None => {
                let value = self.declared_value(index)?;
                self.builder.value(value)?
            }
        };
        self.values.insert(index, id);
        Ok(id)
    }

    /// The element type of a tensor that is a value of the graph.
    pub(super) fn element_type(&self, tensor: &Tensor<'_>) -> Convert<DType> {
        match tensor.dtype {
            // Half precision only saves bytes of the file.
            FLOAT32 | FLOAT16 => Ok(DType::F32),
            INT8 => Ok(DType::I8),
            // Constants are unpacked; their quantization keeps in how many bits they came.
            INT4 if !tensor.data.is_empty() => Ok(DType::I8),
            UINT8 if unsigned::becomes_int8(tensor) => Ok(DType::I8),
            UINT8 => Ok(DType::U8),
            INT16 => Ok(DType::I16),
            INT32 => Ok(DType::I32),
            // Biases of layers on int16.
            INT64 if !tensor.data.is_empty() => Ok(DType::I64),
            // A device computes with 32 bits.
            INT64 => Ok(DType::I32),
            BOOL => Ok(DType::Bool),
            other => {
                let remedy = "convert with float32 or with full int8 quantization";
                refuse(format!("`{}` is {}", tensor.name, type_name(other)), remedy)
            }
        }
    }

    /// Whether a CAST reads or makes tensor `index`, so that its elements are numbers.
    fn is_cast(&self, index: i32) -> bool {
        let mut operators = self.model.operators.iter().filter(|it| operator_name(it.code) == "CAST");
        operators.any(|it| it.inputs.contains(&index) || it.outputs.contains(&index))
    }

    /// Whether a QUANTIZE reads or makes tensor `index`.
    fn is_requantized(&self, index: i32) -> bool {
        let mut operators = self.model.operators.iter().filter(|it| operator_name(it.code) == "QUANTIZE");
        operators.any(|it| it.inputs.contains(&index) || it.outputs.contains(&index))
    }

    pub(super) fn declared_value(&self, index: i32) -> Convert<Value> {
        let tensor = self.tensor(index)?;
        let dtype = self.element_type(tensor)?;
        if tensor.is_variable {
            return refuse(
                format!("`{}` keeps state between runs", tensor.name),
                "feed the state as an input and read it back as an output",
            );
        }
        let shape = shape(tensor)?;
        let elements = match tensor.data {
            [] => None,
            data => Some(self.elements(tensor, dtype, data)?),
        };
        let quantization = match dtype {
            DType::I32 if tensor.dtype == INT32 && !tensor.scales.is_empty() && self.is_requantized(index) => {
                quantization(tensor)?
            }
            // No other kernel reads that of an int32 tensor: a bias is in the unit of its layer's products.
            DType::F32 | DType::I32 | DType::I64 | DType::Bool => None,
            DType::I8 if tensor.dtype == UINT8 => quantization(tensor)?.map(unsigned::as_int8),
            // Bytes without a scale are numbers: CAST makes floats of them.
            DType::U8 if tensor.scales.is_empty() => Some(Quantization::per_tensor(1.0, 0)),
            DType::I8 | DType::I16 if tensor.scales.is_empty() && self.is_cast(index) => {
                Some(Quantization::per_tensor(1.0, 0))
            }
            DType::I8 | DType::U8 | DType::I16 => quantization(tensor)?,
        };
        Ok(Value { name: self.tensor_name(index), dtype, shape, quantization, elements })
    }

    pub(super) fn elements(&self, tensor: &Tensor<'_>, dtype: DType, data: &[u8]) -> Convert<Elements> {
        if tensor.dtype == INT4 {
            return self.halves(tensor, data);
        }
        let size_bytes = if tensor.dtype == FLOAT16 { 2 } else { dtype.size_bytes() };
        if !data.len().is_multiple_of(size_bytes) {
            let (count, name) = (data.len(), type_name(tensor.dtype));
            return refuse(format!("`{}` has {count} bytes of {name}", tensor.name), EXPORT_AGAIN);
        }
        let dense;
        let data = match tensor.sparsity {
            None => data,
            Some(sparsity) => {
                dense = self.dense(tensor, sparsity, data, size_bytes)?;
                &dense
            }
        };
        if tensor.dtype == FLOAT16 {
            self.model.budget.charge(data.len(), 2)?;
            return Ok(Elements::F32(half::float16s(data)));
        }
        self.model.budget.charge(data.len(), 1)?;
        if unsigned::becomes_int8(tensor) {
            return Ok(Elements::I8(unsigned::shifted(data)));
        }
        Ok(Elements::from_bytes(dtype, data))
    }

    /// The elements of an INT4 tensor: two in a byte, the lower half first, without gaps between rows.
    fn halves(&self, tensor: &Tensor<'_>, data: &[u8]) -> Convert<Elements> {
        let len: usize = shape(tensor)?.iter().product();
        if tensor.sparsity.is_some() {
            return refuse(format!("`{}` is stored sparse in INT4", tensor.name), "export it dense");
        }
        if len.div_ceil(2) != data.len() {
            return refuse(format!("`{}` has {} bytes for {len} INT4", tensor.name, data.len()), EXPORT_AGAIN);
        }
        self.model.budget.charge(data.len(), 2)?;
        // To the top of a byte, then down with its sign.
        let halves = data.iter().flat_map(|byte| [byte << 4, byte & 0xf0]).map(|half| half as i8 >> 4);
        Ok(Elements::I8(halves.take(len).collect()))
    }

    /// The weights of an operator on `activation`: as they are, or widened when only they are int8.
    pub(super) fn weights(&mut self, index: i32, activation: ValueId) -> Convert<ValueId> {
        // What is read from the file once is a constant already when DEQUANTIZE has widened it.
        if let Some(&id) = self.values.get(&index)
            && self.builder.graph.value(id).elements.is_some()
            && self.builder.graph.value(id).dtype == DType::F32
        {
            return Ok(id);
        }
        let tensor = self.tensor(index)?;
        if tensor.data.is_empty() {
            return refuse(format!("weights `{}` are computed", tensor.name), "weights must be constants");
        }
        if !matches!(tensor.dtype, INT8 | INT4 | UINT8) || self.builder.graph.value(activation).dtype != DType::F32 {
            return self.value(index);
        }
        self.widened(index)
    }

    /// Whether a tensor depends on the model's inputs, or on a variable.
    pub(super) fn is_computed(&self, index: i32) -> Convert<bool> {
        match self.values.get(&index) {
            Some(&id) => Ok(self.builder.graph.value(id).elements.is_none()),
            None => Ok(self.tensor(index)?.data.is_empty()),
        }
    }

    /// The real values of an int8 constant.
    pub(super) fn widened(&mut self, index: i32) -> Convert<ValueId> {
        if let Some(&id) = self.widened.get(&index) {
            return Ok(id);
        }
        let value = self.declared_value(index)?;
        if let Err(problem) = value.check() {
            return refuse(format!("`{}` {problem}", value.name), EXPORT_AGAIN);
        }
        self.model.budget.charge(value.len(), 4)?;
        let id = self.builder.value(value.widened())?;
        self.widened.insert(index, id);
        Ok(id)
    }

    /// The real number that a constant operand of one element is.
    pub(super) fn real(&self, index: i32) -> Convert<f32> {
        let value = self.declared_value(index)?;
        let code = |code: i32| {
            let quantization = value.quantization.as_ref();
            quantization.map(|q| (code - q.zero_point()) as f32 * q.scale(0))
        };
        let real = match value.elements.as_ref().filter(|elements| elements.len() == 1) {
            Some(Elements::F32(reals)) => reals.first().copied(),
            Some(Elements::I8(codes)) => codes.first().and_then(|&q| code(q.into())),
            Some(Elements::I16(codes)) => codes.first().and_then(|&q| code(q.into())),
            _ => None,
        };
        real.map_or_else(|| refuse(format!("`{}` is no constant number", value.name), EXPORT_AGAIN), Ok)
    }

    /// The integers of a constant operand such as axes or paddings.
    pub(super) fn integers(&self, index: i32, what: &str) -> Convert<Vec<i64>> {
        let tensor = self.tensor(index)?;
        let known = self.values.get(&index).and_then(|&id| self.builder.graph.value(id).elements.as_ref());
        if let Some(Elements::I32(numbers)) = known {
            self.model.budget.charge(numbers.len(), 8)?;
            return Ok(numbers.iter().map(|&number| number.into()).collect());
        }
        if tensor.data.is_empty() {
            return refuse(format!("{what} are computed"), "export with fixed shapes, so that they are constants");
        }
        self.model.budget.charge(tensor.data.len(), 2)?;
        match tensor.dtype {
            INT32 => Ok(i32s(tensor.data).into_iter().map(i64::from).collect()),
            INT64 => Ok(i64s(tensor.data)),
            other => refuse(format!("{what} are {}", type_name(other)), "INT32 is needed"),
        }
    }
}

/// The fixed shape; the converter writes 1 for an open batch.
pub(super) fn shape(tensor: &Tensor<'_>) -> Convert<Vec<usize>> {
    let extents = tensor.shape.iter().map(|&extent| usize::try_from(extent).ok().filter(|&extent| extent > 0));
    match extents.collect::<Option<Vec<usize>>>() {
        Some(shape) => match checked_len(&shape) {
            Ok(_) => Ok(shape),
            Err(error) => refuse(format!("`{}`: {error}", tensor.name), "use a smaller tensor"),
        },
        None => refuse(
            format!("`{}` has shape {:?}, which is not fixed", tensor.name, tensor.shape),
            "export with a fixed input shape",
        ),
    }
}

fn quantization(tensor: &Tensor<'_>) -> Convert<Option<Quantization>> {
    let count = tensor.scales.len();
    if count == 0 {
        return Ok(None);
    }
    let zero_points: Option<Vec<i32>> = match tensor.zero_points.as_slice() {
        [] => Some(vec![0; count]),
        &[one] => i32::try_from(one).ok().map(|zero| vec![zero; count]),
        all => all.iter().map(|&zero| i32::try_from(zero).ok()).collect(),
    };
    let Some(zero_points) = zero_points else {
        return refuse(format!("`{}` has a zero point out of range", tensor.name), EXPORT_AGAIN);
    };
    // One scale means one scale for all, whatever axis the file names.
    let axis = if count > 1 { Some(quantized_axis(tensor)?) } else { None };
    let storage = if tensor.dtype == INT4 { Storage::Bits4 } else { Storage::Bits8 };
    Ok(Some(Quantization { scales: tensor.scales.clone(), zero_points, axis, storage }))
}

/// The axis with as many steps as there are scales: the one that the file names, counted from the back if need be. A
/// file that names one of another extent can only mean the one axis that fits, if there is only one.
fn quantized_axis(tensor: &Tensor<'_>) -> Convert<usize> {
    let (named, rank) = (i64::from(tensor.quantized_axis), tensor.shape.len());
    let counted = if named < 0 { named + rank as i64 } else { named };
    let fits = |axis: &usize| tensor.shape.get(*axis).is_some_and(|&extent| extent as usize == tensor.scales.len());
    if let Some(axis) = usize::try_from(counted).ok().filter(fits) {
        return Ok(axis);
    }
    let mut fitting = (0..rank).filter(fits);
    match (fitting.next(), fitting.next()) {
        (Some(axis), None) => Ok(axis),
        _ => refuse(
            format!("`{}` has {} scales along axis {named} of {:?}", tensor.name, tensor.scales.len(), tensor.shape),
            EXPORT_AGAIN,
        ),
    }
}
