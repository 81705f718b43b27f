//! Scratch memory as words: the one change of a slice's type that portable kernels need too.

/// The whole words of `scratch`; none when it is not aligned to them.
pub(crate) fn words(scratch: &mut [i8]) -> &mut [i32] {
    let start: *mut i8 = scratch.as_mut_ptr();
    if !(start as usize).is_multiple_of(align_of::<i32>()) {
        return &mut [];
    }
    let len = scratch.as_chunks::<4>().0.len();
    // SAFETY: `len` words lie within the bytes that `scratch` borrows mutably, and start at an aligned address; every
    // pattern of bits is an `i32`, and an `i8` afterwards.
    unsafe { core::slice::from_raw_parts_mut(start.cast(), len) }
}
