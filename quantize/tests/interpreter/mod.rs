//! The int8 operators as `tests/golden/README.md` states them, one element at a time.
//!
//! Slow on purpose and independent of the kernels and of the host's parameter computation: it shares no line
//! with what it judges.

#![allow(dead_code, reason = "not every test uses every operator")]

mod arithmetic;

use kinglet_quantize::op::{
    Add, AveragePool2D, Clip, Combine, Concat, Conv2D, DepthwiseConv2D, FullyConnected, Function, Map, MapFunction,
    MatMul, MaxPool2D, Mean, Mul, Pad, Reduce, Reduction, Slice, Softmax, Split, Take, Transpose, TransposeConv2D,
};
use std::collections::HashMap;

use arithmetic::*;
use kinglet_quantize::ir::{Activation, Elements, Graph, Node, Op, Padding, Quantization, Value, ValueId, Window};

/// An int8 tensor with its quantization.
#[derive(Clone)]
pub(crate) struct Tensor {
    pub(crate) shape: Vec<usize>,
    pub(crate) elements: Vec<i8>,
    pub(crate) scale: f32,
    pub(crate) zero: i32,
}

impl Tensor {
    fn at(&self, index: &[usize]) -> i32 {
        let flat = index.iter().zip(&self.shape).fold(0, |flat, (i, extent)| flat * extent + i);
        i32::from(self.elements[flat])
    }
}

/// All computed values of one inference.
pub(crate) type Values = HashMap<ValueId, Tensor>;

/// Runs `graph` on one int8 array for each input.
pub(crate) fn run(graph: &Graph, inputs: &[Vec<i8>]) -> Values {
    let mut values = Values::new();
    for (index, value) in graph.values.iter().enumerate() {
        if let Some(Elements::I8(elements)) = &value.elements {
            values.insert(ValueId(index as u32), tensor(value, elements.clone()));
        }
    }
    for (port, input) in graph.inputs.iter().zip(inputs) {
        let value = graph.value(port.value);
        assert_eq!(input.len(), value.len(), "input {}", port.name);
        values.insert(port.value, tensor(value, input.clone()));
    }
    for node in &graph.nodes {
        for (position, &id) in node.outputs.iter().enumerate() {
            let output = evaluate(graph, node, position, &values);
            assert_eq!(output.elements.len(), output.shape.iter().product::<usize>(), "{}", node.name);
            values.insert(id, output);
        }
    }
    values
}

/// The elements of every output.
pub(crate) fn outputs(graph: &Graph, inputs: &[Vec<i8>]) -> Vec<Vec<i8>> {
    let values = run(graph, inputs);
    graph.outputs.iter().map(|port| values[&port.value].elements.clone()).collect()
}

fn tensor(value: &Value, elements: Vec<i8>) -> Tensor {
    let q = value.quantization.clone().unwrap_or(Quantization::per_tensor(1.0, 0));
    Tensor { shape: value.shape.clone(), elements, scale: q.scale(0), zero: q.zero_point() }
}

