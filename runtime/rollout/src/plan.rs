//! The owner's plan.
//!
//! ```text
//!   0  magic "KGLPLAN1"
//!   8  number u32          a higher number replaces a lower one
//!  12  model [8]           digest of the model's name
//!  20  base [8]            digest of the version that devices run otherwise
//!  28  next [8]            digest of the version that is rolled out
//!  36  salt u32            part of each device's hash
//!  40  gates 6 x u32
//!  64  operator [32]       public key that may sign steps
//!  96  shares u8, steps u8, reserved u16
//! 100  shares x { step u8, reserved 3, cohort [8], share u32 }
//!      key id u32, signature [64]
//! ```
//!
//! Little-endian. Digests are the first eight bytes of SHA-256.

use kinglet_blob::Cursor;
use kinglet_trust::{Crypto, Hash, KeyRing};

use crate::rollout::{RolloutError, name_digest};

/// How a plan begins.
pub const PLAN_MAGIC: [u8; 8] = *b"KGLPLAN1";
/// Shares of a plan at most.
pub const SHARES_MAX: usize = 48;
/// A cohort's name that stands for all cohorts.
pub const EVERYBODY: &str = "*";
/// A share that is everybody.
pub const SHARE_ALL: u32 = 1_000_000;

/// What the owner signs is for this purpose only.
const DOMAIN: [u8; 22] = *b"kinglet rollout plan 1";
/// Hashes of devices are for this purpose only.
const SHARE_DOMAIN: [u8; 23] = *b"kinglet rollout share 1";

const HEAD_BYTES: usize = 100;
const SHARE_BYTES: usize = 16;
const TAIL_BYTES: usize = 68;
/// Bytes of a plan at most.
pub const PLAN_BYTES_MAX: usize = HEAD_BYTES + SHARES_MAX * SHARE_BYTES + TAIL_BYTES;

/// What the operator has to see before it goes on, and what makes it go back. Shares are parts of a million.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gates {
    /// Seconds that a step lasts at least.
    pub hold_seconds: u32,
    /// Devices that have told of the next version before the step after it.
    pub devices_min: u32,
    /// Of these, devices that refused or gave back the next version, at most.
    pub failures_max: u32,
    /// Devices whose monitor has raised an alarm, at most.
    pub alarms_max: u32,
    /// Runs that took too long, at most.
    pub slow_max: u32,
    /// Answers of the next version that agree with the base's on copies of requests, at least; 0 asks for none.
    pub agreement_min: u32,
}

/// From a step on, a share of a cohort runs the next version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// From 1.
    pub step: u8,
    /// Digest of the cohort's name, or of [`EVERYBODY`].
    pub cohort: [u8; 8],
    /// Parts of a million.
    pub share: u32,
}

/// A plan that a key of the ring has signed.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'b> {
    /// A higher number replaces a lower one.
    pub number: u32,
    /// Digest of the model's name.
    pub model: [u8; 8],
    /// Digest of the version that devices run otherwise.
    pub base: [u8; 8],
    /// Digest of the version that is rolled out.
    pub next: [u8; 8],
    /// What the operator has to keep.
    pub gates: Gates,
    /// The highest step.
    pub steps: u8,
    /// Digest of all of it but the signature, which steps name.
    pub digest: [u8; 8],
    pub(crate) operator: [u8; 32],
    salt: [u8; 4],
    shares: &'b [u8],
}

/// What Ed25519 signs: the domain tag, and the digest of the plan before its signature.
pub fn plan_message(unsigned: &[u8], crypto: &mut impl Crypto) -> [u8; DOMAIN.len() + 32] {
    let mut hash = crypto.hash();
    hash.update(unsigned);
    let mut message = [0; DOMAIN.len() + 32];
    message.iter_mut().zip(DOMAIN.into_iter().chain(hash.finish())).for_each(|(to, from)| *to = from);
    message
}

fn share(bytes: &[u8]) -> Option<Share> {
    let mut cursor = Cursor::new(bytes);
    let (step, _): (u8, [u8; 3]) = (cursor.take()?, cursor.take()?);
    Some(Share { step, cohort: cursor.take()?, share: cursor.take()? })
}

