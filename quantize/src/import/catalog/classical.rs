//! Classical machine learning: what converters of scikit-learn, XGBoost and LightGBM write.

use kinglet_blob::{Function, OpCode};
use kinglet_kernels::along;

use super::{Family, Run};

/// What makes labels and probabilities of scores.
const SCORES: &[Run] = &[
    Run::Instead(OpCode::Rank),
    Run::Instead(OpCode::Gather),
    Run::Instead(OpCode::Cast),
    Run::Instead(OpCode::Combine),
    Run::Instead(OpCode::Select),
    Run::Instead(OpCode::Softmax),
    Run::Instead(OpCode::Logistic),
    Run::Instead(OpCode::Map),
    Run::Instead(OpCode::ReduceMax),
    Run::Instead(OpCode::Reduce),
    // Scores that stay as they are.
    Run::Op(OpCode::Copy),
    Run::Instead(OpCode::Add),
    Run::Instead(OpCode::Mul),
];
const LINEAR: &[Run] = &[Run::Op(OpCode::FullyConnected)];
/// Sums of squared differences.
const DISTANCES: &[Run] = &[
    Run::Two(Function::SquaredDifference),
    Run::Two(Function::Sub),
    Run::Instead(OpCode::Reduce),
    Run::Instead(OpCode::Copy),
    Run::Instead(OpCode::Map),
];
/// Kernels of support vectors and their sums.
const SUPPORT: &[Run] = &[
    Run::Op(OpCode::FullyConnected),
    Run::Instead(OpCode::Reduce),
    Run::Instead(OpCode::Tanh),
    Run::Instead(OpCode::Map),
    Run::Instead(OpCode::Take),
];
const TEXTS: &str = "texts are encoded before the model";

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "Trees",
        onnx: "ai.onnx.ml.TreeEnsembleClassifier ai.onnx.ml.TreeEnsembleRegressor ai.onnx.ml.TreeEnsemble",
        tflite: "",
        parts: &[&[Run::Op(OpCode::Trees)], SCORES],
        limits: "no PROBIT, no BRANCH_MEMBER; up to 4,096 features",
    },
    Family {
        name: "LinearModel",
        onnx: "ai.onnx.ml.LinearClassifier ai.onnx.ml.LinearRegressor",
        tflite: "",
        parts: &[LINEAR, SCORES],
        limits: "no PROBIT",
    },
    Family {
        name: "SupportVectors",
        onnx: "ai.onnx.ml.SVMClassifier ai.onnx.ml.SVMRegressor",
        tflite: "",
        parts: &[SUPPORT, DISTANCES, SCORES],
        limits: "no probabilities (prob_a), no PROBIT",
    },
    Family {
        name: "Distances",
        onnx: "com.microsoft.CDist Scan",
        tflite: "",
        parts: &[DISTANCES],
        limits: "constant points; of loops over tensors only the one that computes distances",
    },
    Family {
        name: "Scaler",
        onnx: "ai.onnx.ml.Scaler",
        tflite: "",
        parts: &[&[Run::Op(OpCode::Mul), Run::Instead(OpCode::Add), Run::Instead(OpCode::Combine)]],
        limits: "",
    },
    Family {
        name: "Normalizer",
        onnx: "ai.onnx.ml.Normalizer",
        tflite: "",
        parts: &[&[
            Run::Along(along::Function::L1),
            Run::Along(along::Function::L2),
            Run::OnFloats(Function::Div),
            Run::Instead(OpCode::ReduceMax),
            Run::Instead(OpCode::Reduce),
            Run::Instead(OpCode::Select),
        ]],
        limits: "",
    },
    Family {
        name: "Imputer",
        onnx: "ai.onnx.ml.Imputer",
        tflite: "",
        parts: &[&[Run::OnFloats(Function::NotEqual), Run::OnFloats(Function::Equal), Run::Instead(OpCode::Select)]],
        limits: "",
    },
    Family {
        name: "Binarizer",
        onnx: "ai.onnx.ml.Binarizer",
        tflite: "",
        parts: &[&[Run::OnFloats(Function::Less), Run::Instead(OpCode::Cast)]],
        limits: "",
    },
    Family {
        name: "Categories",
        onnx: "ai.onnx.ml.OneHotEncoder ai.onnx.ml.LabelEncoder",
        tflite: "",
        parts: &[&[
            Run::Two(Function::Equal),
            Run::Instead(OpCode::Gather),
            Run::Instead(OpCode::Cast),
            Run::Instead(OpCode::Select),
            Run::Instead(OpCode::Reduce),
        ]],
        limits: TEXTS,
    },
    Family {
        name: "Features",
        onnx: "ai.onnx.ml.FeatureVectorizer ai.onnx.ml.ArrayFeatureExtractor",
        tflite: "",
        parts: &[&[Run::Op(OpCode::Copy), Run::Op(OpCode::Take), Run::Op(OpCode::Gather), Run::Instead(OpCode::Cast)]],
        limits: "",
    },
    Family {
        name: "ZipMap",
        onnx: "ai.onnx.ml.ZipMap",
        tflite: "",
        parts: &[],
        limits: "the tensor of probabilities is the output; the names of its columns are in the manifest",
    },
];
