//! Recurrent on int8, with gates and the cell state of int16: what the oracle computes of an LSTM, and of other cells the
//! same arithmetic.
//!
//! Arguments of functions are in units of `2^-12`, their results in units of `2^-15`; sums of both saturate. The state of
//! a cell that has no other is kept in units of `2^-15` from step to step, because a part of a change that is less than
//! a code would be lost in every step; the products see its code.

use super::{Cell, Function, Sequences, part};
use crate::int16::StageI16;
use crate::io::range;
use crate::map::{logistic_i16, tanh_i16};
use crate::numerics::FixedPoint;

/// Products of one operand: `[gates, units, taps]`, and what becomes of their sums.
#[derive(Clone, Copy, Debug)]
pub struct Products<'a> {
    /// The weights.
    pub weights: &'a [i8],
    /// Biases, with the operand's zero point folded in, and factors to units of `2^-12`. Sums have 32 bits, rounded twice.
    pub stage: StageI16<'a>,
}

/// Everything the layer needs besides its activations.
#[derive(Clone, Copy, Debug)]
pub struct RecurrentI8<'a> {
    /// What is gone over. The states begin as zeros, and the cell state is no part of the result.
    pub sequences: Sequences,
    /// Functions of the gates, as many as the cell has.
    pub functions: [Function; 3],
    /// Of a step.
    pub step: Products<'a>,
    /// Of the state.
    pub state: Products<'a>,
    /// An LSTM's: of the cell state that is kept, of what is added to it, and of its function times the gate. Of the last
    /// the state's codes are made; other cells have only that.
    pub factors: [FixedPoint; 3],
    /// The cell state is in units of two to the power of this, -15 to 0.
    pub cell_power: i32,
    /// Bound of the cell state's codes; 0 for none.
    pub cell_clip: i16,
    /// Of the result.
    pub zero_point: i8,
    /// 256 halves of the logistic function, see [`crate::map`].
    pub table: &'a [i16],
}

/// Entries of the table.
const TABLE_LEN: usize = 256;

/// The memory of a sequence while it is gone over.
struct Lane<'a> {
    /// Codes of the state.
    h: &'a mut [i8],
    /// The cell state, or the state in units of `2^-15`.
    kept: &'a mut [i16],
    /// Gates of the step.
    x: &'a mut [i16],
    /// Gates of the state.
    r: &'a mut [i16],
}

/// Goes over all sequences. False, and nothing is written, when a slice is too short or the cell has no such kernel.
pub fn recurrent_i8(layer: &RecurrentI8<'_>, x: &[i8], y: &mut [i8], scratch: &mut [i16]) -> bool {
    let sequences = &layer.sequences;
    let Some(lens) = sequences.lens() else { return false };
    let has_products =
        |products: &Products<'_>, len: usize| products.weights.len() >= len && products.stage.suffices(lens.bias);
    let is_long = x.len() >= lens.input
        && y.len() >= lens.output
        && scratch.len() >= lens.scratch
        && layer.table.len() >= TABLE_LEN
        && has_products(&layer.step, lens.weights)
        && has_products(&layer.state, lens.recurrent);
    if !is_long || sequences.has_initial || sequences.gives_cell_state || sequences.cell == Cell::Gru {
        return false;
    }
    let (units, states) = (sequences.units, sequences.batch.wrapping_mul(sequences.units));
    let of_sequence = if sequences.gives_sequence { sequences.steps.wrapping_mul(states) } else { 0 };
    let Some((sequence, all_h)) = y.split_at_mut_checked(of_sequence) else { return false };
    let Some((gates, kept)) = scratch.split_at_mut_checked(lens.bias.wrapping_mul(2)) else { return false };
    let Some((of_x, of_h)) = gates.split_at_mut_checked(lens.bias) else { return false };
    for number in 0..sequences.batch {
        let h = part(all_h, number.wrapping_mul(units), units);
        let kept = part(kept, 0, units);
        h.fill(layer.zero_point);
        kept.fill(0);
        let mut lane = Lane { h, kept, x: &mut *of_x, r: &mut *of_h };
        for step in 0..sequences.steps {
            let place = sequences.place(number, step);
            layer.step(range(x, place.wrapping_mul(sequences.inputs), sequences.inputs), &mut lane);
            part(sequence, place.wrapping_mul(units), units).iter_mut().zip(lane.h.iter()).for_each(|(y, h)| *y = *h);
        }
    }
    true
}

impl Products<'_> {
    /// Every gate of `x`.
    fn of(&self, x: &[i8], y: &mut [i16]) {
        for (row, y) in y.iter_mut().enumerate() {
            let weights = range(self.weights, row.wrapping_mul(x.len()), x.len());
            let products = x.iter().zip(weights).map(|(x, w)| i32::from(*x).wrapping_mul(i32::from(*w)));
            *y = self.stage.apply(row, products.fold(0_i32, i32::wrapping_add).into());
        }
    }
}

