//! Progress on a terminal, and nothing anywhere else.

use core::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// One line on standard error that shows what is going on; hidden when that is not a terminal.
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        bar.enable_steady_tick(Duration::from_millis(100));
        Progress { bar }
    }

    /// Work of unknown length.
    pub(super) fn doing(&self, what: &'static str) {
        self.bar.set_message(what);
    }

    /// Work of `total` steps.
    pub(super) fn counting(&self, what: &'static str, done: usize, total: usize) {
        if self.bar.length() != Some(total as u64) {
            self.bar.set_length(total as u64);
            if let Ok(style) = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len}") {
                self.bar.set_style(style);
            }
        }
        self.bar.set_message(what);
        self.bar.set_position(done as u64);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
