//! The health gate: whether a model on trial has shown enough to be kept.
//!
//! It counts; it reads no clock, runs no model and writes no flash. The caller replays the model's test vectors first
//! (`Session::self_test`), reports each run with its latency in ticks of a timer, and asks what to do. A reason to reject
//! is final; a model that has not shown enough within the window is rejected too, and one that never gets so far by the
//! boots that [`crate::Slots`] counts.

use crate::state::Reason;

/// What a model on trial has to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Runs that it is confirmed after.
    pub runs_min: u32,
    /// Runs that may fail or be refused by the caller in that time.
    pub errors_max: u32,
    /// Runs that may take longer than `ticks_max` in that time.
    pub slow_max: u32,
    /// Ticks that a run may take.
    pub ticks_max: u32,
    /// Ticks in which it must have shown everything, from the first report on, as the caller counts them.
    pub window_ticks: u64,
}

/// What to do with the model on trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Go on.
    Undecided,
    /// Call [`crate::Slots::confirm`].
    Confirm,
    /// Call [`crate::Slots::reject`], and start again.
    Reject(Reason),
}

/// What a model on trial has shown so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    limits: Limits,
    runs: u32,
    errors: u32,
    slow: u32,
    has_passed_test: bool,
    rejected: Option<Reason>,
}

impl Gate {
    /// Nothing yet.
    pub fn new(limits: Limits) -> Self {
        Gate { limits, runs: 0, errors: 0, slow: 0, has_passed_test: false, rejected: None }
    }

    /// The model's test vectors were replayed. Without this no model is confirmed.
    pub fn self_test(&mut self, has_passed: bool) -> Decision {
        if has_passed {
            self.has_passed_test = true;
        } else {
            self.reject(Reason::SelfTest);
        }
        self.decision()
    }

    /// The model has run once, in `ticks`; `is_good` is false when the run failed or the caller does not believe its
    /// result.
    pub fn run(&mut self, ticks: u32, is_good: bool) -> Decision {
        self.runs = self.runs.saturating_add(1);
        self.errors = self.errors.saturating_add(u32::from(!is_good));
        self.slow = self.slow.saturating_add(u32::from(ticks > self.limits.ticks_max));
        if self.errors > self.limits.errors_max {
            self.reject(Reason::Error);
        }
        if self.slow > self.limits.slow_max {
            self.reject(Reason::Latency);
        }
        self.decision()
    }

    /// So much time has gone since the model started.
    pub fn elapsed(&mut self, ticks: u64) -> Decision {
        if ticks > self.limits.window_ticks && self.decision() == Decision::Undecided {
            self.reject(Reason::NotConfirmed);
        }
        self.decision()
    }

    /// Somebody else has a reason: the caller, the drift monitor.
    pub fn veto(&mut self, reason: Reason) -> Decision {
        self.reject(reason);
        self.decision()
    }

    /// What to do now.
    pub fn decision(&self) -> Decision {
        match self.rejected {
            Some(reason) => Decision::Reject(reason),
            None if self.has_passed_test && self.runs >= self.limits.runs_min => Decision::Confirm,
            None => Decision::Undecided,
        }
    }

    /// The first reason stays.
    fn reject(&mut self, reason: Reason) {
        self.rejected = self.rejected.or(Some(reason));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { runs_min: 3, errors_max: 1, slow_max: 1, ticks_max: 100, window_ticks: 1_000 };

    #[test]
    fn enough_good_runs_and_the_test_confirm() {
        let mut gate = Gate::new(LIMITS);
        assert_eq!(gate.run(100, true), Decision::Undecided);
        assert_eq!(gate.run(101, true), Decision::Undecided);
        assert_eq!(gate.run(100, false), Decision::Undecided, "without a test nothing is confirmed");
        assert_eq!(gate.self_test(true), Decision::Confirm);
        assert_eq!(gate.elapsed(2_000), Decision::Confirm, "it had shown everything before");
    }

    #[test]
    fn each_reason_rejects_for_good() {
        let rejected = |show: &dyn Fn(&mut Gate)| {
            let mut gate = Gate::new(LIMITS);
            gate.self_test(true);
            show(&mut gate);
            (0..9).for_each(|_| assert!(matches!(gate.run(1, true), Decision::Reject(_))));
            gate.decision()
        };
        assert_eq!(rejected(&|gate| _ = gate.self_test(false)), Decision::Reject(Reason::SelfTest));
        assert_eq!(rejected(&|gate| (0..2).for_each(|_| _ = gate.run(1, false))), Decision::Reject(Reason::Error));
        assert_eq!(rejected(&|gate| (0..2).for_each(|_| _ = gate.run(101, true))), Decision::Reject(Reason::Latency));
        assert_eq!(rejected(&|gate| _ = gate.elapsed(1_001)), Decision::Reject(Reason::NotConfirmed));
        assert_eq!(rejected(&|gate| _ = gate.veto(Reason::Drift)), Decision::Reject(Reason::Drift));
    }
}
