//! The operators of TensorFlow Lite by code: what they are called, and what to use instead of those that
//! Kinglet does not run.

pub(super) const ADD: i32 = 0;
pub(super) const AVERAGE_POOL_2D: i32 = 1;
pub(super) const CONCATENATION: i32 = 2;
pub(super) const CONV_2D: i32 = 3;
pub(super) const DEPTHWISE_CONV_2D: i32 = 4;
pub(super) const DEQUANTIZE: i32 = 6;
pub(super) const FULLY_CONNECTED: i32 = 9;
pub(super) const LOGISTIC: i32 = 14;
pub(super) const MAX_POOL_2D: i32 = 17;
pub(super) const MUL: i32 = 18;
pub(super) const RELU: i32 = 19;
pub(super) const RELU6: i32 = 21;
pub(super) const RESHAPE: i32 = 22;
pub(super) const SOFTMAX: i32 = 25;
pub(super) const TANH: i32 = 28;
pub(super) const CUSTOM: i32 = 32;
pub(super) const PAD: i32 = 34;
pub(super) const MEAN: i32 = 40;
pub(super) const SQUEEZE: i32 = 43;
pub(super) const STRIDED_SLICE: i32 = 45;
pub(super) const SPLIT: i32 = 49;
pub(super) const SLICE: i32 = 65;
pub(super) const TRANSPOSE_CONV: i32 = 67;
pub(super) const EXPAND_DIMS: i32 = 70;
pub(super) const SPLIT_V: i32 = 102;
pub(super) const QUANTIZE: i32 = 114;
pub(super) const CALL_ONCE: i32 = 129;
pub(super) const VAR_HANDLE: i32 = 142;
pub(super) const READ_VARIABLE: i32 = 143;
pub(super) const ASSIGN_VARIABLE: i32 = 144;

/// The schema's name of operator `code`.
pub(super) fn operator_name(code: i32) -> &'static str {
    usize::try_from(code).ok().and_then(|code| NAMES.get(code)).copied().unwrap_or("unknown operator")
}

/// The nearest thing to operator `code` that would work.
pub(super) fn nearest(code: i32) -> &'static str {
    match operator_name(code) {
        "SUB" => "use ADD with the negated operand",
        "DIV" => "use MUL with the reciprocal, when the divisor is constant",
        "BATCH_MATMUL" => "use a dense layer (FULLY_CONNECTED), when one factor is constant",
        "LEAKY_RELU" | "PRELU" | "ELU" | "HARD_SWISH" | "GELU" | "RELU_N1_TO_1" | "RELU_0_TO_1" => {
            "use RELU or RELU6 and train again"
        }
        "PADV2" | "MIRROR_PAD" => "use PAD with zeros",
        "SUM" => "use MEAN",
        "REDUCE_MAX" => "use MAX_POOL_2D over the whole extent",
        "TRANSPOSE" => "export the model channels-last, so that no transposition is left",
        "LOG_SOFTMAX" | "ARG_MAX" => "end the model with SOFTMAX or its logits and do this step in the application",
        "CONV_3D" | "CONV_3D_TRANSPOSE" => "use CONV_2D or DEPTHWISE_CONV_2D",
        "LSTM"
        | "UNIDIRECTIONAL_SEQUENCE_LSTM"
        | "BIDIRECTIONAL_SEQUENCE_LSTM"
        | "RNN"
        | "SVDF"
        | "UNIDIRECTIONAL_SEQUENCE_RNN"
        | "BIDIRECTIONAL_SEQUENCE_RNN" => "use convolutions over time",
        "SHAPE" | "PACK" | "GATHER" => {
            "export with a fixed input shape, so that shapes are constants, and reshape by RESHAPE"
        }
        "CAST" => "use QUANTIZE or DEQUANTIZE",
        _ => "build the layer from the supported operators (convolution, dense, pooling, ADD, MUL, SOFTMAX, ...)",
    }
}

