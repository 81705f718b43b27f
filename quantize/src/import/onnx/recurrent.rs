//! LSTM, GRU and RNN: each direction is a layer of its own.

use std::sync::Arc;

use super::attributes::Call;
use super::constant::Numbers;
use super::{Entry, Importer};
use crate::import::build::{Convert, refuse};
use crate::import::recurrent::{self, Results};
use crate::ir::{DType, Elements, ValueId};
use crate::op::{Cell, Concat, GateFunction, Recurrent, Split, Weights};

const EXPORT_AGAIN: &str = "export the model again";

/// Operands by their position.
const BIAS: usize = 3;
const LENGTHS: usize = 4;
const INITIAL: usize = 5;
const INITIAL_CELL: usize = 6;
const PEEPHOLES: usize = 7;

/// A kind of layer: its cell, the functions that it has by default, and where each of our gates is among ONNX's.
struct Kind {
    cell: Cell,
    functions: &'static [GateFunction],
    gates: &'static [usize],
}

const RNN: Kind = Kind { cell: Cell::Plain, functions: &[GateFunction::Tanh], gates: &[0] };
/// ONNX has input, output, forget, cell.
const LSTM: Kind = Kind {
    cell: Cell::Lstm,
    functions: &[GateFunction::Logistic, GateFunction::Tanh, GateFunction::Tanh],
    gates: &[0, 2, 3, 1],
};
const GRU: Kind = Kind { cell: Cell::Gru, functions: &[GateFunction::Logistic, GateFunction::Tanh], gates: &[0, 1, 2] };

