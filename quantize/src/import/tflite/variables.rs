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
use super::names;
use super::schema::{Operator, Subgraph, Tensor};
use crate::import::build::{Convert, refuse};
use crate::ir::{Elements, State, Value, ValueId};

const EXPORT_AGAIN: &str = "export the model again";

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

/// True for the operators of this file: their results are no tensors, or they have none.
pub(super) fn is_of_variables(code: i32) -> bool {
    matches!(code, names::VAR_HANDLE | names::READ_VARIABLE | names::ASSIGN_VARIABLE | names::CALL_ONCE)
}

/// The name that a VAR_HANDLE operator gives its variable.
fn name_of(operator: &Operator<'_>) -> Convert<String> {
    let Some(options) = operator.options else { return refuse("a variable has no name", EXPORT_AGAIN) };
    let [container, name] = [options.string(0, NAME_BYTES_MAX)?, options.string(1, NAME_BYTES_MAX)?];
    Ok(if container.is_empty() { name } else { format!("{container}/{name}") })
}

/// Longest name of a variable that is told from others.
const NAME_BYTES_MAX: usize = 256;

impl<'b> Importer<'_, 'b> {
    /// Converts an operator on variables.
    pub(super) fn variable(&mut self, operator: &Operator<'b>) -> Convert<()> {
        match operator.code {
            names::CALL_ONCE => self.initialize(operator),
            names::VAR_HANDLE => {
                let handle = operator.outputs.first().copied().unwrap_or(-1);
                self.variables.handles.insert(handle, name_of(operator)?);
                Ok(())
            }
            names::READ_VARIABLE => self.read_variable(operator),
            _ => self.assign_variable(operator),
        }
    }

    /// The variable whose handle is the operator's first operand.
    fn variable_name(&self, operator: &Operator<'b>) -> Convert<String> {
        let handle = operator.inputs.first().copied().unwrap_or(-1);
        match self.variables.handles.get(&handle) {
            Some(name) => Ok(name.clone()),
            None => refuse("uses a variable that no VAR_HANDLE names", EXPORT_AGAIN),
        }
    }

    /// Remembers what a subgraph assigns that runs before the first run.
    fn initialize(&mut self, operator: &Operator<'b>) -> Convert<()> {
        let index = operator.options.map_or(Ok(0), |options| options.i32(0, 0))?;
        let model = self.model;
        let subgraph = usize::try_from(index).ok().and_then(|index| model.initializers.get(index.checked_sub(1)?));
        let Some(subgraph) = subgraph else {
            return refuse(format!("calls subgraph {index}, which does not exist"), EXPORT_AGAIN);
        };
        let mut handles = HashMap::new();
        for operator in &subgraph.operators {
            match operator.code {
                names::VAR_HANDLE => {
                    handles.insert(operator.outputs.first().copied().unwrap_or(-1), name_of(operator)?);
                }
                names::ASSIGN_VARIABLE => {
                    let [handle, tensor] = [0, 1].map(|place| operator.inputs.get(place).copied().unwrap_or(-1));
                    let Some(name) = handles.get(&handle) else {
                        return refuse("initializes a variable that no VAR_HANDLE names", EXPORT_AGAIN);
                    };
                    let elements = self.initial_elements(subgraph, tensor, name)?;
                    self.variables.initial.insert(name.clone(), elements);
                }
                code => {
                    let problem = format!("initializes variables by {}", names::operator_name(code));
                    return refuse(problem, "initialize them with constants");
                }
            }
        }
        Ok(())
    }

    fn initial_elements(&self, subgraph: &Subgraph<'b>, tensor: i32, name: &str) -> Convert<Elements> {
        let declared: Option<&Tensor<'b>> = usize::try_from(tensor).ok().and_then(|index| subgraph.tensors.get(index));
        let Some(declared) = declared else {
            return refuse(format!("initializes `{name}` with a tensor that does not exist"), EXPORT_AGAIN);
        };
        if declared.data.is_empty() {
            return refuse(format!("initializes `{name}` with a computed tensor"), "initialize it with a constant");
        }
        let dtype = self.element_type(declared)?;
        self.elements(declared, dtype, declared.data)
    }

    fn read_variable(&mut self, operator: &Operator<'b>) -> Convert<()> {
        let name = self.variable_name(operator)?;
        let result = operator.outputs.first().copied().unwrap_or(-1);
        if let Some(&id) = self.variables.current.get(&name) {
            let (declared, held) = (self.declared_value(result)?, self.builder.graph.value(id));
            let is_same =
                |a: &Value, b: &Value| (a.dtype, &a.shape, &a.quantization) == (b.dtype, &b.shape, &b.quantization);
            if !is_same(&declared, held) {
                return refuse(
                    format!("reads variable `{name}` with another type, shape or quantization than it has"),
                    "read it as it was assigned",
                );
            }
            self.values.insert(result, id);
            return Ok(());
        }
        let value = self.value(result)?;
        let (dtype, len) = (self.builder.graph.value(value).dtype, self.builder.graph.value(value).len());
        self.model.budget.charge(len, dtype.size_bytes())?;
        let initial = match self.variables.initial.get(&name) {
            Some(initial) if (initial.dtype(), initial.len()) == (dtype, len) => initial.clone(),
            Some(_) => {
                return refuse(format!("variable `{name}` is initialized with another type or shape"), EXPORT_AGAIN);
            }
            // As TensorFlow Lite Micro has them: bytes of zero.
            None => Elements::zeros(dtype, len),
        };
        self.variables.current.insert(name.clone(), value);
        self.builder.graph.states.push(State { name, value, next: value, initial });
        Ok(())
    }

    fn assign_variable(&mut self, operator: &Operator<'b>) -> Convert<()> {
        let name = self.variable_name(operator)?;
        let value = self.value(operator.inputs.get(1).copied().unwrap_or(-1))?;
        self.variables.current.insert(name, value);
        Ok(())
    }

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
