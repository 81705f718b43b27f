//! Recurrent: layers that go over time, step by step as their page has the formulas.

use kinglet_blob::records::{
    BATCH_FIRST, CELL_STATE, INITIAL, LayerQuantI16, REVERSED, RecurrentF32, RecurrentI8, SEQUENCE,
};
use kinglet_blob::{DType, OpCode, Operand, Operands};
use kinglet_kernels::Io;
use kinglet_kernels::float_math::{logistic, tanh};
use kinglet_kernels::map::{FunctionI16, MapI16, map_i16};
use kinglet_kernels::numerics::FixedPoint;

use super::int16::Layer;
use super::{read_f32, read_i8, unary_i8, write_f32, write_i8};
use crate::program::Apply;
use crate::{Factors, Program, Sums};

/// Elements of the sequences, of the states at first and of the result.
pub(crate) fn lens(record: &RecurrentF32) -> [u32; 3] {
    let has = |flag: u8| u32::from(record.flags & flag != 0);
    let (states, lstm) = (record.batch * record.units, u32::from(record.cell == 1));
    let line = states * (has(SEQUENCE) * record.steps + 1 + has(CELL_STATE));
    [record.steps * record.batch * record.inputs, has(INITIAL) * (1 + lstm) * states, line]
}

/// Weights of a layer, row by row.
struct Rows {
    biases: [Vec<f32>; 2],
    weights: [Vec<f32>; 2],
}

impl Rows {
    /// The sum of output `row` of matrix `which`.
    fn sum(&self, which: usize, row: usize, x: &[f32]) -> f32 {
        let weights = &self.weights[which][row * x.len()..];
        x.iter().zip(weights).fold(self.biases[which][row], |sum, (x, w)| sum + x * w)
    }
}

fn function(tag: u8, x: f32) -> f32 {
    match tag {
        0 => logistic(x),
        1 => tanh(x),
        _ => x.max(0.0),
    }
}

/// The states behind a step.
fn step(record: &RecurrentF32, rows: &Rows, x: &[f32], h: &mut [f32], c: &mut [f32]) {
    let (before, units, [f, g, k]) = (h.to_vec(), h.len(), record.functions);
    let open = |tag: u8, sum: f32| function(tag, sum.clamp(-record.clip, record.clip));
    let gate = |tag: u8, gate: usize, unit: usize| {
        let row = gate * units + unit;
        open(tag, rows.sum(0, row, x) + rows.sum(1, row, &before))
    };
    let kept: Vec<f32> =
        if record.cell == 2 { (0..units).map(|unit| gate(f, 1, unit) * before[unit]).collect() } else { Vec::new() };
    for unit in 0..units {
        let row = 2 * units + unit;
        let new = match record.cell {
            0 => {
                h[unit] = gate(f, 0, unit);
                continue;
            }
            1 => {
                c[unit] = gate(f, 1, unit) * c[unit] + gate(f, 0, unit) * gate(g, 2, unit);
                h[unit] = gate(f, 3, unit) * function(k, c[unit]);
                continue;
            }
            2 => open(g, rows.sum(0, row, x) + rows.sum(1, row, &kept)),
            _ => open(g, rows.sum(0, row, x) + gate(f, 1, unit) * rows.sum(1, row, &before)),
        };
        let update = gate(f, 0, unit);
        h[unit] = (1.0 - update) * new + update * before[unit];
    }
}