pub(super) fn rnn(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Vec<Entry>> {
    convert(importer, call, &RNN)
}

pub(super) fn lstm(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Vec<Entry>> {
    if call.int("input_forget", 0)? != 0 {
        return refuse("couples its input and forget gates (input_forget)", "use a layer with gates of its own each");
    }
    if call.operand(PEEPHOLES).is_some() {
        return refuse("has peepholes (operand P)", "use a layer without peepholes, as PyTorch and Keras have");
    }
    convert(importer, call, &LSTM)
}

pub(super) fn gru(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Vec<Entry>> {
    let cell = if call.int("linear_before_reset", 0)? == 0 { Cell::Gru } else { Cell::GruResetBehind };
    convert(importer, call, &Kind { cell, ..GRU })
}

/// A layer's attributes, and its extents.
struct Layers {
    /// Whether each direction goes backwards.
    directions: Vec<bool>,
    functions: Vec<GateFunction>,
    clip: f32,
    is_batch_first: bool,
    steps: usize,
    batch: usize,
    inputs: usize,
    units: usize,
}

fn convert(importer: &mut Importer<'_>, call: &Call<'_>, kind: &Kind) -> Convert<Vec<Entry>> {
    let x = call.value(0)?;
    let layers = layers(call, kind, &importer.shape(x))?;
    check_lengths(call, &layers)?;
    let initial = initial(importer, call, kind, &layers)?;
    let is_wanted = |index: usize| call.node.outputs.get(index).is_some_and(|name| !name.is_empty());
    let mut results = Vec::new();
    for (direction, &is_reversed) in layers.directions.iter().enumerate() {
        let weights = weights(importer, call, kind, &layers, direction)?;
        let count = kind.cell.functions();
        let layer = Recurrent {
            cell: kind.cell,
            functions: layers.functions[direction * count..][..count].to_vec(),
            clip: layers.clip,
            is_reversed,
            is_batch_first: layers.is_batch_first,
            gives_sequence: is_wanted(0),
            gives_cell_state: is_wanted(2) && kind.cell == Cell::Lstm,
            has_initial: initial[direction].is_some(),
            weights: Arc::new(weights),
            codes: None,
        };
        let suffix = if layers.directions.len() > 1 { ["/forward", "/reverse"][usize::from(is_reversed)] } else { "" };
        let name = format!("{}{suffix}", call.name);
        let first = initial[direction].clone();
        results.push(recurrent::layer(&mut importer.builder, &name, layer, x, first, (DType::F32, None))?);
    }
    outputs(importer, call, &layers, &results)
}

/// The attributes, all of which are known or refused.
fn layers(call: &Call<'_>, kind: &Kind, x: &[usize]) -> Convert<Layers> {
    let is_batch_first = call.int("layout", 0)? != 0;
    let &[first, second, inputs] = x else {
        return refuse(format!("operand has shape {x:?}, 3 axes are needed"), EXPORT_AGAIN);
    };
    let (steps, batch) = if is_batch_first { (second, first) } else { (first, second) };
    let directions = match call.string("direction", "forward")? {
        "forward" => vec![false],
        "reverse" => vec![true],
        "bidirectional" => vec![false, true],
        other => return refuse(format!("has direction `{other}`"), "use forward, reverse or bidirectional"),
    };
    let (shape, _) = call.floats_of(2, "weights of the state")?;
    let &[count, rows, units] = shape else {
        return refuse(format!("weights of the state have shape {shape:?}"), "3 axes are needed");
    };
    if count != directions.len() || Some(rows) != kind.cell.gates().checked_mul(units) || units == 0 {
        let needed = format!("[{}, {} * units, units] are needed", directions.len(), kind.cell.gates());
        return refuse(format!("weights of the state have shape {shape:?}"), needed);
    }
    let clip = call.float("clip", f32::INFINITY)?;
    if clip.is_nan() || clip <= 0.0 {
        return refuse(format!("attribute `clip` is {clip}"), "leave it out, or use a bound above 0");
    }
    let functions = functions(call, kind, directions.len())?;
    Ok(Layers { directions, functions, clip, is_batch_first, steps, batch, inputs, units })
}

/// The functions of all directions.
fn functions(call: &Call<'_>, kind: &Kind, directions: usize) -> Convert<Vec<GateFunction>> {
    let Some(names) = call.strings("activations")? else { return Ok(kind.functions.repeat(directions)) };
    let known = |name: &String| match name.to_lowercase().as_str() {
        "sigmoid" => Ok(GateFunction::Logistic),
        "tanh" => Ok(GateFunction::Tanh),
        "relu" => Ok(GateFunction::Relu),
        _ => refuse(format!("has function {name}"), "Sigmoid, Tanh and Relu are supported"),
    };
    let functions = names.iter().map(known).collect::<Convert<Vec<_>>>()?;
    let count = kind.functions.len() * directions;
    if functions.len() != count {
        return refuse(format!("has {} functions", functions.len()), format!("{count} are needed"));
    }
    Ok(functions)
}

/// Every sequence has to have all steps.
fn check_lengths(call: &Call<'_>, layers: &Layers) -> Convert<()> {
    let Some(lengths) = call.constant(LENGTHS, "lengths of sequences (sequence_lens)")? else { return Ok(()) };
    match &lengths.numbers {
        Numbers::I64(lengths) if lengths.iter().all(|&len| usize::try_from(len) == Ok(layers.steps)) => Ok(()),
        _ => refuse(
            format!("its sequences have other lengths than {} steps (sequence_lens)", layers.steps),
            "leave the lengths out: sequences of one length are supported",
        ),
    }
}

/// Rows of a constant `[directions, ..]` that belong to a direction.
fn of_direction(constant: &[f32], directions: usize, direction: usize) -> &[f32] {
    let len = constant.len() / directions.max(1);
    constant.get(direction * len..(direction + 1) * len).unwrap_or_default()
}

/// The weights of a direction in our order of gates.
fn weights(
    importer: &mut Importer<'_>,
    call: &Call<'_>,
    kind: &Kind,
    layers: &Layers,
    direction: usize,
) -> Convert<Weights> {
    let Layers { inputs, units, .. } = *layers;
    let (directions, rows) = (layers.directions.len(), kind.gates.len() * units);
    let (shape, input) = call.floats_of(1, "weights")?;
    if shape != [directions, rows, inputs] {
        return refuse(format!("weights have shape {shape:?}"), format!("[{directions}, {rows}, {inputs}] are needed"));
    }
    let (_, recurrent) = call.floats_of(2, "weights of the state")?;
    let biases = match call.operand(BIAS) {
        None => vec![0.0; 2 * rows],
        Some(_) => {
            let (shape, biases) = call.floats_of(BIAS, "biases")?;
            if shape != [directions, 2 * rows] {
                return refuse(
                    format!("biases have shape {shape:?}"),
                    format!("[{directions}, {}] are needed", 2 * rows),
                );
            }
            of_direction(biases, directions, direction).to_vec()
        }
    };
    importer.budget.charge(rows.saturating_mul(inputs.saturating_add(units).saturating_add(2)), 4)?;
    let ordered = |all: &[f32]| -> Vec<f32> {
        let len = all.len() / kind.gates.len();
        kind.gates.iter().flat_map(|gate| all[gate * len..][..len].iter().copied()).collect()
    };
    let (bias, recurrent_bias) = biases.split_at(rows);
    Ok(Weights {
        inputs,
        units,
        bias: ordered(bias),
        recurrent_bias: ordered(recurrent_bias),
        input: ordered(of_direction(input, directions, direction)),
        recurrent: ordered(of_direction(recurrent, directions, direction)),
    })
}

/// What the states of each direction are at first; nothing when that is zeros.
fn initial(
    importer: &mut Importer<'_>,
    call: &Call<'_>,
    kind: &Kind,
    layers: &Layers,
) -> Convert<Vec<Option<Vec<ValueId>>>> {
    let positions = if kind.cell == Cell::Lstm { &[INITIAL, INITIAL_CELL][..] } else { &[INITIAL] };
    let is_zero = |position: &usize| match call.operand(*position) {
        None => true,
        Some(Entry::Constant(constant)) => {
            matches!(&constant.numbers, Numbers::F32(floats) if floats.iter().all(|float| *float == 0.0))
        }
        Some(_) => false,
    };
    let directions = layers.directions.len();
    if positions.iter().all(is_zero) {
        return Ok(vec![None; directions]);
    }
    let states = layers.batch * layers.units;
    let mut of_directions = vec![Vec::new(); directions];
    for &position in positions {
        let name = format!("{}/initial", call.name);
        let value = match call.operand(position) {
            Some(_) => importer.float_operand(call, position)?,
            None => {
                importer.budget.charge(directions * states, 4)?;
                let zeros = Elements::F32(vec![0.0; directions * states]);
                importer.builder.constant(&name, shape_of_states(layers), zeros)?
            }
        };
        let shape = importer.shape(value);
        if shape != shape_of_states(layers) {
            return refuse(
                format!("first states have shape {shape:?}"),
                format!("{:?} are needed", shape_of_states(layers)),
            );
        }
        let axis = usize::from(layers.is_batch_first);
        let parts = match directions {
            1 => vec![value],
            _ => importer.builder.apply_all(&name, Split { axis, sizes: vec![1; directions] }.into(), vec![value])?,
        };
        for (part, list) in parts.into_iter().zip(&mut of_directions) {
            list.push(importer.builder.reshape(&name, part, vec![states])?);
        }
    }
    Ok(of_directions.into_iter().map(Some).collect())
}

fn shape_of_states(layers: &Layers) -> Vec<usize> {
    let Layers { batch, units, .. } = *layers;
    let directions = layers.directions.len();
    if layers.is_batch_first { vec![batch, directions, units] } else { vec![directions, batch, units] }
}

/// The results of all directions beside each other, in ONNX's shapes.
fn outputs(importer: &mut Importer<'_>, call: &Call<'_>, layers: &Layers, results: &[Results]) -> Convert<Vec<Entry>> {
    let Layers { steps, batch, units, .. } = *layers;
    let (sequence, sequence_axis) =
        if layers.is_batch_first { ([batch, steps, 1, units], 2) } else { ([steps, 1, batch, units], 1) };
    let mut of_one = shape_of_states(layers);
    let state_axis = usize::from(layers.is_batch_first);
    of_one[state_axis] = 1;
    let all = [
        (results.iter().map(|result| result.sequence).collect(), sequence.to_vec(), sequence_axis),
        (results.iter().map(|result| Some(result.state)).collect(), of_one.clone(), state_axis),
        (results.iter().map(|result| result.cell_state).collect(), of_one, state_axis),
    ];
    let mut entries = Vec::new();
    for (index, (parts, shape, axis)) in all.into_iter().enumerate() {
        let parts: Option<Vec<ValueId>> = parts;
        let is_wanted = call.node.outputs.get(index).is_some_and(|name| !name.is_empty());
        let Some(parts) = parts.filter(|_| is_wanted) else {
            entries.push(Entry::Unknown);
            continue;
        };
        let name = format!("{}/result{index}", call.name);
        let shaped = parts.into_iter().map(|part| importer.builder.reshape(&name, part, shape.clone()));
        let shaped = shaped.collect::<Convert<Vec<_>>>()?;
        let joined = match shaped[..] {
            [one] => one,
            _ => importer.builder.apply(&name, Concat { axis }.into(), shaped)?,
        };
        entries.push(Entry::Value(joined));
    }
    Ok(entries)
}
