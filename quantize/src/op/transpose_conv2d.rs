//! Transposed convolution over the plane, in groups of channels: every pixel adds a kernel to the result.

use core::fmt;

use kinglet_blob::OpCode;
use kinglet_blob::records::{TransposeConvF32, TransposeConvI8, TransposeConvI16};
use kinglet_kernels::int16::Rounding;
use kinglet_kernels::transpose_conv::{self, TransposeGeometry};

use super::common::attributes::{Activation, Padding, Spread};
use super::common::real::{Real, Reals, activated};
use super::common::{operands, types, weighted, window};
use super::lowering::layer::{Channels, LayerI8};
use super::lowering::window::WindowShapes;
use super::lowering::{Emission, Reason, Site, layer_f32, layer_i16, no_kernel};
use super::operator::Operator;
use super::rule::layer::{Kernel, Layer, WeightOrder};
use super::rule::layout::LayoutRule;
use super::rule::quantization::{Codes, End, Scaling, of_accumulator};
use crate::record::{Overlap, Record};
use crate::value::{DType, Shape, ShapeError, VALUE_LEN_MAX, Value, fail};

/// `x [N, H, W, I]`, `w [O, KH, KW, I / groups]`, optional `b [O]` -> `[N, H', W', O]`.
///
/// Pixel `(y, x)` adds the kernel from row `y * stride - pad` and the like column on; what lies outside the result is
/// cut off.
#[derive(Clone, Debug, PartialEq)]
pub struct TransposeConv2D {
    /// Distance between the kernels of neighbouring pixels along height and width.
    pub stride: [usize; 2],
    /// Rows and columns that are cut off above and to the left.
    pub pad: [usize; 2],
    /// Height and width of the result.
    pub size: [usize; 2],
    /// Number of independent channel groups.
    pub groups: usize,
    /// Fused activation.
    pub activation: Activation,
}

impl TransposeConv2D {
    /// The pixel under `tap` at `position` of the result, along `axis`.
    fn source(&self, axis: usize, position: usize, tap: usize, extent: usize) -> Option<usize> {
        let from = (position + self.pad[axis]).checked_sub(tap)?;
        (from % self.stride[axis] == 0).then_some(from / self.stride[axis]).filter(|&source| source < extent)
    }
}