impl Program {
    /// A layer with random weights; its states at first are in the arena or random constants.
    pub(crate) fn recurrent(&mut self, [x, initial]: [u32; 2], [output, scratch]: [u32; 2], record: RecurrentF32) {
        let gates = [1, 4, 3, 3][usize::from(record.cell)];
        let (inputs, units) = (record.inputs as usize, record.units as usize);
        let rows = gates * units;
        let mut drawn =
            |len: usize| -> Vec<f32> { (0..len).map(|_| self.random.range(-60, 60) as f32 / 64.0).collect() };
        let rows = Rows { biases: [drawn(rows), drawn(rows)], weights: [drawn(rows * inputs), drawn(rows * units)] };
        let parts = rows.biases.iter().chain(&rows.weights).flatten();
        let bytes: Vec<u8> = parts.flat_map(|number| number.to_le_bytes()).collect();
        let record = RecurrentF32 { constants: self.constants(&bytes), ..record };
        let place = |offset: u32| Operand { offset, ..Operand::unplaced(DType::F32) };
        let has_initial = record.flags & INITIAL != 0;
        let first = if has_initial { place(initial) } else { Operand::constant(DType::F32, 0) };
        let operands = Operands {
            inputs: vec![place(x), first],
            outputs: vec![place(output)],
            scratch: Some(scratch),
            ..Operands::default()
        };
        let reference: Apply = Box::new(move |arena| {
            let [x_len, initial_len, _] = lens(&record).map(|len| len as usize);
            let (x, initial) = (read_f32(arena, x, x_len), read_f32(arena, initial, initial_len));
            let line = line(&record, &rows, &x, &initial);
            write_f32(arena, output, &line);
        });
        self.push(OpCode::Recurrent, &operands, &record, reference);
    }
}

/// All results of a layer.
fn line(record: &RecurrentF32, rows: &Rows, x: &[f32], initial: &[f32]) -> Vec<f32> {
    let [steps, batch, inputs, units] =
        [record.steps, record.batch, record.inputs, record.units].map(|extent| extent as usize);
    let has = |flag: u8| record.flags & flag != 0;
    let (mut sequence, mut ends) = (vec![0.0; steps * batch * units], [Vec::new(), Vec::new()]);
    for lane in 0..batch {
        let first = |state: usize| -> Vec<f32> {
            let at = (state * batch + lane) * units;
            initial.get(at..at + units).map_or_else(|| vec![0.0; units], <[f32]>::to_vec)
        };
        let [mut h, mut c] = [first(0), first(1)];
        for passed in 0..steps {
            let time = if has(REVERSED) { steps - 1 - passed } else { passed };
            let place = if has(BATCH_FIRST) { lane * steps + time } else { time * batch + lane };
            step(record, rows, &x[place * inputs..][..inputs], &mut h, &mut c);
            sequence[place * units..][..units].copy_from_slice(&h);
        }
        ends[0].extend(h);
        ends[1].extend(c);
    }
    let [h, c] = ends;
    let wanted = [(has(SEQUENCE), sequence), (true, h), (has(CELL_STATE), c)];
    wanted.into_iter().filter(|(is_wanted, _)| *is_wanted).flat_map(|(_, part)| part).collect()
}

/// Halves of the logistic function, near enough.
fn table() -> Vec<i16> {
    let half = |index: u16| (65535.0 / (1.0 + (-f64::from(index) / 24.0).exp())) as u16 as i16;
    (0..256).map(half).collect()
}

/// A layer of int8, and its constants.
struct LayerI8 {
    record: RecurrentI8,
    step: Layer,
    state: Layer,
    table: Vec<i16>,
}

impl LayerI8 {
    /// A function of arguments in units of `2^-12` times two to the power of `shift`.
    fn function(&self, tag: u8, x: i16, shift: i32) -> i16 {
        let function = match tag {
            0 => FunctionI16::Logistic,
            1 => FunctionI16::Tanh,
            _ => return x.max(0),
        };
        let factor = FixedPoint { multiplier: 3 << shift.max(0), shift: shift.min(0) };
        let none = FixedPoint { multiplier: 0, shift: 0 };
        let layer = MapI16 { function, factors: [factor, none], min: i16::MIN, max: i16::MAX, table: &self.table };
        let mut y = [x];
        map_i16(&layer, &mut Io::in_place(&mut y));
        y[0]
    }

    fn sum(layer: &Layer, row: usize, x: &[i8]) -> i32 {
        let weights = &layer.constants.weights[row * x.len()..];
        let sum = x.iter().zip(weights).map(|(&x, &w)| i64::from(x) * i64::from(w)).sum::<i64>();
        layer.stage().apply(row, sum).into()
    }

