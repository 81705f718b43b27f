//! One output channel's weights as codes, with the least error of its results.
//!
//! The error of codes `r` with a scale `s` for weights `w` is `(s r - w) M (s r - w)^T`, `M` being the covariance of what
//! they are multiplied with: the mean square of what the result changes by. The weights are in the order of falling `M_jj`.
//!
//! 1. Scales are tried by `sum M_jj (s round(w_j / s) - w_j)^2`; the best one, and its neighbours, go on.
//! 2. Sweep (optimal brain quantizer in the order of GPTQ: Frantar, Optimal Brain Compression, 2022, and GPTQ, 2022): each
//!    weight in turn is rounded, and what that changes is made up for by all that follow:
//!    `e = (w_j - s r_j) / U_jj`, `w_k -= e U_jk` for `k > j`, where `U^T U = M^-1`.
//! 3. Descent: each code moves to where the error is least with all others as they are, until none moves.
//! 4. The scale moves to where the error is least for the codes, `s = (r M w) / (r M r)`, and the codes descend again.

use core::ops::RangeInclusive;

use super::inverse::{Inverse, dot};

/// Scales tried first: so many of the way from 0 to the one that clips nothing, and beyond it.
const TRIED: [usize; 2] = [48, 10];

/// The best of those, and these multiples of it, are swept.
const NEIGHBORS: [f64; 5] = [0.85, 0.92, 1.0, 1.08, 1.16];

/// Rounds of descent at most.
const ROUNDS: usize = 3;

/// How often scale and codes take turns.
const TURNS: usize = 2;

/// Codes of one output channel.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// In parts, as the weights are.
    pub(super) codes: Vec<Vec<i32>>,
    pub(super) scale: f64,
    /// See the module.
    pub(super) error: f64,
}

/// Weights that shall become codes.
pub(super) struct Target<'a> {
    /// In parts, between which the covariance counts as zero.
    pub(super) parts: Vec<Part<'a>>,
    /// The codes there are.
    pub(super) range: RangeInclusive<i32>,
    /// No scale is below it.
    pub(super) scale_min: f64,
}

/// A part of the weights, with their covariance.
pub(super) struct Part<'a> {
    pub(super) weights: Vec<f64>,
    pub(super) inverse: &'a Inverse,
}

