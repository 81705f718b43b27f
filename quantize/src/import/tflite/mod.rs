//! TensorFlow Lite files: float32 and float16, int8 (per-channel weights kept as they are), uint8 and hybrid ones.
//!
//! A *hybrid* file has int8 weights under float activations; TensorFlow Lite quantizes its activations on
//! the fly at every run. Here its weights are widened to floats, so it is a float model like any other, and stay known as
//! codes, so that layers read these on the device.
//!
//! Only operators that the outputs depend on are converted. A converter writes shape arithmetic for the
//! batch axis (SHAPE, STRIDED_SLICE, PACK into RESHAPE) which nothing needs once the batch is fixed: a
//! RESHAPE is taken by its declared result, so these operators are dead and vanish.

mod activation;
mod along;
mod call;
mod combine;
mod constants;
mod convolution;
mod dense;
mod detection;
mod elementwise;
mod flatbuffer;
mod flexbuffer;
mod indices;
mod int8;
mod moves;
mod names;
mod operator;
mod pool;
mod recurrent;
mod rescale;
mod schema;
mod shape;
mod slice;
mod sparse;
mod suppression;
mod tensor;
#[cfg(test)]
mod tests;
mod unsigned;
mod update;
mod variables;

use std::collections::{HashMap, HashSet};

use super::build::{Builder, Convert, refuse};
use super::{Changes, ImportError, Imported, ModelBytes};
use crate::ir::{Port, ValueId};
use crate::plain;
use flatbuffer::Damage;
pub(super) use names::REMEDIES;
use schema::{Model, Signature};
use variables::Variables;

/// The names of all operators that are read.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    operator::ROWS.iter().chain(operator::CUSTOM_ROWS).map(|row| row.name)
}

/// What a file calls its operators; none where it is none.
#[cfg(test)]
pub(super) fn operators(file: &[u8]) -> Vec<String> {
    let Ok(model) = schema::read(file, 0) else { return Vec::new() };
    let name = |operator: &schema::Operator<'_>| match names::operator_name(operator.code) {
        "CUSTOM" => operator.custom.clone(),
        name => name.to_owned(),
    };
    model.operators.iter().map(name).collect()
}

/// Reads a TensorFlow Lite file into a graph; the caller verifies it.
pub(super) fn import(source: &ModelBytes<'_>) -> Result<Imported, ImportError> {
    let name = source.name;
    let malformed = |damage: Damage| ImportError::Malformed {
        file: name.into(),
        format: "a TensorFlow Lite model",
        place: format!("byte {}", damage.offset),
        problem: damage.problem,
    };
    let unwanted = |problem: String| ImportError::Change { file: name.into(), problem: plain::name(&problem) };
    let signatures = schema::signatures(source.bytes).map_err(malformed)?;
    let chosen = chosen(&signatures, source.changes.signature.as_deref()).map_err(unwanted)?;
    let mut model = schema::read(source.bytes, chosen.map_or(0, |it| it.subgraph)).map_err(malformed)?;
    if source.changes.signature.is_some() {
        model.outputs.retain(|tensor| chosen.is_some_and(|it| it.outputs.contains(tensor)));
    }
    change(&mut model, source.changes).map_err(unwanted)?;
    let mut importer = Importer {
        model: &model,
        builder: Builder::new(name, operator::ROWS.iter().chain(operator::CUSTOM_ROWS).map(|row| row.name)),
        values: HashMap::new(),
        ends: HashMap::new(),
        widened: HashMap::new(),
        converting: vec![false; model.operators.len()],
        variables: Variables::default(),
        computed: model.operators.iter().flat_map(|operator| operator.outputs.iter().copied()).collect(),
    };
    // Such a file has its images channels-last, and a transposition in it is meant.
    importer.builder.graph.keeps_port_layout = true;
    importer.mark_needed();
    importer.inputs();
    importer.operators();
    importer.settle_variables();
    importer.outputs();
    importer.builder.finish()
}

/// The entry point that is meant: the one of this name, or the only one.
fn chosen<'s>(signatures: &'s [Signature], name: Option<&str>) -> Result<Option<&'s Signature>, String> {
    let names = || signatures.iter().map(|it| it.name.as_str()).collect::<Vec<_>>().join("`, `");
    match (name, signatures) {
        (Some(name), []) => Err(format!("there is no signature `{name}`; the file has none (--signature)")),
        (Some(name), _) => match signatures.iter().find(|it| it.name == name) {
            Some(signature) => Ok(Some(signature)),
            None => Err(format!("there is no signature `{name}`; there is `{}`", names())),
        },
        (None, [first, others @ ..]) if others.iter().any(|it| it.subgraph != first.subgraph) => {
            Err(format!("it has several signatures, `{}`; choose one by --signature {}", names(), first.name))
        }
        (None, _) => Ok(signatures.first()),
    }
}

