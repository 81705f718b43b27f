//! `Resize` and `Upsample`: one axis after the other.

use super::attributes::{Call, normal_axis};
use super::constant::{Constant, Numbers};
use super::{Entry, Importer};
use crate::import::build::{Convert, refuse};
use crate::import::resize::{Axis, Coordinates, Filter, Nearest, Sampling};
use crate::ir::{Elements, Op, ValueId, checked_len};
use crate::op::{Activation, Add, Resample};

const EXPORT_AGAIN: &str = "export the model again";

/// What a node says about all of its axes.
struct Resizing {
    /// `None` for axes that stay.
    axes: Vec<Option<Axis>>,
    mode: Mode,
    /// What stands where a crop reaches outside.
    extrapolation: f32,
}

enum Mode {
    Nearest(Nearest),
    Weighted(Sampling),
}

pub(super) fn resize(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let x = importer.float_operand(call, 0)?;
    let shape = importer.shape(x);
    let resizing = if call.opset < 11 {
        of_scales(&shape, &scales(call, 1)?, plain_mode(call)?)?
    } else {
        resizing(call, &shape)?
    };
    resized(importer, call, x, &resizing)
}

pub(super) fn upsample(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let x = importer.float_operand(call, 0)?;
    let scales = match call.floats("scales")? {
        Some(scales) => scales.to_vec(),
        None => scales(call, 1)?,
    };
    let resizing = of_scales(&importer.shape(x), &scales, plain_mode(call)?)?;
    resized(importer, call, x, &resizing)
}

/// The mode of operators before operator set 11.
fn plain_mode(call: &Call<'_>) -> Convert<Mode> {
    match call.string("mode", "nearest")? {
        "nearest" => Ok(Mode::Nearest(Nearest::Floor)),
        "linear" | "bilinear" => {
            Ok(Mode::Weighted(Sampling { filter: Filter::Linear, antialias: false, exclude_outside: false }))
        }
        mode => refuse(format!("mode is {mode}"), "use nearest or linear"),
    }
}

/// A list of floats as operand `index`; nothing when it is not given, or empty.
fn scales(call: &Call<'_>, index: usize) -> Convert<Vec<f32>> {
    match call.constant(index, "its scales")? {
        Some(Constant { numbers: Numbers::F32(scales), .. }) => Ok(scales.clone()),
        None => Ok(Vec::new()),
        Some(Constant { numbers, .. }) if numbers.len() == 0 => Ok(Vec::new()),
        Some(_) => refuse("its scales are integers", "FLOAT is needed"),
    }
}

fn of_scales(shape: &[usize], scales: &[f32], mode: Mode) -> Convert<Resizing> {
    if scales.len() != shape.len() {
        return refuse(format!("has {} scales for {shape:?}", scales.len()), EXPORT_AGAIN);
    }
    let axis = |(&input, &scale): (&usize, &f32)| scaled(input, scale, Coordinates::Asymmetric);
    let axes = shape.iter().zip(scales).map(axis).collect::<Convert<_>>()?;
    Ok(Resizing { axes, mode, extrapolation: 0.0 })
}

fn scaled(input: usize, scale: f32, coordinates: Coordinates) -> Convert<Option<Axis>> {
    let length = input as f32 * scale;
    let output = length.floor();
    if !(1.0..1e7).contains(&output) {
        return refuse(format!("scales {input} by {scale}"), "use a scale above zero that leaves an element");
    }
    let crops = matches!(coordinates, Coordinates::CropAndResize(_));
    Ok((scale != 1.0 || crops).then_some(Axis { input, output: output as usize, scale, length, coordinates }))
}

