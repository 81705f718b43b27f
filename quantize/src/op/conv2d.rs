//! Convolution over the plane, in groups of channels.

use core::fmt;

use kinglet_blob::records::{self, Conv2dI8};
use kinglet_blob::{OpCode, WeightForm};
use kinglet_kernels::conv2d::conv2d_i8_scratch_len;
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
use crate::record::{lengthened, Overlap, Work, geometry};
use crate::value::{DType, Shape, ShapeError, Value, fail};

/// `x [N, H, W, I]`, `w [O, KH, KW, I / groups]`, optional `b [O]` -> `[N, H', W', O]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv2D {
    /// Step along height and width.
    pub stride: [usize; 2],
    /// Distance between taps along height and width.
    pub dilation: [usize; 2],
    /// Zero (real value) padding.
    pub padding: Padding,
    /// Number of independent channel groups.
    pub groups: usize,
    /// Fused activation.
    pub activation: Activation,
}

impl Conv2D {
    fn slide(&self) -> Slide {
        Slide { stride: self.stride, dilation: self.dilation, padding: self.padding }
    }
}

impl Operator for Conv2D {
    fn name(&self) -> &'static str {
        "Conv2D"
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.slide())?;
        if self.groups != 1 {
            write!(f, " groups {}", self.groups)?;
        }
        write!(f, "{}", self.activation)
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        let groups = self.groups;
        let (x, w, bias) = weighted::with_bias(inputs)?;
        let [n, height, width, channels] = operands::nhwc(x)?;
        let &[outputs, kernel_h, kernel_w, group_channels] = w else {
            return fail(format!("weights have shape {w:?}, 4 axes [O, KH, KW, I / groups] are needed"));
        };
        if groups == 0 || outputs % groups != 0 || group_channels.checked_mul(groups) != Some(channels) {
            return fail(format!("input {x:?} and weights {w:?} do not fit {groups} groups"));
        }
        weighted::check_bias(bias, outputs)?;
        let [rows, columns] = window::output_extent([height, width], [kernel_h, kernel_w], &self.slide())?;
        Ok(vec![vec![n, rows, columns, outputs]])
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        types::weighted_among(inputs, outputs, 0, &[DType::F32, DType::I8, DType::I16])
    }

    fn evaluate(&self, inputs: &[Real<'_>], shapes: &[&[usize]]) -> Reals {
        let (x, w) = (inputs[0], inputs[1]);
        let (outputs_per_group, depth) = (w.shape[0] / self.groups, w.shape[3]);
        let (kernel_h, kernel_w) = (w.shape[1], w.shape[2]);
        let add = |sum: f64, output: usize, [tap_h, tap_w]: [usize; 2], [n, row, column]: [usize; 3]| {
            let first = output / outputs_per_group * depth;
            let weights = (output * kernel_h * kernel_w + tap_h * kernel_w + tap_w) * depth;
            (0..depth).fold(sum, |sum, channel| {
                sum + window::element(x, [n, row, column, first + channel]) * f64::from(w.data[weights + channel])
            })
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
        let order = WeightOrder::Dense { groups: self.groups };
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
        let [outputs, kernel_h, kernel_w, group_channels] = site.axes(1)?;
        let taps = kernel_h * kernel_w * group_channels;
        let window = convolution::window(site, &self.slide(), [kernel_h, kernel_w], self.groups)?;
        if let Some((codes, quantization)) = hybrid::codes(site, 0) {
            return hybrid::lower(site, window, &Channels::rows(&codes, outputs, taps), quantization, self.activation);
        }
        match site.dtype() {
            // Over its input it would take the slow reference kernel.
            DType::F32 => convolution::lower_f32(site, OpCode::Conv2d, window, self.activation, Overlap::Never),
            DType::I8 if is_asymmetric(site.operand_quantization(1)?) => {
                let channels = Channels::rows(site.i8s(1)?, outputs, taps);
                asymmetric::lower(site, window, &channels, self.activation)
            }
            DType::I8 => self.lower_i8(site, window, &Channels::rows(site.i8s(1)?, outputs, taps)),
            DType::I16 => {
                let layer = (&Channels::rows(site.i8s(1)?, outputs, taps), Rounding::Twice);
                convolution::lower_i16(site, OpCode::Conv2d, window, self.activation, layer)
            }
            other => no_kernel(other),
        }
    }
}

impl Conv2D {
    fn lower_i8(&self, site: &mut Site<'_>, window: records::Window, channels: &Channels<'_>) -> Result<(), Reason> {
        let geometry = geometry(&window, window.groups.into());
        let storage = site.operand_quantization(1)?.storage;
        let layer = LayerI8::folded(site, channels, self.activation)?;
        let work = Work::windowed(OpCode::Conv2d, &window);
        let packing = packing::convolution(site.target, self.groups, &layer.numbers(storage, channels), &work);
        let mut packed = vec![0; packing.weight_len(storage, channels.outputs, channels.taps)];
        packing.pack(storage, channels.outputs, geometry.runs(), channels.weights, &mut packed);
        let packed = packing::without_zeros(storage, packing.sparse(channels.outputs, channels.taps), packed);
        let (quant, constants) = layer.encode(&packed);
        let record = Conv2dI8 { constants: site.store(constants)?, window, quant };
        let overlap = Overlap::windowed(&geometry, window.batch.into(), 1, packing.pixel_order());
        site.emit(Emission {
            form: WeightForm { packing: packing as u8, storage: storage as u8 },
            scratch_bytes: Some(conv2d_i8_scratch_len(&geometry, packing, storage) + lengthened(&quant, channels.outputs)),
            ..Emission::new(OpCode::Conv2d, record, overlap)
        });
        Ok(())
    }
}
