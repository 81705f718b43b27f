//! Runs a float graph node by node, each operator written as its formula.
//!
//! This is what the operators *mean*: sums are kept in `f64`, nothing is blocked, fused or reordered, and
//! it is far too slow for anything else. Passes are tested by running a graph before and after; constant
//! folding computes with it. The engine's kernels share no code with it.

mod window;

use super::{Activation, DType, Elements, Graph, Op, Port, transposed};

/// Why a graph cannot be interpreted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InterpretError {
    /// Only float graphs are run here; integer ones by the engine.
    #[error("node `{node}` ({op}) is not a float operator")]
    NotFloat {
        /// The node's name.
        node: String,
        /// Its operator.
        op: &'static str,
    },
    /// The data given does not fill the inputs.
    #[error("inputs have {given:?} elements, the graph takes {needed:?}")]
    WrongInputs {
        /// Elements given for each input.
        given: Vec<usize>,
        /// Elements needed.
        needed: Vec<usize>,
    },
}

/// A float tensor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tensor<'a> {
    pub(crate) shape: &'a [usize],
    pub(crate) data: &'a [f32],
}

/// Runs a verified float graph. Inputs and outputs are row-major in the *source's* layout, one slice for
/// each port, as the user of the model has them.
pub fn interpret(graph: &Graph, inputs: &[Vec<f32>]) -> Result<Vec<Vec<f32>>, InterpretError> {
    let needed: Vec<usize> = graph.inputs.iter().map(|port| port.source_shape.iter().product()).collect();
    let given: Vec<usize> = inputs.iter().map(Vec::len).collect();
    if needed != given {
        return Err(InterpretError::WrongInputs { given, needed });
    }
    let mut computed: Vec<Option<Vec<f32>>> = vec![None; graph.values.len()];
    for (port, data) in graph.inputs.iter().zip(inputs) {
        computed[port.value.0 as usize] = Some(from_source(port, data));
    }
    for node in &graph.nodes {
        let not_float = || InterpretError::NotFloat { node: node.name.clone(), op: node.op.name() };
        let operands: Option<Vec<Tensor<'_>>> = node
            .inputs
            .iter()
            .map(|&id| {
                let constant = graph.constant_f32(id);
                let data = computed[id.0 as usize].as_deref().or(constant)?;
                Some(Tensor { shape: &graph.value(id).shape, data })
            })
            .collect();
        let shapes: Vec<&[usize]> = node.outputs.iter().map(|&id| graph.value(id).shape.as_slice()).collect();
        let results = operands.and_then(|operands| evaluate(&node.op, &operands, &shapes));
        for (id, result) in node.outputs.iter().zip(results.ok_or_else(not_float)?) {
            computed[id.0 as usize] = Some(result);
        }
    }
    let read = |port: &Port| {
        let id = port.value;
        let data = computed[id.0 as usize].as_deref().or(graph.constant_f32(id)).unwrap_or_default();
        to_source(port, data)
    };
    Ok(graph.outputs.iter().map(read).collect())
}

/// Data in a port's source layout, as the graph's value has it.
fn from_source(port: &Port, data: &[f32]) -> Vec<f32> {
    match &port.permutation {
        None => data.to_vec(),
        Some(permutation) => transposed(data, &port.source_shape, permutation),
    }
}

fn to_source(port: &Port, data: &[f32]) -> Vec<f32> {
    match &port.permutation {
        None => data.to_vec(),
        Some(permutation) => {
            let shape: Vec<usize> = permutation.iter().map(|&axis| port.source_shape[axis]).collect();
            transposed(data, &shape, &super::inverse(permutation))
        }
    }
}