/// What a `Resize` since operator set 11 says.
fn resizing(call: &Call<'_>, shape: &[usize]) -> Convert<Resizing> {
    let rank = shape.len();
    let axes = match call.ints("axes")? {
        None => (0..rank).collect(),
        Some(axes) => axes.iter().map(|&axis| normal_axis(axis, rank)).collect::<Convert<Vec<usize>>>()?,
    };
    let scales = scales(call, 2)?;
    let sizes = match call.constant(3, "its sizes")? {
        Some(Constant { numbers: Numbers::I64(sizes), .. }) => sizes.clone(),
        _ => Vec::new(),
    };
    let roi = match call.constant(1, "its region")? {
        Some(Constant { numbers: Numbers::F32(roi), .. }) => roi.clone(),
        _ => Vec::new(),
    };
    let mut all = vec![None; rank];
    let kept = kept_scale(call, shape, &axes, &sizes)?;
    for (position, &axis) in axes.iter().enumerate() {
        let coordinates = coordinates(call, &roi, (position, axes.len()))?;
        let input = shape[axis];
        all[axis] = match (scales.get(position), sizes.get(position), kept) {
            (_, Some(_), Some(scale)) => {
                let output = (input as f32 * scale + 0.5).floor().max(1.0) as usize;
                (output != input).then_some(Axis { input, output, scale, length: output as f32, coordinates })
            }
            (_, Some(&size), None) => {
                let Some(output) = usize::try_from(size).ok().filter(|&size| (1..10_000_000).contains(&size)) else {
                    return refuse(format!("makes an extent of {size}"), EXPORT_AGAIN);
                };
                let crops = matches!(coordinates, Coordinates::CropAndResize(_));
                let scale = output as f32 / input as f32;
                (output != input || crops).then_some(Axis { input, output, scale, length: output as f32, coordinates })
            }
            (Some(&scale), None, _) => scaled(input, scale, coordinates)?,
            (None, None, _) => return refuse("has no scale or size for every axis", EXPORT_AGAIN),
        };
    }
    Ok(Resizing { axes: all, mode: mode(call)?, extrapolation: call.float("extrapolation_value", 0.0)? })
}

/// The one scale of all axes, where sizes only bound the result.
fn kept_scale(call: &Call<'_>, shape: &[usize], axes: &[usize], sizes: &[i64]) -> Convert<Option<f32>> {
    let scales = axes.iter().zip(sizes).map(|(&axis, &size)| size as f32 / shape[axis] as f32);
    match call.string("keep_aspect_ratio_policy", "stretch")? {
        "stretch" => Ok(None),
        "not_larger" => Ok(scales.reduce(f32::min)),
        "not_smaller" => Ok(scales.reduce(f32::max)),
        other => refuse(format!("keep_aspect_ratio_policy is {other}"), "use stretch"),
    }
}

fn coordinates(call: &Call<'_>, roi: &[f32], (position, count): (usize, usize)) -> Convert<Coordinates> {
    Ok(match call.string("coordinate_transformation_mode", "half_pixel")? {
        "half_pixel" => Coordinates::HalfPixel,
        "half_pixel_symmetric" => Coordinates::HalfPixelSymmetric,
        "pytorch_half_pixel" => Coordinates::PytorchHalfPixel,
        "align_corners" => Coordinates::AlignCorners,
        "asymmetric" => Coordinates::Asymmetric,
        "tf_half_pixel_for_nn" => Coordinates::TfHalfPixelForNearest,
        "tf_crop_and_resize" => match (roi.get(position), roi.get(count + position)) {
            (Some(&start), Some(&end)) => Coordinates::CropAndResize([start, end]),
            _ => return refuse("has no region for every axis", EXPORT_AGAIN),
        },
        other => return refuse(format!("coordinate_transformation_mode is {other}"), "use half_pixel"),
    })
}

