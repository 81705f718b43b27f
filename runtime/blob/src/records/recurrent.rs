//! Layers that go over time.

use super::LayerQuantI16;
use crate::field::record;

record! {
    /// A layer that goes over the steps of sequences and keeps a state for each.
    RecurrentF32 {
        /// Where biases and weights start in WEIGHTS.
        constants: u32,
        /// Steps of a sequence.
        steps: u32,
        /// Sequences.
        batch: u32,
        /// Elements of a step.
        inputs: u32,
        /// Elements of the state.
        units: u32,
        /// Gates lie within this and its negative before their functions; infinite for no bounds.
        clip: f32,
        /// What the state becomes: see the page of formats.
        cell: u8,
        /// Functions of the gates.
        functions: [u8; 3],
        /// See [`REVERSED`] and those beside it.
        flags: u8,
        /// Zero.
        reserved: [u8; 3],
    }
}

record! {
    /// The same of int8, with gates and cell state of int16.
    RecurrentI8 {
        /// Biases, factors and weights of a step.
        step_constants: u32,
        /// Biases, factors and weights of the state.
        state_constants: u32,
        /// 256 halves of the logistic function, int16.
        table: u32,
        /// Steps of a sequence.
        steps: u32,
        /// Sequences.
        batch: u32,
        /// Elements of a step.
        inputs: u32,
        /// Elements of the state.
        units: u32,
        /// Requantization of the products with a step.
        step: LayerQuantI16,
        /// Requantization of the products with the state.
        state: LayerQuantI16,
        /// Multipliers: of the cell state that is kept, of what is added to it, of the state.
        multipliers: [i32; 3],
        /// Their shifts.
        shifts: [i8; 3],
        /// The cell state is in units of two to the power of this.
        cell_power: i8,
        /// Bound of the cell state; 0 for none.
        cell_clip: i16,
        /// Of the result.
        zero_point: i8,
        /// What the state becomes.
        cell: u8,
        /// Functions of the gates.
        functions: [u8; 3],
        /// See [`REVERSED`] and those beside it.
        flags: u8,
    }
}

/// Sequences are gone over from their last step on.
pub const REVERSED: u8 = 1;
/// The steps of a sequence stand together; else those of all sequences at one time do.
pub const BATCH_FIRST: u8 = 2;
/// What the state was after every step is a part of the result.
pub const SEQUENCE: u8 = 4;
/// What the cell state is in the end is a part of the result.
pub const CELL_STATE: u8 = 8;
/// The states begin as the second operand says; else as zeros.
pub const INITIAL: u8 = 16;
