//! Layers of many pixels: as many as [`Wide`] says meet two vectors of channels.
//!
//! Weights of two vectors of channels are transposed once, up to 256 taps of them, and all tiles of pixels run over them; sums
//! wait in the output for the next taps. Inputs are read where they lie. What lies outside of the image is read from zeros,
//! since it is multiplied and added like any other input, and a run that is cut off is copied beside zeros.

use core::mem::MaybeUninit;

use super::Dense;
use super::wide::{Wide, columns, load, store};
use crate::conv2d::Geometry;
use crate::io::range;

/// Taps that are transposed together: 32 kB of stack where vectors have 64 bytes.
const TAPS: usize = 256;

/// Some taps of a row of the window: the row, the first tap's number in it, and how many.
type Piece = (usize, usize, usize);

/// All pixels.
#[inline(always)]
pub(in crate::arch) fn tiles<W: Wide<L, P>, const L: usize, const P: usize>(
    wide: W,
    layer: &Dense<'_>,
    input: &[f32],
    output: &mut [f32],
) {
    let Geometry { output: [_, _, outputs], input: [_, _, channels], kernel, .. } = layer.geometry;
    let mut weights = [MaybeUninit::<[W::Vector; 2]>::uninit(); TAPS];
    let mut panel = [[0.0; TAPS]; P];
    let run = kernel[1].wrapping_mul(channels);
    let mut channel = 0;
    while channel < outputs {
        let count = outputs.wrapping_sub(channel).min(L.wrapping_mul(2));
        let (mut row, mut first) = (0, 0);
        while row < kernel[0] {
            // Whole rows of the window, or a part of one.
            let rows = TAPS.checked_div(run).unwrap_or(0).min(kernel[0].wrapping_sub(row)).max(1);
            let len = run.wrapping_sub(first).min(TAPS);
            let place = row.wrapping_mul(run).wrapping_add(first);
            transpose(wide, layer, (channel, count), (place, rows.wrapping_mul(len)), &mut weights);
            let is_last = row.wrapping_add(rows) >= kernel[0] && first.wrapping_add(len) >= run;
            let part = Part {
                layer,
                channels: (channel, count),
                pieces: (row, rows, first, len),
                // SAFETY: as many as the pieces have taps have been written.
                weights: unsafe { weights.get(..rows.wrapping_mul(len)).unwrap_or_default().assume_init_ref() },
                is_first: place == 0,
                is_last,
            };
            if count > L {
                part.run::<W, L, P, 2>(wide, input, output, &mut panel);
            } else {
                part.run::<W, L, P, 1>(wide, input, output, &mut panel);
            }
            first = first.wrapping_add(len);
            if first >= run {
                (row, first) = (row.wrapping_add(rows), 0);
            }
        }
        channel = channel.wrapping_add(L.wrapping_mul(2));
    }
}

/// Writes `len` taps from `place` on of `count` channels, with zeros for missing ones.
#[inline(always)]
fn transpose<W: Wide<L, P>, const L: usize, const P: usize>(
    wide: W,
    layer: &Dense<'_>,
    (channel, count): (usize, usize),
    (place, len): (usize, usize),
    weights: &mut [MaybeUninit<[W::Vector; 2]>; TAPS],
) {
    let (zero, taps) = (wide.splat(0.0), layer.geometry.taps());
    let rows = range(layer.weights, channel.wrapping_mul(taps), count.wrapping_mul(taps));
    for (index, to) in weights.get_mut(..len).unwrap_or_default().chunks_mut(L).enumerate() {
        let part = (place.wrapping_add(index.wrapping_mul(L)), to.len());
        let (first, second) = rows.split_at_checked(L.wrapping_mul(taps)).unwrap_or((rows, &[]));
        let first = columns(wide, first, taps, part);
        let second = if second.is_empty() { [zero; L] } else { columns(wide, second, taps, part) };
        for ((to, a), b) in to.iter_mut().zip(first).zip(second) {
            to.write([a, b]);
        }
    }
}

