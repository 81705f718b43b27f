//! Conv2D of floats with integer weights, and with it depthwise convolutions and dense layers.
//!
//! - Shapes and weights as in [`super`], `[O, KH, KW, C / groups]`; a depthwise convolution has a group for each channel
//!   of its input, a dense layer's rows are the columns of an image.
//! - `weight = code - zero_point`, exact as a float; `output = clamp(bias + scale * sum)`, where the sum starts at 0 and
//!   adds `input * weight` in the order `(i, j, c)`, each step one multiplication and one addition.
//! - Positions outside the image add nothing: a sum that starts at 0 is never -0, so that adding a zero of either sign,
//!   as the walk of [`float`](super::float) does, leaves its bits.
//! - Overlapping input and output: as for floats, the output of pixel `p` must not touch an input of pixel `p` or of any
//!   pixel after it. No scratch.
//!
//! TensorFlow Lite runs such models otherwise: it quantizes the activations of every row at run time. The sum here is
//! closer to the float model, and needs neither a pass over the activations nor memory for their codes.

use super::float::{Layer, TAPS, convolve, for_each_pixel};
use super::{Geometry, conv2d_hybrid_reference};
use crate::Io;
use crate::io::range;
use crate::numerics::ClampF32;
use crate::packing::Storage;

/// Output channels whose sums of a row of inputs do not wait for each other.
const OUTPUTS: usize = 4;

/// Everything a hybrid convolution needs besides its activations.
#[derive(Clone, Copy, Debug)]
pub struct Conv2dHybrid<'a> {
    /// Shapes.
    pub geometry: Geometry,
    /// Fused activation.
    pub clamp: ClampF32,
    /// What a weight is in memory; weights stand without gaps.
    pub storage: Storage,
    /// The codes, `[O, KH, KW, C / groups]`.
    pub weights: &'a [i8],
    /// One for each output channel, or one for all.
    pub scales: &'a [f32],
    /// As many as scales, or none when all are 0.
    pub zero_points: &'a [i8],
    /// `[O]`, or none when all are 0.
    pub bias: &'a [f32],
}

/// The element of output channel `channel` in a list of one for each, or one for all.
#[inline]
fn of_channel<T: Copy + Default>(list: &[T], channel: usize) -> T {
    let index = if list.len() == 1 { 0 } else { channel };
    list.get(index).copied().unwrap_or_default()
}

impl Conv2dHybrid<'_> {
    /// True when every slice is as long as the layer needs.
    #[inline(never)]
    fn fits(&self, io: &Io<f32>) -> bool {
        let Conv2dHybrid { geometry, storage, weights, scales, zero_points, bias, .. } = *self;
        let outputs = geometry.output[2];
        let len = outputs.saturating_mul(geometry.taps());
        let has_scales = scales.len() == 1 || scales.len() >= outputs;
        let has_zero_points = zero_points.is_empty() || zero_points.len() == scales.len();
        let has_constants = has_scales && has_zero_points && (bias.is_empty() || bias.len() >= outputs);
        geometry.fits(io) && has_constants && weights.len() >= storage.bytes(len)
    }

    /// The weight at `place`, which is one of output channel `output`.
    #[inline]
    pub(super) fn weight(&self, output: usize, place: usize) -> f32 {
        let code = i16::from(self.storage.read(self.weights, place).unwrap_or(0));
        f32::from(code.wrapping_sub(i16::from(of_channel(self.zero_points, output))))
    }

    /// What output channel `output` is whose products add up to `sum`.
    #[inline]
    pub(super) fn stage(&self, output: usize, sum: f32) -> f32 {
        let bias = self.bias.get(output).copied().unwrap_or(0.0);
        self.clamp.apply(bias + of_channel(self.scales, output) * sum)
    }

    /// True when windows are single pixels side by side, so few of them that the others of a tile would wait for them.
    fn is_rows(&self) -> bool {
        let Geometry { input, output, stride, .. } = self.geometry;
        // Of an image that is cropped the pixel below is not the next one.
        let is_whole = input[..2] == output[..2];
        self.geometry.is_pointwise() && stride == [1, 1] && is_whole && self.geometry.pixels() <= 2
    }
}

impl Layer for Conv2dHybrid<'_> {
    type Buffer = [f32; TAPS];

    #[inline]
    fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    #[inline]
    fn start(&self, tile: &mut [f32]) {
        tile.fill(0.0);
    }

    #[inline]
    fn row<'r>(&'r self, output: usize, place: usize, len: usize, buffer: &'r mut Self::Buffer) -> &'r [f32] {
        let zero = i16::from(of_channel(self.zero_points, output));
        let used = buffer.get_mut(..len).unwrap_or_default();
        if self.storage == Storage::Bits8 {
            for (weight, code) in used.iter_mut().zip(range(self.weights, place, len)) {
                *weight = f32::from(i16::from(*code).wrapping_sub(zero));
            }
        } else {
            for (offset, weight) in used.iter_mut().enumerate() {
                *weight = self.weight(output, place.wrapping_add(offset));
            }
        }
        used
    }

    #[inline]
    fn finish(&self, tile: &mut [f32]) {
        for_each_pixel(tile, self.geometry.output[2], |pixel| {
            for (o, sum) in pixel.iter_mut().enumerate() {
                *sum = self.stage(o, *sum);
            }
        });
    }
}

