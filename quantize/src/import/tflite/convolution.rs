//! Convolutions, the window that slides over a plane, and weighted layers' operands.

use super::Importer;
use super::call::Call;
use crate::import::build::{Convert, refuse};
use crate::import::wide::{convolved, is_wide};
use crate::ir::{Padding, ValueId};
use crate::op::{Conv2D, DepthwiseConv2D, TransposeConv2D};

/// Explicit padding of one axis for the file's SAME or VALID.
fn pad_axis(mode: i8, extent: usize, kernel: usize, stride: usize, dilation: usize) -> Convert<[usize; 2]> {
    match mode {
        1 => Ok([0, 0]),
        0 => {
            let reach = (kernel - 1).checked_mul(dilation).and_then(|reach| reach.checked_add(1));
            let covered = extent.div_ceil(stride).saturating_sub(1).checked_mul(stride);
            let total = reach.zip(covered).and_then(|(reach, covered)| reach.checked_add(covered));
            match total {
                Some(total) => {
                    let total = total.saturating_sub(extent);
                    // An odd row goes to the end, as TensorFlow has it.
                    Ok([total / 2, total - total / 2])
                }
                None => refuse("kernel is too large", "use a smaller kernel"),
            }
        }
        other => refuse(format!("padding with code {other}"), "use SAME or VALID"),
    }
}

/// A sliding window: kernel, stride and dilation along height and width.
pub(super) struct Slide {
    pub(super) kernel: [usize; 2],
    pub(super) stride: [usize; 2],
    pub(super) dilation: [usize; 2],
}

impl Slide {
    pub(super) fn padding(&self, mode: i8, input: &[usize]) -> Convert<Padding> {
        let &[_, height, width, _] = input else {
            return refuse(format!("operand has shape {input:?}"), "4 axes [N, H, W, C] are needed");
        };
        let [top, bottom] = pad_axis(mode, height, self.kernel[0], self.stride[0], self.dilation[0])?;
        let [left, right] = pad_axis(mode, width, self.kernel[1], self.stride[1], self.dilation[1])?;
        Ok(Padding { top, bottom, left, right })
    }
}

/// `x`, weights and the optional bias.
pub(super) fn weighted(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<Vec<ValueId>> {
    weighted_at(importer, call, [0, 1, 2])
}

/// The same from these positions among the operands.
fn weighted_at(
    importer: &mut Importer<'_, '_>,
    call: &Call<'_, '_>,
    [x, weights, bias]: [usize; 3],
) -> Convert<Vec<ValueId>> {
    let x = importer.operand(call, x)?;
    let weights = importer.weights(call.tensor(weights), x)?;
    let mut inputs = vec![x, weights];
    if let Some(bias) = call.given(bias) {
        let bias = importer.weights(bias, x)?;
        // Old converters give it leading axes of one, which no kernel looks at.
        let len = importer.builder.graph.value(bias).len();
        importer.charge_copy(bias)?;
        inputs.push(importer.builder.reshape("bias", bias, vec![len])?);
    }
    Ok(inputs)
}

pub(super) fn conv2d(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let inputs = weighted(importer, call)?;
    let (x, w) = (importer.shape_of(inputs[0]), importer.shape_of(inputs[1]));
    let &[_, kernel_h, kernel_w, depth] = w.as_slice() else {
        return refuse(format!("weights have shape {w:?}"), "4 axes are needed");
    };
    let slide = Slide {
        kernel: [kernel_h, kernel_w],
        stride: [call.extent(2, 0, "stride")?, call.extent(1, 0, "stride")?],
        dilation: [call.extent(5, 1, "dilation")?, call.extent(4, 1, "dilation")?],
    };
    let op = Conv2D {
        stride: slide.stride,
        dilation: slide.dilation,
        padding: slide.padding(call.code(0)?, &x)?,
        groups: x[3] / depth,
        activation: call.activation(3)?,
    };
    if is_wide(&importer.builder, &op, inputs[0], inputs[1]) {
        let y = convolved(&mut importer.builder, call.name, op, inputs)?;
        return importer.rename(call, y);
    }
    importer.finish(call, op, inputs)
}

pub(super) fn depthwise(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let inputs = weighted(importer, call)?;
    let (x, w) = (importer.shape_of(inputs[0]), importer.shape_of(inputs[1]));
    let &[_, kernel_h, kernel_w, outputs] = w.as_slice() else {
        return refuse(format!("weights have shape {w:?}"), "4 axes are needed");
    };
    let slide = Slide {
        kernel: [kernel_h, kernel_w],
        stride: [call.extent(2, 0, "stride")?, call.extent(1, 0, "stride")?],
        dilation: [call.extent(6, 1, "dilation")?, call.extent(5, 1, "dilation")?],
    };
    let op = DepthwiseConv2D {
        stride: slide.stride,
        dilation: slide.dilation,
        padding: slide.padding(call.code(0)?, &x)?,
        multiplier: outputs / x[3],
        activation: call.activation(4)?,
    };
    importer.finish(call, op, inputs)
}

/// The first operand repeats the shape of the result, which is the one that the file declares.
pub(super) fn transpose_conv(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let inputs = weighted_at(importer, call, [2, 1, 3])?;
    let output = importer.result(call)?;
    let (w, y) = (importer.shape_of(inputs[1]), importer.shape_of(output));
    let (&[_, kernel_h, kernel_w, _], &[_, height, width, _]) = (w.as_slice(), y.as_slice()) else {
        return refuse(format!("weights have shape {w:?} and the result {y:?}"), "4 axes are needed");
    };
    // As if the result were convolved.
    let slide = Slide {
        kernel: [kernel_h, kernel_w],
        stride: [call.extent(2, 0, "stride")?, call.extent(1, 0, "stride")?],
        dilation: [1, 1],
    };
    let padding = slide.padding(call.code(0)?, &y)?;
    let op = TransposeConv2D {
        stride: slide.stride,
        pad: [padding.top, padding.left],
        size: [height, width],
        groups: 1,
        activation: call.activation(3)?,
    };
    importer.finish(call, op, inputs)
}
