//! Tensors whose numbers are known on import.

use std::rc::Rc;

use kinglet_tract::{OnnxTensor, TensorData, type_code, type_name};

use crate::half::{bfloat16, float16};
use crate::import::build::{Convert, refuse};
use crate::ir::{RANK_MAX, VALUE_LEN_MAX};
use crate::plain;

/// A known tensor. Its element count agrees with its shape; it may be empty, as shapes of scalars are.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Constant {
    pub(super) shape: Vec<usize>,
    pub(super) numbers: Numbers,
    /// ONNX's code of its elements' type; that of floats is always FLOAT, they were widened or rounded to it.
    pub(super) type_code: i32,
    /// Whether its floats are what codes of the file stand for, moved at most.
    pub(super) is_decoded: bool,
    /// The texts that its integers are places in, where the file's type is STRING.
    pub(super) texts: Option<Rc<[String]>>,
}

/// Its elements: integers of every width, and truth values, as 64-bit integers.
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
        let type_code = data.type_code();
        let integers = match data {
            TensorData::F32(v) => return Ok(Constant::floats(shape, v)),
            TensorData::F64(v) => return Ok(Constant::floats(shape, mapped(v, |value| value as f32))),
            TensorData::F16(v) => return Ok(Constant::floats(shape, mapped(v, float16))),
            TensorData::Bf16(v) => return Ok(Constant::floats(shape, mapped(v, bfloat16))),
            TensorData::I64(v) => v,
            TensorData::U64(v) => match v.into_iter().map(i64::try_from).collect() {
                Ok(v) => v,
                Err(_) => return refuse(format!("constant `{name}` is beyond 64 bits with a sign"), "use INT64"),
            },
            TensorData::I32(v) => widened(v),
            TensorData::U32(v) => widened(v),
            TensorData::I16(v) => widened(v),
            TensorData::U16(v) => widened(v),
            TensorData::I8(v) | TensorData::I4(v) => widened(v),
            TensorData::U8(v) | TensorData::U4(v) => widened(v),
            TensorData::Bool(v) => widened(v),
            TensorData::Text(v) => return Ok(Constant::texts(shape, v)),
            TensorData::Other(code) => {
                let problem = format!("constant `{name}` is {}", type_name(code));
                return refuse(problem, "export with FLOAT weights (float32)");
            }
        };
        Ok(Constant { type_code, ..Constant::integers(shape, integers) })
    }

    /// Floats, as many as the shape holds.
    pub(super) fn floats(shape: Vec<usize>, numbers: Vec<f32>) -> Self {
        Constant { shape, numbers: Numbers::F32(numbers), type_code: type_code::FLOAT, is_decoded: false, texts: None }
    }

    /// INT64 elements, as many as the shape holds.
    pub(super) fn integers(shape: Vec<usize>, numbers: Vec<i64>) -> Self {
        Constant { shape, numbers: Numbers::I64(numbers), type_code: type_code::INT64, is_decoded: false, texts: None }
    }

    /// Texts, as many as the shape holds: each is its place in the list of them.
    fn texts(shape: Vec<usize>, texts: Vec<String>) -> Self {
        let places = (0..texts.len() as i64).collect();
        let texts = texts.iter().map(|text| plain::name(text)).collect();
        Constant { type_code: type_code::STRING, texts: Some(texts), ..Constant::integers(shape, places) }
    }

    /// A list of integers.
    pub(super) fn list(values: Vec<i64>) -> Self {
        Constant::integers(vec![values.len()], values)
    }

    /// Other numbers of the same type, as many as the shape holds.
    pub(super) fn with(&self, shape: Vec<usize>, numbers: Numbers) -> Self {
        Constant { shape, numbers, type_code: self.type_code, is_decoded: self.is_decoded, texts: self.texts.clone() }
    }

    /// The floats that codes of the file stand for, as many as the shape holds.
    pub(super) fn decoded(shape: Vec<usize>, numbers: Vec<f32>) -> Self {
        Constant { is_decoded: true, ..Constant::floats(shape, numbers) }
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

fn mapped<A, B>(elements: Vec<A>, map: fn(A) -> B) -> Vec<B> {
    elements.into_iter().map(map).collect()
}

fn widened<T: Into<i64>>(elements: Vec<T>) -> Vec<i64> {
    elements.into_iter().map(Into::into).collect()
}

/// True when no product of some of the extents can overflow. An empty tensor is fine, but its other
/// extents still count: `[0, 2^40, 2^40]` holds nothing and would overflow the first product of its tail.
pub(super) fn is_plausible(shape: &[usize]) -> bool {
    let len = shape.iter().filter(|&&extent| extent > 0).try_fold(1usize, |len, &extent| len.checked_mul(extent));
    shape.len() <= RANK_MAX && len.is_some_and(|len| len <= VALUE_LEN_MAX)
}
