//! Samples that alone decide a range: a broken sensor's value, a file in another unit.
//!
//! One element of 1000 among thousands between -1 and 1 costs every other element ten bits: eight are there. So a
//! sample, or one in a hundred, is set aside where the range without it is a quarter as wide or less. Each quarter
//! costs two bits or 12 dB; what is lost by setting aside is what the elements outside the range are clipped by.

use super::observation::Extremes;
use super::range::Range;
use crate::ir::{Graph, ValueId};

/// A range is decided by a sample when it is so many times as wide as without.
const WIDER: f32 = 4.0;

/// One sample in so many may be set aside; one of fewer.
const ONE_IN: usize = 100;

/// And no more than so many: what is more frequent is data.
const ASIDE_MAX: usize = 8;

/// With fewer samples each is a good part of what is known.
const SAMPLES_MIN: usize = 8;

/// The range of one value over the samples, and the samples that have no part in it.
#[derive(Debug, PartialEq)]
pub(super) struct Kept {
    pub(super) range: Range,
    pub(super) aside: Vec<usize>,
}

/// All samples.
pub(super) fn whole(of_samples: &[Range]) -> Kept {
    Kept { range: union(of_samples, &[]), aside: Vec::new() }
}

/// Sets aside what alone decides the range of a value of which the ranges in all samples are given.
pub(super) fn without_rare(of_samples: &[Range]) -> Kept {
    let all = whole(of_samples);
    if of_samples.len() < SAMPLES_MIN {
        return all;
    }
    let mut aside: Vec<usize> = Vec::new();
    for _ in 0..of_samples.len().div_ceil(ONE_IN).min(ASIDE_MAX) {
        let others = || of_samples.iter().enumerate().filter(|(sample, _)| !aside.contains(sample));
        let highest = others().max_by(|a, b| a.1.hi.total_cmp(&b.1.hi));
        let lowest = others().min_by(|a, b| a.1.lo.total_cmp(&b.1.lo));
        let without = |sample: usize| {
            let mut aside = aside.clone();
            aside.push(sample);
            width(union(of_samples, &aside))
        };
        let ends = [highest, lowest].into_iter().flatten().map(|(sample, _)| sample);
        let Some(next) = ends.min_by(|&a, &b| without(a).total_cmp(&without(b))) else { break };
        aside.push(next);
        let rest = union(of_samples, &aside);
        // Of a value that is otherwise zero nothing is known but this sample.
        if width(rest) > 0.0 && width(all.range) >= WIDER * width(rest) {
            return Kept { range: rest, aside };
        }
    }
    all
}

/// The range of all samples but some.
fn union(of_samples: &[Range], aside: &[usize]) -> Range {
    let kept = of_samples.iter().enumerate().filter(|(sample, _)| !aside.contains(sample));
    kept.fold(Range::EMPTY, |all, (_, range)| all.union(*range))
}

/// How wide the codes' range is, which always has zero in it.
fn width(range: Range) -> f32 {
    range.including(0.0).width()
}

/// A sample that was set aside, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct RareSample {
    /// Its number, from 0.
    pub sample: usize,
    /// In how many values.
    pub values: usize,
    /// The first of these values in the order of execution.
    pub first: String,
    /// What that value is in this sample.
    pub range: Range,
    /// What it is in all others.
    pub others: Range,
}

/// Gathers, sample by sample, what was set aside in any value.
pub(super) fn samples(graph: &Graph, extremes: &Extremes, kept: &[(ValueId, Kept)]) -> Vec<RareSample> {
    let mut found: Vec<RareSample> = Vec::new();
    for (id, kept) in kept {
        for &sample in &kept.aside {
            match found.iter_mut().find(|rare| rare.sample == sample) {
                Some(rare) => rare.values += 1,
                None => found.push(RareSample {
                    sample,
                    values: 1,
                    first: graph.value(*id).name.clone(),
                    range: extremes.of(*id).get(sample).copied().unwrap_or(Range::EMPTY),
                    others: kept.range,
                }),
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples between -1 and 1, and others.
    fn with(others: &[(usize, Range)], count: usize) -> Vec<Range> {
        let mut ranges = vec![Range { lo: -1.0, hi: 1.0 }; count];
        others.iter().for_each(|&(sample, range)| ranges[sample] = range);
        ranges
    }

    #[test]
    fn one_that_decides_alone_is_set_aside() {
        let kept = without_rare(&with(&[(3, Range { lo: -0.5, hi: 1000.0 })], 64));
        assert_eq!(kept, Kept { range: Range { lo: -1.0, hi: 1.0 }, aside: vec![3] });
        let kept = without_rare(&with(&[(0, Range { lo: -9.0, hi: 9.0 })], 64));
        assert_eq!(kept.aside, [0]);
    }

    #[test]
    fn two_of_two_hundred_may_decide_one_end_each() {
        let rare = [(3, Range { lo: -0.5, hi: 50.0 }), (150, Range { lo: -50.0, hi: 0.5 })];
        assert_eq!(without_rare(&with(&rare, 200)).aside, [3, 150]);
        assert_eq!(without_rare(&with(&rare, 200)[..151]).aside, [3, 150], "two hundred begun");
        // A second hundredth has not begun: two samples of a hundred are data.
        assert_eq!(without_rare(&with(&[(3, rare[0].1), (50, rare[1].1)], 100)).aside, [] as [usize; 0]);
    }

    #[test]
    fn what_is_wide_in_some_samples_is_data() {
        let wide = Range { lo: -1.0, hi: 3.0 };
        assert_eq!(without_rare(&with(&[(1, wide)], 64)).range, wide, "twice as wide only");
        let rare = Range { lo: 0.0, hi: 90.0 };
        assert_eq!(without_rare(&with(&[(1, rare), (2, rare)], 64)).range.hi, 90.0, "two of them");
        assert_eq!(without_rare(&with(&[(1, rare)], 7)).range.hi, 90.0, "too few to tell");
        let zero = vec![Range { lo: 0.0, hi: 0.0 }; 64];
        let mut one = zero.clone();
        one[5].hi = 2.0;
        assert_eq!(without_rare(&one).range.hi, 2.0, "the only one that is not zero");
        assert_eq!(without_rare(&zero).range, zero[0]);
        assert!(without_rare(&[]).range.is_empty());
    }
}
