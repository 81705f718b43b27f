//! Functions of two tensors, element by element, with broadcasting: sums, comparisons, logic, choice.

use kinglet_blob::{Function, OpCode};
use kinglet_kernels::along;

use super::{Family, Run};

/// A family without limits, or with those behind it.
macro_rules! two {
    ($name:literal, $onnx:literal, $tflite:literal, $parts:expr) => {
        two!($name, $onnx, $tflite, $parts, "")
    };
    ($name:literal, $onnx:literal, $tflite:literal, $parts:expr, $limits:expr) => {
        Family { name: $name, onnx: $onnx, tflite: $tflite, parts: $parts, limits: $limits }
    };
}

const SUM: &[Run] = &[Run::Op(OpCode::Add), Run::Two(Function::Add)];
const PRODUCT: &[Run] = &[Run::Op(OpCode::Mul), Run::Two(Function::Mul)];
const LESS: &[&[Run]] = &[&[Run::Two(Function::Less)]];
const LESS_EQUAL: &[&[Run]] = &[&[Run::Two(Function::LessEqual)]];
const INTEGERS: &str = "64-bit integers are kept in 32 bits";

pub(super) const FAMILIES: &[Family] = &[
    two!("Add", "Add Sum com.microsoft.QLinearAdd", "ADD", &[SUM]),
    two!("AddN", "", "ADD_N", &[&[Run::Along(along::Function::SumUpTo), Run::Instead(OpCode::Add)]]),
    two!("Sub", "Sub", "SUB", &[&[Run::Two(Function::Sub), Run::Instead(OpCode::Add)]]),
    two!("Mul", "Mul com.microsoft.QLinearMul", "MUL", &[PRODUCT]),
    two!(
        "Div",
        "Div",
        "DIV",
        &[&[Run::Two(Function::Div), Run::Instead(OpCode::Mul)]],
        "an int8 file's is computed on int8; our quantizer leaves it on float32"
    ),
    two!("Pow", "Pow", "POW", &[&[Run::Two(Function::Pow), Run::Instead(OpCode::Mul)]]),
    two!("FloorDiv", "", "FLOOR_DIV", &[&[Run::Two(Function::FloorDiv)]]),
    two!("Mod", "Mod", "FLOOR_MOD", &[&[Run::Two(Function::FloorMod), Run::Two(Function::Remainder)]]),
    two!("Max", "Max", "MAXIMUM", &[&[Run::Two(Function::Max)]]),
    two!("Min", "Min", "MINIMUM", &[&[Run::Two(Function::Min)]]),
    two!("Mean of tensors", "Mean", "", &[SUM, PRODUCT]),
    two!("SquaredDifference", "", "SQUARED_DIFFERENCE", &[&[Run::Two(Function::SquaredDifference)]]),
    two!("PRelu", "PRelu", "PRELU", &[&[Run::Two(Function::PRelu)]]),
    two!("Equal", "Equal", "EQUAL", &[&[Run::Two(Function::Equal)]]),
    two!("NotEqual", "", "NOT_EQUAL", &[&[Run::Two(Function::NotEqual)]]),
    two!("Less", "Less", "LESS", LESS),
    two!("LessOrEqual", "LessOrEqual", "LESS_EQUAL", LESS_EQUAL),
    two!("Greater", "Greater", "GREATER", LESS),
    two!("GreaterOrEqual", "GreaterOrEqual", "GREATER_EQUAL", LESS_EQUAL),
    two!("And", "And BitwiseAnd", "LOGICAL_AND", &[&[Run::Two(Function::And)]], INTEGERS),
    two!("Or", "Or BitwiseOr", "LOGICAL_OR", &[&[Run::Two(Function::Or)]], INTEGERS),
    two!("Xor", "Xor BitwiseXor", "BITWISE_XOR", &[&[Run::Two(Function::Xor)]], INTEGERS),
    two!("Not", "Not BitwiseNot", "LOGICAL_NOT", &[&[Run::Two(Function::Xor)]], INTEGERS),
    two!(
        "Shift",
        "BitShift",
        "RIGHT_SHIFT",
        &[&[Run::Two(Function::ShiftLeft), Run::Two(Function::ShiftRight)]],
        INTEGERS
    ),
    Family {
        name: "Select",
        onnx: "Where",
        tflite: "SELECT SELECT_V2",
        // Its record is told by the condition; what is chosen has any type that can be moved.
        parts: &[&[Run::Op(OpCode::Select)]],
        limits: "the condition is bool, the elements are of any type; 64-bit integers are kept in 32 bits",
    },
];
