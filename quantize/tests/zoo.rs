//! Post-training quantization of real float models with real data: how often the int8 model decides as the
//! float model does, on people and recordings that calibration has not seen.

mod shared;

use std::path::Path;

use kinglet_quantize::affine::fixed;
use kinglet_quantize::calibrate::{RangeMethod, Samples, npy};
use kinglet_quantize::compile::{Compiled, Options, compile_file};
use kinglet_quantize::host::{infer, with_session};
use kinglet_quantize::ir::Graph;
use shared::shared;

/// Float and int8 form of a model.
struct Pair {
    float: Compiled,
    int8: Compiled,
}

/// Compiles a model of the zoo twice: as it is, and quantized by its 256 calibration samples.
fn compile(folder: &Path, range_method: RangeMethod) -> Pair {
    let compile = |calibration| {
        let options = Options { calibration, range_method, ..Options::default() };
        let compiled = compile_file(&folder.join("model.onnx"), &options, &mut |_| {});
        compiled.unwrap_or_else(|error| panic!("{error}"))
    };
    Pair { float: compile(None), int8: compile(Some(folder.join("calib.npz"))) }
}

/// The real outputs of a graph for every sample, on two threads.
fn outputs(model: &Compiled, samples: &Samples) -> Vec<Vec<f32>> {
    let Compiled { blob, graph, .. } = model;
    let run = |indices: core::ops::Range<usize>| -> Vec<Vec<f32>> {
        let work = with_session(blob, |session| {
            indices
                .map(|index| Ok(real_output(graph, &infer(session, &input(graph, samples.get(index)[0]))?[0])))
                .collect()
        });
        work.expect("runs")
    };
    let half = samples.len() / 2;
    std::thread::scope(|scope| {
        let second = scope.spawn(|| run(half..samples.len()));
        let mut all = run(0..half);
        all.extend(second.join().expect("no panic"));
        all
    })
}

/// The bytes of a model's one input.
fn input(graph: &Graph, reals: &[f32]) -> Vec<Vec<u8>> {
    let value = graph.value(graph.inputs[0].value);
    let bytes = match &value.quantization {
        None => reals.iter().flat_map(|real| real.to_le_bytes()).collect(),
        Some(quantization) => reals.iter().map(|&real| fixed::quantize_real(real, quantization) as u8).collect(),
    };
    vec![bytes]
}

fn real_output(graph: &Graph, bytes: &[u8]) -> Vec<f32> {
    match &graph.value(graph.outputs[0].value).quantization {
        None => bytes.chunks_exact(4).map(|word| f32::from_le_bytes(word.try_into().expect("4 bytes"))).collect(),
        Some(quantization) => {
            let real = |byte: &u8| quantization.scale(0) * (i32::from(*byte as i8) - quantization.zero_point()) as f32;
            bytes.iter().map(real).collect()
        }
    }
}

/// The first largest element, as `argmax` counts.
fn decision(output: &[f32]) -> usize {
    (0..output.len()).rev().max_by(|&a, &b| output[a].total_cmp(&output[b])).unwrap_or(0)
}

fn labels(file: &Path) -> Vec<usize> {
    let arrays = npy::read_arrays(file).unwrap_or_else(|error| panic!("{error}"));
    let y = arrays.iter().find(|array| array.name == "y").expect("labels");
    y.elements().map(|label| label as usize).collect()
}

/// Percentage of test samples on which both models decide alike; prints the accuracies too.
fn agreement(name: &str, method: RangeMethod) -> Option<f64> {
    let folder = shared(&format!("zoo/{name}"))?;
    println!("{name} {method:?}");
    let Pair { float, int8 } = compile(&folder, method);
    let test = folder.join("test.npz");
    let samples = Samples::read(&test, &float.graph).unwrap_or_else(|error| panic!("{error}"));
    let decisions =
        |model: &Compiled| outputs(model, &samples).iter().map(|output| decision(output)).collect::<Vec<_>>();
    let (a, b, y) = (decisions(&float), decisions(&int8), labels(&test));
    let percent = |x: &[usize], y: &[usize]| {
        let equal = x.iter().zip(y).filter(|(x, y)| x == y).count();
        100.0 * equal as f64 / x.len() as f64
    };
    let agreement = percent(&a, &b);
    println!("  float {:.2} %, int8 {:.2} %, agreement {agreement:.2} %", percent(&a, &y), percent(&b, &y));
    Some(agreement)
}

