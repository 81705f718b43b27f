//! What a blob is compiled for.
//!
//! A target decides two things only: the order of the weights and the kernel set that the header names. The
//! arithmetic is the same on all of them.

pub use kinglet_blob::KernelSet as Target;

/// The target that the command line calls `name`.
pub fn parse(name: &str) -> Option<Target> {
    Target::ALL.into_iter().find(|(_, known)| *known == name).map(|(target, _)| target)
}

/// True when the target's kernels multiply two 16-bit pairs at once (`SMLAD`) and want
/// [`kinglet_kernels::conv2d::Packing::Paired`] weights.
pub fn has_dual_multiply(target: Target) -> bool {
    matches!(target, Target::CortexM4 | Target::CortexM7 | Target::CortexM33)
}

/// True when the target's kernels multiply one number at a time with a 32-bit sum (`MLA`) and want
/// [`kinglet_kernels::conv2d::Packing::Interleaved`] and [`kinglet_kernels::conv2d::Packing::Octets`] weights.
pub fn has_single_multiply(target: Target) -> bool {
    target == Target::CortexM3
}

/// True when the target has Helium and its kernels want [`kinglet_kernels::conv2d::Packing::Quads`] weights.
pub fn has_helium(target: Target) -> bool {
    matches!(target, Target::CortexM55)
}

/// Channels that the target's kernels compute at once and want complete.
pub fn channel_step(target: Target) -> usize {
    if has_helium(target) { 4 } else { 1 }
}

/// True when the target's kernels compute several pixels by one 32-bit multiplication and want
/// [`kinglet_kernels::conv2d::Packing::Lanes`], [`kinglet_kernels::conv2d::Packing::WideLanes`] and
/// [`kinglet_kernels::conv2d::Packing::Fours`] weights.
pub fn has_lanes(target: Target) -> bool {
    target == Target::CortexM0
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
