//! Windows over more axes than two, or with gaps: taken apart into what the plane has.
//!
//! - A pool is separable: it goes along one axis after the other. With gaps between its taps it is the maximum, or the sum,
//!   of as many slices as it has taps.
//! - A convolution over a volume is one over planes, whose channels are those of all the planes under the window.

use super::attributes::Call;
use super::convolution::{Slide, paddings, plane_padding};
use super::{Entry, Importer};
use crate::import::build::{Convert, refuse};
use crate::ir::{Activation, Elements, Op, Padding, ValueId, Window, transposed};
use crate::op::{AveragePool2D, Concat, Conv2D, Cut, Function, MaxPool2D, Pad, Slice, Transpose};

/// A window along one axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach {
    pub(super) slide: Slide,
    /// Before and after, with what rounding up adds.
    pub(super) pad: [usize; 2],
    /// Of `pad`, what the file says.
    pub(super) own_pad: [usize; 2],
}

/// What is made of the elements under a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pooling {
    Max,
    /// Of the elements that are there.
    Mean,
    /// Of the elements that are there and the file's padding.
    MeanWithPadding,
    /// Padding is zero.
    Sum,
}

impl Reach {
    /// How many elements of an axis of `extent` the window at `index` sees: there, or in the file's padding too.
    fn count(&self, extent: usize, index: usize, with_padding: bool) -> usize {
        let Slide { kernel, stride, dilation } = self.slide;
        let (first, end) = if with_padding {
            (self.pad[0] - self.own_pad[0], self.pad[0] + extent + self.own_pad[1])
        } else {
            (self.pad[0], self.pad[0] + extent)
        };
        let at = |tap: usize| index * stride + tap * dilation;
        (0..kernel).filter(|&tap| (first..end).contains(&at(tap))).count()
    }
}

