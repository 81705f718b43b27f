//! What a float graph computes on the samples: the ends of each value in each sample, and then distributions.

use super::histogram::Histogram;
use super::means::{MeanSums, Means, is_averaged};
use super::range::{CalibrationTable, Range};
use super::{CalibrationError, Runner, Samples};
use crate::ir::{DType, Graph, ValueId};

/// A graph with what runs it and what it is run on.
pub(super) struct Observation<'a> {
    pub(super) graph: &'a Graph,
    pub(super) runner: &'a mut dyn Runner<f32>,
    pub(super) samples: &'a Samples,
}

/// Smallest and largest element of each value, for each sample.
#[derive(Debug, Default)]
pub(super) struct Extremes {
    /// By value; empty for those that are never computed.
    pub(super) of_values: Vec<Vec<Range>>,
}

impl Extremes {
    /// The ranges of a value in the samples, in their order; empty when it was never computed.
    pub(super) fn of(&self, id: ValueId) -> &[Range] {
        self.of_values.get(id.0 as usize).map_or(&[], Vec::as_slice)
    }

    /// Adds elements of a value in a sample.
    fn add(&mut self, sample: usize, id: ValueId, range: Range) {
        let index = id.0 as usize;
        if self.of_values.len() <= index {
            self.of_values.resize_with(index + 1, Vec::new);
        }
        let Some(of_value) = self.of_values.get_mut(index) else { return };
        if of_value.len() <= sample {
            of_value.resize(sample + 1, Range::EMPTY);
        }
        if let Some(of_sample) = of_value.get_mut(sample) {
            *of_sample = of_sample.union(range);
        }
    }
}

/// How much a value's elements differ from sample to sample, in powers: that of the differences from the mean sample,
/// and that of the elements.
#[derive(Debug, Default)]
pub(super) struct Movement {
    /// Of each element: sum and sum of squares over the samples.
    sums: Vec<(f64, f64)>,
    samples: usize,
}

impl Movement {
    fn add(&mut self, elements: &[f32]) {
        self.sums.resize(elements.len().max(self.sums.len()), (0.0, 0.0));
        for ((sum, squares), &element) in self.sums.iter_mut().zip(elements) {
            *sum += f64::from(element);
            *squares += f64::from(element).powi(2);
        }
        self.samples += 1;
    }

    /// The part of the power that differs from sample to sample, 0 to 1; nothing of a value that is zero.
    pub(super) fn share(&self) -> Option<f64> {
        let count = self.samples.max(1) as f64;
        let (still, whole) = self.sums.iter().fold((0.0, 0.0), |(still, whole), &(sum, squares)| {
            (still + (sum / count).powi(2), whole + squares / count)
        });
        (whole > 0.0).then(|| ((whole - still) / whole).max(0.0))
    }
}

/// What a first run over the samples leaves.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) extremes: Extremes,
    /// In the order of the graph's outputs.
    pub(super) movements: Vec<Movement>,
    pub(super) means: Means,
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

    /// Runs all samples and keeps what does not take a second run.
    pub(super) fn extremes(&mut self, done: &mut dyn FnMut(usize)) -> Result<Seen, CalibrationError> {
        let (graph, count) = (self.graph, self.samples.len());
        let mut means = MeanSums::of_layers(graph);
        let mut extremes = Extremes::default();
        let mut movements: Vec<Movement> = graph.outputs.iter().map(|_| Movement::default()).collect();
        let mut broken = None;
        let mut show = |sample: usize, id: ValueId, elements: &[f32]| {
            if let Some(&element) = elements.iter().find(|element| !element.is_finite()) {
                broken.get_or_insert((sample, id, element));
            }
            extremes.add(sample, id, elements.iter().fold(Range::EMPTY, |range, &element| range.including(element)));
            if is_averaged(sample, count) {
                means.add(id, elements.iter().copied().map(f64::from));
            }
            let outputs = graph.outputs.iter().zip(&mut movements).filter(|(port, _)| port.value == id);
            outputs.for_each(|(_, movement)| movement.add(elements));
        };
        self.each(&mut show, done)?;
        match broken {
            None => Ok(Seen { extremes, movements, means: means.means() }),
            Some((sample, id, element)) => {
                Err(CalibrationError::NotFinite { value: graph.value(id).name.clone(), sample, element })
            }
        }
    }

    /// The distribution of each float value within its ends; what lies outside counts at them.
    pub(super) fn histograms(
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
mod tests {
    use super::*;

    #[test]
    fn what_moves_is_what_differs_from_sample_to_sample() {
        let mut movement = Movement::default();
        assert_eq!(movement.share(), None, "nothing was seen");
        [[1.0, 5.0], [-1.0, 5.0]].iter().for_each(|sample| movement.add(sample));
        // Powers: 1 that moves, 25 that stays.
        assert!((movement.share().unwrap_or_default() - 1.0 / 26.0).abs() < 1e-12);
    }
}