#[rustfmt::skip] // A table of words reads better in lines than in a column.
const NAMES: [&str; 210] = [
    "ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "DEPTH_TO_SPACE", "DEQUANTIZE",
    "EMBEDDING_LOOKUP", "FLOOR", "FULLY_CONNECTED", "HASHTABLE_LOOKUP", "L2_NORMALIZATION", "L2_POOL_2D",
    "LOCAL_RESPONSE_NORMALIZATION", "LOGISTIC", "LSH_PROJECTION", "LSTM", "MAX_POOL_2D", "MUL", "RELU",
    "RELU_N1_TO_1", "RELU6", "RESHAPE", "RESIZE_BILINEAR", "RNN", "SOFTMAX", "SPACE_TO_DEPTH", "SVDF", "TANH",
    "CONCAT_EMBEDDINGS", "SKIP_GRAM", "CALL", "CUSTOM", "EMBEDDING_LOOKUP_SPARSE", "PAD",
    "UNIDIRECTIONAL_SEQUENCE_RNN", "GATHER", "BATCH_TO_SPACE_ND", "SPACE_TO_BATCH_ND", "TRANSPOSE", "MEAN", "SUB",
    "DIV", "SQUEEZE", "UNIDIRECTIONAL_SEQUENCE_LSTM", "STRIDED_SLICE", "BIDIRECTIONAL_SEQUENCE_RNN", "EXP", "TOPK_V2",
    "SPLIT", "LOG_SOFTMAX", "DELEGATE", "BIDIRECTIONAL_SEQUENCE_LSTM", "CAST", "PRELU", "MAXIMUM", "ARG_MAX",
    "MINIMUM", "LESS", "NEG", "PADV2", "GREATER", "GREATER_EQUAL", "LESS_EQUAL", "SELECT", "SLICE", "SIN",
    "TRANSPOSE_CONV", "SPARSE_TO_DENSE", "TILE", "EXPAND_DIMS", "EQUAL", "NOT_EQUAL", "LOG", "SUM", "SQRT", "RSQRT",
    "SHAPE", "POW", "ARG_MIN", "FAKE_QUANT", "REDUCE_PROD", "REDUCE_MAX", "PACK", "LOGICAL_OR", "ONE_HOT",
    "LOGICAL_AND", "LOGICAL_NOT", "UNPACK", "REDUCE_MIN", "FLOOR_DIV", "REDUCE_ANY", "SQUARE", "ZEROS_LIKE", "FILL",
    "FLOOR_MOD", "RANGE", "RESIZE_NEAREST_NEIGHBOR", "LEAKY_RELU", "SQUARED_DIFFERENCE", "MIRROR_PAD", "ABS",
    "SPLIT_V", "UNIQUE", "CEIL", "REVERSE_V2", "ADD_N", "GATHER_ND", "COS", "WHERE", "RANK", "ELU",
    "REVERSE_SEQUENCE", "MATRIX_DIAG", "QUANTIZE", "MATRIX_SET_DIAG", "ROUND", "HARD_SWISH", "IF", "WHILE",
    "NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5", "SCATTER_ND", "SELECT_V2", "DENSIFY", "SEGMENT_SUM",
    "BATCH_MATMUL", "PLACEHOLDER_FOR_GREATER_OP_CODES", "CUMSUM", "CALL_ONCE", "BROADCAST_TO", "RFFT2D", "CONV_3D",
    "IMAG", "REAL", "COMPLEX_ABS", "HASHTABLE", "HASHTABLE_FIND", "HASHTABLE_IMPORT", "HASHTABLE_SIZE", "REDUCE_ALL",
    "CONV_3D_TRANSPOSE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "BROADCAST_ARGS", "RANDOM_STANDARD_NORMAL",
    "BUCKETIZE", "RANDOM_UNIFORM", "MULTINOMIAL", "GELU", "DYNAMIC_UPDATE_SLICE", "RELU_0_TO_1",
    "UNSORTED_SEGMENT_PROD", "UNSORTED_SEGMENT_MAX", "UNSORTED_SEGMENT_SUM", "ATAN2", "UNSORTED_SEGMENT_MIN", "SIGN",
    "BITCAST", "BITWISE_XOR", "RIGHT_SHIFT", "STABLEHLO_LOGISTIC", "STABLEHLO_ADD", "STABLEHLO_DIVIDE",
    "STABLEHLO_MULTIPLY", "STABLEHLO_MAXIMUM", "STABLEHLO_RESHAPE", "STABLEHLO_CLAMP", "STABLEHLO_CONCATENATE",
    "STABLEHLO_BROADCAST_IN_DIM", "STABLEHLO_CONVOLUTION", "STABLEHLO_SLICE", "STABLEHLO_CUSTOM_CALL",
    "STABLEHLO_REDUCE", "STABLEHLO_ABS", "STABLEHLO_AND", "STABLEHLO_COSINE", "STABLEHLO_EXPONENTIAL",
    "STABLEHLO_FLOOR", "STABLEHLO_LOG", "STABLEHLO_MINIMUM", "STABLEHLO_NEGATE", "STABLEHLO_OR", "STABLEHLO_POWER",
    "STABLEHLO_REMAINDER", "STABLEHLO_RSQRT", "STABLEHLO_SELECT", "STABLEHLO_SUBTRACT", "STABLEHLO_TANH",
    "STABLEHLO_SCATTER", "STABLEHLO_COMPARE", "STABLEHLO_CONVERT", "STABLEHLO_DYNAMIC_SLICE",
    "STABLEHLO_DYNAMIC_UPDATE_SLICE", "STABLEHLO_PAD", "STABLEHLO_IOTA", "STABLEHLO_DOT_GENERAL",
    "STABLEHLO_REDUCE_WINDOW", "STABLEHLO_SORT", "STABLEHLO_WHILE", "STABLEHLO_GATHER", "STABLEHLO_TRANSPOSE",
    "DILATE", "STABLEHLO_RNG_BIT_GENERATOR", "REDUCE_WINDOW", "STABLEHLO_COMPOSITE", "STABLEHLO_SHIFT_LEFT",
    "STABLEHLO_CBRT", "STABLEHLO_CASE",
];
