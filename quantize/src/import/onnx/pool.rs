//! Pooling. Windows over the plane without gaps are operators of the graph, others are taken apart (`volume.rs`).

use super::attributes::Call;
use super::convolution::{Slide, explicit_paddings, paddings, plane, plane_padding};
use super::volume::{Pooling, Reach};
use super::{Entry, Importer};
use crate::import::build::{Convert, refuse};
use crate::ir::{Activation, Elements, Op, Padding, ValueId, Window};
use crate::op::{AveragePool2D, Function, Map, MapFunction, MaxPool2D, Pad, Reduce, Reduction};

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

    /// The window along each spatial axis.
    fn reaches(&self, call: &Call<'_>, x: ValueId) -> Convert<Vec<Reach>> {
        let shape = self.shape(x);
        if shape.len() < 3 {
            return refuse(format!("operand has shape {shape:?}"), "use [N, C, ...]");
        }
        let spatial = shape.len() - 2;
        if !call.has("kernel_shape") {
            return refuse("kernel_shape is missing", "export the model again");
        }
        let (kernel, strides) = (call.extents("kernel_shape", spatial)?, call.extents("strides", spatial)?);
        let dilations = call.extents("dilations", spatial)?;
        let slides: Vec<Slide> = (0..spatial)
            .map(|axis| Slide { kernel: kernel[axis], stride: strides[axis], dilation: dilations[axis] })
            .collect();
        let pads = paddings(call, &shape[2..], &slides)?;
        let rounds_up = call.int("ceil_mode", 0)? != 0;
        let axes = slides.iter().zip(pads).zip(&shape[2..]);
        let reach = |((slide, own_pad), &extent): ((&Slide, [usize; 2]), &usize)| {
            let more = if rounds_up { ceil_padding(extent, own_pad, slide) } else { 0 };
            Reach { slide: *slide, pad: [own_pad[0], own_pad[1].saturating_add(more)], own_pad }
        };
        Ok(axes.map(reach).collect())
    }
}

/// The window over a plane or a row without gaps; `None` of any other.
fn window(reaches: &[Reach]) -> Convert<Option<Window>> {
    if reaches.len() > 2 || reaches.iter().any(|reach| reach.slide.dilation != 1) {
        return Ok(None);
    }
    let each = |of: fn(&Reach) -> usize| reaches.iter().map(of).collect::<Vec<_>>();
    let pads: Vec<[usize; 2]> = reaches.iter().map(|reach| reach.pad).collect();
    let size = plane(&each(|reach| reach.slide.kernel), 1)?;
    let stride = plane(&each(|reach| reach.slide.stride), 1)?;
    Ok(Some(Window { size, stride, padding: plane_padding(&pads)? }))
}

pub(super) fn max_pool(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    if call.node.outputs.iter().skip(1).any(|output| !output.is_empty()) {
        return refuse("its indices are used", "use the pooled values only");
    }
    let x = call.value(0)?;
    let reaches = importer.reaches(call, x)?;
    let Some(window) = window(&reaches)? else {
        return Ok(Entry::Value(importer.pooled(call.name, x, &reaches, Pooling::Max)?));
    };
    let (image, spatial) = importer.plane_of(call, x)?;
    let y =
        importer.apply(call.name, Op::MaxPool2D(MaxPool2D { window, activation: Activation::None }), vec![image])?;
    importer.restored(call, y, spatial)
}

pub(super) fn average_pool(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let x = call.value(0)?;
    let reaches = importer.reaches(call, x)?;
    let Some(mut window) = window(&reaches)? else {
        let pooling = if call.int("count_include_pad", 0)? != 0 { Pooling::MeanWithPadding } else { Pooling::Mean };
        return Ok(Entry::Value(importer.pooled(call.name, x, &reaches, pooling)?));
    };
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

/// The norm of order `p` of the elements under each window.
pub(super) fn lp_pool(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let x = call.value(0)?;
    let reaches = importer.reaches(call, x)?;
    let (powers, order) = importer.powers(call, x)?;
    let sum = importer.pooled(call.name, powers, &reaches, Pooling::Sum)?;
    Ok(Entry::Value(importer.root(call, sum, order)?))
}

/// The norm of order `p` of all elements of each channel.
pub(super) fn global_lp_pool(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let x = call.value(0)?;
    let rank = importer.shape(x).len();
    let (powers, order) = importer.powers(call, x)?;
    let sum = Reduce { kind: Reduction::Sum, axes: (2..rank).collect(), keep_dims: true };
    let sum = importer.apply(call.name, sum.into(), vec![powers])?;
    Ok(Entry::Value(importer.root(call, sum, order)?))
}

impl Importer<'_> {
    /// The magnitudes of `x` to the power of attribute `p`, and that.
    fn powers(&mut self, call: &Call<'_>, x: ValueId) -> Convert<(ValueId, f32)> {
        // Operator set 1 had a float.
        let order = match call.int("p", 2) {
            Ok(order) => order as f32,
            Err(_) => call.float("p", 2.0)?,
        };
        if !(1.0..=64.0).contains(&order) {
            return refuse(format!("its norm is of order {order}"), "use an order from 1 to 64");
        }
        let name = format!("{}/power", call.name);
        if order == 2.0 {
            return Ok((self.combined(&name, Function::Mul, [x, x])?, order));
        }
        let magnitude = self.apply(&format!("{name}/magnitude"), Map::plain(MapFunction::Abs).into(), vec![x])?;
        Ok((self.power(&name, magnitude, order)?, order))
    }

    /// The root of order `order` of sums.
    fn root(&mut self, call: &Call<'_>, sum: ValueId, order: f32) -> Convert<ValueId> {
        let name = format!("{}/root", call.name);
        if order == 2.0 {
            return self.apply(&name, Map::plain(MapFunction::Sqrt).into(), vec![sum]);
        }
        self.power(&name, sum, 1.0 / order)
    }

    /// `x` to a constant power.
    pub(super) fn power(&mut self, name: &str, x: ValueId, exponent: f32) -> Convert<ValueId> {
        if exponent == 1.0 {
            return Ok(x);
        }
        let ones = vec![1; self.shape(x).len()];
        let exponent = self.builder.constant(&format!("{name}/exponent"), ones, Elements::F32(vec![exponent]))?;
        self.combined(name, Function::Pow, [x, exponent])
    }
}

/// Extra padding at the end that makes room for a last window that is not full. A window that would start
/// in the padding does not count as one.
fn ceil_padding(extent: usize, pad: [usize; 2], slide: &Slide) -> usize {
    let padded = extent.saturating_add(pad[0]).saturating_add(pad[1]);
    let span = (slide.kernel - 1).saturating_mul(slide.dilation).saturating_add(1);
    let Some(travel) = padded.checked_sub(span) else { return 0 };
    let last = travel.div_ceil(slide.stride).saturating_mul(slide.stride);
    if last >= extent.saturating_add(pad[0]) { 0 } else { last.saturating_sub(travel) }
}
