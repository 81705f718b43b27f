//! What the user wants beyond the file.

use super::writer::Onnx;
use crate::import::{Changes, ImportError, Imported, InputValue, Kind, ModelBytes, import};

/// Two inputs with an open axis of one name, two outputs, the second with an operator that is not read.
fn read(changes: &Changes) -> Result<Imported, ImportError> {
    let onnx = Onnx::new(13)
        .input("x", &[1, 3, 0])
        .input("mask", &[1, 1, 0])
        .node("Mul", &["x", "mask"], "middle", &[])
        .node("Relu", &["middle"], "y", &[])
        .node("Fancy", &["middle"], "z", &[])
        .output("y")
        .output("z");
    let bytes = onnx.bytes();
    import(&ModelBytes { changes, ..ModelBytes::new(&bytes, Kind::Onnx, "m.onnx") })
}

fn shapes() -> Vec<(String, Vec<usize>)> {
    vec![("x".into(), vec![1, 3, 7])]
}

#[test]
fn what_stands_in_the_way_can_be_fixed_as_the_errors_say() {
    let said = |changes: &Changes| read(changes).err().map_or_else(String::new, |error| error.to_string());
    let first = said(&Changes::default());
    assert!(first.contains("shape [1, 3, N] is not fixed; pass --input-shape x=1,3,N"), "{first}");
    let second = said(&Changes { shapes: shapes(), ..Changes::default() });
    assert!(second.contains("Fancy") && !second.contains("not fixed"), "{second}");
    for (outputs, dropped, names) in
        [(vec![], vec!["z".to_owned()], &["y"][..]), (vec!["middle".into(), "y".into()], vec![], &["middle", "y"])]
    {
        let graph = read(&Changes { shapes: shapes(), outputs, dropped, ..Changes::default() }).expect("read").graph;
        assert_eq!(graph.outputs.iter().map(|port| port.name.as_str()).collect::<Vec<_>>(), names);
        assert!(graph.inputs.iter().all(|port| port.source_shape[2] == 7), "both inputs have the axis");
    }
}

#[test]
fn a_given_input_is_a_constant() {
    let value = InputValue { name: "mask".into(), shape: Vec::new(), elements: vec![2.0] };
    let dropped = vec!["z".into()];
    let graph = read(&Changes { shapes: shapes(), values: vec![value], dropped, ..Changes::default() }).expect("read");
    assert_eq!(graph.graph.inputs.len(), 1);
    let found = crate::ir::interpret(&graph.graph, &[vec![1.5; 21]]).expect("floats").concat();
    assert_eq!(found, vec![3.0; 21]);
}

#[test]
fn what_cannot_be_is_told_with_the_files_names() {
    let error = read(&Changes { outputs: vec!["w".into()], ..Changes::default() }).expect_err("no such output");
    assert_eq!(error.to_string(), "m.onnx: there is no output `w`; there is `y`, `z`");
}
