//! `Gemm`, `MatMul` and `BatchNormalization`.

use super::attributes::Call;
use super::constant::{Constant, Numbers};
use super::{Entry, Importer, matrices};
use crate::import::build::{Convert, refuse};
use crate::ir::{Activation, DType, Elements, Op, Quantization, Value, ValueId, transposed};
use crate::op::{Add, BatchNorm, FullyConnected};

impl Importer<'_> {
    /// What a name stands for as a value: a float constant becomes one of the graph.
    pub(super) fn entry_value(&mut self, name: &str, entry: &Entry) -> Convert<ValueId> {
        match entry {
            &Entry::Value(id) => Ok(id),
            Entry::Constant(constant) => match &constant.numbers {
                Numbers::F32(numbers) => {
                    self.budget.charge(numbers.len(), 4)?;
                    let elements = Elements::F32(numbers.clone());
                    self.builder.constant(&format!("{name}/constant"), constant.shape.clone(), elements)
                }
                Numbers::I64(_) => refuse("integers are computed with floats", "use floats throughout"),
            },
            Entry::Refused(refusal) => Err(refusal.clone()),
            Entry::Unknown | Entry::Absent => refuse("an operand is missing", "export the model again"),
        }
    }

    /// The weights that are operand 1, as `elements` of `shape`. Those that the file has as codes are marked by a
    /// quantization, of which the pass `recode` finds what it is.
    pub(super) fn weights(&mut self, call: &Call<'_>, shape: Vec<usize>, elements: Vec<f32>) -> Convert<ValueId> {
        let is_decoded = matches!(call.operand(1), Some(Entry::Constant(constant)) if constant.is_decoded);
        self.builder.value(Value {
            name: format!("{}/weights", call.name),
            dtype: DType::F32,
            shape,
            quantization: is_decoded.then(|| Quantization::per_tensor(1.0, 0)),
            elements: Some(Elements::F32(elements)),
        })
    }

    /// Operand `index` as a value: a float constant becomes one of the graph.
    pub(super) fn float_operand(&mut self, call: &Call<'_>, index: usize) -> Convert<ValueId> {
        if !matches!(call.operand(index), Some(Entry::Constant(_))) {
            return call.value(index);
        }
        let (shape, numbers) = call.floats_of(index, "an operand's numbers")?;
        self.budget.charge(numbers.len(), 4)?;
        let elements = Elements::F32(numbers.to_vec());
        self.builder.constant(&format!("{}/constant", call.name), shape.to_vec(), elements)
    }
}

/// `alpha * A * B + beta * C`: a dense layer when `B` is constant.
pub(super) fn gemm(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let (Some(&Entry::Value(x)), Some(Entry::Constant(_)), 0) =
        (call.operand(0), call.operand(1), call.int("transA", 0)?)
    else {
        return matrices::gemm(importer, call);
    };
    let shape = importer.shape(x);
    if shape.len() != 2 {
        return refuse(format!("operand {shape:?} has not 2 axes"), "use [batch, features] as it is");
    }
    let (b_shape, b) = call.floats_of(1, "weights")?;
    let &[rows, columns] = b_shape else {
        return refuse(format!("weights have shape {b_shape:?}"), "2 axes are needed");
    };
    importer.budget.charge(b.len(), 4)?;
    // The graph's weights are [O, K].
    let (w_shape, mut weights) = match call.int("transB", 0)? {
        0 => (vec![columns, rows], transposed(b, b_shape, &[1, 0])),
        _ => (vec![rows, columns], b.to_vec()),
    };
    let alpha = call.float("alpha", 1.0)?;
    weights.iter_mut().for_each(|weight| *weight *= alpha);
    let outputs = w_shape[0];
    let weights = importer.weights(call, w_shape, weights)?;
    let op = Op::FullyConnected(FullyConnected { activation: Activation::None });
    let beta = call.float("beta", 1.0)?;
    match call.operand(2) {
        None => Ok(Entry::Value(importer.apply(call.name, op, vec![x, weights])?)),
        Some(Entry::Constant(c)) if row(c, outputs).is_some() => {
            let bias: Vec<f32> = row(c, outputs).unwrap_or_default().iter().map(|&c| beta * c).collect();
            importer.budget.charge(outputs, 4)?;
            let bias = importer.builder.constant(&format!("{}/bias", call.name), vec![outputs], Elements::F32(bias))?;
            Ok(Entry::Value(importer.apply(call.name, op, vec![x, weights, bias])?))
        }
        Some(_) if beta != 1.0 => refuse("beta scales a C that is not one constant row", "use beta 1"),
        Some(_) => {
            let product = importer.apply(call.name, op, vec![x, weights])?;
            let c = importer.float_operand(call, 2)?;
            let operands = importer.builder.same_rank(call.name, [product, c])?;
            let add = Op::Add(Add { activation: Activation::None });
            Ok(Entry::Value(importer.apply(&format!("{}/add", call.name), add, operands.to_vec())?))
        }
    }
}