impl Target<'_> {
    /// The best codes found, part by part; `None` when every weight is zero.
    pub(super) fn round(&self) -> Option<Row> {
        let first = self.first_scale()?;
        let tried = NEIGHBORS.iter().map(|times| {
            let scale = (first * times).max(self.scale_min);
            self.descend(self.parts.iter().map(|part| self.sweep(part, scale)), scale)
        });
        let mut best = tried.min_by(|a, b| a.error.total_cmp(&b.error))?;
        for _ in 0..TURNS {
            let Some(scale) = self.scale_of(&best.codes) else { break };
            let next = self.descend(best.codes.iter().cloned(), scale.max(self.scale_min));
            if next.error < best.error {
                best = next;
            }
        }
        Some(best)
    }

    fn code(&self, real: f64) -> i32 {
        (real.round() as i32).clamp(*self.range.start(), *self.range.end())
    }

    /// Each weight with its variance.
    fn weights(&self) -> impl Iterator<Item = (f64, f64)> {
        self.parts.iter().flat_map(|part| {
            let variance = |at: usize| part.inverse.row(at)[at];
            part.weights.iter().enumerate().map(move |(at, &weight)| (weight, variance(at)))
        })
    }

    fn first_scale(&self) -> Option<f64> {
        let max = self.weights().fold(0.0, |max: f64, (weight, _)| max.max(weight.abs()));
        if !(max > 0.0 && max.is_finite()) {
            return None;
        }
        let whole = max / f64::from(*self.range.end());
        let error = |scale: f64| -> f64 {
            let lost = |weight: f64| scale * f64::from(self.code(weight / scale)) - weight;
            self.weights().map(|(weight, variance)| variance * lost(weight).powi(2)).sum()
        };
        let [steps, beyond] = TRIED;
        let scales = (steps / 8..=steps + beyond).map(|step| (whole * step as f64 / steps as f64).max(self.scale_min));
        scales.map(|scale| (scale, error(scale))).min_by(|a, b| a.1.total_cmp(&b.1)).map(|(scale, _)| scale)
    }

    fn sweep(&self, part: &Part<'_>, scale: f64) -> Vec<i32> {
        let mut weights = part.weights.clone();
        let mut codes = Vec::with_capacity(weights.len());
        for index in 0..weights.len() {
            let code = self.code(weights[index] / scale);
            codes.push(code);
            let root = part.inverse.root_row(index);
            let lost = (weights[index] - scale * f64::from(code)) / root[0];
            weights[index + 1..].iter_mut().zip(&root[1..]).for_each(|(weight, root)| *weight -= lost * root);
        }
        codes
    }

    fn descend(&self, codes: impl Iterator<Item = Vec<i32>>, scale: f64) -> Row {
        let parts: Vec<(Vec<i32>, f64)> =
            self.parts.iter().zip(codes).map(|(part, codes)| self.descend_part(part, codes, scale)).collect();
        let error = parts.iter().map(|(_, error)| error).sum();
        Row { codes: parts.into_iter().map(|(codes, _)| codes).collect(), scale, error }
    }

    fn descend_part(&self, part: &Part<'_>, mut codes: Vec<i32>, scale: f64) -> (Vec<i32>, f64) {
        let mut lost: Vec<f64> =
            codes.iter().zip(&part.weights).map(|(&code, weight)| scale * f64::from(code) - weight).collect();
        let mut slope = part.inverse.times(&lost);
        for _ in 0..ROUNDS {
            let mut moved = false;
            for index in 0..codes.len() {
                let row = part.inverse.row(index);
                let code = self.code(f64::from(codes[index]) - slope[index] / (scale * row[index]));
                if code == codes[index] {
                    continue;
                }
                let step = scale * f64::from(code - codes[index]);
                slope.iter_mut().zip(row).for_each(|(slope, element)| *slope += step * element);
                (codes[index], lost[index], moved) = (code, lost[index] + step, true);
            }
            if !moved {
                break;
            }
        }
        let error = dot(&lost, &slope);
        (codes, error)
    }

    fn scale_of(&self, codes: &[Vec<i32>]) -> Option<f64> {
        let (mut with_weights, mut with_codes) = (0.0, 0.0);
        for (part, codes) in self.parts.iter().zip(codes) {
            let reals: Vec<f64> = codes.iter().map(|&code| f64::from(code)).collect();
            let product = part.inverse.times(&reals);
            with_weights += dot(&product, &part.weights);
            with_codes += dot(&product, &reals);
        }
        let scale = with_weights / with_codes;
        (scale > 0.0 && scale.is_finite()).then_some(scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(codes: &[i32], scale: f64, weights: &[f64], inverse: &Inverse) -> f64 {
        let lost: Vec<f64> = codes.iter().zip(weights).map(|(&code, w)| scale * f64::from(code) - w).collect();
        dot(&inverse.times(&lost), &lost)
    }

    #[test]
    fn codes_are_no_worse_than_the_nearest_ones_and_close_to_the_best_there_are() {
        // Neighboring inputs are alike.
        let len = 5_usize;
        let matrix = (0..len * len).map(|at| 0.8_f64.powi((at / len).abs_diff(at % len) as i32)).collect();
        let inverse = Inverse::of(matrix, len).expect("positive definite");
        let weights = [0.61, -0.33, 0.9, 0.14, -0.47];
        let of = |weights: [f64; 5]| {
            let parts = vec![Part { weights: weights.to_vec(), inverse: &inverse }];
            Target { parts, range: -2..=1, scale_min: 0.0 }
        };
        let target = of(weights);
        let row = target.round().expect("weights");
        assert!((row.error - error(&row.codes[0], row.scale, &weights, &inverse)).abs() < 1e-12);
        let all =
            (0..4_i32.pow(5)).map(|number| (0..5).map(|place| number / 4_i32.pow(place) % 4 - 2).collect::<Vec<_>>());
        let best = all
            .filter_map(|codes| {
                Some(error(&codes, target.scale_of(core::slice::from_ref(&codes))?, &weights, &inverse))
            })
            .fold(f64::INFINITY, f64::min);
        let nearest: Vec<i32> = weights.iter().map(|weight| target.code(weight / row.scale)).collect();
        assert!(row.error <= error(&nearest, row.scale, &weights, &inverse));
        assert!(row.error <= best * 1.5, "{} {best}", row.error);
        assert!(of([0.0; 5]).round().is_none());
    }
}
