//! What cannot be used is said, all of it, by name and with what to do.

use super::writer::{Attr, Onnx};
use crate::import::onnx::operator::{REMEDIES, ROWS};
use crate::import::{ImportError, Kind, Problem, from_bytes};

fn problems(onnx: Onnx) -> Vec<Problem> {
    match from_bytes(&onnx.bytes(), Kind::Onnx, "test") {
        Err(ImportError::Unsupported { problems, .. }) => problems,
        other => panic!("expected refusals, found {other:?}"),
    }
}

fn malformed(onnx: Onnx) -> String {
    match from_bytes(&onnx.bytes(), Kind::Onnx, "test") {
        Err(error @ ImportError::Malformed { .. }) => error.to_string(),
        other => panic!("expected a malformed file, found {other:?}"),
    }
}

/// The one problem of a file with one node on `x [1, 3, 4]`.
fn problem(op_type: &str, attributes: &[(&str, Attr<'_>)]) -> Problem {
    let onnx = Onnx::new(13).input("x", &[1, 3, 4]).node(op_type, &["x"], "y", attributes).output("y");
    let mut problems = problems(onnx);
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.remove(0)
}

#[test]
fn everything_is_reported_at_once() {
    let onnx = Onnx::new(13)
        .floats("low", &[], &[-1.0])
        .input("x", &[0, 3, 4])
        .typed_input("z", &[1, 3, 4], 12)
        .node("NonZero", &["x"], "a", &[])
        .node("Add", &["a", "z"], "b", &[])
        .foreign_node("com.example", "Fancy", &["b"], &["c"], &[])
        .node("Clip", &["x", "low"], "d", &[])
        .node("DeformConv", &["c", "d"], "y", &[])
        .output("y");
    let Err(error) = from_bytes(&onnx.bytes(), Kind::Onnx, "m.onnx") else { panic!("it is accepted") };
    let text = error.to_string();
    let ImportError::Unsupported { problems, .. } = error else { panic!("{text}") };
    let found: Vec<(&str, &str)> =
        problems.iter().map(|problem| (problem.node.as_str(), problem.operator.as_str())).collect();
    let expected = [("z", "input"), ("node_a", "NonZero"), ("node_c", "com.example.Fancy"), ("node_y", "DeformConv")];
    assert_eq!(found, expected);
    assert!(text.contains("z (input): is UINT32"), "{text}");
    assert_eq!(text.lines().count(), 6, "{text}");
    let readable = text.lines().last().unwrap_or_default();
    assert!(readable.contains(" operators are supported, `kinglet operators` lists them; `--outputs`"), "{text}");
}

#[test]
fn the_way_to_the_operators_that_are_read_is_told_where_one_is_not() {
    let text = |op_type: &str| {
        let onnx = Onnx::new(13).input("x", &[1, 4]).node(op_type, &["x"], "y", &[("to", Attr::Int(8))]).output("y");
        from_bytes(&onnx.bytes(), Kind::Onnx, "m.onnx").map_or_else(|error| error.to_string(), |_| String::new())
    };
    assert!(text("Det").contains("build the layer from operators that are\n  1"), "{}", text("Det"));
    assert!(text("Det").contains(" operators are supported, `kinglet operators` lists them; `--outputs`"));
    assert!(text("Cast").contains("casts to STRING") && !text("Cast").contains("kinglet operators"));
}

#[test]
fn one_cause_is_one_line_and_every_node_is_told_on_request() {
    let mut onnx = Onnx::new(13).input("x", &[1, 4]);
    for (index, op_type) in ["Fancy", "Fancy", "Strange", "Fancy"].into_iter().enumerate() {
        onnx = onnx.node(op_type, &["x"], &format!("y{index}"), &[]).output(&format!("y{index}"));
    }
    let error = from_bytes(&onnx.bytes(), Kind::Onnx, "m.onnx").expect_err("refused");
    let text = error.to_string();
    assert!(text.contains("\n  Fancy: 3 nodes, first node_y0: this operator is not supported; "), "{text}");
    assert!(text.contains("\n  node_y2 (Strange): this operator is not supported; "), "{text}");
    assert_eq!(text.lines().count(), 4, "{text}");
    let all = error.with_every_node();
    assert!((0..4).all(|index| all.contains(&format!("\n  node_y{index} ("))), "{all}");
    assert_eq!(all.lines().count(), 5, "{all}");
}

#[test]
fn every_operator_is_in_the_list_once() {
    let names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
    for (index, name) in names.iter().enumerate() {
        assert!(!names[..index].contains(name), "{name} has two rows");
        let is_refused = REMEDIES.iter().any(|(operators, _)| operators.contains(name));
        assert!(!is_refused, "{name} is read and has a remedy");
    }
}

#[test]
fn unsupported_variants_name_what_would_work() {
    assert!(problem("Cast", &[("to", Attr::Int(8))]).remedy.contains("FLOAT"));
    assert!(problem("Pad", &[("mode", Attr::Text("mirror"))]).problem.contains("mirror"));
    assert!(problem("Softmax", &[("axis", Attr::Int(5))]).problem.contains("axis 5"));
    assert!(problem("Softmax", &[("axis", Attr::Float(1.0))]).problem.contains("wrong type"));
    assert!(problem("Transpose", &[("perm", Attr::Ints(&[0, 0, 1]))]).problem.contains("permutation"));
}

#[test]
fn weights_that_are_no_numbers_are_named() {
    let refused = |weights: &[f32], bias: &[f32]| {
        let onnx = Onnx::new(13).floats("w", &[2, 2], weights).floats("b", &[2], bias).input("x", &[1, 2]);
        let onnx = onnx.node("Gemm", &["x", "w", "b"], "y", &[("alpha", Attr::Float(2.0))]).output("y");
        from_bytes(&onnx.bytes(), Kind::Onnx, "m.onnx").err().map_or_else(String::new, |error| error.to_string())
    };
    assert_eq!(refused(&[1.0, 2.0, 3.0, 4.0], &[0.0, 0.0]), "");
    let error = refused(&[1.0, 2.0, f32::NAN, f32::INFINITY], &[0.0, 0.0]);
    assert!(error.contains("node_y (Gemm): `w` holds 2 that are no finite number, the first is NaN at 2"), "{error}");
    let error = refused(&[1.0, 2.0, 3.0, 4.0], &[0.0, f32::NEG_INFINITY]);
    assert!(error.contains("/bias` holds 1") && error.contains("-inf at 1"), "{error}");
    // What is computed on import can overflow.
    assert!(refused(&[3e38, 2.0, 3.0, 4.0], &[0.0, 0.0]).contains("inf at 0"));
}

#[test]
fn a_kernel_shape_that_the_weights_contradict_is_refused() {
    for op_type in ["Conv", "ConvTranspose"] {
        let built = |kernel: &[i64]| {
            let onnx = Onnx::new(13).floats("w", &[3, 3, 2, 1], &[0.5; 18]).input("x", &[1, 3, 4, 4]);
            onnx.node(op_type, &["x", "w"], "y", &[("kernel_shape", Attr::Ints(kernel))]).output("y")
        };
        assert!(from_bytes(&built(&[2, 1]).bytes(), Kind::Onnx, "m.onnx").is_ok(), "{op_type}");
        let problems = problems(built(&[1, 2]));
        let text = problems[0].to_string();
        assert!(text.starts_with(&format!("node_y ({op_type}): ")), "{text}");
        assert!(text.contains("`kernel_shape` is [1, 2], but the kernel of weights `w` is [2, 1]"), "{text}");
    }
}

#[test]
fn an_order_of_axes_names_each_once() {
    for order in [&[0, -1, 1][..], &[0, 1, 1], &[0, 1], &[0, 1, 3], &[0, 1, 2, 3]] {
        let refused = problem("Transpose", &[("perm", Attr::Ints(order))]);
        assert!(refused.problem.contains("no permutation of 3 axes") && refused.node == "node_y", "{refused}");
        // The same on a constant, which is folded.
        let onnx = Onnx::new(13).floats("c", &[1, 3, 4], &[1.0; 12]).input("x", &[1, 3, 4]);
        let onnx = onnx.node("Transpose", &["c"], "t", &[("perm", Attr::Ints(order))]);
        assert_eq!(problems(onnx.node("Add", &["x", "t"], "y", &[]).output("y"))[0].problem, refused.problem);
    }
}

#[test]
fn shapes_must_be_fixed_but_for_the_batch() {
    let onnx = Onnx::new(13).input("x", &[0, 3, 0]).node("Relu", &["x"], "y", &[]).output("y");
    let problems = problems(onnx);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].problem.contains("[N, 3, N] is not fixed"), "{}", problems[0]);
}

