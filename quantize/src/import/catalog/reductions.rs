//! Pooling, reductions over axes, and normalization along them.

use kinglet_blob::{MapFunction, OpCode};

use super::{Family, Run};

const REDUCE: &[Run] = &[Run::Op(OpCode::Reduce)];
const ALONG: &[Run] = &[Run::Op(OpCode::Along)];
/// A scale and a shift.
const SCALE: &[Run] = &[Run::Op(OpCode::Mul)];
const SHIFT: &[Run] = &[Run::Op(OpCode::Add)];
const GROUPS: &str = "constant axes, in at most three groups that lie apart";
const TOGETHER: &str = "axes that lie next to each other";

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "AveragePool2D",
        onnx: "AveragePool com.microsoft.QLinearAveragePool",
        tflite: "AVERAGE_POOL_2D",
        parts: &[&[Run::Op(OpCode::AveragePool), Run::Instead(OpCode::Depthwise)]],
        limits: "one or two spatial axes, no dilation",
    },
    Family {
        name: "MaxPool2D",
        onnx: "MaxPool",
        tflite: "MAX_POOL_2D",
        parts: &[&[Run::Op(OpCode::MaxPool)]],
        limits: "one or two spatial axes, no dilation, without indices",
    },
    Family {
        name: "Mean",
        onnx: "ReduceMean GlobalAveragePool com.microsoft.QLinearReduceMean com.microsoft.QLinearGlobalAveragePool",
        tflite: "MEAN",
        parts: &[&[Run::Op(OpCode::Mean), Run::Op(OpCode::Reduce)]],
        limits: GROUPS,
    },
    Family {
        name: "ReduceMax",
        onnx: "ReduceMax GlobalMaxPool",
        tflite: "REDUCE_MAX",
        parts: &[&[Run::Op(OpCode::ReduceMax), Run::Op(OpCode::Reduce)]],
        limits: GROUPS,
    },
    Family { name: "ReduceMin", onnx: "ReduceMin", tflite: "REDUCE_MIN", parts: &[REDUCE], limits: GROUPS },
    Family { name: "ReduceSum", onnx: "ReduceSum", tflite: "SUM", parts: &[REDUCE], limits: GROUPS },
    Family { name: "ReduceProd", onnx: "ReduceProd", tflite: "REDUCE_PROD", parts: &[REDUCE], limits: GROUPS },
    Family { name: "ReduceL1", onnx: "ReduceL1", tflite: "", parts: &[REDUCE], limits: GROUPS },
    Family { name: "ReduceSumSquare", onnx: "ReduceSumSquare", tflite: "", parts: &[REDUCE], limits: GROUPS },
    Family {
        name: "ReduceL2",
        onnx: "ReduceL2",
        tflite: "",
        parts: &[REDUCE, &[Run::Map(MapFunction::Sqrt)]],
        limits: GROUPS,
    },
    Family {
        name: "ReduceLogSum",
        onnx: "ReduceLogSum",
        tflite: "",
        parts: &[REDUCE, &[Run::Map(MapFunction::Log)]],
        limits: GROUPS,
    },
    Family {
        name: "BatchNormalization",
        onnx: "BatchNormalization",
        tflite: "",
        parts: &[],
        limits: "inference mode, constant operands, next to a convolution or a product, which takes it in",
    },
    Family {
        name: "LayerNormalization",
        onnx: "LayerNormalization RMSNormalization",
        tflite: "",
        parts: &[ALONG, SCALE, SHIFT],
        limits: "without mean and deviation as results",
    },
    Family {
        name: "GroupNormalization",
        onnx: "GroupNormalization InstanceNormalization",
        tflite: "",
        parts: &[ALONG, SCALE, SHIFT],
        limits: "",
    },
    Family {
        name: "MeanVarianceNormalization",
        onnx: "MeanVarianceNormalization",
        tflite: "",
        parts: &[ALONG],
        limits: TOGETHER,
    },
    Family { name: "LpNormalization", onnx: "LpNormalization", tflite: "", parts: &[ALONG], limits: "order 1 or 2" },
    Family {
        name: "Softmax",
        onnx: "Softmax com.microsoft.QLinearSoftmax",
        tflite: "SOFTMAX",
        parts: &[&[Run::Op(OpCode::Softmax)]],
        limits: "an int8 result has scale 1/256 and zero point -128; an ONNX file's other scale is applied behind it",
    },
    Family { name: "LogSoftmax", onnx: "LogSoftmax", tflite: "", parts: &[ALONG], limits: "" },
    Family { name: "Hardmax", onnx: "Hardmax", tflite: "", parts: &[ALONG], limits: "" },
    Family { name: "CumSum", onnx: "CumSum", tflite: "CUMSUM", parts: &[ALONG], limits: "a constant axis" },
];
