//! A layer as products of rows: what each position of its result sees of its operand.

use crate::ir::{Graph, Node, Padding};
use crate::op::rule::channels::channel_count;
use crate::op::rule::layer::{Kernel, WeightOrder};

/// A layer on floats whose weights and bias are constants, and whose positions see windows of the operand.
#[derive(Debug)]
pub(super) struct Unfolded<'g> {
    pub(super) is_depthwise: bool,
    /// Inputs that each output reads: all for a dense layer, one of them for a depthwise one.
    pub(super) channels: usize,
    pub(super) outputs: usize,
    pub(super) taps: usize,
    /// Positions of the result.
    pub(super) positions: usize,
    pub(super) weights: &'g [f32],
    pub(super) bias: Option<&'g [f32]>,
    plane: Option<Plane>,
}

/// How windows lie on an image.
#[derive(Debug)]
struct Plane {
    input: [usize; 2],
    output: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    padding: Padding,
}

impl<'g> Unfolded<'g> {
    /// `None` for other nodes, and for layers with several groups or transposed kernels.
    pub(super) fn of(graph: &'g Graph, node: &Node) -> Option<Self> {
        let layer = node.op.operator().layer()?;
        let [operand, weights] = *node.inputs.first_chunk()?;
        let bias = match node.inputs.get(2) {
            None => None,
            Some(&id) => Some(graph.constant_f32(id)?),
        };
        let (x, w, y) = (graph.value(operand), graph.value(weights), graph.value(node.output()));
        let is_depthwise = match layer.order {
            WeightOrder::Dense { groups: 1 } => false,
            WeightOrder::Depthwise { .. } => true,
            WeightOrder::Dense { .. } => return None,
        };
        let plane = match layer.kernel {
            Kernel::None => None,
            Kernel::Slides(slide) => {
                let (&[_, input_h, input_w, _], &[_, h, w, _]) = (x.shape.as_slice(), y.shape.as_slice()) else {
                    return None;
                };
                let kernel = [*graph.value(weights).shape.get(1)?, *graph.value(weights).shape.get(2)?];
                let (stride, dilation, padding) = (slide.stride, slide.dilation, slide.padding);
                Some(Plane { input: [input_h, input_w], output: [h, w], kernel, stride, dilation, padding })
            }
            Kernel::Spreads(_) => return None,
        };
        let (channels, outputs) = (channel_count(x), channel_count(y));
        let taps = plane.as_ref().map_or(1, |plane| plane.kernel[0] * plane.kernel[1]);
        let positions = y.len() / outputs.max(1);
        debug_assert_eq!(w.len(), if is_depthwise { taps * outputs } else { taps * channels * outputs });
        Some(Unfolded {
            is_depthwise,
            channels,
            outputs,
            taps,
            positions,
            weights: graph.constant_f32(weights)?,
            bias,
            plane,
        })
    }

    /// What position `position` sees: for each tap all channels, zeros in the padding.
    pub(super) fn row(&self, operand: &[f32], position: usize, row: &mut Vec<f32>) {
        row.clear();
        let pixel = |index: usize| operand.get(index * self.channels..(index + 1) * self.channels).unwrap_or_default();
        let Some(plane) = &self.plane else { return row.extend(pixel(position)) };
        let [height, width] = plane.output;
        let (sample, y, x) = (position / (height * width), position / width % height, position % width);
        for tap in 0..self.taps {
            let at = |axis: usize, out: usize, tap: usize, before: usize| {
                (out * plane.stride[axis] + tap * plane.dilation[axis])
                    .checked_sub(before)
                    .filter(|&at| at < plane.input[axis])
            };
            let row_index = at(0, y, tap / plane.kernel[1], plane.padding.top);
            match (row_index, at(1, x, tap % plane.kernel[1], plane.padding.left)) {
                (Some(y), Some(x)) => row.extend(pixel((sample * plane.input[0] + y) * plane.input[1] + x)),
                _ => row.resize(row.len() + self.channels, 0.0),
            }
        }
    }

    /// Where in a row the inputs of `output` are, in the order of its weights.
    pub(super) fn seen_by(&self, output: usize) -> Vec<usize> {
        if !self.is_depthwise {
            return (0..self.taps * self.channels).collect();
        }
        let channel = output / (self.outputs / self.channels.max(1)).max(1);
        (0..self.taps).map(|tap| tap * self.channels + channel).collect()
    }

    /// Where the weights of `output` are, in the order of its inputs.
    pub(super) fn weights_of(&self, output: usize) -> Vec<usize> {
        match self.is_depthwise {
            true => (0..self.taps).map(|tap| tap * self.outputs + output).collect(),
            false => (output * self.taps * self.channels..(output + 1) * self.taps * self.channels).collect(),
        }
    }

    /// Multiplications for so many inputs and outputs.
    pub(super) fn macs(&self, inputs: usize, outputs: usize) -> u64 {
        let each = if self.is_depthwise { 1 } else { inputs };
        (self.positions * self.taps * each * outputs) as u64
    }
}

/// Rows that are looked at of a layer, over all samples.
const ROWS: usize = 4096;

/// The positions of a sample that are looked at: the same number in each, shifted from sample to sample.
pub(super) fn positions(count: usize, sample: usize, samples: usize) -> impl Iterator<Item = usize> {
    let each = (ROWS / samples.max(1)).clamp(1, count.max(1));
    // A prime, so that the shifts fall everywhere.
    (0..each).map(move |index| (index * count / each + sample * 7919) % count.max(1))
}
