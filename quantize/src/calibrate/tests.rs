//! Calibration with a runner that computes `y = -2 x`.

use super::*;
use crate::ir::{Node, Op, Port, Value};
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
    graph.inputs.push(Port { value: X, name: "x".into(), source_shape: vec![1, 2], permutation: None });
    graph.nodes.push(Node { name: "n".into(), op: Op::Tanh(Tanh), inputs: vec![X], outputs: vec![Y] });
    graph
}

fn run(elements: &[f32], method: RangeMethod) -> Result<CalibrationTable, String> {
    let graph = graph();
    let samples = Samples::from_elements(&graph, &[elements.to_vec()]).map_err(|error| error.to_string())?;
    let mut seen = Vec::new();
    let mut progress = |done, total| seen.push((done, total));
    let table = calibrate(&graph, &mut TimesMinusTwo, &samples, method, &mut progress);
    let table = table.map_err(|error| error.to_string())?;
    assert_eq!(seen.last().map(|(done, total)| done == total), Some(true));
    Ok(table)
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
fn failures_name_the_sample() {
    assert_eq!(run(&[], RangeMethod::MinMax), Err("calibration needs at least one sample".into()));
    assert_eq!(run(&[1.0, 2.0, 99.0, 0.0], RangeMethod::MinMax), Err("calibration sample 1: no 99 today".into()));
    let overflow = run(&[1.0, 2.0, 0.0, f32::MAX], RangeMethod::MinMax).err().unwrap_or_default();
    assert!(overflow.contains("-inf in `y` for calibration sample 1"), "{overflow}");
    assert!(run(&[1.0, 2.0], RangeMethod::Percentile(0.0)).is_err());
}
