//! `Conv`, with one or two spatial axes; one with three is taken apart (`volume.rs`).

use super::attributes::Call;
use super::{Entry, Importer, volume};
use crate::import::build::{Convert, refuse};
use crate::import::wide::convolved;
use crate::ir::{Activation, Elements, Padding, ValueId, transposed};
use crate::op::{Conv2D, DepthwiseConv2D};

const EXPORT_AGAIN: &str = "export the model again";

/// How a window moves over one spatial axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slide {
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) dilation: usize,
}

/// Padding before and after each spatial axis, by `auto_pad` and `pads`.
pub(super) fn paddings(call: &Call<'_>, extents: &[usize], slides: &[Slide]) -> Convert<Vec<[usize; 2]>> {
    let mode = call.string("auto_pad", "NOTSET")?;
    match mode {
        "NOTSET" => explicit_paddings(call, extents.len()),
        "VALID" => Ok(vec![[0, 0]; extents.len()]),
        "SAME_UPPER" | "SAME_LOWER" => {
            let axes = extents.iter().zip(slides);
            axes.map(|(&extent, slide)| same_padding(extent, slide, mode == "SAME_UPPER")).collect()
        }
        other => refuse(format!("auto_pad is {other}"), "use explicit pads"),
    }
}

pub(super) fn explicit_paddings(call: &Call<'_>, rank: usize) -> Convert<Vec<[usize; 2]>> {
    let Some(pads) = call.ints("pads")? else { return Ok(vec![[0, 0]; rank]) };
    let amounts: Option<Vec<usize>> = pads.iter().map(|&pad| usize::try_from(pad).ok()).collect();
    match amounts {
        // All the beginnings come first, then all the ends.
        Some(amounts) if amounts.len() == 2 * rank => {
            Ok((0..rank).map(|axis| [amounts[axis], amounts[rank + axis]]).collect())
        }
        _ => refuse(format!("pads are {pads:?}"), "use one pad of zero or more for each side of each axis"),
    }
}

fn same_padding(extent: usize, slide: &Slide, odd_at_end: bool) -> Convert<[usize; 2]> {
    let reach = (slide.kernel - 1).checked_mul(slide.dilation).and_then(|reach| reach.checked_add(1));
    let covered = extent.div_ceil(slide.stride).saturating_sub(1).checked_mul(slide.stride);
    let Some(total) = reach.zip(covered).and_then(|(reach, covered)| reach.checked_add(covered)) else {
        return refuse("kernel is too large", "use a smaller kernel");
    };
    let total = total.saturating_sub(extent);
    let (less, more) = (total / 2, total - total / 2);
    Ok(if odd_at_end { [less, more] } else { [more, less] })
}

/// Pairs along height and width; an operator with one spatial axis has height 1.
pub(super) fn plane<T: Copy>(axes: &[T], one: T) -> Convert<[T; 2]> {
    match *axes {
        [width] => Ok([one, width]),
        [height, width] => Ok([height, width]),
        _ => refuse(format!("has {} spatial axes", axes.len()), "use one or two spatial axes"),
    }
}

pub(super) fn plane_padding(axes: &[[usize; 2]]) -> Convert<Padding> {
    let [[top, bottom], [left, right]] = plane(axes, [0, 0])?;
    Ok(Padding { top, bottom, left, right })
}

impl Importer<'_> {
    /// `x` channels-last and with two spatial axes; and the number it had.
    pub(super) fn plane_of(&mut self, call: &Call<'_>, x: ValueId) -> Convert<(ValueId, usize)> {
        let spatial = self.shape(x).len().saturating_sub(2);
        if !(1..=2).contains(&spatial) {
            let shape = self.shape(x);
            return refuse(format!("operand has shape {shape:?}"), "use [N, C, L] or [N, C, H, W]");
        }
        let last = self.channels_last(call, x)?;
        if spatial == 2 {
            return Ok((last, spatial));
        }
        let shape = self.shape(last);
        let image =
            self.builder.reshape(&format!("{}/image", call.name), last, vec![shape[0], 1, shape[1], shape[2]])?;
        Ok((image, spatial))
    }

    /// Operands of a layer: `x`, the weights as it wants them, and the bias.
    pub(super) fn layer_inputs(
        &mut self,
        call: &Call<'_>,
        x: ValueId,
        (shape, weights): (Vec<usize>, Vec<f32>),
    ) -> Convert<Vec<ValueId>> {
        let mut inputs = vec![x, self.weights(call, shape, weights)?];
        inputs.extend(self.bias(call)?);
        Ok(inputs)
    }

    /// The bias that is operand 2, where there is one.
    pub(super) fn bias(&mut self, call: &Call<'_>) -> Convert<Option<ValueId>> {
        if call.operand(2).is_none() {
            return Ok(None);
        }
        let (_, bias) = call.floats_of(2, "bias")?;
        self.budget.charge(bias.len(), 4)?;
        let elements = Elements::F32(bias.to_vec());
        Ok(Some(self.builder.constant(&format!("{}/bias", call.name), vec![bias.len()], elements)?))
    }

    /// The inverse of [`Self::plane_of`] for a result with `spatial` axes.
    pub(super) fn restored(&mut self, call: &Call<'_>, y: ValueId, spatial: usize) -> Convert<Entry> {
        let mut y = y;
        if spatial == 1 {
            let shape = self.shape(y);
            y = self.builder.reshape(&format!("{}/row", call.name), y, vec![shape[0], shape[2], shape[3]])?;
        }
        Ok(Entry::Value(self.channels_first(call, y)?))
    }
}

