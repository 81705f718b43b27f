//! Recurrent.

use kinglet_blob::DType;
use kinglet_blob::records::{
    BATCH_FIRST, CELL_STATE, INITIAL, LayerQuantI16, REVERSED, RecurrentF32, RecurrentI8, SEQUENCE,
};

use crate::op::recurrent_lens;
use crate::program::Program;

/// A layer of int8.
fn codes(name: &str, cell: u8, flags: u8, cell_clip: i16) -> Program {
    let (steps, batch, inputs, units) = (5, 2, 3, 4);
    let quant = LayerQuantI16 { shift_base: 0, flags: 0, min: 0, max: 0, reserved: 0 };
    let record = RecurrentI8 {
        step_constants: 0,
        state_constants: 0,
        table: 0,
        steps,
        batch,
        inputs,
        units,
        step: quant,
        state: quant,
        // Cell states of 2^-11, results of 2^-7.
        multipliers: [1 << 30; 3],
        shifts: if cell == 1 { [-14, -18, -22] } else { [0, 0, -7] },
        cell_power: -11,
        cell_clip,
        zero_point: -3,
        cell,
        functions: [0, 1, 1],
        flags,
    };
    let mut program = Program::new(name);
    let x = program.memory((steps * batch * inputs) as usize);
    program.input(DType::I8, &[steps * batch * inputs], x);
    let len = batch * units * if flags & SEQUENCE == 0 { 1 } else { steps + 1 };
    let scratch = program.memory(2 * (2 * [1, 4, 3, 3][usize::from(cell)] + 1) * units as usize);
    let y = program.memory(len as usize);
    program.output(DType::I8, &[len], y);
    program.recurrent_i8(x, [y, scratch], record);
    program
}

pub(super) fn all() -> Vec<Program> {
    let with = |name: &str, cell: u8, flags: u8, clip: f32, functions: [u8; 3]| {
        let (steps, batch, inputs, units) = (5, 2, 3, 4);
        let reserved = [0; 3];
        let record = RecurrentF32 { constants: 0, steps, batch, inputs, units, clip, cell, functions, flags, reserved };
        let [x_len, initial_len, y_len] = recurrent_lens(&record);
        let mut program = Program::new(name);
        let [x, initial, y] = [x_len, initial_len, y_len].map(|len| program.memory(4 * len as usize));
        program.input(DType::F32, &[x_len], x);
        if initial_len > 0 {
            program.input(DType::F32, &[initial_len], initial);
        }
        let gates = [1, 4, 3, 3][usize::from(cell)];
        let scratch = program.memory(4 * (2 * gates + 1) * units as usize);
        program.output(DType::F32, &[y_len], y);
        program.recurrent([x, initial], [y, scratch], record);
        program
    };
    let plain = f32::INFINITY;
    vec![
        with("recurrent-f32", 1, SEQUENCE | CELL_STATE | INITIAL, plain, [0, 1, 1]),
        with("recurrent-f32 lstm, reversed", 1, REVERSED, plain, [0, 1, 1]),
        with("recurrent-f32 gru", 2, SEQUENCE | INITIAL | BATCH_FIRST, plain, [0, 1, 0]),
        with("recurrent-f32 gru, reset behind", 3, INITIAL, 0.5, [0, 1, 0]),
        codes("recurrent-i8", 1, SEQUENCE, 0),
        codes("recurrent-i8 lstm, reversed", 1, REVERSED | BATCH_FIRST, 4000),
        codes("recurrent-i8 gru", 3, SEQUENCE | BATCH_FIRST, 0),
        codes("recurrent-i8 plain", 0, SEQUENCE | REVERSED, 0),
        with("recurrent-f32 plain", 0, SEQUENCE | REVERSED | BATCH_FIRST, 0.75, [2, 0, 0]),
    ]
}
