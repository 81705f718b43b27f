//! What cannot be used is said, all of it, by name and with what to do; damage is told by its offset.

use super::problems;
use super::writer::{Field, INT8, Tflite, small_network};
use crate::import::tflite::names::{REMEDIES, operator_name};
use crate::import::tflite::operator::ROWS;
use crate::import::{ImportError, Kind, Problem, from_bytes};

fn malformed(bytes: &[u8]) -> String {
    match from_bytes(bytes, Kind::Tflite, "test") {
        Err(error @ ImportError::Malformed { .. }) => error.to_string(),
        other => panic!("expected a malformed file, found {other:?}"),
    }
}

/// The one problem of a file.
fn only(mut problems: Vec<Problem>) -> Problem {
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.remove(0)
}

/// The code of an element type that no operator takes.
const UINT16: i8 = 16;

#[test]
fn everything_is_reported_at_once() {
    let mut file = Tflite::new();
    let x = file.tensor("x", &[1, 4], UINT16, &[]);
    let z = file.float("z", &[1, 4]);
    let z = file.set(z, 7, Field::I32s(vec![-1, -1]));
    let [a, b, c, y] = ["a", "b", "c", "y"].map(|name| file.float(name, &[1, 4]));
    file.operator(54, &[z], a, (0, Vec::new()));
    file.custom_operator("FancyOp", &[a], b);
    file.operator(0, &[b, z], c, (11, vec![(0, Field::I8(4))]));
    file.operator(0, &[c, x], y, (11, Vec::new()));
    let bytes = file.bytes(&[x, z], &[y]);
    let Err(error) = from_bytes(&bytes, Kind::Tflite, "test") else { panic!("it is accepted") };
    assert!(
        error.to_string().contains(" operators are supported, `kinglet operators` lists them; `--outputs`"),
        "{error}"
    );
    let problems = problems(&bytes);
    let found: Vec<(&str, &str)> =
        problems.iter().map(|problem| (problem.node.as_str(), problem.operator.as_str())).collect();
    let expected = [
        ("x", "input"),
        ("z", "input"),
        ("0:a", "PRELU"),
        ("1:b", "custom operator FancyOp"),
        ("2:c", "ADD"),
        ("3:y", "ADD"),
    ];
    assert_eq!(found, expected);
    assert!(problems[0].problem.contains("UINT16") && problems[0].remedy.contains("int8"), "{}", problems[0]);
    assert!(problems[1].remedy.contains("fixed input shape"));
    assert!(problems[4].problem.contains("TANH"));
}

#[test]
fn every_operator_is_in_the_list_once_under_the_schemas_name() {
    let names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
    let schema: Vec<&str> = (0..).map(operator_name).take_while(|&name| name != "unknown operator").collect();
    for (index, name) in names.iter().enumerate() {
        assert!(schema.contains(name), "{name} is no operator of the schema");
        assert!(!names[..index].contains(name), "{name} has two rows");
        assert!(!REMEDIES.iter().any(|(operators, _)| operators.contains(name)), "{name} is read and has a remedy");
    }
    let advised = REMEDIES.iter().flat_map(|&(operators, _)| operators);
    advised.for_each(|name| assert!(schema.contains(name), "{name} is no operator of the schema"));
}

#[test]
fn weights_that_are_no_numbers_are_named() {
    let refused = |weights: &[f32]| {
        let mut file = Tflite::new();
        let (x, w) = (file.float("x", &[1, 2]), file.floats("dense/kernel", &[1, 2], weights));
        let y = file.float("y", &[1, 1]);
        file.operator(9, &[x, w, -1], y, (8, Vec::new()));
        from_bytes(&file.bytes(&[x], &[y]), Kind::Tflite, "m.tflite").err()
    };
    assert!(refused(&[1.0, -1.0]).is_none());
    let error = refused(&[1.0, f32::NAN]).map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("0:y (FullyConnected): `dense/kernel` holds 1") && error.contains("NaN at 1"), "{error}");
}

#[test]
fn int8_results_with_scales_that_have_no_meaning_are_refused() {
    let unary = |code: i32, from: (f32, i64), to: (f32, i64)| {
        let mut file = Tflite::new();
        let x = file.int8("x", &[1, 4], from.0, from.1);
        let y = file.int8("y", &[1, 4], to.0, to.1);
        file.operator(code, &[x], y, if code == 25 { (9, vec![(0, Field::F32(1.0))]) } else { (0, Vec::new()) });
        only(problems(&file.bytes(&[x], &[y])))
    };
    assert!(unary(25, (0.1, 0), (0.01, -128)).problem.contains("0.00390625 and -128"));
    assert!(unary(19, (0.1, 0), (0.0, 0)).problem.contains("not positive and finite"));
    assert!(unary(19, (0.1, 0), (0.1, 128)).problem.contains("zero point 128"));
}

