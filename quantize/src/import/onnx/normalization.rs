//! Normalizations, and other functions of all elements along an axis.

use super::attributes::{Call, normal_axes, normal_axis};
use super::convolution::Slide;
use super::volume::{Pooling, Reach};
use super::{Entry, Importer};
use crate::import::build::{Convert, refuse};
use crate::ir::{Activation, Elements, ValueId, inverse};
use crate::op::{Add, Along, Function as Combined, LineFunction as Function, Mul, Transpose};

impl Importer<'_> {
    /// `x` times operand `scale`, plus operand `shift`, where the node has them. Both get `shape`, when there is one.
    fn affine(
        &mut self,
        call: &Call<'_>,
        x: ValueId,
        operands: [usize; 2],
        shape: Option<&[usize]>,
    ) -> Convert<ValueId> {
        let mut y = x;
        for (index, what) in operands.into_iter().zip(["scale", "shift"]) {
            if call.operand(index).is_none() {
                continue;
            }
            let mut operand = self.float_operand(call, index)?;
            if let Some(shape) = shape {
                operand = self.builder.reshape(&format!("{}/{what}", call.name), operand, shape.to_vec())?;
            }
            let operands = self.builder.same_rank(&format!("{}/{what}", call.name), [y, operand])?.to_vec();
            let activation = Activation::None;
            let op = if what == "scale" { Mul { activation }.into() } else { Add { activation }.into() };
            y = self.apply(&format!("{}/{what}", call.name), op, operands)?;
        }
        Ok(y)
    }

    fn along(&mut self, call: &Call<'_>, x: ValueId, function: Function, axes: Vec<usize>) -> Convert<ValueId> {
        let epsilon = if function.has_epsilon() { call.float("epsilon", 1e-5)? } else { 0.0 };
        self.apply(call.name, Along { function, axes, epsilon }.into(), vec![x])
    }
}

/// Statistics that only training reads.
fn refuse_statistics(call: &Call<'_>) -> Convert<()> {
    if call.node.outputs.iter().skip(1).any(|output| !output.is_empty()) {
        return refuse("its mean or deviation is used", "export the model in inference mode (model.eval())");
    }
    Ok(())
}

/// Over all axes from `axis` on.
fn over_last(importer: &mut Importer<'_>, call: &Call<'_>, function: Function) -> Convert<Entry> {
    refuse_statistics(call)?;
    let x = call.value(0)?;
    let rank = importer.shape(x).len();
    let axis = normal_axis(call.int("axis", -1)?, rank)?;
    let y = importer.along(call, x, function, (axis..rank).collect())?;
    Ok(Entry::Value(importer.affine(call, y, [1, 2], None)?))
}

pub(super) fn layer_normalization(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    over_last(importer, call, Function::Standard)
}

pub(super) fn rms_normalization(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    over_last(importer, call, Function::Rms)
}

/// Each channel of each image by itself.
pub(super) fn instance_normalization(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let x = call.value(0)?;
    let shape = importer.shape(x);
    if shape.len() < 3 {
        return refuse(format!("operand has shape {shape:?}"), "use [N, C, ...]");
    }
    let y = importer.along(call, x, Function::Standard, (2..shape.len()).collect())?;
    let per_channel = channel_shape(&shape, shape[1]);
    Ok(Entry::Value(importer.affine(call, y, [1, 2], Some(&per_channel))?))
}

/// Channels in groups: `[N, groups, rest]`.
pub(super) fn group_normalization(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let x = call.value(0)?;
    let shape = importer.shape(x);
    let groups = call.extent("num_groups")?;
    if shape.len() < 2 || !shape[1].is_multiple_of(groups) {
        return refuse(
            format!("operand has shape {shape:?} and {groups} groups"),
            "use groups that divide the channels",
        );
    }
    let rest = shape[1..].iter().product::<usize>() / groups;
    let grouped = importer.builder.reshape(&format!("{}/groups", call.name), x, vec![shape[0], groups, rest])?;
    let mut y = importer.along(call, grouped, Function::Standard, vec![2])?;
    // Older operator sets have a scale for each group.
    if call.opset < 21 {
        y = importer.affine(call, y, [1, 2], Some(&[1, groups, 1]))?;
        return Ok(Entry::Value(importer.builder.reshape(&format!("{}/channels", call.name), y, shape)?));
    }
    let per_channel = channel_shape(&shape, shape[1]);
    let y = importer.builder.reshape(&format!("{}/channels", call.name), y, shape)?;
    Ok(Entry::Value(importer.affine(call, y, [1, 2], Some(&per_channel))?))
}

