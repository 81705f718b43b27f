//! A tensor of the graph: its type, shape, quantization and, when it is a constant, its elements.
//!
//! The lowest layer of the compiler: operators are stated on values, a graph connects operators.

mod shape;
mod transpose;

use kinglet_kernels::packing::Storage;

pub(crate) use shape::fail;
pub use shape::{RANK_MAX, Shape, ShapeError, VALUE_LEN_MAX, checked_len, is_permutation};
pub use transpose::{inverse, transposed};

/// Index of a [`Value`] in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub u32);

/// Element type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DType {
    /// 32-bit IEEE float.
    F32,
    /// Signed 8-bit integer, quantized.
    I8,
    /// Unsigned 8-bit integer, quantized: at the ends of a model and where it converts from and to them.
    U8,
    /// Signed 16-bit integer, quantized with zero point 0.
    I16,
    /// Signed 32-bit integer: biases and indices.
    I32,
    /// Signed 64-bit integer: biases of layers on int16, and shape arithmetic that is gone after folding.
    I64,
}

/// Affine quantization of a value: `real = scale * (q - zero_point)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantization {
    /// One scale for the whole value, or one for each index of `axis`.
    pub scales: Vec<f32>,
    /// As many as `scales`.
    pub zero_points: Vec<i32>,
    /// The axis along which the parameters vary; `None` when there is one scale.
    pub axis: Option<usize>,
    /// In how many bits the source model has the codes: weights of fewer than eight are stored so where that is possible.
    pub storage: Storage,
}

/// The elements of a constant, row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum Elements {
    /// For [`DType::F32`].
    F32(Vec<f32>),
    /// For [`DType::I8`].
    I8(Vec<i8>),
    /// For [`DType::U8`].
    U8(Vec<u8>),
    /// For [`DType::I16`].
    I16(Vec<i16>),
    /// For [`DType::I32`].
    I32(Vec<i32>),
    /// For [`DType::I64`].
    I64(Vec<i64>),
}

/// A tensor of the graph: input, constant or intermediate result.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// The source model's name of it, unique within the graph.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Extent of each axis; a dynamic batch is fixed to 1 by the importer.
    pub shape: Vec<usize>,
    /// Present on every [`DType::I8`] activation and weight.
    pub quantization: Option<Quantization>,
    /// Present on constants.
    pub elements: Option<Elements>,
}

/// Access to the elements when they are of one type.
macro_rules! typed {
    ($($access:ident: $variant:ident($element:ty),)*) => {
        impl Elements {
            $(
                pub(crate) fn $access(&self) -> Option<&[$element]> {
                    match self {
                        Elements::$variant(elements) => Some(elements),
                        _ => None,
                    }
                }
            )*
        }
    };
}

typed! {
    f32s: F32(f32),
    i8s: I8(i8),
    u8s: U8(u8),
    i16s: I16(i16),
    i32s: I32(i32),
    i64s: I64(i64),
}

impl Elements {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Elements::F32(v) => v.len(),
            Elements::I8(v) => v.len(),
            Elements::U8(v) => v.len(),
            Elements::I16(v) => v.len(),
            Elements::I32(v) => v.len(),
            Elements::I64(v) => v.len(),
        }
    }

    /// `len` times what stands for zero: the zero point, for codes that have one, which must be of the type.
    pub fn zeros(dtype: DType, quantization: Option<&Quantization>, len: usize) -> Self {
        let zero = quantization.map_or(0, Quantization::zero_point);
        match dtype {
            DType::F32 => Elements::F32(vec![0.0; len]),
            DType::I8 => Elements::I8(vec![zero as i8; len]),
            DType::U8 => Elements::U8(vec![zero as u8; len]),
            DType::I16 => Elements::I16(vec![zero as i16; len]),
            DType::I32 => Elements::I32(vec![zero; len]),
            DType::I64 => Elements::I64(vec![i64::from(zero); len]),
        }
    }

    /// Their little-endian bytes.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Elements::F32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Elements::I8(v) => v.iter().map(|&x| x as u8).collect(),
            Elements::U8(v) => v.clone(),
            Elements::I16(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Elements::I32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Elements::I64(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        }
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        match self {
            Elements::F32(_) => DType::F32,
            Elements::I8(_) => DType::I8,
            Elements::U8(_) => DType::U8,
            Elements::I16(_) => DType::I16,
            Elements::I32(_) => DType::I32,
            Elements::I64(_) => DType::I64,
        }
    }
}

