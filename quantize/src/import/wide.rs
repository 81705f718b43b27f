//! Convolutions whose kernel or stride is wider than a record can say, taken apart into those that fit.
//!
//! Short-time Fourier transforms written as convolutions have them: kernels of 256 or 512 samples. With a stride `s` along the
//! width, `s` columns become the channels of one, which moves nothing in memory and keeps the order of every sum:
//!
//! ```text
//!   x [N, H, W, C]       kernel K wide, stride s
//!   x [N, H, W / s, s C] kernel K / s wide, stride 1
//! ```
//!
//! What is too wide even then is the sum of convolutions with parts of the kernel.

use super::build::{Builder, Convert, refuse};
use crate::ir::{Activation, DType, Elements, Value, ValueId};
use crate::op::{Add, Conv2D, Cut, Pad, Slice};

/// The widest kernel and stride of a record.
const WIDTH_MAX: usize = u8::MAX as usize;

/// The widest part of a kernel that is split.
const PART_MAX: usize = 128;

const NARROWER: &str = "use kernels and strides of at most 255";

/// A convolution on its way: `x [N, H, W, C]`, `w [O, KH, KW, C / groups]`.
struct Wide<'b> {
    builder: &'b mut Builder,
    name: &'b str,
    op: Conv2D,
    x: ValueId,
    weights: ValueId,
    bias: Option<ValueId>,
}

/// A convolution of `inputs`: `x [N, H, W, C]`, `w [O, KH, KW, C / groups]` and perhaps a bias. On floats it may be of any width.
pub(super) fn convolved(builder: &mut Builder, name: &str, op: Conv2D, inputs: Vec<ValueId>) -> Convert<ValueId> {
    let &[x, weights, ref bias @ ..] = inputs.as_slice() else { return refuse("has no weights", "export it again") };
    if !is_wide(builder, &op, x, weights) {
        return builder.apply(name, op.into(), inputs);
    }
    let mut wide = Wide { builder, name, op, x, weights, bias: bias.first().copied() };
    let is_column = wide.stand_upright()?;
    wide.pad()?;
    if wide.op.groups == 1 && wide.op.stride[1] > 1 && wide.op.dilation[1] == 1 {
        wide.fold()?;
    }
    let y = wide.sum_of_parts()?;
    let [n, height, width, channels] = four(wide.builder, y)?;
    let shape = if is_column { vec![n, width, height, channels] } else { vec![n, height, width, channels] };
    wide.builder.reshape(&format!("{name}/upright"), y, shape)
}

/// Whether no record can compute it, and several can.
pub(super) fn is_wide(builder: &Builder, op: &Conv2D, x: ValueId, weights: ValueId) -> bool {
    let (x, w) = (builder.graph.value(x), builder.graph.value(weights));
    let has_reals = x.dtype == DType::F32 && matches!(w.elements, Some(Elements::F32(_)));
    let &[_, height, width, _] = w.shape.as_slice() else { return false };
    has_reals && [height, width, op.stride[0], op.stride[1]].iter().any(|&extent| extent > WIDTH_MAX)
}

fn four(builder: &Builder, id: ValueId) -> Convert<[usize; 4]> {
    let shape = &builder.graph.value(id).shape;
    match <[usize; 4]>::try_from(shape.as_slice()) {
        Ok(shape) => Ok(shape),
        Err(_) => refuse(format!("operand has shape {shape:?}"), "4 axes are needed"),
    }
}

