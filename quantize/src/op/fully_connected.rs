//! A dense layer on rows.

use core::fmt;

use kinglet_blob::records::{FullyConnectedF32, FullyConnectedI8, FullyConnectedI16, Window};
use kinglet_blob::{OpCode, WeightForm};
use kinglet_kernels::fully_connected::fully_connected_i8_scratch_len;
use kinglet_kernels::int16::Rounding;
use kinglet_kernels::packing::Taps;

use super::common::attributes::{Activation, Padding};
use super::common::real::{Real, Reals, activated};
use super::common::{types, weighted};
use super::lowering::asymmetric::{self, is_asymmetric};
use super::lowering::layer::{Channels, LayerI8};
use super::lowering::window::WindowShapes;
use super::lowering::{Emission, Reason, Site, layer_f32, layer_i16, narrow, no_kernel, packing, hybrid};
use super::operator::Operator;
use super::rule::layer::{Kernel, Layer, WeightOrder};
use super::rule::layout::{LastAxis, LayoutRule};
use super::rule::quantization::{Codes, End, Scaling, of_accumulator};
use crate::record::{lengthened, Overlap, Work};
use crate::value::{DType, Shape, ShapeError, Value, fail};

/// `x [..., K]` (all leading axes are rows), `w [O, K]`, optional `b [O]` -> `[..., O]`.
#[derive(Clone, Debug, PartialEq)]
pub struct FullyConnected {
    /// Fused activation.
    pub activation: Activation,
}

impl Operator for FullyConnected {
    fn name(&self) -> &'static str {
        "FullyConnected"
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.activation)
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        let (x, w, bias) = weighted::with_bias(inputs)?;
        let &[outputs, depth] = w else {
            return fail(format!("weights have shape {w:?}, 2 axes [O, K] are needed"));
        };
        let Some((&last, rows)) = x.split_last() else {
            return fail("operand is a scalar".into());
        };
        if last != depth {
            return fail(format!("input {x:?} and weights {w:?} differ in depth"));
        }
        weighted::check_bias(bias, outputs)?;
        Ok(vec![rows.iter().copied().chain([outputs]).collect()])
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        types::weighted_among(inputs, outputs, 0, &[DType::F32, DType::I8, DType::I16])
    }

    fn evaluate(&self, inputs: &[Real<'_>], _shapes: &[&[usize]]) -> Reals {
        let (x, w) = (inputs[0], inputs[1]);
        let depth = w.shape[1];
        let mut result = Vec::new();
        for row in x.data.chunks(depth) {
            for (output, weights) in w.data.chunks(depth).enumerate() {
                let product: f64 = row.iter().zip(weights).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
                let bias = inputs.get(2).map_or(0.0, |bias| f64::from(bias.data[output]));
                result.push((product + bias) as f32);
            }
        }
        activated(result, self.activation)
    }

    fn activation_mut(&mut self) -> Option<&mut Activation> {
        Some(&mut self.activation)
    }

    fn clamp(&self) -> Activation {
        self.activation
    }

    fn layer(&self) -> Option<Layer> {
        Some(Layer { order: WeightOrder::Dense { groups: 1 }, kernel: Kernel::None, activation: self.activation })
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        // The bias goes with the outputs, which stay.
        LayoutRule::LastAxis(LastAxis { moving: 1, keeps_columns: false })
    }

    fn codes(&self) -> Codes {
        Codes::Rescaled
    }

    fn scale_floors(&self, scaling: &dyn Scaling) -> Vec<(End, f32)> {
        vec![of_accumulator(scaling)]
    }

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        let [outputs, taps] = site.axes(1)?;
        let sizes = [site.operand(0).len() / taps.max(1), taps, outputs];
        if self.lower_hybrid(site, sizes)? {
            return Ok(());
        }
        match site.dtype() {
            DType::F32 => self.lower_f32(site, sizes),
            DType::I8 if is_asymmetric(site.operand_quantization(1)?) => self.lower_asymmetric(site, sizes),
            DType::I8 => self.lower_i8(site, sizes),
            DType::I16 => self.lower_i16(site, sizes),
            other => no_kernel(other),
        }
    }
}

impl FullyConnected {
    /// Lowers a layer on floats whose weights are codes, when there are not too many for the record; true when it did.
    fn lower_hybrid(&self, site: &mut Site<'_>, sizes: [usize; 3]) -> Result<bool, Reason> {
        let Some((codes, quantization)) = hybrid::codes(site, 0) else { return Ok(false) };
        let Ok(window) = rows_as_columns(sizes) else { return Ok(false) };
        let [_, taps, outputs] = sizes;
        hybrid::lower(site, window, &Channels::rows(&codes, outputs, taps), quantization, self.activation)?;
        Ok(true)
    }