impl Importer<'_> {
    /// Pools `x [N, C, ..]` along its spatial axes, one after the other.
    pub(super) fn pooled(&mut self, name: &str, x: ValueId, reaches: &[Reach], pooling: Pooling) -> Convert<ValueId> {
        let mut y = x;
        for (index, reach) in reaches.iter().enumerate() {
            y = self.pooled_along(&format!("{name}/axis {}", index + 2), y, index + 2, *reach, pooling)?;
        }
        Ok(y)
    }

    /// The same along one axis.
    pub(super) fn pooled_along(
        &mut self,
        name: &str,
        x: ValueId,
        axis: usize,
        reach: Reach,
        pooling: Pooling,
    ) -> Convert<ValueId> {
        let Slide { kernel, stride, dilation } = reach.slide;
        if kernel == 1 && stride == 1 && reach.pad == [0, 0] {
            return Ok(x);
        }
        let mut shape = self.shape(x);
        let [outer, inner] = [shape[..axis].iter().product(), shape[axis + 1..].iter().product()];
        let line = self.builder.reshape(&format!("{name}/line"), x, vec![outer, shape[axis], 1, inner])?;
        let y = if dilation == 1 {
            self.pooled_line(name, line, reach, pooling)?
        } else {
            self.pooled_taps(name, line, reach, pooling)?
        };
        let y = if pooling == Pooling::Sum && dilation == 1 { self.scaled(name, y, kernel as f32)? } else { y };
        shape[axis] = self.shape(y)[1];
        self.builder.reshape(&format!("{name}/axes"), y, shape)
    }

    /// A pool without gaps along the second axis.
    fn pooled_line(&mut self, name: &str, line: ValueId, reach: Reach, pooling: Pooling) -> Convert<ValueId> {
        let real = match pooling {
            Pooling::Max | Pooling::Mean => [0, 0],
            Pooling::MeanWithPadding => reach.own_pad,
            Pooling::Sum => reach.pad,
        };
        let line = self.padded_line(name, line, real, 0.0)?;
        let padding = Padding { top: reach.pad[0] - real[0], bottom: reach.pad[1] - real[1], ..Padding::default() };
        let window = Window { size: [reach.slide.kernel, 1], stride: [reach.slide.stride, 1], padding };
        let activation = Activation::None;
        let op = match pooling {
            Pooling::Max => MaxPool2D { window, activation }.into(),
            _ => AveragePool2D { window, activation }.into(),
        };
        self.apply(name, op, vec![line])
    }

    /// A pool with gaps along the second axis: the sum or the maximum of a slice for each tap.
    fn pooled_taps(&mut self, name: &str, line: ValueId, reach: Reach, pooling: Pooling) -> Convert<ValueId> {
        let Slide { kernel, stride, dilation } = reach.slide;
        let extent = self.shape(line)[1];
        let (function, filler) = match pooling {
            Pooling::Max => (Function::Max, f32::MIN),
            _ => (Function::Add, 0.0),
        };
        let padded = self.padded_line(name, line, reach.pad, filler)?;
        let count = steps(extent, &reach)?;
        let mut y = None;
        for tap in 0..kernel {
            let taken = self.every(&format!("{name}/tap {tap}"), padded, 1, [tap * dilation, stride, count])?;
            y = Some(match y {
                None => taken,
                Some(y) => self.combined(&format!("{name}/taps to {tap}"), function, [y, taken])?,
            });
        }
        let Some(y) = y else { return refuse("its window is empty", "use a window of one element or more") };
        if !matches!(pooling, Pooling::Mean | Pooling::MeanWithPadding) {
            return Ok(y);
        }
        let seen = |index| reach.count(extent, index, pooling == Pooling::MeanWithPadding).max(1);
        let parts = Elements::F32((0..count).map(|index| 1.0 / seen(index) as f32).collect());
        let parts = self.builder.constant(&format!("{name}/parts"), vec![1, count, 1, 1], parts)?;
        self.combined(&format!("{name}/mean"), Function::Mul, [y, parts])
    }

    /// `value` before and behind the second axis.
    fn padded_line(&mut self, name: &str, line: ValueId, [before, after]: [usize; 2], value: f32) -> Convert<ValueId> {
        if [before, after] == [0, 0] {
            return Ok(line);
        }
        let rest = vec![0; self.shape(line).len() - 2];
        let around = |amount| [vec![0, amount], rest.clone()].concat();
        let op = Pad { before: around(before), after: around(after), value };
        self.apply(&format!("{name}/pad"), op.into(), vec![line])
    }

    /// `count` indices of an axis, from `begin` on with a step of `stride`.
    fn every(&mut self, name: &str, x: ValueId, axis: usize, [begin, stride, count]: [usize; 3]) -> Convert<ValueId> {
        let shape = self.shape(x);
        let mut cuts = vec![Cut::ALL; shape.len()];
        let end = begin + (count - 1) * stride + 1;
        cuts[axis] = Cut { begin, end: (end < shape[axis]).then_some(end), stride };
        self.apply(name, Slice { cuts }.into(), vec![x])
    }
}

/// How many windows there are along an axis of `extent`.
fn steps(extent: usize, reach: &Reach) -> Convert<usize> {
    let Slide { kernel, stride, dilation } = reach.slide;
    let padded = extent.saturating_add(reach.pad[0]).saturating_add(reach.pad[1]);
    let span = (kernel - 1).saturating_mul(dilation).saturating_add(1);
    match padded.checked_sub(span) {
        Some(travel) => Ok(travel / stride + 1),
        None => refuse(format!("its window of {span} is wider than {padded} elements"), "use a smaller window"),
    }
}