#[test]
fn a_bias_is_in_the_unit_of_weights_that_may_have_a_zero_point() {
    let dense = |zero: i64, bias_scale: f32| {
        let mut file = Tflite::new();
        let x = file.int8("x", &[1, 2], 0.5, 3);
        let w = file.tensor("w", &[2, 2], INT8, &[1; 4]);
        let w = file.quantize(w, (&[0.1], &[zero], 0));
        let b = file.ints("b", &[1, 2]);
        let b = file.quantize(b, (&[bias_scale], &[0], 0));
        let y = file.int8("y", &[1, 2], 0.5, 3);
        file.operator(9, &[x, w, b], y, (8, Vec::new()));
        file.bytes(&[x], &[y])
    };
    assert!(from_bytes(&dense(0, 0.05), Kind::Tflite, "test").is_ok());
    assert!(from_bytes(&dense(1, 0.05), Kind::Tflite, "test").is_ok());
    assert!(only(problems(&dense(0, 0.5))).problem.contains("bias scale 0.5"));
}

#[test]
fn an_int8_tensor_needs_a_scale() {
    let mut file = Tflite::new();
    let (x, y) = (file.tensor("x", &[1, 4], INT8, &[]), file.int8("y", &[1, 4], 0.1, 0));
    file.operator(19, &[x], y, (0, Vec::new()));
    assert!(problems(&file.bytes(&[x], &[y]))[0].problem.contains("without a quantization"));
}

#[test]
fn shapes_that_contradict_the_operator_are_refused() {
    let mut file = Tflite::new();
    let (x, y) = (file.float("x", &[1, 4]), file.float("y", &[1, 5]));
    file.operator(19, &[x], y, (0, Vec::new()));
    assert!(only(problems(&file.bytes(&[x], &[y]))).problem.contains("computes shape [1, 4]"));
    let mut file = Tflite::new();
    let (x, y) = (file.float("x", &[1, 0x7fff_ffff, 0x7fff_ffff]), file.float("y", &[1]));
    file.operator(22, &[x], y, (0, Vec::new()));
    assert!(problems(&file.bytes(&[x], &[y]))[0].problem.contains("more than"));
}

#[test]
fn state_between_runs_is_refused() {
    let mut file = Tflite::new();
    let (x, y) = (file.float("x", &[1, 4]), file.float("y", &[1, 4]));
    let state = file.float("state", &[1, 4]);
    let state = file.set(state, 5, Field::I8(1));
    file.operator(0, &[x, state], y, (11, Vec::new()));
    assert!(only(problems(&file.bytes(&[x], &[y]))).problem.contains("keeps state"));
}

#[test]
fn damage_is_told_by_its_offset() {
    let good = small_network();
    assert!(malformed(&[]).contains("byte 4"));
    assert!(malformed(b"not a model at all").contains("TFL3"));
    let mut far = good.clone();
    far[..4].copy_from_slice(&0x7fff_0000u32.to_le_bytes());
    assert!(malformed(&far).contains("leaves the file at byte 0"));
    assert!(malformed(&good[..good.len() / 2]).contains("byte"));
}

#[test]
fn tensors_and_operands_that_do_not_exist_are_refused() {
    let mut file = Tflite::new();
    let (x, y) = (file.float("x", &[1, 4]), file.float("y", &[1, 4]));
    file.operator(0, &[x, 99], y, (11, Vec::new()));
    assert!(only(problems(&file.bytes(&[x], &[y]))).problem.contains("tensor 99"));
    let mut file = Tflite::new();
    let (x, y) = (file.float("x", &[1, 4]), file.float("y", &[1, 4]));
    file.operator(0, &[x], y, (11, Vec::new()));
    assert!(only(problems(&file.bytes(&[x], &[y]))).problem.contains("missing"));
}

#[test]
fn a_shared_buffer_does_not_multiply() {
    // Two thousand tensors of 64 kB each, all in the same 64 kB of file.
    let mut file = Tflite::new();
    let x = file.float("x", &[1, 16384]);
    let big = file.floats("w0", &[1, 16384], &vec![1.0; 16384]);
    let mut last = x;
    for step in 0..2000 {
        let weights = file.float(&format!("w{}", step + 1), &[1, 16384]);
        // Buffer 1 is the big one's.
        let weights = file.set(weights, 2, Field::U32(1));
        let next = file.float(&format!("y{step}"), &[1, 16384]);
        file.operator(0, &[last, weights], next, (11, Vec::new()));
        last = next;
    }
    let bytes = file.bytes(&[x, big], &[last]);
    assert!(problems(&bytes).iter().any(|problem| problem.problem.contains("far more data than it holds")));
}

#[test]
fn names_are_made_plain() {
    let mut file = Tflite::new();
    let x = file.float("in\n\x1b[31m", &[1, 4]);
    let y = file.float("out\x07", &[1, 4]);
    file.custom_operator("Fancy\nOp", &[x], y);
    let said: String = problems(&file.bytes(&[x], &[y])).iter().map(ToString::to_string).collect();
    assert!(said.contains("Fancy\u{240a}Op") && said.contains("out\u{2407}"), "{said:?}");
    assert!(!said.chars().any(char::is_control), "{said:?}");
}
