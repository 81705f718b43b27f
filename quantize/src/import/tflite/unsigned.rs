//! uint8 tensors: those of int8 with 128 added to every code and to the zero point.
//!
//! ```text
//!   real = scale * (u - zu) = scale * ((u - 128) - (zu - 128))
//! ```
//!
//! So the graph computes on int8, whatever the file has, and every integer formula gives the same codes less 128. What
//! its user hands over and reads stays uint8: one [`Quantize`] stands behind a uint8 input and one before a uint8
//! output, unless the file has a QUANTIZE there, which then is the one.

use super::Importer;
use super::call::Call;
use super::schema::{Tensor, UINT8};
use crate::import::build::Convert;
use crate::ir::{DType, Op, Quantization, Value, ValueId};
use crate::op::Quantize;

/// How far apart the codes of the two types are.
const SHIFT: i32 = 128;

/// True for a tensor that becomes an int8 one. Bytes without a scale are numbers of their own.
pub(super) fn becomes_int8(tensor: &Tensor<'_>) -> bool {
    tensor.dtype == UINT8 && !tensor.scales.is_empty()
}

/// The int8 codes of uint8 ones.
pub(super) fn shifted(codes: &[u8]) -> Vec<i8> {
    codes.iter().map(|&code| (code ^ 0x80) as i8).collect()
}

/// A quantization with its zero points moved by `shift`.
fn moved(mut quantization: Quantization, shift: i32) -> Quantization {
    // One that is out of range is refused as such, so it must stay so.
    quantization.zero_points.iter_mut().for_each(|zero| *zero = zero.saturating_add(shift));
    quantization
}

/// The quantization of a uint8 tensor as int8 has it.
pub(super) fn as_int8(quantization: Quantization) -> Quantization {
    moved(quantization, -SHIFT)
}

impl Importer<'_, '_> {
    /// What the caller hands over for input `tensor`, in the file's type.
    pub(super) fn input_end(&mut self, tensor: i32) -> Convert<ValueId> {
        if !becomes_int8(self.tensor(tensor)?) {
            return self.value(tensor);
        }
        let end = self.unsigned(tensor)?;
        self.ends.insert(tensor, end);
        Ok(end)
    }

    /// What the caller reads of output `tensor`, in the file's type.
    pub(super) fn output_end(&mut self, tensor: i32) -> Convert<ValueId> {
        if !becomes_int8(self.tensor(tensor)?) {
            return self.value(tensor);
        }
        if let Some(&end) = self.ends.get(&tensor) {
            return Ok(end);
        }
        let (codes, end) = (self.value(tensor)?, self.unsigned(tensor)?);
        let name = format!("{}/to uint8", self.tensor_name(tensor));
        self.builder.node(&name, Op::Quantize(Quantize), vec![codes], end)?;
        self.ends.insert(tensor, end);
        Ok(end)
    }

    /// The int8 codes of `tensor`, where it is the uint8 value `end`.
    pub(super) fn codes_of(&mut self, tensor: i32, end: ValueId) -> Convert<ValueId> {
        let name = format!("{}/to int8", self.tensor_name(tensor));
        let value = Value { name: name.clone(), ..self.declared_value(tensor)? };
        let codes = self.builder.value(value)?;
        self.builder.node(&name, Op::Quantize(Quantize), vec![end], codes)?;
        Ok(codes)
    }

    /// The uint8 value of a tensor.
    fn unsigned(&mut self, tensor: i32) -> Convert<ValueId> {
        let Value { name, shape, quantization, .. } = self.declared_value(tensor)?;
        let quantization = quantization.map(|quantization| moved(quantization, SHIFT));
        self.builder.value(Value { name, dtype: DType::U8, shape, quantization, elements: None })
    }
}

/// To another quantization, or from reals. Where one side is an end of uint8, the node itself crosses over.
pub(super) fn quantize(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let (from, to) = (call.tensor(0), call.first_result());
    if let Some(&end) = importer.ends.get(&from) {
        return importer.finish(call, Quantize, vec![end]);
    }
    let x = importer.value(from)?;
    let crosses = importer.builder.graph.value(x).dtype == DType::I8
        && importer.model.outputs.contains(&to)
        && becomes_int8(importer.tensor(to)?)
        && !importer.ends.contains_key(&to);
    if !crosses {
        return importer.finish(call, Quantize, vec![x]);
    }
    let end = importer.unsigned(to)?;
    importer.ends.insert(to, end);
    importer.builder.node(call.name, Op::Quantize(Quantize), vec![x], end)
}
