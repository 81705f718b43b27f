//! What the values of both graphs are on samples.

use std::collections::HashMap;

use serde::Serialize;

use super::code_reals;
use crate::affine::fixed::quantize_real;
use crate::calibrate::{CalibrationError, EngineRunner, Range, Runner, Samples};
use crate::ir::{DType, Graph, Port, ValueId};

/// Bars of a histogram: four to a finger's width on a page.
const BINS: usize = 48;

/// From which multiple of the median channel on one is an outlier: the others are left five of eight bits.
const OUTLIER_MIN: f32 = 8.0;

/// Counts over equal bins. What lies outside is counted at the ends.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Histogram {
    /// Lower end of the first bin.
    pub lo: f32,
    /// Upper end of the last.
    pub hi: f32,
    /// Of each bin.
    pub counts: Vec<u64>,
}

impl Histogram {
    fn new([lo, hi]: [f32; 2]) -> Self {
        Histogram { lo, hi, counts: vec![0; BINS] }
    }

    /// Over the range of these elements.
    pub(super) fn of_all(elements: &[f32]) -> Self {
        let range = elements.iter().fold(Range::EMPTY, |range, &x| range.including(x));
        let mut histogram = Histogram::new(if range.is_empty() { [0.0; 2] } else { [range.lo, range.hi] });
        histogram.add(elements);
        histogram
    }

    fn add(&mut self, elements: &[f32]) {
        let width = f64::from(self.hi) - f64::from(self.lo);
        let per_unit = if width > 0.0 { BINS as f64 / width } else { 0.0 };
        for &element in elements {
            // Saturating at both ends.
            let bin = (f64::from(element) - f64::from(self.lo)) * per_unit;
            self.counts[(bin as usize).min(BINS - 1)] += 1;
        }
    }
}

/// A channel that alone decides the range of all.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Outlier {
    /// Which.
    pub channel: usize,
    /// Its largest magnitude over that of the channel in the middle.
    pub times: f32,
}

/// What was seen of one value.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) range: Range,
    pub(super) clipped: f64,
    pub(super) histogram: Histogram,
    /// The largest magnitude in each channel.
    pub(super) channels: Vec<f32>,
    elements: u64,
    /// Signal and noise of each sample.
    powers: Vec<(f64, f64)>,
}

impl Seen {
    fn new(codes: [f32; 2], channels: usize) -> Self {
        Seen {
            range: Range::EMPTY,
            clipped: 0.0,
            histogram: Histogram::new(codes),
            channels: vec![0.0; channels],
            elements: 0,
            powers: Vec::new(),
        }
    }

    fn add(&mut self, reals: &[f32], codes: [f32; 2]) {
        let step = (codes[1] - codes[0]) / 255.0;
        // The codes of a softmax end a step below 1, which is no mistake.
        let spare = step * 1.01;
        let is_outside = |x: &&f32| **x < codes[0] - spare || **x > codes[1] + spare;
        let outside = reals.iter().filter(is_outside).count() as f64;
        let before = self.clipped * self.elements as f64;
        self.elements += reals.len() as u64;
        self.clipped = (before + outside) / self.elements.max(1) as f64;
        self.range = reals.iter().fold(self.range, |range, &x| range.including(x));
        self.histogram.add(reals);
        let count = self.channels.len().max(1);
        for (index, real) in reals.iter().enumerate() {
            if let Some(largest) = self.channels.get_mut(index % count) {
                *largest = largest.max(real.abs());
            }
        }
    }

    /// The median of samples, in decibels; `None` where there is no noise.
    pub(super) fn sqnr_db(&self) -> Option<f64> {
        median(self.powers.iter().map(|&(signal, noise)| ratio_db(signal, noise)).collect())
    }

    pub(super) fn dead_channels(&self) -> Vec<usize> {
        // A vector of one element is no row of channels.
        let is_dead = |(channel, &largest): (usize, &f32)| (largest == 0.0).then_some(channel);
        self.channels.iter().enumerate().filter_map(is_dead).collect()
    }

    pub(super) fn outlier(&self) -> Option<Outlier> {
        let mut alive: Vec<f32> = self.channels.iter().copied().filter(|&largest| largest > 0.0).collect();
        alive.sort_by(f32::total_cmp);
        let middle = alive.get(alive.len() / 2).copied().filter(|_| alive.len() >= 4)?;
        let (channel, largest) = self.channels.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))?;
        let times = largest / middle;
        (times >= OUTLIER_MIN).then_some(Outlier { channel, times })
    }
}

