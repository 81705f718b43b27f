//! All detectors of a model together.

use crate::baseline::{Baseline, Shares};
use crate::cusum::Cusum;
use crate::histogram::{Histogram, bin_of_score};
use crate::latency::Latency;
use crate::logarithm::ln;
use crate::record::Record;

/// What is too much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Runs of a window, after which the shares are compared with the baseline's and counted anew.
    pub window_runs: u32,
    /// Population stability index that is too high; 0.25 is usual. What few observations add to it is allowed for.
    pub instability_max: f32,
    /// Each so many-th element of the input is counted.
    pub input_stride: usize,
    /// Slack of the sums of confidence, in standard deviations.
    pub cusum_slack: f32,
    /// Their limit.
    pub cusum_limit: f32,
    /// How much more of the input may lie at the ends of its range than in the baseline, as a share of all.
    pub out_of_range_max: f32,
    /// Ticks that a run may take.
    pub ticks_max: u32,
    /// Runs of a window that may take longer.
    pub slow_max: u32,
}

/// What is not as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Alarm {
    /// The input's shares.
    Input = 1,
    /// The output's shares.
    Output = 2,
    /// The shares of top scores.
    Confidence = 3,
    /// The mean of top scores.
    ConfidenceMean = 4,
    /// More of the input lies at the ends of its range.
    OutOfRange = 5,
    /// Runs take too long.
    Latency = 6,
}

/// Twice what the index of equal distributions is on average, for one count on either side.
const NOISE: f32 = 2.0 * 15.0;

/// The sketches of a model.
#[derive(Clone, Copy, Debug)]
pub struct Monitor {
    limits: Limits,
    input: Histogram,
    output: Histogram,
    confidence: Histogram,
    sums: Cusum,
    latency: Latency,
    runs: u32,
    at_ends: u32,
    slow: u32,
    alarms: u32,
    last: Option<Alarm>,
}

// What a model's sketches may take.
const _: () = assert!(size_of::<Monitor>() <= 512);

impl Monitor {
    /// Nothing seen yet.
    pub fn new(limits: Limits) -> Self {
        Monitor {
            limits,
            input: Histogram::default(),
            output: Histogram::default(),
            confidence: Histogram::default(),
            sums: Cusum::new(limits.cusum_slack, limits.cusum_limit),
            latency: Latency::default(),
            runs: 0,
            at_ends: 0,
            slow: 0,
            alarms: 0,
            last: None,
        }
    }

    /// Takes a run: the codes of its first input and first output, its top score, and how long it took. The input is to be
    /// given before the run where the model's memory is reused. The first alarm of the run, if there is one.
    pub fn observe(
        &mut self,
        baseline: &Baseline,
        input: &[i8],
        output: &[i8],
        top_score: f32,
        ticks: u32,
    ) -> Option<Alarm> {
        self.runs = self.runs.saturating_add(1);
        self.input.add_codes(input, self.limits.input_stride);
        self.output.add_codes(output, 1);
        self.confidence.add(bin_of_score(top_score));
        let at_ends =
            input.iter().step_by(self.limits.input_stride.max(1)).filter(|&&code| code == -128 || code == 127);
        self.at_ends = self.at_ends.saturating_add(u32::try_from(at_ends.count()).unwrap_or(u32::MAX));
        if self.latency.observe(ticks, self.limits.ticks_max) {
            self.slow = self.slow.saturating_add(1);
        }
        let z = (top_score - baseline.confidence_mean) / baseline.confidence_deviation;
        let mut alarm = self.sums.observe(z).then_some(Alarm::ConfidenceMean);
        if self.runs >= self.limits.window_runs {
            alarm = alarm.or(self.look(baseline));
            self.next_window();
        }
        if let Some(alarm) = alarm {
            self.alarms = self.alarms.saturating_add(1);
            self.last = Some(alarm);
        }
        alarm
    }

    /// Compares a window with the baseline.
    fn look(&self, baseline: &Baseline) -> Option<Alarm> {
        let shares = [
            (Alarm::Input, &self.input, &baseline.input),
            (Alarm::Output, &self.output, &baseline.output),
            (Alarm::Confidence, &self.confidence, &baseline.confidence),
        ];
        // Few observations are never shared as many are: the index of equal distributions is on average the number of
        // bins, less one, times what one count is of each side.
        let is_off = |histogram: &Histogram, known: &Shares| {
            let counts = [histogram.total(), known.total()].map(|total| 1.0 / total.max(1) as f32);
            let noise = NOISE * counts.iter().sum::<f32>();
            histogram.instability(known).is_some_and(|index| index > self.limits.instability_max + noise)
        };
        let off = shares.iter().find(|(_, histogram, known)| is_off(histogram, known)).map(|(alarm, ..)| *alarm);
        let share = self.at_ends as f32 / self.input.total().max(1) as f32;
        let out_of_range = share - baseline.out_of_range > self.limits.out_of_range_max;
        let is_slow = self.slow > self.limits.slow_max;
        off.or(out_of_range.then_some(Alarm::OutOfRange)).or(is_slow.then_some(Alarm::Latency))
    }

    fn next_window(&mut self) {
        self.input.clear();
        self.output.clear();
        self.confidence.clear();
        (self.runs, self.at_ends, self.slow) = (0, 0, 0);
    }

    /// What may leave the device: counts of the window so far, nothing of a single input. None before `runs_min` runs.
    pub fn record(&self, model: [u8; 8], sequence: u32, runs_min: u32) -> Option<Record> {
        let [runs, slow, most_ticks] = self.latency.counts();
        (self.runs >= runs_min).then_some(Record {
            model,
            sequence,
            runs,
            slow,
            most_ticks,
            mean_ticks: self.latency.mean(),
            alarms: self.alarms,
            last_alarm: self.last.map_or(0, |alarm| alarm as u8),
            confidence: *self.confidence.counts(),
        })
    }
}

/// Entropy of scores that add up to one, in nats: 0 where one has it all.
pub fn entropy(scores: impl Iterator<Item = f32>) -> f32 {
    let terms = scores.filter(|&score| score > 0.0 && score.is_finite()).map(|score| -score * ln(score));
    terms.sum()
}
