//! What a blob is compiled for.
//!
//! A target decides two things only: the order of the weights and the kernel set that the header names. The
//! arithmetic is the same on all of them.

pub use kinglet_blob::KernelSet as Target;
use kinglet_kernels::registry::Isa;

/// The target that the command line calls `name`.
pub fn parse(name: &str) -> Option<Target> {
    Target::ALL.into_iter().find(|(_, known)| *known == name).map(|(target, _)| target)
}

/// The instruction set whose kernels, and so packings, the target's cores have.
pub fn isa(target: Target) -> Isa {
    match target {
        Target::CortexM0 => Isa::Armv6m,
        Target::CortexM3 => Isa::Armv7m,
        Target::CortexM4 | Target::CortexM7 | Target::CortexM33 => Isa::Armv7em,
        Target::CortexM55 => Isa::Helium,
        // What has no kernels of its own, on this list or in a newer format.
        _ => Isa::Portable,
    }
}

/// Channels that the target's kernels compute at once and want complete.
pub fn channel_step(target: Target) -> usize {
    if isa(target) == Isa::Helium { 4 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_targets_are_one_to_one() {
        for (target, name) in Target::ALL {
            assert_eq!(parse(name), Some(target));
            assert_eq!(target.name(), name);
        }
        assert_eq!(parse("cortex-m5"), None);
    }
}
