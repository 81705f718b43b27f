//! Calibration with a runner that computes `y = -2 x`.

use super::*;
use crate::ir::{DType, Node, Op, Port, Value};
use crate::op::Tanh;

struct TimesMinusTwo;

const X: ValueId = ValueId(0);
const Y: ValueId = ValueId(1);

impl Runner<f32> for TimesMinusTwo {
    fn run(&mut self, inputs: &[&[f32]], observe: &mut dyn FnMut(ValueId, &[f32])) -> Result<(), RunnerError> {
        if inputs[0][0] == 99.0 {
            return Err("no 99 today".into());
        }
        let y: Vec<f32> = inputs[0].iter().map(|x| x * -2.0).collect();
        observe(Y, &y);
        Ok(())
    }
}

fn graph() -> Graph {
    let mut graph = Graph::default();
    for name in ["x", "y"] {
        let (name, shape) = (name.to_owned(), vec![1, 2]);
        graph.add_value(Value { name, dtype: DType::F32, shape, quantization: None, elements: None });
    }
    let port = |value, name: &str| Port { value, name: name.into(), source_shape: vec![1, 2], permutation: None };
    graph.inputs.push(port(X, "x"));
    graph.outputs.push(port(Y, "y"));
    graph.nodes.push(Node { name: "n".into(), op: Op::Tanh(Tanh), inputs: vec![X], outputs: vec![Y] });
    graph
}

fn run(elements: &[f32], method: RangeMethod) -> Result<CalibrationTable, String> {
    calibration(elements, method).map(|calibration| calibration.table)
}

fn calibration(elements: &[f32], method: RangeMethod) -> Result<Calibration, String> {
    let graph = graph();
    let samples = Samples::from_elements(&graph, &[elements.to_vec()]).map_err(|error| error.to_string())?;
    let mut seen = Vec::new();
    let mut progress = |done, total| seen.push((done, total));
    let method = Method { range: method, keep_rare: false };
    let calibration = calibrate(&graph, &mut TimesMinusTwo, &samples, method, &mut progress);
    let calibration = calibration.map_err(|error| error.to_string())?;
    assert_eq!(seen.last().map(|(done, total)| done == total), Some(true));
    Ok(calibration)
}

#[test]
fn inputs_and_results_are_ranged() {
    let table = run(&[1.0, -3.0, 0.5, 2.0], RangeMethod::MinMax).expect("finite");
    assert_eq!(table.get(X), Some(Range { lo: -3.0, hi: 2.0 }));
    assert_eq!(table.get(Y), Some(Range { lo: -4.0, hi: 6.0 }));
    assert_eq!(table.get(ValueId(7)), None);
}

#[test]
fn other_methods_see_the_same_values() {
    for method in [RangeMethod::Percentile(100.0), RangeMethod::MeanSquaredError] {
        let table = run(&[1.0, -3.0, 0.5, 2.0], method).expect("finite");
        let range = table.get(Y).expect("observed");
        assert!((range.lo + 4.0).abs() < 0.1 && (range.hi - 6.0).abs() < 0.1, "{method:?}: {range:?}");
    }
}

#[test]
fn the_mean_of_extremes_forgives_single_samples() {
    let table = run(&[1.0, -3.0, 0.5, 2.0], RangeMethod::MeanOfExtremes).expect("finite");
    assert_eq!(table.get(X), Some(Range { lo: -1.25, hi: 1.5 }));
}

/// Samples that differ, `[k, 1 - k]`.
fn typical(count: usize) -> Vec<f32> {
    (0..count).flat_map(|sample| [(sample % 7) as f32 / 7.0, 1.0 - (sample % 5) as f32 / 5.0]).collect()
}

fn findings(elements: &[f32]) -> Vec<Finding> {
    calibration(elements, RangeMethod::MinMax).expect("finite").findings
}

#[test]
fn typical_data_is_taken_without_a_word() {
    assert_eq!(findings(&typical(64)), []);
    let all = calibration(&typical(64), RangeMethod::MinMax).expect("finite");
    assert_eq!((all.samples, all.inputs), (64, vec![Range { lo: 0.0, hi: 1.0 }]));
}

#[test]
fn data_that_is_no_data_is_told() {
    assert!(matches!(findings(&typical(3)).as_slice(), [Finding::FewSamples(3)]));
    let constant = findings(&[0.5; 128]);
    assert!(matches!(constant.as_slice(), [Finding::ConstantInput { element: 0.5, .. }]), "{constant:?}");
    let nearly: Vec<f32> = typical(64).iter().map(|x| 100.0 + x).collect();
    assert!(matches!(findings(&nearly).as_slice(), [Finding::StillOutput { .. }]), "{:?}", findings(&nearly));
}

#[test]
fn one_sample_does_not_decide_for_all() {
    let mut elements = typical(64);
    elements[35] = 1000.0;
    for method in
        [RangeMethod::MinMax, RangeMethod::Percentile(99.99), RangeMethod::MeanSquaredError, RangeMethod::Entropy]
    {
        let calibration = calibration(&elements, method).expect("finite");
        let range = calibration.table.get(Y).expect("observed");
        assert!(range.lo >= -2.0 && range.lo < -1.5, "{method}: {range:?}");
        let [Finding::Rare(rare)] = calibration.findings.as_slice() else { panic!("{:?}", calibration.findings) };
        assert_eq!((rare.sample, rare.values, rare.first.as_str()), (17, 2, "x"));
    }
}

#[test]
fn methods_are_written_as_they_are_read() {
    for text in ["min-max", "mean", "percentile:99.5", "mse", "entropy"] {
        assert_eq!(text.parse::<RangeMethod>().map(|method| method.to_string()), Ok(text.into()));
    }
    for text in ["", "max", "percentile:", "percentile:0", "percentile:101", "percentile:NaN", "mse:3"] {
        assert!(text.parse::<RangeMethod>().is_err(), "{text}");
    }
}

#[test]
fn failures_name_the_sample() {
    assert_eq!(run(&[], RangeMethod::MinMax), Err("calibration needs at least one sample".into()));
    assert_eq!(run(&[1.0, 2.0, 99.0, 0.0], RangeMethod::MinMax), Err("calibration sample 1: no 99 today".into()));
    let overflow = run(&[1.0, 2.0, 0.0, f32::MAX], RangeMethod::MinMax).err().unwrap_or_default();
    assert!(overflow.contains("-inf in `y` for calibration sample 1"), "{overflow}");
    assert!(run(&[1.0, 2.0], RangeMethod::Percentile(0.0)).is_err());
}

#[test]
fn outputs_keep_their_ends_unless_told_otherwise() {
    // Many small elements and a few that are twice as large: clipping those is worth it within a model.
    let mut elements: Vec<f32> = (0..200_000).map(|i| (i % 2001) as f32 / 1000.0 - 1.0).collect();
    elements.extend([2.0, 2.0]);
    let table = run(&elements, RangeMethod::Auto).expect("finite");
    assert!(table.get(X).is_some_and(|range| range.hi < 1.8), "{:?}", table.get(X));
    assert_eq!(table.get(Y), Some(Range { lo: -4.0, hi: 2.0 }));
    let table = run(&elements, RangeMethod::MeanSquaredError).expect("finite");
    assert!(table.get(Y).is_some_and(|range| range.lo > -3.6), "{:?}", table.get(Y));
}
