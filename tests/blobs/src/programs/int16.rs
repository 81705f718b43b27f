//! Every operator on int16 activations.

use kinglet_blob::DType;
use kinglet_blob::records::Window;

use super::{same_padded, single, two_inputs, window};
use crate::{Factors, Program, Sums, operand_arena, operand_constant, operand_same};

const I16: [DType; 2] = [DType::I16; 2];
const ONCE: Sums = Sums { twice: false, long_bias: false };
const LONG: Sums = Sums { twice: false, long_bias: true };
const TWICE: Sums = Sums { twice: true, long_bias: false };

/// The programs.
pub(super) fn all() -> Vec<Program> {
    let plain = Factors::default();
    let (per_tensor, extra) = (Factors { per_tensor: true, extra: false }, Factors { per_tensor: false, extra: true });
    let same: [&[u32]; 2] = [&[4, 5, 3], &[4, 5, 4]];
    let grouped = Window {
        kernel: [2, 3],
        stride: [2, 2],
        dilation: [2, 1],
        pad: [1, 1],
        batch: 2,
        groups: 2,
        ..window([5, 5, 4], [2, 3, 6])
    };
    let doubled =
        Window { kernel: [3, 3], stride: [2, 2], pad: [1, 1], batch: 2, groups: 2, ..window([5, 4, 5], [3, 2, 10]) };
    let conv = |name: &str, factors: Factors, sums: Sums| {
        single(name, I16, same, |p, i, o| p.conv2d_i16(i, o, same_padded(), factors, sums))
    };
    let dense = |name: &str, factors: Factors, sums: Sums| {
        single(name, I16, [&[3, 9], &[3, 5]], |p, i, o| p.fully_connected_i16(i, o, [3, 9, 5], factors, sums))
    };
    let shapes: [&[u32]; 2] = [&[2, 3, 4], &[2, 3, 4]];
    vec![
        conv("conv2d-i16", plain, ONCE),
        conv("conv2d-i16 per tensor, long biases", per_tensor, LONG),
        conv("conv2d-i16 rounded twice", plain, TWICE),
        single("conv2d-i16 groups, batch", I16, [&[2, 5, 5, 4], &[2, 2, 3, 6]], |p, i, o| {
            p.conv2d_i16(i, o, grouped, extra, ONCE);
        }),
        single("depthwise-i16", I16, [&[2, 5, 4, 5], &[2, 3, 2, 10]], |p, i, o| {
            p.depthwise_i16(i, o, doubled, extra, LONG);
        }),
        dense("fully-connected-i16", extra, ONCE),
        dense("fully-connected-i16 long biases", plain, LONG),
        dense("fully-connected-i16 rounded twice", per_tensor, TWICE),
        two_inputs("add-i16", DType::I16, |p, a, b, o| p.add_i16(a, o, 24, operand_arena(b, 1, 24))),
        single("add-i16 constant", I16, shapes, |p, i, o| p.add_i16(i, o, 24, operand_constant(4, 3))),
        single("add-i16 same", I16, shapes, |p, i, o| p.add_i16(i, o, 24, operand_same())),
    ]
}
