//! Which bytes of an arena are in use, as ranges: an arena may be 2 GiB of which a blob uses a few bytes.

use super::Range;

/// A set of bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Live {
    /// Start and end, in order, apart from each other.
    ranges: Vec<(usize, usize)>,
}

impl Live {
    /// The bytes of `range` belong to the set.
    pub(super) fn add(&mut self, range: Range) {
        let (mut start, mut end) = (range.offset, range.offset.saturating_add(range.bytes));
        if start == end {
            return;
        }
        self.ranges.retain(|&(from, to)| {
            let touches = from <= end && start <= to;
            if touches {
                (start, end) = (start.min(from), end.max(to));
            }
            !touches
        });
        let at = self.ranges.partition_point(|&(from, _)| from < start);
        self.ranges.insert(at, (start, end));
    }

    /// The bytes of `range` do not.
    pub(super) fn remove(&mut self, range: Range) {
        let (start, end) = (range.offset, range.offset.saturating_add(range.bytes));
        let pieces = |&(from, to): &(usize, usize)| {
            // What is left before the range, and behind it.
            [(from, to.min(start)), (from.max(end), to)].into_iter().filter(|(from, to)| from < to)
        };
        if start < end {
            self.ranges = self.ranges.iter().flat_map(pieces).collect();
        }
    }

    /// How many bytes there are.
    pub(super) fn bytes(&self) -> usize {
        self.ranges.iter().map(|(start, end)| end - start).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// As a flag for each byte would do it.
        #[test]
        fn equals_a_flag_for_each_byte(steps in prop::collection::vec((any::<bool>(), 0..40_usize, 0..20_usize), 0..30)) {
            let (mut live, mut flags) = (Live::default(), [false; 64]);
            for (is_added, offset, bytes) in steps {
                let range = Range { offset, bytes };
                if is_added { live.add(range) } else { live.remove(range) }
                flags[offset..offset + bytes].fill(is_added);
                prop_assert_eq!(live.bytes(), flags.iter().filter(|&&flag| flag).count());
                prop_assert!(live.ranges.is_sorted_by(|a, b| a.1 < b.0));
            }
        }
    }
}