/// Computes the convolution.
pub fn conv2d_hybrid(layer: &Conv2dHybrid, io: &mut Io<f32>) {
    if !layer.fits(io) {
        return io.refuse();
    }
    let Geometry { input: [_, _, channels], groups, .. } = layer.geometry;
    if groups == channels && groups > 1 {
        return depthwise(layer, io);
    }
    match io {
        Io::Split { .. } if layer.is_rows() => rows(layer, io),
        Io::Split { input, output } => convolve(layer, input, output),
        Io::Overlapped { .. } => conv2d_hybrid_reference(layer, io),
    }
}

/// Pixel by pixel, each a row of inputs that all output channels see.
fn rows(layer: &Conv2dHybrid, io: &mut Io<f32>) {
    let ([_, _, taps], [_, _, outputs]) = (layer.geometry.input, layer.geometry.output);
    for pixel in 0..layer.geometry.pixels() {
        let at = pixel.wrapping_mul(outputs);
        let mut o: usize = 0;
        while o < outputs {
            let block = outputs.wrapping_sub(o).min(OUTPUTS);
            let input = range(io.input(), pixel.wrapping_mul(taps), taps);
            let sums = four(layer, input, o, block);
            for (index, sum) in sums.into_iter().enumerate().take(block) {
                let output = o.wrapping_add(index);
                io.set(at.wrapping_add(output), layer.stage(output, sum));
            }
            o = o.wrapping_add(block);
        }
    }
}

/// The sums of outputs `o .. o + block`. The first stands in for those that are missing, whose sums are dropped.
fn four(layer: &Conv2dHybrid, mut input: &[f32], o: usize, block: usize) -> [f32; OUTPUTS] {
    let taps = input.len();
    let (mut sums, mut tap) = ([0.0_f32; OUTPUTS], 0_usize);
    while let Some((part, rest)) = input.split_at_checked(input.len().min(TAPS)).filter(|(part, _)| !part.is_empty()) {
        let mut buffers = [[0.0; TAPS]; OUTPUTS];
        let [a, b, c, d] = &mut buffers;
        let row = |index: usize| o.wrapping_add(if index < block { index } else { 0 });
        let place = |index: usize| row(index).wrapping_mul(taps).wrapping_add(tap);
        let len = part.len();
        let a = layer.row(row(0), place(0), len, a);
        let b = layer.row(row(1), place(1), len, b);
        let c = layer.row(row(2), place(2), len, c);
        let d = layer.row(row(3), place(3), len, d);
        for ((((x, a), b), c), d) in part.iter().zip(a).zip(b).zip(c).zip(d) {
            for (sum, w) in sums.iter_mut().zip([a, b, c, d]) {
                *sum += *x * *w;
            }
        }
        tap = tap.wrapping_add(len);
        input = rest;
    }
    sums
}

/// Output by output, each the sum of one channel under its window.
fn depthwise(layer: &Conv2dHybrid, io: &mut Io<f32>) {
    let geometry = &layer.geometry;
    let ([_, _, channels], [height, width, outputs]) = (geometry.input, geometry.output);
    let multiplier = outputs.checked_div(channels).unwrap_or(0);
    let mut at: usize = 0;
    for y in 0..height {
        for x in 0..width {
            let (mut o, mut first) = (0_usize, at);
            for c in 0..channels {
                for _ in 0..multiplier {
                    let sum = windowed(layer, io.input(), [y, x], c, o);
                    io.set(first, layer.stage(o, sum));
                    (o, first) = (o.wrapping_add(1), first.wrapping_add(1));
                }
            }
            at = at.wrapping_add(outputs);
        }
    }
}

/// The sum of channel `c` of the input under the window of pixel `[y, x]`, with the weights of output channel `o`.
fn windowed(layer: &Conv2dHybrid, input: &[f32], [y, x]: [usize; 2], c: usize, o: usize) -> f32 {
    let geometry = &layer.geometry;
    let [_, _, channels] = geometry.input;
    let mut place = o.wrapping_mul(geometry.kernel_area());
    let mut sum = 0.0_f32;
    for i in 0..geometry.kernel[0] {
        for j in 0..geometry.kernel[1] {
            if let Some(pixel) = geometry.source_pixel((y, x), (i, j)) {
                let element = input.get(pixel.wrapping_mul(channels).wrapping_add(c)).copied().unwrap_or(0.0);
                sum += element * layer.weight(o, place);
            }
            place = place.wrapping_add(1);
        }
    }
    sum
}
