//! Functions of one element: activations with their attributes, and plain mathematics.

use super::Importer;
use super::call::Call;
use super::elementwise::unary;
use crate::import::build::Convert;
use crate::op::{Clip, Map, MapFunction};

/// A function without attributes.
pub(super) fn plain(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>, function: MapFunction) -> Convert<()> {
    unary(importer, call, Map::plain(function))
}

/// Two bounds.
pub(super) fn clip(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>, [low, high]: [f32; 2]) -> Convert<()> {
    unary(importer, call, Clip { low, high })
}

pub(super) fn leaky_relu(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    unary(importer, call, Map::with(MapFunction::LeakyRelu, call.float(0)?))
}

pub(super) fn elu(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    unary(importer, call, Map { function: MapFunction::Elu, parameters: [1.0, 1.0] })
}

pub(super) fn gelu(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    plain(importer, call, if call.flag(0)? { MapFunction::GeluTanh } else { MapFunction::Gelu })
}
