//! Outputs of compiled models: what is the same in every run, and rows that end early.

use kinglet::Model;
use kinglet_blob::SectionKind;

use super::writer::{Attr, Onnx};
use crate::compile::{Options, compile};
use crate::host;
use crate::import::Kind;
use crate::tensor::{PortSpec, ports};

/// The outputs of a run, and their ports.
fn run(onnx: Onnx, inputs: &[&[f32]]) -> Vec<(PortSpec, Vec<u8>)> {
    let compiled = compile(&onnx.bytes(), Kind::Onnx, "test", &Options::default(), &mut |_| {});
    let blob = compiled.unwrap_or_else(|error| panic!("{error}")).blob;
    let bytes = |input: &&[f32]| input.iter().flat_map(|number| number.to_le_bytes()).collect();
    let inputs: Vec<Vec<u8>> = inputs.iter().map(bytes).collect();
    let outputs = host::with_session(&blob, |session| host::infer(session, &inputs)).expect("loads and runs");
    ports(&Model::from_bytes(&blob).expect("loads")).1.into_iter().zip(outputs).collect()
}

fn numbers(run: &[(PortSpec, Vec<u8>)]) -> Vec<Vec<i64>> {
    run.iter().map(|(port, bytes)| port.codes(bytes)).collect()
}

#[test]
fn constants_and_shapes_can_be_outputs() {
    let onnx = Onnx::new(13)
        .input("x", &[2, 3])
        .node("Shape", &["x"], "s", &[])
        .node("Size", &["x"], "n", &[])
        .ints("list", &[2], &[7, -8])
        .node("Neg", &["x"], "y", &[])
        .output("s")
        .output("n")
        .output("list")
        .output("y")
        .output("s");
    let found = numbers(&run(onnx, &[&[0.0; 6]]));
    assert_eq!([&found[0], &found[1], &found[2], &found[4]], [&vec![2, 3], &vec![6], &vec![7, -8], &vec![2, 3]]);
    let fixed = Onnx::new(13).ints("list", &[2], &[7, -8]).output("list");
    assert_eq!(numbers(&run(fixed, &[])), [[7, -8]], "a model that reads nothing");
}

#[test]
fn rows_of_boxes_end_where_there_are_no_more() {
    let onnx = Onnx::new(11)
        .input("boxes", &[1, 3, 4])
        .input("scores", &[1, 1, 3])
        .ints("most", &[1], &[3])
        .floats("likeness", &[1], &[0.5])
        .node("NonMaxSuppression", &["boxes", "scores", "most", "likeness"], "y", &[])
        .output("y");
    let boxes = [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.9, 5.0, 5.0, 6.0, 6.0];
    let found = run(onnx, &[&boxes, &[0.5, 0.75, 0.25]]);
    let (port, bytes) = &found[0];
    assert_eq!(port.codes(bytes), [0, 0, 1, 0, 0, 2, -1, -1, -1]);
    assert_eq!(
        (port.source_shape.as_slice(), port.after_run(bytes).source_shape.as_slice()),
        (&[3, 3][..], &[2, 3][..])
    );
}

#[test]
fn borders_of_five_axes_take_two_steps() {
    let onnx = Onnx::new(13)
        .input("x", &[1, 1, 1, 1, 2])
        .ints("pads", &[10], &[1, 0, 1, 1, 1, 0, 1, 0, 1, 0])
        .node("Pad", &["x", "pads"], "y", &[("mode", Attr::Text("constant"))])
        .output("y");
    let found = run(onnx, &[&[3.0, 4.0]]);
    let (port, bytes) = &found[0];
    assert_eq!(port.source_shape, [2, 2, 2, 3, 3]);
    let reals = port.decode(bytes);
    let places: Vec<(usize, f32)> = reals.iter().copied().enumerate().filter(|(_, real)| *real != 0.0).collect();
    // Indices [1, 0, 1, 1, 1] and the one behind it.
    assert_eq!(places, [(49, 3.0), (50, 4.0)]);
}

