//! Inputs and outputs of the model.

use std::rc::Rc;

use kinglet_tract::{Extent, OnnxNode, OnnxPort, type_name};

use super::constant::Constant;
use super::types::rounding;
use super::{Entry, Importer, combine, undefined};
use crate::import::build::{Convert, refuse};
use crate::ir::{DType, Port, Quantization, Value, ValueId, checked_len};

impl Importer<'_> {
    /// Adds the inputs; what codes stand for is said by the `nodes` that read them.
    pub(super) fn inputs(&mut self, ports: &[OnnxPort], nodes: &[OnnxNode]) {
        for port in ports {
            // Older files list constants as inputs with a default.
            if self.scopes.has_own(&port.name) {
                continue;
            }
            match self.input(port, nodes) {
                Ok(id) => {
                    self.scopes.insert(port.name.clone(), Entry::Value(id));
                }
                Err(refusal) => {
                    self.builder.problem(&port.name, "input", refusal);
                    self.scopes.insert(port.name.clone(), Entry::Unknown);
                }
            }
        }
    }

    fn input(&mut self, port: &OnnxPort, nodes: &[OnnxNode]) -> Convert<ValueId> {
        if let Some(quantization) = self.input_quantization(port, nodes)? {
            return self.input_of_codes(port, &quantization);
        }
        let Some(dtype) = combine::kept_as(port.element_type) else {
            let problem = format!("is {}", type_name(port.element_type));
            return refuse(
                problem,
                "export a model whose inputs are floats, BOOL, or integers of up to 32 bits or INT64",
            );
        };
        let id = self.input_value(port, dtype, combine::plain(dtype))?;
        if rounding(port.element_type).is_some() {
            self.narrow.insert(id, port.element_type);
        }
        Ok(id)
    }

    /// Adds an input of the graph.
    pub(super) fn input_value(
        &mut self,
        port: &OnnxPort,
        dtype: DType,
        quantization: Option<Quantization>,
    ) -> Convert<ValueId> {
        let shape = fixed_shape(port)?;
        let name = port.name.clone();
        let id = self.builder.value(Value { name, dtype, shape: shape.clone(), quantization, elements: None })?;
        let port = Port { value: id, name: port.name.clone(), source_shape: shape, permutation: None };
        self.builder.graph.inputs.push(port);
        Ok(id)
    }

    pub(super) fn outputs(&mut self, ports: &[OnnxPort]) {
        for port in ports {
            let texts = match self.scopes.get(&port.name) {
                Some(&Entry::Value(value)) => self.texts_of(value),
                _ => None,
            };
            if let Some(texts) = texts {
                self.builder.graph.labels = texts.to_vec();
            }
            let value = match self.scopes.get(&port.name) {
                Some(&Entry::Value(value)) => self.output_value(port, value),
                Some(Entry::Unknown | Entry::Absent) => continue,
                Some(Entry::Refused(refusal)) => Err(refusal.clone()),
                Some(Entry::Constant(constant)) => {
                    let constant = Rc::clone(constant);
                    self.constant_output(port, &constant)
                }
                None => Err(undefined(&port.name)),
            };
            match value {
                Ok(value) => {
                    let source_shape = self.builder.graph.value(value).shape.clone();
                    let port = Port { value, name: port.name.clone(), source_shape, permutation: None };
                    self.builder.graph.outputs.push(port);
                }
                Err(refusal) => self.builder.problem(&port.name, "output", refusal),
            }
        }
    }

    /// An output that is the same in every run.
    fn constant_output(&mut self, port: &OnnxPort, constant: &Constant) -> Convert<ValueId> {
        let is_wide = |dtype: &DType| matches!(dtype, DType::F32 | DType::I32 | DType::Bool);
        let Some(dtype) = combine::kept_as(constant.type_code).filter(is_wide) else {
            return refuse(format!("is a constant of {}", type_name(constant.type_code)), "leave it out of the model");
        };
        if let Some(&extent) = constant.shape.iter().find(|&&extent| extent == 0) {
            return refuse(format!("is empty: an axis has {extent} elements"), "leave it out of the model");
        }
        self.budget.charge(constant.numbers.len(), 8)?;
        let (shape, elements) = (constant.shape.clone(), combine::elements(constant, dtype)?);
        let name = port.name.clone();
        self.builder.value(Value { name, dtype, shape, quantization: None, elements: Some(elements) })
    }
}

/// The shape of an input, with an open batch fixed to 1.
fn fixed_shape(port: &OnnxPort) -> Convert<Vec<usize>> {
    let Some(extents) = &port.shape else {
        return refuse("has no shape", format!("pass --input-shape {}=1,3,224,224, with its extents", port.name));
    };
    let fixed = |(axis, extent): (usize, &Extent)| match extent {
        Extent::Fixed(extent) => usize::try_from(*extent).ok(),
        Extent::Open(_) if axis == 0 => Some(1),
        Extent::Open(_) => None,
    };
    let shape: Option<Vec<usize>> = extents.iter().enumerate().map(fixed).collect();
    let Some(shape) = shape else {
        let problem = format!("shape {} is not fixed", shape_text(extents));
        return refuse(problem, wanted_shape(&port.name, extents));
    };
    match checked_len(&shape) {
        Ok(_) => Ok(shape),
        Err(error) => refuse(error.0, "pass a smaller one (--input-shape)"),
    }
}

fn shape_text(extents: &[Extent]) -> String {
    let text = |extent: &Extent| match extent {
        Extent::Fixed(extent) => extent.to_string(),
        Extent::Open(name) if name.is_empty() => "?".into(),
        Extent::Open(name) => name.clone(),
    };
    format!("[{}]", extents.iter().map(text).collect::<Vec<_>>().join(", "))
}

/// What to pass so that a shape is fixed; an open batch becomes 1 by itself.
fn wanted_shape(name: &str, extents: &[Extent]) -> String {
    let text = |(axis, extent): (usize, &Extent)| match extent {
        Extent::Fixed(extent) => extent.to_string(),
        Extent::Open(_) if axis == 0 => "1".into(),
        Extent::Open(name) if name.is_empty() => format!("AXIS{axis}"),
        Extent::Open(name) => name.clone(),
    };
    let wanted: Vec<String> = extents.iter().enumerate().map(text).collect();
    format!("pass --input-shape {name}={}, with a number for each name", wanted.join(","))
}
