//! Windows copied into scratch memory: those that reach into the padding, and those whose rows are too short to be
//! read in place.

use crate::conv2d::Geometry;
use crate::patch::{Block, for_each_block};
use crate::walk::Walk;

/// Arguments of the assembly.
#[repr(C)]
struct Gather {
    /// First row of the first window.
    source: *const i8,
    /// Its copy.
    target: *mut i8,
    /// Rows of a window, not zero.
    rows: usize,
    /// Bytes from a window to the next.
    source_window_bytes: usize,
    /// Bytes from a row to the next.
    source_row_bytes: usize,
    /// Bytes of a row, not zero.
    run: usize,
    /// Windows, not zero.
    windows: usize,
    /// Bytes from a row's copy to the next row's.
    target_row_bytes: usize,
    /// Bytes from a window's copy to the next window's.
    target_window_bytes: usize,
}

in_order! {
    Gather:
    source target rows source_window_bytes source_row_bytes run windows target_row_bytes
    target_window_bytes
}

unsafe extern "C" {
    /// Reads and writes what the fields say, and nothing else.
    fn kinglet_helium_gather(gather: *const Gather);
    /// Fills `len` bytes.
    fn kinglet_helium_fill(target: *mut i8, len: usize, value: i32);
}

assembly! { "patch.s", }

/// Copies `len` bytes, not zero, from `source` to `target` in `bytes`; the ranges do not overlap.
pub(super) fn copy(bytes: &mut [i8], source: usize, target: usize, len: usize) {
    let apart = source.abs_diff(target) >= len && source.max(target).saturating_add(len) <= bytes.len();
    if len == 0 || !apart {
        return;
    }
    let target = bytes.as_mut_ptr().wrapping_add(target);
    let gather = Gather {
        source: bytes.as_ptr().wrapping_add(source),
        target,
        rows: 1,
        source_window_bytes: 0,
        source_row_bytes: 0,
        run: len,
        windows: 1,
        target_row_bytes: 0,
        target_window_bytes: 0,
    };
    // SAFETY: both ranges lie in `bytes` and apart, as was just checked.
    unsafe { kinglet_helium_gather(&gather) }
}

/// Fills `bytes` with `value`.
pub(super) fn fill(bytes: &mut [i8], value: i8) {
    // SAFETY: the length is that of the slice.
    unsafe { kinglet_helium_fill(bytes.as_mut_ptr(), bytes.len(), value.into()) }
}

/// Copies up to `inside` windows from `walk`'s on, all of which lie inside the image and in one row of the output, as far
/// as `patches` has room for patches of `taps`, and returns how many. Not for dilated columns.
pub(super) fn gather_inside(
    walk: &Walk,
    input: &[i8],
    [rows, taps]: [usize; 2],
    inside: usize,
    patches: &mut [i8],
) -> usize {
    let windows = patches.len().checked_div(taps).unwrap_or(0).min(inside);
    let (source, target) = (walk.elements(input, windows), patches.get_mut(..windows.wrapping_mul(taps)));
    if let (Some(source), Some(target), Some(run)) = (source, target, taps.checked_div(rows)) {
        let gather = Gather {
            source: source.as_ptr(),
            target: target.as_mut_ptr(),
            rows,
            source_window_bytes: walk.pixel_step(),
            source_row_bytes: walk.row_step(),
            run,
            windows,
            target_row_bytes: run,
            target_window_bytes: taps,
        };
        // SAFETY: the last row of the last window ends where `source` does, its copy where `target` does: `taps` is
        // `rows * run`.
        unsafe { kinglet_helium_gather(&gather) };
    }
    windows
}

/// Copies the window at `corner` of all channels, wherever it lies, to `patch`, with the padding value outside the image.
#[inline(never)]
pub(super) fn gather_edge(geometry: &Geometry, padding: i8, input: &[i8], corner: [usize; 2], patch: &mut [i8]) {
    let Geometry { input: [_, width, channels], kernel: [rows, columns], dilation, .. } = *geometry;
    let (source_step, place_step) =
        (dilation[0].wrapping_mul(width).wrapping_mul(channels), columns.wrapping_mul(channels));
    let Some(patch) = patch.get_mut(..rows.wrapping_mul(place_step)) else { return };
    fill(patch, padding);
    for_each_block(geometry, corner, (0, 1), |Block { source, place, len, rows }| {
        let behind = rows.wrapping_sub(1);
        let source = input.get(source..source.saturating_add(behind.saturating_mul(source_step)).saturating_add(len));
        let place = patch.get_mut(place..place.saturating_add(behind.saturating_mul(place_step)).saturating_add(len));
        let (Some(source), Some(place)) = (source, place) else { return };
        let gather = Gather {
            source: source.as_ptr(),
            target: place.as_mut_ptr(),
            rows,
            source_window_bytes: 0,
            source_row_bytes: source_step,
            run: len,
            windows: 1,
            target_row_bytes: place_step,
            target_window_bytes: 0,
        };
        // SAFETY: the last row ends where `source` does, its copy where `place` does. Neither rows nor bytes are zero.
        unsafe { kinglet_helium_gather(&gather) };
    });
}