impl Operator for TransposeConv2D {
    fn name(&self) -> &'static str {
        "TransposeConv2D"
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TransposeConv2D { stride, pad, size, groups, activation } = self;
        write!(f, " stride {stride:?} pad {pad:?} size {size:?}")?;
        if *groups != 1 {
            write!(f, " groups {groups}")?;
        }
        write!(f, "{activation}")
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        let TransposeConv2D { stride, pad, size, groups, .. } = *self;
        let (x, w, bias) = weighted::with_bias(inputs)?;
        let [n, _, _, channels] = operands::nhwc(x)?;
        let &[outputs, kernel_h, kernel_w, group_channels] = w else {
            return fail(format!("weights have shape {w:?}, 4 axes [O, KH, KW, I / groups] are needed"));
        };
        if groups == 0 || outputs % groups != 0 || group_channels.checked_mul(groups) != Some(channels) {
            return fail(format!("input {x:?} and weights {w:?} do not fit {groups} groups"));
        }
        if stride.contains(&0) || size.contains(&0) || kernel_h == 0 || kernel_w == 0 {
            return fail(format!("kernel {w:?}, stride {stride:?} and size {size:?} must not be zero"));
        }
        if pad.iter().any(|&pad| pad > VALUE_LEN_MAX) {
            return fail(format!("padding {pad:?} is too large"));
        }
        weighted::check_bias(bias, outputs)?;
        Ok(vec![vec![n, size[0], size[1], outputs]])
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        types::weighted_among(inputs, outputs, 0, &[DType::F32, DType::I8, DType::I16])?;
        types::symmetric(inputs[1])
    }

    fn evaluate(&self, inputs: &[Real<'_>], shapes: &[&[usize]]) -> Reals {
        let (x, w) = (inputs[0], inputs[1]);
        let (&[_, height, width, _], &[outputs, kernel_h, kernel_w, depth]) = (x.shape, w.shape) else { return None };
        let sum = |[n, row, column, output]: [usize; 4]| {
            let first = output / (outputs / self.groups) * depth;
            let mut sum = inputs.get(2).map_or(0.0, |bias| f64::from(bias.data[output]));
            for tap_h in 0..kernel_h {
                let Some(y) = self.source(0, row, tap_h, height) else { continue };
                for tap_w in 0..kernel_w {
                    let Some(z) = self.source(1, column, tap_w, width) else { continue };
                    let weights = ((output * kernel_h + tap_h) * kernel_w + tap_w) * depth;
                    for channel in 0..depth {
                        let weight = f64::from(w.data[weights + channel]);
                        sum += window::element(x, [n, y, z, first + channel]) * weight;
                    }
                }
            }
            sum
        };
        activated(window::for_each_output(shapes[0], sum), self.activation)
    }

    fn activation_mut(&mut self) -> Option<&mut Activation> {
        Some(&mut self.activation)
    }

    fn clamp(&self) -> Activation {
        self.activation
    }

    fn layer(&self) -> Option<Layer> {
        let order = WeightOrder::Dense { groups: self.groups };
        let kernel = Kernel::Spreads(Spread { stride: self.stride, pad: self.pad });
        Some(Layer { order, kernel, activation: self.activation })
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::Fixed
    }

    fn codes(&self) -> Codes {
        Codes::Rescaled
    }

    fn scale_floors(&self, scaling: &dyn Scaling) -> Vec<(End, f32)> {
        vec![of_accumulator(scaling)]
    }

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        let [outputs, kernel_h, kernel_w, group_channels] = site.axes(1)?;
        let padding = Padding { top: self.pad[0], left: self.pad[1], ..Padding::default() };
        let shapes = WindowShapes {
            input: &site.operand(0).shape,
            output: &site.result().shape,
            kernel: [kernel_h, kernel_w],
            stride: self.stride,
            dilation: [1, 1],
            padding: &padding,
            groups: self.groups,
        };
        let window = shapes.record()?;
        let geometry = TransposeGeometry {
            input: window.input.map(usize::from),
            output: window.output.map(usize::from),
            kernel: [kernel_h, kernel_w],
            stride: self.stride,
            pad: self.pad,
            groups: self.groups,
        };
        let record: Record = match site.dtype() {
            DType::F32 => {
                let weights = packed(&geometry, site.f32s(1)?);
                let constants = layer_f32::store(site, outputs, &weights)?;
                let (min, max) = self.activation.bounds();
                TransposeConvF32 { constants, window, min, max }.into()
            }
            DType::I8 => {
                let weights = site.i8s(1)?;
                let channels = Channels::rows(weights, outputs, kernel_h * kernel_w * group_channels);
                let layer = LayerI8::unfolded(site, &channels, self.activation)?;
                let (quant, constants) = layer.encode(&packed(&geometry, weights));
                TransposeConvI8 { constants: site.store(constants)?, window, quant }.into()
            }
            DType::I16 => {
                let weights = site.i8s(1)?;
                let channels = Channels::rows(weights, outputs, kernel_h * kernel_w * group_channels);
                let (quant, mut constants) = layer_i16::encode(site, &channels, Rounding::Once, self.activation)?;
                // The weights stand last.
                let row_major = constants.split_off(constants.len() - weights.len());
                constants.extend(packed(&geometry, &row_major));
                TransposeConvI16 { constants: site.store(constants)?, window, quant }.into()
            }
            other => return no_kernel(other),
        };
        site.emit(Emission::new(OpCode::TransposeConv, record, Overlap::Never));
        Ok(())
    }
}

/// Weights in the order of phases.
fn packed<T: Copy + Default>(geometry: &TransposeGeometry, weights: &[T]) -> Vec<T> {
    let mut packed = vec![T::default(); weights.len()];
    transpose_conv::pack(geometry, weights, &mut packed);
    packed
}
