//! The list of operators that are read: a row for each, with the function that makes nodes of it.
//!
//! A composite operator is taken apart in its function and nowhere else.

use core::ops::Range;

use super::call::Call;
use super::names::operator_name;
use super::schema::Operator;
use super::{
    Importer, activation, along, combine, constants, convolution, dense, detection, elementwise, indices, moves, pool,
    recurrent, shape, slice, sparse, suppression, unsigned, update, variables,
};
use crate::import::build::{Convert, refuse};
use crate::op::MapFunction;

/// Makes nodes of one operator.
type Read = for<'n, 'm, 'b> fn(&mut Importer<'m, 'b>, &Call<'n, 'b>) -> Convert<()>;

/// An operator that is read.
pub(super) struct Row {
    /// The schema's name of it, which stands for its code.
    pub(super) name: &'static str,
    read: Read,
    /// The type code of the table with its attributes, when any is read.
    attributes: Option<i8>,
    /// The operands that carry data; others repeat what the result's shape says.
    data: Range<usize>,
    /// Whether it is read even where no output depends on its results.
    has_effect: bool,
}

/// Every operator that is read, in the schema's order.
pub(super) const ROWS: &[Row] = &[
    Row::new("ADD", elementwise::add).attributes(11),
    Row::new("AVERAGE_POOL_2D", pool::average_pool).attributes(5),
    Row::new("CONCATENATION", shape::concat).attributes(10),
    Row::new("CONV_2D", convolution::conv2d).attributes(1),
    Row::new("DEPTHWISE_CONV_2D", convolution::depthwise).attributes(2),
    Row::new("DEQUANTIZE", elementwise::dequantize),
    Row::new("EMBEDDING_LOOKUP", indices::embedding_lookup),
    Row::new("FLOOR", |importer, call| activation::plain(importer, call, MapFunction::Floor)),
    Row::new("FULLY_CONNECTED", dense::fully_connected).attributes(8),
    Row::new("L2_NORMALIZATION", along::l2_normalization).attributes(12),
    Row::new("L2_POOL_2D", pool::l2_pool).attributes(5),
    Row::new("LOGISTIC", elementwise::logistic),
    Row::new("MAX_POOL_2D", pool::max_pool).attributes(5),
    Row::new("MUL", elementwise::mul).attributes(21),
    Row::new("RELU", elementwise::relu),
    Row::new("RELU_N1_TO_1", |importer, call| activation::clip(importer, call, [-1.0, 1.0])),
    Row::new("RELU6", elementwise::relu6),
    Row::new("RESHAPE", shape::reshape).data(0..1),
    Row::new("SOFTMAX", elementwise::softmax).attributes(9),
    Row::new("TANH", elementwise::tanh),
    Row::new("PAD", shape::pad),
    Row::new("RESIZE_BILINEAR", moves::resize_bilinear).attributes(15).data(0..1),
    Row::new("SPACE_TO_DEPTH", moves::space_to_depth).attributes(19),
    Row::new("DEPTH_TO_SPACE", moves::depth_to_space).attributes(94),
    Row::new("GATHER", indices::gather).attributes(23),
    Row::new("BATCH_TO_SPACE_ND", moves::batch_to_space).data(0..1),
    Row::new("SPACE_TO_BATCH_ND", moves::space_to_batch).data(0..1),
    Row::new("TRANSPOSE", shape::transpose).data(0..1),
    Row::new("MEAN", pool::mean).attributes(27),
    Row::new("SQUEEZE", shape::reshape).data(0..1),
    Row::new("UNIDIRECTIONAL_SEQUENCE_LSTM", recurrent::lstm).attributes(71).data(0..18),
    Row::new("STRIDED_SLICE", slice::strided_slice).attributes(32).data(0..1),
    Row::new("EXP", |importer, call| activation::plain(importer, call, MapFunction::Exp)),
    Row::new("TOPK_V2", indices::top_k).data(0..1),
    Row::new("LOG_SOFTMAX", along::log_softmax),
    Row::new("SPLIT", slice::split).attributes(35),
    Row::new("ARG_MAX", indices::extreme).data(0..1),
    Row::new("NEG", |importer, call| activation::plain(importer, call, MapFunction::Neg)),
    Row::new("SLICE", slice::slice).data(0..1),
    Row::new("SIN", |importer, call| activation::plain(importer, call, MapFunction::Sin)),
    Row::new("TRANSPOSE_CONV", convolution::transpose_conv).attributes(49).data(1..usize::MAX),
    Row::new("EXPAND_DIMS", shape::reshape).data(0..1),
    Row::new("LOG", |importer, call| activation::plain(importer, call, MapFunction::Log)),
    Row::new("SQRT", |importer, call| activation::plain(importer, call, MapFunction::Sqrt)),
    Row::new("RSQRT", |importer, call| activation::plain(importer, call, MapFunction::Rsqrt)),
    Row::new("SUM", pool::sum).attributes(27),
    Row::new("ARG_MIN", indices::extreme).data(0..1),
    Row::new("REDUCE_PROD", pool::reduce_prod).attributes(27),
    Row::new("PADV2", shape::pad),
    Row::new("TILE", moves::tile).data(0..1),
    Row::new("PACK", moves::pack).attributes(59),
    Row::new("ONE_HOT", indices::one_hot).attributes(61),
    Row::new("UNPACK", moves::unpack).attributes(64),
    Row::new("RANGE", constants::range),
    Row::new("RESIZE_NEAREST_NEIGHBOR", moves::resize_nearest).attributes(74).data(0..1),
    Row::new("MIRROR_PAD", moves::mirror_pad).attributes(77).data(0..1),
    Row::new("REVERSE_V2", moves::reverse).data(0..1),
    Row::new("BROADCAST_TO", moves::broadcast_to).data(0..1),
    Row::new("REDUCE_MAX", pool::reduce_max).attributes(27),
    Row::new("SQUARE", |importer, call| activation::plain(importer, call, MapFunction::Square)),
    Row::new("LEAKY_RELU", activation::leaky_relu).attributes(75),
    Row::new("ABS", |importer, call| activation::plain(importer, call, MapFunction::Abs)),
    Row::new("REDUCE_MIN", pool::reduce_min).attributes(27),
    Row::new("REDUCE_ANY", pool::reduce_any).attributes(27),
    Row::new("SPLIT_V", slice::split_v).attributes(79),
    Row::new("CEIL", |importer, call| activation::plain(importer, call, MapFunction::Ceil)),
    Row::new("GATHER_ND", indices::gather_nd),
    Row::new("COS", |importer, call| activation::plain(importer, call, MapFunction::Cos)),
    Row::new("RANK", constants::rank).data(0..0),
    Row::new("ELU", activation::elu),
    Row::new("SUB", combine::combine).attributes(28),
    Row::new("DIV", combine::combine).attributes(29),
    Row::new("CAST", combine::cast),
    Row::new("PRELU", combine::combine),
    Row::new("MAXIMUM", combine::combine),
    Row::new("MINIMUM", combine::combine),
    Row::new("LESS", combine::combine),
    Row::new("GREATER", combine::combine),
    Row::new("GREATER_EQUAL", combine::combine),
    Row::new("LESS_EQUAL", combine::combine),
    Row::new("SELECT", combine::select),
    Row::new("EQUAL", combine::combine),
    Row::new("NOT_EQUAL", combine::combine),
    Row::new("SHAPE", constants::shape).data(0..0),
    Row::new("POW", combine::combine),
    Row::new("LOGICAL_OR", combine::combine),
    Row::new("LOGICAL_AND", combine::combine),
    Row::new("LOGICAL_NOT", combine::not),
    Row::new("FLOOR_DIV", combine::combine),
    Row::new("ZEROS_LIKE", constants::zeros_like).data(0..0),
    Row::new("FILL", constants::fill).data(1..2),
    Row::new("FLOOR_MOD", combine::combine),
    Row::new("SQUARED_DIFFERENCE", combine::combine),
    Row::new("ADD_N", combine::add_n),
    Row::new("NON_MAX_SUPPRESSION_V4", suppression::suppress),
    Row::new("NON_MAX_SUPPRESSION_V5", suppression::suppress),
    Row::new("SCATTER_ND", indices::scatter_nd).data(0..2),
    Row::new("SELECT_V2", combine::select),
    Row::new("BITWISE_XOR", combine::combine),
    Row::new("RIGHT_SHIFT", combine::combine),
    Row::new("REVERSE_SEQUENCE", indices::reverse_sequence).attributes(87),
    Row::new("QUANTIZE", unsigned::quantize),
    Row::new("ROUND", |importer, call| activation::plain(importer, call, MapFunction::Round)),
    Row::new("HARD_SWISH", |importer, call| activation::plain(importer, call, MapFunction::HardSwish)),
    Row::new("BATCH_MATMUL", dense::batch_mat_mul).attributes(101),
    Row::new("DENSIFY", sparse::densify),
    Row::new("CUMSUM", moves::cumsum).attributes(102).data(0..1),
    Row::new("CALL_ONCE", variables::call_once).attributes(103).has_effect(),
    Row::new("VAR_HANDLE", variables::var_handle).attributes(111).has_effect(),
    // What is assigned to a variable may be what a later run reads; what is not is dropped later.
    Row::new("READ_VARIABLE", variables::read_variable).has_effect(),
    Row::new("ASSIGN_VARIABLE", variables::assign_variable).has_effect(),
    Row::new("REDUCE_ALL", pool::reduce_all).attributes(27),
    Row::new("BROADCAST_ARGS", combine::broadcast_args),
    Row::new("GELU", activation::gelu).attributes(116),
    Row::new("DYNAMIC_UPDATE_SLICE", update::dynamic_update_slice),
    Row::new("RELU_0_TO_1", |importer, call| activation::clip(importer, call, [0.0, 1.0])),
    Row::new("SIGN", |importer, call| activation::plain(importer, call, MapFunction::Sign)),
];

