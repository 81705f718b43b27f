//! Variables: tensors that a model keeps from run to run.
//!
//! ```text
//! CALL_ONCE(subgraph)                   the subgraph assigns constants: what variables are at first
//! VAR_HANDLE() -> handle                names a variable
//! READ_VARIABLE(handle) -> x            what it was when the run began, or what this run has assigned
//! ASSIGN_VARIABLE(handle, x)            what it is for the next run
//! ```
//!
//! The graph has no handles: a variable that is read becomes a [`State`], whose value is what the first reader reads and
//! whose next value is what is assigned last. A variable that nothing assigns is a constant.

use std::collections::HashMap;

use super::Importer;
use super::call::{Call, EXPORT_AGAIN};
use super::names;
use super::schema::{Operator, Subgraph, Tensor};
use crate::import::build::{Convert, refuse};
use crate::ir::{Elements, State, Value, ValueId};

/// What is known of the file's variables while operators are converted in their order.
#[derive(Default)]
pub(super) struct Variables {
    /// Names by the tensor of the handle.
    handles: HashMap<i32, String>,
    /// What each holds at this point of a run.
    current: HashMap<String, ValueId>,
    /// What each is before the first run, as the file has it.
    initial: HashMap<String, Elements>,
}

/// The name that a VAR_HANDLE operator gives its variable.
fn name_of(operator: &Operator<'_>) -> Convert<String> {
    let Some(options) = operator.options else { return refuse("a variable has no name", EXPORT_AGAIN) };
    let [container, name] = [options.string(0, NAME_BYTES_MAX)?, options.string(1, NAME_BYTES_MAX)?];
    Ok(if container.is_empty() { name } else { format!("{container}/{name}") })
}

/// Longest name of a variable that is told from others.
const NAME_BYTES_MAX: usize = 256;

/// Names the variable that a handle stands for.
pub(super) fn var_handle(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    importer.variables.handles.insert(call.first_result(), name_of(call.operator)?);
    Ok(())
}

/// The variable whose handle is the operator's first operand.
fn variable_name(importer: &Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<String> {
    let handle = call.tensor(0);
    match importer.variables.handles.get(&handle) {
        Some(name) => Ok(name.clone()),
        None => refuse("uses a variable that no VAR_HANDLE names", EXPORT_AGAIN),
    }
}

/// Remembers what a subgraph assigns that runs before the first run.
pub(super) fn call_once(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let index = call.int(0, 0)?;
    let model = importer.model;
    let is_called = |number: usize| usize::try_from(index).is_ok_and(|index| index == number);
    let Some((_, subgraph)) = model.initializers.iter().find(|(number, _)| is_called(*number)) else {
        return refuse(format!("calls subgraph {index}, which does not exist"), EXPORT_AGAIN);
    };
    let mut handles = HashMap::new();
    for operator in &subgraph.operators {
        match names::operator_name(operator.code) {
            "VAR_HANDLE" => {
                handles.insert(operator.outputs.first().copied().unwrap_or(-1), name_of(operator)?);
            }
            "ASSIGN_VARIABLE" => {
                let [handle, tensor] = [0, 1].map(|place| operator.inputs.get(place).copied().unwrap_or(-1));
                let Some(name) = handles.get(&handle) else {
                    return refuse("initializes a variable that no VAR_HANDLE names", EXPORT_AGAIN);
                };
                let elements = initial_elements(importer, subgraph, tensor, name)?;
                importer.variables.initial.insert(name.clone(), elements);
            }
            other => {
                let problem = format!("initializes variables by {other}");
                return refuse(problem, "initialize them with constants");
            }
        }
    }
    Ok(())
}

fn initial_elements(
    importer: &Importer<'_, '_>,
    subgraph: &Subgraph<'_>,
    tensor: i32,
    name: &str,
) -> Convert<Elements> {
    let declared: Option<&Tensor<'_>> = usize::try_from(tensor).ok().and_then(|index| subgraph.tensors.get(index));
    let Some(declared) = declared else {
        return refuse(format!("initializes `{name}` with a tensor that does not exist"), EXPORT_AGAIN);
    };
    if declared.data.is_empty() {
        return refuse(format!("initializes `{name}` with a computed tensor"), "initialize it with a constant");
    }
    let dtype = importer.element_type(declared)?;
    importer.elements(declared, dtype, declared.data)
}

pub(super) fn read_variable(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let name = variable_name(importer, call)?;
    let result = call.first_result();
    if let Some(&id) = importer.variables.current.get(&name) {
        let (declared, held) = (importer.declared_value(result)?, importer.builder.graph.value(id));
        let is_same =
            |a: &Value, b: &Value| (a.dtype, &a.shape, &a.quantization) == (b.dtype, &b.shape, &b.quantization);
        if !is_same(&declared, held) {
            return refuse(
                format!("reads variable `{name}` with another type, shape or quantization than it has"),
                "read it as it was assigned",
            );
        }
        importer.values.insert(result, id);
        return Ok(());
    }
    let value = importer.value(result)?;
    let (dtype, len) = (importer.builder.graph.value(value).dtype, importer.builder.graph.value(value).len());
    importer.model.budget.charge(len, dtype.size_bytes())?;
    let initial = match importer.variables.initial.get(&name) {
        Some(initial) if (initial.dtype(), initial.len()) == (dtype, len) => initial.clone(),
        Some(_) => {
            return refuse(format!("variable `{name}` is initialized with another type or shape"), EXPORT_AGAIN);
        }
        // As TensorFlow Lite Micro has them.
        None => Elements::zeros(dtype, importer.builder.graph.value(value).quantization.as_ref(), len),
    };
    importer.variables.current.insert(name.clone(), value);
    importer.builder.graph.states.push(State { name, value, next: value, initial });
    Ok(())
}

pub(super) fn assign_variable(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let name = variable_name(importer, call)?;
    let value = importer.value(call.tensor(1))?;
    importer.variables.current.insert(name, value);
    Ok(())
}

impl Importer<'_, '_> {
    /// When all operators are converted: what each variable is for the next run. One that is never assigned is what it
    /// is at first.
    pub(super) fn settle_variables(&mut self) {
        let graph = &mut self.builder.graph;
        for mut state in core::mem::take(&mut graph.states) {
            state.next = self.variables.current.get(&state.name).copied().unwrap_or(state.value);
            if state.next == state.value {
                graph.value_mut(state.value).elements = Some(state.initial);
            } else {
                graph.states.push(state);
            }
        }
    }
}
