//! The operator's step.
//!
//! ```text
//!   0  magic "KGLSTEP1"
//!   8  plan [8]            start of the plan's digest
//!  16  sequence u32        a higher number replaces a lower one
//!  20  step u8             0: everybody runs the base
//!  21  reason u8
//!  22  reserved u16
//!  24  signature [64]
//! ```

use kinglet_blob::Cursor;
use kinglet_trust::Crypto;

use crate::plan::Plan;
use crate::rollout::RolloutError;

/// How a step begins.
pub const STEP_MAGIC: [u8; 8] = *b"KGLSTEP1";
/// Bytes of a step.
pub const STEP_BYTES: usize = UNSIGNED_BYTES + 64;
const UNSIGNED_BYTES: usize = 24;
const DOMAIN: [u8; 22] = *b"kinglet rollout step 1";

/// Why the rollout is at this step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// The plan goes on.
    Plan = 0,
    /// Too many devices refused the version or gave it back.
    Failures = 1,
    /// Too many devices raised alarms.
    Alarms = 2,
    /// Too many runs took too long.
    Slow = 3,
    /// The version answers otherwise than the base.
    Agreement = 4,
    /// Somebody has said so.
    Operator = 5,
}

impl Reason {
    /// All of them.
    pub const ALL: [Reason; 6] =
        [Reason::Plan, Reason::Failures, Reason::Alarms, Reason::Slow, Reason::Agreement, Reason::Operator];
}

/// At which step a rollout is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Start of the plan's digest.
    pub plan: [u8; 8],
    /// A higher number replaces a lower one.
    pub sequence: u32,
    /// 0: everybody runs the base.
    pub step: u8,
    /// Why.
    pub reason: Reason,
}

/// What Ed25519 signs: the domain tag, and the step before its signature.
pub fn step_message(unsigned: &[u8; UNSIGNED_BYTES]) -> [u8; DOMAIN.len() + UNSIGNED_BYTES] {
    let mut message = [0; DOMAIN.len() + UNSIGNED_BYTES];
    message.iter_mut().zip(DOMAIN.iter().chain(unsigned)).for_each(|(to, from)| *to = *from);
    message
}

impl Step {
    /// The bytes that are signed.
    pub fn unsigned(&self) -> [u8; UNSIGNED_BYTES] {
        let mut out = [0; UNSIGNED_BYTES];
        let head = STEP_MAGIC.into_iter().chain(self.plan).chain(self.sequence.to_le_bytes());
        let fields = head.chain([self.step, self.reason as u8]);
        out.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        out
    }

    /// Reads a step and checks that the plan's operator has signed it, for this plan.
    pub fn verify(bytes: &[u8], plan: &Plan<'_>, crypto: &mut impl Crypto) -> Result<Self, RolloutError> {
        let (unsigned, signature) = bytes.split_first_chunk::<UNSIGNED_BYTES>().ok_or(RolloutError::StepForm)?;
        let signature: &[u8; 64] = signature.try_into().map_err(|_| RolloutError::StepForm)?;
        let step = Self::read(unsigned).ok_or(RolloutError::StepForm)?;
        if step.plan != plan.digest || step.step > plan.steps {
            return Err(RolloutError::StepForm);
        }
        if !crypto.verify(&plan.operator, &step_message(unsigned), signature) {
            return Err(RolloutError::StepSignature);
        }
        Ok(step)
    }

    fn read(bytes: &[u8; UNSIGNED_BYTES]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        let magic: [u8; 8] = cursor.take()?;
        let (plan, sequence, step) = (cursor.take()?, cursor.take()?, cursor.take()?);
        let (reason, reserved): (u8, u16) = (cursor.take()?, cursor.take()?);
        let reason = Reason::ALL.into_iter().find(|known| *known as u8 == reason)?;
        (magic == STEP_MAGIC && reserved == 0).then_some(Step { plan, sequence, step, reason })
    }
}