/// Custom operators that are read, by the names that files give them.
pub(super) const CUSTOM_ROWS: &[Row] = &[Row::new("TFLite_Detection_PostProcess", detection::detections)];

impl Row {
    const fn new(name: &'static str, read: Read) -> Self {
        Row { name, read, attributes: None, data: 0..usize::MAX, has_effect: false }
    }

    const fn attributes(self, kind: i8) -> Self {
        Row { attributes: Some(kind), ..self }
    }

    const fn data(self, data: Range<usize>) -> Self {
        Row { data, ..self }
    }

    const fn has_effect(self) -> Self {
        Row { has_effect: true, ..self }
    }

    /// The row of an operator, a custom one by its own name.
    fn of(operator: &Operator<'_>) -> Option<&'static Row> {
        match operator_name(operator.code) {
            "CUSTOM" => CUSTOM_ROWS.iter().find(|row| row.name == operator.custom),
            name => ROWS.iter().find(|row| row.name == name),
        }
    }
}

/// The operands that carry data.
pub(super) fn data_operands<'o>(operator: &'o Operator<'_>) -> &'o [i32] {
    let (inputs, data) = (operator.inputs.as_slice(), Row::of(operator).map_or(0..usize::MAX, |row| row.data.clone()));
    inputs.get(data.start.min(inputs.len())..data.end.min(inputs.len())).unwrap_or_default()
}

/// Whether an operator counts even where no output depends on its results.
pub(super) fn has_effect(operator: &Operator<'_>) -> bool {
    Row::of(operator).is_some_and(|row| row.has_effect)
}

impl<'b> Importer<'_, 'b> {
    /// Converts one operator under the node name `name`; `None` for one that is not in the list.
    pub(super) fn convert(&mut self, operator: &Operator<'b>, name: &str) -> Option<Convert<()>> {
        let row = Row::of(operator)?;
        let attributes = row.attributes.and(operator.options);
        Some(match row.attributes {
            Some(kind) if attributes.is_some() && operator.options_type != kind => {
                refuse(format!("attributes of type {}", operator.options_type), super::call::EXPORT_AGAIN)
            }
            _ => (row.read)(self, &Call { operator, name, attributes }),
        })
    }
}
