//! Conv2D of floats, several pixels at a time.
//!
//! The order in which one sum adds is fixed, so vectors cannot run along the taps; they run across pixels.
//! For a tile of pixels a panel `[TAPS][PIXELS]` of inputs is gathered on the stack and every output channel
//! runs over it; sums wait in the output between panels. That needs an output that is not also input, so
//! overlapping layers go the reference's way: the output of pixel `p` must not touch an input of pixel `p` or
//! of any pixel after it.

use super::{Conv2dF32, Geometry, conv2d_f32_reference};
use crate::io::{Io, range};
use core::ops::Range;

/// Pixels of a tile: with [`OUTPUTS`], as many sums as the vector registers hold.
const PIXELS: usize = if cfg!(target_arch = "arm") { 4 } else { 8 };
/// Output channels that are summed together.
const OUTPUTS: usize = 4;
/// Taps of a panel, 1 kB of stack at most.
pub(super) const TAPS: usize = 32;

type Panel = [[f32; PIXELS]; TAPS];

/// A convolution of floats, whatever its weights are in memory.
pub(super) trait Layer {
    /// Where a row of weights is unpacked, when it has to be.
    type Buffer: Default;

    /// Shapes.
    fn geometry(&self) -> &Geometry;

    /// Writes what sums begin with, `[pixels, outputs]`.
    fn start(&self, tile: &mut [f32]);

    /// `len` weights of an output channel from `place` on, at most [`TAPS`].
    fn row<'r>(&'r self, output: usize, place: usize, len: usize, buffer: &'r mut Self::Buffer) -> &'r [f32];

    /// Makes outputs of sums, `[pixels, outputs]`.
    fn finish(&self, tile: &mut [f32]);
}

impl Layer for Conv2dF32<'_> {
    type Buffer = ();

    #[inline]
    fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    #[inline]
    fn start(&self, tile: &mut [f32]) {
        for_each_pixel(tile, self.geometry.output[2], |pixel| {
            for (o, sum) in pixel.iter_mut().enumerate() {
                *sum = self.bias.get(o).copied().unwrap_or(0.0);
            }
        });
    }

    #[inline]
    fn row<'r>(&'r self, _output: usize, place: usize, len: usize, (): &'r mut ()) -> &'r [f32] {
        range(self.weights, place, len)
    }

    #[inline]
    fn finish(&self, tile: &mut [f32]) {
        for sum in tile {
            *sum = self.clamp.apply(*sum);
        }
    }
}

/// Computes the convolution. No scratch.
pub(crate) fn conv2d_f32(layer: &Conv2dF32, io: &mut Io<f32>) {
    if !layer.fits(io) {
        return io.refuse();
    }
    match io {
        Io::Split { input, output } => convolve(layer, input, output),
        Io::Overlapped { .. } => conv2d_f32_reference(layer, io),
    }
}

/// All pixels, tile after tile.
pub(super) fn convolve<L: Layer>(layer: &L, input: &[f32], output: &mut [f32]) {
    let mut first = 0;
    while first < layer.geometry().pixels() {
        tile(layer, input, output, first);
        first = first.saturating_add(PIXELS);
    }
}

/// Output pixels `first .. first + PIXELS`, or as many as there are.
fn tile<L: Layer>(layer: &L, input: &[f32], output: &mut [f32], first: usize) {
    let geometry = layer.geometry();
    let [_, _, outputs] = geometry.output;
    let pixels = geometry.pixels().saturating_sub(first).min(PIXELS);
    let output = output.get_mut(first.wrapping_mul(outputs)..).unwrap_or_default();
    let Some(output) = output.get_mut(..pixels.wrapping_mul(outputs)) else { return };
    layer.start(output);
    let taps = geometry.taps();
    for group in 0..geometry.groups {
        let mut start = 0;
        while start < taps {
            let len = taps.wrapping_sub(start).min(TAPS);
            let panel = gather(geometry, input, Place { first, pixels, group }, start..start.wrapping_add(len));
            accumulate(layer, output, group, (start, range(&panel, 0, len)));
            start = start.wrapping_add(len);
        }
    }
    layer.finish(output);
}

/// Calls `visit` with the channels of each pixel.
pub(super) fn for_each_pixel(mut output: &mut [f32], channels: usize, mut visit: impl FnMut(&mut [f32])) {
    while let Some((pixel, rest)) = output.split_at_mut_checked(channels) {
        visit(pixel);
        output = rest;
        if channels == 0 {
            return;
        }
    }
}

/// A tile and the group of channels that is summed.
#[derive(Clone, Copy)]
struct Place {
    first: usize,
    pixels: usize,
    group: usize,
}

/// The inputs of taps `taps` of one group, for each pixel of the tile; 0 outside the image.
fn gather(geometry: &Geometry, input: &[f32], place: Place, taps: Range<usize>) -> Panel {
    let mut panel = [[0.0; PIXELS]; TAPS];
    for lane in 0..place.pixels {
        let rows = panel.get_mut(..taps.len()).unwrap_or_default();
        gather_lane(geometry, input, place, lane, (taps.start, rows));
    }
    panel
}

