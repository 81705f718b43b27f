//! Element types and operator sets.

use kinglet_tract::type_code;

use super::writer::{Attr, Onnx};
use crate::import::{Imported, Kind, ModelBytes, from_bytes, import};
use crate::ir::interpret;

fn read(onnx: Onnx) -> Imported {
    let bytes = onnx.bytes();
    import(&ModelBytes::new(&bytes, Kind::Onnx, "test")).unwrap_or_else(|error| panic!("{error}"))
}

/// What a model computes of two numbers.
fn computed(onnx: Onnx, x: [f32; 2]) -> Vec<f32> {
    interpret(&read(onnx).graph, &[x.to_vec()]).expect("a float graph").concat()
}

#[test]
fn floats_of_every_width_are_computed_as_floats() {
    let doubles: Vec<u8> = [0.5f64, -3.0].iter().flat_map(|number| number.to_le_bytes()).collect();
    for (code, bytes) in [
        (type_code::FLOAT16, &[0x00, 0x38, 0x00, 0xc2][..]),
        (type_code::BFLOAT16, &[0x00, 0x3f, 0x40, 0xc0]),
        (type_code::DOUBLE, &doubles),
    ] {
        let code = code as u64;
        let onnx = Onnx::new(13)
            .raw("w", code, &[2], bytes)
            .typed_input("x", &[2], code)
            .node("Cast", &["x"], "c", &[("to", Attr::Int(1))])
            .node("Mul", &["c", "w"], "m", &[])
            .node("Cast", &["m"], "y", &[("to", Attr::Int(code as i64))])
            .output("y");
        assert_eq!(computed(onnx, [2.0, 3.0]), [1.0, -9.0], "type {code}");
    }
}

/// Numbers that neither type of 16 bits has.
const FINE: [f32; 2] = [0.819_105_45, -1000.3];

#[test]
fn casts_and_outputs_round_to_floats_of_16_bits() {
    let cast = |x: Onnx, code: i32| x.node("Cast", &["x"], "c", &[("to", Attr::Int(code.into()))]);
    for (code, rounded) in
        [(type_code::FLOAT16, [0.819_335_94, -1000.5]), (type_code::BFLOAT16, [0.820_312_5, -1000.0])]
    {
        let back = |onnx: Onnx| onnx.node("Cast", &["c"], "y", &[("to", Attr::Int(1))]).output("y");
        assert_eq!(computed(back(cast(Onnx::new(13).input("x", &[2]), code)), FINE), rounded, "a cast to {code}");
        let like = Onnx::new(15).input("x", &[2]).typed_input("z", &[1], code as u64);
        let like = read(back(like.node("CastLike", &["x", "z"], "c", &[])));
        let found = interpret(&like.graph, &[FINE.to_vec(), vec![0.0]]).expect("a float graph").concat();
        assert_eq!(found, rounded, "a cast like {code}");
        let output = Onnx::new(13).input("x", &[2]).node("Neg", &["x"], "y", &[]).typed_output("y", code as u64);
        assert_eq!(computed(output, FINE), rounded.map(|x| -x), "an output of {code}");
        let folded = Onnx::new(13).input("x", &[2]).floats("v", &[2], &FINE);
        let folded = folded.node("Cast", &["v"], "c", &[("to", Attr::Int(code.into()))]);
        let folded = folded.node("Add", &["x", "c"], "y", &[]).output("y");
        assert_eq!(computed(folded, [0.0; 2]), rounded, "a constant of {code}");
    }
}

#[test]
fn what_is_of_16_bits_already_is_not_rounded_again() {
    let code = type_code::FLOAT16;
    let graph = |onnx: Onnx| read(onnx.typed_output("y", code as u64)).graph.operators();
    let input = || Onnx::new(13).typed_input("x", &[2, 3], code as u64);
    assert_eq!(graph(input().node("Transpose", &["x"], "y", &[])), ["Transpose"]);
    assert_eq!(
        graph(input().node("Transpose", &["x"], "t", &[]).node("Neg", &["t"], "y", &[])),
        ["Transpose", "Map", "Map"]
    );
    let cast = Onnx::new(13).input("x", &[2, 3]).node("Cast", &["x"], "c", &[("to", Attr::Int(code.into()))]);
    assert_eq!(graph(cast.node("Transpose", &["c"], "y", &[])), ["Map", "Transpose"]);
}

