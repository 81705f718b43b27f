//! Rearranging as its formula.

use super::Rearrange;
use crate::Io;
use crate::formula::positions;

/// What [`super::rearrange`] equals, element by element.
pub fn rearrange_reference<T: Copy>(layer: &Rearrange, io: &mut Io<T>) {
    let Some(origin) = layer.origin(io) else { return io.refuse() };
    for position in positions(layer.extents) {
        let (mut from, mut to) = (origin, 0_usize);
        for (index, (input, output)) in position.iter().zip(layer.input_strides.iter().zip(layer.output_strides)) {
            from = from.wrapping_add(index.wrapping_mul(input.cast_unsigned()));
            to = to.wrapping_add(index.wrapping_mul(output));
        }
        if let Some(element) = io.input().get(from).copied() {
            io.set(to, element);
        }
    }
}