impl Wide<'_> {
    /// Makes an image of one column one of one row.
    fn stand_upright(&mut self) -> Convert<bool> {
        let ([n, height, width, channels], [outputs, kernel_h, kernel_w, depth]) =
            (four(self.builder, self.x)?, four(self.builder, self.weights)?);
        let padding = &mut self.op.padding;
        if width != 1 || kernel_w != 1 || padding.left + padding.right > 0 || height == 1 {
            return Ok(false);
        }
        (padding.left, padding.right, padding.top, padding.bottom) = (padding.top, padding.bottom, 0, 0);
        self.op.stride.reverse();
        self.op.dilation.reverse();
        self.x = self.builder.reshape(&format!("{}/row", self.name), self.x, vec![n, 1, height, channels])?;
        let shape = vec![outputs, 1, kernel_h, depth];
        self.weights = self.builder.reshape(&format!("{}/row/weights", self.name), self.weights, shape)?;
        // A step over one row leads nowhere.
        self.op.stride[0] = 1;
        Ok(true)
    }

    /// Puts the padding of the width into the image.
    fn pad(&mut self) -> Convert<()> {
        let padding = &mut self.op.padding;
        let (left, right) = (core::mem::take(&mut padding.left), core::mem::take(&mut padding.right));
        self.pad_with(left, right)
    }

    fn pad_with(&mut self, left: usize, right: usize) -> Convert<()> {
        if left + right > 0 {
            let op = Pad { before: vec![0, 0, left, 0], after: vec![0, 0, right, 0], value: 0.0 };
            self.x = self.builder.apply(&format!("{}/pad", self.name), op.into(), vec![self.x])?;
        }
        Ok(())
    }

    /// Columns from `begin` on.
    fn columns(&mut self, x: ValueId, begin: usize, count: usize) -> Convert<ValueId> {
        let [_, _, width, _] = four(self.builder, x)?;
        if (begin, count) == (0, width) {
            return Ok(x);
        }
        let end = begin + count;
        let cut = Cut { begin, end: (end < width).then_some(end), stride: 1 };
        let op = Slice { cuts: vec![Cut::ALL, Cut::ALL, cut, Cut::ALL] };
        self.builder.apply(&format!("{}/columns", self.name), op.into(), vec![x])
    }

    /// Weights `[O, KH, begin .. end, depth]`; columns beyond the kernel are zeros.
    fn taps(&mut self, begin: usize, end: usize) -> Convert<ValueId> {
        let [outputs, rows, width, depth] = four(self.builder, self.weights)?;
        let value = self.builder.graph.value(self.weights);
        let Some(Elements::F32(all)) = &value.elements else { return refuse("weights are computed", NARROWER) };
        let mut taps = Vec::with_capacity(outputs * rows * (end - begin) * depth);
        for row in all.chunks(width * depth) {
            taps.extend_from_slice(&row[begin * depth..end.min(width) * depth]);
            taps.resize(taps.len() + end.saturating_sub(width) * depth, 0.0);
        }
        let shape = vec![outputs, rows, end - begin, depth];
        let value = Value { shape, elements: Some(Elements::F32(taps)), ..value.clone() };
        self.builder.value(value)
    }

    /// Makes as many columns as a step is wide the channels of one.
    fn fold(&mut self) -> Convert<()> {
        let ([n, height, width, channels], [outputs, rows, kernel, _]) =
            (four(self.builder, self.x)?, four(self.builder, self.weights)?);
        let stride = self.op.stride[1];
        let Some(travel) = width.checked_sub(kernel) else {
            return refuse("its kernel is wider than its image", NARROWER);
        };
        let taps = kernel.div_ceil(stride);
        let blocks = travel / stride + taps;
        self.pad_with(0, (blocks * stride).saturating_sub(width))?;
        let whole = self.columns(self.x, 0, blocks * stride)?;
        self.x = self.builder.reshape(
            &format!("{}/blocks", self.name),
            whole,
            vec![n, height, blocks, stride * channels],
        )?;
        let weights = self.taps(0, taps * stride)?;
        let shape = vec![outputs, rows, taps, stride * channels];
        self.weights = self.builder.reshape(&format!("{}/blocks/weights", self.name), weights, shape)?;
        self.op.stride[1] = 1;
        Ok(())
    }

    /// The sum of convolutions with parts of the kernel; one convolution when it is narrow enough.
    fn sum_of_parts(&mut self) -> Convert<ValueId> {
        let [_, _, kernel, _] = four(self.builder, self.weights)?;
        let [_, _, width, _] = four(self.builder, self.x)?;
        if kernel <= WIDTH_MAX {
            let inputs = [self.x, self.weights].into_iter().chain(self.bias).collect();
            return self.builder.apply(self.name, self.op.clone().into(), inputs);
        }
        let dilation = self.op.dilation[1];
        let Some(travel) = width.checked_sub((kernel - 1) * dilation + 1) else {
            return refuse("its kernel is wider than its image", NARROWER);
        };
        let plain = Conv2D { activation: Activation::None, ..self.op.clone() };
        let mut sum = None;
        for begin in (0..kernel).step_by(PART_MAX) {
            let end = kernel.min(begin + PART_MAX);
            let x = self.columns(self.x, begin * dilation, travel + (end - begin - 1) * dilation + 1)?;
            let weights = self.taps(begin, end)?;
            let bias = self.bias.filter(|_| begin == 0);
            let name = format!("{}/taps from {begin}", self.name);
            let inputs = [x, weights].into_iter().chain(bias).collect();
            let part = self.builder.apply(&name, plain.clone().into(), inputs)?;
            let activation = if end == kernel { self.op.activation } else { Activation::None };
            sum = Some(match sum {
                None => part,
                Some(sum) => self.builder.apply(&format!("{name}/sum"), Add { activation }.into(), vec![sum, part])?,
            });
        }
        match sum {
            Some(sum) => Ok(sum),
            None => refuse("its kernel is empty", NARROWER),
        }
    }
}
