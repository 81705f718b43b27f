//! What a choice of bits comes to, for the report.

use core::fmt;

use serde::Serialize;

use super::measure::Distance;

/// What was found out about a choice of bits. The field names are the JSON's.
#[derive(Clone, Debug, Serialize)]
pub struct Mix {
    /// Samples that it was tried on, and that no weight was rounded by.
    pub samples: usize,
    /// Those of them on which the decision is not the float model's; absent when the outputs are no classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<usize>,
    /// Signal to noise of the outputs on them; absent when there is no noise.
    pub sqnr_db: Option<f64>,
    /// Bytes of weights.
    pub weight_bytes: usize,
    /// Bits of a weight on average.
    pub average_bits: f64,
    /// The layers, in the order in which they run.
    pub layers: Vec<MixLayer>,
    /// Size against error, with `--pareto`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pareto: Vec<MixPoint>,
}

impl fmt::Display for Mix {
    /// Lines of the report.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noise = |sqnr_db: Option<f64>| sqnr_db.map_or_else(|| "no noise".into(), |db| format!("{db:.1} dB"));
        let changed = |changed: Option<usize>| {
            changed.map_or_else(String::new, |count| format!("{count} of {} decisions changed, ", self.samples))
        };
        let (bits, aside) = (self.average_bits, "on calibration samples set aside");
        write!(f, "\n  bits       {bits:.2} on average; {}{} {aside}", changed(self.changed), noise(self.sqnr_db))?;
        for MixPoint { weight_bytes, changed: count, sqnr_db } in &self.pareto {
            write!(f, "\n  at         {weight_bytes} bytes of weights: {}{}", changed(*count), noise(*sqnr_db))?;
        }
        Ok(())
    }
}

/// The noise that one layer alone makes.
#[derive(Clone, Debug, Serialize)]
pub struct MixLayer {
    /// The source model's name of it.
    pub node: String,
    /// Bits that it got.
    pub bits: usize,
    /// Of every number of bits: the part of the outputs' power that is noise by it, beyond that of eight bits everywhere.
    pub noise: Vec<(usize, f64)>,
}

/// One choice of bits, as measured before layers make up for each other.
#[derive(Clone, Debug, Serialize)]
pub struct MixPoint {
    /// Bytes of weights.
    pub weight_bytes: usize,
    /// Decisions changed; absent when the outputs are no classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<usize>,
    /// Signal to noise of the outputs; absent when there is no noise.
    pub sqnr_db: Option<f64>,
}

impl MixPoint {
    /// A choice of `weight_bytes` that was measured.
    pub(super) fn new(weight_bytes: usize, found: &Distance, is_classes: bool) -> Self {
        MixPoint { weight_bytes, changed: is_classes.then_some(found.changed), sqnr_db: found.sqnr_db() }
    }
}
