//! Windows copied into scratch memory: those that reach into the padding, and those whose rows are too short to be
//! read in place.

use crate::conv2d::Geometry;

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

/// What the windows of a layer have in common.
pub(super) struct Walk<'a> {
    pub(super) geometry: &'a Geometry,
    /// Positions along the height and the width, from the first to behind the last, whose windows lie inside.
    pub(super) inside: [(usize, usize); 2],
    /// Bytes of a row of taps: all columns of the window, or one when columns are dilated.
    run: usize,
    padding: i8,
}

impl<'a> Walk<'a> {
    pub(super) fn new(geometry: &'a Geometry, padding: i8) -> Self {
        let inside = |axis: usize| {
            let field = |values: &[usize; 2]| values.get(axis).copied().unwrap_or(1).max(1);
            let (stride, dilation, kernel) =
                (field(&geometry.stride), field(&geometry.dilation), field(&geometry.kernel));
            let pad = geometry.pad.get(axis).copied().unwrap_or(0);
            let extent = geometry.output.get(axis).copied().unwrap_or(0);
            let input = geometry.input.get(axis).copied().unwrap_or(0);
            let reach = dilation.wrapping_mul(kernel.wrapping_sub(1));
            // The last position whose last tap, `at * stride + reach - pad`, is below the input's extent.
            let room = input.wrapping_add(pad).checked_sub(reach.wrapping_add(1));
            let end = room.map_or(0, |room| room.checked_div(stride).unwrap_or(0).wrapping_add(1)).min(extent);
            (pad.div_ceil(stride).min(end), end)
        };
        let channels = geometry.input[2];
        let run = if geometry.dilation[1] == 1 { geometry.kernel[1].wrapping_mul(channels) } else { channels };
        Walk { geometry, inside: [inside(0), inside(1)], run, padding }
    }

    /// How many windows from position `(y, x)` on, in its row, lie inside the image.
    #[inline]
    pub(super) fn inside_from(&self, (y, x): (usize, usize)) -> usize {
        let [rows, columns] = self.inside;
        let is_inside = y >= rows.0 && y < rows.1 && x >= columns.0;
        if is_inside { columns.1.saturating_sub(x) } else { 0 }
    }

    /// The input element of the first tap of position `(y, x)`, whose window lies inside.
    #[inline]
    pub(super) fn start(&self, (y, x): (usize, usize)) -> usize {
        let Geometry { input, stride, pad, .. } = self.geometry;
        let row = y.wrapping_mul(stride[0]).wrapping_sub(pad[0]);
        let column = x.wrapping_mul(stride[1]).wrapping_sub(pad[1]);
        row.wrapping_mul(input[1]).wrapping_add(column).wrapping_mul(input[2])
    }

    /// Bytes from a row of the window to the next, in the input.
    #[inline]
    pub(super) fn row_bytes(&self) -> usize {
        let Geometry { input, dilation, .. } = self.geometry;
        dilation[0].wrapping_mul(input[1]).wrapping_mul(input[2])
    }

    /// Bytes from a pixel's window to the next pixel's.
    #[inline]
    pub(super) fn pixel_bytes(&self) -> usize {
        self.geometry.stride[1].wrapping_mul(self.geometry.input[2])
    }

    /// Elements from the first tap of the first to behind the last tap of the last of `windows` windows.
    pub(super) fn len(&self, windows: usize) -> usize {
        let Geometry { kernel, dilation, input, .. } = self.geometry;
        let rows = kernel[0].wrapping_sub(1).saturating_mul(self.row_bytes());
        let columns = kernel[1].wrapping_sub(1).saturating_mul(dilation[1]).saturating_add(1).saturating_mul(input[2]);
        windows.wrapping_sub(1).saturating_mul(self.pixel_bytes()).saturating_add(rows).saturating_add(columns)
    }