/// The nearest number of 16 bits.
fn saturated(x: i32) -> i16 {
    x.max(i16::MIN.into()).min(i16::MAX.into()) as i16
}

/// A product of two numbers in units of `2^-15`, or of one of them in any unit.
fn fraction(a: i16, b: i16) -> i32 {
    i32::from(a).wrapping_mul(b.into()).wrapping_add(1 << 14) >> 15
}

impl RecurrentI8<'_> {
    /// One step, of `x`.
    fn step(&self, x: &[i8], lane: &mut Lane<'_>) {
        let Sequences { cell, units, .. } = self.sequences;
        self.step.of(x, lane.x);
        self.state.of(lane.h, lane.r);
        let [f, g, _] = self.functions;
        match cell {
            Cell::Plain => {
                self.open(0, 1, f, lane);
                lane.kept.iter_mut().zip(lane.x.iter()).for_each(|(kept, x)| *kept = *x);
                self.encode(lane);
            }
            Cell::Lstm => {
                self.open(0, 2, f, lane);
                self.open(2, 1, g, lane);
                self.open(3, 1, f, lane);
                self.remember(lane);
            }
            Cell::Gru | Cell::GruResetBehind => {
                self.open(0, 2, f, lane);
                let (reset, new) = (units, units.wrapping_mul(2));
                let Some((gates, of_x)) = lane.x.split_at_mut_checked(new) else { return };
                let factors = range(gates, reset, units).iter().zip(range(lane.r, new, units));
                let states = lane.kept.iter_mut().zip(range(gates, 0, units));
                for ((x, (reset, r)), (kept, update)) in of_x.iter().zip(factors).zip(states) {
                    let argument = saturated(i32::from(*x).wrapping_add(fraction(*reset, *r)));
                    let new = i32::from(self.function(g, argument));
                    let change = i32::from(*kept).wrapping_sub(new).wrapping_mul((*update).into());
                    *kept = saturated(new.wrapping_add(change.wrapping_add(1 << 14) >> 15));
                }
                self.encode(lane);
            }
        }
    }

    fn function(&self, function: Function, x: i16) -> i16 {
        // 24ths of the table are thirds of its places.
        let place = i32::from(x).wrapping_mul(3);
        match function {
            Function::Logistic => logistic_i16(self.table, place),
            Function::Tanh => tanh_i16(self.table, place),
            Function::Relu => x.max(0),
        }
    }

    /// Adds up `count` gates from `first` on and applies their function.
    fn open(&self, first: usize, count: usize, function: Function, lane: &mut Lane<'_>) {
        let units = self.sequences.units;
        let (at, len) = (first.wrapping_mul(units), count.wrapping_mul(units));
        for (x, r) in part(lane.x, at, len).iter_mut().zip(range(lane.r, at, len)) {
            *x = self.function(function, x.saturating_add(*r));
        }
    }

    /// The states of an LSTM behind a step whose gates are open.
    fn remember(&self, lane: &mut Lane<'_>) {
        let units = self.sequences.units;
        let gate = |index: usize| range(lane.x, index.wrapping_mul(units), units);
        let gates = gate(0).iter().zip(gate(1)).zip(gate(2)).zip(gate(3));
        let [kept_factor, new_factor, output_factor] = self.factors;
        let product = |factor: FixedPoint, a: i16, b: i16| factor.apply(i32::from(a).wrapping_mul(b.into()));
        for ((h, c), (((input, forget), new), output)) in lane.h.iter_mut().zip(lane.kept.iter_mut()).zip(gates) {
            let kept = saturated(product(kept_factor, *forget, *c));
            let new = saturated(product(new_factor, *input, *new));
            let sum = kept.saturating_add(new);
            *c = if self.cell_clip > 0 { sum.max(self.cell_clip.wrapping_neg()).min(self.cell_clip) } else { sum };
            *h = self.code(product(output_factor, *output, self.of_cell_state(*c)));
        }
    }

    /// The function of a cell state, in units of `2^-15`.
    fn of_cell_state(&self, c: i16) -> i16 {
        let shift = self.cell_power.wrapping_add(12);
        let thirds = i32::from(c).wrapping_mul(3);
        let place = if shift >= 0 {
            thirds.wrapping_shl(shift as u32)
        } else {
            let right = shift.unsigned_abs();
            thirds.wrapping_add(1_i32.wrapping_shl(right.wrapping_sub(1))).wrapping_shr(right)
        };
        tanh_i16(self.table, place)
    }

    /// Codes of a state that is kept in units of `2^-15`.
    fn encode(&self, lane: &mut Lane<'_>) {
        let factor = self.factors[2];
        for (h, kept) in lane.h.iter_mut().zip(lane.kept.iter()) {
            *h = self.code(factor.apply((*kept).into()));
        }
    }

    fn code(&self, x: i32) -> i8 {
        x.wrapping_add(self.zero_point.into()).max(i8::MIN.into()).min(i8::MAX.into()) as i8
    }
}
