//! What shape each operator computes from its operands.
//!
//! One function, [`infer`], states it for every operator; the importers ask it for new nodes, and
//! [`super::Graph::verify`] compares every node with it. All arithmetic is checked, so numbers straight from
//! a hostile file can be passed in.

use core::fmt;

use super::{Graph, Op, Padding, ValueId, Window};

/// Most elements a value may have. Far beyond any microcontroller, and small enough that no product of a
/// shape with an element size overflows anywhere.
pub const VALUE_LEN_MAX: usize = 1 << 26;

/// Most axes a value may have.
pub const RANK_MAX: usize = 8;

/// Why an operator cannot be applied to its operands; the node is named by the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapeError(pub String);

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for ShapeError {}

/// Extents of a value's axes.
pub type Shape = Vec<usize>;

/// Shapes of `x, w, [b]`.
type Weighted<'a> = (&'a [usize], &'a [usize], Option<&'a [usize]>);

fn fail<T>(message: String) -> Result<T, ShapeError> {
    Err(ShapeError(message))
}

/// Number of elements of `shape`, when it is within [`RANK_MAX`] and [`VALUE_LEN_MAX`] and no axis is empty.
pub fn checked_len(shape: &[usize]) -> Result<usize, ShapeError> {
    if shape.len() > RANK_MAX {
        return fail(format!("shape {shape:?} has {} axes, at most {RANK_MAX} are supported", shape.len()));
    }
    if shape.contains(&0) {
        return fail(format!("shape {shape:?} has an empty axis"));
    }
    let len = shape.iter().try_fold(1usize, |len, &extent| len.checked_mul(extent));
    match len {
        Some(len) if len <= VALUE_LEN_MAX => Ok(len),
        _ => fail(format!("shape {shape:?} has more than {VALUE_LEN_MAX} elements")),
    }
}

/// The shapes `op` computes from `inputs`, one for each result.
///
/// For [`Op::Reshape`], whose result is not determined by its operand, this is the flat shape `[len]`: any
/// shape of that many elements is right.
pub fn infer(graph: &Graph, op: &Op, inputs: &[ValueId]) -> Result<Vec<Shape>, ShapeError> {
    let shapes: Vec<&[usize]> = inputs.iter().map(|&id| graph.value(id).shape.as_slice()).collect();
    let inferred = infer_shapes(op, &shapes)?;
    inferred.iter().try_for_each(|shape| checked_len(shape).map(|_| ()))?;
    Ok(inferred)
}

/// [`infer`] for an operator with one result.
pub fn infer_one(graph: &Graph, op: &Op, inputs: &[ValueId]) -> Result<Shape, ShapeError> {
    let mut shapes = infer(graph, op, inputs)?;
    match (shapes.pop(), shapes.len()) {
        (Some(shape), 0) => Ok(shape),
        (_, others) => fail(format!("computes {} results, 1 is needed", others + 1)),
    }
}

/// [`infer`] on bare shapes.
pub fn infer_shapes(op: &Op, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
    let shape = match op {
        Op::Conv2D { .. } => convolution(op, inputs),
        Op::DepthwiseConv2D { .. } => depthwise(op, inputs),
        Op::FullyConnected { .. } => fully_connected(inputs),
        Op::AveragePool2D { window, .. } | Op::MaxPool2D { window, .. } => pool(window, one(inputs)?),
        Op::Add { .. } | Op::Mul { .. } => {
            let [a, b] = two(inputs)?;
            broadcast(a, b)
        }
        Op::Softmax { .. } => {
            let x = one(inputs)?;
            if x.is_empty() { fail("operand is a scalar".into()) } else { Ok(x.to_vec()) }
        }
        Op::Relu | Op::Relu6 | Op::Logistic | Op::Tanh | Op::Quantize | Op::Dequantize => Ok(one(inputs)?.to_vec()),
        Op::Reshape => Ok(vec![checked_len(one(inputs)?)?]),
        Op::Pad { before, after, .. } => pad(one(inputs)?, before, after),
        Op::Concat { axis } => concat(inputs, *axis),
        Op::Mean { axes, keep_dims } => mean(one(inputs)?, axes, *keep_dims),
        Op::BatchNorm { .. } => batch_norm(inputs),
        Op::Transpose { permutation } => transpose(one(inputs)?, permutation),
    };
    Ok(vec![shape?])
}

fn one<'a>(inputs: &[&'a [usize]]) -> Result<&'a [usize], ShapeError> {
    match inputs {
        [x] => Ok(x),
        _ => fail(format!("takes 1 operand, has {}", inputs.len())),
    }
}

