//! Tensors whose numbers are known on import.

use kinglet_tract::{OnnxTensor, TensorData, type_name};

use crate::import::build::{Convert, refuse};
use crate::ir::{RANK_MAX, VALUE_LEN_MAX};

/// A known tensor. Its element count agrees with its shape; it may be empty, as shapes of scalars are.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Constant {
    pub(super) shape: Vec<usize>,
    pub(super) numbers: Numbers,
}

/// Its elements. Integers of every width are kept as 64-bit ones: they only ever describe shapes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Numbers {
    F32(Vec<f32>),
    I64(Vec<i64>),
}

impl Numbers {
    pub(super) fn len(&self) -> usize {
        match self {
            Numbers::F32(v) => v.len(),
            Numbers::I64(v) => v.len(),
        }
    }
}

impl Constant {
    /// Takes a tensor of the file, whose length the decoder has checked.
    pub(super) fn new(tensor: OnnxTensor) -> Convert<Self> {
        let OnnxTensor { name, shape, data } = tensor;
        if !is_plausible(&shape) {
            return refuse(format!("constant `{name}` has shape {shape:?}"), "use fewer axes and elements");
        }
        let numbers = match data {
            TensorData::F32(v) => Numbers::F32(v),
            TensorData::F64(v) => Numbers::F32(v.into_iter().map(|value| value as f32).collect()),
            TensorData::I64(v) => Numbers::I64(v),
            TensorData::I32(v) => Numbers::I64(v.into_iter().map(i64::from).collect()),
            TensorData::I8(v) => Numbers::I64(v.into_iter().map(i64::from).collect()),
            TensorData::U8(v) => Numbers::I64(v.into_iter().map(i64::from).collect()),
            TensorData::Bool(v) => Numbers::I64(v.into_iter().map(i64::from).collect()),
            TensorData::Other(code) => {
                let problem = format!("constant `{name}` is {}", type_name(code));
                return refuse(problem, "export with FLOAT weights (float32)");
            }
        };
        Ok(Constant { shape, numbers })
    }

    /// A list of integers.
    pub(super) fn list(values: Vec<i64>) -> Self {
        Constant { shape: vec![values.len()], numbers: Numbers::I64(values) }
    }

    /// The integer it holds, when it holds one.
    pub(super) fn as_int(&self) -> Option<i64> {
        match &self.numbers {
            Numbers::I64(values) if values.len() == 1 => values.first().copied(),
            _ => None,
        }
    }

    /// The one float it holds, when it holds one.
    pub(super) fn as_float(&self) -> Option<f32> {
        match &self.numbers {
            Numbers::F32(values) if values.len() == 1 => values.first().copied(),
            _ => None,
        }
    }
}

/// True when no product of some of the extents can overflow. An empty tensor is fine, but its other
/// extents still count: `[0, 2^40, 2^40]` holds nothing and would overflow the first product of its tail.
pub(super) fn is_plausible(shape: &[usize]) -> bool {
    let len = shape.iter().filter(|&&extent| extent > 0).try_fold(1usize, |len, &extent| len.checked_mul(extent));
    shape.len() <= RANK_MAX && len.is_some_and(|len| len <= VALUE_LEN_MAX)
}
