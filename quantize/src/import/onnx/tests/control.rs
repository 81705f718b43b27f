//! Branches, loops and functions: what is known on import is read in place.

use super::writer::{Attr, Onnx};
use crate::import::{Changes, ImportError, InputValue, Kind, ModelBytes, Problem, from_bytes, import};
use crate::ir::{Graph, interpret};

fn graph(onnx: Onnx, changes: &Changes) -> Graph {
    let bytes = onnx.bytes();
    let model = ModelBytes { changes, ..ModelBytes::new(&bytes, Kind::Onnx, "test") };
    import(&model).unwrap_or_else(|error| panic!("{error}")).graph
}

/// What a model computes of `x`.
fn computed(onnx: Onnx, x: &[f32]) -> Vec<f32> {
    interpret(&graph(onnx, &Changes::default()), &[x.to_vec()]).expect("a float graph").concat()
}

fn problems(onnx: Onnx) -> Vec<Problem> {
    match from_bytes(&onnx.bytes(), Kind::Onnx, "m") {
        Err(ImportError::Unsupported { problems, .. }) => problems,
        Err(other) => panic!("expected refusals, found {other}"),
        Ok(_) => panic!("it is accepted"),
    }
}

/// `rate == 16000 ? relu(x) : -x`, the rate being an input.
fn by_rate() -> Onnx {
    let relu = Onnx::new(13).node("Relu", &["x"], "then", &[]).output("then");
    let negated = Onnx::new(13).floats("minus", &[1], &[-1.0]).node("Mul", &["x", "minus"], "else", &[]).output("else");
    Onnx::new(13)
        .ints("wide", &[], &[16000])
        .input("x", &[1, 2])
        .typed_input("rate", &[], 7)
        .node("Sub", &["rate", "wide"], "differs", &[])
        .node("Cast", &["differs"], "condition", &[("to", Attr::Int(9))])
        .node("If", &["condition"], "y", &[("then_branch", Attr::Graph(negated)), ("else_branch", Attr::Graph(relu))])
        .output("y")
}

#[test]
fn a_condition_that_follows_from_a_given_input_chooses_a_branch() {
    for (rate, expected) in [(16000.0, [0.0, 2.0]), (8000.0, [1.0, -2.0])] {
        let value = InputValue { name: "rate".into(), shape: Vec::new(), elements: vec![rate] };
        let graph = graph(by_rate(), &Changes { values: vec![value], ..Changes::default() });
        assert_eq!(graph.inputs.len(), 1);
        assert_eq!(interpret(&graph, &[vec![-1.0, 2.0]]).expect("floats").concat(), expected);
    }
}

#[test]
fn a_condition_on_a_shape_chooses_a_branch() {
    let branch = |op_type: &str| Onnx::new(13).node(op_type, &["x"], "z", &[]).output("z");
    let onnx = Onnx::new(13)
        .input("x", &[1, 2])
        .node("Shape", &["x"], "s", &[("end", Attr::Int(1))])
        .node("Cast", &["s"], "c", &[("to", Attr::Int(9))])
        .node(
            "If",
            &["c"],
            "a",
            &[("then_branch", Attr::Graph(branch("Relu"))), ("else_branch", Attr::Graph(branch("Fancy")))],
        )
        .node("Tanh", &["a"], "y", &[])
        .output("y");
    assert_eq!(computed(onnx, &[-1.0, 0.0]), [0.0, 0.0]);
}

/// Adds `x` to a sum and to a list of sums, `trips` times, or until the trip of number `last`.
fn sums(trips: i64) -> Onnx {
    let body = Onnx::new(13)
        .input("trip", &[1])
        .input("go", &[1])
        .input("sum", &[1, 2])
        .node("Identity", &["go"], "go_on", &[])
        .node("Add", &["sum", "x"], "more", &[])
        .node("Identity", &["more"], "row", &[])
        .output("go_on")
        .output("more")
        .output("row");
    Onnx::new(13)
        .ints("trips", &[], &[trips])
        .ints("true", &[], &[1])
        .floats("zero", &[1, 2], &[0.0, 0.0])
        .input("x", &[1, 2])
        .node_of("Loop", &["trips", "true", "zero"], &["sum_out", "rows"], &[("body", Attr::Graph(body))])
        .output("rows")
        .output("sum_out")
}

#[test]
fn a_loop_of_known_trips_is_written_out() {
    let found = computed(sums(3), &[1.0, 10.0]);
    assert_eq!(found, [1.0, 10.0, 2.0, 20.0, 3.0, 30.0, 3.0, 30.0]);
}

