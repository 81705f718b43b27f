//! `ConvTranspose`, with one or two spatial axes.

use super::attributes::Call;
use super::convolution::{explicit_paddings, plane};
use super::{Entry, Importer};
use crate::import::build::{Convert, refuse};
use crate::ir::{Activation, Elements, transposed};
use crate::op::TransposeConv2D;

const EXPORT_AGAIN: &str = "export the model again";

/// One spatial axis: what is cut off in front, and how long the result is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Axis {
    kernel: usize,
    stride: usize,
    pad: usize,
    size: usize,
}

pub(super) fn conv_transpose(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let x = call.value(0)?;
    let shape = importer.shape(x);
    let (w_shape, weights) = call.floats_of(1, "weights")?;
    if shape.len() < 3 || w_shape.len() != shape.len() || w_shape.contains(&0) {
        return refuse(format!("input {shape:?} and weights {w_shape:?} do not fit"), EXPORT_AGAIN);
    }
    let spatial = shape.len() - 2;
    call.check_kernel_shape(&w_shape[2..])?;
    if call.extents("dilations", spatial)?.iter().any(|&dilation| dilation != 1) {
        return refuse("the kernel is dilated", "use a dilation of 1, with a larger kernel that has zeros in between");
    }
    let groups = call.extent("group")?;
    if shape[1] != w_shape[0] || !shape[1].is_multiple_of(groups) {
        return refuse(format!("input {shape:?} and weights {w_shape:?} do not fit {groups} groups"), EXPORT_AGAIN);
    }
    let one = Axis { kernel: 1, stride: 1, pad: 0, size: 1 };
    let axes = plane(&spatial_axes(call, &shape[2..], &w_shape[2..])?, one)?;
    importer.budget.charge(weights.len(), 4)?;
    let [kernel_h, kernel_w] = axes.map(|axis| axis.kernel);
    let (inputs_each, outputs_each) = (shape[1] / groups, w_shape[1]);
    // `[groups, I / groups, O / groups, KH, KW]`
    let in_file = [groups, inputs_each, outputs_each, kernel_h, kernel_w];
    let weights = transposed(weights, &in_file, &[0, 2, 3, 4, 1]);
    let outputs = groups * outputs_each;
    let (image, spatial) = importer.plane_of(call, x)?;
    let weights_shape = vec![outputs, kernel_h, kernel_w, inputs_each];
    let name = format!("{}/weights", call.name);
    let mut inputs = vec![image, importer.builder.constant(&name, weights_shape, Elements::F32(weights))?];
    inputs.extend(importer.bias(call)?);
    let op = TransposeConv2D {
        stride: axes.map(|axis| axis.stride),
        pad: axes.map(|axis| axis.pad),
        size: axes.map(|axis| axis.size),
        groups,
        activation: Activation::None,
    };
    let y = importer.apply(call.name, op.into(), inputs)?;
    importer.restored(call, y, spatial)
}

/// The spatial axes, by `auto_pad`, `pads`, `output_padding` and `output_shape`.
fn spatial_axes(call: &Call<'_>, extents: &[usize], kernel: &[usize]) -> Convert<Vec<Axis>> {
    let rank = extents.len();
    let strides = call.extents("strides", rank)?;
    let behind = naturals(call, "output_padding", rank)?.unwrap_or_else(|| vec![0; rank]);
    let sizes = naturals(call, "output_shape", rank)?;
    let mode = call.string("auto_pad", "NOTSET")?;
    let pads = match mode {
        "NOTSET" => explicit_paddings(call, rank)?,
        "VALID" | "SAME_UPPER" | "SAME_LOWER" => vec![[0, 0]; rank],
        other => return refuse(format!("auto_pad is {other}"), "use explicit pads"),
    };
    let axis = |axis: usize| {
        let (kernel, stride, extent) = (kernel[axis], strides[axis], extents[axis]);
        let spread = extent.checked_sub(1).and_then(|gaps| gaps.checked_mul(stride));
        let full = spread.and_then(|spread| spread.checked_add(kernel)?.checked_add(behind[axis]));
        let (Some(full), Some(same)) = (full, extent.checked_mul(stride)) else {
            return refuse("its result is too large", "use a smaller stride");
        };
        let size = match (&sizes, mode) {
            (Some(sizes), _) => Some(sizes[axis]),
            (None, "SAME_UPPER" | "SAME_LOWER") => Some(same),
            _ => None,
        };
        let (pad, size) = match size {
            // The odd one is cut off in front unless the mode says otherwise.
            Some(size) => {
                let cut = full.saturating_sub(size);
                (if mode == "SAME_UPPER" { cut / 2 } else { cut - cut / 2 }, size)
            }
            None => {
                let [before, after] = pads[axis];
                match full.checked_sub(before).and_then(|rest| rest.checked_sub(after)) {
                    Some(size) => (before, size),
                    None => return refuse(format!("pads {:?} cut everything off", pads[axis]), EXPORT_AGAIN),
                }
            }
        };
        Ok(Axis { kernel, stride, pad, size })
    };
    (0..rank).map(axis).collect()
}

/// An attribute of one number of zero or more for each axis. `output_shape` may have those of batch and channels too.
fn naturals(call: &Call<'_>, name: &str, rank: usize) -> Convert<Option<Vec<usize>>> {
    let Some(numbers) = call.ints(name)? else { return Ok(None) };
    let spatial = &numbers[numbers.len().saturating_sub(rank)..];
    let numbers: Option<Vec<usize>> = spatial.iter().map(|&number| usize::try_from(number).ok()).collect();
    match numbers.filter(|numbers| numbers.len() == rank) {
        Some(numbers) => Ok(Some(numbers)),
        None => refuse(format!("{name} does not have a number for each of {rank} axes"), EXPORT_AGAIN),
    }
}
