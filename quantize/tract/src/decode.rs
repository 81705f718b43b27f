//! Protobuf bytes become an [`OnnxModel`].

use tract_onnx::pb;
use tract_onnx::prelude::Framework;

use crate::model::{Attribute, Extent, OnnxModel, OnnxNode, OnnxPort, OnnxTensor, TensorData};
use crate::scan::scan;

/// Reads an `.onnx` file. Every error says what is wrong and where; nothing panics.
///
/// # Errors
/// When the bytes are no ONNX model, when its constants lie in other files, or when their sizes contradict
/// their shapes.
pub fn decode(bytes: &[u8]) -> Result<OnnxModel, String> {
    let proto = proto(bytes)?;
    let opsets = proto.opset_import.into_iter().map(|set| (domain(set.domain), set.version)).collect();
    let Some(graph) = proto.graph else {
        return Err("no graph".into());
    };
    if !graph.sparse_initializer.is_empty() {
        return Err("sparse initializers; store constants dense".into());
    }
    Ok(OnnxModel {
        opsets,
        nodes: graph.node.into_iter().map(node).collect::<Result<_, _>>()?,
        initializers: graph.initializer.into_iter().map(tensor).collect::<Result<_, _>>()?,
        inputs: graph.input.into_iter().map(port).collect(),
        outputs: graph.output.into_iter().map(port).collect(),
    })
}

/// The decoded protobuf, after [`scan`] has bounded what it can grow to.
pub(crate) fn proto(bytes: &[u8]) -> Result<pb::ModelProto, String> {
    scan(bytes)?;
    let mut reader = bytes;
    tract_onnx::onnx().proto_model_for_read(&mut reader).map_err(|error| format!("{error:#}"))
}

/// The default domain has two spellings.
fn domain(name: String) -> String {
    if name == "ai.onnx" { String::new() } else { name }
}

fn node(proto: pb::NodeProto) -> Result<OnnxNode, String> {
    let holder = if proto.name.is_empty() { proto.output.first().cloned() } else { Some(proto.name.clone()) };
    let attribute = |attribute: pb::AttributeProto| {
        let name = attribute.name.clone();
        match value(attribute) {
            Ok(value) => Ok((name, value)),
            Err(error) => Err(format!("attribute `{name}` of node `{}`: {error}", holder.clone().unwrap_or_default())),
        }
    };
    Ok(OnnxNode {
        attributes: proto.attribute.into_iter().map(attribute).collect::<Result<_, _>>()?,
        name: proto.name,
        op_type: proto.op_type,
        domain: domain(proto.domain),
        inputs: proto.input,
        outputs: proto.output,
    })
}

fn value(proto: pb::AttributeProto) -> Result<Attribute, String> {
    use pb::attribute_proto::AttributeType;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(match AttributeType::try_from(proto.r#type) {
        Ok(AttributeType::Float) => Attribute::Float(proto.f),
        Ok(AttributeType::Int) => Attribute::Int(proto.i),
        Ok(AttributeType::String) => Attribute::String(text(proto.s)),
        Ok(AttributeType::Tensor) => match proto.t {
            Some(proto) => Attribute::Tensor(tensor(proto)?),
            None => return Err("its tensor is missing".into()),
        },
        Ok(AttributeType::Floats) => Attribute::Floats(proto.floats),
        Ok(AttributeType::Ints) => Attribute::Ints(proto.ints),
        Ok(AttributeType::Strings) => Attribute::Strings(proto.strings.into_iter().map(text).collect()),
        _ => Attribute::Other,
    })
}

fn port(proto: pb::ValueInfoProto) -> OnnxPort {
    use pb::tensor_shape_proto::dimension::Value;
    let extent = |dimension: pb::tensor_shape_proto::Dimension| match dimension.value {
        Some(Value::DimValue(extent)) => Extent::Fixed(extent),
        Some(Value::DimParam(name)) => Extent::Open(name),
        None => Extent::Open(String::new()),
    };
    let (mut element_type, mut shape) = (0, None);
    if let Some(pb::type_proto::Value::TensorType(tensor)) = proto.r#type.and_then(|proto| proto.value) {
        element_type = tensor.elem_type;
        shape = tensor.shape.map(|shape| shape.dim.into_iter().map(extent).collect());
    }
    OnnxPort { name: proto.name, element_type, shape }
}

