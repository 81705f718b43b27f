//! What this processor can do beyond what every processor of its kind can.
//!
//! On a microcontroller that is known when the crate is compiled: a [`Token`] has no size there, and whoever holds one
//! pays nothing. On an application core it is found at run time. Then the token is the proof: those parts of it that
//! stand for an instruction are made by detection only, and the kernels that use the instruction want one.
//!
//! Nothing is remembered in a static. A token is made once, when a model is loaded, kept in the model and handed to the
//! kernels in their parameters; so two models never race for it, and a test can run every kernel that its machine has.

#[cfg(kinglet_isa = "aarch64")]
pub(crate) use crate::arch::aarch64::Found;
#[cfg(kinglet_isa = "x86_64")]
pub(crate) use crate::arch::x86_64::Found;

/// What was found.
#[cfg(not(any(kinglet_isa = "aarch64", kinglet_isa = "x86_64")))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found;

#[cfg(not(any(kinglet_isa = "aarch64", kinglet_isa = "x86_64")))]
impl Found {
    const PLAIN: Found = Found;

    const fn detect() -> Found {
        Found
    }

    const fn all() -> [Found; 1] {
        [Found]
    }

    const fn name(self) -> &'static str {
        ""
    }
}

/// Proof of what this processor, and the system that runs on it, can do. Copies are as good as the original.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token(pub(crate) Found);

impl Token {
    /// Proof of nothing: kernels use what every processor of the target has.
    pub const PLAIN: Token = Token(Found::PLAIN);

    /// Finds out. Costs some hundred cycles on an application core, nothing on a microcontroller.
    #[inline]
    pub fn detect() -> Token {
        Token(Found::detect())
    }

    /// Everything that this machine has, [`Token::PLAIN`] first: for tests and measurements, which want each kernel and
    /// not only the best.
    pub fn all() -> impl Iterator<Item = Token> {
        Found::all().into_iter().map(Token)
    }

    /// The name of what was found, for people; empty when that is nothing special.
    pub fn name(self) -> &'static str {
        self.0.name()
    }
}
