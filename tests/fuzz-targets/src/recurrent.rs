//! Records of layers that go over time.

use kinglet_blob::constants::ROUND_TWICE;
use kinglet_blob::records::{INITIAL, LayerQuantI16, RecurrentF32, RecurrentI8};
use kinglet_blob::{DType, OpCode, Operand, Operands};

use crate::plan::Place;
use crate::record::{Memory, extent, plain};

/// Every flag.
const FLAGS: u8 = 31;
/// Those of int8: neither a cell state in the result nor states at first.
const FLAGS_I8: u8 = 7;

impl Memory {
    /// Floats, with states at first in the arena or in WEIGHTS; or int8.
    pub(crate) fn recurrent(
        &self,
        (kind, functions): (u8, [u8; 3]),
        shape: [u8; 4],
        (flags, bound): (u8, f32),
        place: Place,
    ) -> Vec<u8> {
        let [steps, batch, inputs, units] = shape.map(|each| u32::from(extent(each, 5)));
        let (cell, is_float, is_constant) = (kind & 3, kind & 4 != 0, kind & 8 != 0);
        let (lens, functions) =
            ((steps * batch * inputs, batch * units * (steps + 2)), functions.map(|function| function % 3));
        if !is_float {
            let at = self.addresses(place, lens, (1, 1));
            let shift_base = (bound as i8).clamp(-12, 0);
            let quant = LayerQuantI16 { shift_base, flags: ROUND_TWICE, min: i16::MIN, max: i16::MAX, reserved: 0 };
            let record = RecurrentI8 {
                step_constants: at.constants,
                state_constants: at.constants,
                table: at.constants,
                steps,
                batch,
                inputs,
                units,
                step: quant,
                state: quant,
                multipliers: [1 << 30, i32::MAX, 1 << 30],
                shifts: [-14, 30, shift_base],
                cell_power: shift_base,
                cell_clip: i16::from(flags) * 100,
                zero_point: bound as i8,
                cell,
                functions,
                flags: flags & FLAGS_I8,
            };
            let operands = at.unary(DType::I8).with_scratch(at.scratch);
            return plain(OpCode::Recurrent, &operands, &record);
        }
        let at = self.addresses(place, lens, (4, 4));
        let float = |offset: u32| Operand { offset, ..Operand::unplaced(DType::F32) };
        let is_constant = is_constant || flags & INITIAL == 0;
        let initial = if is_constant { Operand::constant(DType::F32, at.constants) } else { float(at.scratch) };
        let (flags, reserved) = (flags & FLAGS, [0; 3]);
        let constants = at.constants;
        let record =
            RecurrentF32 { constants, steps, batch, inputs, units, clip: bound, cell, functions, flags, reserved };
        // Behind the states at first.
        let scratch = Some(at.scratch + 8 * batch * units);
        let inputs = vec![float(at.input), initial];
        let operands = Operands { inputs, outputs: vec![float(at.output)], scratch, ..Operands::default() };
        plain(OpCode::Recurrent, &operands, &record)
    }
}
