//! The Page-Hinkley test: a mean that moves away from its own past, for what has no baseline.

/// Sums of deviations from the mean so far: 20 bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PageHinkley {
    slack: f32,
    limit: f32,
    count: u32,
    mean: f32,
    sum: f32,
    lowest: f32,
}

impl PageHinkley {
    /// Nothing yet. A rise of the mean by more than `slack` adds up to `limit`.
    pub fn new(slack: f32, limit: f32) -> Self {
        PageHinkley { slack, limit, count: 0, mean: 0.0, sum: 0.0, lowest: 0.0 }
    }

    /// Takes an observation; true when the mean has risen, and the past is forgotten. What is no number is no observation.
    pub fn observe(&mut self, value: f32) -> bool {
        if !value.is_finite() {
            return false;
        }
        self.count = self.count.saturating_add(1);
        self.mean += (value - self.mean) / self.count as f32;
        self.sum += value - self.mean - self.slack;
        self.lowest = self.lowest.min(self.sum);
        let has_risen = self.sum - self.lowest > self.limit;
        if has_risen {
            *self = PageHinkley::new(self.slack, self.limit);
        }
        has_risen
    }
}
