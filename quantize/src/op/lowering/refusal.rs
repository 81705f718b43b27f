//! Why a node cannot be lowered.

use crate::value::DType;

/// A refusal before its node is attached.
#[derive(Debug)]
pub(crate) struct Reason {
    /// Which limit the node exceeds.
    pub(crate) reason: String,
    /// What would work.
    pub(crate) remedy: String,
}

/// The error of a node that has `reason` and could be replaced by `remedy`.
pub(crate) fn refuse<T>(reason: impl Into<String>, remedy: impl Into<String>) -> Result<T, Reason> {
    Err(Reason { reason: reason.into(), remedy: remedy.into() })
}

/// The error of a node whose result has an element type that its operator's lowering does not name.
///
/// `check_types` of the operators refuses these graphs first; this keeps a type added there from being taken for int8.
pub(crate) fn no_kernel<T>(dtype: DType) -> Result<T, Reason> {
    refuse(format!("no kernel writes {dtype:?} for it"), "use float32 or int8")
}

/// `value` as the integer type of a record's field.
pub(crate) fn narrow<T: TryFrom<usize>>(value: usize, what: &str) -> Result<T, Reason> {
    T::try_from(value).or_else(|_| {
        let max = (1u128 << (8 * size_of::<T>())) - 1;
        refuse(format!("{what} is {value}"), format!("at most {max} is supported"))
    })
}