/// Chooses outputs. A file's shapes are those of all its tensors, so that no other input shape can be had from it.
fn change(model: &mut Model<'_>, changes: &Changes) -> Result<(), String> {
    if !changes.shapes.is_empty() || !changes.values.is_empty() {
        return Err(
            "inputs of ONNX models can be fixed (--input-shape, --input-value); fix those of a .tflite file when \
                    it is converted"
                .into(),
        );
    }
    let name_of =
        |tensor: &i32| usize::try_from(*tensor).ok().and_then(|at| model.tensors.get(at)).map(|it| it.name.as_str());
    let is = |tensor: &i32, name: &str| {
        name_of(tensor).is_some_and(|own| own == name || own.split(';').next() == Some(name))
    };
    let find = |tensors: &[i32], name: &String| {
        let known = || tensors.iter().filter_map(name_of).collect::<Vec<_>>().join("`, `");
        let found = tensors.iter().position(|tensor| is(tensor, name));
        found.ok_or_else(|| format!("there is no output `{name}`; there is `{}`", known()))
    };
    let mut outputs = model.outputs.clone();
    if !changes.outputs.is_empty() {
        let chosen = changes.outputs.iter().map(|name| find(&model.outputs, name).map(|at| model.outputs[at]));
        outputs = chosen.collect::<Result<_, _>>()?;
    }
    for name in &changes.dropped {
        outputs.remove(find(&outputs, name)?);
    }
    if outputs.is_empty() && !changes.is_empty() {
        return Err("no output is left".into());
    }
    model.outputs = outputs;
    Ok(())
}

/// The state of one import.
struct Importer<'m, 'b> {
    model: &'m Model<'b>,
    builder: Builder,
    /// Graph values of the file's tensors.
    values: HashMap<i32, ValueId>,
    /// The uint8 values of inputs and outputs, of which `values` has the int8 codes.
    ends: HashMap<i32, ValueId>,
    /// Float copies of int8 weights.
    widened: HashMap<i32, ValueId>,
    /// Which operators the outputs depend on.
    converting: Vec<bool>,
    variables: Variables,
    /// Every tensor that some operator has as a result.
    computed: HashSet<i32>,
}

impl Importer<'_, '_> {
    /// Finds the operators that the outputs depend on, walking the file's order backwards.
    fn mark_needed(&mut self) {
        let mut needed = vec![false; self.model.tensors.len()];
        let need = |tensor: &i32, needed: &mut Vec<bool>| {
            if let Some(slot) = usize::try_from(*tensor).ok().and_then(|tensor| needed.get_mut(tensor)) {
                *slot = true;
            }
        };
        self.model.outputs.iter().for_each(|tensor| need(tensor, &mut needed));
        for (index, operator) in self.model.operators.iter().enumerate().rev() {
            let reads = |tensor: &i32| usize::try_from(*tensor).ok().and_then(|t| needed.get(t)) == Some(&true);
            self.converting[index] = operator.outputs.iter().any(reads) || operator::has_effect(operator);
            if self.converting[index] {
                operator::data_operands(operator).iter().for_each(|tensor| need(tensor, &mut needed));
            }
        }
    }

    fn inputs(&mut self) {
        for &tensor in &self.model.inputs {
            match self.input(tensor) {
                Ok(port) => self.builder.graph.inputs.push(port),
                Err(refusal) => self.builder.problem(&self.tensor_name(tensor), "input", refusal),
            }
        }
    }

    fn input(&mut self, tensor: i32) -> Convert<Port> {
        let declared = self.tensor(tensor)?;
        if declared.signature.iter().skip(1).any(|&extent| extent < 0) {
            let signature = &declared.signature;
            return refuse(
                format!("shape {signature:?} is not fixed"),
                "export with a fixed input shape; only the batch may be open, and becomes 1",
            );
        }
        let value = self.input_end(tensor)?;
        Ok(self.port(tensor, value))
    }

    fn outputs(&mut self) {
        for &tensor in &self.model.outputs {
            // The result of a refused operator is missing here and was reported there.
            let is_there = self.values.contains_key(&tensor) || self.ends.contains_key(&tensor);
            if !is_there && self.computed.contains(&tensor) {
                continue;
            }
            match self.output_end(tensor) {
                Ok(value) => {
                    let port = self.port(tensor, value);
                    self.builder.graph.outputs.push(port);
                }
                Err(refusal) => self.builder.problem(&self.tensor_name(tensor), "output", refusal),
            }
        }
    }

    fn port(&self, tensor: i32, value: ValueId) -> Port {
        let source_shape = self.builder.graph.value(value).shape.clone();
        Port { value, name: self.tensor_name(tensor), source_shape, permutation: None }
    }

    fn operators(&mut self) {
        let model = self.model;
        for (index, operator) in model.operators.iter().enumerate() {
            if !self.converting[index] {
                continue;
            }
            let output = operator.outputs.first().copied().unwrap_or(-1);
            let name = format!("{index}:{}", self.tensor_name(output));
            let kind = match names::operator_name(operator.code) {
                "CUSTOM" => format!("custom operator {}", operator.custom),
                kind => kind.into(),
            };
            match self.convert(operator, &name) {
                Some(Ok(())) => {}
                Some(Err(refusal)) => self.builder.problem(&name, &kind, refusal),
                None => self.builder.unsupported(&name, &kind, names::REMEDIES),
            }
        }
    }

    /// A tensor's name for people: converters join the names of all fused operators by semicolons, the
    /// first one says enough.
    fn tensor_name(&self, tensor: i32) -> String {
        let declared = self.tensor(tensor).map(|tensor| tensor.name.as_str()).unwrap_or("");
        match declared.split(';').next() {
            Some(first) if !first.is_empty() => first.into(),
            _ => format!("tensor {tensor}"),
        }
    }
}