impl Quantization {
    /// One scale for the whole tensor.
    pub fn per_tensor(scale: f32, zero_point: i32) -> Self {
        Quantization { scales: vec![scale], zero_points: vec![zero_point], axis: None, storage: Storage::Bits8 }
    }

    /// The scale of channel `index` (the only one when per-tensor).
    pub fn scale(&self, index: usize) -> f32 {
        self.scales.get(index).or(self.scales.first()).copied().unwrap_or(1.0)
    }

    /// The zero point of a per-tensor quantization.
    pub fn zero_point(&self) -> i32 {
        self.zero_points.first().copied().unwrap_or(0)
    }
}

impl From<DType> for kinglet_blob::DType {
    /// The type that a blob's records name. 64-bit integers are folded away before any record is written.
    fn from(dtype: DType) -> Self {
        match dtype {
            DType::F32 => kinglet_blob::DType::F32,
            DType::I8 => kinglet_blob::DType::I8,
            DType::U8 => kinglet_blob::DType::U8,
            DType::I16 => kinglet_blob::DType::I16,
            DType::I32 | DType::I64 => kinglet_blob::DType::I32,
        }
    }
}

impl DType {
    /// Bytes of one element.
    pub fn size_bytes(self) -> usize {
        match self {
            DType::I8 | DType::U8 => 1,
            DType::I16 => 2,
            DType::F32 | DType::I32 => 4,
            DType::I64 => 8,
        }
    }
}

impl Value {
    /// Number of elements its shape holds.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// True when an axis is zero.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Value {
    /// Checks shape, element count and quantization; the error continues a sentence about the value.
    pub(crate) fn check(&self) -> Result<(), String> {
        let len = checked_len(&self.shape).map_err(|error| format!("cannot be used: {error}"))?;
        if let Some(elements) = &self.elements {
            if elements.len() != len {
                return Err(format!("has {} elements, its shape {:?} holds {len}", elements.len(), self.shape));
            }
            if elements.dtype() != self.dtype {
                return Err(format!("is declared {:?} but holds {:?}", self.dtype, elements.dtype()));
            }
        }
        check_quantized(self)
    }
}

/// Checks one value's quantization against its type and shape.
fn check_quantized(value: &Value) -> Result<(), String> {
    match (&value.quantization, value.dtype) {
        (None, DType::I8) => Err("is int8 without a quantization".into()),
        (None, DType::U8) => Err("is uint8 without a quantization".into()),
        (None, DType::I16) => Err("is int16 without a quantization".into()),
        (None, _) => Ok(()),
        (Some(_), DType::F32 | DType::I64) => Err(format!("is {:?} and cannot have a quantization", value.dtype)),
        (Some(quantization), _) => check_quantization(quantization, value),
    }
}

fn check_quantization(quantization: &Quantization, value: &Value) -> Result<(), String> {
    let Quantization { scales, zero_points, axis, storage } = quantization;
    let channels = match axis {
        None => 1,
        Some(axis) => {
            *value.shape.get(*axis).ok_or_else(|| format!("is quantized along axis {axis}, which it does not have"))?
        }
    };
    if scales.len() != channels || zero_points.len() != channels {
        let (scales, zeros) = (scales.len(), zero_points.len());
        return Err(format!("has {scales} scales and {zeros} zero points, {channels} of each are needed"));
    }
    if let Some(Elements::I8(codes)) = &value.elements
        && let Some(code) = codes.iter().find(|code| !storage.range().contains(code))
    {
        return Err(format!("has the code {code}, which is not {}", storage.name()));
    }
    if let Some(scale) = scales.iter().find(|scale| !(scale.is_finite() && **scale > 0.0)) {
        return Err(format!("has the quantization scale {scale}, which is not positive and finite"));
    }
    let range = match value.dtype {
        DType::I8 => -128..=127,
        DType::U8 => 0..=255,
        DType::F32 | DType::I16 | DType::I32 | DType::I64 => 0..=0,
    };
    if let Some(zero) = zero_points.iter().find(|zero| !range.contains(*zero)) {
        return Err(format!("has the zero point {zero}, outside {} to {}", range.start(), range.end()));
    }
    Ok(())
}