#[test]
fn attention_on_bfloat16_is_refused_and_on_a_cast_of_it_is_not() {
    let code = type_code::BFLOAT16;
    let input = |onnx: Onnx, name: &str| onnx.typed_input(name, &[1, 1, 2, 4], code as u64);
    let onnx = || input(input(input(Onnx::new(23), "q"), "k"), "v");
    let bytes = onnx().node("Attention", &["q", "k", "v"], "y", &[]).output("y").bytes();
    let error = from_bytes(&bytes, Kind::Onnx, "m").expect_err("on BFLOAT16").to_string();
    assert!(error.contains("cast its operands to FLOAT"), "{error}");
    let cast = |onnx: Onnx, from: &str, to: &str| onnx.node("Cast", &[from], to, &[("to", Attr::Int(1))]);
    let wide = cast(cast(cast(onnx(), "q", "q1"), "k", "k1"), "v", "v1");
    read(wide.node("Attention", &["q1", "k1", "v1"], "y", &[]).output("y"));
}

#[test]
fn weights_that_are_no_finite_numbers_are_named_in_every_type() {
    let huge = 1e300f64.to_le_bytes();
    for (code, bytes) in
        [(type_code::FLOAT16, &[0x00, 0x7c][..]), (type_code::BFLOAT16, &[0xc0, 0x7f]), (type_code::DOUBLE, &huge)]
    {
        let onnx = Onnx::new(13).raw("w", code as u64, &[1], bytes).input("x", &[2]);
        let bytes = onnx.node("Add", &["x", "w"], "y", &[]).output("y").bytes();
        let error = from_bytes(&bytes, Kind::Onnx, "m").expect_err("no finite number").to_string();
        assert!(error.contains("`w` holds 1 that are no finite number"), "{error}");
    }
}

#[test]
fn integers_of_every_width_describe_shapes() {
    for (code, bytes) in [
        (type_code::INT4, &[0x12][..]),
        (type_code::UINT4, &[0x12]),
        (type_code::INT8, &[2, 1]),
        (type_code::UINT8, &[2, 1]),
        (type_code::INT16, &[2, 0, 1, 0]),
        (type_code::UINT16, &[2, 0, 1, 0]),
        (type_code::INT32, &[2, 0, 0, 0, 1, 0, 0, 0]),
        (type_code::UINT32, &[2, 0, 0, 0, 1, 0, 0, 0]),
        (type_code::UINT64, &[2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]),
    ] {
        let onnx = Onnx::new(13).raw("s", code as u64, &[2], bytes).input("x", &[2]);
        let graph = read(onnx.node("Reshape", &["x", "s"], "y", &[]).output("y")).graph;
        assert_eq!(graph.outputs[0].source_shape, [2, 1], "type {code}");
    }
}

#[test]
fn casts_of_constants_keep_what_the_type_holds() {
    let cast = |to: i32, value: f32| {
        let onnx = Onnx::new(13)
            .floats("v", &[1], &[value])
            .input("x", &[2])
            .node("Cast", &["v"], "c", &[("to", Attr::Int(to.into()))])
            .node("Cast", &["c"], "f", &[("to", Attr::Int(1))])
            .node("Add", &["x", "f"], "y", &[])
            .output("y");
        computed(onnx, [0.0, 0.0])[0]
    };
    assert_eq!(
        [cast(type_code::INT64, 2.75), cast(type_code::INT8, -2.75), cast(type_code::BOOL, 0.5)],
        [2.0, -2.0, 1.0]
    );
    assert_eq!([cast(type_code::FLOAT16, 2.75), cast(type_code::DOUBLE, 2.75)], [2.75, 2.75]);
}

#[test]
fn an_operator_set_that_is_too_old_is_refused_and_a_newer_one_warned_of() {
    let relu = |opset: i64| Onnx::new(opset).input("x", &[2]).node("Relu", &["x"], "y", &[]).output("y");
    let error = from_bytes(&relu(6).bytes(), Kind::Onnx, "m").expect_err("too old").to_string();
    assert!(error.contains("operator set 6; export with operator set 17, or any of 7 to 28"), "{error}");
    for opset in [7, 21, 28] {
        assert_eq!(read(relu(opset)).warnings, Vec::<String>::new(), "{opset}");
    }
    let warnings = read(relu(29)).warnings;
    assert!(warnings.len() == 1 && warnings[0].contains("operator set 29 is newer than 28"), "{warnings:?}");
}
