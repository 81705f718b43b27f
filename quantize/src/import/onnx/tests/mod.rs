//! The ONNX importer against tract: each operator in its variants, as imported and after all passes.

mod changes;
mod combine;
mod control;
mod external;
mod functions;
mod indices;
mod operators;
mod order;
mod outputs;
mod quantized;
mod recurrent;
mod refusals;
mod slices;
mod types;
pub(crate) mod writer;

use kinglet_tract::{FloatReference, Tensor};

use crate::import::{Kind, from_bytes};
use crate::ir::sketch::assert_close;
use crate::ir::{Graph, interpret};
use crate::pass::optimize;
use writer::Onnx;

fn import(onnx: Onnx) -> Graph {
    let bytes = onnx.bytes();
    match from_bytes(&bytes, Kind::Onnx, "test") {
        Ok(graph) => graph,
        Err(error) => panic!("{error}"),
    }
}

/// Imports a file, and checks the graph as imported and after all passes against tract. Gives back the
/// operators that are left.
fn agrees(onnx: Onnx) -> Vec<&'static str> {
    let bytes = onnx.bytes();
    let graph = from_bytes(&bytes, Kind::Onnx, "test").unwrap_or_else(|error| panic!("{error}"));
    let mut after = graph.clone();
    optimize(&mut after).expect("optimized");
    let reference = FloatReference::from_onnx(&bytes, 1).expect("tract takes it");
    for seed in 0..2 {
        let sample = graph.sample(seed);
        let tensors: Vec<Tensor> = sample
            .iter()
            .zip(reference.input_shapes())
            .map(|(data, shape)| Tensor { shape: shape.clone(), data: data.clone() })
            .collect();
        let expected = reference.run(&tensors).expect("tract runs it");
        let shapes: Vec<&Vec<usize>> = graph.outputs.iter().map(|port| &port.source_shape).collect();
        assert_eq!(shapes, expected.iter().map(|tensor| &tensor.shape).collect::<Vec<_>>(), "{graph}");
        let expected: Vec<Vec<f32>> = expected.into_iter().map(|tensor| tensor.data).collect();
        for graph in [&graph, &after] {
            let found = interpret(graph, &sample).expect("a float graph");
            assert_close(&found, &expected, 1e-5, &format!("{graph}"));
        }
    }
    after.operators()
}