/// Decibels; infinite without noise.
pub(super) fn ratio_db(signal: f64, noise: f64) -> f64 {
    if noise == 0.0 { f64::INFINITY } else { 10.0 * (signal.max(f64::MIN_POSITIVE) / noise).log10() }
}

/// The finite number in the middle of a list.
pub(super) fn median(mut list: Vec<f64>) -> Option<f64> {
    list.sort_by(f64::total_cmp);
    list.get(list.len() / 2).copied().filter(|db| db.is_finite())
}

/// Looks at every value that both graphs compute.
pub(super) struct Watch<'g> {
    float: &'g Graph,
    int8: &'g Graph,
    seen: HashMap<ValueId, Seen>,
    samples: usize,
}

impl<'g> Watch<'g> {
    pub(super) fn new(float: &'g Graph, int8: &'g Graph) -> Self {
        Watch { float, int8, seen: HashMap::new(), samples: 0 }
    }

    pub(super) fn of(&self, id: ValueId) -> Option<&Seen> {
        self.seen.get(&id)
    }

    pub(super) fn samples(&self) -> usize {
        self.samples
    }

    /// Runs both graphs on all samples.
    pub(super) fn run(
        &mut self,
        (float_runner, int8_runner): (&mut EngineRunner<'_>, &mut EngineRunner<'_>),
        samples: &Samples,
    ) -> Result<(), CalibrationError> {
        // Integers and truth values at the inputs have no codes, and neither has what is computed of them.
        let has_codes = self.int8.inputs.iter().all(|port| self.int8.value(port.value).dtype == DType::I8);
        let count = if has_codes { samples.len() } else { 0 };
        for sample in 0..count {
            let inputs = samples.get(sample);
            for (port, input) in self.float.inputs.iter().zip(&inputs) {
                self.show(port.value, input);
            }
            let mut reals: HashMap<ValueId, Vec<f32>> = HashMap::new();
            let run = float_runner.run(&inputs, &mut |id, elements| {
                reals.insert(id, elements.to_vec());
            });
            run.map_err(|source| CalibrationError::Run { sample, source })?;
            reals.iter().for_each(|(&id, elements)| self.show(id, elements));
            let codes: Vec<Vec<i8>> =
                self.int8.inputs.iter().zip(&inputs).map(|(port, input)| encode(self.int8, port, input)).collect();
            let codes: Vec<&[i8]> = codes.iter().map(Vec::as_slice).collect();
            let run = int8_runner.run(&codes, &mut |id, codes| self.compare(id, reals.get(&id), codes));
            run.map_err(|source| CalibrationError::Run { sample, source })?;
        }
        self.samples = count;
        Ok(())
    }

    /// What a value is in the float graph.
    fn show(&mut self, id: ValueId, reals: &[f32]) {
        let value = self.int8.value(id);
        if let Some(codes) = code_reals(value) {
            let channels = if value.shape.len() > 1 { value.shape.last().copied().unwrap_or(1) } else { 1 };
            self.seen.entry(id).or_insert_with(|| Seen::new(codes, channels)).add(reals, codes);
        }
    }

    /// What it is in the int8 graph, in the same sample.
    fn compare(&mut self, id: ValueId, reals: Option<&Vec<f32>>, codes: &[i8]) {
        let (Some(seen), Some(reals), Some(quantization)) =
            (self.seen.get_mut(&id), reals, &self.int8.value(id).quantization)
        else {
            return;
        };
        let (scale, zero_point) = (f64::from(quantization.scale(0)), quantization.zero_point());
        let (mut signal, mut noise) = (0.0, 0.0);
        for (&real, &code) in reals.iter().zip(codes) {
            let real = f64::from(real);
            signal += real * real;
            noise += (real - scale * f64::from(i32::from(code) - zero_point)).powi(2);
        }
        seen.powers.push((signal, noise));
    }
}

/// Reals as codes of an input.
fn encode(int8: &Graph, port: &Port, input: &[f32]) -> Vec<i8> {
    match &int8.value(port.value).quantization {
        Some(quantization) => input.iter().map(|&real| quantize_real(real, quantization)).collect(),
        None => Vec::new(),
    }
}
