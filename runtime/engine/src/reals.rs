//! Inputs and outputs as real numbers: what a sensor gives before a run, and what a decision wants after it.
//!
//! One rule for all integer types: `q = round(real / scale) + zero_point`, halves away from zero, clamped to the type; NaN
//! becomes the zero point. Back: `real = scale * (q - zero_point)`. `kinglet run` on the host computes the same.

use kinglet_blob::DType;
use kinglet_kernels::quantize::Affine;

use crate::error::TensorError;
use crate::{Port, Session};

impl Port<'_> {
    /// The integer that stands for `real` in this tensor, clamped to its element type. For tensors of floats, whose scale
    /// is 1, the nearest `i32`; for bool, 0 or 1.
    pub fn quantize(&self, real: f32) -> i32 {
        let (least, most) = bounds(self.dtype);
        self.affine().quantize_within(real, least, most)
    }

    /// The real number that the integer `q` of this tensor stands for.
    pub fn dequantize(&self, q: i32) -> f32 {
        self.affine().dequantize(q)
    }

    fn affine(&self) -> Affine {
        Affine { scale: self.scale, zero_point: self.zero_point }
    }
}

impl Session<'_, '_> {
    /// Writes `reals`, as many as the tensor has elements and in its order (`[N, H, W, C]` where the source model has
    /// images), into input `index` before a run: quantized with the tensor's scale and zero point, or as they are when
    /// it holds floats. Nothing is written when there is an error.
    pub fn write_input(&mut self, index: usize, reals: &[f32]) -> Result<(), TensorError> {
        let port = self.model().input(index).ok_or(TensorError::NoSuchTensor)?;
        let elements = elements(&port, reals.len())?;
        for (to, real) in self.input_raw(index)?.chunks_exact_mut(elements).zip(reals) {
            let word = match port.dtype {
                DType::F32 => real.to_le_bytes(),
                _ => port.quantize(*real).to_le_bytes(),
            };
            to.iter_mut().zip(word).for_each(|(to, byte)| *to = byte);
        }
        Ok(())
    }

    /// Reads output `index` of the last run into `reals`, as many as the tensor has elements and in its order, as the real
    /// numbers that its integers stand for. Nothing is written when there is an error.
    pub fn read_output(&self, index: usize, reals: &mut [f32]) -> Result<(), TensorError> {
        let port = self.model().output(index).ok_or(TensorError::NoSuchTensor)?;
        let elements = elements(&port, reals.len())?;
        for (from, real) in self.output_raw(index)?.chunks_exact(elements).zip(reals) {
            *real = value(&port, from);
        }
        Ok(())
    }
}

/// Bytes of an element, if `given` numbers are as many as the tensor has.
fn elements(port: &Port<'_>, given: usize) -> Result<usize, TensorError> {
    let needed = port.len();
    // Never 0: only the compiler that proves the absence of panics does not know it.
    if needed == given { Ok(port.dtype.size_bytes().max(1)) } else { Err(TensorError::WrongLength { needed, given }) }
}

/// The real number in the bytes of one element.
fn value(port: &Port<'_>, bytes: &[u8]) -> f32 {
    let mut word = [0; 4];
    word.iter_mut().zip(bytes).for_each(|(to, byte)| *to = *byte);
    let [a, b, ..] = word;
    match port.dtype {
        DType::F32 => f32::from_le_bytes(word),
        DType::I8 => port.dequantize(i8::from_le_bytes([a]).into()),
        DType::I16 => port.dequantize(i16::from_le_bytes([a, b]).into()),
        _ => port.dequantize(i32::from_le_bytes(word)),
    }
}

/// The least and the largest integer of a type.
fn bounds(dtype: DType) -> (i32, i32) {
    match dtype {
        DType::I8 => (i8::MIN.into(), i8::MAX.into()),
        DType::I16 => (i16::MIN.into(), i16::MAX.into()),
        DType::U8 => (0, u8::MAX.into()),
        DType::Bool => (0, 1),
        _ => (i32::MIN, i32::MAX),
    }
}
