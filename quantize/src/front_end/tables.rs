//! Tables of a front end, the same on every machine: made of sums and products alone.
//!
//! What a mathematics library has for a sine differs in its last bit from machine to machine, and a table that is rounded from
//! it would sometimes too. The series below do not.

use core::f64::consts::{FRAC_PI_2, LN_2, PI};

use kinglet_kernels::spectrum::Spectrum;

use super::FrontEnd;

/// See [`Spectrum`].
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tables {
    size: usize,
    window: Vec<i16>,
    turns: Vec<[i16; 2]>,
    bands: Vec<[u16; 2]>,
    weights: Vec<u16>,
}

impl Tables {
    /// Those of windows under a sine's square (Hann), and of triangles on the scale of mel.
    pub(super) fn new(front_end: &FrontEnd, size: usize) -> Result<Self, String> {
        let (window, count) = (front_end.window(), front_end.bands);
        let [low, high] = front_end.range.map(mel);
        let step = (high - low) / (count as f64 + 1.0);
        let (mut bands, mut weights) = (Vec::new(), Vec::new());
        for band in 0..count {
            let [from, peak, to] = [0.0, 1.0, 2.0].map(|more| low + step * (band as f64 + more));
            let weight = |bin: usize| {
                let at = mel(bin as f64 * f64::from(front_end.rate) / size as f64);
                ((at - from) / (peak - from)).min((to - at) / (to - peak))
            };
            let bins: Vec<usize> = (1..=size / 2).filter(|&bin| weight(bin) > 0.0).collect();
            let Some(&first) = bins.first() else {
                return Err(format!(
                    "{count} bands are more than {size} points tell apart; use fewer, or longer windows"
                ));
            };
            bands.push([first as u16, bins.len() as u16]);
            weights.extend(bins.iter().map(|&bin| (weight(bin) * 4096.0).round() as u16));
        }
        if bands.is_empty() {
            return Err("0 bands; use one or more".into());
        }
        let hann = |at: usize| 0.5 - 0.5 * cosine(2.0 * PI * (at as f64 + 0.5) / window as f64);
        let turn = |k: usize| {
            let angle = 2.0 * PI * k as f64 / size as f64;
            [code(cosine(angle)), code(-cosine(angle - FRAC_PI_2))]
        };
        let window = (0..window).map(|at| code(hann(at))).collect();
        Ok(Tables { size, window, turns: (0..size / 2).map(turn).collect(), bands, weights })
    }

    pub(super) fn spectrum(&self, down: u32) -> Spectrum<'_> {
        let Tables { size, window, turns, bands, weights } = self;
        Spectrum { size: *size, window, turns, bands, weights, down }
    }
}

/// A number up to 1 in units of 2^-15.
fn code(x: f64) -> i16 {
    (x * 32768.0).round().clamp(-32768.0, 32767.0) as i16
}

/// The cosine of an angle between minus and plus two turns, by its series around zero.
fn cosine(angle: f64) -> f64 {
    let mut x = angle.abs();
    while x > PI {
        x = (x - 2.0 * PI).abs();
    }
    // Of an angle beyond a quarter turn: that of the rest to half a turn, the other way round.
    let (x, sign) = if x > FRAC_PI_2 { (PI - x, -1.0) } else { (x, 1.0) };
    let (mut term, mut sum) = (1.0, 1.0);
    for index in 1..12 {
        let even = 2.0 * f64::from(index);
        term *= -x * x / (even * (even - 1.0));
        sum += term;
    }
    sign * sum
}

/// The scale of mel.
fn mel(hertz: f64) -> f64 {
    1127.0 * logarithm(1.0 + hertz / 700.0)
}

/// The natural logarithm of a number from 1 on: halved until it is below two, then a series of the odd powers.
fn logarithm(x: f64) -> f64 {
    let (mut x, mut halvings) = (x, 0.0);
    while x > 1.5 {
        (x, halvings) = (x / 2.0, halvings + 1.0);
    }
    let ratio = (x - 1.0) / (x + 1.0);
    let (mut power, mut sum) = (ratio, 0.0);
    for index in 0..24 {
        sum += power / f64::from(2 * index + 1);
        power *= ratio * ratio;
    }
    halvings * LN_2 + 2.0 * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_the_functions() {
        for step in 0..1000 {
            let angle = (f64::from(step) / 500.0 - 1.0) * 2.0 * PI;
            assert!((cosine(angle) - angle.cos()).abs() < 1e-13, "{angle}");
            let x = 1.0 + f64::from(step) / 20.0;
            assert!((logarithm(x) - x.ln()).abs() < 1e-13, "{x}");
        }
    }
}
