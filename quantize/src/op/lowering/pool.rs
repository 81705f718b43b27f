//! Means and maxima under a window: their records are alike.

use kinglet_blob::OpCode;
use kinglet_blob::records::{PoolF32, PoolI8, PoolI16};

use super::window::WindowShapes;
use super::{Emission, Reason, Site, no_kernel};
use crate::op::common::attributes::{Activation, Window};
use crate::op::common::fixed;
use crate::record::{Overlap, PixelOrder, Record, geometry};
use crate::value::DType;

/// The operator `opcode` under `window`.
pub(crate) fn lower(
    site: &mut Site<'_>,
    opcode: OpCode,
    window: &Window,
    activation: Activation,
) -> Result<(), Reason> {
    let shapes = WindowShapes {
        input: &site.operand(0).shape,
        output: &site.result().shape,
        kernel: window.size,
        stride: window.stride,
        dilation: [1, 1],
        padding: &window.padding,
        groups: 1,
    };
    let window = shapes.record()?;
    let record: Record = match site.dtype() {
        DType::F32 => {
            let (min, max) = activation.bounds();
            PoolF32 { window, min, max }.into()
        }
        DType::I8 => {
            let stage = fixed::output_stage(activation, site.result_quantization()?);
            PoolI8 { window, min: stage.min as i8, max: stage.max as i8, reserved: 0 }.into()
        }
        DType::I16 => {
            let (min, max) = fixed::clamp_i16(activation, site.result_quantization()?);
            PoolI16 { window, min, max }.into()
        }
        other => return no_kernel(other),
    };
    let size = site.dtype().size_bytes();
    let overlap = Overlap::windowed(&geometry(&window, 1), window.batch.into(), size, PixelOrder::Interleaved);
    site.emit(Emission::new(opcode, record, overlap));
    Ok(())
}
