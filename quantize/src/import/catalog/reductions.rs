//! Pooling, reductions over axes, and normalization along them.

use kinglet_blob::{Function as Two, MapFunction, OpCode};
use kinglet_kernels::along::Function;

use super::{Family, Run};

const REDUCE: &[Run] = &[Run::Op(OpCode::Reduce)];
const STANDARD: &[Run] = &[Run::Along(Function::Standard)];
/// Powers, which are averaged, and a root of the sum.
const NORM: &[&[Run]] = &[
    &[Run::Map(MapFunction::Abs), Run::Map(MapFunction::Square), Run::OnFloats(Two::Pow), Run::OnFloats(Two::Mul)],
    &[Run::Op(OpCode::AveragePool), Run::Op(OpCode::Reduce), Run::Instead(OpCode::Depthwise)],
    &[Run::Op(OpCode::Mul), Run::Map(MapFunction::Sqrt), Run::OnFloats(Two::Pow)],
];
/// Of windows with gaps the taps are added up.
const GAPS: &[Run] = &[
    Run::Op(OpCode::AveragePool),
    Run::Instead(OpCode::Depthwise),
    Run::Instead(OpCode::Add),
    Run::Instead(OpCode::Mul),
];
/// A scale and a shift.
const SCALE: &[Run] = &[Run::Op(OpCode::Mul)];
const SHIFT: &[Run] = &[Run::Op(OpCode::Add)];
const GROUPS: &str = "constant axes, in at most three groups that lie apart";

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "AveragePool2D",
        onnx: "AveragePool com.microsoft.QLinearAveragePool",
        tflite: "AVERAGE_POOL_2D",
        parts: &[GAPS],
        limits: "",
    },
    Family { name: "LpPool", onnx: "LpPool GlobalLpPool", tflite: "L2_POOL_2D", parts: NORM, limits: "" },
    Family {
        name: "MaxPool2D",
        onnx: "MaxPool",
        tflite: "MAX_POOL_2D",
        parts: &[&[Run::Op(OpCode::MaxPool), Run::Instead(OpCode::Combine)]],
        limits: "without indices",
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
        tflite: "REDUCE_MAX REDUCE_ANY",
        parts: &[&[Run::Op(OpCode::ReduceMax), Run::Op(OpCode::Reduce), Run::Instead(OpCode::Cast)]],
        limits: GROUPS,
    },
    Family {
        name: "ReduceMin",
        onnx: "ReduceMin",
        tflite: "REDUCE_MIN REDUCE_ALL",
        parts: &[&[Run::Op(OpCode::Reduce), Run::Instead(OpCode::Cast)]],
        limits: GROUPS,
    },
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
        name: "ReduceLogSumExp",
        onnx: "ReduceLogSumExp",
        tflite: "",
        parts: &[
            &[Run::Op(OpCode::ReduceMax), Run::Op(OpCode::Reduce)],
            &[Run::OnFloats(Two::Sub)],
            &[Run::Map(MapFunction::Exp)],
            REDUCE,
            &[Run::Map(MapFunction::Log)],
            SHIFT,
        ],
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
        onnx: "LayerNormalization RMSNormalization SimplifiedLayerNormalization com.microsoft.SkipLayerNormalization \
               com.microsoft.SkipSimplifiedLayerNormalization",
        tflite: "",
        parts: &[&[Run::Along(Function::Standard), Run::Along(Function::Rms)], SCALE, SHIFT],
        limits: "without mean and deviation as results",
    },
    Family {
        name: "GroupNormalization",
        onnx: "GroupNormalization InstanceNormalization",
        tflite: "",
        parts: &[STANDARD, SCALE, SHIFT],
        limits: "",
    },
    Family {
        name: "MeanVarianceNormalization",
        onnx: "MeanVarianceNormalization",
        tflite: "",
        parts: &[STANDARD],
        limits: "",
    },
    Family {
        name: "LpNormalization",
        onnx: "LpNormalization",
        tflite: "L2_NORMALIZATION",
        parts: &[&[Run::Along(Function::L1), Run::Along(Function::L2)]],
        limits: "order 1 or 2",
    },
    Family {
        name: "LRN",
        onnx: "LRN",
        tflite: "",
        parts: &[
            &[Run::Map(MapFunction::Square), Run::OnFloats(Two::Mul)],
            &[Run::Op(OpCode::AveragePool), Run::Instead(OpCode::Depthwise)],
            &[Run::Op(OpCode::Mul)],
            SHIFT,
            &[Run::OnFloats(Two::Pow)],
            &[Run::OnFloats(Two::Div), Run::OnFloats(Two::Mul)],
        ],
        limits: "",
    },
    Family {
        name: "Softmax",
        onnx: "Softmax com.microsoft.QLinearSoftmax",
        tflite: "SOFTMAX",
        parts: &[&[Run::Op(OpCode::Softmax)]],
        limits: "an int8 result has scale 1/256 and zero point -128; an ONNX file's other scale is applied behind it",
    },
    Family {
        name: "LogSoftmax",
        onnx: "LogSoftmax",
        tflite: "LOG_SOFTMAX",
        parts: &[&[Run::Along(Function::LogSoftmax)]],
        limits: "",
    },
    Family { name: "Hardmax", onnx: "Hardmax", tflite: "", parts: &[&[Run::Along(Function::Hardmax)]], limits: "" },
    Family {
        name: "CumSum",
        onnx: "CumSum",
        tflite: "CUMSUM",
        parts: &[&[Run::Along(Function::SumUpTo), Run::Along(Function::SumBefore)]],
        limits: "a constant axis",
    },
];