/// Bytes of the constants of a product with weights in blocks, and what it computes of ones.
fn in_blocks(bits: usize, block: usize, has_zeros: bool) -> (usize, Vec<f32>) {
    let (depth, outputs) = (64, 8);
    let blocks = depth / block;
    // Every byte of the weights has the same codes: 1 in each place.
    let ones = (0..8 / bits).fold(0u8, |byte, at| byte | 1 << (at * bits));
    let bytes = vec![ones; outputs * depth * bits / 8];
    let zeros = vec![0u8; outputs * (blocks * bits).div_ceil(8)];
    let (scales, uint8) = (vec![0.5; outputs * blocks], 2);
    let mut onnx = Onnx::new(17)
        .input("x", &[1, depth as i64])
        .raw("w", uint8, &[outputs as i64, blocks as i64, (block * bits / 8) as i64], &bytes)
        .floats("s", &[scales.len() as i64], &scales);
    let mut operands = vec!["x", "w", "s"];
    if has_zeros {
        onnx = onnx.raw("z", uint8, &[zeros.len() as i64], &zeros);
        operands.push("z");
    }
    let sizes = [("K", depth), ("N", outputs), ("bits", bits), ("block_size", block)];
    let attributes = sizes.map(|(name, size)| (name, Attr::Int(size as i64)));
    let onnx = onnx.foreign_node("com.microsoft", "MatMulNBits", &operands, &["y"], &attributes).output("y");
    let compiled = compile(&onnx.bytes(), Kind::Onnx, "test", &Options::default(), &mut |_| {});
    let blob = compiled.unwrap_or_else(|error| panic!("{error}")).blob;
    let input = vec![vec![1.0f32; depth].into_iter().flat_map(f32::to_le_bytes).collect()];
    let outputs = host::with_session(&blob, |session| host::infer(session, &input)).expect("loads and runs");
    let model = Model::from_bytes(&blob).expect("loads");
    let reals = ports(&model).1[0].decode(&outputs[0]);
    (model.blob().section(SectionKind::Weights).len(), reals)
}

#[test]
fn weights_in_blocks_take_their_bits_and_a_scale_for_each_block() {
    for (bits, block) in [(4, 16), (4, 32), (2, 16), (8, 32)] {
        for has_zeros in [false, true] {
            let (bytes, found) = in_blocks(bits, block, has_zeros);
            let (weights, blocks) = (64 * 8 * bits / 8, 64 / block * 8);
            let beside = blocks * if has_zeros { 4 + 1 } else { 4 };
            // What is over a tenth of the integers is scales and zero points.
            assert!(bytes * 10 <= weights * 11 + beside * 10, "{bits} bits in {block}: {bytes} for {weights}");
            let zero = if has_zeros { 0.0 } else { 2f32.powi(bits as i32 - 1) };
            assert_eq!(found, [0.5 * 64.0 * (1.0 - zero); 8], "{bits} bits in {block}");
        }
    }
}

#[test]
fn a_cache_takes_rows_and_begins_again() {
    let updated = |mode: &str, begin: [i64; 2]| {
        let onnx = Onnx::new(24)
            .input("cache", &[2, 3, 1])
            .input("rows", &[2, 2, 1])
            .ints("begin", &[2], &begin)
            .node("TensorScatter", &["cache", "rows", "begin"], "y", &[("mode", Attr::Text(mode))])
            .output("y");
        let found = run(onnx, &[&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], &[-1.0, -2.0, -3.0, -4.0]]);
        found[0].0.decode(&found[0].1)
    };
    assert_eq!(updated("linear", [1, 0]), [0.0, -1.0, -2.0, -3.0, -4.0, 5.0]);
    assert_eq!(updated("circular", [2, 1]), [-2.0, 1.0, -1.0, 3.0, -3.0, -4.0]);
}