/// `A * B`: a dense layer when `B` is one constant matrix.
pub(super) fn mat_mul(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let (Some(&Entry::Value(x)), Some(Entry::Constant(_))) = (call.operand(0), call.operand(1)) else {
        return matrices::mat_mul(importer, call);
    };
    let (b_shape, b) = call.floats_of(1, "weights (the second factor)")?;
    let Some((batch, &[rows, columns])) = b_shape.split_last_chunk::<2>() else {
        return matrices::mat_mul(importer, call);
    };
    if batch.iter().any(|&extent| extent != 1) {
        return matrices::mat_mul(importer, call);
    }
    importer.budget.charge(b.len(), 4)?;
    let weights = transposed(b, &[rows, columns], &[1, 0]);
    let w_shape = vec![columns, rows];
    let weights = importer.weights(call, w_shape, weights)?;
    let product = importer.apply(
        call.name,
        Op::FullyConnected(FullyConnected { activation: Activation::None }),
        vec![x, weights],
    )?;
    // Leading axes of extent 1 that only the weights have are axes of the result.
    let shape = importer.shape(product);
    let missing = b_shape.len().saturating_sub(shape.len());
    let padded: Vec<usize> = core::iter::repeat_n(1, missing).chain(shape).collect();
    Ok(Entry::Value(importer.builder.reshape(&format!("{}/rank", call.name), product, padded)?))
}

pub(super) fn batch_normalization(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    if call.int("training_mode", 0)? != 0 || call.node.outputs.iter().skip(1).any(|output| !output.is_empty()) {
        return refuse("runs in training mode", "export the model in inference mode (model.eval())");
    }
    if call.int("spatial", 1)? != 1 {
        return refuse("normalises each position on its own (spatial = 0)", "normalise whole channels");
    }
    let x = call.value(0)?;
    let rank = importer.shape(x).len();
    if rank < 2 {
        return refuse(format!("operand has {rank} axes"), "use [N, C, ...]");
    }
    let mut inputs = vec![if rank == 2 { x } else { importer.channels_last(call, x)? }];
    for (index, what) in [(1, "scale"), (2, "shift"), (3, "mean"), (4, "variance")] {
        let (_, numbers) = call.floats_of(index, what)?;
        importer.budget.charge(numbers.len(), 4)?;
        let elements = Elements::F32(numbers.to_vec());
        inputs.push(importer.builder.constant(&format!("{}/{what}", call.name), vec![numbers.len()], elements)?);
    }
    let y = importer.apply(call.name, Op::BatchNorm(BatchNorm { epsilon: call.float("epsilon", 1e-5)? }), inputs)?;
    Ok(Entry::Value(if rank == 2 { y } else { importer.channels_first(call, y)? }))
}

/// A constant as one row of `len` floats, when it broadcasts to every row alike.
fn row(constant: &Constant, len: usize) -> Option<Vec<f32>> {
    let Numbers::F32(numbers) = &constant.numbers else { return None };
    let leading_ones = constant.shape.iter().rev().skip(1).all(|&extent| extent == 1);
    match numbers.as_slice() {
        [one] if leading_ones => Some(vec![*one; len]),
        all if leading_ones && all.len() == len => Some(all.to_vec()),
        _ => None,
    }
}
