//! Pooling, with one or two spatial axes.

use super::attributes::Call;
use super::convolution::{Slide, explicit_paddings, paddings, plane, plane_padding};
use super::{Entry, Importer};
use crate::import::build::{Convert, refuse};
use crate::ir::{Activation, Op, Padding, ValueId, Window};
use crate::op::{AveragePool2D, MaxPool2D, Pad};

impl Importer<'_> {
    /// Moves the file's pads out of the window into real zeros that count. What `ceil_mode` added beyond
    /// them stays in the window: it never counts.
    fn padded(&mut self, call: &Call<'_>, image: ValueId, spatial: usize, window: &mut Window) -> Convert<ValueId> {
        let pads = plane_padding(&explicit_paddings(call, spatial)?)?;
        if pads == Padding::default() {
            return Ok(image);
        }
        let before = vec![0, pads.top, pads.left, 0];
        let after = vec![0, pads.bottom, pads.right, 0];
        window.padding = Padding {
            top: 0,
            left: 0,
            bottom: window.padding.bottom - pads.bottom,
            right: window.padding.right - pads.right,
        };
        self.apply(&format!("{}/pad", call.name), Op::Pad(Pad { before, after, value: 0.0 }), vec![image])
    }

    fn window(&self, call: &Call<'_>, x: ValueId) -> Convert<Window> {
        let shape = self.shape(x);
        if !(3..=4).contains(&shape.len()) {
            return refuse(format!("operand has shape {shape:?}"), "use [N, C, L] or [N, C, H, W]");
        }
        let spatial = shape.len() - 2;
        if call.extents("dilations", spatial)?.iter().any(|&dilation| dilation != 1) {
            return refuse("the window is dilated", "pool without dilation");
        }
        if !call.has("kernel_shape") {
            return refuse("kernel_shape is missing", "export the model again");
        }
        let (kernel, strides) = (call.extents("kernel_shape", spatial)?, call.extents("strides", spatial)?);
        let slides: Vec<Slide> =
            kernel.iter().zip(&strides).map(|(&kernel, &stride)| Slide { kernel, stride, dilation: 1 }).collect();
        let mut pads = paddings(call, &shape[2..], &slides)?;
        if call.int("ceil_mode", 0)? != 0 {
            for ((pad, slide), &extent) in pads.iter_mut().zip(&slides).zip(&shape[2..]) {
                pad[1] = pad[1].saturating_add(ceil_padding(extent, *pad, slide));
            }
        }
        Ok(Window { size: plane(&kernel, 1)?, stride: plane(&strides, 1)?, padding: plane_padding(&pads)? })
    }
}

pub(super) fn max_pool(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    if call.node.outputs.iter().skip(1).any(|output| !output.is_empty()) {
        return refuse("its indices are used", "use the pooled values only");
    }
    let x = call.value(0)?;
    let window = importer.window(call, x)?;
    let (image, spatial) = importer.plane_of(call, x)?;
    let y =
        importer.apply(call.name, Op::MaxPool2D(MaxPool2D { window, activation: Activation::None }), vec![image])?;
    importer.restored(call, y, spatial)
}

pub(super) fn average_pool(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let x = call.value(0)?;
    let mut window = importer.window(call, x)?;
    let (mut image, spatial) = importer.plane_of(call, x)?;
    if call.int("count_include_pad", 0)? != 0 && call.string("auto_pad", "NOTSET")? == "NOTSET" {
        image = importer.padded(call, image, spatial, &mut window)?;
    } else if call.int("count_include_pad", 0)? != 0 && window.padding != Padding::default() {
        return refuse("counts padding of its own choice (count_include_pad with auto_pad)", "use explicit pads");
    }
    let y = importer.apply(
        call.name,
        Op::AveragePool2D(AveragePool2D { window, activation: Activation::None }),
        vec![image],
    )?;
    importer.restored(call, y, spatial)
}

/// Extra padding at the end that makes room for a last window that is not full. A window that would start
/// in the padding does not count as one.
fn ceil_padding(extent: usize, pad: [usize; 2], slide: &Slide) -> usize {
    let padded = extent.saturating_add(pad[0]).saturating_add(pad[1]);
    let Some(travel) = padded.checked_sub(slide.kernel) else { return 0 };
    let last = travel.div_ceil(slide.stride).saturating_mul(slide.stride);
    if last >= extent.saturating_add(pad[0]) { 0 } else { last.saturating_sub(travel) }
}
