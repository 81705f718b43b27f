//! What a user wants of a model beyond its file: open axes fixed, inputs made constants, outputs left out.
//!
//! It is done on the protobuf, so that the importer and the float reference see one changed model.

use tract_onnx::pb::tensor_shape_proto::Dimension;
use tract_onnx::pb::tensor_shape_proto::dimension::Value;
use tract_onnx::pb::{GraphProto, TensorProto, TensorShapeProto, ValueInfoProto, type_proto};

use crate::model::{type_code, type_name};

/// Changes to a model, applied in this order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// The shape of an input, by its name: other than in the file, or where the file leaves it open.
    pub shapes: Vec<(String, Vec<usize>)>,
    /// Inputs that become constants.
    pub values: Vec<InputValue>,
    /// The values that are outputs, in this order; all of the file's when there is none.
    pub outputs: Vec<String>,
    /// Outputs that are left out.
    pub dropped: Vec<String>,
    /// Which of several entry points is meant, of a file that names them.
    pub signature: Option<String>,
}

/// An input that becomes a constant of its declared type.
#[derive(Clone, Debug, PartialEq)]
pub struct InputValue {
    /// The input's name.
    pub name: String,
    /// The shape of the elements; no axes for one number, which fills whatever shape the input has.
    pub shape: Vec<usize>,
    /// As many as the shape holds.
    pub elements: Vec<f64>,
}

impl Changes {
    /// True when nothing is wanted.
    pub fn is_empty(&self) -> bool {
        *self == Changes::default()
    }
}

/// Most elements of an input that one number fills.
const FILLED_LEN_MAX: usize = 1 << 20;

/// Applies changes; an error says which one makes no sense.
pub(crate) fn apply(graph: &mut GraphProto, changes: &Changes) -> Result<(), String> {
    if changes.signature.is_some() {
        return Err("an ONNX file has one entry point and no signatures (--signature)".into());
    }
    for (name, shape) in &changes.shapes {
        fix_shape(graph, name, shape)?;
    }
    for value in &changes.values {
        make_constant(graph, value)?;
    }
    if !changes.outputs.is_empty() {
        graph.output = changes.outputs.iter().map(|name| output(graph, name)).collect::<Result<_, _>>()?;
    }
    for name in &changes.dropped {
        if !graph.output.iter().any(|port| port.name == *name) {
            return Err(format!("there is no output `{name}`; there is {}", names(&graph.output)));
        }
        graph.output.retain(|port| port.name != *name);
    }
    if graph.output.is_empty() { Err("no output is left".into()) } else { Ok(()) }
}

fn names(ports: &[ValueInfoProto]) -> String {
    ports.iter().map(|port| format!("`{}`", port.name)).collect::<Vec<_>>().join(", ")
}

/// The position of an input.
fn input(graph: &GraphProto, name: &str) -> Result<usize, String> {
    let position = graph.input.iter().position(|port| port.name == name);
    position.ok_or_else(|| format!("there is no input `{name}`; there is {}", names(&graph.input)))
}

fn shape_of(port: &mut ValueInfoProto) -> Option<&mut Option<TensorShapeProto>> {
    let type_proto::Value::TensorType(tensor) = port.r#type.as_mut()?.value.as_mut()?;
    Some(&mut tensor.shape)
}

/// Fixes an input's shape, and every axis elsewhere that has the name of one that it fixes.
fn fix_shape(graph: &mut GraphProto, name: &str, shape: &[usize]) -> Result<(), String> {
    let position = input(graph, name)?;
    let fixed = |extent: usize| Dimension { value: Some(Value::DimValue(extent as i64)), ..Dimension::default() };
    let Some(declared) = shape_of(&mut graph.input[position]) else {
        return Err(format!("input `{name}` is no tensor"));
    };
    let before = declared.take().map_or_else(Vec::new, |declared| declared.dim);
    if !before.is_empty() && before.len() != shape.len() {
        return Err(format!("input `{name}` has {} axes, {shape:?} has {}", before.len(), shape.len()));
    }
    *declared = Some(TensorShapeProto { dim: shape.iter().map(|&extent| fixed(extent)).collect() });
    let named = |dimension: &Dimension| match &dimension.value {
        Some(Value::DimParam(name)) if !name.is_empty() => Some(name.clone()),
        _ => None,
    };
    for (name, &extent) in before.iter().map(named).zip(shape).filter_map(|(name, extent)| Some((name?, extent))) {
        for other in graph.input.iter_mut().filter_map(shape_of).flatten() {
            other
                .dim
                .iter_mut()
                .filter(|axis| named(axis).as_ref() == Some(&name))
                .for_each(|axis| *axis = fixed(extent));
        }
    }
    Ok(())
}

