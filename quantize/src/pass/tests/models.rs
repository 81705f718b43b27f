//! The shared models keep their meaning, and end without transpositions and batch normalisations.

use kinglet_tract::{FloatReference, Tensor};

use super::optimized;
use crate::import;
use crate::ir::sketch::{assert_close, shared};
use crate::ir::{DType, interpret};
use crate::pass::optimize;

const ZOO: [&str; 4] = ["ad_ae", "har_cnn1d", "ic_resnet8", "kws_dscnn"];

#[test]
fn zoo_onnx_models_agree_with_the_float_reference() {
    for (model, operators) in ZOO.into_iter().zip([6, 6, 16, 11]) {
        let Some(path) = shared(&format!("zoo/{model}/model.onnx")) else { continue };
        let graph = import::load(&path).expect("imported");
        let (after, _) = optimized(&graph);
        assert_eq!(after.nodes.len(), operators, "{model}\n{after}");
        assert!(!after.operators().iter().any(|&op| op == "Transpose" || op == "BatchNorm"), "{after}");

        let bytes = std::fs::read(&path).expect("read before");
        let reference = FloatReference::from_onnx(&bytes, 1).expect("tract runs it");
        let sample = graph.sample(7);
        let tensors: Vec<Tensor> = sample
            .iter()
            .zip(reference.input_shapes())
            .map(|(data, shape)| Tensor { shape: shape.clone(), data: data.clone() })
            .collect();
        let expected: Vec<Vec<f32>> =
            reference.run(&tensors).expect("tract runs it").into_iter().map(|tensor| tensor.data).collect();
        let found = interpret(&after, &sample).expect("a float graph");
        assert_close(&found, &expected, 1e-4, model);
    }
}

#[test]
fn zoo_files_of_both_formats_agree() {
    for model in ["ad_ae", "ic_resnet8", "kws_dscnn"] {
        let (Some(onnx), Some(tflite)) =
            (shared(&format!("zoo/{model}/model.onnx")), shared(&format!("zoo/{model}/model.tflite")))
        else {
            continue;
        };
        let (mut onnx, mut tflite) = (import::load(&onnx).expect("imported"), import::load(&tflite).expect("imported"));
        optimize(&mut onnx).expect("optimized");
        optimize(&mut tflite).expect("optimized");
        // The TensorFlow Lite file is channels-last, as the ONNX graph's own input is by now.
        let sample = tflite.sample(3);
        let port = &mut onnx.inputs[0];
        port.source_shape = tflite.inputs[0].source_shape.clone();
        port.permutation = None;
        let expected = interpret(&tflite, &sample).expect("a float graph");
        assert_close(&interpret(&onnx, &sample).expect("a float graph"), &expected, 1e-4, model);
    }
}

#[test]
fn tflite_models_lose_nothing() {
    let names = ["ad", "hello", "ic", "kws", "vww"].into_iter().flat_map(|name| [(name, "float"), (name, "int8")]);
    for (name, kind) in names.chain([("sww", "int8")]) {
        let Some(path) = shared(&format!("models/{name}_{kind}.tflite")) else { continue };
        let graph = import::load(&path).expect("imported");
        let mut after = graph.clone();
        optimize(&mut after).expect("optimized");
        // A converter has fused everything already.
        assert_eq!(after.operators(), graph.operators(), "{name}_{kind}");
        let dtype = if kind == "int8" { DType::I8 } else { DType::F32 };
        assert_eq!(after.value(after.outputs[0].value).dtype, dtype);
    }
}
