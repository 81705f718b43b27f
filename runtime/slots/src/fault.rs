//! Seeded bugs: what the power-cut proof must find. Without the feature `faults` each is the constant `false`.

/// Makes the bugs and the list of all of them from one list.
#[cfg(feature = "faults")]
macro_rules! faults {
    ($($name:ident,)*) => {
        /// A bug that can be switched on, one at a time.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "each is named by what it does wrong")]
        pub enum Fault { $($name,)* }

        impl Fault {
            /// All of them.
            pub const ALL: &'static [Fault] = &[$(Fault::$name),*];
        }
    };
}

#[cfg(feature = "faults")]
faults! {
    VerifiedWithoutSignature,
    VerifiedBeforeVerification,
    CounterIgnored,
    CounterRaisedAtActivation,
    CounterLowered,
    CounterForgottenByJournal,
    ConfirmWithoutVerification,
    ActiveSlotOverwritten,
    ActivateUnverified,
    TrialBootsNotCounted,
    OneTrialTooMany,
    RevertKeepsTrial,
    RevertedTriedAgain,
    RecordWithoutCrc,
    RecordWithoutSync,
    DataWithoutSync,
    JournalPageNotErased,
    JournalOverwritesTornRecord,
    JournalErasesNewestPage,
    OldestRecordWins,
    ResumeAtTornWord,
    ResumeWithoutErase,
    ResumeOnePageLate,
    SlotNotErased,
    ReceivingBeforeErase,
    LengthNotChecked,
    TailNotWritten,
    HeaderTagIgnored,
    EraseAtEveryBoot,
    WriteBehindSlot,
    ConfirmsOtherSlot,
    DeltaOfAnyModel,
    DeltaMadeAgain,
    DeltaStandsStill,
    DeltaFromCandidate,
    DeltaKeptWhenMalformed,
    RingWithoutCrc,
    RingWithoutSync,
    RingGoesOnInPage,
    RingErasesNewestPage,
}

/// Without the feature there are no bugs. A function, so that lints do not see conditions that are constant.
#[cfg(not(feature = "faults"))]
pub(crate) const fn never<T>(_: &T, _: &str) -> bool {
    false
}

/// True when the bug is switched on in `$owner`.
macro_rules! fault {
    ($owner:expr, $name:ident) => {{
        #[cfg(feature = "faults")]
        let is_on = $owner.fault == Some($crate::fault::Fault::$name);
        #[cfg(not(feature = "faults"))]
        let is_on = $crate::fault::never(&$owner, stringify!($name));
        is_on
    }};
}
