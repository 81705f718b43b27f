//! int8 and int16 operators that select or copy codes into a result of another scale.
//!
//! TensorFlow Lite's kernels refuse such files or hand out codes of the wrong scale, so their formula decides: the
//! operator in its operand's scale, and then a requantization, with the fused activation if there is one. The graph has
//! a node for each; its MaxPool2D, AveragePool2D and Concat do not rescale.
//!
//! Not here: Reshape and Pad. Every kernel copies codes there whatever the result's scale is, and so does the graph.

use super::Importer;
use crate::import::build::Convert;
use crate::ir::{Activation, DType, Op, Value, ValueId};
use crate::op::rule::quantization::Codes;
use crate::op::{Clip, Quantize, Relu, Relu6};

impl Importer<'_, '_> {
    /// Adds the node that computes `output`, and what brings codes to its scale where the operator does not.
    pub(super) fn add_rescaled(
        &mut self,
        name: &str,
        mut op: Op,
        inputs: Vec<ValueId>,
        output: ValueId,
    ) -> Convert<()> {
        let codes = op.operator().codes();
        if codes == Codes::Joined {
            let inputs: Convert<Vec<ValueId>> = inputs
                .into_iter()
                .map(|id| if self.differs(id, output) { self.requantized(name, id, output) } else { Ok(id) })
                .collect();
            self.builder.node(name, op, inputs?, output)
        } else if codes == Codes::Selected && self.differs(inputs[0], output) {
            let activation = op.operator_mut().activation_mut().map(core::mem::take).unwrap_or_default();
            self.requantize_result(name, op, activation, inputs, output)
        } else {
            self.builder.node(name, op, inputs, output)
        }
    }

    /// Whether both are codes of one type that mean different numbers.
    fn differs(&self, operand: ValueId, result: ValueId) -> bool {
        let [x, y] = [operand, result].map(|id| self.builder.graph.value(id));
        x.dtype == y.dtype && matches!(x.dtype, DType::I8 | DType::I16) && x.quantization != y.quantization
    }

    /// The operator in its operand's scale, then into that of `output`.
    fn requantize_result(
        &mut self,
        name: &str,
        op: Op,
        activation: Activation,
        inputs: Vec<ValueId>,
        output: ValueId,
    ) -> Convert<()> {
        let inner = format!("{name}/in operand's scale");
        let own = self.builder.apply(&inner, op, inputs)?;
        let into = match activation {
            Activation::None => Op::Quantize(Quantize),
            Activation::Relu => Op::Relu(Relu),
            Activation::Relu6 => Op::Relu6(Relu6),
            Activation::Clip { low, high } => Op::Clip(Clip { low, high }),
        };
        self.builder.node(name, into, vec![own], output)
    }

    /// `operand` with the quantization of `like`.
    fn requantized(&mut self, name: &str, operand: ValueId, like: ValueId) -> Convert<ValueId> {
        let quantization = self.builder.graph.value(like).quantization.clone();
        let operand_value = self.builder.graph.value(operand);
        let name = format!("{name}/{} requantized", operand_value.name);
        let shape = operand_value.shape.clone();
        let dtype = operand_value.dtype;
        let value = Value { name: name.clone(), dtype, shape, quantization, elements: None };
        let result = self.builder.value(value)?;
        self.builder.node(&name, Op::Quantize(Quantize), vec![operand], result)?;
        Ok(result)
    }
}
