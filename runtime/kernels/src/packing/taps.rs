//! The taps of an output channel, and the order in which words of four activations meet them.

/// The taps of an output channel: `rows` runs of `run` taps that are neighbours in memory.
///
/// Paired packings take four taps from one word of activations. Their order is: of each run the whole words, then
/// what is left of the runs, all padded with zeros to a multiple of four. Within four taps the order is 0, 2, 1, 3,
/// which is how `SXTB16` unpacks a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taps {
    /// Rows of the window.
    pub rows: usize,
    /// Taps of a row.
    pub run: usize,
}

impl Taps {
    /// A single run.
    pub fn flat(run: usize) -> Self {
        Taps { rows: 1, run }
    }

    /// How many there are.
    pub fn count(self) -> usize {
        self.rows.saturating_mul(self.run)
    }

    /// Place of tap `tap` before the order within four taps.
    pub(crate) fn place(self, tap: usize) -> usize {
        let whole = self.run & !3;
        let row = tap.checked_div(self.run).unwrap_or(0);
        let at = tap.checked_rem(self.run).unwrap_or(0);
        match at.checked_sub(whole) {
            None => row.wrapping_mul(whole).wrapping_add(at),
            Some(left) => {
                let rest = row.wrapping_mul(self.run.wrapping_sub(whole)).wrapping_add(left);
                self.rows.wrapping_mul(whole).wrapping_add(rest)
            }
        }
    }

    /// Copies one pixel's taps from `patch`, run after run, to `ordered`, in the order described above but for that
    /// within four.
    pub(crate) fn order(self, patch: &[i8], ordered: &mut [i8]) {
        for (tap, value) in patch.iter().enumerate().take(self.count()) {
            if let Some(place) = ordered.get_mut(self.place(tap)) {
                *place = *value;
            }
        }
    }
}