#[test]
fn weights_must_be_constants_and_fit() {
    let two_inputs = Onnx::new(13)
        .input("x", &[1, 3, 8, 8])
        .input("w", &[4, 3, 3, 3])
        .node("Conv", &["x", "w"], "y", &[])
        .output("y");
    assert!(problems(two_inputs)[0].problem.contains("computed at run time"));
    let misfit = Onnx::new(13)
        .floats("w", &[5, 2, 3, 3], &[0.0; 90])
        .input("x", &[1, 3, 8, 8])
        .node("Conv", &["x", "w"], "y", &[])
        .output("y");
    assert!(problems(misfit)[0].problem.contains("do not fit 1 groups"));
}

#[test]
fn constants_of_the_wrong_length_are_malformed() {
    let short = Onnx::new(13).floats("w", &[4], &[1.0]).input("x", &[4]).node("Add", &["x", "w"], "y", &[]).output("y");
    assert!(malformed(short).contains("has 4 elements, the data 1"));
    let none = Onnx::new(13).input("x", &[4]).node("Relu", &["x"], "y", &[]);
    assert!(malformed(none).contains("no output"));
}

#[test]
fn names_that_nothing_computes_are_refused() {
    let onnx = Onnx::new(13).input("x", &[4]).node("Add", &["x", "ghost"], "y", &[]).output("y").output("other");
    let problems = problems(onnx);
    assert!(problems[0].problem.contains("`ghost`"), "{}", problems[0]);
    assert!(problems[1].problem.contains("`other`"), "{}", problems[1]);
}

