//! Functions of one element: of int8 a table of 256 results, of float32 a kernel each.

use kinglet_blob::{Function, MapFunction, OpCode};

use super::{Family, Run};

/// A family that is one function of operator Map, under its name.
macro_rules! mapped {
    ($name:ident, $onnx:literal, $tflite:literal) => {
        Family {
            name: stringify!($name),
            onnx: $onnx,
            tflite: $tflite,
            parts: &[&[Run::Map(MapFunction::$name)]],
            limits: "",
        }
    };
}

const CLAMP: &[Run] = &[Run::Op(OpCode::Clamp), Run::Table];
/// An ELU with other parameters.
const ELU: &[Run] = &[Run::Map(MapFunction::Elu)];

pub(super) const FAMILIES: &[Family] = &[
    Family { name: "Relu", onnx: "Relu", tflite: "RELU", parts: &[CLAMP], limits: "" },
    Family { name: "Relu6", onnx: "", tflite: "RELU6", parts: &[CLAMP], limits: "of ONNX a Clip from 0 to 6" },
    Family {
        name: "Clip",
        onnx: "Clip",
        tflite: "RELU_N1_TO_1 RELU_0_TO_1",
        parts: &[&[CLAMP[0], CLAMP[1], Run::Instead(OpCode::Combine)]],
        limits: "one bound for all elements; computed bounds are a maximum and a minimum",
    },
    Family {
        name: "Logistic",
        onnx: "Sigmoid com.microsoft.QLinearSigmoid",
        tflite: "LOGISTIC",
        parts: &[&[Run::Op(OpCode::Logistic), Run::Table]],
        limits: "",
    },
    Family { name: "Tanh", onnx: "Tanh", tflite: "TANH", parts: &[&[Run::Op(OpCode::Tanh), Run::Table]], limits: "" },
    mapped!(LeakyRelu, "LeakyRelu com.microsoft.QLinearLeakyRelu", "LEAKY_RELU"),
    mapped!(ThresholdedRelu, "ThresholdedRelu", ""),
    mapped!(HardSwish, "HardSwish", "HARD_SWISH"),
    mapped!(HardSigmoid, "HardSigmoid", ""),
    mapped!(Elu, "Elu", "ELU"),
    Family { name: "Selu", onnx: "Selu", tflite: "", parts: &[ELU], limits: "" },
    mapped!(Celu, "Celu", ""),
    Family {
        name: "Gelu",
        onnx: "Gelu com.microsoft.BiasGelu com.microsoft.FastGelu",
        tflite: "GELU",
        parts: &[&[Run::Map(MapFunction::Gelu), Run::Map(MapFunction::GeluTanh)]],
        limits: "",
    },
    mapped!(Mish, "Mish", ""),
    mapped!(Swish, "Swish com.microsoft.QuickGelu", ""),
    mapped!(Shrink, "Shrink", ""),
    mapped!(Softplus, "Softplus", ""),
    mapped!(Softsign, "Softsign", ""),
    mapped!(Exp, "Exp", "EXP"),
    mapped!(Log, "Log", "LOG"),
    mapped!(Sqrt, "Sqrt", "SQRT"),
    mapped!(Rsqrt, "", "RSQRT"),
    mapped!(Reciprocal, "Reciprocal", ""),
    mapped!(Square, "", "SQUARE"),
    mapped!(Abs, "Abs", "ABS"),
    mapped!(Neg, "Neg", "NEG"),
    mapped!(Sign, "Sign", "SIGN"),
    mapped!(Floor, "Floor", "FLOOR"),
    mapped!(Ceil, "Ceil", "CEIL"),
    mapped!(Round, "Round", "ROUND"),
    mapped!(Erf, "Erf", ""),
    mapped!(Sin, "Sin", "SIN"),
    mapped!(Cos, "Cos", "COS"),
    mapped!(Tan, "Tan", ""),
    mapped!(Asin, "Asin", ""),
    mapped!(Acos, "Acos", ""),
    mapped!(Atan, "Atan", ""),
    mapped!(Sinh, "Sinh", ""),
    mapped!(Cosh, "Cosh", ""),
    mapped!(Asinh, "Asinh", ""),
    mapped!(Acosh, "Acosh", ""),
    mapped!(Atanh, "Atanh", ""),
    Family { name: "IsNaN", onnx: "IsNaN", tflite: "", parts: &[&[Run::OnFloats(Function::NotEqual)]], limits: "" },
    Family {
        name: "IsInf",
        onnx: "IsInf",
        tflite: "",
        parts: &[&[Run::OnFloats(Function::Less), Run::OnFloats(Function::Or)]],
        limits: "",
    },
];
