//! A window as runs: input elements that are neighbours and meet neighbouring weights of an output channel.
//!
//! Kernels that leave out what lies outside the image, because it reads as zero, neither gather a patch nor look at
//! each tap: they ask for the runs of a window and multiply slices.

use crate::conv2d::Geometry;
use crate::transpose_conv::TransposeGeometry;

/// The taps of a window along one axis that lie inside the image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    /// Input row or column of the first tap.
    pub(crate) source: usize,
    /// The first tap, in the order of the weights.
    pub(crate) tap: usize,
    /// How many there are.
    pub(crate) count: usize,
}

impl Span {
    /// The taps of output position `position` along `axis` of an ordinary window.
    #[inline]
    pub(crate) fn of_window(geometry: &Geometry, axis: usize, position: usize) -> Span {
        let field = |values: &[usize; 2]| values.get(axis).copied().unwrap_or(0);
        let at = position.wrapping_mul(field(&geometry.stride)).wrapping_sub(field(&geometry.pad));
        Span::of_corner(geometry, axis, at)
    }

    /// The taps along `axis` of the window whose first tap stands at `corner`, which has wrapped when that is before the
    /// image.
    #[inline(never)]
    pub(crate) fn of_corner(geometry: &Geometry, axis: usize, corner: usize) -> Span {
        let field = |values: &[usize; 2]| values.get(axis).copied().unwrap_or(0);
        let (dilation, taps) = (field(&geometry.dilation), field(&geometry.kernel));
        let extent = geometry.input.get(axis).copied().unwrap_or(0);
        // Divisions are calls on some cores.
        let steps = |distance: usize| if dilation == 1 { distance } else { distance.div_ceil(dilation.max(1)) };
        let tap = steps(if (corner as isize) < 0 { corner.wrapping_neg() } else { 0 });
        let source = corner.wrapping_add(tap.wrapping_mul(dilation));
        let count = steps(extent.saturating_sub(source)).min(taps.saturating_sub(tap));
        Span { source, tap, count }
    }
}

/// Calls `visit(runs, (first output channel, how many), output element)` for every group of every window, in the order of
/// the output.
#[inline]
pub(crate) fn for_each_group(geometry: &Geometry, mut visit: impl FnMut(&Runs, (usize, usize), usize)) {
    let [height, width, outputs] = geometry.output;
    let group_outputs = outputs.checked_div(geometry.groups).unwrap_or(0);
    let mut at: usize = 0;
    for y in 0..height {
        let rows = Span::of_window(geometry, 0, y);
        for x in 0..width {
            let columns = Span::of_window(geometry, 1, x);
            for group in 0..geometry.groups {
                let first = group.wrapping_mul(group_outputs);
                visit(
                    &Runs::of_window(geometry, [rows, columns], group),
                    (first, group_outputs),
                    at.wrapping_add(first),
                );
            }
            at = at.wrapping_add(outputs);
        }
    }
}

/// The runs of one window for one group of channels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Runs {
    /// Input element and weight, counted within the window's weights of an output channel, of the first run.
    first: (usize, usize),
    /// From a run to the next in its row.
    step: (usize, usize),
    /// From a row of runs to the next.
    row_step: (usize, usize),
    /// Rows, and runs of a row.
    counts: (usize, usize),
    /// Elements of a run.
    len: usize,
}

impl Runs {
    /// The window of output pixel `(y, x)` whose rows and columns inside the image are given.
    pub(crate) fn of_window(geometry: &Geometry, [rows, columns]: [Span; 2], group: usize) -> Runs {
        let [_, width, channels] = geometry.input;
        let shape = Shape { width, channels, groups: geometry.groups, taps: geometry.kernel[1] };
        shape.runs([rows, columns], geometry.dilation, group)
    }

    /// The window of an output pixel of a transposed convolution.
    pub(crate) fn of_transposed(geometry: &TransposeGeometry, spans: [Span; 2], taps: usize, group: usize) -> Runs {
        let [_, width, channels] = geometry.input;
        let shape = Shape { width, channels, groups: geometry.groups, taps };
        shape.runs(spans, [1, 1], group)
    }

    /// Calls `visit(input element, weight, elements)` for each run in the order of memory.
    #[inline]
    pub(crate) fn for_each(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let (mut row_input, mut row_weight) = self.first;
        for _ in 0..self.counts.0 {
            let (mut input, mut weight) = (row_input, row_weight);
            for _ in 0..self.counts.1 {
                visit(input, weight, self.len);
                input = input.wrapping_add(self.step.0);
                weight = weight.wrapping_add(self.step.1);
            }
            row_input = row_input.wrapping_add(self.row_step.0);
            row_weight = row_weight.wrapping_add(self.row_step.1);
        }
    }
}

/// What an input and a row of weights look like.
struct Shape {
    /// Columns of the input.
    width: usize,
    /// Channels of the input.
    channels: usize,
    /// Groups of channels.
    groups: usize,
    /// Taps of a row of the window, inside the image or not.
    taps: usize,
}

impl Shape {
    fn runs(&self, [rows, columns]: [Span; 2], dilation: [usize; 2], group: usize) -> Runs {
        let group_channels = self.channels.checked_div(self.groups).unwrap_or(0);
        let pixel = rows.source.wrapping_mul(self.width).wrapping_add(columns.source);
        let tap = rows.tap.wrapping_mul(self.taps).wrapping_add(columns.tap);
        let input = pixel.wrapping_mul(self.channels).wrapping_add(group.wrapping_mul(group_channels));
        let row_input = dilation[0].wrapping_mul(self.width).wrapping_mul(self.channels);
        let is_one_run = self.groups == 1 && dilation[1] == 1;
        let (runs, pixels) = if is_one_run { (1, columns.count) } else { (columns.count, 1) };
        Runs {
            first: (input, tap.wrapping_mul(group_channels)),
            step: (dilation[1].wrapping_mul(self.channels), group_channels),
            row_step: (row_input, self.taps.wrapping_mul(group_channels)),
            counts: (rows.count, if columns.count == 0 { 0 } else { runs }),
            len: pixels.wrapping_mul(group_channels),
        }
    }
}
