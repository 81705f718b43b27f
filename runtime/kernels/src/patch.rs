//! Windows copied into scratch memory, wherever they lie: `[KH, KW, C / groups]`, with the padding value outside of the
//! image.

use crate::conv2d::Geometry;
use crate::io::range;
use crate::runs::Span;

/// Runs of taps inside the image, one below the other.
#[derive(Clone, Copy)]
pub(crate) struct Block {
    /// First element of the first run, in the input.
    pub(crate) source: usize,
    /// Its place in the patch.
    pub(crate) place: usize,
    /// Elements of a run, not zero.
    pub(crate) len: usize,
    /// Runs, not zero.
    pub(crate) rows: usize,
}

/// Calls `visit` for each block of the window whose first tap stands at `corner`, see
/// [`Corners::corner`](crate::walk::Corners::corner), in one of `groups` groups of channels: one, unless the taps of a
/// row are apart.
#[inline]
pub(crate) fn for_each_block(
    geometry: &Geometry,
    corner: [usize; 2],
    (group, groups): (usize, usize),
    mut visit: impl FnMut(Block),
) {
    let Geometry { input: [_, width, channels], kernel, dilation, .. } = *geometry;
    let rows = Span::of_corner(geometry, 0, corner[0]);
    let columns = Span::of_corner(geometry, 1, corner[1]);
    let tap_len = if groups == 1 { channels } else { channels.checked_div(groups).unwrap_or(0) };
    let is_one_run = groups == 1 && dilation[1] == 1;
    let (blocks, pixels) = if is_one_run { (1, columns.count) } else { (columns.count, 1) };
    let len = pixels.wrapping_mul(tap_len);
    if len == 0 || rows.count == 0 {
        return;
    }
    let first = rows.source.wrapping_mul(width).wrapping_add(columns.source).wrapping_mul(channels);
    let tap = rows.tap.wrapping_mul(kernel[1]).wrapping_add(columns.tap);
    let (mut source, mut place) = (first.wrapping_add(group.wrapping_mul(tap_len)), tap.wrapping_mul(tap_len));
    for _ in 0..blocks {
        visit(Block { source, place, len, rows: rows.count });
        source = source.wrapping_add(dilation[1].wrapping_mul(channels));
        place = place.wrapping_add(tap_len);
    }
}

/// The same run by run: calls `visit(input element, place in the patch, elements)`.
#[inline]
pub(crate) fn for_each_run(
    geometry: &Geometry,
    corner: [usize; 2],
    (group, groups): (usize, usize),
    mut visit: impl FnMut(usize, usize, usize),
) {
    let Geometry { input: [_, width, channels], kernel, dilation, .. } = *geometry;
    let source_step = dilation[0].wrapping_mul(width).wrapping_mul(channels);
    let tap_len = if groups == 1 { channels } else { channels.checked_div(groups).unwrap_or(0) };
    let place_step = kernel[1].wrapping_mul(tap_len);
    for_each_block(geometry, corner, (group, groups), |block| {
        let Block { mut source, mut place, len, rows } = block;
        for _ in 0..rows {
            visit(source, place, len);
            source = source.wrapping_add(source_step);
            place = place.wrapping_add(place_step);
        }
    });
}

/// Copies the window at `corner` in one group of channels into `patch`, as many elements as a window has taps.
#[inline]
pub(crate) fn gather(
    (geometry, padding): (&Geometry, i8),
    input: &[i8],
    corner: [usize; 2],
    group: usize,
    patch: &mut [i8],
) {
    fill(patch, padding);
    for_each_run(geometry, corner, (group, geometry.groups), |source, place, len| {
        copy(patch.get_mut(place..).unwrap_or_default(), range(input, source, len));
    });
}

#[inline]
fn copy(places: &mut [i8], elements: &[i8]) {
    for (place, element) in places.iter_mut().zip(elements) {
        *place = *element;
    }
}

#[inline]
fn fill(places: &mut [i8], value: i8) {
    for place in places {
        *place = value;
    }
}
