//! One layer's new constants.

use core::ops::{Range, RangeInclusive};

use kinglet_kernels::packing::Storage;

use super::inverse::Inverse;
use super::moments::{Group, Moments};
use super::parallel;
use super::patches::Patches;
use super::row::{Part, Target};
use crate::affine::ACCUMULATOR_MAX;
use crate::ir::{Elements, Graph, Node, Quantization};

/// By which part of the mean of its diagonal a covariance is made definite.
const DAMPING: f64 = 0.01;

/// Largest distance of an operand's code from its zero point.
const CODE_DISTANCE_MAX: f64 = 256.0;

/// The codes of a channel, and their scale.
pub(super) type Row = (Vec<i8>, f64);

/// New constants of a layer.
#[derive(Clone)]
pub(super) struct Rounded {
    weights: Vec<i8>,
    scales: Vec<f32>,
    bias: Vec<i32>,
    bias_scales: Vec<f32>,
    storage: Storage,
}

/// What one group's channels are rounded with.
struct Rounding {
    /// Taps in the order of falling variance, in parts.
    parts: Vec<(Vec<usize>, Inverse)>,
    group: Group,
    damping: f64,
    /// Whether weights are fitted again before they are rounded.
    fits: bool,
}

impl Rounded {
    /// The constants of `node` of `int8`, whose float form is `twin` of `float`. `None` when it has no such constants, or
    /// the covariance cannot be inverted.
    pub(super) fn of(
        (float, twin): (&Graph, &Node),
        (int8, node): (&Graph, &Node),
        patches: &Patches<'_>,
        moments: &Moments,
        (storage, fits): (Storage, bool),
    ) -> Option<Self> {
        let exact = weights((float, twin), (int8, node), patches)?;
        let channel = |rounding: &Rounding, group: usize, output: usize| {
            rounding.channel(output, &exact[group * patches.outputs + output], storage)
        };
        let roundings = |group: usize| Rounding::of(moments.group(group), fits);
        let rows: Vec<Option<Row>> = if patches.groups == 1 {
            let rounding = roundings(0)?;
            parallel::map(patches.outputs, |output| channel(&rounding, 0, output))
        } else {
            let all = parallel::map(patches.groups, |group| {
                let rounding = roundings(group)?;
                Some((0..patches.outputs).map(|output| channel(&rounding, group, output)).collect::<Vec<_>>())
            });
            all.into_iter().collect::<Option<Vec<_>>>()?.into_iter().flatten().collect()
        };
        Self::of_rows((int8, node), patches, moments, (rows, storage))
    }

    /// The constants of `node` of `int8` with these codes and scales of its channels, in units of the results for each step of
    /// an operand's code. None for a channel that reads nothing.
    pub(super) fn of_rows(
        (int8, node): (&Graph, &Node),
        patches: &Patches<'_>,
        moments: &Moments,
        (rows, storage): (Vec<Option<Row>>, Storage),
    ) -> Option<Self> {
        let order = node.op.operator().layer()?.order;
        let value = int8.value(node.inputs[1]);
        let old = value.quantization.as_ref()?;
        let input_scale = f64::from(int8.value(node.inputs[0]).quantization.as_ref()?.scale(0));
        let outputs = patches.groups * patches.outputs;
        let mut rounded = Rounded {
            weights: vec![0; value.len()],
            scales: vec![0.0; outputs],
            bias: vec![0; outputs],
            bias_scales: vec![0.0; outputs],
            storage,
        };
        for (channel, row) in rows.into_iter().enumerate() {
            let (group, output) = (channel / patches.outputs, channel % patches.outputs);
            // A channel without weights computes its bias, in the steps that it had.
            let (codes, scale) = match row {
                Some(row) => (row.0, (row.1 / input_scale) as f32),
                None => (vec![0; patches.taps], old.scale(channel)),
            };
            let scale = scale.clamp(f32::MIN_POSITIVE, f32::MAX);
            let bias_scale = (input_scale as f32 * scale).clamp(f32::MIN_POSITIVE, f32::MAX);
            let bias = moments.bias(group, output, &codes, f64::from(bias_scale));
            rounded.bias[channel] = bias.round().clamp(-ACCUMULATOR_MAX, ACCUMULATOR_MAX) as i32;
            (rounded.scales[channel], rounded.bias_scales[channel]) = (scale, bias_scale);
            for (at, code) in patches.weights(order, group, output).zip(codes) {
                rounded.weights[at] = code;
            }
        }
        Some(rounded)
    }

    /// Weights that are zero.
    pub(super) fn zeros(&self) -> usize {
        self.weights.iter().filter(|code| **code == 0).count()
    }

