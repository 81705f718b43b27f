//! What is tried on a model and kept only where the outputs it makes on calibration samples are nearer to the float model's.

use core::fmt;
use core::str::FromStr;

use serde::Serialize;

use crate::calibrate::Samples;
use crate::ir::{DType, Graph};
use crate::shrink::{Outputs, ShrinkError, distance, outputs};

/// Samples that outputs are compared on, evenly among all.
const SAMPLES: usize = 128;

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
        let count = samples.len().min(SAMPLES);
        let chosen: Vec<usize> = (0..count).map(|index| index * samples.len() / count).collect();
        let wanted = outputs(float, (samples, &chosen))?;
        Ok(Some(Trial { samples, chosen, wanted }))
    }

    /// The part of the outputs' power that is noise in the int8 graph.
    pub(crate) fn noise(&self, int8: &Graph) -> Result<f64, ShrinkError> {
        Ok(distance(&self.wanted, &outputs(int8, (self.samples, &self.chosen))?).noise)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_read_as_they_are_written() {
        for text in ["auto", "on", "off"] {
            assert_eq!(text.parse().map(|choice: Equalize| choice.to_string()), Ok(text.to_owned()));
        }
        assert!("maybe".parse::<Equalize>().is_err());
    }
}
