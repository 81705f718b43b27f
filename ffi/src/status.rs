//! The numbers that C programs see, and the one place where the engine's errors become such numbers.

use core::ffi::{CStr, c_char};

use kinglet::{LoadError, RunError, SelfTestError, SessionError, TensorError};

/// `kinglet_status`: 0, or an error. 1 to 127 are [`LoadError::code`]; the others are the constants here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Status(i32);

/// Declares the statuses that do not come from [`LoadError`], and the names of all: the first list gives numbers
/// their constants, the second names the engine's numbers.
macro_rules! statuses {
    ($($(#[$note:meta])* $name:ident = $number:literal $text:literal,)* ; $($code:literal $word:literal,)*) => {
        impl Status {
            $($(#[$note])* pub(crate) const $name: Status = Status($number);)*

            fn name(self) -> &'static CStr {
                match self.0 {
                    $($number => $text,)*
                    $($code => $word,)*
                    _ => c"unknown",
                }
            }
        }
    };
}

statuses! {
    OK = 0 c"ok",
    NULL_POINTER = 128 c"null_pointer",
    MISALIGNED = 129 c"misaligned",
    LENGTH = 130 c"length",
    NOT_A_MODEL = 131 c"not_a_model",
    NOT_A_SESSION = 132 c"not_a_session",
    OVERLAP = 133 c"overlap",
    ARENA_TOO_SMALL = 134 c"arena_too_small",
    ARENA_MISALIGNED = 135 c"arena_misaligned",
    NO_SUCH_TENSOR = 136 c"no_such_tensor",
    WRONG_TYPE = 137 c"wrong_type",
    BLOB_CHANGED = 138 c"blob_changed",
    NO_VECTORS = 139 c"no_vectors",
    VECTOR_MISMATCH = 140 c"vector_mismatch",
    WRONG_LENGTH = 141 c"wrong_length",
    #[cfg_attr(not(feature = "jni"), allow(dead_code, reason = "only there a session can say who has it"))]
    BUSY = 142 c"busy",
    OTHER = 255 c"other",
    ;
    1 c"blob_alignment",
    2 c"truncated",
    3 c"magic",
    4 c"version",
    5 c"total_length",
    6 c"table_length",
    7 c"crc",
    8 c"section_bounds",
    9 c"section_twice",
    10 c"section_unknown",
    11 c"section_missing",
    12 c"checksum",
    13 c"port_count",
    14 c"reserved",
    64 c"unknown_operator",
    65 c"operator_not_linked",
    66 c"packing_not_runnable",
    67 c"record_length",
    68 c"operator_count",
    69 c"arena_range",
    70 c"arena_alignment",
    71 c"arena_overlap",
    72 c"constant_range",
    73 c"shape",
    74 c"parameter",
    75 c"port",
    76 c"arena_size",
    77 c"golden",
    78 c"operands",
    79 c"state",
    80 c"work",
}

impl Status {
    /// What a function returns to C.
    pub(crate) fn of(result: Result<(), Status>) -> Status {
        match result {
            Ok(()) => Status::OK,
            Err(status) => status,
        }
    }
}

#[cfg(feature = "jni")]
impl Status {
    pub(crate) fn number(self) -> i32 {
        self.0
    }

    pub(crate) fn from_number(number: i32) -> Self {
        Status(number)
    }
}

impl From<LoadError> for Status {
    fn from(error: LoadError) -> Self {
        Status(error.code().into())
    }
}

impl From<SessionError> for Status {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::ArenaTooSmall { .. } => Status::ARENA_TOO_SMALL,
            SessionError::ArenaMisaligned => Status::ARENA_MISALIGNED,
            _ => Status::OTHER,
        }
    }
}

impl From<TensorError> for Status {
    fn from(error: TensorError) -> Self {
        match error {
            TensorError::NoSuchTensor => Status::NO_SUCH_TENSOR,
            TensorError::WrongType => Status::WRONG_TYPE,
            TensorError::WrongLength { .. } => Status::WRONG_LENGTH,
            _ => Status::OTHER,
        }
    }
}

impl From<RunError> for Status {
    fn from(error: RunError) -> Self {
        match error {
            RunError::BlobChanged { .. } => Status::BLOB_CHANGED,
            _ => Status::OTHER,
        }
    }
}

impl From<SelfTestError> for Status {
    fn from(error: SelfTestError) -> Self {
        match error {
            SelfTestError::NoVectors => Status::NO_VECTORS,
            SelfTestError::Mismatch { .. } => Status::VECTOR_MISMATCH,
            SelfTestError::Run(error) => error.into(),
            _ => Status::OTHER,
        }
    }
}

/// A word for a status, terminated by a zero.
#[unsafe(no_mangle)]
pub extern "C" fn kinglet_status_name(status: Status) -> *const c_char {
    status.name().as_ptr()
}
