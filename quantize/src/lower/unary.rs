//! Operators on one tensor, element by element.
//!
//! On int8 there are only 256 inputs, so each of them becomes a table, filled by the oracle's formula.

use kinglet_blob::OpCode;
use kinglet_blob::records::{Convert, Lookup, UnaryF32};
use kinglet_kernels::lookup::{
    RequantizeI8, logistic_i8_reference, relu_i8_reference, requantize_i8_reference, table, tanh_i8_reference,
};

use super::constants::i8_bytes;
use super::{Lowering, Reason, clamp_f32, narrow, refuse};
use crate::affine::fixed;
use crate::ir::{Activation, DType, Node, Op, Quantization};
use crate::program::Overlap;

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
                let params = fixed::relu6(x);
                table(|x| requantize_i8_reference(&params, x))
            }
            Op::Logistic(_) => {
                check_output(y, 1.0 / 256.0, -128)?;
                let params = fixed::sigmoid(x);
                table(|x| logistic_i8_reference(&params, x))
            }
            Op::Tanh(_) => {
                check_output(y, 1.0 / 128.0, 0)?;
                let params = fixed::sigmoid(x);
                table(|x| tanh_i8_reference(&params, x))
            }
            _ => {
                let params = fixed::requantize(x, y);
                check_shift(&params)?;
                table(|x| requantize_i8_reference(&params, x))
            }
        };
        let len = narrow(self.graph.value(node.output()).len(), "the number of elements")?;
        let record = Lookup { len, constants: self.constants.add(i8_bytes(&table))? };
        self.push(self.step(OpCode::Lookup, record, [node.inputs[0], node.output()], Overlap::IN_PLACE));
        Ok(())
    }
}

/// A distance of two int8 values, up to 255, is shifted left without leaving 32 bits.
fn check_shift(params: &RequantizeI8) -> Result<(), Reason> {
    if params.factor.shift <= 22 {
        return Ok(());
    }
    refuse(format!("it scales its operand up by 2^{}", params.factor.shift), "recalibrate: its scales are unsound")
}

/// The formulas of Logistic and Tanh have their output's quantization built in.
fn check_output(output: &Quantization, scale: f32, zero_point: i32) -> Result<(), Reason> {
    if (output.scale(0), output.zero_point()) == (scale, zero_point) {
        return Ok(());
    }
    refuse(
        format!("its result has scale {} and zero point {}", output.scale(0), output.zero_point()),
        format!("on int8 it must have scale {scale} and zero point {zero_point}"),
    )
}