/// Computes the results of one operator on floats, when it is defined on them. Shapes must have been verified.
pub(crate) fn evaluate(op: &Op, inputs: &[Tensor<'_>], shapes: &[&[usize]]) -> Option<Vec<Vec<f32>>> {
    evaluate_one(op, inputs, shapes.first()?).map(|result| vec![result])
}

fn evaluate_one(op: &Op, inputs: &[Tensor<'_>], shape: &[usize]) -> Option<Vec<f32>> {
    let &x = inputs.first()?;
    let each = |function: fn(f64) -> f64| Some(x.data.iter().map(|&v| function(f64::from(v)) as f32).collect());
    match op {
        Op::Conv2D { activation, .. } | Op::DepthwiseConv2D { activation, .. } => {
            Some(activated(window::convolve(op, inputs, shape), *activation))
        }
        Op::FullyConnected { activation } => Some(activated(fully_connected(inputs), *activation)),
        Op::AveragePool2D { window, activation } => {
            Some(activated(window::pool(window, x, shape, window::mean), *activation))
        }
        Op::MaxPool2D { window, activation } => {
            Some(activated(window::pool(window, x, shape, window::maximum), *activation))
        }
        Op::Add { activation } => Some(activated(binary(inputs, shape, |a, b| a + b), *activation)),
        Op::Mul { activation } => Some(activated(binary(inputs, shape, |a, b| a * b), *activation)),
        Op::Softmax { beta } => Some(softmax(x, f64::from(*beta))),
        Op::Reshape => Some(x.data.to_vec()),
        Op::Pad { before, value, .. } => Some(pad(x, shape, before, *value)),
        Op::Concat { axis } => Some(concat(inputs, *axis)),
        Op::Mean { axes, .. } => Some(mean(x, axes)),
        Op::Relu => each(|v| v.max(0.0)),
        Op::Relu6 => each(|v| v.clamp(0.0, 6.0)),
        Op::Logistic => each(|v| 1.0 / (1.0 + (-v).exp())),
        Op::Tanh => each(f64::tanh),
        Op::BatchNorm { epsilon } => Some(batch_norm(inputs, f64::from(*epsilon))),
        Op::Transpose { permutation } => Some(transposed(x.data, x.shape, permutation)),
        Op::Quantize | Op::Dequantize => None,
    }
}

fn activated(mut data: Vec<f32>, activation: Activation) -> Vec<f32> {
    for value in &mut data {
        *value = match activation {
            Activation::None => *value,
            Activation::Relu => value.max(0.0),
            Activation::Relu6 => value.clamp(0.0, 6.0),
        };
    }
    data
}

fn fully_connected(inputs: &[Tensor<'_>]) -> Vec<f32> {
    let (x, w) = (inputs[0], inputs[1]);
    let depth = w.shape[1];
    let mut result = Vec::new();
    for row in x.data.chunks(depth) {
        for (output, weights) in w.data.chunks(depth).enumerate() {
            let product: f64 = row.iter().zip(weights).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
            let bias = inputs.get(2).map_or(0.0, |bias| f64::from(bias.data[output]));
            result.push((product + bias) as f32);
        }
    }
    result
}

/// The index along each axis of element `flat`.
fn unravel(flat: usize, shape: &[usize]) -> Vec<usize> {
    let mut rest = flat;
    let mut index: Vec<usize> = shape.iter().rev().map(|&extent| (rest % extent, rest /= extent).0).collect();
    index.reverse();
    index
}

/// The element at `index`.
fn ravel(index: impl Iterator<Item = usize>, shape: &[usize]) -> usize {
    index.zip(shape).fold(0, |flat, (at, &extent)| flat * extent + at)
}

fn binary(inputs: &[Tensor<'_>], shape: &[usize], combine: fn(f64, f64) -> f64) -> Vec<f32> {
    let at = |tensor: Tensor<'_>, index: &[usize]| {
        let own = &index[index.len() - tensor.shape.len()..];
        let clipped = own.iter().zip(tensor.shape).map(|(&at, &extent)| if extent == 1 { 0 } else { at });
        f64::from(tensor.data[ravel(clipped, tensor.shape)])
    };
    let len: usize = shape.iter().product();
    (0..len)
        .map(|flat| {
            let index = unravel(flat, shape);
            combine(at(inputs[0], &index), at(inputs[1], &index)) as f32
        })
        .collect()
}

fn softmax(x: Tensor<'_>, beta: f64) -> Vec<f32> {
    let mut result = Vec::with_capacity(x.data.len());
    for row in x.data.chunks(x.shape.last().copied().unwrap_or(1)) {
        let top = row.iter().map(|&v| f64::from(v)).fold(f64::NEG_INFINITY, f64::max);
        let powers: Vec<f64> = row.iter().map(|&v| (beta * (f64::from(v) - top)).exp()).collect();
        let sum: f64 = powers.iter().sum();
        result.extend(powers.iter().map(|power| (power / sum) as f32));
    }
    result
}

fn pad(x: Tensor<'_>, shape: &[usize], before: &[usize], value: f32) -> Vec<f32> {
    let mut result = vec![value; shape.iter().product()];
    for (flat, &element) in x.data.iter().enumerate() {
        let shifted = unravel(flat, x.shape).into_iter().zip(before).map(|(at, &before)| at + before);
        result[ravel(shifted, shape)] = element;
    }
    result
}

fn concat(inputs: &[Tensor<'_>], axis: usize) -> Vec<f32> {
    let rows: usize = inputs[0].shape[..axis].iter().product();
    let mut result = Vec::new();
    for row in 0..rows {
        for input in inputs {
            let block: usize = input.shape[axis..].iter().product();
            result.extend_from_slice(&input.data[row * block..(row + 1) * block]);
        }
    }
    result
}

fn mean(x: Tensor<'_>, axes: &[usize]) -> Vec<f32> {
    let kept: Vec<usize> =
        x.shape.iter().enumerate().map(|(axis, &extent)| if axes.contains(&axis) { 1 } else { extent }).collect();
    let mut sums = vec![0.0f64; kept.iter().product()];
    for (flat, &element) in x.data.iter().enumerate() {
        let index = unravel(flat, x.shape).into_iter().zip(&kept).map(|(at, &extent)| if extent == 1 { 0 } else { at });
        sums[ravel(index, &kept)] += f64::from(element);
    }
    let count = (x.data.len() / sums.len()) as f64;
    sums.into_iter().map(|sum| (sum / count) as f32).collect()
}

fn batch_norm(inputs: &[Tensor<'_>], epsilon: f64) -> Vec<f32> {
    let [x, scale, shift, mean, variance] = inputs else { return Vec::new() };
    let channels = scale.data.len();
    let at = |tensor: &Tensor<'_>, channel: usize| f64::from(tensor.data[channel]);
    let normal = |(flat, &element): (usize, &f32)| {
        let channel = flat % channels;
        let centred = f64::from(element) - at(mean, channel);
        (centred / (at(variance, channel) + epsilon).sqrt() * at(scale, channel) + at(shift, channel)) as f32
    };
    x.data.iter().enumerate().map(normal).collect()
}

/// The real values of an int8 constant with one scale, in `f32` arithmetic as the engine's kernel has it.
pub(crate) fn dequantized(graph: &Graph, id: super::ValueId) -> Option<Vec<f32>> {
    let value = graph.value(id);
    let (Some(Elements::I8(quanta)), DType::I8, Some(quantization)) =
        (&value.elements, value.dtype, &value.quantization)
    else {
        return None;
    };
    if quantization.axis.is_some() {
        return None;
    }
    let (scale, zero) = (quantization.scale(0), quantization.zero_point());
    Some(quanta.iter().map(|&quantum| scale * (i32::from(quantum) - zero) as f32).collect())
}