    /// Puts the constants in the place of the layer's own.
    pub(super) fn put(self, int8: &mut Graph, index: usize) {
        let (weights, bias) = {
            let node = &int8.nodes[index];
            (node.inputs[1], node.inputs.get(2).copied())
        };
        let quantization = |scales: Vec<f32>, axis, storage| Quantization {
            zero_points: vec![0; scales.len()],
            scales,
            axis: Some(axis),
            storage,
        };
        let value = int8.value_mut(weights);
        let axis = value.quantization.as_ref().and_then(|own| own.axis).unwrap_or(0);
        value.elements = Some(Elements::I8(self.weights));
        value.quantization = Some(quantization(self.scales, axis, self.storage));
        let elements = Elements::I32(self.bias);
        let bias = match bias {
            Some(bias) => {
                int8.value_mut(bias).elements = Some(elements);
                bias
            }
            None => {
                let name = format!("{}/bias", int8.nodes[index].name);
                let bias = int8.add_constant(&name, vec![self.bias_scales.len()], elements);
                int8.nodes[index].inputs.push(bias);
                bias
            }
        };
        int8.value_mut(bias).quantization = Some(quantization(self.bias_scales, 0, Storage::Bits8));
    }
}

/// The float weights of each output channel, for each step of an operand's code. `None` when they are no constants.
pub(super) fn weights(
    (float, twin): (&Graph, &Node),
    (int8, node): (&Graph, &Node),
    patches: &Patches<'_>,
) -> Option<Vec<Vec<f64>>> {
    let order = node.op.operator().layer()?.order;
    let exact = float.constant_f32(*twin.inputs.get(1)?)?;
    let input_scale = f64::from(int8.value(node.inputs[0]).quantization.as_ref()?.scale(0));
    let channel = |channel: usize| {
        let places = patches.weights(order, channel / patches.outputs, channel % patches.outputs);
        places.map(|at| f64::from(exact[at]) * input_scale).collect()
    };
    Some((0..patches.groups * patches.outputs).map(channel).collect())
}

/// What is added to the diagonal of a group's covariances.
pub(super) fn damping(group: &Group) -> f64 {
    let variances = |part: &(Range<usize>, Vec<f64>)| {
        let (len, covariance) = (part.0.len(), part.1.clone());
        (0..len).map(move |tap| covariance[tap * len + tap])
    };
    let taps: usize = group.covariances.iter().map(|part| part.0.len()).sum();
    let mean = group.covariances.iter().flat_map(variances).sum::<f64>() / taps.max(1) as f64;
    // What never moves leaves its weights free; a unit keeps them where they are.
    if mean > 0.0 { DAMPING * mean } else { 1.0 }
}

/// No sum overflows with this scale or a larger one: each weight is a code below half a step more.
pub(super) fn scale_min(weights: impl Iterator<Item = f64>, result_mean: f64) -> f64 {
    let reach = weights.map(f64::abs).sum::<f64>() * CODE_DISTANCE_MAX + result_mean.abs();
    (reach / (ACCUMULATOR_MAX * 0.5)).max(f64::from(f32::MIN_POSITIVE))
}

impl Rounding {
    fn of(group: Group, fits: bool) -> Option<Self> {
        let damping = damping(&group);
        let part = |(range, covariance): &(Range<usize>, Vec<f64>)| {
            let len = range.len();
            let mut order: Vec<usize> = (0..len).collect();
            let variance = |tap: usize| covariance[tap * len + tap];
            order.sort_by(|&a, &b| variance(b).total_cmp(&variance(a)).then(a.cmp(&b)));
            let element =
                |row: usize, column: usize| covariance[row * len + column] + if row == column { damping } else { 0.0 };
            let matrix = order.iter().flat_map(|&row| order.iter().map(move |&column| element(row, column))).collect();
            let inverse = Inverse::of(matrix, len)?;
            Some((order.into_iter().map(|tap| range.start + tap).collect(), inverse))
        };
        let parts = group.covariances.iter().map(part).collect::<Option<Vec<_>>>()?;
        Some(Rounding { parts, group, damping, fits })
    }

    /// Codes and scale of an output channel, `weights` being what its weights were; `None` when all of them are zero.
    fn channel(&self, output: usize, weights: &[f64], storage: Storage) -> Option<(Vec<i8>, f64)> {
        let taps = weights.len();
        let crossed = &self.group.crossed[output * taps..][..taps];
        let part = |(order, inverse): &'_ (Vec<usize>, Inverse)| {
            let own: Vec<f64> = order.iter().map(|&tap| weights[tap]).collect();
            let refit = || -> Vec<f64> {
                let sums = order.iter().map(|&tap| crossed[tap] + self.damping * weights[tap]);
                inverse.divide(&sums.collect::<Vec<_>>())
            };
            // Parts that know nothing of each other would all make up for the same error.
            if self.fits && self.parts.len() == 1 { refit() } else { own }
        };
        let parts: Vec<Part<'_>> = self.parts.iter().map(|of| Part { weights: part(of), inverse: &of.1 }).collect();
        let weights = parts.iter().flat_map(|part| part.weights.iter().copied());
        let scale_min = scale_min(weights, self.group.result_means[output]);
        let range = codes_of(storage);
        let row = Target { parts, range, scale_min }.round()?;
        let mut codes = vec![0; taps];
        for ((order, _), part) in self.parts.iter().zip(&row.codes) {
            order.iter().zip(part).for_each(|(&tap, &code)| codes[tap] = code as i8);
        }
        Some((codes, row.scale))
    }
}

/// The codes that weights get: all that the storage holds, but for -128, which some kernels do not take.
pub(super) fn codes_of(storage: Storage) -> RangeInclusive<i32> {
    let range = storage.range();
    i32::from(*range.start()).max(-i32::from(i8::MAX))..=i32::from(*range.end())
}