fn two<'a>(inputs: &[&'a [usize]]) -> Result<[&'a [usize]; 2], ShapeError> {
    match inputs {
        [a, b] => Ok([a, b]),
        _ => fail(format!("takes 2 operands, has {}", inputs.len())),
    }
}

/// Splits `x, w, [b]` and checks the bias against `output_channels`.
fn with_bias<'a>(inputs: &[&'a [usize]]) -> Result<Weighted<'a>, ShapeError> {
    match inputs {
        [x, w] => Ok((x, w, None)),
        [x, w, b] => Ok((x, w, Some(b))),
        _ => fail(format!("takes 2 or 3 operands, has {}", inputs.len())),
    }
}

fn check_bias(bias: Option<&[usize]>, output_channels: usize) -> Result<(), ShapeError> {
    match bias {
        Some(shape) if shape != [output_channels] => {
            fail(format!("bias has shape {shape:?}, [{output_channels}] is needed"))
        }
        _ => Ok(()),
    }
}

fn nhwc(x: &[usize]) -> Result<[usize; 4], ShapeError> {
    match x {
        &[n, h, w, c] => Ok([n, h, w, c]),
        _ => fail(format!("operand has shape {x:?}, 4 axes [N, H, W, C] are needed")),
    }
}

/// Number of window positions along one axis.
fn positions(extent: usize, pad: [usize; 2], kernel: usize, stride: usize, dilation: usize) -> Option<usize> {
    let reach = kernel.checked_sub(1)?.checked_mul(dilation)?.checked_add(1)?;
    let padded = extent.checked_add(pad[0])?.checked_add(pad[1])?;
    padded.checked_sub(reach)?.checked_div(stride)?.checked_add(1)
}

/// Output height and width of a sliding window.
fn window_extent(
    input: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    padding: &Padding,
) -> Result<[usize; 2], ShapeError> {
    if stride.contains(&0) || dilation.contains(&0) || kernel.contains(&0) {
        return fail(format!("kernel {kernel:?}, stride {stride:?} and dilation {dilation:?} must not be zero"));
    }
    let rows = positions(input[0], [padding.top, padding.bottom], kernel[0], stride[0], dilation[0]);
    let columns = positions(input[1], [padding.left, padding.right], kernel[1], stride[1], dilation[1]);
    match (rows, columns) {
        (Some(rows), Some(columns)) => Ok([rows, columns]),
        _ => fail(format!(
            "kernel {kernel:?} with dilation {dilation:?} is larger than the padded input {input:?} ({padding:?})"
        )),
    }
}

fn convolution(op: &Op, inputs: &[&[usize]]) -> Result<Shape, ShapeError> {
    let Op::Conv2D { stride, dilation, padding, groups, .. } = op else { unreachable!("called for Conv2D only") };
    let (x, w, bias) = with_bias(inputs)?;
    let [n, height, width, channels] = nhwc(x)?;
    let &[outputs, kernel_h, kernel_w, group_channels] = w else {
        return fail(format!("weights have shape {w:?}, 4 axes [O, KH, KW, I / groups] are needed"));
    };
    if *groups == 0 || outputs % groups != 0 || group_channels.checked_mul(*groups) != Some(channels) {
        return fail(format!("input {x:?} and weights {w:?} do not fit {groups} groups"));
    }
    check_bias(bias, outputs)?;
    let [rows, columns] = window_extent([height, width], [kernel_h, kernel_w], *stride, *dilation, padding)?;
    Ok(vec![n, rows, columns, outputs])
}

fn depthwise(op: &Op, inputs: &[&[usize]]) -> Result<Shape, ShapeError> {
    let Op::DepthwiseConv2D { stride, dilation, padding, multiplier, .. } = op else {
        unreachable!("called for DepthwiseConv2D only")
    };
    let (x, w, bias) = with_bias(inputs)?;
    let [n, height, width, channels] = nhwc(x)?;
    let &[1, kernel_h, kernel_w, outputs] = w else {
        return fail(format!("weights have shape {w:?}, [1, KH, KW, C * multiplier] is needed"));
    };
    if *multiplier == 0 || channels.checked_mul(*multiplier) != Some(outputs) {
        return fail(format!("input {x:?} and weights {w:?} do not fit a multiplier of {multiplier}"));
    }
    check_bias(bias, outputs)?;
    let [rows, columns] = window_extent([height, width], [kernel_h, kernel_w], *stride, *dilation, padding)?;
    Ok(vec![n, rows, columns, outputs])
}

fn fully_connected(inputs: &[&[usize]]) -> Result<Shape, ShapeError> {
    let (x, w, bias) = with_bias(inputs)?;
    let &[outputs, depth] = w else {
        return fail(format!("weights have shape {w:?}, 2 axes [O, K] are needed"));
    };
    let Some((&last, rows)) = x.split_last() else {
        return fail("operand is a scalar".into());
    };
    if last != depth {
        return fail(format!("input {x:?} and weights {w:?} differ in depth"));
    }
    check_bias(bias, outputs)?;
    Ok(rows.iter().copied().chain([outputs]).collect())
}

