//! A tensor of the graph: its type, shape, quantization and, when it is a constant, its elements.
//!
//! The lowest layer of the compiler: operators are stated on values, a graph connects operators.

mod elements;
mod shape;
mod transpose;

use kinglet_kernels::packing::Storage;

pub use elements::{DType, Elements};
pub(crate) use shape::fail;
pub use shape::{RANK_MAX, Shape, ShapeError, VALUE_LEN_MAX, checked_len, is_permutation};
pub use transpose::{inverse, transposed};

/// Index of a [`Value`] in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub u32);

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

/// A tensor of the graph: input, constant or intermediate result.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// The source model's name of it, unique within the graph.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Extent of each axis; a dynamic batch is fixed to 1 by the importer.
    pub shape: Vec<usize>,
    /// Present on every [`DType::I8`] activation and weight. A float constant may have one: then its elements are the reals
    /// of codes, see `codes`.
    pub quantization: Option<Quantization>,
    /// Present on constants.
    pub elements: Option<Elements>,
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

    /// The zero point of channel `index` (the only one when per-tensor).
    pub fn zero_of(&self, index: usize) -> i32 {
        self.zero_points.get(index).or(self.zero_points.first()).copied().unwrap_or(0)
    }

    /// The zero point of a per-tensor quantization.
    pub fn zero_point(&self) -> i32 {
        self.zero_points.first().copied().unwrap_or(0)
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

impl Value {
    /// The reals of an int8 constant that has passed its check, which stay known as those of codes; any other value as it
    /// is.
    pub(crate) fn widened(self) -> Value {
        let (Some(Elements::I8(codes)), Some(quantization)) = (&self.elements, &self.quantization) else {
            return self;
        };
        let real = |(index, &code): (usize, &i8)| {
            let channel = self.channel(quantization, index);
            (i32::from(code) - quantization.zero_of(channel)) as f32 * quantization.scale(channel)
        };
        let reals: Vec<f32> = codes.iter().enumerate().map(real).collect();
        Value { dtype: DType::F32, elements: Some(Elements::F32(reals)), ..self }
    }

    /// The codes of a float constant that are known as such; `None` when its elements are no longer exactly their reals.
    pub(crate) fn codes(&self) -> Option<(Vec<i8>, &Quantization)> {
        let (Some(Elements::F32(reals)), Some(quantization)) = (&self.elements, &self.quantization) else {
            return None;
        };
        let code = |(index, &real): (usize, &f32)| {
            let channel = self.channel(quantization, index);
            let (scale, zero) = (quantization.scale(channel), quantization.zero_of(channel));
            let code = (real / scale).round() as i32 + zero;
            let is_exact = (code - zero) as f32 * scale == real;
            i8::try_from(code).ok().filter(|code| is_exact && quantization.storage.range().contains(code))
        };
        let codes: Option<Vec<i8>> = reals.iter().enumerate().map(code).collect();
        Some((codes?, quantization))
    }

    /// The step along the quantized axis of element `index`; 0 when there is one scale.
    fn channel(&self, quantization: &Quantization, index: usize) -> usize {
        let Some(axis) = quantization.axis else { return 0 };
        let inner: usize = self.shape[axis + 1..].iter().product();
        index / inner.max(1) % self.shape[axis]
    }
}

/// Checks one value's quantization against its type and shape.
fn check_quantized(value: &Value) -> Result<(), String> {
    match (&value.quantization, value.dtype) {
        (None, DType::I8) => Err("is int8 without a quantization".into()),
        (None, DType::U8) => Err("is uint8 without a quantization".into()),
        (None, DType::I16) => Err("is int16 without a quantization".into()),
        (None, _) => Ok(()),
        (Some(quantization), DType::F32) if value.elements.is_some() => check_quantization(quantization, value),
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
    // The reals of codes had codes of eight bits.
    let range = if value.dtype == DType::F32 { DType::I8.zero_points() } else { value.dtype.zero_points() };
    if let Some(zero) = zero_points.iter().find(|zero| !range.contains(*zero)) {
        return Err(format!("has the zero point {zero}, outside {} to {}", range.start(), range.end()));
    }
    Ok(())
}