/// Some taps of the channels of two vectors.
struct Part<'a, V> {
    layer: &'a Dense<'a>,
    /// The first channel, and how many.
    channels: (usize, usize),
    /// The first row of the window and how many; the first tap of each, and how many.
    pieces: (usize, usize, usize, usize),
    weights: &'a [[V; 2]],
    is_first: bool,
    is_last: bool,
}

impl<V: Copy> Part<'_, V> {
    /// All pixels.
    #[inline(always)]
    fn run<W: Wide<L, P, Vector = V>, const L: usize, const P: usize, const N: usize>(
        &self,
        wide: W,
        input: &[f32],
        output: &mut [f32],
        panel: &mut [[f32; TAPS]; P],
    ) {
        let Geometry { output: [height, width, outputs], input: [rows, columns, depth], .. } = self.layer.geometry;
        let (channel, count) = self.channels;
        if input.len() < rows.wrapping_mul(columns).wrapping_mul(depth) {
            return;
        }
        let starts: [V; N] = load_all(wide, range(self.layer.bias, channel, count));
        let last = height.wrapping_mul(width).wrapping_sub(1);
        let (mut first, mut corner) = (0_usize, (0_usize, 0_usize));
        while first <= last {
            // The last tile may have fewer pixels: its last one is computed several times.
            let mut pixels = [(0, 0); P];
            for (lane, pixel) in pixels.iter_mut().enumerate() {
                *pixel = corner;
                if first.wrapping_add(lane) < last {
                    corner.1 = corner.1.wrapping_add(1);
                    if corner.1 == width {
                        corner = (corner.0.wrapping_add(1), 0);
                    }
                }
            }
            let place = |lane: usize| first.wrapping_add(lane).min(last).wrapping_mul(outputs).wrapping_add(channel);
            let mut sums = [starts; P];
            if !self.is_first {
                for (lane, sums) in sums.iter_mut().enumerate() {
                    let from = range(output, place(lane), count);
                    *sums = load_all(wide, from);
                }
            }
            sums = self.tile(wide, input, &pixels, sums, panel);
            for (lane, sums) in sums.into_iter().enumerate() {
                let at = place(lane);
                let to = output.get_mut(at..at.wrapping_add(count)).unwrap_or_default();
                for (to, sum) in to.chunks_mut(L).zip(sums) {
                    store(wide, to, if self.is_last { wide.clamped(self.layer.clamp, sum) } else { sum });
                }
            }
            first = first.wrapping_add(P);
        }
    }

    /// Adds the products of all pieces.
    #[inline(always)]
    fn tile<W: Wide<L, P, Vector = V>, const L: usize, const P: usize, const N: usize>(
        &self,
        wide: W,
        input: &[f32],
        pixels: &[(usize, usize); P],
        mut sums: [[V; N]; P],
        panel: &mut [[f32; TAPS]; P],
    ) -> [[V; N]; P] {
        let (row, rows, first, len) = self.pieces;
        let mut weights = self.weights.chunks_exact(len.max(1));
        if self.layer.is_inside {
            let Geometry { input: [_, width, channels], stride, dilation, .. } = self.layer.geometry;
            let line = width.wrapping_mul(channels);
            let mut runs = [input.as_ptr(); P];
            for (run, (y, x)) in runs.iter_mut().zip(pixels) {
                let source = y.wrapping_mul(stride[0]).wrapping_add(row.wrapping_mul(dilation[0]));
                let at = source.wrapping_mul(line).wrapping_add(x.wrapping_mul(stride[1]).wrapping_mul(channels));
                *run = run.wrapping_add(at.wrapping_add(first));
            }
            for weights in weights.by_ref().take(rows) {
                // SAFETY: no window reaches beyond the image, which `input` has all numbers of.
                sums = unsafe { multiplied::<W, L, P, N>(wide, runs, weights, sums) };
                for run in &mut runs {
                    *run = run.wrapping_add(dilation[0].wrapping_mul(line));
                }
            }
            return sums;
        }
        for index in 0..rows {
            let piece = (row.wrapping_add(index), first, len);
            let mut runs = [&[][..]; P];
            for ((run, pixel), panel) in runs.iter_mut().zip(pixels).zip(&mut *panel) {
                *run = self.inputs(input, *pixel, piece, panel);
            }
            let Some(weights) = weights.next() else { return sums };
            if runs.iter().all(|run| run.len() == weights.len()) {
                // SAFETY: each run has as many numbers as there are weights.
                sums = unsafe { multiplied::<W, L, P, N>(wide, runs.map(<[f32]>::as_ptr), weights, sums) };
            }
        }
        sums
    }

    /// The inputs that a piece of the window of output pixel `(y, x)` meets.
    #[inline(always)]
    fn inputs<'i>(
        &self,
        input: &'i [f32],
        (y, x): (usize, usize),
        (row, first, len): Piece,
        panel: &'i mut [f32; TAPS],
    ) -> &'i [f32] {
        let Geometry { input: [height, width, channels], kernel, stride, dilation, pad, .. } = self.layer.geometry;
        let source = y.wrapping_mul(stride[0]).wrapping_add(row.wrapping_mul(dilation[0])).wrapping_sub(pad[0]);
        let column = x.wrapping_mul(stride[1]).wrapping_sub(pad[1]);
        let line = source.wrapping_mul(width).wrapping_mul(channels);
        // A column before the image has wrapped.
        if source < height && column < width && kernel[1] <= width.wrapping_sub(column) {
            return range(input, line.wrapping_add(column.wrapping_mul(channels)).wrapping_add(first), len);
        }
        self.cut(input, (source, column), (first, len), panel)
    }

    /// The same of a window that reaches beyond the image.
    #[cold]
    #[inline(never)]
    fn cut<'i>(
        &self,
        input: &'i [f32],
        (source, column): (usize, usize),
        (first, len): (usize, usize),
        panel: &'i mut [f32; TAPS],
    ) -> &'i [f32] {
        let Geometry { input: [height, width, channels], .. } = self.layer.geometry;
        let Some(to) = panel.get_mut(..len) else { return &[] };
        to.fill(0.0);
        if source < height {
            let line = range(input, source.wrapping_mul(width).wrapping_mul(channels), width.wrapping_mul(channels));
            // Before the image it has wrapped, and so has its product.
            let start = column.wrapping_mul(channels).wrapping_add(first);
            let skipped = if (start as isize) < 0 { start.wrapping_neg() } else { 0 };
            let from = line.get(start.wrapping_add(skipped)..).unwrap_or_default();
            for (to, from) in to.iter_mut().skip(skipped).zip(from) {
                *to = *from;
            }
        }
        to
    }
}

/// Adds the products of runs of inputs and weights.
///
/// # Safety
///
/// Each run has as many numbers as there are weights.
#[inline(always)]
unsafe fn multiplied<W: Wide<L, P>, const L: usize, const P: usize, const N: usize>(
    wide: W,
    runs: [*const f32; P],
    weights: &[[W::Vector; 2]],
    mut sums: [[W::Vector; N]; P],
) -> [[W::Vector; N]; P] {
    for (tap, weights) in weights.iter().enumerate() {
        for (sums, run) in sums.iter_mut().zip(runs) {
            // SAFETY: the caller knows that it is there.
            let x = wide.splat(unsafe { run.wrapping_add(tap).read() });
            for (sum, w) in sums.iter_mut().zip(weights) {
                *sum = wide.add_product(*sum, x, *w);
            }
        }
    }
    sums
}

/// The numbers of `N` vectors, as many as there are.
#[inline(always)]
fn load_all<W: Wide<L, P>, const L: usize, const P: usize, const N: usize>(wide: W, from: &[f32]) -> [W::Vector; N] {
    let mut vectors = [wide.splat(0.0); N];
    for (vector, from) in vectors.iter_mut().zip(from.chunks(L)) {
        *vector = load(wide, from);
    }
    vectors
}
