//! Where the rows of a signal are in a value, and when they come.

use crate::op::rule::time::Absent;

/// The place of time among the elements of a value: row-major `[outer, frames, inner]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time {
    pub(super) outer: usize,
    pub(super) frames: usize,
    pub(super) inner: usize,
}

impl Time {
    /// That of an axis of `shape`.
    pub(super) fn of_axis(shape: &[usize], axis: usize) -> Option<Self> {
        let (outer, rest) = shape.split_at_checked(axis)?;
        let (&frames, inner) = rest.split_first()?;
        Some(Time { outer: outer.iter().product(), frames, inner: inner.iter().product() })
    }

    /// The axis of `shape` that it is.
    pub(super) fn axis(&self, shape: &[usize]) -> Option<usize> {
        (0..shape.len()).find(|&axis| Time::of_axis(shape, axis) == Some(*self) && shape[axis] > 1)
    }

    /// The axis of `shape` whose indices are those of time, and within each so many others.
    pub(super) fn holder(&self, shape: &[usize]) -> Option<(usize, usize)> {
        let is_holder = |&(axis, unit): &(usize, usize)| {
            let outer: usize = shape[..axis].iter().product();
            outer == self.outer && shape[axis] == self.frames * unit
        };
        let unit = |axis: usize| self.inner / shape[axis + 1..].iter().product::<usize>().max(1);
        (0..shape.len()).map(|axis| (axis, unit(axis))).find(is_holder)
    }

    /// `shape` with so many rows instead.
    pub(super) fn with_frames(&self, shape: &[usize], frames: usize) -> Option<Vec<usize>> {
        let (axis, unit) = self.holder(shape)?;
        let mut shape = shape.to_vec();
        shape[axis] = frames * unit;
        Some(shape)
    }
}

/// What is known of a value that depends on the signal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Flow {
    /// Some rows in each run.
    Rows(Rows),
    /// Rows, and behind them what a layer has in the end ([`Recurrent`](crate::op::Recurrent)).
    Line {
        /// The rows.
        rows: Rows,
        /// Their elements in a run.
        len: usize,
    },
    /// The same in each run as in the model over a window.
    Once(Once),
}

/// A value of which a run computes some rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rows {
    /// Where they are in the model over a window.
    pub(super) time: Time,
    /// Frames of the signal from a row to the next.
    pub(super) stride: usize,
    /// Rows of a run.
    pub(super) count: usize,
    /// How far the newest row of a run is behind: row `(run + 1) * count - 1 - delay`.
    pub(super) delay: isize,
    /// Frames that rows are waited for because of what is behind them.
    pub(super) late: usize,
    /// How many rows at the start and at the end of a window depend on its padding.
    pub(super) edges: [usize; 2],
    /// How many rows at the start of the signal differ from those of the model over all of it.
    pub(super) unlike: usize,
    /// What rows before the first run are, where they are known.
    pub(super) past: Option<Absent>,
}

/// A value that a run computes once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Once {
    /// The newest frame that it depends on is so many frames behind the newest of the run.
    pub(super) lag: isize,
    /// Frames that it is waited for because of what is behind rows.
    pub(super) late: usize,
    /// Frames of the signal that it depends on, the newest ones.
    pub(super) frames: usize,
    /// How many frames at the start of the signal stand for rows that are not those of the model over all of it.
    pub(super) unlike: usize,
}

impl Rows {
    /// The frames that the newest row is behind.
    pub(super) fn lag(&self) -> isize {
        self.delay * self.stride as isize
    }

    /// The same rows for a reader that does not know what was before the first run: rows that a border has put there are
    /// then none of those of the whole signal.
    pub(super) fn without_past(&self) -> Rows {
        let border = self.past.map_or(0, |_| (-self.delay).max(0) as usize);
        Rows { past: None, unlike: self.unlike.max(border), ..*self }
    }

    /// What a run makes once of all rows of a window.
    pub(super) fn once(&self) -> Once {
        let [frames, unlike] = [self.time.frames, self.unlike].map(|rows| rows * self.stride);
        Once { lag: self.lag(), late: self.late, frames, unlike }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_found_under_other_shapes() {
        let time = Time::of_axis(&[1, 7, 3, 2], 1).unwrap();
        assert_eq!(time, Time { outer: 1, frames: 7, inner: 6 });
        assert_eq!(time.axis(&[7, 6]), Some(0));
        assert_eq!(time.holder(&[21, 2]), Some((0, 3)));
        assert_eq!(time.with_frames(&[1, 42], 2), Some(vec![1, 12]));
        assert_eq!(time.holder(&[14, 3]), Some((0, 2)));
        assert_eq!(time.holder(&[2, 21]), None, "rows are on both axes");
    }
}
