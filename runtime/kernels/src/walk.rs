//! The walk over the windows of a layer: one for all kernels that take output pixels in raster order.
//!
//! A window is where its corner is, the place of its first tap in the image. It lies inside when both coordinates of the
//! corner are below a limit, which holds for no corner above or left of the image, whose coordinates have wrapped. What a
//! machine does with windows is its own: read them where they lie, several side by side, or ask for a
//! [patch](crate::patch) of one that reaches beyond the image.

use crate::conv2d::Geometry;

/// A window among those of a layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Corners<'a> {
    geometry: &'a Geometry,
    /// Output pixels of a row.
    width: usize,
    /// Of these, this one and those behind it.
    left: usize,
    /// Row and column of the first tap.
    corner: [usize; 2],
}

impl<'a> Corners<'a> {
    /// The first window.
    #[inline]
    pub(crate) fn new(geometry: &'a Geometry) -> Self {
        let [_, width, _] = geometry.output;
        Corners { geometry, width, left: width, corner: geometry.pad.map(usize::wrapping_neg) }
    }

    /// Row and column of the first tap; outside of the image they have wrapped, or are too large.
    #[inline]
    pub(crate) fn corner(&self) -> [usize; 2] {
        self.corner
    }

    /// Moves on by `count` pixels, which are in the same row.
    #[inline]
    pub(crate) fn advance(&mut self, count: usize) {
        let Geometry { stride, pad, .. } = self.geometry;
        self.left = self.left.wrapping_sub(count);
        self.corner[1] = self.corner[1].wrapping_add(count.wrapping_mul(stride[1]));
        if self.left == 0 {
            self.left = self.width;
            self.corner = [self.corner[0].wrapping_add(stride[0]), pad[1].wrapping_neg()];
        }
    }
}

/// The same for kernels that read windows where they lie.
#[cfg_attr(not(any(kinglet_isa = "armv7m", kinglet_isa = "armv7em", kinglet_isa = "helium")), allow(dead_code))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk<'a> {
    /// This window, or the one behind those that lie inside.
    corners: Corners<'a>,
    /// Windows whose corner is below both lie inside the image.
    limits: [usize; 2],
    /// Windows from this one on, in its row, that lie inside; none when this one does not.
    inside: usize,
    /// The input element of the first tap of the first of these.
    at: usize,
    /// Elements from the first tap of a window to behind the last.
    len: usize,
    /// From a window to the next one in its row.
    pixel_step: usize,
}

// Dilated windows are read in place by Helium alone.
#[cfg_attr(not(kinglet_isa = "helium"), allow(dead_code))]
impl<'a> Walk<'a> {
    /// From the first window of a layer on.
    #[inline(never)]
    pub(crate) fn new(geometry: &'a Geometry) -> Self {
        let mut walk = Walk::unlooked(geometry);
        walk.find();
        walk
    }

    /// The same for kernels that read the taps of a row as a run: where they are apart, no window counts as inside.
    /// Pixels of a layer that sees them one by one are a single row.
    #[inline(never)]
    pub(crate) fn of_runs(geometry: &'a Geometry) -> Self {
        let mut walk = Walk::unlooked(geometry);
        if !geometry.has_runs() {
            walk.limits = [0; 2];
        } else if geometry.is_pointwise() && geometry.stride == [1, 1] && geometry.output[1] == geometry.input[1] {
            let pixels = geometry.pixels();
            (walk.corners.width, walk.corners.left, walk.limits) = (pixels, pixels, [1, pixels]);
        }
        walk.find();
        walk
    }

    /// Before the first look.
    #[inline]
    fn unlooked(geometry: &'a Geometry) -> Self {
        let Geometry { input: [height, width, channels], kernel, stride, dilation, .. } = *geometry;
        let rows = kernel[0].wrapping_sub(1).wrapping_mul(dilation[0]).wrapping_mul(width);
        let columns = kernel[1].wrapping_sub(1).wrapping_mul(dilation[1]);
        let len = rows.wrapping_add(columns).wrapping_add(1).wrapping_mul(channels);
        let pixel_step = stride[1].wrapping_mul(channels);
        let limit = |extent: usize, kernel: usize, dilation: usize| {
            extent.saturating_sub(kernel.wrapping_sub(1).saturating_mul(dilation))
        };
        let mut limits = [limit(height, kernel[0], dilation[0]), limit(width, kernel[1], dilation[1])];
        // No sum or product about windows inside an image whose elements can be counted wraps.
        if height.saturating_mul(width).saturating_mul(channels) == usize::MAX {
            limits = [0; 2];
        }
        Walk { corners: Corners::new(geometry), limits, inside: 0, at: 0, len, pixel_step }
    }

    /// How many windows from this one on, in its row, lie inside the image.
    #[inline]
    pub(crate) fn inside(&self) -> usize {
        self.inside
    }

    /// The corner of this window, if it does not lie inside, see [`Corners::corner`].
    #[inline]
    pub(crate) fn corner(&self) -> [usize; 2] {
        self.corners.corner()
    }