impl<'b> Plan<'b> {
    /// Reads the plan at the start of `bytes` and checks its signature; the plan, and what is behind it.
    pub fn verify(
        bytes: &'b [u8],
        ring: &KeyRing<'_>,
        crypto: &mut impl Crypto,
    ) -> Result<(Self, &'b [u8]), RolloutError> {
        let (mut plan, plan_bytes) = Self::read(bytes).ok_or(RolloutError::PlanForm)?;
        let (plan_bytes, rest) = bytes.split_at_checked(plan_bytes).ok_or(RolloutError::PlanForm)?;
        let (unsigned, signature) = plan_bytes.split_last_chunk::<64>().ok_or(RolloutError::PlanForm)?;
        let (_, key_id) = unsigned.split_last_chunk::<4>().ok_or(RolloutError::PlanForm)?;
        let key = ring.valid(u32::from_le_bytes(*key_id), crypto).map_err(RolloutError::Key)?;
        let message = plan_message(unsigned, crypto);
        if !crypto.verify(key, &message, signature) {
            return Err(RolloutError::PlanSignature);
        }
        // The digest's start, behind the domain tag.
        let digest = message.get(DOMAIN.len()..).and_then(|digest| digest.first_chunk());
        plan.digest = *digest.ok_or(RolloutError::PlanForm)?;
        Ok((plan, rest))
    }

    /// The plan, whoever has signed it, and its length.
    fn read(bytes: &'b [u8]) -> Option<(Self, usize)> {
        let (head, rest) = bytes.split_first_chunk::<HEAD_BYTES>()?;
        let mut cursor = Cursor::new(head);
        let magic: [u8; 8] = cursor.take()?;
        let (number, model, base, next) = (cursor.take()?, cursor.take()?, cursor.take()?, cursor.take()?);
        let salt = cursor.take()?;
        let gates = Gates {
            hold_seconds: cursor.take()?,
            devices_min: cursor.take()?,
            failures_max: cursor.take()?,
            alarms_max: cursor.take()?,
            slow_max: cursor.take()?,
            agreement_min: cursor.take()?,
        };
        let operator = cursor.take()?;
        let (count, steps, reserved): (u8, u8, u16) = (cursor.take()?, cursor.take()?, cursor.take()?);
        let count = usize::from(count);
        let shares_bytes = count.checked_mul(SHARE_BYTES)?;
        let shares = rest.get(..shares_bytes)?;
        let total = HEAD_BYTES.checked_add(shares_bytes)?.checked_add(TAIL_BYTES)?;
        let is_plan = magic == PLAN_MAGIC && reserved == 0 && (1..=SHARES_MAX).contains(&count) && steps > 0;
        let plan = Plan { number, model, base, next, gates, steps, digest: [0; 8], operator, salt, shares };
        let are_shares = plan.shares().all(|share| share.share <= SHARE_ALL && (1..=steps).contains(&share.step));
        (is_plan && are_shares && bytes.len() >= total).then_some((plan, total))
    }

    /// The shares.
    pub fn shares(&self) -> impl Iterator<Item = Share> + 'b {
        self.shares.chunks_exact(SHARE_BYTES).filter_map(share)
    }

    /// The share of a cohort at a step: the largest that any step so far gives to it or to everybody.
    pub fn share_at(&self, step: u8, cohort: &str, crypto: &mut impl Crypto) -> u32 {
        let names = [cohort, EVERYBODY].map(|name| name_digest(name, crypto));
        let given = self.shares().filter(|share| share.step <= step && names.contains(&share.cohort));
        given.map(|share| share.share).max().unwrap_or(0)
    }

    /// A device's place, 0 to a million.
    pub fn place(&self, device: &[u8], crypto: &mut impl Crypto) -> u32 {
        let mut hash = crypto.hash();
        hash.update(&SHARE_DOMAIN);
        hash.update(&self.salt);
        hash.update(device);
        let digest = hash.finish();
        let start = digest.first_chunk().map_or(0, |start| u32::from_le_bytes(*start));
        // Below a million, as the start is below 2^32.
        u32::try_from(u64::from(start).wrapping_mul(u64::from(SHARE_ALL)) >> 32).unwrap_or(0)
    }
}
