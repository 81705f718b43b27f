//! Calibration: runs the float graph over samples and chooses a range for every value it computes.
//!
//! ```text
//!   calib.npz --> Samples --\
//!                            Runner<f32> --> ends of each value (pass 1)
//!   float graph ------------/           \-> distribution of each value (pass 2, unless min-max)
//!                                            --> RangeMethod --> CalibrationTable
//! ```
//!
//! A distribution is counted in bins of a range that must be known first, hence the second pass; runs are cheap
//! and repeat to the bit. Fused activations are part of their operator, so what is observed is what the int8
//! operator has to express.

mod engine;
mod histogram;
pub mod npy;
mod range;
mod runner;
pub(crate) mod samples;

pub use engine::{Element, EngineRunner};
pub use range::{CalibrationTable, Range, RangeMethod};
pub use runner::{Runner, RunnerError};
pub use samples::Samples;

use histogram::Histogram;

use crate::ir::{DType, Graph, ValueId};

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

/// Told how many of how many runs are done.
pub type Progress<'a> = &'a mut dyn FnMut(usize, usize);

/// Runs `graph` over all samples and chooses the ranges of its inputs and of every value it computes.
pub fn calibrate(
    graph: &Graph,
    runner: &mut dyn Runner<f32>,
    samples: &Samples,
    method: RangeMethod,
    progress: Progress<'_>,
) -> Result<CalibrationTable, CalibrationError> {
    if samples.is_empty() {
        return Err(CalibrationError::NoSample);
    }
    if let RangeMethod::Percentile(percent) = method
        && !(percent > 0.0 && percent <= 100.0)
    {
        return Err(CalibrationError::BadPercentile(percent));
    }
    let passes = if method.needs_histogram() { 2 } else { 1 };
    let total = passes * samples.len();
    let mut observation = Observation { graph, runner, samples };
    let ends = observation.ends(&mut |done| progress(done, total))?;
    if !method.needs_histogram() {
        return Ok(ends);
    }
    let histograms = observation.histograms(&ends, &mut |done| progress(samples.len() + done, total))?;
    let mut table = CalibrationTable::default();
    for (index, histogram) in histograms.iter().enumerate() {
        if let Some(histogram) = histogram {
            table.set(ValueId(index as u32), method.choose(histogram));
        }
    }
    Ok(table)
}

/// A graph with what runs it and what it is run on.
struct Observation<'a> {
    graph: &'a Graph,
    runner: &'a mut dyn Runner<f32>,
    samples: &'a Samples,
}

impl Observation<'_> {
    /// Shows every float input and computed value of every sample, and reports each sample done.
    fn each(
        &mut self,
        show: &mut dyn FnMut(usize, ValueId, &[f32]),
        done: &mut dyn FnMut(usize),
    ) -> Result<(), CalibrationError> {
        for sample in 0..self.samples.len() {
            let inputs = self.samples.get(sample);
            for (port, input) in self.graph.inputs.iter().zip(&inputs) {
                show(sample, port.value, input);
            }
            let run = self.runner.run(&inputs, &mut |id, elements| show(sample, id, elements));
            run.map_err(|source| CalibrationError::Run { sample, source })?;
            done(sample + 1);
        }
        Ok(())
    }

    /// Smallest and largest element of each value.
    fn ends(&mut self, done: &mut dyn FnMut(usize)) -> Result<CalibrationTable, CalibrationError> {
        let mut table = CalibrationTable::default();
        let mut broken = None;
        let mut show = |sample: usize, id: ValueId, elements: &[f32]| {
            if let Some(&element) = elements.iter().find(|element| !element.is_finite()) {
                broken.get_or_insert((sample, id, element));
            }
            let range = table.get(id).unwrap_or(Range::EMPTY);
            table.set(id, elements.iter().fold(range, |range, &element| range.including(element)));
        };
        self.each(&mut show, done)?;
        match broken {
            None => Ok(table),
            Some((sample, id, element)) => {
                Err(CalibrationError::NotFinite { value: self.graph.value(id).name.clone(), sample, element })
            }
        }
    }

    /// The distribution of each float value whose ends are known.
    fn histograms(
        &mut self,
        ends: &CalibrationTable,
        done: &mut dyn FnMut(usize),
    ) -> Result<Vec<Option<Histogram>>, CalibrationError> {
        let ids = (0..self.graph.values.len()).map(|index| ValueId(index as u32));
        let float = |id: &ValueId| self.graph.value(*id).dtype == DType::F32;
        let mut histograms: Vec<Option<Histogram>> =
            ids.map(|id| ends.get(id).filter(|_| float(&id)).map(Histogram::new)).collect();
        let mut show = |_: usize, id: ValueId, elements: &[f32]| {
            if let Some(Some(histogram)) = histograms.get_mut(id.0 as usize) {
                histogram.add(elements);
            }
        };
        self.each(&mut show, done)?;
        Ok(histograms)
    }
}

#[cfg(test)]
mod tests;
