//! What is tried on a model and kept only where the outputs it makes on calibration samples are nearer to the float model's.

use core::fmt;
use core::str::FromStr;

use serde::Serialize;

use crate::calibrate::{Samples, evenly};
use crate::ir::{DType, Graph};
use crate::shrink::{Outputs, ShrinkError, distance, outputs};

/// Samples that outputs are compared on, at most.
const SAMPLES: usize = 128;

/// Where there are that many samples, every second is set aside: weights are swept by the others, and outputs are compared
/// on it. Noise on samples that weights were swept by is less than on any others.
const SAMPLES_ENOUGH: usize = 64;
const ASIDE: usize = 2;

/// Samples to sweep weights by, and those that outputs are compared on.
pub(crate) fn divided(count: usize) -> (Vec<usize>, Vec<usize>) {
    if count < SAMPLES_ENOUGH {
        return ((0..count).collect(), (0..count).collect());
    }
    (0..count).partition(|index| index % ASIDE != ASIDE - 1)
}

/// Whether channels between layers are brought to like magnitudes (`equalize`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Equalize {
    /// Where the noise of the outputs falls.
    #[default]
    Auto,
    /// Wherever it is possible.
    On,
    /// Nowhere.
    Off,
}

impl fmt::Display for Equalize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Equalize::Auto => "auto",
            Equalize::On => "on",
            Equalize::Off => "off",
        })
    }
}

impl FromStr for Equalize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = [Equalize::Auto, Equalize::On, Equalize::Off].into_iter().find(|known| known.to_string() == text);
        known.ok_or_else(|| "possible: auto, on, off".into())
    }
}

/// A way to quantize a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Tried {
    /// Tensors whose channels were scaled.
    pub equalized: usize,
    /// Whether weights of eight bits make up for each other.
    pub swept: bool,
    /// The part of the outputs' power that is noise, on calibration samples; 0 when it was not measured.
    pub noise: f64,
}

/// What was kept of what was tried.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Tuned {
    /// What the blob is.
    pub kept: Tried,
    /// All of it.
    pub tried: Vec<Tried>,
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.equalized > 0, self.swept) {
            (false, false) => "as it is",
            (true, false) => "equalized",
            (false, true) => "swept",
            (true, true) => "equalized and swept",
        })?;
        if self.noise > 0.0 { write!(f, " {:.1} dB", -10.0 * self.noise.log10()) } else { Ok(()) }
    }
}

impl fmt::Display for Tuned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.tried.len() < 2 && self.kept.equalized == 0 {
            return Ok(());
        }
        write!(f, "\n  kept       {}", self.kept)?;
        let others: Vec<String> =
            self.tried.iter().filter(|tried| **tried != self.kept).map(Tried::to_string).collect();
        if others.is_empty() { Ok(()) } else { write!(f, "; tried too: {}", others.join(", ")) }
    }
}

/// What the float graph makes of some samples.
pub(crate) struct Trial<'a> {
    samples: &'a Samples,
    chosen: Vec<usize>,
    wanted: Outputs,
}

impl<'a> Trial<'a> {
    /// Runs the float graph. `None` when its outputs cannot be compared sample by sample: it keeps tensors from run to run, or
    /// its inputs or outputs are no floats.
    pub(crate) fn of(float: &Graph, samples: &'a Samples) -> Result<Option<Self>, ShrinkError> {
        let is_real = float.inputs.iter().chain(&float.outputs).all(|port| float.value(port.value).dtype == DType::F32);
        if !is_real || !float.states.is_empty() {
            return Ok(None);
        }
        let (_, aside) = divided(samples.len());
        let count = aside.len().min(SAMPLES);
        let chosen: Vec<usize> = evenly(aside.len(), count).map(|index| aside[index]).collect();
        let wanted = outputs(float, (samples, &chosen))?;
        Ok(Some(Trial { samples, chosen, wanted }))
    }

    /// What the int8 graph makes of the samples.
    pub(crate) fn noise(&self, int8: &Graph) -> Result<Noise, ShrinkError> {
        let found = outputs(int8, (self.samples, &self.chosen))?;
        let of_sample = |(wanted, found): (&Vec<Vec<f32>>, &Vec<Vec<f32>>)| {
            let pairs = wanted.iter().flatten().zip(found.iter().flatten());
            pairs.map(|(wanted, found)| (f64::from(*wanted) - f64::from(*found)).powi(2)).sum()
        };
        let each = self.wanted.iter().zip(&found).map(of_sample).collect();
        Ok(Noise { share: distance(&self.wanted, &found).noise, each })
    }
}

/// How far outputs are from the float graph's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Noise {
    /// The part of the outputs' power that is noise.
    pub(crate) share: f64,
    /// The noise of each sample.
    each: Vec<f64>,
}

/// Of the samples that differ, so many must have less noise: a few whose decision is near decide the sum of all.
const LESS_OFTEN: f64 = 0.6;

impl Noise {
    /// Whether there is less of it than of another, and not because of a few samples.
    pub(crate) fn is_less(&self, other: &Noise) -> bool {
        let pairs = || self.each.iter().zip(&other.each);
        let (less, more) = (pairs().filter(|(a, b)| a < b).count(), pairs().filter(|(a, b)| a > b).count());
        self.share < other.share && less as f64 >= LESS_OFTEN * (less + more) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_less_when_most_samples_have_less() {
        let noise = |each: &[f64]| Noise { share: each.iter().sum(), each: each.to_vec() };
        let before = noise(&[1.0, 1.0, 1.0, 9.0]);
        assert!(noise(&[0.9, 0.9, 0.9, 9.0]).is_less(&before));
        assert!(!noise(&[1.1, 1.1, 1.1, 1.0]).is_less(&before), "one sample alone");
        assert!(!noise(&[0.9, 0.9, 0.9, 19.0]).is_less(&before), "more in all");
        assert!(!before.is_less(&before));
    }

    #[test]
    fn samples_are_set_aside_where_there_are_many() {
        assert_eq!(divided(3), (vec![0, 1, 2], vec![0, 1, 2]));
        let (swept, aside) = divided(256);
        assert_eq!((swept.len(), aside.len()), (128, 128));
        assert!(swept.iter().all(|index| !aside.contains(index)));
    }

    #[test]
    fn choices_are_read_as_they_are_written() {
        for text in ["auto", "on", "off"] {
            assert_eq!(text.parse().map(|choice: Equalize| choice.to_string()), Ok(text.to_owned()));
        }
        assert!("maybe".parse::<Equalize>().is_err());
    }
}
