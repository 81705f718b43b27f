//! UNIDIRECTIONAL_SEQUENCE_LSTM.

use std::sync::Arc;

use super::Importer;
use super::call::{Call, EXPORT_AGAIN};
use super::schema::type_name;
use crate::import::build::{Convert, refuse};
use crate::import::recurrent;
use crate::ir::{DType, Elements, Quantization, Value};
use crate::op::{Cell, GateFunction, Recurrent, RecurrentCodes, RecurrentMatrix, Weights, argument_factor, factors};

/// Operands by their position; those of four gates stand together, in the order input, forget, cell, output.
const OF_INPUT: usize = 1;
const OF_STATE: usize = 5;
const PEEPHOLES: usize = 9;
const BIASES: usize = 12;
const PROJECTION: usize = 16;
const STATE: usize = 18;
const CELL_STATE: usize = 19;
const NORMS: usize = 20;
const GATES: usize = 4;

/// An LSTM whose states begin as zeros in every run, as in training. The file's own are kept between runs by TensorFlow
/// Lite until somebody resets them.
pub(super) fn lstm(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let x = importer.operand(call, 0)?;
    let value = importer.builder.graph.value(x).clone();
    let is_float = value.dtype == DType::F32;
    check(call, is_float)?;
    if !matches!(value.dtype, DType::F32 | DType::I8) {
        return refuse(format!("its sequences are {:?}", value.dtype), "export it in float32 or int8");
    }
    let mut of = |first: usize| -> Convert<Vec<f32>> {
        let gates =
            (first..first + GATES).map(|position| importer.reals(call, position)).collect::<Convert<Vec<_>>>()?;
        Ok(gates.concat())
    };
    let (input, recurrent, bias) = (of(OF_INPUT)?, of(OF_STATE)?, of(BIASES)?);
    let (units, recurrent_bias) = (bias.len() / GATES, vec![0.0; bias.len()]);
    let inputs = input.len().checked_div(bias.len()).unwrap_or(0);
    importer.model.budget.charge(input.len().saturating_add(recurrent.len()), 4)?;
    let function = match call.code(0)? {
        4 => GateFunction::Tanh,
        1 if is_float => GateFunction::Relu,
        other => return refuse(format!("has a function with code {other}"), "use TANH"),
    };
    let result = importer.declared_value(call.first_result())?;
    let codes = if is_float { None } else { Some(Arc::new(importer.codes(call, &value, &result)?)) };
    let layer = Recurrent {
        cell: Cell::Lstm,
        functions: vec![GateFunction::Logistic, function, function],
        clip: f32::INFINITY,
        is_reversed: false,
        is_batch_first: !call.flag(3)?,
        gives_sequence: true,
        gives_cell_state: false,
        has_initial: false,
        weights: Arc::new(Weights { inputs, units, bias, recurrent_bias, input, recurrent }),
        codes,
    };
    let of_result = (value.dtype, result.quantization.clone().filter(|_| !is_float));
    let results = recurrent::layer(&mut importer.builder, call.name, layer, x, None, of_result)?;
    let Some(sequence) = results.sequence else { return refuse("has no result", EXPORT_AGAIN) };
    let wanted = value.shape.iter().take(2).copied().chain([units]).collect();
    let sequence = importer.builder.reshape(&format!("{}/sequence", call.name), sequence, wanted)?;
    importer.rename(call, sequence)
}

/// What of the operator is not read is not there.
fn check(call: &Call<'_, '_>, is_float: bool) -> Convert<()> {
    let is_given = |positions: core::ops::Range<usize>| positions.into_iter().any(|at| call.given(at).is_some());
    if call.given(OF_INPUT).is_none() {
        return refuse("couples its input and forget gates", "use a layer with gates of its own each");
    }
    if is_given(PEEPHOLES..BIASES) {
        return refuse("has peepholes", "use a layer without peepholes, as Keras has");
    }
    if is_given(PROJECTION..PROJECTION + 2) {
        return refuse("has a projection", "use a dense layer behind it");
    }
    if is_given(NORMS..NORMS + GATES) {
        return refuse("normalizes its gates", "use a layer without normalization in it");
    }
    for (slot, name) in [(1, "cell_clip"), (2, "proj_clip")] {
        let clip = call.float(slot)?;
        if clip != 0.0 && (is_float || slot == 2) {
            return refuse(format!("attribute `{name}` is {clip}"), "use a layer without bounds");
        }
    }
    Ok(())
}