/// The shape of one number for each channel beside an operand of `shape`.
fn channel_shape(shape: &[usize], channels: usize) -> Vec<usize> {
    (0..shape.len()).map(|axis| if axis == 1 { channels } else { 1 }).collect()
}

pub(super) fn mean_variance_normalization(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let x = call.value(0)?;
    let rank = importer.shape(x).len();
    let axes = match call.ints("axes")? {
        Some(axes) => normal_axes(axes, rank)?,
        None => normal_axes(&[0, 2, 3], rank)?,
    };
    // What is added to the deviation, squared.
    let along = |axes: Vec<usize>| Along { function: Function::Standard, axes, epsilon: 1e-18 };
    if axes.windows(2).all(|pair| pair[0] + 1 == pair[1]) {
        return Ok(Entry::Value(importer.apply(call.name, along(axes).into(), vec![x])?));
    }
    // A line of a record lies in axes side by side: they go to the end.
    let permutation: Vec<usize> = (0..rank).filter(|axis| !axes.contains(axis)).chain(axes.iter().copied()).collect();
    let (back, first) = (inverse(&permutation), rank - axes.len());
    let turned = importer.apply(&format!("{}/turned", call.name), Transpose { permutation }.into(), vec![x])?;
    let y = importer.apply(&format!("{}/lines", call.name), along((first..rank).collect()).into(), vec![turned])?;
    Ok(Entry::Value(importer.apply(call.name, Transpose { permutation: back }.into(), vec![y])?))
}

pub(super) fn lp_normalization(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let x = call.value(0)?;
    let axis = normal_axis(call.int("axis", -1)?, importer.shape(x).len())?;
    let function = match call.int("p", 2)? {
        1 => Function::L1,
        2 => Function::L2,
        other => return refuse(format!("its norm is of order {other}"), "use order 1 or 2"),
    };
    let op = Along { function, axes: vec![axis], epsilon: 0.0 };
    Ok(Entry::Value(importer.apply(call.name, op.into(), vec![x])?))
}

/// Over one axis; before operator set 13 all axes from there on are one.
fn over_axis(importer: &mut Importer<'_>, call: &Call<'_>, function: Function) -> Convert<Entry> {
    let x = call.value(0)?;
    let rank = importer.shape(x).len();
    let axis = normal_axis(call.int("axis", if call.opset < 13 { 1 } else { -1 })?, rank)?;
    let axes = if call.opset < 13 { (axis..rank).collect() } else { vec![axis] };
    Ok(Entry::Value(importer.along(call, x, function, axes)?))
}

pub(super) fn log_softmax(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    over_axis(importer, call, Function::LogSoftmax)
}

pub(super) fn hardmax(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    over_axis(importer, call, Function::Hardmax)
}

pub(super) fn cum_sum(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let x = call.value(0)?;
    let Some(&[axis]) = call.integers("axis", 1)?.as_deref() else {
        return refuse("its axis is not one number", "export the model again");
    };
    let function = match (call.int("exclusive", 0)? != 0, call.int("reverse", 0)? != 0) {
        (false, false) => Function::SumUpTo,
        (true, false) => Function::SumBefore,
        (false, true) => Function::SumFrom,
        (true, true) => Function::SumBehind,
    };
    let axes = vec![normal_axis(axis, importer.shape(x).len())?];
    Ok(Entry::Value(importer.along(call, x, function, axes)?))
}

/// `LRN`: over a power of the mean square of the channels near each, those beyond the ends counted as zeros.
pub(super) fn local_response(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let (x, name) = (call.value(0)?, call.name);
    let shape = importer.shape(x);
    let size = call.extent("size")?;
    if shape.len() < 2 {
        return refuse(format!("operand has shape {shape:?}"), "use [N, C, ...]");
    }
    let squares = importer.combined(&format!("{name}/squares"), Combined::Mul, [x, x])?;
    let slide = Slide { kernel: size, stride: 1, dilation: 1 };
    let pad = [(size - 1) / 2, size / 2];
    let reach = Reach { slide, pad, own_pad: pad };
    let means = importer.pooled_along(&format!("{name}/near"), squares, 1, reach, Pooling::MeanWithPadding)?;
    let scaled = importer.scaled(name, means, call.float("alpha", 1e-4)?)?;
    let ones = vec![1; shape.len()];
    let bias = Elements::F32(vec![call.float("bias", 1.0)?]);
    let bias = importer.builder.constant(&format!("{name}/bias"), ones, bias)?;
    let sum = importer.combined(&format!("{name}/sum"), Combined::Add, [scaled, bias])?;
    let factor = importer.power(&format!("{name}/power"), sum, -call.float("beta", 0.75)?)?;
    Ok(Entry::Value(importer.combined(name, Combined::Mul, [x, factor])?))
}
