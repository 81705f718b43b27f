//! Quantization, changes of type, constants, control, and variables.

use kinglet_blob::{Function, MapFunction, OpCode};

use super::{Family, Run};

const CAST: &[Run] = &[Run::Op(OpCode::Cast), Run::Map(MapFunction::Float16), Run::Map(MapFunction::Bfloat16)];
/// A variable whose next value is computed elsewhere.
const COPY: &[Run] = &[Run::Op(OpCode::Copy)];
const NUMBERS: &str = "on import, of what is known then: shapes and constants";

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "Quantize",
        onnx: "QuantizeLinear",
        tflite: "QUANTIZE",
        parts: &[&[Run::Op(OpCode::Quantize), Run::Table]],
        limits: "codes of 8 bits (TensorFlow Lite: 16 as well), one scale for a tensor",
    },
    Family {
        name: "Dequantize",
        onnx: "DequantizeLinear",
        tflite: "DEQUANTIZE",
        parts: &[&[Run::Op(OpCode::Dequantize)]],
        limits: "codes of 8 bits (TensorFlow Lite: 16 as well); computed codes per tensor, constants per channel or in blocks too",
    },
    Family {
        name: "DynamicQuantize",
        onnx: "DynamicQuantizeLinear",
        tflite: "",
        parts: &[&[
            Run::OnFloats(Function::Div),
            Run::Instead(OpCode::ReduceMax),
            Run::Instead(OpCode::Reduce),
            Run::Instead(OpCode::Select),
            Run::Instead(OpCode::Map),
        ]],
        limits: "the codes are floats in a blob; constant weights behind them keep the file's",
    },
    Family {
        name: "Cast",
        onnx: "Cast CastLike",
        tflite: "CAST",
        parts: &[CAST],
        limits: "no quantized codes; 64-bit integers are kept in 32 bits; float16 and bfloat16 are float32 rounded to them",
    },
    Family { name: "Densify", onnx: "", tflite: "DENSIFY", parts: &[], limits: "made dense on import" },
    Family {
        name: "Constant",
        onnx: "Constant ConstantOfShape Shape Size Range NonZero",
        tflite: "SHAPE RANK FILL RANGE ZEROS_LIKE BROADCAST_ARGS",
        parts: &[],
        limits: NUMBERS,
    },
    Family {
        name: "If",
        onnx: "If",
        tflite: "",
        // What its branches are made of, when both run.
        parts: &[&[Run::Op(OpCode::Select), Run::Instead(OpCode::Map)]],
        limits: "a condition that is computed runs both branches, which then may have no variables",
    },
    Family {
        name: "Loop",
        onnx: "Loop",
        tflite: "",
        parts: &[],
        limits: "trips that are known on import, up to 1,000; they are written out",
    },
    Family {
        name: "Variable",
        onnx: "",
        tflite: "VAR_HANDLE READ_VARIABLE ASSIGN_VARIABLE CALL_ONCE",
        parts: &[COPY],
        limits: "initialized with constants; the variable lives in the arena",
    },
];
