//! How long runs take, in the caller's ticks.

/// Counts, the sum and the most: 20 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    runs: u32,
    slow: u32,
    most: u32,
    sum: u64,
}

impl Latency {
    /// Takes a run; true when it took longer than `ticks_max`.
    pub fn observe(&mut self, ticks: u32, ticks_max: u32) -> bool {
        let is_slow = ticks > ticks_max;
        self.runs = self.runs.saturating_add(1);
        self.slow = self.slow.saturating_add(u32::from(is_slow));
        self.most = self.most.max(ticks);
        self.sum = self.sum.saturating_add(ticks.into());
        is_slow
    }

    /// Runs, those that took too long, and the longest.
    pub fn counts(&self) -> [u32; 3] {
        [self.runs, self.slow, self.most]
    }

    /// The mean, rounded down; 0 before the first run.
    pub fn mean(&self) -> u32 {
        let mean = self.sum.checked_div(self.runs.into()).unwrap_or(0);
        u32::try_from(mean).unwrap_or(u32::MAX)
    }
}
