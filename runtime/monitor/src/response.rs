//! Randomized response: what a device tells of a run is the truth only with a stated probability.
//!
//! Of sixteen bins the true one is told with probability `p`, each other one with `(1 - p) / 15`. Whatever a run's bin was,
//! no answer is more than `e^epsilon` times as likely as for another one, with `epsilon = ln(15 p / (1 - p))`: local
//! differential privacy, for each run. Of many runs together the shares can be computed back ([`Response::estimate`]).

use crate::histogram::{BINS, Histogram};
use crate::logarithm::ln;

/// Other bins than the true one.
const OTHERS: f32 = 15.0;
const _: () = assert!(BINS == 16);

/// Answers about runs, one for each, and how they are made.
#[derive(Clone, Copy, Debug)]
pub struct Response {
    /// Of 2³² draws the true bin is told on so many.
    threshold: u32,
    told: Histogram,
}

impl Response {
    /// Tells the true bin with this probability, which must lie between one sixteenth (tells nothing at all) and 1
    /// (exclusive); none otherwise.
    #[allow(clippy::cast_possible_truncation, reason = "below 1 times 2^32")]
    pub fn new(probability: f32) -> Option<Self> {
        let is_private = (1.0 / 16.0..1.0).contains(&probability);
        let threshold = (f64::from(probability) * 4_294_967_296.0) as u32;
        is_private.then_some(Response { threshold, told: Histogram::default() })
    }

    fn probability(&self) -> f32 {
        self.threshold as f32 / 4_294_967_296.0
    }

    /// What a single answer gives away at most.
    pub fn epsilon(&self) -> f32 {
        let p = self.probability();
        ln(OTHERS * p / (1.0 - p))
    }

    /// Answers for a run. `random` are two numbers of which any value is as likely as any other, and that nobody can guess:
    /// from the chip's generator.
    pub fn tell(&mut self, bin: usize, random: [u32; 2]) {
        let [whether, which] = random;
        // A multiple of the range by the upper half of a product: the lower numbers are favored by one in 2^28.
        let other = usize::try_from((u64::from(which).saturating_mul(15)) >> 32).unwrap_or(0);
        let other = if other >= bin { other.saturating_add(1) } else { other };
        self.told.add(if whether < self.threshold { bin.min(15) } else { other });
    }

    /// What was told, for [`crate::Record::confidence`]; none of fewer than `runs_min` runs.
    pub fn counts(&self, runs_min: u32) -> Option<&[u16; BINS]> {
        (self.told.total() >= runs_min).then(|| self.told.counts())
    }

    /// Tells from nothing again.
    pub fn clear(&mut self) {
        self.told.clear();
    }

    /// How many runs were in each bin, as far as answers made with the same probability say. Unbiased, and so below zero
    /// at times.
    pub fn estimate(&self, told: &[u32; BINS]) -> [f32; BINS] {
        let p = self.probability();
        let q = (1.0 - p) / OTHERS;
        let total = told.iter().map(|&count| count as f32).sum::<f32>();
        told.map(|count| (count as f32 - total * q) / (p - q).max(f32::MIN_POSITIVE))
    }
}