pub(super) fn conv(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    // An image that is a constant, a table of positions for one, becomes one with the layer.
    let x = importer.float_operand(call, 0)?;
    let shape = importer.shape(x);
    if shape.len() == 5 {
        return volume::conv(importer, call);
    }
    let (w_shape, weights) = call.floats_of(1, "weights")?;
    if shape.len() < 3 || w_shape.len() != shape.len() || w_shape.contains(&0) {
        return refuse(format!("input {shape:?} and weights {w_shape:?} do not fit"), EXPORT_AGAIN);
    }
    let spatial = shape.len() - 2;
    call.check_kernel_shape(&w_shape[2..])?;
    let (strides, dilations) = (call.extents("strides", spatial)?, call.extents("dilations", spatial)?);
    let slides: Vec<Slide> = (0..spatial)
        .map(|axis| Slide { kernel: w_shape[2 + axis], stride: strides[axis], dilation: dilations[axis] })
        .collect();
    let layer = Layer {
        slides: plane(&slides, Slide { kernel: 1, stride: 1, dilation: 1 })?,
        padding: plane_padding(&paddings(call, &shape[2..], &slides)?)?,
        channels: shape[1],
        outputs: w_shape[0],
        groups: call.extent("group")?,
        group_channels: w_shape[1],
    };
    importer.budget.charge(weights.len(), 4)?;
    let (image, spatial) = importer.plane_of(call, x)?;
    let y = if layer.is_depthwise() {
        let (op, weights) = layer.depthwise(weights);
        let inputs = importer.layer_inputs(call, image, weights)?;
        importer.apply(call.name, op.into(), inputs)?
    } else {
        let (op, weights) = layer.ordinary(weights);
        let inputs = importer.layer_inputs(call, image, weights)?;
        convolved(&mut importer.builder, call.name, op, inputs)?
    };
    importer.restored(call, y, spatial)
}

/// A convolution over a plane, by ONNX's numbers.
struct Layer {
    /// Along height and width.
    slides: [Slide; 2],
    padding: Padding,
    channels: usize,
    outputs: usize,
    groups: usize,
    group_channels: usize,
}

impl Layer {
    /// Whether each group has one channel. A single channel in all is an ordinary convolution.
    fn is_depthwise(&self) -> bool {
        self.groups == self.channels
            && self.channels > 1
            && self.outputs.is_multiple_of(self.channels)
            && self.group_channels == 1
    }

    /// The operator with its weights' shape and elements, from weights `[O, 1, KH, KW]`.
    fn depthwise(&self, weights: &[f32]) -> (DepthwiseConv2D, (Vec<usize>, Vec<f32>)) {
        let (stride, dilation) = (self.slides.map(|slide| slide.stride), self.slides.map(|slide| slide.dilation));
        let (padding, activation) = (self.padding, Activation::None);
        let multiplier = self.outputs / self.channels;
        let op = DepthwiseConv2D { stride, dilation, padding, multiplier, activation };
        (op, self.ordered(weights, [1, 2, 3, 0]))
    }

    /// The same from weights `[O, I / groups, KH, KW]`.
    fn ordinary(&self, weights: &[f32]) -> (Conv2D, (Vec<usize>, Vec<f32>)) {
        let (stride, dilation) = (self.slides.map(|slide| slide.stride), self.slides.map(|slide| slide.dilation));
        let (padding, activation) = (self.padding, Activation::None);
        let op = Conv2D { stride, dilation, padding, groups: self.groups, activation };
        (op, self.ordered(weights, [0, 2, 3, 1]))
    }

    /// Shape and elements of the weights with their axes in this order.
    fn ordered(&self, weights: &[f32], order: [usize; 4]) -> (Vec<usize>, Vec<f32>) {
        let [kernel_h, kernel_w] = self.slides.map(|slide| slide.kernel);
        let shape = [self.outputs, self.group_channels, kernel_h, kernel_w];
        (order.map(|axis| shape[axis]).to_vec(), transposed(weights, &shape, &order))
    }
}
