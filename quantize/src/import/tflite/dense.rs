//! FULLY_CONNECTED, BATCH_MATMUL.

use super::Importer;
use super::call::Call;
use super::convolution::weighted;
use crate::import::build::{Convert, refuse};
use crate::ir::{Activation, DType};
use crate::op::{Add, FullyConnected, MatMul};

/// TensorFlow Lite flattens the operand to rows of the weights' depth when it has to.
pub(super) fn fully_connected(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    if call.code(1)? != 0 {
        return refuse("weights are stored shuffled", "export with the default weights format");
    }
    if importer.is_computed(call.tensor(1))? {
        return with_computed_weights(importer, call);
    }
    let mut inputs = weighted(importer, call)?;
    let w = importer.shape_of(inputs[1]);
    let &[outputs, depth] = w.as_slice() else {
        return refuse(format!("weights have shape {w:?}"), "2 axes are needed");
    };
    let output = importer.result(call)?;
    let x = importer.shape_of(inputs[0]);
    let row_wise: Vec<usize> = x.iter().rev().skip(1).rev().copied().chain([outputs]).collect();
    if x.last() != Some(&depth) || importer.shape_of(output) != row_wise {
        let rows = x.iter().product::<usize>() / depth;
        importer.charge_copy(inputs[0])?;
        inputs[0] = importer.builder.reshape(&format!("{}/rows", call.name), inputs[0], vec![rows, depth])?;
    }
    if let Some(bias) = call.given(2) {
        super::int8::check_bias(&importer.builder.graph, &importer.tensor(bias)?.scales, &inputs, output)?;
    }
    importer.finish(call, FullyConnected { activation: call.activation(0)? }, inputs)
}

/// A dense layer whose weights are computed is a product of matrices.
fn with_computed_weights(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let (mut x, w) = (importer.operand(call, 0)?, importer.operand(call, 1)?);
    let (shape, of_weights) = (importer.shape_of(x), importer.shape_of(w));
    let &[_, depth] = of_weights.as_slice() else {
        return refuse(format!("weights have shape {of_weights:?}"), "2 axes are needed");
    };
    if shape.last() != Some(&depth) || shape.len() < 2 {
        let rows = shape.iter().product::<usize>() / depth;
        x = importer.builder.reshape(&format!("{}/rows", call.name), x, vec![rows, depth])?;
    }
    let product = |activation| MatMul { transpose_a: false, transpose_b: true, activation };
    let activation = call.activation(0)?;
    let Some(bias) = call.given(2) else {
        return importer.finish(call, product(activation), vec![x, w]);
    };
    if importer.builder.graph.value(x).dtype != DType::F32 {
        return refuse("it has computed weights and a bias", "use BATCH_MATMUL and ADD");
    }
    let product =
        importer.builder.apply(&format!("{}/product", call.name), product(Activation::None).into(), vec![x, w])?;
    let bias = importer.value(bias)?;
    let operands = importer.builder.same_rank(call.name, [product, bias])?;
    importer.finish(call, Add { activation }, operands.to_vec())
}

/// Two operands, either of which may be stored transposed.
pub(super) fn batch_mat_mul(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let factors = vec![importer.operand(call, 0)?, importer.operand(call, 1)?];
    let (transpose_a, transpose_b) = (call.flag(0)?, call.flag(1)?);
    importer.finish(call, MatMul { transpose_a, transpose_b, ..MatMul::default() }, factors)
}
