//! Nodes of the new graph.

use super::{Walk, dequantize, grid, nearest, table};
use crate::ir::{DType, Elements, Node, Op, Padding, Quantization, Value, ValueId, Window};
use crate::op::DepthwiseConv2D;

/// Why a node that could compute on integers does not.
const NO_GRID: &str = "its weights are on no grid of 256 steps";

impl Walk<'_> {
    /// Adds a node that computes `output`.
    pub(super) fn push(&mut self, name: &str, op: Op, inputs: Vec<ValueId>, output: ValueId) {
        self.graph.nodes.push(Node { name: name.into(), op, inputs, outputs: vec![output] });
    }

    /// The node as it is, on reals.
    pub(super) fn keep(&mut self, node: &Node) {
        let inputs = node.inputs.iter().map(|&id| self.operand(id)).collect();
        self.graph.nodes.push(Node { inputs, ..node.clone() });
        node.outputs.iter().for_each(|id| self.is_made[id.0 as usize] = true);
    }

    /// What stands for a value of the old graph, on reals if it was on reals.
    fn operand(&mut self, id: ValueId) -> ValueId {
        if self.old.value(id).dtype != DType::F32 {
            return self.alias[id.0 as usize];
        }
        self.make(id);
        id
    }

    /// Computes a value on reals whose codes alone are there.
    fn make(&mut self, id: ValueId) {
        let Some(coded) = self.coded[id.0 as usize].clone() else { return };
        if core::mem::replace(&mut self.is_made[id.0 as usize], true) {
            return;
        }
        if coded.is_plain {
            let name = format!("{}/dequantized", self.old.value(id).name);
            return self.push(&name, dequantize(), vec![coded.codes], id);
        }
        if let Some(index) = self.old.producer(id) {
            self.keep(&self.old.nodes[index].clone());
        }
    }

    /// What outputs and states read.
    pub(super) fn finish(&mut self) {
        for index in 0..self.graph.outputs.len() {
            let id = self.operand(self.graph.outputs[index].value);
            self.graph.outputs[index].value = id;
        }
        for index in 0..self.graph.states.len() {
            let id = self.operand(self.graph.states[index].next);
            self.graph.states[index].next = id;
        }
    }

    /// A value of the new graph with the codes of `like`.
    pub(super) fn coded_value(&mut self, like: ValueId, quantization: Quantization) -> ValueId {
        let Value { name, shape, .. } = self.old.value(like);
        let value = Value {
            name: self.graph.unique_name(name),
            dtype: DType::I8,
            shape: shape.clone(),
            quantization: Some(quantization),
            elements: None,
        };
        self.graph.add_value(value)
    }

    /// A constant of the new graph.
    fn constant(&mut self, like: ValueId, elements: Elements, quantization: Option<Quantization>) -> ValueId {
        let Value { name, shape, .. } = self.old.value(like);
        let (name, shape) = (self.graph.unique_name(name), shape.clone());
        let dtype = elements.dtype();
        self.graph.add_value(Value { name, dtype, shape, quantization, elements: Some(elements) })
    }

    /// An operand as codes: those that it has, or those of a constant.
    fn codes(&mut self, id: ValueId) -> Result<ValueId, String> {
        let Some(reals) = self.old.constant_f32(id) else { return self.codes_of(id) };
        match grid::of_tensor(reals).or_else(|| grid::nearest(reals)) {
            Some(found) => Ok(self.constant(id, Elements::I8(found.codes), Some(found.quantization))),
            None => Err(format!("`{}` has numbers that are no codes", self.old.value(id).name)),
        }
    }

    /// Adds the node on codes, if it takes them, with results of this quantization.
    fn compute_codes(&mut self, node: &Node, inputs: Vec<ValueId>, quantization: &Quantization) -> Result<(), String> {
        let outputs: Vec<ValueId> = node.outputs.iter().map(|&id| self.coded_value(id, quantization.clone())).collect();
        let node_on_codes = Node { inputs, outputs, ..node.clone() };
        self.graph.check_node(&node_on_codes).map_err(|error| error.to_string())?;
        for (&id, &codes) in node.outputs.iter().zip(&node_on_codes.outputs) {
            self.coded[id.0 as usize] = self.plain(codes);
        }
        self.graph.nodes.push(node_on_codes);
        Ok(())
    }

    /// An operator whose result has the quantization of its first operand.
    pub(super) fn with_operands_scale(&mut self, node: &Node) -> Result<(), String> {
        let codes = self.codes_of(node.inputs[0])?;
        let quantization = self.graph.value(codes).quantization.clone().ok_or("it has no codes")?;
        self.on_codes(node, &quantization)
    }

    /// An operator on operands in their own quantizations.
    pub(super) fn on_codes(&mut self, node: &Node, result: &Quantization) -> Result<(), String> {
        let inputs = node.inputs.iter().map(|&id| self.codes(id)).collect::<Result<Vec<_>, _>>()?;
        self.compute_codes(node, inputs, result)
    }

    /// An operator that joins operands: all in the quantization that is wanted of the result, or that all have.
    pub(super) fn as_joined(&mut self, node: &Node) -> Result<(), String> {
        if let Some(id) = node.inputs.iter().find(|id| !self.is_known(**id)) {
            return Err(format!("`{}` is computed on reals", self.old.value(*id).name));
        }
        let target = self.target(node).or_else(|why| self.common(node).ok_or(why))?;
        let inputs = node.inputs.iter().map(|&id| self.requantized(id, &target)).collect::<Result<Vec<_>, _>>()?;
        self.compute_codes(node, inputs, &target)
    }

    fn is_known(&self, id: ValueId) -> bool {
        self.coded[id.0 as usize].is_some() || self.old.constant_f32(id).is_some()
    }

    /// The quantization that all operands have.
    fn common(&self, node: &Node) -> Option<Quantization> {
        let own = |id: &ValueId| {
            let coded = self.coded[id.0 as usize].as_ref().filter(|coded| coded.is_plain)?;
            self.graph.value(coded.codes).quantization.clone()
        };
        let first = node.inputs.first().and_then(own)?;
        node.inputs.iter().all(|id| own(id).as_ref() == Some(&first)).then_some(first)
    }

    /// A mean under a window. When its result has another scale and each window is whole it is a convolution with ones:
    /// rounded once, where a mean in its operand's scale would be rounded again.
    pub(super) fn as_mean(&mut self, node: &Node, target: &Quantization) -> Result<(), String> {
        let codes = self.codes_of(node.inputs[0])?;
        let is_kept = self.graph.value(codes).quantization.as_ref() == Some(target);
        let window = node.op.operator().pool().filter(|window| window.padding == Padding::default() && !is_kept);
        let Some(Window { size: [height, width], stride, padding }) = window else {
            return self.with_operands_scale(node);
        };
        let channels = self.graph.value(codes).shape.last().copied().unwrap_or(1);
        let activation = node.op.operator().clamp();
        let layer = DepthwiseConv2D { stride, dilation: [1, 1], padding, multiplier: 1, activation };
        let taps = height * width;
        let weights = Value {
            name: self.graph.unique_name(&format!("{}/ones", node.name)),
            dtype: DType::I8,
            shape: vec![1, height, width, channels],
            quantization: Some(Quantization::per_tensor(1.0 / taps as f32, 0)),
            elements: Some(Elements::I8(vec![1; taps * channels])),
        };
        let weights = self.graph.add_value(weights);
        self.compute_codes(&Node { op: layer.into(), ..node.clone() }, vec![codes, weights], target)
    }

    /// An operand's codes in another quantization.
    fn requantized(&mut self, id: ValueId, wanted: &Quantization) -> Result<ValueId, String> {
        if let Some(reals) = self.old.constant_f32(id) {
            let codes = reals.iter().map(|&real| nearest(real, wanted)).collect();
            return Ok(self.constant(id, Elements::I8(codes), Some(wanted.clone())));
        }
        let Some(coded) = self.coded[id.0 as usize].clone() else { return self.codes_of(id) };
        if coded.is_plain && self.graph.value(coded.codes).quantization.as_ref() == Some(wanted) {
            return Ok(coded.codes);
        }
        let output = self.coded_value(id, wanted.clone());
        let name = format!("{}/requantized", self.old.value(id).name);
        self.push(&name, table(&coded.reals, wanted).into(), vec![coded.codes], output);
        Ok(output)
    }

    /// A layer: weights on a grid, and a bias in units of products.
    pub(super) fn as_layer(&mut self, node: &Node) -> Result<(), String> {
        let target = self.target(node)?;
        let x = self.codes_of(node.inputs[0])?;
        let order = node.op.operator().layer().ok_or("it has no weights")?.order;
        let w = node.inputs[1];
        let reals = self.old.constant_f32(w).ok_or("its weights are computed")?;
        let weights = grid::of_weights(reals, &self.old.value(w).shape, order).ok_or(NO_GRID)?;
        let input_scale = self.graph.value(x).quantization.as_ref().map_or(1.0, |q| f64::from(q.scale(0)));
        let bias = match node.inputs.get(2) {
            None => None,
            Some(&id) => {
                let reals = self.old.constant_f32(id).ok_or("its bias is computed")?;
                let unit = |output: usize| input_scale * f64::from(weights.quantization.scale(output));
                let steps = reals.iter().enumerate().map(|(output, &real)| (f64::from(real) / unit(output)).round());
                let is_sum = |steps: f64| steps.abs() <= f64::from(i32::MAX);
                let bias: Option<Vec<i32>> = steps.map(|steps| is_sum(steps).then_some(steps as i32)).collect();
                Some((id, bias.ok_or("its bias is beyond 32 bits")?))
            }
        };
        let mut inputs = vec![x, self.constant(w, Elements::I8(weights.codes), Some(weights.quantization))];
        inputs.extend(bias.map(|(id, bias)| self.constant(id, Elements::I32(bias), None)));
        self.compute_codes(node, inputs, &target)
    }
}
