//! Functions of one element: activations with their attributes, and plain mathematics.

use super::attributes::Call;
use super::constant::Numbers;
use super::{Entry, Importer};
use crate::import::build::{Convert, refuse};
use crate::ir::{Activation, Op};
use crate::op::{Clip, Function, Map, MapFunction, Relu, Relu6};

/// A function without attributes.
pub(super) fn plain(importer: &mut Importer<'_>, call: &Call<'_>, function: MapFunction) -> Convert<Entry> {
    importer.unary(call, Map::plain(function).into())
}

/// A function with one attribute, `alpha`.
pub(super) fn with_alpha(
    importer: &mut Importer<'_>,
    call: &Call<'_>,
    function: MapFunction,
    default: f32,
) -> Convert<Entry> {
    importer.unary(call, Map::with(function, call.float("alpha", default)?).into())
}

/// A function with two attributes, and what they are when they are left out.
fn with_two(
    importer: &mut Importer<'_>,
    call: &Call<'_>,
    function: MapFunction,
    [alpha, beta]: [(&str, f32); 2],
) -> Convert<Entry> {
    let parameters = [call.float(alpha.0, alpha.1)?, call.float(beta.0, beta.1)?];
    importer.unary(call, Map { function, parameters }.into())
}

pub(super) fn hard_sigmoid(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    with_two(importer, call, MapFunction::HardSigmoid, [("alpha", 0.2), ("beta", 0.5)])
}

pub(super) fn shrink(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    with_two(importer, call, MapFunction::Shrink, [("lambd", 0.5), ("bias", 0.0)])
}

pub(super) fn selu(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    with_two(importer, call, MapFunction::Elu, [("alpha", 1.673_263_2), ("gamma", 1.050_701)])
}

pub(super) fn elu(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let parameters = [call.float("alpha", 1.0)?, 1.0];
    importer.unary(call, Map { function: MapFunction::Elu, parameters }.into())
}

pub(super) fn celu(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    match call.float("alpha", 1.0)? {
        0.0 => refuse("divides by its attribute `alpha`, which is 0", "use Relu"),
        _ => with_alpha(importer, call, MapFunction::Celu, 1.0),
    }
}

pub(super) fn gelu(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    match call.string("approximate", "none")? {
        "none" => plain(importer, call, MapFunction::Gelu),
        "tanh" => plain(importer, call, MapFunction::GeluTanh),
        other => refuse(format!("attribute `approximate` is `{other}`"), "use `none` or `tanh`"),
    }
}

pub(super) fn relu(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    importer.unary(call, Op::Relu(Relu))
}

/// Bounds were attributes before operator set 11, and are operands since; an absent one is none.
pub(super) fn clip(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    if [1, 2].into_iter().any(|index| matches!(call.operand(index), Some(Entry::Value(_)))) {
        return clip_to_computed(importer, call);
    }
    let (low, high) = (clip_bound(call, "min", 1, f32::NEG_INFINITY)?, clip_bound(call, "max", 2, f32::INFINITY)?);
    // Exporters write "no bound" as the largest float.
    let low = if low <= f32::MIN { f32::NEG_INFINITY } else { low };
    let high = if high >= f32::MAX { f32::INFINITY } else { high };
    match Activation::clip(low, high) {
        Activation::None => super::elementwise::identity(importer, call),
        Activation::Relu => relu(importer, call),
        Activation::Relu6 => importer.unary(call, Op::Relu6(Relu6)),
        Activation::Clip { low, high } => importer.unary(call, Op::Clip(Clip { low, high })),
    }
}

/// Bounds that are computed: the lower one first, as ONNX has it.
fn clip_to_computed(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let mut y = call.value(0)?;
    for (index, function) in [(1, Function::Max), (2, Function::Min)] {
        let is_none = match call.operand(index) {
            None => true,
            Some(Entry::Constant(bound)) => bound.as_float().is_some_and(|bound| bound.abs() >= f32::MAX),
            Some(_) => false,
        };
        if !is_none {
            let bound = importer.float_operand(call, index)?;
            y = importer.combined(&format!("{}/{}", call.name, function.name()), function, [y, bound])?;
        }
    }
    Ok(Entry::Value(y))
}

fn clip_bound(call: &Call<'_>, name: &str, index: usize, default: f32) -> Convert<f32> {
    let bound = if call.has(name) {
        call.float(name, default)?
    } else {
        match call.constant(index, "bounds")? {
            None => default,
            Some(constant) => match (constant.as_float(), &constant.numbers) {
                (Some(bound), _) => bound,
                (None, Numbers::I64(_)) => return refuse("clips integers", "clip floats"),
                (None, Numbers::F32(_)) => {
                    return refuse(format!("bound `{name}` is no single number"), "use one number for all elements");
                }
            },
        }
    };
    if bound.is_nan() {
        return refuse(format!("bound `{name}` is NaN"), "use a number, or leave the bound out");
    }
    Ok(bound)
}