#[test]
fn lines_of_axes_that_lie_apart_are_normalized() {
    let axes = [("axes", Attr::Ints(&[0, 2]))];
    let onnx = Onnx::new(13).input("x", &[2, 2, 1]).node("MeanVarianceNormalization", &["x"], "y", &axes);
    let found = run(onnx.output("y"), &[&[1.0, 5.0, 3.0, 5.5]]);
    assert_eq!(found[0].0.decode(&found[0].1), [-1.0, -1.0, 1.0, 1.0]);
}

#[test]
fn windows_may_have_more_axes_than_images() {
    let numbers: Vec<f32> = (0..16).map(|number| number as f32).collect();
    let pooled = |op_type: &str, opset: i64| {
        let kernel = [("kernel_shape", Attr::Ints(&[2, 2, 2, 2]))];
        let onnx = Onnx::new(opset).input("x", &[1, 1, 2, 2, 2, 2]).node(op_type, &["x"], "y", &kernel).output("y");
        let found = run(onnx, &[&numbers]);
        found[0].0.decode(&found[0].1)
    };
    assert_eq!([pooled("MaxPool", 17), pooled("AveragePool", 17)], [[15.0], [7.5]]);
    // The root of the sum of the squares.
    let norm = pooled("LpPool", 18);
    assert!((norm[0] - 1240f32.sqrt()).abs() < 1e-4, "{norm:?}");
}

#[test]
fn dequantized_blocks_stay_integers_in_a_blob() {
    let (depth, outputs, block) = (64usize, 4usize, 32usize);
    // Codes from -5 to 10 about the zero point 5, of INT4 what is 5 less.
    let code = |at: usize| (at * 7 % 16) as u8;
    let bytes: Vec<u8> = (0..depth * outputs / 2).map(|pair| code(2 * pair) | code(2 * pair + 1) << 4).collect();
    let scales: Vec<f32> = (0..depth / block * outputs).map(|at| 0.25 + (at as f32).sqrt() / 7.0).collect();
    let (rows, columns, uint4) = (depth as i64, outputs as i64, 21);
    let blocks = [("block_size", Attr::Int(block as i64)), ("axis", Attr::Int(0))];
    let zeros = vec![0x55u8; scales.len() / 2];
    let onnx = Onnx::new(21)
        .input("x", &[1, rows])
        .raw("w", uint4, &[rows, columns], &bytes)
        .floats("s", &[2, columns], &scales)
        .raw("z", uint4, &[2, columns], &zeros)
        .floats("b", &[columns], &[1.0, 2.0, 3.0, 4.0])
        .node("DequantizeLinear", &["w", "s", "z"], "d", &blocks)
        .node("MatMul", &["x", "d"], "m", &[])
        .node("Add", &["m", "b"], "a", &[])
        .node("Relu", &["a"], "y", &[])
        .output("y");
    let compiled = compile(&onnx.bytes(), Kind::Onnx, "test", &Options::default(), &mut |_| {});
    let blob = compiled.unwrap_or_else(|error| panic!("{error}")).blob;
    let model = Model::from_bytes(&blob).expect("loads");
    // Scales and zero points of blocks, and the biases.
    let beside = scales.len() * 5 + outputs * 4;
    let weights = model.blob().section(SectionKind::Weights).len();
    assert!(weights * 10 <= bytes.len() * 11 + beside * 10 + 160, "{weights} bytes for {}", bytes.len());
    let x: Vec<f32> = (0..depth).map(|at| at as f32 / 64.0 - 0.25).collect();
    let input = vec![x.iter().flat_map(|number| number.to_le_bytes()).collect()];
    let found = host::with_session(&blob, |session| host::infer(session, &input)).expect("loads and runs");
    let found = ports(&model).1[0].decode(&found[0]);
    for (output, found) in found.iter().enumerate() {
        let real = |at: usize| scales[at / block * outputs + output] * (f32::from(code(at * outputs + output)) - 5.0);
        let sum: f32 = (0..depth).map(|at| x[at] * real(at)).sum::<f32>() + 1.0 + output as f32;
        assert!((found - sum.max(0.0)).abs() < 1e-4, "{found} for {sum}");
    }
}
