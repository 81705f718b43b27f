//! Whether a rollout goes on, stays or goes back.

use kinglet_rollout::{Plan, Reason, SHARE_ALL};

use crate::fleet::Totals;

/// Copies of requests before their agreement counts.
const COPIES_MIN: u64 = 100;

/// What the gates say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not enough has been told, or not for long enough.
    Stay,
    /// The next step.
    Go,
    /// Everybody back to the base.
    Back(Reason),
}

/// Judges a rollout that has been at `step` for `held` seconds. `agrees` are copies of requests and how many agreed.
///
/// A share of few devices says little: until `devices_min` have told, what is too much is counted as if they had, so that
/// one failure among three devices is one of `devices_min`, and enough failures stop a version that hardly anybody could run
/// long enough to tell of.
pub fn judge(plan: &Plan<'_>, step: u8, held: u64, told: &Totals, [copies, agreed]: [u64; 2]) -> Verdict {
    if step == 0 {
        return Verdict::Stay;
    }
    let gates = &plan.gates;
    let devices = (told.devices.max(told.failed)).max(gates.devices_min.into());
    let is_more = |count: u64, of: u64, share: u32| {
        u128::from(count) * u128::from(SHARE_ALL) > u128::from(of) * u128::from(share)
    };
    if is_more(told.failed, devices, gates.failures_max) {
        return Verdict::Back(Reason::Failures);
    }
    if is_more(told.alarmed, devices, gates.alarms_max) {
        return Verdict::Back(Reason::Alarms);
    }
    let has_told = told.devices >= gates.devices_min.into();
    if has_told && is_more(told.slow, told.runs, gates.slow_max) {
        return Verdict::Back(Reason::Slow);
    }
    let asks_agreement = gates.agreement_min > 0;
    let disagreements_max = SHARE_ALL.saturating_sub(gates.agreement_min);
    if asks_agreement && copies >= COPIES_MIN && is_more(copies - agreed.min(copies), copies, disagreements_max) {
        return Verdict::Back(Reason::Agreement);
    }
    let is_known = has_told && (!asks_agreement || copies >= COPIES_MIN);
    if step < plan.steps && is_known && held >= gates.hold_seconds.into() { Verdict::Go } else { Verdict::Stay }
}