/// Calls `f` with every index of `shape`, last axis fastest, and collects.
fn each_index(shape: &[usize], mut f: impl FnMut(&[usize]) -> i32) -> Vec<i8> {
    let mut index = vec![0; shape.len()];
    let mut elements = Vec::new();
    for _ in 0..shape.iter().product() {
        let element = f(&index);
        elements.push(i8::try_from(element).expect("result within int8"));
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    elements
}

fn act_range(activation: Activation, scale: f32, zero: i32) -> (i32, i32) {
    match activation {
        Activation::None => (-128, 127),
        Activation::Relu => (zero.max(-128), 127),
        Activation::Relu6 => (zero.max(-128), 127.min(zero + (6.0 / scale).round() as i32)),
        Activation::Clip { low, high } => {
            let code = |bound: f32| clamp((bound / scale).round() as i32, (-512, 512)) + zero;
            (clamp(code(low), (-128, 127)), clamp(code(high), (-128, 127)))
        }
    }
}

fn clamp(v: i32, (lo, hi): (i32, i32)) -> i32 {
    v.max(lo).min(hi)
}

/// Result `position` of a node.
fn evaluate(graph: &Graph, node: &Node, position: usize, values: &Values) -> Tensor {
    let y = tensor(graph.value(node.outputs[position]), Vec::new());
    let x = &values[&node.inputs[0]];
    let elements = match &node.op {
        Op::Conv2D(_) | Op::DepthwiseConv2D(_) | Op::TransposeConv2D(_) | Op::FullyConnected(_) => {
            weighted(graph, node, values, &y)
        }
        Op::AveragePool2D(AveragePool2D { window, activation }) | Op::MaxPool2D(MaxPool2D { window, activation }) => {
            pooled(x, &y, window, *activation, matches!(node.op, Op::AveragePool2D(_)))
        }
        Op::Add(Add { activation }) => add(x, &values[&node.inputs[1]], &y, *activation),
        Op::Mul(Mul { activation }) => mul(x, &values[&node.inputs[1]], &y, *activation),
        Op::Combine(Combine { function, activation }) => {
            combine(*function, [x, &values[&node.inputs[1]]], &y, *activation)
        }
        Op::Softmax(Softmax { beta }) => softmax(x, *beta),
        Op::Reshape(_) => x.elements.clone(),
        Op::Pad(pad) => padded(pad, x, &y),
        Op::Concat(Concat { axis }) => each_index(&y.shape, |o| {
            let mut index = o.to_vec();
            for id in &node.inputs {
                let part = &values[id];
                if index[*axis] < part.shape[*axis] {
                    return part.at(&index);
                }
                index[*axis] -= part.shape[*axis];
            }
            unreachable!("beyond the last part")
        }),
        Op::Split(Split { axis, sizes }) => each_index(&y.shape, |o| {
            let mut index = o.to_vec();
            index[*axis] += sizes[..position].iter().sum::<usize>();
            x.at(&index)
        }),
        Op::Slice(Slice { cuts }) => each_index(&y.shape, |o| {
            let index: Vec<usize> = o.iter().zip(cuts).map(|(i, cut)| cut.begin + i * cut.stride).collect();
            x.at(&index)
        }),
        Op::Mean(Mean { axes, keep_dims }) => mean(x, &y, axes, *keep_dims),
        Op::Reduce(reduce) => reduction(reduce, x, &y),
        Op::MatMul(op) => product(op, x, &values[&node.inputs[1]], &y),
        Op::Take(Take { indices }) => each_index(&y.shape, |o| {
            let at = |(list, &at): (&Option<Vec<usize>>, &usize)| list.as_ref().map_or(at, |list| list[at]);
            x.at(&indices.iter().zip(o).map(at).collect::<Vec<_>>())
        }),
        Op::Transpose(Transpose { permutation }) => each_index(&y.shape, |o| {
            let mut index = vec![0; o.len()];
            permutation.iter().zip(o).for_each(|(&axis, &i)| index[axis] = i);
            x.at(&index)
        }),
        Op::Table(table) => x.elements.iter().map(|&code| table.codes[(i32::from(code) + 128) as usize]).collect(),
        Op::Relu(_) | Op::Relu6(_) | Op::Clip(_) | Op::Map(_) | Op::Logistic(_) | Op::Tanh(_) | Op::Quantize(_) => {
            x.elements.iter().map(|&q| unary(&node.op, x, &y, i32::from(q)) as i8).collect()
        }
        other => panic!("{} is no int8 operator", other.name()),
    };
    Tensor { elements, ..y }
}

/// The average or the largest of the elements in each window.
fn pooled(x: &Tensor, y: &Tensor, window: &Window, activation: Activation, average: bool) -> Vec<i8> {
    let range = act_range(activation, y.scale, y.zero);
    each_index(&y.shape, |o| {
        let seen = positions(window.size, window.stride, [1, 1], &window.padding, &x.shape, o);
        let seen = seen.into_iter().map(|(_, _, h, w)| x.at(&[o[0], h, w, o[3]]));
        clamp(if average { average_of(seen.collect()) } else { seen.max().unwrap() }, range)
    })
}

/// The input in the midst of codes that stand for the pad's value.
fn padded(Pad { before, value, .. }: &Pad, x: &Tensor, y: &Tensor) -> Vec<i8> {
    let fill = clamp(y.zero + (value / y.scale).round() as i32, (-128, 127));
    each_index(&y.shape, |o| {
        let inside: Option<Vec<usize>> = o.iter().zip(before).map(|(o, before)| o.checked_sub(*before)).collect();
        match inside.filter(|i| i.iter().zip(&x.shape).all(|(i, extent)| i < extent)) {
            Some(i) => x.at(&i),
            None => fill,
        }
    })
}

/// The taps of a window at output `o` that lie inside the image, as `(ky, kx, row, column)`.
fn positions(
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    padding: &Padding,
    input: &[usize],
    o: &[usize],
) -> Vec<(usize, usize, usize, usize)> {
    let mut inside = Vec::new();
    for ky in 0..kernel[0] {
        for kx in 0..kernel[1] {
            let row = (o[1] * stride[0] + ky * dilation[0]).checked_sub(padding.top);
            let column = (o[2] * stride[1] + kx * dilation[1]).checked_sub(padding.left);
            if let (Some(row), Some(column)) = (row, column)
                && row < input[1]
                && column < input[2]
            {
                inside.push((ky, kx, row, column));
            }
        }
    }
    inside
}

/// The pixels whose kernels reach output `o` of a transposed convolution, and by which tap: `(ky, kx, row, column)`.
fn sources(
    kernel: [usize; 2],
    stride: [usize; 2],
    pad: [usize; 2],
    input: &[usize],
    o: &[usize],
) -> Vec<(usize, usize, usize, usize)> {
    let mut reaching = Vec::new();
    for row in 0..input[1] {
        for column in 0..input[2] {
            let ky = (o[1] + pad[0]).checked_sub(row * stride[0]).filter(|&ky| ky < kernel[0]);
            let kx = (o[2] + pad[1]).checked_sub(column * stride[1]).filter(|&kx| kx < kernel[1]);
            reaching.extend(ky.zip(kx).map(|(ky, kx)| (ky, kx, row, column)));
        }
    }
    reaching
}

fn weighted(graph: &Graph, node: &Node, values: &Values, y: &Tensor) -> Vec<i8> {
    let (x, w) = (&values[&node.inputs[0]], &values[&node.inputs[1]]);
    let q = graph.value(node.inputs[1]).quantization.clone().unwrap();
    let bias: Option<&Vec<i32>> = node.inputs.get(2).map(|id| match &graph.value(*id).elements {
        Some(Elements::I32(bias)) => bias,
        _ => panic!("bias of {}", node.name),
    });
    let factor = |c: usize| {
        let scale = if q.axis.is_some() { q.scales[c] } else { q.scales[0] };
        quantize_multiplier(f64::from(x.scale) * f64::from(scale) / f64::from(y.scale))
    };
    let finish = |c: usize, sum: i64, activation: Activation| {
        let acc = (sum + bias.map_or(0, |bias| i64::from(bias[c]))) as i32;
        clamp(mbqm(acc, factor(c)).wrapping_add(y.zero), act_range(activation, y.scale, y.zero))
    };
    let real = |index: &[usize]| i64::from(x.at(index) - x.zero);
    let weight =
        |c: usize, index: &[usize]| i64::from(w.at(index) - q.zero_points[if q.axis.is_some() { c } else { 0 }]);
    match &node.op {
        Op::Conv2D(Conv2D { stride, dilation, padding, groups, activation }) => each_index(&y.shape, |o| {
            let c = o[3];
            let group = c / (w.shape[0] / groups);
            let mut sum = 0;
            for (ky, kx, row, column) in positions([w.shape[1], w.shape[2]], *stride, *dilation, padding, &x.shape, o) {
                for ic in 0..w.shape[3] {
                    let weight = weight(c, &[c, ky, kx, ic]);
                    sum += weight * real(&[o[0], row, column, group * w.shape[3] + ic]);
                }
            }
            finish(c, sum, *activation)
        }),
        Op::DepthwiseConv2D(DepthwiseConv2D { stride, dilation, padding, multiplier, activation }) => {
            each_index(&y.shape, |o| {
                let c = o[3];
                let mut sum = 0;
                for (ky, kx, row, column) in
                    positions([w.shape[1], w.shape[2]], *stride, *dilation, padding, &x.shape, o)
                {
                    sum += weight(c, &[0, ky, kx, c]) * real(&[o[0], row, column, c / multiplier]);
                }
                finish(c, sum, *activation)
            })
        }
        Op::TransposeConv2D(TransposeConv2D { stride, pad, groups, activation, .. }) => each_index(&y.shape, |o| {
            let c = o[3];
            let group = c / (w.shape[0] / groups);
            let mut sum = 0;
            for (ky, kx, row, column) in sources([w.shape[1], w.shape[2]], *stride, *pad, &x.shape, o) {
                for ic in 0..w.shape[3] {
                    let weight = weight(c, &[c, ky, kx, ic]);
                    sum += weight * real(&[o[0], row, column, group * w.shape[3] + ic]);
                }
            }
            finish(c, sum, *activation)
        }),
        Op::FullyConnected(FullyConnected { activation }) => each_index(&y.shape, |o| {
            let (&c, rows) = o.split_last().unwrap();
            let mut sum = 0;
            for d in 0..w.shape[1] {
                let mut index = rows.to_vec();
                index.push(d);
                sum += weight(c, &[c, d]) * real(&index);
            }
            finish(c, sum, *activation)
        }),
        _ => unreachable!(),
    }
}

fn average_of(seen: Vec<i32>) -> i32 {
    let (sum, n) = (seen.iter().sum::<i32>(), seen.len() as i32);
    if sum > 0 { (sum + n / 2) / n } else { (sum - n / 2) / n }
}

/// The element of a broadcast operand for output index `o`.
fn stretched(x: &Tensor, o: &[usize]) -> i32 {
    let skip = o.len() - x.shape.len();
    let index: Vec<usize> =
        x.shape.iter().zip(&o[skip..]).map(|(&extent, &i)| if extent == 1 { 0 } else { i }).collect();
    x.at(&index)
}

fn add(a: &Tensor, b: &Tensor, y: &Tensor, activation: Activation) -> Vec<i8> {
    let t = 2.0 * f64::from(a.scale.max(b.scale));
    let (fa, fb) = (quantize_multiplier(f64::from(a.scale) / t), quantize_multiplier(f64::from(b.scale) / t));
    let fo = quantize_multiplier(t / (1048576.0 * f64::from(y.scale)));
    each_index(&y.shape, |o| {
        let scaled = |x: &Tensor, f: Factor| rdpot(srdhm((stretched(x, o) - x.zero) << 20, f.0), -f.1);
        let sum = scaled(a, fa) + scaled(b, fb);
        clamp(rdpot(srdhm(sum, fo.0), -fo.1) + y.zero, act_range(activation, y.scale, y.zero))
    })
}

fn mul(a: &Tensor, b: &Tensor, y: &Tensor, activation: Activation) -> Vec<i8> {
    let f = quantize_multiplier(f64::from(a.scale) * f64::from(b.scale) / f64::from(y.scale));
    each_index(&y.shape, |o| {
        let product = (stretched(a, o) - a.zero) * (stretched(b, o) - b.zero);
        clamp(mbqm(product, f) + y.zero, act_range(activation, y.scale, y.zero))
    })
}

/// Sub, SquaredDifference, PRelu, Max and Min.
fn combine(function: Function, [a, b]: [&Tensor; 2], y: &Tensor, activation: Activation) -> Vec<i8> {
    let range = act_range(activation, y.scale, y.zero);
    let larger = a.scale.max(b.scale);
    let scaled = |x: &Tensor, o: &[usize], shift: u32, real: f64| {
        mbqm((stretched(x, o) - x.zero) << shift, quantize_multiplier(real))
    };
    let codes = |value: i32, real: f64| clamp(mbqm(value, quantize_multiplier(real)) + y.zero, range);
    each_index(&y.shape, |o| match function {
        Function::Sub => {
            let t = 2.0 * larger;
            let [p, q] = [a, b].map(|x| scaled(x, o, 20, f64::from(x.scale / t)));
            codes(p - q, f64::from(t / (1048576.0 * y.scale)))
        }
        Function::SquaredDifference => {
            let t = 2.0 * f64::from(larger);
            let [p, q] = [a, b].map(|x| scaled(x, o, 7, f64::from(x.scale) / t));
            codes((p - q) * (p - q), t * t / f64::from(16384.0 * y.scale))
        }
        Function::PRelu => {
            let (p, q) = (stretched(a, o) - a.zero, stretched(b, o) - b.zero);
            let (sa, sb, sy) = (f64::from(a.scale), f64::from(b.scale), f64::from(y.scale));
            if p >= 0 { codes(p, sa / sy) } else { codes(p * q, sa * sb / sy) }
        }
        Function::Max => stretched(a, o).max(stretched(b, o)),
        Function::Min => stretched(a, o).min(stretched(b, o)),
        _ => panic!("{function:?} has no codes here"),
    })
}

fn mean(x: &Tensor, y: &Tensor, axes: &[usize], keep_dims: bool) -> Vec<i8> {
    let n: i64 = axes.iter().map(|&axis| x.shape[axis] as i64).product();
    let (m0, s0) = quantize_multiplier(f64::from(x.scale) / f64::from(y.scale));
    let k = (63 - n.leading_zeros() as i32).min(32).min(31 + s0);
    let factor = (((i64::from(m0) << k) / n) as i32, s0 - k);
    reduced(x, y, axes, keep_dims, |seen| {
        let sum: i64 = seen.map(i64::from).sum();
        clamp(mbqm((sum - i64::from(x.zero) * n) as i32, factor) + y.zero, (-128, 127))
    })
}

fn reduction(op: &Reduce, x: &Tensor, y: &Tensor) -> Vec<i8> {
    let n: i64 = op.axes.iter().map(|&axis| x.shape[axis] as i64).product();
    let factor = quantize_multiplier(f64::from(x.scale) / f64::from(y.scale));
    reduced(x, y, &op.axes, op.keep_dims, |seen| match op.kind {
        Reduction::Max => seen.max().unwrap(),
        Reduction::Min => seen.min().unwrap(),
        Reduction::Sum => {
            let sum: i64 = seen.map(i64::from).sum();
            clamp(mbqm((sum - i64::from(x.zero) * n) as i32, factor) + y.zero, (-128, 127))
        }
        other => panic!("{} is no int8 reduction", other.name()),
    })
}

fn product(op: &MatMul, a: &Tensor, b: &Tensor, y: &Tensor) -> Vec<i8> {
    let factor = quantize_multiplier(f64::from(a.scale) * f64::from(b.scale) / f64::from(y.scale));
    // An operand's own index for one of the result's, rows and columns last.
    let at = |x: &Tensor, o: &[usize], [row, column]: [usize; 2], is_transposed: bool| {
        let batch = &o[o.len() - x.shape.len()..o.len() - 2];
        let mut index: Vec<usize> = batch.iter().zip(&x.shape).map(|(&i, &extent)| i.min(extent - 1)).collect();
        index.extend(if is_transposed { [column, row] } else { [row, column] });
        x.at(&index) - x.zero
    };
    let rank = a.shape.len();
    let depth = a.shape[if op.transpose_a { rank - 2 } else { rank - 1 }];
    each_index(&y.shape, |o| {
        let [i, j] = [o[o.len() - 2], o[o.len() - 1]];
        let sum = (0..depth).map(|k| at(a, o, [i, k], op.transpose_a) * at(b, o, [k, j], op.transpose_b)).sum();
        clamp(mbqm(sum, factor) + y.zero, act_range(op.activation, y.scale, y.zero))
    })
}

/// For each element of the result what `of` makes of those that lie along `axes`.
fn reduced(
    x: &Tensor,
    y: &Tensor,
    axes: &[usize],
    keep_dims: bool,
    of: impl Fn(&mut dyn Iterator<Item = i32>) -> i32,
) -> Vec<i8> {
    each_index(&y.shape, |o| {
        let mut seen = Vec::new();
        each_index(&x.shape, |i| {
            let kept: Vec<usize> = i
                .iter()
                .enumerate()
                .filter(|(axis, _)| keep_dims || !axes.contains(axis))
                .map(|(axis, &i)| if axes.contains(&axis) { 0 } else { i })
                .collect();
            if kept == o {
                seen.push(x.at(i));
            }
            0
        });
        of(&mut seen.into_iter())
    })
}

fn unary(op: &Op, x: &Tensor, y: &Tensor, q: i32) -> i32 {
    let (m, s) = quantize_multiplier(f64::from(x.scale) * 134217728.0);
    let radius = (15.0 * 134217728.0 / 2f64.powi(s)).floor() as i32;
    let v = q - x.zero;
    match op {
        Op::Relu(_) => {
            let factor = quantize_multiplier(f64::from(x.scale) / f64::from(y.scale));
            clamp(mbqm(v, factor) + y.zero, (y.zero.max(-128), 127))
        }
        Op::Relu6(_) => {
            let factor = quantize_multiplier(f64::from(x.scale) / f64::from(y.scale));
            let six = (6.0 / y.scale).round() as i32 + y.zero;
            clamp(mbqm(v, factor) + y.zero, (y.zero.max(-128), six.min(127)))
        }
        Op::Quantize(_) => {
            let factor = quantize_multiplier(f64::from(x.scale) / f64::from(y.scale));
            clamp(mbqm(v, factor) + y.zero, (-128, 127))
        }
        Op::Clip(Clip { low, high }) => {
            let factor = quantize_multiplier(f64::from(x.scale) / f64::from(y.scale));
            let bounds = Activation::Clip { low: *low, high: *high };
            clamp(mbqm(v, factor) + y.zero, act_range(bounds, y.scale, y.zero))
        }
        Op::Map(Map { function: MapFunction::LeakyRelu, parameters }) => {
            let alpha = if v < 0 { f64::from(parameters[0]) } else { 1.0 };
            let factor = quantize_multiplier(f64::from(x.scale) * alpha / f64::from(y.scale));
            clamp(mbqm(v, factor) + y.zero, (-128, 127))
        }
        Op::Map(Map { function, parameters }) => {
            let real = x.scale * v as f32;
            let result = match function {
                MapFunction::Square => f64::from(real) * f64::from(real),
                MapFunction::HardSigmoid => {
                    (f64::from(parameters[0]) * f64::from(real) + f64::from(parameters[1])).clamp(0.0, 1.0)
                }
                other => panic!("{} is not in random graphs", other.name()),
            };
            clamp((result as f32 * (1.0 / y.scale)).round() as i32 + y.zero, (-128, 127))
        }
        _ if v <= -radius => -128,
        _ if v >= radius => 127,
        Op::Logistic(_) => clamp(rdpot(logistic_q4(mbqm(v, (m, s))), 23) - 128, (-128, 127)),
        Op::Tanh(_) => clamp(rdpot(tanh_q4(mbqm(v, (m, s))), 24), (-128, 127)),
        _ => unreachable!(),
    }
}

fn softmax(x: &Tensor, beta: f32) -> Vec<i8> {
    let d = (f64::from(beta) * f64::from(x.scale) * 67108864.0).min(2147483647.0);
    assert!(d > 1.0, "softmax input scale");
    let (m, s) = quantize_multiplier(d);
    let diff_min = -((31.0 * 67108864.0 / 2f64.powi(s)).floor() as i32);
    let exp = |d: i32| exp_negative(srdhm(((i64::from(d)) << s) as i32, m), 5);
    let row = |row: &[i8]| -> Vec<i8> {
        let max = row.iter().copied().max().map_or(0, i32::from);
        let counted = row.iter().map(|&q| i32::from(q) - max).filter(|&d| d >= diff_min);
        let sum: i32 = counted.map(|d| rdpot(exp(d), 12)).sum();
        let hz = sum.leading_zeros() as i32;
        let scale = recip_one_plus(((sum as u32) << hz).wrapping_sub(1 << 31) as i32);
        let e = 12 - hz + 31 - 8;
        let of = |&q: &i8| match i32::from(q) - max {
            d if d < diff_min => -128,
            d => clamp(rdpot(srdhm(scale, exp(d)), e) - 128, (-128, 127)) as i8,
        };
        row.iter().map(of).collect()
    };
    x.elements.chunks(*x.shape.last().unwrap()).flat_map(row).collect()
}
