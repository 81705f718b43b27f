//! The list of operators that are read: a row for each, with the functions that make nodes or numbers of it.
//!
//! A composite operator is taken apart in its function and nowhere else.

use super::attributes::Call;
use super::constant::Constant;
use super::fold::{self, Known};
use super::fold_moves;
use super::{
    Entry, Importer, activation, attention, cast, classical, combine, contrib, control, conv_transpose, convolution,
    dense, dynamic, elementwise, indices, matrices, moves, nbits, normalization, pool, qoperator, quantized, recurrent,
    reduction, reshape, resize, rotary, slice,
};
use crate::import::build::{Convert, Remedies};
use crate::op::MapFunction;

/// An operator that is read.
pub(super) struct Row {
    /// What ONNX calls it.
    pub(super) name: &'static str,
    pub(super) conversion: Conversion,
    pub(super) fold: Fold,
}

/// Makes nodes of an operator whose operands are known; what it gives are its results.
#[derive(Clone, Copy)]
pub(super) enum Conversion {
    /// The one that it has.
    One(fn(&mut Importer<'_>, &Call<'_>) -> Convert<Entry>),
    /// All of them, in order.
    Several(fn(&mut Importer<'_>, &Call<'_>) -> Convert<Vec<Entry>>),
    /// It is only ever computed on import.
    Never,
}

