//! Convolution over the plane, each channel by itself.

use core::fmt;

use kinglet_blob::records::{self, Conv2dI8};
use kinglet_blob::{OpCode, WeightForm};
use kinglet_kernels::depthwise::depthwise_i8_scratch_len;
use kinglet_kernels::int16::Rounding;

use super::common::attributes::{Activation, Padding, Slide};
use super::common::real::{Real, Reals, activated};
use super::common::{operands, types, weighted, window};
use super::lowering::asymmetric::{self, is_asymmetric};
use super::lowering::layer::{Channels, LayerI8};
use super::lowering::{Emission, Reason, Site, convolution, hybrid, no_kernel, packing};
use super::operator::Operator;
use super::rule::layer::{Kernel, Layer, WeightOrder};
use super::rule::layout::LayoutRule;
use super::rule::quantization::{Codes, End, Scaling, of_accumulator};
use super::rule::rewrite::ZerosRule;
use super::rule::time::{Absent, TimeRule};
use crate::record::{lengthened, Overlap, PixelOrder, Work, geometry};
use crate::value::{DType, Shape, ShapeError, Value, fail};

/// `x [N, H, W, C]`, `w [1, KH, KW, C * multiplier]`, optional `b [C * multiplier]`.
#[derive(Clone, Debug, PartialEq)]
pub struct DepthwiseConv2D {
    /// Step along height and width.
    pub stride: [usize; 2],
    /// Distance between taps along height and width.
    pub dilation: [usize; 2],
    /// Zero (real value) padding.
    pub padding: Padding,
    /// Output channels for each input channel.
    pub multiplier: usize,
    /// Fused activation.
    pub activation: Activation,
}

impl DepthwiseConv2D {
    fn slide(&self) -> Slide {
        Slide { stride: self.stride, dilation: self.dilation, padding: self.padding }
    }
}

impl Operator for DepthwiseConv2D {
    fn name(&self) -> &'static str {
        "DepthwiseConv2D"
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.slide())?;
        if self.multiplier != 1 {
            write!(f, " multiplier {}", self.multiplier)?;
        }
        write!(f, "{}", self.activation)
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        let multiplier = self.multiplier;
        let (x, w, bias) = weighted::with_bias(inputs)?;
        let [n, height, width, channels] = operands::nhwc(x)?;
        let &[1, kernel_h, kernel_w, outputs] = w else {
            return fail(format!("weights have shape {w:?}, [1, KH, KW, C * multiplier] is needed"));
        };
        if multiplier == 0 || channels.checked_mul(multiplier) != Some(outputs) {
            return fail(format!("input {x:?} and weights {w:?} do not fit a multiplier of {multiplier}"));
        }
        weighted::check_bias(bias, outputs)?;
        let [rows, columns] = window::output_extent([height, width], [kernel_h, kernel_w], &self.slide())?;
        Ok(vec![vec![n, rows, columns, outputs]])
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        types::weighted_among(inputs, outputs, 3, &[DType::F32, DType::I8, DType::I16])
    }

    fn evaluate(&self, inputs: &[Real<'_>], shapes: &[&[usize]]) -> Reals {
        let (x, w) = (inputs[0], inputs[1]);
        let add = |sum: f64, output: usize, [tap_h, tap_w]: [usize; 2], [n, row, column]: [usize; 3]| {
            let weight = w.data[(tap_h * w.shape[2] + tap_w) * w.shape[3] + output];
            sum + window::element(x, [n, row, column, output / self.multiplier]) * f64::from(weight)
        };
        activated(window::convolved(inputs, shapes[0], &self.slide(), add), self.activation)
    }

    fn activation_mut(&mut self) -> Option<&mut Activation> {
        Some(&mut self.activation)
    }

    fn clamp(&self) -> Activation {
        self.activation
    }

    fn zeros_rule(&mut self) -> ZerosRule<'_> {
        ZerosRule::Count(&mut self.padding)
    }

    fn layer(&self) -> Option<Layer> {
        let order = WeightOrder::Depthwise { multiplier: self.multiplier };
        Some(Layer { order, kernel: Kernel::Slides(self.slide()), activation: self.activation })
    }

    fn time_rule(&self, axis: usize, inputs: &[&[usize]]) -> TimeRule {
        let &[_, &[_, kernel_h, kernel_w, _], ..] = inputs else { return TimeRule::Whole };
        window::time_rule(axis, [kernel_h, kernel_w], &self.slide(), Absent::Real(0.0))
    }

    fn begin_with_first_row(&mut self, axis: usize) {
        window::begin_with_first_row(axis, &mut self.padding);
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
        let [_, kernel_h, kernel_w, outputs] = site.axes(1)?;
        let taps = kernel_h * kernel_w;
        let window = convolution::window(site, &self.slide(), [kernel_h, kernel_w], self.multiplier)?;
        if let Some((codes, quantization)) = hybrid::codes(site, 3) {
            // A group for each channel of the operand.
            let window = records::Window { groups: window.input[2], ..window };
            let channels = Channels::columns(&codes, outputs, taps);
            return hybrid::lower(site, window, &channels, quantization, self.activation);
        }
        match site.dtype() {
            DType::F32 => {
                let geometry = geometry(&window, 1);
                let overlap = Overlap::windowed(&geometry, window.batch.into(), 4, PixelOrder::Interleaved);
                convolution::lower_f32(site, OpCode::Depthwise, window, self.activation, overlap)
            }
            DType::I8 if is_asymmetric(site.operand_quantization(1)?) => {
                let window = records::Window { groups: window.input[2], ..window };
                let channels = Channels::columns(site.i8s(1)?, outputs, taps);
                asymmetric::lower(site, window, &channels, self.activation)
            }
            DType::I8 => self.lower_i8(site, window, &Channels::columns(site.i8s(1)?, outputs, taps)),
            DType::I16 => {
                // The oracle reads a short bias as if it were long; its value counts here.
                let layer = (&Channels::columns(site.i8s(1)?, outputs, taps), Rounding::Once);
                convolution::lower_i16(site, OpCode::Depthwise, window, self.activation, layer)
            }
            other => no_kernel(other),
        }
    }
}

impl DepthwiseConv2D {
    fn lower_i8(&self, site: &mut Site<'_>, window: records::Window, channels: &Channels<'_>) -> Result<(), Reason> {
        let geometry = geometry(&window, window.input[2].into());
        let storage = site.operand_quantization(1)?.storage;
        let layer = LayerI8::folded(site, channels, self.activation)?;
        let work = Work::windowed(OpCode::Depthwise, &window);
        let packing = packing::depthwise(site.target, &geometry, self.multiplier, &layer.numbers(storage, channels), &work);
        let mut packed = vec![0; packing.weight_len(storage, channels.outputs, channels.taps)];
        packing.pack(storage, channels.outputs, channels.taps, channels.weights, &mut packed);
        let packed = packing::without_zeros(storage, packing.sparse(channels.outputs, channels.taps), packed);
        let (quant, constants) = layer.encode(&packed);
        let record = Conv2dI8 { constants: site.store(constants)?, window, quant };
        let images = (window.batch.into(), self.multiplier);
        let overlap = Overlap::of_order(packing.write_order(&geometry), &geometry, images, 1);
        site.emit(Emission {
            form: WeightForm { packing: packing as u8, storage: storage as u8 },
            scratch_bytes: Some(
                depthwise_i8_scratch_len(&geometry, self.multiplier, packing, storage)
                    + lengthened(&quant, channels.outputs),
            ),
            ..Emission::new(OpCode::Depthwise, record, overlap)
        });
        Ok(())
    }
}