#[test]
fn a_constant_that_doubles_itself_ends_the_import() {
    // 40 doublings of 8 bytes would be eight terabytes.
    let mut onnx = Onnx::new(13).ints("c0", &[1], &[1]).input("x", &[1, 3]);
    for step in 0..40 {
        let (from, to) = (format!("c{step}"), format!("c{}", step + 1));
        onnx = onnx.node("Concat", &[&from, &from], &to, &[("axis", Attr::Int(0))]);
    }
    let onnx = onnx.node("Reshape", &["x", "c40"], "y", &[]).output("y");
    assert!(problems(onnx)[0].problem.contains("far more data than it holds"));
}

#[test]
fn the_float_reference_refuses_what_it_cannot_bound() {
    use kinglet_tract::{FloatReference, Tensor};
    let refused = |onnx: Onnx| FloatReference::from_onnx(&onnx.bytes(), 1).err().expect("refused");
    let repeats = [i64::MAX, i64::MAX];
    let tile =
        Onnx::new(13).ints("n", &[2], &repeats).input("x", &[1, 3]).node("Tile", &["x", "n"], "y", &[]).output("y");
    assert!(refused(tile).contains("does not run Tile"));
    let open = Onnx::new(13).input("x", &[1, 0]).node("Relu", &["x"], "y", &[]).output("y");
    assert!(refused(open).contains("open or empty axis"));
    assert!(FloatReference::from_onnx(b"no protobuf", 1).is_err());
    let good = Onnx::new(13).input("x", &[0, 3]).node("Relu", &["x"], "y", &[]).output("y");
    let reference = FloatReference::from_onnx(&good.bytes(), 2).expect("tract takes it");
    assert_eq!(reference.input_shapes(), [[2, 3]]);
    let wrong = Tensor { shape: vec![1, 3], data: vec![0.0; 3] };
    assert!(reference.run(&[wrong]).is_err_and(|error| error.contains("[[2, 3]]")));
    let short = Tensor { shape: vec![2, 3], data: vec![0.0; 5] };
    assert!(reference.run(&[short]).is_err());
    let right = Tensor { shape: vec![2, 3], data: vec![-1.0, 2.0, -3.0, 4.0, -5.0, 6.0] };
    assert_eq!(reference.run(&[right]).expect("runs")[0].data, [0.0, 2.0, 0.0, 4.0, 0.0, 6.0]);
}

#[test]
fn names_are_made_plain_and_still_lead_to_their_tensors() {
    let onnx = Onnx::new(13).input("x\n\x1b[2J", &[1, 3, 4]).node("Relu", &["x\n\x1b[2J"], "y\r", &[]).output("y\r");
    let graph = super::import(onnx);
    assert_eq!((graph.inputs[0].name.as_str(), graph.outputs[0].name.as_str()), ("x\u{240a}\u{241b}[2J", "y\u{240d}"));
    let onnx = Onnx::new(13).input("x", &[1, 3, 4]).node("Evil\x1bOp", &["x"], "y\n", &[]).output("y\n");
    let said: String = problems(onnx).iter().map(ToString::to_string).collect();
    assert!(said.contains("Evil") && !said.chars().any(char::is_control), "{said:?}");
}
