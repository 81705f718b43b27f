//! An int8 layer with constant weights, seen one output and one input channel at a time.

use core::ops::Range;

use kinglet_kernels::numerics::{FixedPoint, OutputStage};

use super::window::{Sights, sights};
use crate::ir::{DType, Elements, Graph, Node, ValueId};
use crate::op::fixed;
use crate::op::rule::layer::{Kernel, Layer, WeightOrder};

/// A convolution or dense layer on int8 whose weights and bias are constants.
pub(super) struct Weighted<'g> {
    pub(super) input: ValueId,
    pub(super) output: ValueId,
    pub(super) order: WeightOrder,
    pub(super) outputs: usize,
    pub(super) inputs: usize,
    taps: usize,
    weights: &'g [i8],
    /// One for each output channel, or one for all.
    weight_zero_points: &'g [i32],
    bias: Option<&'g [i32]>,
    input_zero_point: i32,
    /// `None` when there are too many to enumerate.
    sights: Option<Sights>,
    factors: Vec<FixedPoint>,
    stage: OutputStage,
}

impl<'g> Weighted<'g> {
    /// The layer a node is, or `None` when it is none or its weights are computed at run time.
    pub(super) fn new(graph: &'g Graph, node: &Node) -> Option<Self> {
        let Layer { order, kernel, activation } = node.op.operator().layer()?;
        let (&input, &weights_id) = (node.inputs.first()?, node.inputs.get(1)?);
        let &[result] = node.outputs.as_slice() else { return None };
        let (x, w, y) = (graph.value(input), graph.value(weights_id), graph.value(result));
        if x.dtype != DType::I8 || x.elements.is_some() {
            return None;
        }
        let Some(Elements::I8(weights)) = &w.elements else { return None };
        let bias = match node.inputs.get(2) {
            None => None,
            Some(&id) => match &graph.value(id).elements {
                Some(Elements::I32(bias)) => Some(bias.as_slice()),
                _ => return None,
            },
        };
        let [qx, qw, qy] = [x.quantization.as_ref()?, w.quantization.as_ref()?, y.quantization.as_ref()?];
        Some(Weighted {
            input,
            output: result,
            order,
            outputs: *y.shape.last()?,
            inputs: *x.shape.last()?,
            taps: if kernel == Kernel::None { 1 } else { w.shape[1] * w.shape[2] },
            weights,
            weight_zero_points: &qw.zero_points,
            bias,
            input_zero_point: qx.zero_point(),
            sights: sights(kernel, &x.shape, &w.shape, &y.shape),
            factors: fixed::layer_factors(qx, qw, qy),
            stage: fixed::output_stage(activation, qy),
        })
    }

    /// The input channels that output `output` reads.
    pub(super) fn reads(&self, output: usize) -> Range<usize> {
        match self.order {
            WeightOrder::Dense { groups } => {
                let each = self.inputs / groups;
                let first = output / (self.outputs / groups) * each;
                first..first + each
            }
            WeightOrder::Depthwise { multiplier } => output / multiplier..output / multiplier + 1,
        }
    }

    /// A weight less its zero point.
    fn weight(&self, output: usize, tap: usize, channel: usize) -> i64 {
        let index = match self.order {
            WeightOrder::Dense { groups } => {
                let each = self.inputs / groups;
                (output * self.taps + tap) * each + channel % each
            }
            WeightOrder::Depthwise { .. } => tap * self.outputs + output,
        };
        let zeros = self.weight_zero_points;
        let zero = zeros.get(output).or(zeros.first()).copied().unwrap_or(0);
        i64::from(self.weights[index]) - i64::from(zero)
    }

    /// True when no weight of `output` on `channel` differs from zero.
    pub(super) fn ignores(&self, output: usize, channel: usize) -> bool {
        (0..self.taps).all(|tap| self.weight(output, tap, channel) == 0)
    }

    /// The bias of `output` in the file.
    pub(super) fn bias(&self, output: usize) -> i64 {
        self.bias.map_or(0, |bias| i64::from(bias[output]))
    }

    /// What a channel that always holds `constant` adds to the accumulator of `output`, when it adds the same
    /// at every position. Padding stands for the input's zero point and adds nothing, so at the borders only
    /// some of the taps count.
    pub(super) fn contribution(&self, output: usize, channel: usize, constant: i8) -> Option<i64> {
        let real = i64::from(constant) - i64::from(self.input_zero_point);
        if real == 0 || self.ignores(output, channel) {
            return Some(0);
        }
        let mut sums = self.sights.as_ref()?.iter().map(|taps| self.seen(output, channel, taps) * real);
        let first = sums.next()?;
        sums.all(|sum| sum == first).then_some(first)
    }

    /// The sum of the weights on `channel` at `taps`.
    fn seen(&self, output: usize, channel: usize, taps: &[usize]) -> i64 {
        taps.iter().map(|&tap| self.weight(output, tap, channel)).sum()
    }

    /// The value `output` has at every position, if it is one value whatever the input is. `known` holds the
    /// input's constant channels.
    pub(super) fn constant_output(&self, output: usize, known: &[Option<i8>]) -> Option<i8> {
        let mut live = Vec::new();
        for channel in self.reads(output) {
            if !self.ignores(output, channel) {
                live.push((channel, i64::from(known[channel]?) - i64::from(self.input_zero_point)));
            }
        }
        live.retain(|&(_, real)| real != 0);
        if live.is_empty() {
            return Some(self.finish(output, self.bias(output)));
        }
        // At the borders fewer taps see the image; only the results have to agree, not the sums.
        let mut results = self.sights.as_ref()?.iter().map(|taps| {
            let sum: i64 = live.iter().map(|&(channel, real)| self.seen(output, channel, taps) * real).sum();
            self.finish(output, self.bias(output) + sum)
        });
        let first = results.next()?;
        results.all(|result| result == first).then_some(first)
    }

    /// Requantizes an accumulator, which wraps as the kernels' does.
    fn finish(&self, output: usize, accumulator: i64) -> i8 {
        let index = if self.factors.len() == 1 { 0 } else { output };
        self.stage.apply(accumulator as i32, self.factors[index])
    }
}
