//! Numbers that say how alike two sets of outputs are.

/// Sums over the elements of an output.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Deviation {
    signal: f64,
    noise: f64,
    max: f32,
}

impl Deviation {
    /// Adds one inference's output.
    pub(super) fn add(&mut self, reference: &[f32], other: &[f32]) {
        for (&a, &b) in reference.iter().zip(other) {
            self.signal += f64::from(a).powi(2);
            self.noise += (f64::from(a) - f64::from(b)).powi(2);
            self.max = self.max.max((a - b).abs());
        }
    }

    /// `10 log10(sum a^2 / sum (a - b)^2)`; `None` when both are the same.
    pub(super) fn sqnr_db(&self) -> Option<f64> {
        (self.noise > 0.0).then(|| 10.0 * (self.signal / self.noise).log10())
    }

    /// The largest difference of two elements.
    pub(super) fn max(&self) -> f32 {
        self.max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deviation_of_a_tenth_is_twenty_decibels() {
        let mut deviation = Deviation::default();
        deviation.add(&[1.0, -1.0], &[1.1, -0.9]);
        assert!(deviation.sqnr_db().is_some_and(|db| (db - 20.0).abs() < 1e-4));
        assert!((deviation.max() - 0.1).abs() < 1e-6);
        assert_eq!(Deviation::default().sqnr_db(), None);
    }
}
