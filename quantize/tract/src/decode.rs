//! Protobuf messages become an [`OnnxModel`].

use tract_onnx::pb;

use crate::model::{Attribute, Extent, OnnxFunction, OnnxGraph, OnnxModel, OnnxNode, OnnxPort};
use crate::tensor::{dense, tensor};

/// A model as plain data.
pub(crate) fn model(proto: &pb::ModelProto) -> Result<OnnxModel, String> {
    let Some(main) = &proto.graph else {
        return Err("no graph".into());
    };
    let functions = proto.functions.iter().map(function).collect::<Result<_, _>>()?;
    Ok(OnnxModel { opsets: opsets(&proto.opset_import), graph: graph(main)?, functions })
}

fn opsets(sets: &[pb::OperatorSetIdProto]) -> Vec<(String, i64)> {
    sets.iter().map(|set| (domain(&set.domain), set.version)).collect()
}

fn graph(proto: &pb::GraphProto) -> Result<OnnxGraph, String> {
    let sparse = proto.sparse_initializer.iter().map(dense);
    Ok(OnnxGraph {
        nodes: proto.node.iter().map(node).collect::<Result<_, _>>()?,
        initializers: proto.initializer.iter().map(tensor).chain(sparse).collect::<Result<_, _>>()?,
        inputs: proto.input.iter().map(port).collect(),
        outputs: proto.output.iter().map(port).collect(),
    })
}

fn function(proto: &pb::FunctionProto) -> Result<OnnxFunction, String> {
    Ok(OnnxFunction {
        domain: domain(proto.domain.as_deref().unwrap_or_default()),
        name: proto.name.clone().unwrap_or_default(),
        inputs: proto.input.clone(),
        outputs: proto.output.clone(),
        opsets: opsets(&proto.opset_import),
        nodes: proto.node.iter().map(node).collect::<Result<_, _>>()?,
    })
}

/// The default domain has two spellings.
fn domain(name: &str) -> String {
    if name == "ai.onnx" { String::new() } else { name.into() }
}

fn node(proto: &pb::NodeProto) -> Result<OnnxNode, String> {
    let holder = if proto.name.is_empty() { proto.output.first() } else { Some(&proto.name) };
    let attribute = |attribute: &pb::AttributeProto| {
        let name = attribute.name.clone();
        match value(attribute) {
            Ok(value) => Ok((name, value)),
            Err(error) => Err(format!("attribute `{name}` of node `{}`: {error}", holder.cloned().unwrap_or_default())),
        }
    };
    Ok(OnnxNode {
        attributes: proto.attribute.iter().map(attribute).collect::<Result<_, _>>()?,
        name: proto.name.clone(),
        op_type: proto.op_type.clone(),
        domain: domain(&proto.domain),
        inputs: proto.input.clone(),
        outputs: proto.output.clone(),
    })
}

fn value(proto: &pb::AttributeProto) -> Result<Attribute, String> {
    use pb::attribute_proto::AttributeType;
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    if !proto.ref_attr_name.is_empty() {
        return Ok(Attribute::OfFunction(proto.ref_attr_name.clone()));
    }
    Ok(match AttributeType::try_from(proto.r#type) {
        Ok(AttributeType::Float) => Attribute::Float(proto.f),
        Ok(AttributeType::Int) => Attribute::Int(proto.i),
        Ok(AttributeType::String) => Attribute::String(text(&proto.s)),
        Ok(AttributeType::Tensor) => match &proto.t {
            Some(proto) => Attribute::Tensor(tensor(proto)?),
            None => return Err("its tensor is missing".into()),
        },
        Ok(AttributeType::SparseTensor) => match &proto.sparse_tensor {
            Some(proto) => Attribute::Tensor(dense(proto)?),
            None => return Err("its tensor is missing".into()),
        },
        Ok(AttributeType::Graph) => match &proto.g {
            Some(proto) => Attribute::Graph(Box::new(graph(proto)?)),
            None => return Err("its graph is missing".into()),
        },
        Ok(AttributeType::Floats) => Attribute::Floats(proto.floats.clone()),
        Ok(AttributeType::Ints) => Attribute::Ints(proto.ints.clone()),
        Ok(AttributeType::Strings) => Attribute::Strings(proto.strings.iter().map(text).collect()),
        _ => Attribute::Other,
    })
}

fn port(proto: &pb::ValueInfoProto) -> OnnxPort {
    use pb::tensor_shape_proto::dimension::Value;
    let extent = |dimension: &pb::tensor_shape_proto::Dimension| match &dimension.value {
        Some(Value::DimValue(extent)) => Extent::Fixed(*extent),
        Some(Value::DimParam(name)) => Extent::Open(name.clone()),
        None => Extent::Open(String::new()),
    };
    let (mut element_type, mut shape) = (0, None);
    if let Some(pb::type_proto::Value::TensorType(tensor)) = proto.r#type.as_ref().and_then(|it| it.value.as_ref()) {
        element_type = tensor.elem_type;
        shape = tensor.shape.as_ref().map(|shape| shape.dim.iter().map(extent).collect());
    }
    OnnxPort { name: proto.name.clone(), element_type, shape }
}
