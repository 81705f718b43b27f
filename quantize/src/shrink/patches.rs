//! What a layer's weights are multiplied with, position by position, out of the codes of whole operands.

use crate::ir::{Graph, Node};
use crate::op::common::attributes::Slide;
use crate::op::rule::layer::{Kernel, WeightOrder};

/// The patches of one layer's first operand.
pub(super) struct Patches<'a> {
    /// Codes of all samples.
    codes: &'a [u8],
    zero_point: i32,
    shape: Shape,
    /// Groups of input channels.
    pub(super) groups: usize,
    /// Weights of an output channel.
    pub(super) taps: usize,
    /// Output channels of a group.
    pub(super) outputs: usize,
    /// Positions of one sample.
    pub(super) positions: usize,
}

/// Extents of a layer, a dense one being a window of one pixel.
#[derive(Clone, Copy)]
struct Shape {
    /// Height, width, channels of an image of the operand.
    input: [usize; 3],
    /// Height and width of an image of the result.
    output: [usize; 2],
    kernel: [usize; 2],
    slide: Slide,
    /// Channels of a group.
    depth: usize,
}

impl<'a> Patches<'a> {
    /// Those of a layer of `graph`, for the codes of its first operand in all samples. `None` when its weights are not
    /// multiplied with patches.
    pub(super) fn of(graph: &Graph, node: &Node, codes: &'a [u8]) -> Option<Self> {
        let layer = node.op.operator().layer()?;
        let (x, w, y) =
            (graph.value(*node.inputs.first()?), graph.value(*node.inputs.get(1)?), graph.value(node.output()));
        let outputs = layer.order.outputs(&w.shape);
        let still = Slide { stride: [1, 1], dilation: [1, 1], padding: Default::default() };
        let (input, output, kernel, slide) = match (layer.kernel, x.shape.as_slice(), y.shape.as_slice()) {
            (Kernel::None, [.., depth], _) => ([1, 1, *depth], [1, 1], [1, 1], still),
            (Kernel::Slides(slide), &[_, height, width, channels], &[_, rows, columns, _]) => {
                let &[_, kernel_h, kernel_w, _] = w.shape.as_slice() else { return None };
                ([height, width, channels], [rows, columns], [kernel_h, kernel_w], slide)
            }
            _ => return None,
        };
        let groups = match layer.order {
            WeightOrder::Dense { groups } => groups,
            WeightOrder::Depthwise { multiplier } => outputs / multiplier.max(1),
        };
        let depth = input[2].checked_div(groups)?;
        let images = x.len().checked_div(input.iter().product())?;
        Some(Patches {
            codes,
            zero_point: x.quantization.as_ref()?.zero_point(),
            shape: Shape { input, output, kernel, slide, depth },
            groups,
            taps: kernel[0] * kernel[1] * depth,
            outputs: outputs / groups,
            positions: images * output[0] * output[1],
        })
    }

    /// Shows each number of the patch at a position, counted through all samples: the row it has among the taps of all
    /// groups, and the code's distance from the zero point.
    pub(super) fn unfold(&self, position: usize, mut show: impl FnMut(usize, i16)) {
        let Shape { input: [height, width, channels], output, kernel, slide, depth } = self.shape;
        let (image, pixel) = (position / (output[0] * output[1]), position % (output[0] * output[1]));
        let [row, column] = [pixel / output[1], pixel % output[1]];
        let place = |at: usize, tap: usize, axis: usize, before: usize, extent: usize| {
            let place = (at * slide.stride[axis] + tap * slide.dilation[axis]).checked_sub(before)?;
            (place < extent).then_some(place)
        };
        for tap_h in 0..kernel[0] {
            let y = place(row, tap_h, 0, slide.padding.top, height);
            for tap_w in 0..kernel[1] {
                let x = place(column, tap_w, 1, slide.padding.left, width);
                let tap = (tap_h * kernel[1] + tap_w) * depth;
                let pixel = y.zip(x).map(|(y, x)| ((image * height + y) * width + x) * channels);
                let codes = pixel.and_then(|first| self.codes.get(first..first + channels));
                for channel in 0..channels {
                    let distance = codes.map_or(0, |codes| i32::from(codes[channel] as i8) - self.zero_point);
                    show(channel / depth * self.taps + tap + channel % depth, distance as i16);
                }
            }
        }
    }

    /// Where the weights of output `output` of a group are, tap by tap.
    pub(super) fn weights(
        &self,
        order: WeightOrder,
        group: usize,
        output: usize,
    ) -> impl Iterator<Item = usize> + use<> {
        let (channel, all, taps) = (group * self.outputs + output, self.groups * self.outputs, self.taps);
        (0..taps).map(move |tap| match order {
            WeightOrder::Dense { .. } => channel * taps + tap,
            WeightOrder::Depthwise { .. } => tap * all + channel,
        })
    }

    /// Positions to look at: all of `samples` samples, or so many that are spread evenly over them.
    pub(super) fn chosen(&self, samples: usize, most: usize) -> Vec<usize> {
        let all = samples * self.positions;
        if all <= most {
            return (0..all).collect();
        }
        // One of each stretch, where in it changes: an even step would meet the same columns of every image.
        let mut state = 1_u32;
        let mut draw = |below: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as usize % below.max(1)
        };
        let stretch = |index: usize| (index as u128 * all as u128 / most as u128) as usize;
        (0..most).map(|index| stretch(index) + draw(stretch(index + 1) - stretch(index))).collect()
    }
}