fn tensor(proto: pb::TensorProto) -> Result<OnnxTensor, String> {
    let name = proto.name.clone();
    let fail = |problem: String| Err(format!("tensor `{name}`: {problem}"));
    if proto.data_location.unwrap_or(0) != 0 || !proto.external_data.is_empty() {
        return fail("its data is in another file; save the model with its data inside".into());
    }
    if proto.segment.is_some() {
        return fail("it is stored in segments; save it whole".into());
    }
    let extents: Option<Vec<usize>> = proto.dims.iter().map(|&extent| usize::try_from(extent).ok()).collect();
    let Some(shape) = extents else {
        return fail(format!("shape {:?} is negative", proto.dims));
    };
    let Some(len) = shape.iter().try_fold(1usize, |len, &extent| len.checked_mul(extent)) else {
        return fail(format!("shape {shape:?} is too large"));
    };
    let data = elements(proto);
    match data_len(&data) {
        Some(found) if found != len => fail(format!("shape {shape:?} has {len} elements, the data {found}")),
        _ => Ok(OnnxTensor { name, shape, data }),
    }
}

fn data_len(data: &TensorData) -> Option<usize> {
    match data {
        TensorData::F32(v) => Some(v.len()),
        TensorData::F64(v) => Some(v.len()),
        TensorData::I32(v) => Some(v.len()),
        TensorData::I64(v) => Some(v.len()),
        TensorData::I8(v) => Some(v.len()),
        TensorData::U8(v) => Some(v.len()),
        TensorData::Bool(v) => Some(v.len()),
        TensorData::Other(_) => None,
    }
}

/// The elements, from the raw bytes or from the typed list that goes with the type. Raw bytes that are no
/// whole number of elements give fewer of them, which the count then shows.
fn elements(proto: pb::TensorProto) -> TensorData {
    use pb::tensor_proto::DataType;
    let raw = proto.raw_data.as_slice();
    let is_raw = !raw.is_empty();
    let narrow = proto.int32_data.as_slice();
    match DataType::try_from(proto.data_type) {
        Ok(DataType::Float) if is_raw => TensorData::F32(chunks(raw, f32::from_le_bytes)),
        Ok(DataType::Float) => TensorData::F32(proto.float_data),
        Ok(DataType::Double) if is_raw => TensorData::F64(chunks(raw, f64::from_le_bytes)),
        Ok(DataType::Double) => TensorData::F64(proto.double_data),
        Ok(DataType::Int32) if is_raw => TensorData::I32(chunks(raw, i32::from_le_bytes)),
        Ok(DataType::Int32) => TensorData::I32(proto.int32_data),
        Ok(DataType::Int64) if is_raw => TensorData::I64(chunks(raw, i64::from_le_bytes)),
        Ok(DataType::Int64) => TensorData::I64(proto.int64_data),
        Ok(DataType::Int8) if is_raw => TensorData::I8(chunks(raw, i8::from_le_bytes)),
        Ok(DataType::Int8) => TensorData::I8(narrow.iter().map(|&value| value as i8).collect()),
        Ok(DataType::Uint8) if is_raw => TensorData::U8(proto.raw_data),
        Ok(DataType::Uint8) => TensorData::U8(narrow.iter().map(|&value| value as u8).collect()),
        Ok(DataType::Bool) if is_raw => TensorData::Bool(raw.iter().map(|&byte| byte != 0).collect()),
        Ok(DataType::Bool) => TensorData::Bool(narrow.iter().map(|&value| value != 0).collect()),
        _ => TensorData::Other(proto.data_type),
    }
}

fn chunks<const N: usize, T>(raw: &[u8], convert: fn([u8; N]) -> T) -> Vec<T> {
    raw.as_chunks().0.iter().map(|chunk| convert(*chunk)).collect()
}
