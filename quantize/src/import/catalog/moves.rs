//! Operators that change shapes or move elements.

use kinglet_blob::OpCode;

use super::{Family, Run};

const COPY: &[Run] = &[Run::Op(OpCode::Copy)];
const MOVE: &[Run] = &[Run::Op(OpCode::Rearrange), Run::Op(OpCode::Copy)];
const TAKE: &[Run] = &[Run::Op(OpCode::Take), Run::Op(OpCode::Rearrange), Run::Op(OpCode::Copy)];
/// By indices: those that are constant need none at run time, those that are computed are brought into range there.
const GATHER: &[Run] = &[
    Run::Op(OpCode::Gather),
    Run::Instead(OpCode::Take),
    Run::Instead(OpCode::Rearrange),
    Run::Instead(OpCode::Combine),
    Run::Instead(OpCode::Cast),
];
const SCATTER: &[Run] = &[
    Run::Op(OpCode::Scatter),
    Run::Instead(OpCode::Combine),
    Run::Instead(OpCode::Cast),
    Run::Instead(OpCode::Select),
];
const SUPPRESS: &[Run] = &[
    Run::Op(OpCode::Suppress),
    Run::Instead(OpCode::Combine),
    Run::Instead(OpCode::Gather),
    Run::Instead(OpCode::Select),
    Run::Instead(OpCode::Cast),
    Run::Instead(OpCode::Reduce),
];
const RANK: &[Run] =
    &[Run::Op(OpCode::Rank), Run::Instead(OpCode::Gather), Run::Instead(OpCode::Combine), Run::Instead(OpCode::Cast)];
const PAD: &[Run] = &[Run::Op(OpCode::Pad), Run::Instead(OpCode::Take), Run::Instead(OpCode::Rearrange)];
const RESIZE: &[Run] = &[
    Run::Op(OpCode::Resample),
    Run::Op(OpCode::ResizeBilinear),
    Run::Instead(OpCode::Take),
    Run::Instead(OpCode::Rearrange),
];
const FIXED: &str = "constant shapes";

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "Reshape",
        onnx: "Reshape Flatten Squeeze Unsqueeze",
        tflite: "RESHAPE SQUEEZE EXPAND_DIMS",
        parts: &[COPY],
        limits: FIXED,
    },
    Family {
        name: "Identity",
        onnx: "Identity Dropout",
        tflite: "",
        parts: &[],
        limits: "Dropout: inference mode, without its mask",
    },
    Family {
        name: "Concat",
        onnx: "Concat com.microsoft.QLinearConcat",
        tflite: "CONCATENATION PACK",
        parts: &[COPY],
        limits: "",
    },
    Family { name: "Split", onnx: "Split", tflite: "SPLIT SPLIT_V UNPACK", parts: &[MOVE], limits: "constant sizes" },
    Family {
        name: "Slice",
        onnx: "Slice",
        tflite: "SLICE STRIDED_SLICE",
        parts: &[MOVE],
        limits: "constant numbers; any steps but 0, and at least one element",
    },
    Family { name: "Transpose", onnx: "Transpose", tflite: "TRANSPOSE", parts: &[MOVE], limits: "" },
    Family {
        name: "Pad",
        onnx: "Pad",
        tflite: "PAD PADV2 MIRROR_PAD",
        parts: &[PAD],
        limits: "constant pads, one constant value. By reflection, edge or wrapping: any type",
    },
    Family { name: "Expand", onnx: "Expand Tile", tflite: "BROADCAST_TO TILE", parts: &[TAKE], limits: FIXED },
    Family {
        name: "Gather",
        onnx: "Gather GatherElements GatherND",
        tflite: "GATHER GATHER_ND EMBEDDING_LOOKUP",
        parts: &[GATHER],
        limits: "an index outside means the nearest place",
    },
    Family {
        name: "Scatter",
        onnx: "Scatter ScatterElements ScatterND TensorScatter",
        tflite: "SCATTER_ND DYNAMIC_UPDATE_SLICE",
        parts: &[SCATTER],
        limits: "an index outside means the nearest place; of TensorFlow Lite float32 and int32",
    },
    Family {
        name: "ArgMax",
        onnx: "ArgMax ArgMin TopK",
        tflite: "ARG_MAX ARG_MIN TOPK_V2",
        parts: &[RANK],
        limits: "a constant number of elements",
    },
    Family {
        name: "OneHot",
        onnx: "OneHot",
        tflite: "ONE_HOT",
        parts: &[&[Run::Op(OpCode::Select), Run::Instead(OpCode::Combine)]],
        limits: "a constant depth, constant values",
    },
    Family {
        name: "NonMaxSuppression",
        onnx: "NonMaxSuppression",
        tflite: "NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5",
        parts: &[SUPPRESS],
        limits: "constant numbers and thresholds, no soft suppression; of ONNX as many rows as there can be boxes, of -1 \
                 behind the last one; `kinglet run` ends an output before them",
    },
    Family {
        name: "DetectionPostProcess",
        onnx: "",
        tflite: "TFLite_Detection_PostProcess",
        parts: &[&[Run::Op(OpCode::Detect)]],
        limits: "constant anchors; regular and fast",
    },
    Family { name: "Compress", onnx: "Compress", tflite: "", parts: &[TAKE], limits: "a constant condition" },
    Family {
        name: "Reverse",
        onnx: "ReverseSequence",
        tflite: "REVERSE_V2 REVERSE_SEQUENCE",
        parts: &[&[TAKE[0], TAKE[1], TAKE[2], Run::Instead(OpCode::Gather), Run::Instead(OpCode::Combine)]],
        limits: "constant axes",
    },
    Family {
        name: "CenterCropPad",
        onnx: "CenterCropPad",
        tflite: "",
        parts: &[&[PAD[0], PAD[1], PAD[2], Run::Instead(OpCode::Copy)]],
        limits: "a constant shape",
    },
    Family {
        name: "DepthToSpace",
        onnx: "DepthToSpace",
        tflite: "DEPTH_TO_SPACE",
        parts: &[MOVE],
        limits: "four axes",
    },
    Family {
        name: "SpaceToDepth",
        onnx: "SpaceToDepth",
        tflite: "SPACE_TO_DEPTH",
        parts: &[MOVE],
        limits: "four axes",
    },
    Family {
        name: "BatchToSpace",
        onnx: "",
        tflite: "BATCH_TO_SPACE_ND",
        parts: &[MOVE],
        limits: "constant blocks and crops",
    },
    Family {
        name: "SpaceToBatch",
        onnx: "",
        tflite: "SPACE_TO_BATCH_ND",
        parts: &[MOVE, &[Run::Op(OpCode::Pad)]],
        limits: "constant blocks and paddings",
    },
    Family {
        name: "Resize",
        onnx: "Resize Upsample",
        tflite: "RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR",
        parts: &[RESIZE],
        limits: "constant sizes; nearest (of any type), linear and cubic with every coordinate mode",
    },
];