    /// Codes of the state behind a step, of what is kept and the codes before it.
    fn step(&self, x: &[i8], h: &mut [i8], kept: &mut [i16]) {
        let (before, units, record) = (h.to_vec(), h.len(), &self.record);
        let [f, g, _] = record.functions;
        let short = |sum: i32| sum.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
        let of = |gate: usize, unit: usize| {
            let row = gate * units + unit;
            [LayerI8::sum(&self.step, row, x), LayerI8::sum(&self.state, row, &before)]
        };
        let gate = |tag: u8, gate: usize, unit: usize| self.function(tag, short(of(gate, unit).iter().sum()), 0);
        let factor = |index: usize, product: i32| {
            FixedPoint { multiplier: record.multipliers[index], shift: record.shifts[index].into() }.apply(product)
        };
        for unit in 0..units {
            let state = match record.cell {
                0 => i32::from(gate(f, 0, unit)),
                1 => {
                    let [i, forget, o] = [0, 1, 3].map(|each| i32::from(gate(f, each, unit)));
                    let new = i32::from(gate(g, 2, unit));
                    let sum = i32::from(short(factor(0, forget * i32::from(kept[unit]))))
                        + i32::from(short(factor(1, i * new)));
                    let clip = if record.cell_clip > 0 { record.cell_clip.into() } else { 1 << 15 };
                    kept[unit] = short(short(sum).into()).max(short(-clip)).min(short(clip));
                    o * i32::from(self.function(1, kept[unit], i32::from(record.cell_power) + 12))
                }
                _ => {
                    let [update, reset] = [0, 1].map(|each| i32::from(gate(f, each, unit)));
                    let [x, r] = of(2, unit);
                    let new = i32::from(self.function(g, short(x + ((reset * r + (1 << 14)) >> 15)), 0));
                    new + (((i32::from(kept[unit]) - new) * update + (1 << 14)) >> 15)
                }
            };
            if record.cell != 1 {
                kept[unit] = short(state);
            }
            let code = factor(2, if record.cell == 1 { state } else { kept[unit].into() });
            h[unit] = (code + i32::from(record.zero_point)).clamp(-128, 127) as i8;
        }
    }
}

impl Program {
    /// A layer of int8 with random weights.
    pub(crate) fn recurrent_i8(&mut self, x: u32, [output, scratch]: [u32; 2], record: RecurrentI8) {
        let (inputs, units) = (record.inputs as usize, record.units as usize);
        let rows = units * [1, 4, 3, 3][usize::from(record.cell)];
        let sums = Sums { twice: true, long_bias: false };
        let (mut step, step_constants) = self.layer_i16(rows, inputs, Factors::default(), sums);
        let (mut state, state_constants) = self.layer_i16(rows, units, Factors::default(), sums);
        for layer in [&mut step, &mut state] {
            layer.quant = LayerQuantI16 { min: i16::MIN, max: i16::MAX, ..layer.quant };
        }
        let table = table();
        let bytes: Vec<u8> = table.iter().flat_map(|entry| entry.to_le_bytes()).collect();
        let (quants, table_at) = ([step.quant, state.quant], self.constants(&bytes));
        let record = RecurrentI8 {
            step_constants,
            state_constants,
            table: table_at,
            step: quants[0],
            state: quants[1],
            ..record
        };
        let layer = LayerI8 { record, step, state, table };
        let reference: Apply = Box::new(move |arena| {
            let [steps, batch] = [record.steps, record.batch].map(|extent| extent as usize);
            let has = |flag: u8| record.flags & flag != 0;
            let x = read_i8(arena, x, steps * batch * inputs);
            let (mut sequence, mut ends) = (vec![0; steps * batch * units], Vec::new());
            for lane in 0..batch {
                let (mut h, mut kept) = (vec![record.zero_point; units], vec![0; units]);
                for passed in 0..steps {
                    let time = if has(REVERSED) { steps - 1 - passed } else { passed };
                    let place = if has(BATCH_FIRST) { lane * steps + time } else { time * batch + lane };
                    layer.step(&x[place * inputs..][..inputs], &mut h, &mut kept);
                    sequence[place * units..][..units].copy_from_slice(&h);
                }
                ends.extend(h);
            }
            sequence.truncate(if has(SEQUENCE) { sequence.len() } else { 0 });
            write_i8(arena, output, &[sequence, ends].concat());
        });
        let operands = unary_i8(x, output).with_scratch(scratch);
        self.push(OpCode::Recurrent, &operands, &record, reference);
    }
}
