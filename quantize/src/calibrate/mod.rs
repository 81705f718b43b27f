//! Calibration: runs the float graph over samples and chooses a range for every value it computes.
//!
//! ```text
//!   calib.npz --> Samples --\
//!                            Runner<f32> --> ends of each value in each sample (pass 1)
//!   float graph ------------/           \-> distribution of each value (pass 2, unless min-max)
//!                                            --> RangeMethod --> CalibrationTable
//! ```
//!
//! A distribution is counted in bins of a range that must be known first, hence the second pass; runs are cheap
//! and repeat to the bit. Fused activations are part of their operator, so what is observed is what the int8
//! operator has to express.

mod engine;
mod finding;
mod histogram;
mod means;
mod observation;
mod prefix;
mod range;
mod rare;
mod runner;
pub(crate) mod samples;

pub use crate::data::npy;
pub use engine::{Element, EngineRunner};
pub use finding::Finding;
pub use means::Means;
pub(crate) use means::is_averaged;
pub(crate) use prefix::Prefix;
pub use range::{CalibrationTable, Range, RangeMethod};
pub use rare::RareSample;
pub use runner::{Runner, RunnerError};
pub use samples::Samples;
pub(crate) use samples::evenly;

use observation::{Extremes, Observation, Seen};
use rare::Kept;

use crate::ir::{Graph, ValueId};

/// Why a graph could not be calibrated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CalibrationError {
    /// There is nothing to observe.
    #[error("calibration needs at least one sample")]
    NoSample,
    /// The method's parameter is out of range.
    #[error("percentile {0} is not above 0 and at most 100")]
    BadPercentile(f64),
    /// The model itself computes something that is not a number.
    #[error(
        "the float model computes {element} in `{value}` for calibration sample {sample}; check the sample and the model"
    )]
    NotFinite {
        /// The value.
        value: String,
        /// The sample.
        sample: usize,
        /// NaN or an infinity.
        element: f32,
    },
    /// What executes the graph failed.
    #[error("calibration sample {sample}: {source}")]
    Run {
        /// The sample.
        sample: usize,
        /// Why.
        source: RunnerError,
    },
}

/// How samples become ranges.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Method {
    /// How the range of a value follows from what was observed.
    pub range: RangeMethod,
    /// Ranges include samples that alone decide them.
    pub keep_rare: bool,
}

/// What calibration found.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// How many samples there were.
    pub samples: usize,
    /// The ranges.
    pub table: CalibrationTable,
    /// What the samples of each input are between, in the order of the graph's inputs.
    pub inputs: Vec<Range>,
    /// The mean of what each layer reads, element by element.
    pub means: Means,
    /// What is probably not meant.
    pub findings: Vec<Finding>,
}

/// Told how many of how many runs are done.
pub type Progress<'a> = &'a mut dyn FnMut(usize, usize);

/// Runs `graph` over all samples and chooses the ranges of its inputs and of every value it computes.
pub fn calibrate(
    graph: &Graph,
    runner: &mut dyn Runner<f32>,
    samples: &Samples,
    method: Method,
    progress: Progress<'_>,
) -> Result<Calibration, CalibrationError> {
    if samples.is_empty() {
        return Err(CalibrationError::NoSample);
    }
    if let RangeMethod::Percentile(percent) = method.range
        && !(percent > 0.0 && percent <= 100.0)
    {
        return Err(CalibrationError::BadPercentile(percent));
    }
    let passes = if method.range.needs_histogram() { 2 } else { 1 };
    let total = passes * samples.len();
    let mut observation = Observation { graph, runner, samples };
    let Seen { extremes, movements, means } = observation.extremes(&mut |done| progress(done, total))?;
    let kept = kept(graph, &extremes, method.keep_rare);
    let mut table = CalibrationTable::default();
    for (id, kept) in &kept {
        table.set(*id, method.range.of_extremes(extremes.of(*id), kept));
    }
    if method.range.needs_histogram() {
        let histograms = observation.histograms(&table, &mut |done| progress(samples.len() + done, total))?;
        for (index, histogram) in histograms.iter().enumerate() {
            let id = ValueId(index as u32);
            if let Some(histogram) = histogram
                && !(method.range.keeps_outputs() && graph.is_output(id))
            {
                table.set(id, method.range.choose(histogram));
            }
        }
    }
    let inputs = graph.inputs.iter().map(|port| rare::whole(extremes.of(port.value)).range).collect();
    let findings = finding::of(graph, samples.len(), &extremes, &movements, rare::samples(graph, &extremes, &kept));
    Ok(Calibration { samples: samples.len(), table, inputs, means, findings })
}

/// The samples that count for the range of each value that was observed: all, or those that do not decide it alone.
fn kept(graph: &Graph, extremes: &Extremes, all: bool) -> Vec<(ValueId, Kept)> {
    let ids = (0..graph.values.len()).map(|index| ValueId(index as u32));
    let observed = ids.filter(|id| !extremes.of(*id).is_empty());
    let of = |id: ValueId| if all { rare::whole(extremes.of(id)) } else { rare::without_rare(extremes.of(id)) };
    observed.map(|id| (id, of(id))).collect()
}

#[cfg(test)]
mod tests;
