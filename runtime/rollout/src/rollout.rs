//! A plan and its step together: what a device decides by.

use kinglet_trust::{Crypto, Hash, KeyRing, TrustError};

use crate::plan::{PLAN_BYTES_MAX, Plan};
use crate::step::{STEP_BYTES, Step};

/// Bytes of plan and step together at most.
pub const DOCUMENT_BYTES_MAX: usize = PLAN_BYTES_MAX + STEP_BYTES;

/// Why a document says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RolloutError {
    /// It begins with no plan.
    PlanForm,
    /// No key that is known and not revoked has the plan's key id.
    Key(TrustError),
    /// The key has not signed the plan.
    PlanSignature,
    /// There is no step of this plan behind it.
    StepForm,
    /// The plan's operator has not signed the step.
    StepSignature,
    /// It is for another model.
    Model,
    /// A newer plan or step was seen before.
    Old,
}

/// Which version a device runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The one with this digest, which devices run otherwise.
    Base([u8; 8]),
    /// The one with this digest, which is rolled out.
    Next([u8; 8]),
}

/// The newest that a device has seen, to be kept where it outlives a restart: nothing older is taken again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// Of the plan.
    pub number: u32,
    /// Of the step.
    pub sequence: u32,
}

/// A verified document.
#[derive(Clone, Copy, Debug)]
pub struct Rollout<'b> {
    /// What may happen.
    pub plan: Plan<'b>,
    /// What has.
    pub step: Step,
}

/// How names of models and cohorts stand in documents.
pub fn name_digest(name: &str, crypto: &mut impl Crypto) -> [u8; 8] {
    let mut hash = crypto.hash();
    hash.update(name.as_bytes());
    let mut start = [0; 8];
    start.iter_mut().zip(hash.finish()).for_each(|(to, from)| *to = from);
    start
}

impl<'b> Rollout<'b> {
    /// Checks a document for a model. It is not taken when a newer one was `seen`.
    pub fn verify(
        document: &'b [u8],
        model: &str,
        seen: Seen,
        ring: &KeyRing<'_>,
        crypto: &mut impl Crypto,
    ) -> Result<Self, RolloutError> {
        let (plan, rest) = Plan::verify(document, ring, crypto)?;
        let step = Step::verify(rest, &plan, crypto)?;
        if plan.model != name_digest(model, crypto) {
            return Err(RolloutError::Model);
        }
        let rollout = Rollout { plan, step };
        if rollout.seen() < seen { Err(RolloutError::Old) } else { Ok(rollout) }
    }

    /// To be kept.
    pub fn seen(&self) -> Seen {
        Seen { number: self.plan.number, sequence: self.step.sequence }
    }

    /// What a device of a cohort runs.
    pub fn decide(&self, cohort: &str, device: &[u8], crypto: &mut impl Crypto) -> Decision {
        let share = self.plan.share_at(self.step.step, cohort, crypto);
        if self.plan.place(device, crypto) < share {
            Decision::Next(self.plan.next)
        } else {
            Decision::Base(self.plan.base)
        }
    }
}