/// Makes an input an initializer.
fn make_constant(graph: &mut GraphProto, value: &InputValue) -> Result<(), String> {
    let name = &value.name;
    let mut port = graph.input.remove(input(graph, name)?);
    let declared: Vec<Option<usize>> = match shape_of(&mut port) {
        Some(Some(shape)) => shape
            .dim
            .iter()
            .map(|axis| match axis.value {
                Some(Value::DimValue(extent)) => usize::try_from(extent).ok(),
                _ => None,
            })
            .collect(),
        _ => value.shape.iter().copied().map(Some).collect(),
    };
    let single = value.shape.is_empty();
    let fits = declared.len() == value.shape.len()
        && declared
            .iter()
            .zip(&value.shape)
            .all(|(declared, extent)| declared.is_none_or(|declared| declared == *extent));
    let shape = match () {
        () if single => declared.iter().map(|extent| extent.unwrap_or(1)).collect(),
        () if fits => value.shape.clone(),
        () => return Err(format!("input `{name}` has not the shape {:?} of its value", value.shape)),
    };
    let len = shape
        .iter()
        .try_fold(1usize, |len, &extent| len.checked_mul(extent))
        .filter(|&len| len <= FILLED_LEN_MAX || !single);
    let Some(len) = len else {
        return Err(format!("input `{name}` has too many elements for one number"));
    };
    let elements =
        if single { vec![value.elements.first().copied().unwrap_or(0.0); len] } else { value.elements.clone() };
    let Some(type_proto::Value::TensorType(tensor)) = port.r#type.and_then(|port| port.value) else {
        return Err(format!("input `{name}` is no tensor"));
    };
    // Floats of 16 bits are computed with 32 everywhere.
    let is_half = [type_code::FLOAT16, type_code::BFLOAT16].contains(&tensor.elem_type);
    let data_type = if is_half { type_code::FLOAT } else { tensor.elem_type };
    let raw_data = encoded(&elements, data_type).map_err(|problem| format!("input `{name}` {problem}"))?;
    let dims = shape.iter().map(|&extent| extent as i64).collect();
    graph.initializer.retain(|constant| constant.name != *name);
    graph.initializer.push(TensorProto { name: name.clone(), dims, data_type, raw_data, ..TensorProto::default() });
    Ok(())
}

/// Numbers as raw elements of a type; what it cannot hold exactly is refused, but for the digits of floats.
fn encoded(elements: &[f64], code: i32) -> Result<Vec<u8>, String> {
    let integers = |low: i64, high: i64, size: usize| {
        let mut raw = Vec::new();
        for &element in elements {
            if element.fract() != 0.0 || !(low as f64 <= element && element <= high as f64) {
                return Err(format!("is {}, which cannot be {element}", type_name(code)));
            }
            raw.extend_from_slice(&(element as i64).to_le_bytes()[..size]);
        }
        Ok(raw)
    };
    match code {
        type_code::FLOAT => Ok(elements.iter().flat_map(|&element| (element as f32).to_le_bytes()).collect()),
        type_code::DOUBLE => Ok(elements.iter().flat_map(|element| element.to_le_bytes()).collect()),
        type_code::INT64 | type_code::UINT64 => integers(i64::MIN, i64::MAX, 8),
        type_code::INT32 => integers(i32::MIN.into(), i32::MAX.into(), 4),
        type_code::UINT32 => integers(0, u32::MAX.into(), 4),
        type_code::INT16 => integers(i16::MIN.into(), i16::MAX.into(), 2),
        type_code::UINT16 => integers(0, u16::MAX.into(), 2),
        type_code::INT8 => integers(i8::MIN.into(), i8::MAX.into(), 1),
        type_code::UINT8 => integers(0, u8::MAX.into(), 1),
        type_code::BOOL => integers(0, 1, 1),
        _ => Err(format!("is {}, of which no constant is made", type_name(code))),
    }
}

