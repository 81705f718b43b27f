//! Recurrent on floats: products by the dense layer's kernels, functions by [`float_math`].

use super::{Cell, Function, Sequences, part};
use crate::Token;
use crate::float_math;
use crate::fully_connected::{FullyConnectedF32, fully_connected_f32};
use crate::io::{Io, range};
use crate::numerics::ClampF32;

/// Everything the layer needs besides its activations.
#[derive(Clone, Copy, Debug)]
pub struct RecurrentF32<'a> {
    /// What is gone over.
    pub sequences: Sequences,
    /// Functions of the gates, as many as the cell has.
    pub functions: [Function; 3],
    /// Bounds of their arguments.
    pub clamp: ClampF32,
    /// `[gates, units]`, added to the products with a step.
    pub bias: &'a [f32],
    /// `[gates, units]`, added to the products with the state.
    pub recurrent_bias: &'a [f32],
    /// `[gates, units, inputs]`.
    pub weights: &'a [f32],
    /// `[gates, units, units]`.
    pub recurrent: &'a [f32],
    /// What the processor can do.
    pub token: Token,
}

/// The memory of a sequence while it is gone over.
struct Lane<'a> {
    h: &'a mut [f32],
    /// Empty when the cell has none.
    c: &'a mut [f32],
    /// Gates of the step.
    x: &'a mut [f32],
    /// Gates of the state.
    r: &'a mut [f32],
    /// What the reset leaves of the state.
    kept: &'a mut [f32],
}

/// Goes over all sequences. False, and nothing is written, when a slice is too short.
///
/// `initial` is empty when the states begin as zeros.
pub fn recurrent_f32(layer: &RecurrentF32<'_>, x: &[f32], initial: &[f32], y: &mut [f32], scratch: &mut [f32]) -> bool {
    let sequences = &layer.sequences;
    let Some(lens) = sequences.lens() else { return false };
    let is_long = x.len() >= lens.input
        && initial.len() >= lens.initial
        && y.len() >= lens.output
        && scratch.len() >= lens.scratch
        && layer.bias.len().min(layer.recurrent_bias.len()) >= lens.bias
        && layer.weights.len() >= lens.weights
        && layer.recurrent.len() >= lens.recurrent;
    if !is_long {
        return false;
    }
    let (units, states) = (sequences.units, sequences.batch.wrapping_mul(sequences.units));
    let of_sequence = if sequences.gives_sequence { sequences.steps.wrapping_mul(states) } else { 0 };
    let Some((sequence, ends)) = y.split_at_mut_checked(of_sequence) else { return false };
    let Some((all_h, all_c)) = ends.split_at_mut_checked(states) else { return false };
    let Some((gates, spare)) = scratch.split_at_mut_checked(lens.bias.wrapping_mul(2)) else { return false };
    let Some((of_x, of_h)) = gates.split_at_mut_checked(lens.bias) else { return false };
    for number in 0..sequences.batch {
        let at = number.wrapping_mul(units);
        let is_lstm = sequences.cell == Cell::Lstm;
        let h = part(all_h, at, units);
        let (c, kept): (&mut [f32], &mut [f32]) = match (is_lstm, sequences.gives_cell_state) {
            (true, true) => (part(all_c, at, units), &mut []),
            (true, false) => (part(spare, 0, units), &mut []),
            (false, _) => (&mut [], part(spare, 0, units)),
        };
        let mut lane = Lane { h, c, x: &mut *of_x, r: &mut *of_h, kept };
        begin(lane.h, range(initial, at, units));
        begin(lane.c, range(initial, states.wrapping_add(at), units));
        for step in 0..sequences.steps {
            let place = sequences.place(number, step);
            layer.step(range(x, place.wrapping_mul(sequences.inputs), sequences.inputs), &mut lane);
            part(sequence, place.wrapping_mul(units), units).iter_mut().zip(lane.h.iter()).for_each(|(y, h)| *y = *h);
        }
    }
    true
}

/// A state as it is at first, or zeros.
fn begin(state: &mut [f32], first: &[f32]) {
    state.fill(0.0);
    state.iter_mut().zip(first).for_each(|(state, first)| *state = *first);
}