    /// Copies up to `inside` windows from `position` on, all of which lie inside the image and in one row of the
    /// output, as far as `patches` has room for patches of `taps`, and returns how many. Not for dilated columns.
    pub(super) fn gather(
        &self,
        input: &[i8],
        position: (usize, usize),
        (inside, taps): (usize, usize),
        patches: &mut [i8],
    ) -> usize {
        let inside = patches.len().checked_div(taps).unwrap_or(0).min(inside);
        let start = self.start(position);
        let source = input.get(start..start.saturating_add(self.len(inside)));
        let target = patches.get_mut(..inside.wrapping_mul(taps));
        if let (Some(source), Some(target)) = (source, target) {
            let gather = Gather {
                source: source.as_ptr(),
                target: target.as_mut_ptr(),
                rows: self.geometry.kernel[0],
                source_window_bytes: self.pixel_bytes(),
                source_row_bytes: self.row_bytes(),
                run: self.run,
                windows: inside,
                target_row_bytes: self.run,
                target_window_bytes: taps,
            };
            // SAFETY: the last row of the last window ends where `source` does, its copy where `target` does:
            // `taps` is `rows * run`.
            unsafe { kinglet_helium_gather(&gather) };
        }
        inside
    }

    /// Copies the window of position `(y, x)`, wherever it lies.
    #[inline(never)]
    pub(super) fn gather_one(&self, input: &[i8], (y, x): (usize, usize), patch: &mut [i8]) {
        let geometry = self.geometry;
        let [_, width, channels] = geometry.input;
        let [kernel_rows, kernel_columns] = geometry.kernel;
        let taps = geometry.kernel[0].wrapping_mul(kernel_columns).wrapping_mul(channels);
        let Some(patch) = patch.get_mut(..taps) else { return };
        fill(patch, self.padding);
        let (row, rows) = geometry.clipped(0, y);
        let (column, columns) = geometry.clipped(1, x);
        if rows == 0 || columns == 0 {
            return;
        }
        let origin = |axis: usize, at: usize| {
            let field = |values: &[usize; 2]| values.get(axis).copied().unwrap_or(1);
            let outside = field(&geometry.pad).saturating_sub(at.wrapping_mul(field(&geometry.stride)));
            outside.div_ceil(field(&geometry.dilation).max(1))
        };
        let (skipped_rows, skipped_columns) = (origin(0, y), origin(1, x));
        let source_at = row.wrapping_mul(width).wrapping_add(column).wrapping_mul(channels);
        let target_at = skipped_rows.wrapping_mul(kernel_columns).wrapping_add(skipped_columns).wrapping_mul(channels);
        // Columns of a row lie side by side, unless they are dilated: then each is a window of its own.
        let dilation = geometry.dilation[1];
        let (run, windows) = if dilation == 1 { (columns.wrapping_mul(channels), 1) } else { (channels, columns) };
        let gather = Gather {
            source: input.get(source_at..).unwrap_or_default().as_ptr(),
            target: patch.get_mut(target_at..).unwrap_or_default().as_mut_ptr(),
            rows,
            source_window_bytes: dilation.wrapping_mul(channels),
            source_row_bytes: self.row_bytes(),
            run,
            windows,
            target_row_bytes: kernel_columns.wrapping_mul(channels),
            target_window_bytes: channels,
        };
        let last = |row_bytes: usize, window_bytes: usize| {
            let rows = rows.wrapping_sub(1).saturating_mul(row_bytes);
            rows.saturating_add(windows.wrapping_sub(1).saturating_mul(window_bytes)).saturating_add(run)
        };
        let source_len = last(gather.source_row_bytes, gather.source_window_bytes);
        let target_len = last(gather.target_row_bytes, gather.target_window_bytes);
        let fits = source_at.saturating_add(source_len) <= input.len()
            && target_at.saturating_add(target_len) <= patch.len()
            && skipped_rows.saturating_add(rows) <= kernel_rows
            && run > 0;
        if fits {
            // SAFETY: the last row of the last window ends within `input` and its copy within `patch`.
            unsafe { kinglet_helium_gather(&gather) };
        }
    }
}
