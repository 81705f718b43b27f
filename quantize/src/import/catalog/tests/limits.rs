//! Every limit that the families state, tried with a model beyond it: it is refused by what the page says.

use super::super::{Family, families};
use crate::compile::{Options, compile};
use crate::import::Kind;
use crate::import::onnx::tests::writer::{Attr, Onnx};

/// Families whose limits are no refusals: what becomes of a model instead.
const NO_REFUSALS: &[&str] = &[
    "Relu6",
    "Clip",
    "FullyConnected",
    "DepthwiseConv2D",
    "Softmax",
    "Gather",
    "Scatter",
    "DynamicQuantize",
    "Densify",
    "And",
    "Or",
    "Xor",
    "Not",
    "Shift",
    "Select",
    "Variable",
    "ZipMap",
    // Models of these are among `tests/cases`.
    "Trees",
    "LinearModel",
    "SupportVectors",
    "Distances",
    "Categories",
    "Div",
    "If",
    // Of TensorFlow Lite alone.
    "Reverse",
];

/// What compiling a file says; empty when it compiles.
fn said(onnx: Onnx) -> String {
    let compiled = compile(&onnx.output("y").bytes(), Kind::Onnx, "m", &Options::default(), &mut |_| {});
    compiled.err().map_or_else(String::new, |error| error.to_string())
}

/// A file with one node on `x` of this shape and on what else it has.
fn on(shape: &[i64], opset: i64) -> Onnx {
    Onnx::new(opset).input("x", shape)
}

/// A model of a family beyond one of its limits, and what its refusal says.
struct Beyond {
    family: &'static str,
    file: Onnx,
    says: &'static str,
}

fn beyond(family: &'static str, says: &'static str, file: Onnx) -> Beyond {
    Beyond { family, file, says }
}

fn layers() -> Vec<Beyond> {
    let weights = |onnx: Onnx, shape: &[i64]| {
        let len = shape.iter().product::<i64>() as usize;
        onnx.floats("w", shape, &vec![0.5; len])
    };
    let four = [1, 1, 2, 2, 2, 2];
    let letters = |equation: &'static str| [("equation", Attr::Text(equation))];
    let ones = [1i64; 8];
    let a: Vec<i64> = ones.iter().enumerate().map(|(at, one)| if at % 2 == 0 && at < 6 { 2 } else { *one }).collect();
    let b: Vec<i64> = ones.iter().enumerate().map(|(at, one)| if at % 2 == 1 && at < 6 { 2 } else { *one }).collect();
    // Two steps of three elements, two units, so many gates.
    let over_time = |gates: i64| {
        let (of_step, of_state) = (vec![0.5; 6 * gates as usize], vec![0.5; 4 * gates as usize]);
        let onnx = on(&[2, 1, 3], 14).floats("w", &[1, 2 * gates, 3], &of_step);
        onnx.floats("r", &[1, 2 * gates, 2], &of_state)
    };
    vec![
        beyond("Recurrent", "Softsign", {
            let functions = [("activations", Attr::Texts(&["Softsign"]))];
            over_time(1).node("RNN", &["x", "w", "r"], "y", &functions)
        }),
        beyond("Recurrent", "other lengths", {
            let onnx = over_time(3).ints("lengths", &[1], &[1]);
            onnx.node("GRU", &["x", "w", "r", "", "lengths"], "y", &[])
        }),
        beyond("Recurrent", "peepholes", {
            let onnx = over_time(4).floats("p", &[1, 6], &[0.5; 6]);
            onnx.node("LSTM", &["x", "w", "r", "", "", "", "", "p"], "y", &[])
        }),
        beyond("Recurrent", "couples", {
            over_time(4).node("LSTM", &["x", "w", "r"], "y", &[("input_forget", Attr::Int(1))])
        }),
        beyond("Conv2D", "spatial", weights(on(&four, 17), &[1, 1, 1, 1, 1, 1]).node("Conv", &["x", "w"], "y", &[])),
        beyond(
            "Conv2D",
            "must be constants",
            on(&[1, 1, 4, 4], 17).input("w", &[1, 1, 2, 2]).node("Conv", &["x", "w"], "y", &[]),
        ),
        beyond(
            "TransposeConv2D",
            "spatial",
            weights(on(&[1, 1, 2, 2, 2], 17), &[1, 1, 2, 2, 2]).node("ConvTranspose", &["x", "w"], "y", &[]),
        ),
        beyond(
            "TransposeConv2D",
            "dilation",
            weights(on(&[1, 1, 4, 4], 17), &[1, 1, 2, 2]).node(
                "ConvTranspose",
                &["x", "w"],
                "y",
                &[("dilations", Attr::Ints(&[2, 2]))],
            ),
        ),
        beyond("MatMul", "groups of axes", on(&a, 17).input("z", &b).node("MatMul", &["x", "z"], "y", &[])),
        beyond("Einsum", "operands", {
            let onnx = on(&[2, 2], 17).input("a", &[2, 2]).input("b", &[2, 2]);
            onnx.node("Einsum", &["x", "a", "b"], "y", &letters("ij,jk,kl->il"))
        }),
        beyond("Einsum", "letter", on(&[2, 2], 17).node("Einsum", &["x"], "y", &letters("ii->i"))),
        beyond("Attention", "axes", on(&[1, 1, 1, 2, 4], 23).node("Attention", &["x", "x", "x"], "y", &[])),
        beyond("RotaryEmbedding", "axes", {
            let onnx = on(&[1, 1, 1, 2, 4], 23).floats("c", &[1, 2, 2], &[0.5; 4]);
            onnx.node("RotaryEmbedding", &["x", "c", "c"], "y", &[])
        }),
    ]
}

