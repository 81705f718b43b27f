//! Moving runs of elements at strides, see [`crate::strided`]: for all instruction sets with Thumb-2.
//!
//! Elements of 1, 2 and 4 bytes are moved four at a time: two addresses serve four loads. Longer runs go by words; those
//! whose places are all multiples of four, by several words in one instruction.

use crate::strided::Plane;

/// Arguments of the assembly; strides in bytes.
#[repr(C)]
struct Bytes {
    rows: usize,
    /// From a row to the next.
    from_row: usize,
    to_row: usize,
    /// Runs of a row.
    count: usize,
    /// From a run to the next.
    from_step: usize,
    to_step: usize,
    /// Bytes of a run.
    run: usize,
}

in_order! { Bytes: rows from_row to_row count from_step to_step run }

unsafe extern "C" {
    /// Moves `rows` times `count` runs, none of which is zero. A byte is read before one at its place or behind it is written.
    fn kinglet_thumb2_strided(to: *mut u8, from: *const u8, bytes: *const Bytes);
}

assembly! { "strided.s", }

/// See [`crate::strided::portable::copy`].
pub(crate) fn copy<T: Copy>(plane: &Plane, input: &[T], from: usize, output: &mut [T], to: usize) {
    if plane.fits((from, input.len()), (to, output.len())) {
        let (to, from) = (output.as_mut_ptr().wrapping_add(to), input.as_ptr().wrapping_add(from));
        // SAFETY: `fits` says that every run that the plane names lies inside of its slice.
        unsafe { kinglet_thumb2_strided(to.cast(), from.cast(), &bytes::<T>(plane)) };
    }
}

/// See [`crate::strided::portable::copy_within`].
pub(crate) fn copy_within<T: Copy>(plane: &Plane, buffer: &mut [T], from: usize, to: usize) {
    if plane.fits((from, buffer.len()), (to, buffer.len())) {
        let start = buffer.as_mut_ptr();
        let (to, from) = (start.wrapping_add(to), start.wrapping_add(from));
        // SAFETY: as above; both sides are parts of one buffer, which the assembly allows.
        unsafe { kinglet_thumb2_strided(to.cast(), from.cast(), &bytes::<T>(plane)) };
    }
}

fn bytes<T>(plane: &Plane) -> Bytes {
    let of = |elements: usize| elements.wrapping_mul(size_of::<T>());
    Bytes {
        rows: plane.rows,
        from_row: of(plane.from_row.cast_unsigned()),
        to_row: of(plane.to_row),
        count: plane.count,
        from_step: of(plane.from_step.cast_unsigned()),
        to_step: of(plane.to_step),
        run: of(plane.run),
    }
}
