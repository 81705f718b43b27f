//! Convolutions and products of matrices.

use kinglet_blob::OpCode;

use super::{Family, Run};

const CONV: &[Run] = &[
    Run::Op(OpCode::Conv2d),
    Run::Instead(OpCode::Depthwise),
    Run::Op(OpCode::AsymmetricConv2d),
    Run::Op(OpCode::HybridConv2d),
    // Of volumes and of wide kernels parts are added up; a fused activation may be any function.
    Run::Instead(OpCode::Add),
    Run::Instead(OpCode::Map),
];
const DEPTHWISE: &[Run] =
    &[Run::Op(OpCode::Depthwise), Run::Op(OpCode::AsymmetricConv2d), Run::Op(OpCode::HybridConv2d)];
const PRODUCT: &[Run] = &[
    Run::Op(OpCode::FullyConnected),
    Run::Op(OpCode::MatMul),
    Run::Op(OpCode::AsymmetricConv2d),
    Run::Op(OpCode::HybridConv2d),
    Run::Instead(OpCode::Map),
];
/// Of weights in blocks the sums are added up.
const PRODUCTS: &[Run] =
    &[PRODUCT[0], PRODUCT[1], PRODUCT[2], PRODUCT[3], Run::Instead(OpCode::Reduce), Run::Instead(OpCode::Add)];
const SUM_OF_PRODUCTS: &[Run] = &[
    Run::Op(OpCode::FullyConnected),
    Run::Op(OpCode::MatMul),
    Run::Op(OpCode::AsymmetricConv2d),
    Run::Op(OpCode::Mul),
    Run::Op(OpCode::Reduce),
];

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "Conv2D",
        onnx: "Conv QLinearConv ConvInteger com.microsoft.FusedConv",
        tflite: "CONV_2D",
        parts: &[CONV],
        limits: "one to three spatial axes, constant weights; dilation and padding up to 255",
    },
    Family {
        name: "DepthwiseConv2D",
        onnx: "",
        tflite: "DEPTHWISE_CONV_2D",
        parts: &[DEPTHWISE],
        limits: "as Conv2D; of ONNX a Conv with a group for each channel",
    },
    Family {
        name: "TransposeConv2D",
        onnx: "ConvTranspose",
        tflite: "TRANSPOSE_CONV",
        parts: &[&[Run::Op(OpCode::TransposeConv)]],
        limits: "one or two spatial axes, constant weights, no dilation",
    },
    Family {
        name: "FullyConnected",
        onnx: "Gemm com.microsoft.QGemm com.microsoft.FusedGemm",
        tflite: "FULLY_CONNECTED",
        parts: &[PRODUCT],
        limits: "two computed factors are a MatMul",
    },
    Family {
        name: "MatMul",
        onnx: "MatMul QLinearMatMul MatMulInteger com.microsoft.FusedMatMul com.microsoft.MatMulNBits",
        tflite: "BATCH_MATMUL",
        parts: &[PRODUCTS],
        limits: "leading axes repeat along at most three groups; of a constant factor it is a FullyConnected",
    },
    Family {
        name: "Einsum",
        onnx: "Einsum",
        tflite: "",
        parts: &[SUM_OF_PRODUCTS, &[Run::Op(OpCode::Rearrange)]],
        limits: "one or two operands, each letter once in each",
    },
    Family {
        name: "Attention",
        onnx: "Attention",
        tflite: "",
        parts: &[&[Run::Op(OpCode::MatMul)], &[Run::Op(OpCode::Add)], &[Run::Op(OpCode::Softmax)]],
        limits: "three or four axes, a constant number of keys",
    },
    Family {
        name: "Recurrent",
        onnx: "RNN GRU LSTM",
        tflite: "UNIDIRECTIONAL_SEQUENCE_LSTM",
        parts: &[&[Run::Op(OpCode::Recurrent)]],
        limits: "sequences of one length, constant weights, functions Sigmoid, Tanh and Relu, no peepholes, gates of their own",
    },
    Family {
        name: "RotaryEmbedding",
        onnx: "RotaryEmbedding com.microsoft.RotaryEmbedding",
        tflite: "",
        parts: &[&[Run::Op(OpCode::Mul)], &[Run::Op(OpCode::Add), Run::Instead(OpCode::Combine)]],
        limits: "three or four axes",
    },
];
