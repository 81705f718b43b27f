//! Recurrent layers as both kinds of files describe them: one direction over a sequence, and what comes out of it.

use super::build::{Builder, Convert};
use crate::ir::{DType, Quantization, ValueId};
use crate::op::{Concat, Recurrent, Split};

/// What a layer has computed, each in a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Results {
    /// The state after every step, when it is wanted.
    pub(super) sequence: Option<ValueId>,
    /// The state in the end.
    pub(super) state: ValueId,
    /// The cell state in the end, when it is wanted.
    pub(super) cell_state: Option<ValueId>,
}

/// Adds a layer over `x` whose states begin as `initial`, lines of all sequences; as zeros when there are none. `result` is
/// the type of what it gives.
pub(super) fn layer(
    builder: &mut Builder,
    name: &str,
    layer: Recurrent,
    x: ValueId,
    initial: Option<Vec<ValueId>>,
    result: (DType, Option<Quantization>),
) -> Convert<Results> {
    let mut operands = vec![x];
    match initial.as_deref() {
        None => {}
        Some(&[state]) => operands.push(state),
        Some(states) => {
            let joined = builder.apply(&format!("{name}/initial"), Concat { axis: 0 }.into(), states.to_vec())?;
            operands.push(joined);
        }
    }
    let sizes = layer.parts(&builder.graph.value(x).shape);
    let (gives_sequence, gives_cell_state) = (layer.gives_sequence, layer.gives_cell_state);
    let line = builder.apply_typed(name, layer.into(), operands, result)?;
    let mut parts = if sizes.len() == 1 {
        vec![line]
    } else {
        builder.apply_all(&format!("{name}/results"), Split { axis: 0, sizes }.into(), vec![line])?
    }
    .into_iter();
    let sequence = if gives_sequence { parts.next() } else { None };
    let state = parts.next().unwrap_or(line);
    Ok(Results { sequence, state, cell_state: if gives_cell_state { parts.next() } else { None } })
}