/// Computes an operator's result on import.
#[derive(Clone, Copy)]
pub(super) enum Fold {
    Never,
    /// When all its operands are constants.
    Constants(fn(&Known<'_>) -> Convert<Constant>),
    Always(fn(&Importer<'_>, &Call<'_>) -> Convert<Constant>),
}

/// A function of one element without attributes.
macro_rules! mapped {
    ($name:literal, $function:ident) => {
        Row::one($name, |importer, call| activation::plain(importer, call, MapFunction::$function))
            .or_folded(|known| fold::mapped(known, MapFunction::$function))
    };
}

/// Every operator that is read.
pub(super) const ROWS: &[Row] = &[
    Row::one("Conv", convolution::conv),
    Row::one("ConvTranspose", conv_transpose::conv_transpose),
    Row::one("Gemm", dense::gemm),
    Row::one("MatMul", dense::mat_mul),
    Row::one("Einsum", matrices::einsum),
    Row::several("Attention", attention::attention),
    Row::one("RotaryEmbedding", rotary::standard),
    Row::one("BatchNormalization", dense::batch_normalization),
    Row::one("Relu", activation::relu),
    Row::one("Sigmoid", elementwise::sigmoid),
    Row::one("Tanh", elementwise::tanh),
    Row::one("Clip", activation::clip),
    mapped!("Exp", Exp),
    mapped!("Log", Log),
    mapped!("Sqrt", Sqrt),
    mapped!("Reciprocal", Reciprocal),
    mapped!("Abs", Abs),
    mapped!("Neg", Neg),
    mapped!("Sign", Sign),
    mapped!("Floor", Floor),
    mapped!("Ceil", Ceil),
    mapped!("Round", Round),
    mapped!("Erf", Erf),
    mapped!("Softplus", Softplus),
    mapped!("Softsign", Softsign),
    mapped!("HardSwish", HardSwish),
    mapped!("Mish", Mish),
    mapped!("Sin", Sin),
    mapped!("Cos", Cos),
    mapped!("Tan", Tan),
    mapped!("Asin", Asin),
    mapped!("Acos", Acos),
    mapped!("Atan", Atan),
    mapped!("Sinh", Sinh),
    mapped!("Cosh", Cosh),
    mapped!("Asinh", Asinh),
    mapped!("Acosh", Acosh),
    mapped!("Atanh", Atanh),
    Row::one("LeakyRelu", |importer, call| activation::with_alpha(importer, call, MapFunction::LeakyRelu, 0.01)),
    Row::one("ThresholdedRelu", |importer, call| {
        activation::with_alpha(importer, call, MapFunction::ThresholdedRelu, 1.0)
    }),
    Row::one("Swish", |importer, call| activation::with_alpha(importer, call, MapFunction::Swish, 1.0)),
    Row::one("HardSigmoid", activation::hard_sigmoid),
    Row::one("Elu", activation::elu),
    Row::one("Selu", activation::selu),
    Row::one("Celu", activation::celu),
    Row::one("Gelu", activation::gelu),
    Row::one("Shrink", activation::shrink),
    Row::one("Softmax", elementwise::softmax),
    Row::one("MaxPool", pool::max_pool),
    Row::one("AveragePool", pool::average_pool),
    Row::one("LpPool", pool::lp_pool),
    Row::one("GlobalLpPool", pool::global_lp_pool),
    Row::one("GlobalAveragePool", reduction::global_average_pool),
    Row::one("GlobalMaxPool", reduction::global_max_pool),
    Row::one("ReduceMean", reduction::reduce_mean),
    Row::one("LayerNormalization", normalization::layer_normalization),
    Row::one("RMSNormalization", normalization::rms_normalization),
    // onnxruntime's name for it, without a domain.
    Row::one("SimplifiedLayerNormalization", normalization::rms_normalization),
    Row::one("InstanceNormalization", normalization::instance_normalization),
    Row::one("GroupNormalization", normalization::group_normalization),
    Row::one("MeanVarianceNormalization", normalization::mean_variance_normalization),
    Row::one("LpNormalization", normalization::lp_normalization),
    Row::one("LRN", normalization::local_response),
    Row::one("LogSoftmax", normalization::log_softmax),
    Row::one("Hardmax", normalization::hardmax),
    Row::one("CumSum", normalization::cum_sum),
    Row::one("ReduceMax", reduction::reduce_max),
    Row::one("ReduceMin", reduction::reduce_min),
    Row::one("ReduceSum", reduction::reduce_sum).or_folded(fold::reduce_sum),
    Row::one("ReduceProd", reduction::reduce_prod),
    Row::one("ReduceL1", reduction::reduce_l1),
    Row::one("ReduceSumSquare", reduction::reduce_sum_square),
    Row::one("Add", combine::combine).or_folded(fold::add),
    Row::one("ReduceL2", reduction::reduce_l2),
    Row::one("ReduceLogSum", reduction::reduce_log_sum),
    Row::one("ReduceLogSumExp", reduction::reduce_log_sum_exp),
    Row::one("Sub", elementwise::sub).or_folded(fold::sub),
    Row::one("Mul", combine::combine).or_folded(fold::mul),
    Row::one("Div", elementwise::div).or_folded(fold::div),
    Row::one("Pow", combine::pow).or_folded(fold::combine),
    Row::one("Mod", combine::combine).or_folded(fold::combine),
    Row::one("Max", combine::max).or_folded(fold::combine),
    Row::one("Min", combine::combine).or_folded(fold::combine),
    Row::one("Sum", combine::combine).or_folded(fold::combine),
    Row::one("Mean", combine::mean),
    Row::one("PRelu", combine::combine).or_folded(fold::combine),
    Row::one("Equal", combine::combine).or_folded(fold::combine),
    Row::one("Less", combine::combine).or_folded(fold::combine),
    Row::one("LessOrEqual", combine::combine).or_folded(fold::combine),
    Row::one("Greater", combine::combine).or_folded(fold::combine),
    Row::one("GreaterOrEqual", combine::combine).or_folded(fold::combine),
    Row::one("And", combine::combine).or_folded(fold::combine),
    Row::one("Or", combine::combine).or_folded(fold::combine),
    Row::one("Xor", combine::combine).or_folded(fold::combine),
    Row::one("Not", combine::not).or_folded(fold::not),
    Row::one("BitwiseAnd", combine::combine).or_folded(fold::combine),
    Row::one("BitwiseOr", combine::combine).or_folded(fold::combine),
    Row::one("BitwiseXor", combine::combine).or_folded(fold::combine),
    Row::one("BitwiseNot", combine::bitwise_not),
    Row::one("BitShift", combine::combine).or_folded(fold::combine),
    Row::one("IsNaN", combine::is_nan),
    Row::one("IsInf", combine::is_inf),
    Row::one("Where", combine::select).or_folded(fold::select_by),
    Row::one("CastLike", cast::cast_like),
    Row::one("Pad", reshape::pad),
    Row::one("Concat", reshape::concat).or_folded(fold::concat),
    Row::one("Slice", slice::slice).or_folded(fold::slice),
    Row::several("Split", slice::split),
    Row::one("Expand", moves::expand).or_folded(fold_moves::expand),
    Row::one("Tile", moves::tile).or_folded(fold_moves::tile),
    Row::one("Compress", moves::compress),
    Row::one("ReverseSequence", moves::reverse_sequence),
    Row::one("CenterCropPad", moves::center_crop_pad),
    Row::one("DepthToSpace", moves::depth_to_space),
    Row::one("SpaceToDepth", moves::space_to_depth),
    Row::one("Resize", resize::resize),
    Row::one("Upsample", resize::upsample),
    Row::one("Flatten", reshape::flatten),
    Row::one("Reshape", reshape::reshape).or_folded(fold::reshape),
    Row::one("Squeeze", reshape::squeeze).or_folded(fold::squeeze),
    Row::one("Unsqueeze", reshape::unsqueeze).or_folded(fold::unsqueeze),
    Row::one("Transpose", reshape::transpose).or_folded(fold::transpose),
    Row::one("Identity", elementwise::identity).or_folded(fold::identity),
    Row::one("Dropout", elementwise::dropout),
    Row::one("Cast", cast::cast).or_folded(fold::cast),
    Row::several("If", control::branch),
    Row::several("Loop", control::unrolled),
    Row::several("Scan", classical::scan),
    Row::one("QuantizeLinear", quantized::quantize_linear).or_folded(quantized::fold_quantize),
    Row::one("DequantizeLinear", quantized::dequantize_linear).or_folded(quantized::fold_dequantize),
    Row::several("DynamicQuantizeLinear", dynamic::quantize),
    Row::one("QLinearConv", qoperator::convert),
    Row::one("QLinearMatMul", qoperator::convert),
    Row::one("ConvInteger", dynamic::integer),
    Row::one("MatMulInteger", dynamic::integer),
    Row::folded("Constant", Fold::Always(fold::constant)),
    Row::folded("Shape", Fold::Always(fold::shape)),
    Row::folded("Size", Fold::Always(fold::size)),
    Row::folded("Range", Fold::Constants(fold_moves::range)),
    Row::folded("NonZero", Fold::Constants(fold_moves::non_zero)),
    Row::one("Gather", indices::gather).or_folded(fold::gather),
    Row::one("GatherElements", indices::gather_elements),
    Row::one("GatherND", indices::gather_nd).or_folded(fold_moves::gather_nd),
    Row::one("Scatter", indices::scatter_elements),
    Row::one("ScatterElements", indices::scatter_elements),
    Row::one("ScatterND", indices::scatter_nd).or_folded(fold_moves::scatter_nd),
    Row::one("ArgMax", indices::arg_max),
    Row::one("ArgMin", indices::arg_min),
    Row::several("TopK", indices::top_k),
    Row::one("TensorScatter", indices::tensor_scatter),
    Row::one("NonMaxSuppression", indices::non_max_suppression),
    Row::one("OneHot", indices::one_hot),
    Row::several("RNN", recurrent::rnn),
    Row::several("GRU", recurrent::gru),
    Row::several("LSTM", recurrent::lstm),
    Row::folded("ConstantOfShape", Fold::Constants(fold::constant_of_shape)),
];

/// Operators of the domain `com.microsoft`: what onnxruntime's quantizer and its optimizer write.
const MICROSOFT: &[Row] = &[
    Row::one("QLinearAdd", qoperator::convert),
    Row::one("QLinearMul", qoperator::convert),
    Row::one("QLinearSigmoid", qoperator::convert),
    Row::one("QLinearLeakyRelu", qoperator::convert),
    Row::one("QLinearSoftmax", qoperator::convert),
    Row::one("QLinearGlobalAveragePool", qoperator::convert),
    Row::one("QLinearAveragePool", qoperator::convert),
    Row::one("QLinearReduceMean", qoperator::convert),
    Row::one("QLinearConcat", qoperator::concat),
    Row::one("QGemm", qoperator::convert),
    Row::one("MatMulNBits", nbits::mat_mul),
    Row::one("BiasGelu", contrib::gelu),
    Row::one("FastGelu", contrib::gelu),
    Row::one("QuickGelu", contrib::quick_gelu),
    Row::one("FusedConv", contrib::fused_conv),
    Row::one("FusedGemm", contrib::fused_gemm),
    Row::one("FusedMatMul", contrib::fused_mat_mul),
    Row::several("SkipLayerNormalization", contrib::skip_normalization),
    Row::several("SkipSimplifiedLayerNormalization", contrib::skip_normalization),
    Row::one("RotaryEmbedding", rotary::microsoft),
    Row::one("CDist", classical::cdist),
];

impl Row {
    pub(super) const fn one(name: &'static str, convert: fn(&mut Importer<'_>, &Call<'_>) -> Convert<Entry>) -> Self {
        Row { name, conversion: Conversion::One(convert), fold: Fold::Never }
    }

    pub(super) const fn several(
        name: &'static str,
        convert: fn(&mut Importer<'_>, &Call<'_>) -> Convert<Vec<Entry>>,
    ) -> Self {
        Row { name, conversion: Conversion::Several(convert), fold: Fold::Never }
    }

    /// Arithmetic on numbers known on import, most of all on shapes.
    const fn folded(name: &'static str, fold: Fold) -> Self {
        Row { name, conversion: Conversion::Never, fold }
    }

    const fn or_folded(self, fold: fn(&Known<'_>) -> Convert<Constant>) -> Self {
        Row { fold: Fold::Constants(fold), ..self }
    }

    /// The row of an operator, of ONNX's own domain or of one that has the same operator under the same name.
    pub(super) fn of(domain: &str, name: &str) -> Option<&'static Row> {
        let is_alias = ALIASES.iter().any(|(other, names)| *other == domain && names.contains(&name));
        let plain = || ROWS.iter().find(|row| row.name == name && (domain.is_empty() || is_alias));
        let microsoft = MICROSOFT.iter().find(|row| row.name == name && domain == "com.microsoft");
        let classical = || classical::ROWS.iter().find(|row| row.name == name && domain == classical::DOMAIN);
        microsoft.or_else(classical).or_else(plain)
    }
}

/// The names of all operators, with the domain before those that are not ONNX's own.
#[cfg(test)]
pub(in crate::import) fn names() -> impl Iterator<Item = String> {
    let own = ROWS.iter().map(|row| row.name.to_owned());
    let of = |domain: &str, rows: &[Row]| -> Vec<String> {
        rows.iter().map(|row| format!("{domain}.{}", row.name)).collect()
    };
    own.chain(of("com.microsoft", MICROSOFT)).chain(of(classical::DOMAIN, classical::ROWS))
}

/// Operators of other domains that are ONNX's of that name.
const ALIASES: &[(&str, &[&str])] =
    &[("com.microsoft", &["DequantizeLinear", "Gelu", "Pad", "QuantizeLinear", "Range", "Trilu"])];

/// What works in place of operators that are not read.
pub(in crate::import) const REMEDIES: &Remedies =
    &[(&["CastMap", "DictVectorizer"], "give the features as a tensor of floats")];

/// What to do about arithmetic on shapes that is left.
pub(super) const FIXED_SHAPES: &str =
    "export with fixed input shapes, so that shapes are constants; only arithmetic on shapes is supported";