impl Function {
    fn of(self, x: f32) -> f32 {
        match self {
            Function::Logistic => float_math::logistic(x),
            Function::Tanh => float_math::tanh(x),
            Function::Relu => ClampF32 { min: 0.0, max: f32::INFINITY }.apply(x),
        }
    }
}

impl RecurrentF32<'_> {
    /// One step, of `x`.
    fn step(&self, x: &[f32], lane: &mut Lane<'_>) {
        let Sequences { cell, inputs, units, .. } = self.sequences;
        let gates = cell.gates().wrapping_mul(units);
        // What the reset is a factor of is multiplied with the weights later.
        let direct = if cell == Cell::Gru { units.wrapping_mul(2) } else { gates };
        self.dense((self.weights, self.bias), inputs, x, lane.x);
        self.dense((self.recurrent, self.recurrent_bias), units, lane.h, part(lane.r, 0, direct));
        let [f, g, k] = self.functions;
        match cell {
            Cell::Plain => {
                let sums = lane.h.iter_mut().zip(lane.x.iter()).zip(lane.r.iter());
                sums.for_each(|((h, x), r)| *h = f.of(self.clamp.apply(*x + *r)));
            }
            Cell::Lstm => {
                self.open(0, 2, f, lane);
                self.open(2, 1, g, lane);
                self.open(3, 1, f, lane);
                let gate = |index: usize| range(lane.x, index.wrapping_mul(units), units);
                let gates = gate(0).iter().zip(gate(1)).zip(gate(2)).zip(gate(3));
                for ((h, c), (((input, forget), new), output)) in lane.h.iter_mut().zip(lane.c.iter_mut()).zip(gates) {
                    *c = *forget * *c + *input * *new;
                    *h = *output * k.of(*c);
                }
            }
            Cell::Gru | Cell::GruResetBehind => {
                self.open(0, 2, f, lane);
                self.renew(cell, lane);
                let new = range(lane.x, units.wrapping_mul(2), units);
                for ((h, update), new) in lane.h.iter_mut().zip(range(lane.x, 0, units)).zip(new) {
                    *h = (1.0 - *update) * *new + *update * *h;
                }
            }
        }
    }

    /// Adds up `count` gates from `first` on and applies their function.
    fn open(&self, first: usize, count: usize, function: Function, lane: &mut Lane<'_>) {
        let units = self.sequences.units;
        let (at, len) = (first.wrapping_mul(units), count.wrapping_mul(units));
        let sums = part(lane.x, at, len).iter_mut().zip(range(lane.r, at, len));
        sums.for_each(|(x, r)| *x = function.of(self.clamp.apply(*x + *r)));
    }

    /// What the state of a GRU becomes where it is not kept.
    fn renew(&self, cell: Cell, lane: &mut Lane<'_>) {
        let units = self.sequences.units;
        let (reset, new) = (units, units.wrapping_mul(2));
        let function = self.functions[1];
        if cell == Cell::Gru {
            let kept = lane.kept.iter_mut().zip(lane.h.iter()).zip(range(lane.x, reset, units));
            kept.for_each(|((kept, h), reset)| *kept = *reset * *h);
            let square = units.wrapping_mul(units);
            let weights = range(self.recurrent, square.wrapping_mul(2), square);
            self.dense((weights, range(self.recurrent_bias, new, units)), units, lane.kept, part(lane.r, new, units));
            return self.open(2, 1, function, lane);
        }
        let Some((gates, of_x)) = lane.x.split_at_mut_checked(new) else { return };
        let factors = range(gates, reset, units).iter().zip(range(lane.r, new, units));
        for (x, (reset, r)) in of_x.iter_mut().zip(factors) {
            *x = function.of(self.clamp.apply(*x + *reset * *r));
        }
    }

    /// `y = weights x + bias`, as many as `y` has elements.
    fn dense(&self, (weights, bias): (&[f32], &[f32]), taps: usize, x: &[f32], y: &mut [f32]) {
        let clamp = ClampF32 { min: f32::NEG_INFINITY, max: f32::INFINITY };
        let outputs = y.len();
        let layer = FullyConnectedF32 { rows: 1, taps, outputs, clamp, weights, bias, token: self.token };
        fully_connected_f32(&layer, &mut Io::split(x, y));
    }
}