#[test]
fn image_classification_agrees() {
    let Some(agreement) = agreement("ic_resnet8", RangeMethod::default()) else { return };
    assert!(agreement >= 97.2, "{agreement}");
}

#[test]
fn keyword_spotting_agrees() {
    let Some(agreement) = agreement("kws_dscnn", RangeMethod::default()) else { return };
    assert!(agreement >= 98.8, "{agreement}");
}

#[test]
fn activity_recognition_agrees() {
    let Some(agreement) = agreement("har_cnn1d", RangeMethod::default()) else { return };
    assert!(agreement >= 99.3, "{agreement}");
}

#[test]
fn other_range_methods_keep_up() {
    for method in [RangeMethod::MinMax, RangeMethod::Percentile(99.999)] {
        let Some(agreement) = agreement("kws_dscnn", method) else { return };
        assert!(agreement >= 98.0, "{method:?}: {agreement}");
    }
}

#[test]
fn a_third_of_the_multiplications_may_go_with_channels() {
    for (name, accuracy_min) in [("kws_dscnn", 83.5), ("har_cnn1d", 79.0)] {
        let Some(folder) = shared(&format!("zoo/{name}")) else { return };
        let options =
            Options { calibration: Some(folder.join("calib.npz")), channels: Some(30.0), ..Options::default() };
        let int8 = compile_file(&folder.join("model.onnx"), &options, &mut |_| {});
        let int8 = int8.unwrap_or_else(|error| panic!("{error}"));
        let (macs, gone) = (int8.report.macs as f64, int8.report.macs_eliminated as f64);
        assert!(macs <= 0.70 * (macs + gone), "{macs} of {}", macs + gone);
        assert!(int8.warnings.is_empty(), "{:?}", int8.warnings);
        let float = compile_file(&folder.join("model.onnx"), &Options::default(), &mut |_| {});
        let float = float.unwrap_or_else(|error| panic!("{error}"));
        let test = folder.join("test.npz");
        let samples = Samples::read(&test, &float.graph).unwrap_or_else(|error| panic!("{error}"));
        let right = |(output, label): (&Vec<f32>, &usize)| usize::from(decision(output) == *label);
        let (found, y) = (outputs(&int8, &samples), labels(&test));
        let accuracy = 100.0 * found.iter().zip(&y).map(right).sum::<usize>() as f64 / y.len() as f64;
        println!("{name} with {macs} of {} multiplications: {accuracy:.2} %", macs + gone);
        assert!(accuracy >= accuracy_min, "{name}: {accuracy}");
    }
}

/// Area under the ROC curve: how often an anomaly (label 1) scores higher than a normal sample.
fn area_under_curve(scores: &[f64], labels: &[usize]) -> f64 {
    let of = |label: usize| scores.iter().zip(labels).filter(move |(_, y)| **y == label).map(|(score, _)| *score);
    let normal: Vec<f64> = of(0).collect();
    let wins = |score: f64| -> f64 {
        normal
            .iter()
            .map(|&other| {
                if score > other {
                    1.0
                } else if score == other {
                    0.5
                } else {
                    0.0
                }
            })
            .sum()
    };
    let pairs = (normal.len() * of(1).count()) as f64;
    of(1).map(wins).sum::<f64>() / pairs
}

#[test]
fn anomaly_detection_keeps_its_area_under_the_curve() {
    let Some(folder) = shared("zoo/ad_ae") else { return };
    println!("ad_ae");
    let Pair { float, int8 } = compile(&folder, RangeMethod::default());
    let test = folder.join("test.npz");
    let samples = Samples::read(&test, &float.graph).unwrap_or_else(|error| panic!("{error}"));
    let y = labels(&test);
    let area = |model: &Compiled| {
        let score = |(index, output): (usize, &Vec<f32>)| {
            let errors = samples.get(index)[0].iter().zip(output).map(|(x, y)| f64::from(x - y).powi(2));
            errors.sum::<f64>() / output.len() as f64
        };
        area_under_curve(&outputs(model, &samples).iter().enumerate().map(score).collect::<Vec<_>>(), &y)
    };
    let (float, int8) = (area(&float), area(&int8));
    println!("  AUC float {float:.4}, int8 {int8:.4}");
    assert!((float - int8).abs() <= 0.002, "{float} {int8}");
    assert!(float > 0.94, "the float model itself: {float}");
}