    fn lower_f32(&self, site: &mut Site<'_>, [rows, taps, outputs]: [usize; 3]) -> Result<(), Reason> {
        let constants = layer_f32::store(site, outputs, site.f32s(1)?)?;
        let (min, max) = self.activation.bounds();
        let [rows_u32, taps_u32, outputs_u32] = extents(rows, taps, outputs)?;
        let record = FullyConnectedF32 { constants, rows: rows_u32, taps: taps_u32, outputs: outputs_u32, min, max };
        let overlap = Overlap::rows(rows, 4 * taps, 4 * outputs);
        site.emit(Emission::new(OpCode::FullyConnected, record, overlap));
        Ok(())
    }

    fn lower_i8(&self, site: &mut Site<'_>, [rows, taps, outputs]: [usize; 3]) -> Result<(), Reason> {
        let channels = Channels::rows(site.i8s(1)?, outputs, taps);
        let storage = site.operand_quantization(1)?.storage;
        let layer = LayerI8::folded(site, &channels, self.activation)?;
        let [rows_u64, taps_u64, outputs_u64] = [rows, taps, outputs].map(|extent| extent as u64);
        let (input, output) = (rows_u64 * taps_u64, rows_u64 * outputs_u64);
        let work = Work { input, output, gathered: 0, macs: input * outputs_u64 };
        let packing = packing::fully_connected(site.target, &layer.numbers(storage, &channels), &work);
        let mut packed = vec![0; packing.weight_len(storage, outputs, taps)];
        packing.pack(storage, outputs, Taps::flat(taps), channels.weights, &mut packed);
        let packed = packing::without_zeros(storage, packing.sparse(outputs, taps), packed);
        let (quant, constants) = layer.encode(&packed);
        let constants = site.store(constants)?;
        let [rows_u32, taps_u32, outputs_u32] = extents(rows, taps, outputs)?;
        let record = FullyConnectedI8 { constants, rows: rows_u32, taps: taps_u32, outputs: outputs_u32, quant };
        site.emit(Emission {
            form: WeightForm { packing: packing as u8, storage: storage as u8 },
            scratch_bytes: Some(
                fully_connected_i8_scratch_len([rows, taps, outputs], packing, storage) + lengthened(&quant, outputs),
            ),
            ..Emission::new(OpCode::FullyConnected, record, Overlap::rows(rows, taps, outputs))
        });
        Ok(())
    }

    fn lower_asymmetric(&self, site: &mut Site<'_>, sizes: [usize; 3]) -> Result<(), Reason> {
        let window = rows_as_columns(sizes)?;
        let [_, taps, outputs] = sizes;
        let channels = Channels::rows(site.i8s(1)?, outputs, taps);
        asymmetric::lower(site, window, &channels, self.activation)
    }

    fn lower_i16(&self, site: &mut Site<'_>, [rows, taps, outputs]: [usize; 3]) -> Result<(), Reason> {
        let channels = Channels::rows(site.i8s(1)?, outputs, taps);
        let (quant, constants) = layer_i16::encode(site, &channels, Rounding::Twice, self.activation)?;
        let constants = site.store(constants)?;
        let [rows_u32, taps_u32, outputs_u32] = extents(rows, taps, outputs)?;
        let record = FullyConnectedI16 { constants, rows: rows_u32, taps: taps_u32, outputs: outputs_u32, quant };
        let overlap = Overlap::rows(rows, 2 * taps, 2 * outputs);
        site.emit(Emission::new(OpCode::FullyConnected, record, overlap));
        Ok(())
    }
}

/// The window of a layer whose rows are the columns of an image.
fn rows_as_columns([rows, taps, outputs]: [usize; 3]) -> Result<Window, Reason> {
    let window = WindowShapes {
        input: &[1, 1, rows, taps],
        output: &[1, 1, rows, outputs],
        kernel: [1, 1],
        stride: [1, 1],
        dilation: [1, 1],
        padding: &Padding::default(),
        groups: 1,
    };
    window.record()
}

/// The extents as a record has them.
fn extents(rows: usize, taps: usize, outputs: usize) -> Result<[u32; 3], Reason> {
    Ok([
        narrow(rows, "the number of rows")?,
        narrow(taps, "the number of inputs")?,
        narrow(outputs, "the number of outputs")?,
    ])
}
