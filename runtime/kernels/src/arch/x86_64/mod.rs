//! 64-bit x86: what a processor has beyond the baseline is found at run time.

mod found;

pub(crate) use found::Found;
