//! The window of a record: geometry and weights.

use kinglet_blob::OpCode;
use kinglet_blob::records::Window;
use kinglet_kernels::conv2d::Geometry;

/// Weights of an operator that has some for each place of its window.
pub(crate) fn window_weights(opcode: OpCode, window: &Window) -> u64 {
    window.taps(opcode).saturating_mul(window.output[2].into())
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
