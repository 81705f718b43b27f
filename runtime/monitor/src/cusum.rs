//! Cumulative sums: a mean that has moved, found soon.
//!
//! Two sums, one for each direction: `s = max(0, s + z - slack)`, where `z` is how many standard deviations an
//! observation lies off the baseline's mean. An alarm when one exceeds the limit. With a slack of one half the sums look
//! for shifts of one standard deviation; the limit sets how long it takes on average until a false alarm (Siegmund's
//! approximation, [`Cusum::interval`]).

/// Two sums: 8 bytes, and what they are compared with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cusum {
    slack: f32,
    limit: f32,
    up: f32,
    down: f32,
}

/// Siegmund's correction: sums are looked at in steps, and exceed a limit by so much on average at both ends.
const OVERSHOOT: f32 = 1.166;

impl Cusum {
    /// Sums of nothing.
    pub fn new(slack: f32, limit: f32) -> Self {
        Cusum { slack, limit, up: 0.0, down: 0.0 }
    }

    /// Takes an observation in standard deviations; true when the mean has moved, and the sums begin again. What is no
    /// number is no observation.
    pub fn observe(&mut self, z: f32) -> bool {
        if !z.is_finite() {
            return false;
        }
        self.up = (self.up + z - self.slack).max(0.0);
        self.down = (self.down - z - self.slack).max(0.0);
        let has_moved = self.up > self.limit || self.down > self.limit;
        if has_moved {
            (self.up, self.down) = (0.0, 0.0);
        }
        has_moved
    }

    /// The higher of both sums.
    pub fn height(&self) -> f32 {
        self.up.max(self.down)
    }

    /// Observations between two false alarms on average, when observations are independent and normal:
    /// `(exp(2kb) - 2kb - 1) / (2k^2) / 2` with `b = limit + 1.166`; `exp` is the caller's.
    pub fn interval(slack: f64, limit: f64, exp: impl Fn(f64) -> f64) -> f64 {
        let reach = 2.0 * slack * (limit + f64::from(OVERSHOOT));
        (exp(reach) - reach - 1.0) / (2.0 * slack * slack) / 2.0
    }
}