fn mode(call: &Call<'_>) -> Convert<Mode> {
    let filter = match call.string("mode", "nearest")? {
        "nearest" => {
            return Ok(Mode::Nearest(match call.string("nearest_mode", "round_prefer_floor")? {
                "round_prefer_floor" => Nearest::RoundPreferFloor,
                "round_prefer_ceil" => Nearest::RoundPreferCeil,
                "floor" => Nearest::Floor,
                "ceil" => Nearest::Ceil,
                other => return refuse(format!("nearest_mode is {other}"), "use round_prefer_floor"),
            }));
        }
        "linear" => Filter::Linear,
        "cubic" => Filter::Cubic(call.float("cubic_coeff_a", -0.75)?),
        mode => return refuse(format!("mode is {mode}"), "use nearest, linear or cubic"),
    };
    let antialias = call.int("antialias", 0)? != 0;
    Ok(Mode::Weighted(Sampling { filter, antialias, exclude_outside: call.int("exclude_outside", 0)? != 0 }))
}

fn resized(importer: &mut Importer<'_>, call: &Call<'_>, x: ValueId, resizing: &Resizing) -> Convert<Entry> {
    let mut y = x;
    match &resizing.mode {
        Mode::Nearest(rule) => {
            let mut indices = Vec::with_capacity(resizing.axes.len());
            for axis in &resizing.axes {
                importer.budget.charge(axis.map_or(0, |axis| axis.output), 8)?;
                indices.push(axis.map(|axis| axis.nearest(*rule)));
            }
            y = importer.take(call, y, indices)?;
        }
        Mode::Weighted(sampling) => {
            // What shrinks comes first: less is left to be computed.
            let mut order: Vec<(usize, Axis)> =
                resizing.axes.iter().enumerate().filter_map(|(at, axis)| Some((at, (*axis)?))).collect();
            order.sort_by(|a, b| a.1.scale.total_cmp(&b.1.scale));
            for (axis, resized) in order {
                importer.budget.charge(resized.output, 8 * 8)?;
                let taps = resized.taps(sampling);
                importer.budget.charge(taps.iter().map(Vec::len).sum(), 16)?;
                let name = format!("{}/axis{axis}", call.name);
                y = importer.apply(&name, Op::Resample(Resample { axis, taps }), vec![y])?;
            }
        }
    }
    extrapolated(importer, call, y, resizing)
}

/// Puts the value for what is outside where a crop reaches there; weights have left zeros.
fn extrapolated(importer: &mut Importer<'_>, call: &Call<'_>, y: ValueId, resizing: &Resizing) -> Convert<Entry> {
    let shape = importer.shape(y);
    let outside: Vec<Vec<bool>> = resizing
        .axes
        .iter()
        .zip(&shape)
        .map(|(axis, &extent)| (0..extent).map(|at| axis.is_some_and(|axis| axis.is_outside(at))).collect())
        .collect();
    if !outside.iter().flatten().any(|&outside| outside) {
        return Ok(Entry::Value(y));
    }
    if matches!(resizing.mode, Mode::Nearest(_)) {
        return refuse("crops beyond its operand to the nearest", "crop inside, or use linear");
    }
    if resizing.extrapolation == 0.0 {
        return Ok(Entry::Value(y));
    }
    let plane: Vec<usize> = outside.iter().map(|axis| if axis.contains(&true) { axis.len() } else { 1 }).collect();
    let len = checked_len(&plane).or_else(|error| refuse(error.0, EXPORT_AGAIN))?;
    importer.budget.charge(len, 4)?;
    let value = |flat: usize| {
        let mut rest = flat;
        let is_outside = plane.iter().zip(&outside).rev().any(|(&extent, axis)| {
            let at = rest % extent;
            rest /= extent;
            extent > 1 && axis[at]
        });
        if is_outside { resizing.extrapolation } else { 0.0 }
    };
    let elements = Elements::F32((0..len).map(value).collect());
    let border = importer.builder.constant(&format!("{}/outside", call.name), plane, elements)?;
    let op = Op::Add(Add { activation: Activation::None });
    Ok(Entry::Value(importer.apply(&format!("{}/extrapolated", call.name), op, vec![y, border])?))
}