    /// Moves on by `count` pixels: some of those inside, or one that is not.
    #[inline]
    pub(crate) fn advance(&mut self, count: usize) {
        if count < self.inside {
            self.inside = self.inside.wrapping_sub(count);
            self.at = self.at.wrapping_add(count.wrapping_mul(self.pixel_step));
        } else {
            self.turn();
        }
    }

    /// Moves behind the windows inside, or this one.
    #[inline(never)]
    fn turn(&mut self) {
        if self.inside == 0 {
            self.corners.advance(1);
        }
        self.find();
    }

    /// Finds the windows inside from here on.
    #[inline]
    fn find(&mut self) {
        let Geometry { input: [_, width, channels], stride, .. } = *self.corners.geometry;
        self.inside = 0;
        let [row, column] = self.corners.corner();
        if row >= self.limits[0] || column >= self.limits[1] {
            return;
        }
        self.at = row.wrapping_mul(width).wrapping_add(column).wrapping_mul(channels);
        let behind = self.limits[1].wrapping_sub(column).wrapping_sub(1);
        let fitting = behind.checked_div(stride[1]).unwrap_or(0).wrapping_add(1);
        self.inside = fitting.min(self.corners.left);
        self.corners.advance(self.inside);
    }

    /// The elements of `input` from the first tap of this window to behind the last one of the `count`th from here on, all
    /// of which lie inside; `None` when the input is too short.
    #[inline]
    pub(crate) fn elements<'i>(&self, input: &'i [i8], count: usize) -> Option<&'i [i8]> {
        let others = count.wrapping_sub(1).wrapping_mul(self.pixel_step);
        input.get(self.at..self.at.wrapping_add(self.len).wrapping_add(others))
    }

    /// Elements from a row of a window to the next.
    #[inline]
    pub(crate) fn row_step(&self) -> usize {
        let Geometry { input: [_, width, channels], dilation, .. } = self.corners.geometry;
        dilation[0].wrapping_mul(*width).wrapping_mul(*channels)
    }

    /// Elements from a window to the next one in its row.
    #[inline]
    pub(crate) fn pixel_step(&self) -> usize {
        self.pixel_step
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // A test may panic.
mod tests {
    use super::*;

    /// Shapes of small extents, some of which have windows that lie inside and some of which have none.
    fn geometries() -> impl Iterator<Item = Geometry> {
        let digits = |mut number: usize| {
            core::array::from_fn(|_| {
                let digit = number % 3;
                number /= 3;
                digit
            })
        };
        (0..3usize.pow(9)).map(digits).map(|[h, w, kh, kw, sh, sw, d, top, left]: [usize; 9]| Geometry {
            input: [h + 3, w + 3, 2],
            output: [3, 4, 1],
            kernel: [kh + 1, kw + 1],
            stride: [sh + 1, sw + 1],
            dilation: [d + 1, d + 1],
            pad: [top, left],
            groups: 1,
        })
    }

    /// Follows `walk` in steps of up to `most` pixels and compares every window with the formula of its taps.
    fn follow(geometry: &Geometry, mut walk: Walk, most: usize, may_be_apart: bool) {
        let input = &[0; 5 * 5 * 2][..geometry.input.iter().product()];
        let (width, [rows, columns]) = (geometry.output[1], geometry.kernel);
        let mut pixel = 0;
        while pixel < geometry.pixels() {
            let at = |offset: usize| ((pixel + offset) / width, (pixel + offset) % width);
            let element = |at, tap| geometry.source_pixel(at, tap).map(|pixel| pixel * 2);
            let lies_inside = |at| (0..rows * columns).all(|tap| element(at, (tap / columns, tap % columns)).is_some());
            let inside = walk.inside().min(most);
            if inside > 0 {
                assert!((0..inside).all(|offset| lies_inside(at(offset))), "{geometry:?} at {pixel}");
                let (first, last) = (element(at(0), (0, 0)), element(at(inside - 1), (rows - 1, columns - 1)));
                let len = last.zip(first).map(|(last, first)| last + 2 - first);
                let elements = walk.elements(input, inside).unwrap_or_default();
                assert_eq!(Some(elements.len()), len, "{geometry:?} at {pixel}");
                let start = (elements.as_ptr() as usize).checked_sub(input.as_ptr() as usize);
                assert_eq!(start, first, "{geometry:?} at {pixel}");
            } else {
                assert!(!lies_inside(at(0)) || !(may_be_apart || geometry.has_runs()), "{geometry:?} at {pixel}");
                let [row, column] = walk.corner();
                let corner = (row.wrapping_add(geometry.pad[0]), column.wrapping_add(geometry.pad[1]));
                assert_eq!(corner, (at(0).0 * geometry.stride[0], at(0).1 * geometry.stride[1]), "{geometry:?}");
            }
            walk.advance(inside.max(1));
            pixel += inside.max(1);
        }
    }

    #[test]
    fn a_walk_meets_every_window_where_its_taps_are() {
        for geometry in geometries() {
            for most in [1, 3] {
                follow(&geometry, Walk::new(&geometry), most, true);
                follow(&geometry, Walk::of_runs(&geometry), most, false);
            }
        }
    }
}