#[test]
fn loops_are_bounded() {
    assert!(problems(sums(1001))[0].problem.contains("more than 1000 times"));
    assert!(problems(sums(i64::MAX))[0].problem.contains("more than 1000 times"));
    // A thousand loops of a thousand trips.
    let once = Onnx::new(13).node("Relu", &["x"], "row", &[]).output("on").output("row");
    let body = Onnx::new(13)
        .ints("many", &[], &[1000])
        .input("trip", &[1])
        .input("go", &[1])
        .node("Identity", &["go"], "on", &[])
        .node_of("Loop", &["many", ""], &["all"], &[("body", Attr::Graph(once.input("t", &[1]).input("on", &[1])))])
        .output("on")
        .output("all");
    let onnx = Onnx::new(13)
        .ints("many", &[], &[1000])
        .input("x", &[1, 2])
        .node_of("Loop", &["many", ""], &["y"], &[("body", Attr::Graph(body))])
        .output("y");
    let found = problems(onnx);
    assert!(found.len() == 1 && found[0].problem.contains("operators, loops and functions written out"), "{found:?}");
}

/// A model that chooses at run time between Relu of its input and another branch.
fn chosen_at_run_time(operands: &[i64], other: Onnx) -> Onnx {
    let relu = Onnx::new(13).node("Relu", &["x"], "z", &[]).output("z");
    Onnx::new(13)
        .input("x", &[1, 2])
        .input("a", operands)
        .floats("b", &[], &[0.5])
        .node("Greater", &["a", "b"], "condition", &[])
        .node("If", &["condition"], "y", &[("then_branch", Attr::Graph(relu)), ("else_branch", Attr::Graph(other))])
        .output("y")
}

#[test]
fn small_branches_are_both_computed_when_their_condition_is() {
    let negated = Onnx::new(13).node("Neg", &["x"], "z", &[]).output("z");
    let graph = graph(chosen_at_run_time(&[1], negated), &Changes::default());
    let sample = |condition: f32| vec![vec![-3.0, 4.0], vec![condition]];
    assert_eq!(interpret(&graph, &sample(1.0)).expect("floats"), [[0.0, 4.0]]);
    assert_eq!(interpret(&graph, &sample(0.0)).expect("floats"), [[3.0, -4.0]]);
}

#[test]
fn what_is_computed_at_run_time_decides_no_shape() {
    let joined = Onnx::new(13).node("Concat", &["x", "x"], "z", &[("axis", Attr::Int(1))]).output("z");
    let found = problems(chosen_at_run_time(&[1], joined));
    assert!(found[0].problem.contains("its branches give shapes [1, 2] and [1, 4]"), "{}", found[0]);
    assert!(found[0].remedy.contains("--input-value"), "{}", found[0]);
    let negated = Onnx::new(13).node("Neg", &["x"], "z", &[]).output("z");
    let found = problems(chosen_at_run_time(&[3], negated));
    assert!(found[0].problem.contains("no single truth value"), "{}", found[0]);
}

#[test]
fn large_branches_are_not_both_computed() {
    let mut long = Onnx::new(13);
    let names: Vec<String> = (0..300).map(|index| format!("v{index}")).collect();
    let mut from = "x";
    for name in &names {
        long = long.node("Neg", &[from], name, &[]);
        from = name;
    }
    let found = problems(chosen_at_run_time(&[1], long.output(from)));
    assert!(found[0].problem.contains("301 operators"), "{}", found[0]);
}

#[test]
fn functions_are_read_in_place_with_the_callers_attributes() {
    let body = Onnx::new(13).node("Flatten", &["a"], "flat", &[("axis", Attr::OfFunction("from"))]).node(
        "Add",
        &["flat", "b"],
        "c",
        &[],
    );
    let onnx = Onnx::new(13)
        .function("FlatSum", &["a", "b"], &["c"], &body)
        .floats("b", &[1, 1], &[0.5])
        .input("x", &[1, 2, 2])
        .foreign_node("local", "FlatSum", &["x", "b"], &["y"], &[("from", Attr::Int(2))])
        .output("y");
    let graph = graph(onnx, &Changes::default());
    assert_eq!(graph.outputs[0].source_shape, [2, 2]);
    assert_eq!(interpret(&graph, &[vec![1.0, 2.0, 3.0, 4.0]]).expect("floats").concat(), [1.5, 2.5, 3.5, 4.5]);
}

#[test]
fn a_function_does_not_see_the_graph_around_it_nor_call_itself_for_ever() {
    let outside = Onnx::new(13).node("Add", &["a", "x"], "c", &[]);
    let call = |onnx: Onnx| onnx.input("x", &[2]).foreign_node("local", "F", &["x"], &["y"], &[]).output("y");
    let found = problems(call(Onnx::new(13).function("F", &["a"], &["c"], &outside)));
    assert!(found[0].problem.contains("`x` is not computed by any node"), "{}", found[0]);
    let own = Onnx::new(13).foreign_node("local", "F", &["a"], &["c"], &[]);
    let found = problems(call(Onnx::new(13).function("F", &["a"], &["c"], &own)));
    assert!(found[0].problem.contains("more than 32 deep"), "{}", found[0]);
}