/// Writes the inputs of the tile's pixel `lane` from tap `start` on into column `lane` of `rows`.
fn gather_lane(
    geometry: &Geometry,
    input: &[f32],
    place: Place,
    lane: usize,
    (start, mut rows): (usize, &mut [[f32; PIXELS]]),
) {
    let [_, _, channels] = geometry.input;
    let [_, kernel_width] = geometry.kernel;
    let [_, width, _] = geometry.output;
    let group_channels = channels.checked_div(geometry.groups).unwrap_or(0);
    let pixel = place.first.wrapping_add(lane);
    let at = (pixel.checked_div(width).unwrap_or(0), pixel.checked_rem(width).unwrap_or(0));
    let window = start.checked_div(group_channels).unwrap_or(0);
    let mut c = start.checked_rem(group_channels).unwrap_or(0);
    let mut i = window.checked_div(kernel_width).unwrap_or(0);
    let mut j = window.checked_rem(kernel_width).unwrap_or(0);
    // One run of channels for each position of the window; every run but the first starts at channel 0.
    while !rows.is_empty() && c < group_channels {
        let run_len = group_channels.wrapping_sub(c).min(rows.len());
        let Some((run, rest)) = rows.split_at_mut_checked(run_len) else { return };
        rows = rest;
        if let Some(source) = geometry.source_pixel(at, (i, j)) {
            let group_start = source.wrapping_mul(channels).wrapping_add(place.group.wrapping_mul(group_channels));
            for (row, x) in run.iter_mut().zip(range(input, group_start.wrapping_add(c), run_len)) {
                if let Some(element) = row.get_mut(lane) {
                    *element = *x;
                }
            }
        }
        c = 0;
        j = j.wrapping_add(1);
        if j == kernel_width {
            (i, j) = (i.wrapping_add(1), 0);
        }
    }
}

/// Adds the products of `rows`, taps `start ..` of `group`, to the sums of every output channel of the group.
fn accumulate<L: Layer>(layer: &L, output: &mut [f32], group: usize, (start, rows): (usize, &[[f32; PIXELS]])) {
    let [_, _, outputs] = layer.geometry().output;
    let taps = layer.geometry().taps();
    let group_outputs = outputs.checked_div(layer.geometry().groups).unwrap_or(0);
    let end = group.wrapping_add(1).wrapping_mul(group_outputs);
    let mut o = group.wrapping_mul(group_outputs);
    while o < end {
        // The last block may have fewer rows; the first stands in for the others, whose sums are dropped.
        let count = end.wrapping_sub(o).min(OUTPUTS);
        let row = |index: usize| o.wrapping_add(if index < count { index } else { 0 });
        let place = |index: usize| row(index).wrapping_mul(taps).wrapping_add(start);
        let mut buffers: [L::Buffer; OUTPUTS] = Default::default();
        let [a, b, c, d] = &mut buffers;
        let len = rows.len();
        let weights = [
            layer.row(row(0), place(0), len, a),
            layer.row(row(1), place(1), len, b),
            layer.row(row(2), place(2), len, c),
            layer.row(row(3), place(3), len, d),
        ];
        let mut sums = load(output, outputs, o, count);
        multiply_add(&mut sums, rows, weights);
        store(output, outputs, (o, count), &sums);
        o = o.wrapping_add(OUTPUTS);
    }
}

type Sums = [[f32; PIXELS]; OUTPUTS];

/// The one order: each sum adds its products tap after tap.
#[inline]
fn multiply_add(sums: &mut Sums, rows: &[[f32; PIXELS]], weights: [&[f32]; OUTPUTS]) {
    let [a, b, c, d] = weights;
    let mut local = *sums;
    for ((((x, a), b), c), d) in rows.iter().zip(a).zip(b).zip(c).zip(d) {
        let [of_a, of_b, of_c, of_d] = &mut local;
        add_scaled(of_a, x, *a);
        add_scaled(of_b, x, *b);
        add_scaled(of_c, x, *c);
        add_scaled(of_d, x, *d);
    }
    *sums = local;
}

/// Four by four, so that no compiler makes a loop of so few steps.
#[inline(always)]
fn add_scaled(sums: &mut [f32; PIXELS], x: &[f32; PIXELS], w: f32) {
    for (sums, x) in sums.as_chunks_mut::<4>().0.iter_mut().zip(x.as_chunks::<4>().0) {
        sums[0] += x[0] * w;
        sums[1] += x[1] * w;
        sums[2] += x[2] * w;
        sums[3] += x[3] * w;
    }
}

/// The sums of output channels `o ..` of each pixel in `output`, `[pixels, outputs]`.
#[inline]
fn load(output: &[f32], outputs: usize, o: usize, count: usize) -> Sums {
    let mut sums = [[0.0; PIXELS]; OUTPUTS];
    for lane in 0..PIXELS {
        let pixel = range(output, lane.wrapping_mul(outputs).wrapping_add(o), count);
        for (sums, value) in sums.iter_mut().zip(pixel) {
            if let Some(sum) = sums.get_mut(lane) {
                *sum = *value;
            }
        }
    }
    sums
}

/// The way back of [`load`].
#[inline]
fn store(output: &mut [f32], outputs: usize, (o, count): (usize, usize), sums: &Sums) {
    for lane in 0..PIXELS {
        let start = lane.wrapping_mul(outputs).wrapping_add(o);
        let pixel = output.get_mut(start..start.saturating_add(count)).unwrap_or_default();
        for (value, sums) in pixel.iter_mut().zip(sums) {
            *value = sums.get(lane).copied().unwrap_or(0.0);
        }
    }
}
