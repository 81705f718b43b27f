//! Operators on one tensor, element by element.
//!
//! On int8 there are only 256 inputs, so each of them becomes a table, filled by the oracle's formula.

use kinglet_blob::OpCode;
use kinglet_blob::records::{Convert, Lookup, UnaryF32};
use kinglet_kernels::lookup::{RequantizeI8, relu_i8_reference, requantize_i8_reference, table};

use super::constants::i8_bytes;
use super::{Lowering, Reason, clamp_f32, narrow, refuse};
use crate::ir::{Activation, DType, Node, Op, Quantization, ValueId};
use crate::op::fixed;
use crate::record::Overlap;

impl Lowering<'_> {
    pub(super) fn unary(&mut self, node: &Node) -> Result<(), Reason> {
        match (&node.op, self.dtype(node.inputs[0])) {
            (Op::Quantize(_), DType::F32) => self.convert(node, OpCode::Quantize, self.quantization(node.output())?),
            (Op::Dequantize(_), _) => self.convert(node, OpCode::Dequantize, self.quantization(node.inputs[0])?),
            (_, DType::F32) => self.function_f32(node),
            _ => self.lookup(node),
        }
    }

    fn convert(&mut self, node: &Node, opcode: OpCode, quantization: &Quantization) -> Result<(), Reason> {
        let record = Convert {
            len: narrow(self.graph.value(node.output()).len(), "the number of elements")?,
            scale: quantization.scale(0),
            zero_point: quantization.zero_point(),
        };
        self.push(self.step(opcode, record, [node.inputs[0], node.output()], Overlap::Never));
        Ok(())
    }

    fn function_f32(&mut self, node: &Node) -> Result<(), Reason> {
        let (opcode, (min, max)) = match node.op {
            Op::Relu(_) => (OpCode::Clamp, clamp_f32(Activation::Relu)),
            Op::Relu6(_) => (OpCode::Clamp, clamp_f32(Activation::Relu6)),
            Op::Logistic(_) => (OpCode::Logistic, clamp_f32(Activation::None)),
            _ => (OpCode::Tanh, clamp_f32(Activation::None)),
        };
        let len = narrow(self.graph.value(node.output()).len(), "the number of elements")?;
        let record = UnaryF32 { len, min, max };
        self.push(self.step(opcode, record, [node.inputs[0], node.output()], Overlap::IN_PLACE));
        Ok(())
    }

    fn lookup(&mut self, node: &Node) -> Result<(), Reason> {
        let (x, y) = (self.quantization(node.inputs[0])?, self.quantization(node.output())?);
        let table = match node.op {
            Op::Relu(_) => {
                let params = fixed::relu(x, y);
                check_shift(&params)?;
                table(|x| relu_i8_reference(&params, x))
            }
            Op::Relu6(_) => {
                let params = fixed::relu6(x, y);
                check_shift(&params)?;
                table(|x| requantize_i8_reference(&params, x))
            }
            Op::Logistic(_) => table(|code| fixed::logistic(x, y, code)),
            Op::Tanh(_) => table(|code| fixed::tanh(x, y, code)),
            _ => {
                let [x, y] = [self.as_i8(node.inputs[0], x), self.as_i8(node.output(), y)];
                let params = fixed::requantize(&x, &y);
                check_shift(&params)?;
                let [from, to] = [node.inputs[0], node.output()].map(|id| self.flip(id));
                table(|x| requantize_i8_reference(&params, x ^ from) ^ to)
            }
        };
        let len = narrow(self.graph.value(node.output()).len(), "the number of elements")?;
        let record = Lookup { len, constants: self.constants.add(i8_bytes(&table))? };
        self.push(self.step(OpCode::Lookup, record, [node.inputs[0], node.output()], Overlap::IN_PLACE));
        Ok(())
    }

    /// A value's quantization as int8 has it: uint8 codes are those plus 128.
    fn as_i8(&self, id: ValueId, quantization: &Quantization) -> Quantization {
        let mut quantization = quantization.clone();
        if self.dtype(id) == DType::U8 {
            quantization.zero_points.iter_mut().for_each(|zero| *zero -= 128);
        }
        quantization
    }

    /// The bits in which a byte of the value differs from the int8 code: the highest of a uint8 value.
    fn flip(&self, id: ValueId) -> i8 {
        if self.dtype(id) == DType::U8 { i8::MIN } else { 0 }
    }
}

/// A distance of two int8 values, up to 255, is shifted left without leaving 32 bits.
fn check_shift(params: &RequantizeI8) -> Result<(), Reason> {
    if params.factor.shift <= 22 {
        return Ok(());
    }
    refuse(format!("it scales its operand up by 2^{}", params.factor.shift), "recalibrate: its scales are unsound")
}
