//! Pointers from C, checked as far as they can be checked: null, misaligned, and lengths beyond the end of memory.
//!
//! That a pointer which passes points to memory of that size is the C program's promise, made in the header.

use core::ptr;

use crate::Status;

/// `pointer` may be used for a `T` as far as its address says.
pub(crate) fn check<T>(pointer: *const T) -> Result<(), Status> {
    if pointer.is_null() {
        return Err(Status::NULL_POINTER);
    }
    if pointer.is_aligned() { Ok(()) } else { Err(Status::MISALIGNED) }
}

/// A range of addresses.
#[derive(Clone, Copy)]
pub(crate) struct Extent {
    start: usize,
    bytes: usize,
}

impl Extent {
    /// `bytes` bytes from `pointer` on, which is not null and does not run over the end of memory.
    pub(crate) fn new<T>(pointer: *const T, bytes: usize) -> Result<Extent, Status> {
        if pointer.is_null() {
            return Err(Status::NULL_POINTER);
        }
        let start = pointer.addr();
        // No object is larger than that, and slices rely on it.
        if bytes > isize::MAX as usize || start.checked_add(bytes).is_none() {
            return Err(Status::LENGTH);
        }
        Ok(Extent { start, bytes })
    }

    /// The memory of a `T` at `pointer`, which is neither null nor misaligned.
    pub(crate) fn of<T>(pointer: *const T) -> Result<Extent, Status> {
        check(pointer)?;
        Extent::new(pointer, size_of::<T>())
    }

    /// The two have no byte in common.
    pub(crate) fn is_apart_from(self, other: Extent) -> bool {
        self.start.saturating_add(self.bytes) <= other.start || other.start.saturating_add(other.bytes) <= self.start
    }

    /// No byte is in common with any of `others`.
    pub(crate) fn check_apart_from(self, others: &[Extent]) -> Result<(), Status> {
        let apart = others.iter().all(|&other| self.is_apart_from(other));
        if apart { Ok(()) } else { Err(Status::OVERLAP) }
    }
}

/// No two of `extents` have a byte in common.
pub(crate) fn check_all_apart(extents: &[Extent]) -> Result<(), Status> {
    let mut rest = extents;
    while let Some((first, others)) = rest.split_first() {
        first.check_apart_from(others)?;
        rest = others;
    }
    Ok(())
}

/// Stores `value` in an out parameter.
///
/// # Safety
///
/// `out` has passed [`check`] and points to memory that may be written.
pub(crate) unsafe fn store<T>(out: *mut T, value: T) {
    // SAFETY: the caller promises valid memory; `check` has seen the alignment. What was there needs no drop.
    unsafe { ptr::write(out, value) };
}
