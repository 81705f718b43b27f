//! What a device takes.

use crate::error::TrustError;
use crate::verify::Signed;

/// A model's version as its owner counts: major, minor, patch; compared in this order.
pub type Version = [u16; 3];

/// Which blobs a device takes, of those that are signed. All of it is part of the firmware image but the counter, which
/// rises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The model that this device runs.
    pub model_id: u64,
    /// The oldest and the newest version that this firmware works with, both included.
    pub versions: [Version; 2],
    /// The kernel sets that this firmware has, a bit for each tag.
    pub kernel_sets: u32,
    /// The device's security counter: blobs of a lower one are refused.
    pub security_counter: u32,
    /// Room for a blob.
    pub bytes_max: u32,
    /// Take only blobs that came sealed.
    pub must_be_sealed: bool,
}

impl Policy {
    /// Refuses a signed blob that this device does not take. `was_sealed` says that it came out of an
    /// [`crate::Opener`] that was finished.
    pub fn check(&self, signed: &Signed, was_sealed: bool) -> Result<(), TrustError> {
        let [oldest, newest] = self.versions;
        let has_kernels = u32::from(signed.kernel_set) < u32::BITS && (self.kernel_sets >> signed.kernel_set) & 1 == 1;
        let checks = [
            (signed.total_bytes <= self.bytes_max, TrustError::Length),
            (signed.claims.model_id == self.model_id, TrustError::ModelId),
            ((oldest..=newest).contains(&signed.claims.version), TrustError::Version),
            (signed.claims.security_counter >= self.security_counter, TrustError::Counter),
            (has_kernels, TrustError::KernelSet),
            (was_sealed || !self.must_be_sealed, TrustError::NotSealed),
        ];
        checks.iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, error)| Err(*error))
    }
}