impl Importer<'_, '_> {
    /// The reals of a constant operand.
    fn reals(&mut self, call: &Call<'_, '_>, position: usize) -> Convert<Vec<f32>> {
        let tensor = call.tensor(position);
        // What has widened half precision has made a constant of it.
        let known = self.values.get(&tensor).copied();
        let id = known.map_or_else(|| self.widened(tensor), Ok)?;
        // Biases of int32 are values without a scale.
        let scale = self.tensor(tensor)?.scales.first().copied().unwrap_or(1.0);
        match &self.builder.graph.value(id).elements {
            Some(Elements::F32(reals)) => Ok(reals.clone()),
            Some(Elements::I32(codes)) => Ok(codes.iter().map(|&code| code as f32 * scale).collect()),
            _ => refuse(format!("operand {position} is computed at run time"), "it must be a constant"),
        }
    }

    /// The numbers of a layer of int8 with a cell state of int16, for sequences `x` and states `h`.
    fn codes(&self, call: &Call<'_, '_>, x: &Value, h: &Value) -> Convert<RecurrentCodes> {
        let (state, cell) = (self.tensor(call.tensor(STATE))?, self.tensor(call.tensor(CELL_STATE))?);
        let is_same =
            |h: &Quantization| state.scales == [h.scale(0)] && state.zero_points == [i64::from(h.zero_point())];
        if !h.quantization.as_ref().is_some_and(is_same) {
            return refuse("its state and its result have different scales", EXPORT_AGAIN);
        }
        let cell_scale = cell.scales.first().copied().unwrap_or(0.0);
        let power = cell_scale.log2();
        let is_power = power.fract() == 0.0 && (-15.0..=0.0).contains(&power);
        if self.element_type(cell)? != DType::I16 || !is_power || cell.zero_points.iter().any(|&zero| zero != 0) {
            let problem = format!("its cell state is {} of scale {cell_scale}", type_name(cell.dtype));
            return refuse(problem, "int16 in units of a power of two is needed, from 2^-15 to 1");
        }
        let clip = f64::from(call.float(1)?) / f64::from(cell_scale);
        let (x_scale, h_scale) = (scale(x)?, scale(h)?);
        Ok(RecurrentCodes {
            step: self.matrix(call, OF_INPUT, Some(BIASES), x_scale)?,
            state: self.matrix(call, OF_STATE, None, h_scale)?,
            factors: factors(true, power as i8, h_scale),
            cell_power: power as i8,
            cell_clip: clip.clamp(0.0, f64::from(i16::MAX)) as i16,
        })
    }

    /// The codes of four gates' weights, for an operand of scale `x`.
    fn matrix(&self, call: &Call<'_, '_>, first: usize, biases: Option<usize>, x: f32) -> Convert<RecurrentMatrix> {
        let (mut weights, mut bias, mut factors) = (Vec::new(), Vec::new(), Vec::new());
        let mut taps = 0;
        for gate in 0..GATES {
            let value = self.declared_value(call.tensor(first + gate))?;
            let (Some(Elements::I8(codes)), &[rows, columns]) = (&value.elements, value.shape.as_slice()) else {
                return refuse(format!("`{}` is no matrix of int8 constants", value.name), EXPORT_AGAIN);
            };
            let quantization = value.quantization.as_ref().filter(|quantization| quantization.zero_point() == 0);
            let Some(quantization) = quantization.filter(|quantization| quantization.axis.is_none()) else {
                return refuse(format!("`{}` is not symmetric with one scale", value.name), EXPORT_AGAIN);
            };
            taps = columns;
            weights.extend_from_slice(codes);
            factors.extend(core::iter::repeat_n(argument_factor(x, quantization.scale(0)), rows));
            match biases {
                None => bias.extend(core::iter::repeat_n(0, rows)),
                Some(first) => {
                    let own = self.declared_value(call.tensor(first + gate))?;
                    let Some(Elements::I32(own)) = &own.elements else {
                        return refuse(format!("`{}` are no int32 constants", own.name), EXPORT_AGAIN);
                    };
                    bias.extend(own.iter().map(|&bias| i64::from(bias)));
                }
            }
        }
        if taps == 0 || bias.len() != factors.len() || weights.len() != taps * factors.len() {
            return refuse("its weights do not agree with each other", EXPORT_AGAIN);
        }
        Ok(RecurrentMatrix { taps, weights, bias, factors })
    }
}

/// The one scale of a quantized tensor.
fn scale(value: &Value) -> Convert<f32> {
    match value.quantization.as_ref().filter(|quantization| quantization.axis.is_none()) {
        Some(quantization) => Ok(quantization.scale(0)),
        None => refuse(format!("`{}` has no scale", value.name), EXPORT_AGAIN),
    }
}