fn reductions() -> Vec<Beyond> {
    let computed_axes = |name: &str| on(&[2, 3], 18).typed_input("a", &[1], 7).node(name, &["x", "a"], "y", &[]);
    let mut all = vec![
        beyond("MaxPool2D", "indices", {
            let square = [("kernel_shape", Attr::Ints(&[2, 2]))];
            on(&[1, 1, 4, 4], 17).node_of("MaxPool", &["x"], &["p", "y"], &square)
        }),
        beyond("BatchNormalization", "training", {
            let onnx = on(&[1, 2, 3], 15).floats("p", &[2], &[1.0; 2]);
            let training = [("training_mode", Attr::Int(1))];
            onnx.node("BatchNormalization", &["x", "p", "p", "p", "p"], "y", &training)
        }),
        beyond("LayerNormalization", "mean", {
            let onnx = on(&[2, 3], 17).floats("s", &[3], &[1.0; 3]);
            onnx.node_of("LayerNormalization", &["x", "s"], &["n", "y"], &[])
        }),
        beyond(
            "LpNormalization",
            "order 3",
            on(&[2, 3], 17).node("LpNormalization", &["x"], "y", &[("p", Attr::Int(3))]),
        ),
        beyond("CumSum", "constant", on(&[2, 3], 17).typed_input("a", &[], 7).node("CumSum", &["x", "a"], "y", &[])),
    ];
    for (family, name) in [
        ("Mean", "ReduceMean"),
        ("ReduceMax", "ReduceMax"),
        ("ReduceMin", "ReduceMin"),
        ("ReduceSum", "ReduceSum"),
        ("ReduceProd", "ReduceProd"),
        ("ReduceL1", "ReduceL1"),
        ("ReduceL2", "ReduceL2"),
        ("ReduceSumSquare", "ReduceSumSquare"),
        ("ReduceLogSum", "ReduceLogSum"),
        ("ReduceLogSumExp", "ReduceLogSumExp"),
    ] {
        all.push(beyond(family, "must be constants", computed_axes(name)));
    }
    all
}

