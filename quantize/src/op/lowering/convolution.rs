//! What Conv2D and DepthwiseConv2D have in common: their records are alike, and so are their layers but for int8 ones.

use kinglet_blob::OpCode;
use kinglet_blob::records::{Conv2dF32, Conv2dI16, Window};
use kinglet_kernels::int16::Rounding;

use super::layer::Channels;
use super::window::WindowShapes;
use super::{Emission, Reason, Site, layer_f32, layer_i16};
use crate::op::common::attributes::{Activation, Slide};
use crate::record::{Overlap, PixelOrder, geometry};

/// The window of a kernel that slides over the first operand; `groups` is the record's field.
pub(crate) fn window(site: &Site<'_>, slide: &Slide, kernel: [usize; 2], groups: usize) -> Result<Window, Reason> {
    let Slide { stride, dilation, padding } = slide;
    let (input, output) = (&site.operand(0).shape, &site.result().shape);
    WindowShapes { input, output, kernel, stride: *stride, dilation: *dilation, padding, groups }.record()
}

/// A float convolution whose result may share memory with its operand as `overlap` says.
pub(crate) fn lower_f32(
    site: &mut Site<'_>,
    opcode: OpCode,
    window: Window,
    activation: Activation,
    overlap: Overlap,
) -> Result<(), Reason> {
    let constants = layer_f32::store(site, window.output[2].into(), site.f32s(1)?)?;
    let (min, max) = activation.bounds();
    site.emit(Emission::new(opcode, Conv2dF32 { constants, window, min, max }, overlap));
    Ok(())
}

/// A convolution on int16 activations; `short` is the rounding of a bias of 32 bits.
pub(crate) fn lower_i16(
    site: &mut Site<'_>,
    opcode: OpCode,
    window: Window,
    activation: Activation,
    (channels, short): (&Channels<'_>, Rounding),
) -> Result<(), Reason> {
    let (quant, constants) = layer_i16::encode(site, channels, short, activation)?;
    let record = Conv2dI16 { constants: site.store(constants)?, window, quant };
    let overlap = Overlap::windowed(&geometry(&window, 1), window.batch.into(), 2, PixelOrder::Interleaved);
    site.emit(Emission::new(opcode, record, overlap));
    Ok(())
}
