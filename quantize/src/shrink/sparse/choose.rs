//! Which weights go: how many of each layer, and which of its.

/// Weights of a channel, or some of them, that make up for each other.
pub(super) struct Strand {
    pub(super) channel: usize,
    /// Taps in the order in which they go, with what the loss is by then beyond what it was before; never falling.
    pub(super) removed: Vec<(usize, f64)>,
}

impl Strand {
    /// A weight that costs less than one before it goes with that.
    pub(super) fn new(channel: usize, removed: impl Iterator<Item = (usize, f64)>) -> Self {
        let mut most = 0.0_f64;
        let rising = removed.map(|(tap, cost)| {
            most = most.max(cost);
            (tap, most)
        });
        Strand { channel, removed: rising.collect() }
    }
}

/// The cheapest `count` removals of all strands, as `(strand, tap)`: of each strand its first ones.
pub(super) fn cheapest(strands: &[Strand], count: usize) -> Vec<(usize, usize)> {
    let of = |(index, strand): (usize, &Strand)| {
        let steps = strand.removed.iter().enumerate();
        steps.map(move |(step, &(tap, cost))| (cost, index, step, tap)).collect::<Vec<_>>()
    };
    let mut all: Vec<(f64, usize, usize, usize)> = strands.iter().enumerate().flat_map(of).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    all.into_iter().take(count).map(|(_, index, _, tap)| (index, tap)).collect()
}

/// What a layer loses for each weight that goes, and how much that matters.
pub(super) struct Curve {
    /// Rising: of the first weight, the second, and so on.
    pub(super) costs: Vec<f64>,
    /// Noise at the outputs for a unit of loss.
    pub(super) weight: f64,
    /// So many go at least.
    pub(super) least: usize,
}

/// How many weights of each layer go, `count` together, with the least sum of noise. Losses of a layer rise ever steeper, so
/// that the choice which takes the cheapest next weight is the best there is.
pub(super) fn allocate(layers: &[Curve], count: usize) -> Vec<usize> {
    let of = |(index, layer): (usize, &Curve)| {
        layer.costs.iter().skip(layer.least).map(move |cost| (cost * layer.weight, index)).collect::<Vec<_>>()
    };
    let mut all: Vec<(f64, usize)> = layers.iter().enumerate().flat_map(of).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut counts: Vec<usize> = layers.iter().map(|layer| layer.least.min(layer.costs.len())).collect();
    let rest = count.saturating_sub(counts.iter().sum());
    all.iter().take(rest).for_each(|&(_, index)| counts[index] += 1);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_each_strand_its_first_weights_go() {
        let strands = [
            Strand::new(0, [(4, 1.0), (2, 0.5), (7, 3.0)].into_iter()),
            Strand::new(1, [(1, 0.8), (0, 1.0), (5, 9.0)].into_iter()),
        ];
        assert_eq!(cheapest(&strands, 4), [(1, 1), (0, 4), (0, 2), (1, 0)]);
        assert_eq!(cheapest(&strands, 99).len(), 6);
    }

    #[test]
    fn layers_that_matter_more_keep_more() {
        let curve = |weight| Curve { costs: vec![1.0, 2.0, 3.0, 4.0], weight, least: 0 };
        assert_eq!(allocate(&[curve(1.0), curve(1.0)], 4), [2, 2]);
        assert_eq!(allocate(&[curve(1.0), curve(3.0)], 4), [3, 1]);
        // What is gone already is no choice.
        assert_eq!(allocate(&[Curve { least: 3, ..curve(9.0) }, curve(1.0)], 4), [3, 1]);
    }
}
