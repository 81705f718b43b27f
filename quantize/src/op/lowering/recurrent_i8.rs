//! Recurrent layers of int8: weights by rows, gates and cell state of int16.

use kinglet_blob::constants::ROUND_TWICE;
use kinglet_blob::records::LayerQuantI16;
use kinglet_kernels::numerics::FixedPoint;

use super::layer::{PackedRequant, check_range, storable};
use super::{Reason, Site};
use crate::op::common::fixed::quantize_multiplier;
use crate::value::Quantization;

/// Units of a gate before its function, and behind it.
const ARGUMENT: f64 = 1.0 / 4096.0;
const OUTCOME: f64 = 1.0 / 32768.0;
/// Our cell states are in units of 2^-11, up to 16: beyond that their hyperbolic tangent is 1.
const CELL_POWER: i8 = -11;

/// A matrix, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// Inputs of a row.
    pub taps: usize,
    /// `[rows, taps]`.
    pub weights: Vec<i8>,
    /// `[rows]`, in units of the products; zero points are not folded in.
    pub bias: Vec<i64>,
    /// From products to arguments of functions, `[rows]`.
    pub factors: Vec<FixedPoint>,
}

/// All numbers of a layer of int8.
#[derive(Clone, Debug, PartialEq)]
pub struct Codes {
    /// Of a step.
    pub step: Matrix,
    /// Of the state.
    pub state: Matrix,
    /// Of the cell state that is kept, of what is added to it, of the result.
    pub factors: [FixedPoint; 3],
    /// The cell state is in units of two to the power of this.
    pub cell_power: i8,
    /// Bound of the cell state's codes; 0 for none.
    pub cell_clip: i16,
}

/// The factors behind the gates, for a result of this scale: of an LSTM with cell states in these units, or of another cell.
pub(crate) fn factors(is_lstm: bool, cell_power: i8, scale: f32) -> [FixedPoint; 3] {
    let unit = f64::from(cell_power).exp2();
    if is_lstm {
        [OUTCOME, OUTCOME * OUTCOME / unit, OUTCOME * OUTCOME / f64::from(scale)].map(quantize_multiplier)
    } else {
        [0.0, 0.0, OUTCOME / f64::from(scale)].map(quantize_multiplier)
    }
}

/// From products of these scales to arguments of functions.
pub(crate) fn argument_factor(x: f32, weight: f32) -> FixedPoint {
    quantize_multiplier(f64::from(x * weight) / ARGUMENT)
}

impl Matrix {
    /// Reals with a scale for each row, for an operand of scale `x`.
    fn of(weights: &[f32], bias: &[f32], x: f32) -> Matrix {
        let taps = weights.len() / bias.len().max(1);
        let (mut codes, mut biases, mut factors) = (Vec::with_capacity(weights.len()), Vec::new(), Vec::new());
        for (row, &bias) in weights.chunks(taps.max(1)).zip(bias) {
            let greatest = row.iter().fold(0.0_f32, |greatest, weight| greatest.max(weight.abs()));
            // A row of zeros has any scale.
            let scale = if greatest > 0.0 { greatest / 127.0 } else { 1.0 / 127.0 };
            codes.extend(row.iter().map(|weight| (weight / scale).round() as i8));
            biases.push((f64::from(bias) / (f64::from(x) * f64::from(scale))).round() as i64);
            factors.push(argument_factor(x, scale));
        }
        Matrix { taps, weights: codes, bias: biases, factors }
    }

    /// The record's part and the constants, for an operand with this zero point. Proves that no sum leaves 32 bits.
    pub(crate) fn encode(&self, zero_point: i32) -> Result<(LayerQuantI16, Vec<u8>), Reason> {
        let factors: Vec<FixedPoint> = self.factors.iter().copied().map(storable).collect();
        let mut constants = Vec::new();
        for (index, (row, (&bias, &factor))) in
            self.weights.chunks(self.taps).zip(self.bias.iter().zip(&factors)).enumerate()
        {
            let sum = |of: &dyn Fn(i64) -> i64| row.iter().map(|&weight| of(weight.into())).sum::<i64>();
            let folded = bias - i64::from(zero_point) * sum(&|weight| weight);
            let low = folded + sum(&|weight| (weight * 127).min(weight * -128));
            let high = folded + sum(&|weight| (weight * 127).max(weight * -128));
            check_range(index, [folded, low, high], Some(factor))?;
            constants.extend((folded as i32).to_le_bytes());
        }
        let requant = PackedRequant::new(&factors);
        requant.put(&mut constants);
        constants.extend(self.weights.iter().map(|&weight| weight as u8));
        let (shift_base, flags) = (requant.shift_base, requant.flags | ROUND_TWICE);
        Ok((LayerQuantI16 { shift_base, flags, min: i16::MIN, max: i16::MAX, reserved: 0 }, constants))
    }
}

impl Codes {
    /// Quantizes reals, weights and biases of the step and of the state: weights by rows, biases in units of their products.
    pub(crate) fn of([step, state]: [(&[f32], &[f32]); 2], is_lstm: bool, x: &Quantization, h: &Quantization) -> Codes {
        let cell_power = CELL_POWER;
        Codes {
            step: Matrix::of(step.0, step.1, x.scale(0)),
            state: Matrix::of(state.0, state.1, h.scale(0)),
            factors: factors(is_lstm, cell_power, h.scale(0)),
            cell_power,
            cell_clip: 0,
        }
    }

    /// The parts of a record and where their constants are: of the step, and of the state.
    pub(crate) fn store(
        &self,
        site: &mut Site<'_>,
        zero_points: [i32; 2],
    ) -> Result<[(LayerQuantI16, u32); 2], Reason> {
        let (step, constants) = self.step.encode(zero_points[0])?;
        let step_at = site.store(constants)?;
        let (state, constants) = self.state.encode(zero_points[1])?;
        Ok([(step, step_at), (state, site.store(constants)?)])
    }
}