impl Importer<'_> {
    /// For each window along the depth of `x [N, C, D, H, W]` one image of all the planes under it, `[N D', H, W, taps C]`, in
    /// which each group has its planes together; and `D'`.
    fn planes_under(&mut self, call: &Call<'_>, x: ValueId, reach: Reach, groups: usize) -> Convert<(ValueId, usize)> {
        let last = self.channels_last(call, x)?;
        let &[n, depth, height, width, channels] = self.shape(last).as_slice() else {
            return refuse("its operand has not five axes", "use [N, C, D, H, W]");
        };
        let Slide { kernel, stride, dilation } = reach.slide;
        let count = steps(depth, &reach)?;
        let planes = vec![n, depth, height * width * channels];
        let planes = self.builder.reshape(&format!("{}/planes", call.name), last, planes)?;
        let planes = self.padded_line(call.name, planes, reach.pad, 0.0)?;
        let mut parts = Vec::with_capacity(kernel);
        for tap in 0..kernel {
            let name = format!("{}/tap {tap}", call.name);
            let part = self.every(&name, planes, 1, [tap * dilation, stride, count])?;
            let grouped = vec![n * count * height * width, groups, channels / groups];
            parts.push(self.builder.reshape(&format!("{name}/groups"), part, grouped)?);
        }
        let all = match *parts.as_slice() {
            [one] => one,
            _ => self.apply(&format!("{}/taps", call.name), Concat { axis: 2 }.into(), parts)?,
        };
        let images = vec![n * count, height, width, kernel * channels];
        Ok((self.builder.reshape(&format!("{}/images", call.name), all, images)?, count))
    }
}

/// `Conv` over a volume `x [N, C, D, H, W]` with weights `[O, C / groups, KD, KH, KW]`.
pub(super) fn conv(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let x = call.value(0)?;
    let shape = importer.shape(x);
    let (w_shape, weights) = call.floats_of(1, "weights")?;
    let (&[n, channels, _, _, _], &[outputs, group_channels, taps, kernel_h, kernel_w]) = (shape.as_slice(), w_shape)
    else {
        return refuse(format!("input {shape:?} and weights {w_shape:?} do not fit"), "use up to three spatial axes");
    };
    if w_shape.contains(&0) {
        return refuse("its weights are empty", "export the model again");
    }
    call.check_kernel_shape(&w_shape[2..])?;
    let groups = call.extent("group")?;
    if group_channels.checked_mul(groups) != Some(channels) {
        return refuse(
            format!("input {shape:?} and weights {w_shape:?} do not fit {groups} groups"),
            "export it again",
        );
    }
    let (strides, dilations) = (call.extents("strides", 3)?, call.extents("dilations", 3)?);
    let slides: Vec<Slide> = (0..3)
        .map(|axis| Slide { kernel: w_shape[2 + axis], stride: strides[axis], dilation: dilations[axis] })
        .collect();
    let pads = paddings(call, &shape[2..], &slides)?;
    importer.budget.charge(weights.len(), 4)?;
    let weights = transposed(weights, w_shape, &[0, 3, 4, 2, 1]);
    let w_shape = vec![outputs, kernel_h, kernel_w, taps * group_channels];

    let (images, count) =
        importer.planes_under(call, x, Reach { slide: slides[0], pad: pads[0], own_pad: pads[0] }, groups)?;

    let inputs = importer.layer_inputs(call, images, (w_shape, weights))?;
    let op = Op::Conv2D(Conv2D {
        stride: [slides[1].stride, slides[2].stride],
        dilation: [slides[1].dilation, slides[2].dilation],
        padding: plane_padding(&pads[1..])?,
        groups,
        activation: Activation::None,
    });
    let y = importer.apply(call.name, op, inputs)?;
    let [_, rows, columns, _] = importer.shape(y)[..] else { return refuse("has no planes", "export it again") };
    let volume = vec![n, count, rows, columns, outputs];
    let y = importer.builder.reshape(&format!("{}/volume", call.name), y, volume)?;
    let permutation = vec![0, 4, 1, 2, 3];
    Ok(Entry::Value(importer.apply(
        &format!("{}/channels-first", call.name),
        Transpose { permutation }.into(),
        vec![y],
    )?))
}
