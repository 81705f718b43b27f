//! Which instructions may be used beyond the baseline, which is NEON.
//!
//! A program may not ask the processor itself: its registers of features belong to the system. Linux and Android hand a
//! program what they found when it starts (`getauxval`), the systems of Apple answer `sysctlbyname`. Elsewhere what the
//! compiler was told is all that is known (`-C target-cpu`, `-C target-feature=+dotprod`), and it counts everywhere.
//! Vectors have 128 bits in each of these extensions, so there are no registers that a system might not save.

/// Proof of `FEAT_DotProd`: `SDOT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dotprod(());

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The baseline of the target.
    Plain,
    /// Sums of four products in four lanes.
    Dotprod(Dotprod),
}

impl Found {
    pub(crate) const PLAIN: Found = Found::Plain;

    /// The best that there is.
    pub(crate) fn detect() -> Found {
        dotprod().map_or(Found::Plain, Found::Dotprod)
    }

    /// All that there is.
    pub(crate) fn all() -> impl IntoIterator<Item = Found> {
        [Found::Plain].into_iter().chain(dotprod().map(Found::Dotprod))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Found::Plain => "",
            Found::Dotprod(_) => "dot product",
        }
    }
}

fn dotprod() -> Option<Dotprod> {
    (cfg!(target_feature = "dotprod") || system::has_dotprod()).then_some(Dotprod(()))
}

/// Linux and Android.
#[cfg(all(any(target_os = "linux", target_os = "android"), not(miri)))]
mod system {
    use core::ffi::c_ulong;

    unsafe extern "C" {
        /// A value of the vector that a program gets when it starts; 0 for one that is not there.
        fn getauxval(kind: c_ulong) -> c_ulong;
    }

    /// `AT_HWCAP`.
    const CAPABILITIES: c_ulong = 16;
    /// `HWCAP_ASIMDDP`.
    const DOTPROD: c_ulong = 1 << 20;

    pub(super) fn has_dotprod() -> bool {
        // SAFETY: the function takes any number, and is there in every C library of these systems.
        let capabilities = unsafe { getauxval(CAPABILITIES) };
        capabilities & DOTPROD != 0
    }
}

/// macOS, iOS and their relatives.
#[cfg(all(target_vendor = "apple", not(miri)))]
mod system {
    use core::ffi::{CStr, c_char, c_int, c_void};
    use core::ptr;

    unsafe extern "C" {
        /// Writes the value of that name, at most `*len` bytes, and its length; 0 when it is known.
        fn sysctlbyname(
            name: *const c_char,
            value: *mut c_void,
            len: *mut usize,
            new: *mut c_void,
            new_len: usize,
        ) -> c_int;
    }

    const DOTPROD: &CStr = c"hw.optional.arm.FEAT_DotProd";

    pub(super) fn has_dotprod() -> bool {
        let mut value: c_int = 0;
        let mut len = size_of::<c_int>();
        // SAFETY: the name ends with a zero, the value has as many bytes as its length says, and nothing is to be set.
        let status = unsafe { sysctlbyname(DOTPROD.as_ptr(), (&raw mut value).cast(), &mut len, ptr::null_mut(), 0) };
        status == 0 && value != 0
    }
}

/// Where nobody can be asked.
#[cfg(not(any(
    all(any(target_os = "linux", target_os = "android"), not(miri)),
    all(target_vendor = "apple", not(miri))
)))]
mod system {
    pub(super) fn has_dotprod() -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_is_what_the_standard_library_finds() {
        extern crate std;
        let has_dotprod = Found::detect() != Found::Plain;
        assert_eq!(has_dotprod, !cfg!(miri) && std::arch::is_aarch64_feature_detected!("dotprod"));
        assert_eq!(Found::all().into_iter().last(), Some(Found::detect()));
        std::println!("found: {:?}", Found::detect());
    }
}
