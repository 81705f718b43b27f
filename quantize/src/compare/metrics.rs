//! Numbers that say how alike two sets of outputs are, and how good one is.

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

/// Index of the largest element; the first of equal ones.
pub(super) fn argmax(elements: &[f32]) -> usize {
    let better = |best: (usize, f32), (index, &x): (usize, &f32)| if x > best.1 { (index, x) } else { best };
    elements.iter().enumerate().fold((0, f32::NEG_INFINITY), better).0
}

/// Mean of squared differences: how badly an autoencoder reconstructs its input.
pub(super) fn mean_squared_error(a: &[f32], b: &[f32]) -> f64 {
    let sum: f64 = a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum();
    sum / a.len().max(1) as f64
}

/// Area under the receiver operating characteristic: the chance that a positive scores above a negative, equal
/// scores counting half. `None` when there are not both.
pub(super) fn auc(scores: &[f64], is_positive: &[bool]) -> Option<f64> {
    let mut order: Vec<usize> = (0..scores.len().min(is_positive.len())).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let positives = order.iter().filter(|&&index| is_positive[index]).count() as f64;
    let negatives = order.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    // The sum of the positives' ranks, tied scores sharing the mean of theirs.
    let (mut rank_sum, mut first) = (0.0, 0);
    while first < order.len() {
        let same = |&&index: &&usize| scores[index] == scores[order[first]];
        let count = order[first..].iter().take_while(same).count().max(1);
        let rank = first as f64 + (count as f64 + 1.0) / 2.0;
        let tied = &order[first..first + count];
        rank_sum += rank * tied.iter().filter(|&&index| is_positive[index]).count() as f64;
        first += count;
    }
    Some((rank_sum - positives * (positives + 1.0) / 2.0) / (positives * negatives))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auc_of_known_orders() {
        let labels = [false, false, true, true];
        assert_eq!(auc(&[0.1, 0.2, 0.3, 0.4], &labels), Some(1.0));
        assert_eq!(auc(&[0.4, 0.3, 0.2, 0.1], &labels), Some(0.0));
        assert_eq!(auc(&[0.1, 0.4, 0.35, 0.8], &labels), Some(0.75));
        assert_eq!(auc(&[0.5; 4], &labels), Some(0.5));
        assert_eq!(auc(&[0.5; 2], &[true, true]), None);
    }

    #[test]
    fn deviation_of_a_tenth_is_twenty_decibels() {
        let mut deviation = Deviation::default();
        deviation.add(&[1.0, -1.0], &[1.1, -0.9]);
        assert!(deviation.sqnr_db().is_some_and(|db| (db - 20.0).abs() < 1e-4));
        assert!((deviation.max() - 0.1).abs() < 1e-6);
        assert_eq!(Deviation::default().sqnr_db(), None);
    }

    #[test]
    fn argmax_takes_the_first_of_equals() {
        assert_eq!(argmax(&[0.0, 3.0, 3.0, -1.0]), 1);
        assert_eq!(argmax(&[f32::NAN, 1.0]), 1);
    }
}
