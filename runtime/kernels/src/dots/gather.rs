//! From activations to a panel.
//!
//! Runs are copied a whole vector at a time: what is too much lies where the next run comes, or behind the last one, where
//! weights are zero.

use super::{Panel, Step};
use crate::conv2d::Geometry;
use crate::io::range;
use crate::patch::for_each_run;
use crate::walk::Corners;

/// The windows of a layer, from one on.
pub(crate) struct Windows<'a> {
    geometry: &'a Geometry,
    padding: i8,
    corners: Corners<'a>,
    /// Windows with a corner below both lie inside the image and consist of one run a row.
    limits: [usize; 2],
    /// True when each window is a pixel of the input, and none is left out.
    pub(super) are_pixels: bool,
    /// How many [`gather`] takes.
    pub(super) count: usize,
}

impl<'a> Windows<'a> {
    pub(super) fn new(geometry: &'a Geometry, padding: i8) -> Self {
        let Geometry { input: [height, width, _], kernel, dilation, .. } = *geometry;
        let limit = |extent: usize, kernel: usize, dilation: usize| {
            extent.saturating_sub(kernel.wrapping_sub(1).saturating_mul(dilation))
        };
        let has_runs = geometry.groups == 1 && geometry.has_runs();
        let limits = [limit(height, kernel[0], dilation[0]), limit(width, kernel[1], dilation[1])];
        let limits = if has_runs { limits } else { [0; 2] };
        let are_pixels = geometry.is_pointwise() && geometry.stride == [1, 1] && geometry.output[1] == width;
        Windows { geometry, padding, corners: Corners::new(geometry), limits, are_pixels, count: 0 }
    }
}

/// The next windows, pixel after pixel, group after group, each padded to whole vectors.
#[inline(always)]
pub(crate) fn gather<S: Step<TAPS, WORD>, const TAPS: usize, const WORD: usize>(
    windows: &mut Windows<'_>,
    input: &[i8],
    panel: &mut Panel<S, TAPS, WORD>,
) {
    let geometry = windows.geometry;
    let [_, width, channels] = geometry.input;
    let taps = geometry.taps();
    let len = taps.div_ceil(TAPS).wrapping_mul(TAPS);
    let mut corners = windows.corners;
    let run = geometry.kernel[1].wrapping_mul(channels);
    let row_step = geometry.dilation[0].wrapping_mul(width).wrapping_mul(channels);
    let mut panel = panel.as_flattened_mut();
    for _ in 0..windows.count {
        let corner = corners.corner();
        corners.advance(1);
        if corner[0] < windows.limits[0] && corner[1] < windows.limits[1] {
            let mut at = corner[0].wrapping_mul(width).wrapping_add(corner[1]).wrapping_mul(channels);
            let mut place: usize = 0;
            for _ in 0..geometry.kernel[0] {
                copy_run::<S, TAPS, WORD>(
                    panel.get_mut(place..).unwrap_or_default(),
                    input.get(at..).unwrap_or_default(),
                    run,
                );
                (at, place) = (at.wrapping_add(row_step), place.wrapping_add(run));
            }
            panel = panel.get_mut(len..).unwrap_or_default();
            continue;
        }
        for group in 0..geometry.groups {
            let (window, rest) = panel.split_at_mut_checked(len).unwrap_or_default();
            clipped::<S, TAPS, WORD>((geometry, windows.padding), input, corner, group, window);
            panel = rest;
        }
    }
    windows.corners = corners;
}

/// A window that reaches beyond the image, or has taps apart.
#[inline(always)]
fn clipped<S: Step<TAPS, WORD>, const TAPS: usize, const WORD: usize>(
    (geometry, padding): (&Geometry, i8),
    input: &[i8],
    corner: [usize; 2],
    group: usize,
    window: &mut [S::Element],
) {
    for to in &mut *window {
        *to = S::element(padding);
    }
    for_each_run(geometry, corner, (group, geometry.groups), |source, place, len| {
        for (to, x) in window.get_mut(place..).unwrap_or_default().iter_mut().zip(range(input, source, len)) {
            *to = S::element(*x);
        }
    });
}

/// Rows of `taps` activations, one after the other, as many as `input` has.
#[inline(always)]
pub(crate) fn rows<S: Step<TAPS, WORD>, const TAPS: usize, const WORD: usize>(
    taps: usize,
    input: &[i8],
    panel: &mut Panel<S, TAPS, WORD>,
) {
    let len = taps.div_ceil(TAPS).wrapping_mul(TAPS);
    let mut panel = panel.as_flattened_mut();
    let mut input = input;
    while !input.is_empty() {
        copy_run::<S, TAPS, WORD>(panel, input, taps);
        panel = panel.get_mut(len..).unwrap_or_default();
        input = input.get(taps..).unwrap_or_default();
        if taps == 0 {
            return;
        }
    }
}

/// `len` activations, and what is behind them up to a vector's end.
#[inline(always)]
fn copy_run<S: Step<TAPS, WORD>, const TAPS: usize, const WORD: usize>(
    mut panel: &mut [S::Element],
    mut input: &[i8],
    len: usize,
) {
    let mut left = len;
    while left > 0 {
        let Some((to, panel_rest)) = panel.split_first_chunk_mut::<TAPS>() else { return };
        let Some((x, input_rest)) = input.split_first_chunk::<TAPS>() else {
            for (to, x) in to.iter_mut().zip(input.iter().take(left)) {
                *to = S::element(*x);
            }
            return;
        };
        *to = x.map(S::element);
        (panel, input) = (panel_rest, input_rest);
        left = left.saturating_sub(TAPS);
    }
}
