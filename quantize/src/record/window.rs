//! The window of a record: geometry, weights and multiplications.

use kinglet_blob::OpCode;
use kinglet_blob::records::Window;
use kinglet_kernels::conv2d::Geometry;

use super::parameters::product;

/// Weights of one output channel.
fn taps(opcode: OpCode, window: &Window) -> u64 {
    let area = product(window.kernel);
    match opcode {
        OpCode::Depthwise => area,
        _ => area.saturating_mul((window.input[2] / window.groups.max(1)).into()),
    }
}

/// Multiplications of a convolution.
pub(crate) fn window_macs(opcode: OpCode, window: &Window) -> u64 {
    product(window.output).saturating_mul(window.batch.into()).saturating_mul(taps(opcode, window))
}

/// Weights of an operator that has some for each place of its window.
pub(crate) fn window_weights(opcode: OpCode, window: &Window) -> u64 {
    taps(opcode, window).saturating_mul(window.output[2].into())
}

/// The kernels' view of a record's shapes, for one image. `groups` is 1 where the record's field means
/// something else.
pub fn geometry(window: &Window, groups: usize) -> Geometry {
    Geometry {
        input: window.input.map(usize::from),
        output: window.output.map(usize::from),
        kernel: window.kernel.map(usize::from),
        stride: window.stride.map(usize::from),
        dilation: window.dilation.map(usize::from),
        pad: window.pad.map(usize::from),
        groups,
    }
}
