//! Reals that are codes times a scale: found again from the reals alone.
//!
//! Weights reach this pass as what their codes stand for, whatever happened to them on the way: transposed, multiplied by a
//! constant, negated with a batch normalization. They still stand on a grid `scale * integer`, and the coarsest one on which
//! all of them lie within rounding is as good as the file's own: the integers stand for the same numbers.

use kinglet_kernels::packing::Storage;

use crate::ir::Quantization;
use crate::op::rule::layer::WeightOrder;

/// Most integers on either side of zero: codes of eight bits, less a zero point.
const MAGNITUDE_MAX: u32 = 255;

/// How far from an integer a number may be. Its codes times their scale, times a factor, were rounded twice.
const TOLERANCE: f64 = 2e-4;

/// From so many weights on it is no accident when all of them have four bits.
const NARROW_COUNT_MIN: usize = 32;

/// int8 codes and what they mean.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Codes {
    pub(in super::super) codes: Vec<i8>,
    pub(in super::super) quantization: Quantization,
}

/// Numbers of one scale, or for each output channel of weights one.
pub(in super::super) fn of_weights(reals: &[f32], shape: &[usize], order: WeightOrder) -> Option<Codes> {
    let outputs = order.outputs(shape);
    let all = of_tensor(reals);
    if let Some(all) = all.filter(|all| all.quantization.zero_point() == 0) {
        return Some(narrowed(all, order));
    }
    let mut channels = vec![Vec::new(); outputs];
    for (flat, &real) in reals.iter().enumerate() {
        channels[order.output_of(shape, flat)].push(real);
    }
    let channels: Vec<Codes> = channels.iter().map(|channel| of_tensor(channel)).collect::<Option<_>>()?;
    let mut taken: Vec<_> = channels.iter().map(|channel| channel.codes.iter().copied()).collect();
    let codes = (0..reals.len()).map(|flat| taken[order.output_of(shape, flat)].next()).collect::<Option<_>>()?;
    let quantization = Quantization {
        scales: channels.iter().map(|channel| channel.quantization.scale(0)).collect(),
        zero_points: channels.iter().map(|channel| channel.quantization.zero_point()).collect(),
        axis: Some(order.output_axis(shape.len())),
        storage: Storage::Bits8,
    };
    Some(narrowed(Codes { codes, quantization }, order))
}

/// Weights of four bits are stored so.
fn narrowed(mut weights: Codes, order: WeightOrder) -> Codes {
    let fits = weights.codes.iter().all(|code| Storage::Bits4.range().contains(code));
    let is_symmetric = weights.quantization.zero_points.iter().all(|&zero| zero == 0);
    if fits && is_symmetric && weights.codes.len() >= NARROW_COUNT_MIN && matches!(order, WeightOrder::Dense { .. }) {
        weights.quantization.storage = Storage::Bits4;
    }
    weights
}

/// Numbers of one scale and one zero point.
pub(super) fn of_tensor(reals: &[f32]) -> Option<Codes> {
    let largest = reals.iter().fold(0f32, |largest, real| largest.max(real.abs()));
    if largest == 0.0 {
        let quantization = Quantization::per_tensor(1.0, 0);
        return Some(Codes { codes: vec![0; reals.len()], quantization });
    }
    let scale = (1..=MAGNITUDE_MAX).map(|steps| f64::from(largest) / f64::from(steps)).find(|&scale| {
        reals.iter().all(|&real| {
            let quotient = f64::from(real) / scale;
            (quotient - quotient.round()).abs() <= TOLERANCE
        })
    })?;
    let steps = |real: f32| (f64::from(real) / scale).round() as i32;
    let (low, high) = reals.iter().map(|&real| steps(real)).fold((0, 0), |(l, h), n| (l.min(n), h.max(n)));
    let zero = zero_point(low, high)?;
    let codes = reals.iter().map(|&real| (steps(real) + zero) as i8).collect();
    let scale = Some(scale as f32).filter(|scale| scale.is_normal())?;
    Some(Codes { codes, quantization: Quantization::per_tensor(scale, zero) })
}

/// The nearest codes of any numbers.
pub(super) fn nearest(reals: &[f32]) -> Option<Codes> {
    let largest = reals.iter().fold(0f32, |largest, real| largest.max(real.abs()));
    let scale = Some(largest / 127.0).filter(|scale| scale.is_normal())?;
    let codes = reals.iter().map(|real| (real / scale).round_ties_even().clamp(-127.0, 127.0) as i8).collect();
    Some(Codes { codes, quantization: Quantization::per_tensor(scale, 0) })
}

/// The code of zero with which all integers from `low` to `high`, zero among them, are codes; 0 if that will do.
fn zero_point(low: i32, high: i32) -> Option<i32> {
    let zero = if low >= -127 && high <= 127 { 0 } else { -128 - low };
    (high + zero <= 127).then_some(zero)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reals(codes: &[i32], scale: f32, zero: i32) -> Vec<f32> {
        codes.iter().map(|code| scale * (code - zero) as f32).collect()
    }

    #[test]
    fn codes_come_back() {
        let found = of_tensor(&reals(&[-127, 3, 64, 0], 0.0123, 0)).expect("a grid");
        assert_eq!((found.codes, found.quantization.zero_point()), (vec![-127, 3, 64, 0], 0));
        assert!((found.quantization.scale(0) - 0.0123).abs() < 1e-8);
    }

    #[test]
    fn codes_far_from_zero_get_a_zero_point() {
        // As uint8 with zero point 20: reals up to 235 steps.
        let found = of_tensor(&reals(&[0, 255, 20, 21], 0.5, 20)).expect("a grid");
        assert_eq!(found.quantization.zero_point(), -108);
        assert_eq!(found.codes, [-128, 127, -108, -107]);
    }

    #[test]
    fn a_channel_has_a_scale_of_its_own() {
        let weights = [reals(&[-3, 127], 0.5, 0), reals(&[100, 99], 0.0031, 0)].concat();
        let found = of_weights(&weights, &[2, 2], WeightOrder::Dense { groups: 1 }).expect("grids");
        assert_eq!(found.codes, [-3, 127, 100, 99]);
        assert_eq!(found.quantization.axis, Some(0));
    }

    #[test]
    fn what_is_on_no_grid_is_refused() {
        assert_eq!(of_tensor(&[0.1, 0.217_34, -0.331_9, 0.7, 0.123_456, 0.98765, 0.456_01]), None);
    }

    #[test]
    fn zeros_are_on_any_grid() {
        assert_eq!(of_tensor(&[0.0, 0.0]).map(|found| found.codes), Some(vec![0, 0]));
    }
}