/// An output of the file, or any other value that some node computes.
fn output(graph: &GraphProto, name: &str) -> Result<ValueInfoProto, String> {
    if let Some(port) = graph.output.iter().find(|port| port.name == name) {
        return Ok(port.clone());
    }
    if graph.node.iter().any(|node| node.output.iter().any(|output| output == name)) {
        return Ok(ValueInfoProto { name: name.into(), ..ValueInfoProto::default() });
    }
    Err(format!("there is no output `{name}`; there is {}", names(&graph.output)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::{NodeProto, TypeProto};

    fn port(name: &str, code: i32, axes: &[&str]) -> ValueInfoProto {
        let value = |axis: &str| match axis.parse() {
            Ok(extent) => Value::DimValue(extent),
            Err(_) => Value::DimParam(axis.into()),
        };
        let dim = axes.iter().map(|axis| Dimension { value: Some(value(axis)), ..Dimension::default() }).collect();
        let tensor = type_proto::Tensor { elem_type: code, shape: Some(TensorShapeProto { dim }) };
        let value = Some(type_proto::Value::TensorType(tensor));
        ValueInfoProto {
            name: name.into(),
            r#type: Some(TypeProto { value, ..TypeProto::default() }),
            ..Default::default()
        }
    }

    fn graph() -> GraphProto {
        let node = NodeProto { output: vec!["middle".into()], ..NodeProto::default() };
        GraphProto {
            node: vec![node],
            input: vec![
                port("x", type_code::FLOAT, &["N", "3", "H"]),
                port("mask", type_code::FLOAT, &["N", "H"]),
                port("rate", type_code::INT64, &[]),
            ],
            output: vec![port("y", type_code::FLOAT, &["N"]), port("z", type_code::FLOAT, &["N"])],
            ..GraphProto::default()
        }
    }

    fn changed(changes: &Changes) -> Result<GraphProto, String> {
        let mut graph = graph();
        apply(&mut graph, changes).map(|()| graph)
    }

    fn value(name: &str, shape: &[usize], elements: &[f64]) -> Changes {
        let value = InputValue { name: name.into(), shape: shape.to_vec(), elements: elements.to_vec() };
        Changes { values: vec![value], ..Changes::default() }
    }

    #[test]
    fn axes_of_one_name_are_fixed_together() {
        let shapes = vec![("x".into(), vec![1, 3, 320])];
        let graph = changed(&Changes { shapes, ..Changes::default() }).expect("a shape");
        assert_eq!(graph.input[..2], [port("x", 1, &["1", "3", "320"]), port("mask", 1, &["1", "320"])]);
        let wrong = |name: &str, shape: &[usize]| {
            let shapes = vec![(name.into(), shape.to_vec())];
            changed(&Changes { shapes, ..Changes::default() }).expect_err("wrong")
        };
        assert_eq!(wrong("w", &[1]), "there is no input `w`; there is `x`, `mask`, `rate`");
        assert!(wrong("x", &[1, 3]).contains("has 3 axes"));
    }

    #[test]
    fn an_input_becomes_a_constant_of_its_type() {
        let graph = changed(&value("rate", &[], &[16000.0])).expect("a number");
        let [constant] = graph.initializer.as_slice() else { panic!("{:?}", graph.initializer) };
        assert_eq!((constant.data_type, constant.raw_data.as_slice()), (type_code::INT64, &16000i64.to_le_bytes()[..]));
        assert_eq!(graph.input.len(), 2);
        // One number fills the shape; open axes become 1.
        let graph = changed(&value("x", &[], &[0.5])).expect("a number");
        assert_eq!((graph.initializer[0].dims.as_slice(), graph.initializer[0].raw_data.len()), (&[1, 3, 1][..], 12));
        let graph = changed(&value("mask", &[1, 2], &[0.5, 1.0])).expect("an array");
        assert_eq!(graph.initializer[0].dims, [1, 2]);
        for (wrong, problem) in [
            (value("rate", &[], &[0.5]), "cannot be 0.5"),
            (value("rate", &[2], &[1.0, 2.0]), "has not the shape [2]"),
            (value("x", &[1, 4, 1], &[0.0; 4]), "has not the shape [1, 4, 1]"),
            (value("w", &[], &[1.0]), "there is no input `w`"),
        ] {
            assert!(changed(&wrong).expect_err("wrong").contains(problem), "{problem}");
        }
    }

    #[test]
    fn outputs_are_chosen_and_dropped() {
        let of = |outputs: &[&str], dropped: &[&str]| {
            let [outputs, dropped] = [outputs, dropped].map(|names| names.iter().map(|&name| name.into()).collect());
            let graph = changed(&Changes { outputs, dropped, ..Changes::default() })?;
            Ok::<Vec<String>, String>(graph.output.into_iter().map(|port| port.name).collect())
        };
        assert_eq!(of(&["z", "middle"], &[]), Ok(vec!["z".into(), "middle".into()]));
        assert_eq!(of(&[], &["z"]), Ok(vec!["y".into()]));
        assert_eq!(of(&["w"], &[]), Err("there is no output `w`; there is `y`, `z`".into()));
        assert_eq!(of(&[], &["middle"]), Err("there is no output `middle`; there is `y`, `z`".into()));
        assert_eq!(of(&[], &["y", "z"]), Err("no output is left".into()));
    }
}