fn moves() -> Vec<Beyond> {
    let computed = |name: &str, shape: &[i64], len: i64| {
        on(shape, 17).typed_input("n", &[len], 7).node(name, &["x", "n"], "y", &[])
    };
    let block = || [("blocksize", Attr::Int(2))];
    vec![
        beyond("Reshape", "must be constants", computed("Reshape", &[2, 3], 1)),
        beyond("Expand", "must be constants", computed("Expand", &[1, 3], 2)),
        beyond("Expand", "must be constants", computed("Tile", &[1, 3], 2)),
        beyond(
            "Split",
            "must be constants",
            on(&[4], 17).typed_input("n", &[2], 7).node_of("Split", &["x", "n"], &["y", "z"], &[]),
        ),
        beyond("Slice", "must be constants", {
            let onnx = on(&[4], 17).typed_input("n", &[1], 7);
            onnx.node("Slice", &["x", "n", "n"], "y", &[])
        }),
        beyond("Pad", "must be constants", computed("Pad", &[2, 3], 4)),
        beyond(
            "ArgMax",
            "must be constants",
            on(&[4], 17).typed_input("k", &[1], 7).node_of("TopK", &["x", "k"], &["y", "i"], &[]),
        ),
        beyond("OneHot", "must be constants", {
            let onnx = Onnx::new(17).typed_input("x", &[2], 7).typed_input("d", &[], 7).floats("v", &[2], &[0.0, 1.0]);
            onnx.node("OneHot", &["x", "d", "v"], "y", &[])
        }),
        beyond("NonMaxSuppression", "must be constants", {
            let onnx = on(&[1, 3, 4], 17).input("s", &[1, 1, 3]).typed_input("n", &[1], 7);
            onnx.node("NonMaxSuppression", &["x", "s", "n"], "y", &[])
        }),
        beyond(
            "Compress",
            "must be constants",
            on(&[4], 17).typed_input("c", &[4], 9).node("Compress", &["x", "c"], "y", &[]),
        ),
        beyond(
            "CenterCropPad",
            "must be constants",
            on(&[4, 4], 18).typed_input("n", &[2], 7).node("CenterCropPad", &["x", "n"], "y", &[]),
        ),
        beyond("DepthToSpace", "axes", on(&[1, 4, 2], 17).node("DepthToSpace", &["x"], "y", &block())),
        beyond("SpaceToDepth", "axes", on(&[1, 4, 2], 17).node("SpaceToDepth", &["x"], "y", &block())),
        beyond("Resize", "must be constants", {
            let onnx = on(&[1, 1, 2, 2], 17).typed_input("n", &[4], 7);
            onnx.node("Resize", &["x", "", "", "n"], "y", &[])
        }),
        beyond("Identity", "mask", on(&[4], 17).node_of("Dropout", &["x"], &["d", "y"], &[])),
    ]
}

fn values() -> Vec<Beyond> {
    let uint16 = 4;
    let scales = |onnx: Onnx| onnx.floats("s", &[2], &[0.5, 0.25]);
    vec![
        beyond("Quantize", "UINT16", {
            let onnx = on(&[2], 21).floats("s", &[], &[0.5]).raw("z", uint16, &[], &[0, 0]);
            onnx.node("QuantizeLinear", &["x", "s", "z"], "y", &[])
        }),
        beyond(
            "Quantize",
            "2 scales",
            scales(on(&[2], 17)).node("QuantizeLinear", &["x", "s"], "y", &[("axis", Attr::Int(0))]),
        ),
        beyond("Dequantize", "blocks", {
            let onnx = scales(Onnx::new(21).typed_input("x", &[4], 3));
            let blocks = [("block_size", Attr::Int(2)), ("axis", Attr::Int(0))];
            onnx.node("DequantizeLinear", &["x", "s"], "y", &blocks)
        }),
        beyond("Cast", "STRING", on(&[2], 17).node("Cast", &["x"], "y", &[("to", Attr::Int(8))])),
        beyond("Loop", "constant", {
            let body = Onnx::new(17).typed_input("i", &[], 7).typed_input("c", &[], 9).input("v", &[2]);
            let body = body.node("Identity", &["c"], "again", &[]).node("Neg", &["v"], "next", &[]);
            let body = [("body", Attr::Graph(body.output("again").output("next")))];
            on(&[2], 17).typed_input("m", &[], 7).node("Loop", &["m", "", "x"], "y", &body)
        }),
        beyond("Constant", "run time", on(&[2], 17).node("NonZero", &["x"], "y", &[])),
    ]
}

#[test]
fn a_model_beyond_a_limit_is_refused_by_it() {
    let mut problems = Vec::new();
    for Beyond { family, file, says } in layers().into_iter().chain(reductions()).chain(moves()).chain(values()) {
        assert!(families().any(|known| known.name == family), "there is no family {family}");
        let said = said(file);
        if !said.contains(says) {
            problems.push(format!("{family}, `{says}`: {said:?}"));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_limit_of_onnx_is_tried() {
    let tried: Vec<&str> =
        layers().into_iter().chain(reductions()).chain(moves()).chain(values()).map(|it| it.family).collect();
    let has_limits = |family: &&'static Family| !family.limits.is_empty() && family.onnx().next().is_some();
    let missing: Vec<&str> = families()
        .filter(has_limits)
        .map(|family| family.name)
        .filter(|name| !tried.contains(name) && !NO_REFUSALS.contains(name))
        .collect();
    assert!(missing.is_empty(), "no model in limits.rs goes beyond those of {missing:?}");
}
