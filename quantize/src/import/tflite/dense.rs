//! FULLY_CONNECTED.

use super::Importer;
use super::call::Call;
use super::convolution::weighted;
use crate::import::build::{Convert, refuse};
use crate::op::FullyConnected;

/// TensorFlow Lite flattens the operand to rows of the weights' depth when it has to.
pub(super) fn fully_connected(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    if call.code(1)? != 0 {
        return refuse("weights are stored shuffled", "export with the default weights format");
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