fn pool(window: &Window, x: &[usize]) -> Result<Shape, ShapeError> {
    let [n, height, width, channels] = nhwc(x)?;
    let Padding { top, bottom, left, right } = window.padding;
    // A window that lies in the padding altogether would have no mean and no maximum.
    if top.max(bottom) >= window.size[0] || left.max(right) >= window.size[1] {
        return fail(format!("padding {:?} reaches the window's size {:?}", window.padding, window.size));
    }
    let [rows, columns] = window_extent([height, width], window.size, window.stride, [1, 1], &window.padding)?;
    Ok(vec![n, rows, columns, channels])
}

/// The shape of an elementwise result: axes are aligned at the end, and an axis of extent 1 stretches.
pub fn broadcast(a: &[usize], b: &[usize]) -> Result<Vec<usize>, ShapeError> {
    let rank = a.len().max(b.len());
    let extent = |shape: &[usize], axis: usize| {
        (axis + shape.len()).checked_sub(rank).and_then(|axis| shape.get(axis)).copied().unwrap_or(1)
    };
    (0..rank)
        .map(|axis| match (extent(a, axis), extent(b, axis)) {
            (x, y) if x == y => Ok(x),
            (1, y) => Ok(y),
            (x, 1) => Ok(x),
            _ => fail(format!("shapes {a:?} and {b:?} do not broadcast")),
        })
        .collect()
}

fn pad(x: &[usize], before: &[usize], after: &[usize]) -> Result<Shape, ShapeError> {
    if before.len() != x.len() || after.len() != x.len() {
        return fail(format!("{} and {} paddings for {} axes", before.len(), after.len(), x.len()));
    }
    let padded = |axis: usize| x[axis].checked_add(before[axis])?.checked_add(after[axis]);
    (0..x.len())
        .map(|axis| padded(axis).ok_or_else(|| ShapeError(format!("padding of axis {axis} is too large"))))
        .collect()
}

fn concat(inputs: &[&[usize]], axis: usize) -> Result<Shape, ShapeError> {
    let Some((first, rest)) = inputs.split_first() else {
        return fail("takes at least 1 operand".into());
    };
    let mut shape = first.to_vec();
    let Some(mut total) = shape.get(axis).copied() else {
        return fail(format!("axis {axis} of an operand with {} axes", shape.len()));
    };
    for other in rest {
        let same = other.len() == shape.len() && (0..shape.len()).all(|a| a == axis || other[a] == shape[a]);
        if !same {
            return fail(format!("operands {first:?} and {other:?} differ outside axis {axis}"));
        }
        total = total.checked_add(other[axis]).ok_or_else(|| ShapeError("operands are too large".into()))?;
    }
    shape[axis] = total;
    Ok(shape)
}

fn mean(x: &[usize], axes: &[usize], keep_dims: bool) -> Result<Shape, ShapeError> {
    let ascending = axes.windows(2).all(|pair| pair[0] < pair[1]);
    if !ascending || axes.last().is_none_or(|&axis| axis >= x.len()) {
        return fail(format!("axes {axes:?} of an operand with {} axes must be ascending and not empty", x.len()));
    }
    let kept = x.iter().enumerate().filter_map(|(axis, &extent)| match (axes.contains(&axis), keep_dims) {
        (false, _) => Some(extent),
        (true, true) => Some(1),
        (true, false) => None,
    });
    Ok(kept.collect())
}

fn batch_norm(inputs: &[&[usize]]) -> Result<Shape, ShapeError> {
    let [x, parameters @ ..] = inputs else {
        return fail("takes 5 operands, has 0".into());
    };
    let Some(&channels) = x.last() else {
        return fail("operand is a scalar".into());
    };
    if parameters.len() != 4 || parameters.iter().any(|shape| *shape != [channels]) {
        return fail(format!("parameters have shapes {parameters:?}, four of [{channels}] are needed"));
    }
    Ok(x.to_vec())
}

/// True when `permutation` names every axis below `rank` once.
pub fn is_permutation(permutation: &[usize], rank: usize) -> bool {
    permutation.len() == rank && (0..rank).all(|axis| permutation.contains(&axis))
}

fn transpose(x: &[usize], permutation: &[usize]) -> Result<Shape, ShapeError> {
    if !is_permutation(permutation, x.len()) {
        return fail(format!("{permutation:?} is no permutation of {} axes", x.len()));
    }
    Ok(permutation.iter().map(|&axis| x[axis]).collect())
}
