//! The list of kernels: one that is not here cannot be called, one that is here is tested on every core.
//!
//! Three lists make it, and from each follow both the function that calls a kernel and the rows that tests, benchmarks
//! and the pages read ([`kernels`]):
//!
//! - operators without weights that have kernels of their own for some instruction set: `kernels!` below;
//! - packings, in `packing/dense` and `packing/depthwise`, each of which names its kernels;
//! - what is the same everywhere: `PLAIN` below.
//!
//! Nothing on a device refers to rows.

mod macros;
mod names;
mod table;

pub use crate::machine::Isa;
pub(crate) use macros::{in_build, kernels, packed};
pub use names::{Element, Operator};
pub use table::{write_accelerated, write_table};

use crate::conv2d::{self, AsymmetricConv2dI8, Conv2dF32, Conv2dHybrid, Conv2dI8, Conv2dI16};
use crate::copy::CopyBlocks;
use crate::depthwise::{self, DepthwiseF32, DepthwiseI8, DepthwiseI16};
use crate::elementwise::{self, AddI8, AddI16, ElementwiseF32, MulI8, MulI16, Operand};
use crate::fully_connected::{self, FullyConnectedF32, FullyConnectedI8, FullyConnectedI16};
use crate::mat_mul::{self, MatMulF32, MatMulI8, MatMulI16};
use crate::mean::{self, MeanF32, MeanI8};
use crate::packing::{DepthwisePacking, Packing, Storage};
use crate::pad::PadGeometry;
use crate::pool::{self, PoolF32, PoolI8, PoolI16};
use crate::rearrange::{self, Rearrange};
use crate::reduce::{self, ReduceF32, ReduceInt};
use crate::reduce_max::{self, ReduceMax};
use crate::resample::{self, Resample};
use crate::resize_bilinear::{self, ResizeBilinear};
use crate::take::{self, Take};
use crate::transpose_conv::{self, TransposeConvF32, TransposeConvI8, TransposeConvI16};
use crate::{Io, copy, packing, pad};

/// One kernel.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The function, as the list writes it.
    pub(crate) function: &'static str,
    /// The operators it computes.
    pub operators: &'static [Operator],
    /// Type of its activations.
    pub element: Element,
    /// Where it runs.
    pub isa: Isa,
    /// The packing of its weights, if they can have several.
    pub packing: Option<&'static str>,
    /// The instruction set whose kernel it stands for in builds with the cargo feature `emulation`.
    pub emulates: Option<Isa>,
    /// The function, if this build has it.
    pub kernel: Option<Kernel>,
}

impl Row {
    /// Path of the function below this crate's root.
    pub fn name(&self) -> &'static str {
        let path = self.function.strip_prefix("crate::").unwrap_or(self.function);
        path.split("::<").next().unwrap_or(path)
    }

    /// A kernel for every machine.
    pub(crate) const fn plain(
        function: &'static str,
        operators: &'static [Operator],
        element: Element,
        kernel: Kernel,
    ) -> Row {
        let (isa, packing, emulates) = (Isa::Portable, None, None);
        Row { function, operators, element, isa, packing, emulates, kernel: Some(kernel) }
    }

    /// A kernel for int8 weights in a packing; the caller adds where it runs.
    pub(crate) const fn packed(function: &'static str, operators: &'static [Operator], packing: &'static str) -> Row {
        Row { packing: Some(packing), ..Row::plain(function, operators, Element::I8, Kernel::Formula) }
    }
}

/// A kernel with the signature of its operator, to be compared with that operator's reference.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub enum Kernel {
    Conv2dI8(Packing, Storage, fn(&Conv2dI8, &mut Io<i8>, &mut [i8])),
    Conv2dF32(fn(&Conv2dF32, &mut Io<f32>)),
    Conv2dHybrid(fn(&Conv2dHybrid, &mut Io<f32>)),
    DepthwiseI8(DepthwisePacking, fn(&DepthwiseI8, &mut Io<i8>, &mut [i8])),
    DepthwiseF32(fn(&DepthwiseF32, &mut Io<f32>)),
    FullyConnectedI8(Packing, Storage, fn(&FullyConnectedI8, &mut Io<i8>, &mut [i8])),
    FullyConnectedF32(fn(&FullyConnectedF32, &mut Io<f32>)),
    AveragePoolI8(fn(&PoolI8, &mut Io<i8>)),
    MaxPoolI8(fn(&PoolI8, &mut Io<i8>)),
    AveragePoolF32(fn(&PoolF32, &mut Io<f32>)),
    MaxPoolF32(fn(&PoolF32, &mut Io<f32>)),
    AddI8(fn(&AddI8, &mut Io<i8>, Operand<'_, i8>)),
    MulI8(fn(&MulI8, &mut Io<i8>, Operand<'_, i8>)),
    AddF32(fn(&ElementwiseF32, &mut Io<f32>, Operand<'_, f32>)),
    MulF32(fn(&ElementwiseF32, &mut Io<f32>, Operand<'_, f32>)),
    MeanI8(fn(&MeanI8, &mut Io<i8>)),
    MeanF32(fn(&MeanF32, &mut Io<f32>)),
    ReduceMaxI8(fn(&ReduceMax, &mut Io<i8>)),
    ReduceMaxF32(fn(&ReduceMax, &mut Io<f32>)),
    ReduceF32(fn(&ReduceF32, &mut Io<f32>)),
    ReduceI8(fn(&ReduceInt, &mut Io<i8>)),
    ReduceI16(fn(&ReduceInt, &mut Io<i16>)),
    MatMulF32(fn(&MatMulF32, &[f32], &[f32], &mut [f32]) -> bool),
    MatMulI8(fn(&MatMulI8, &[i8], &[i8], &mut [i8]) -> bool),
    MatMulI16(fn(&MatMulI16, &[i16], &[i16], &mut [i16]) -> bool),
    PadI8(fn(&PadGeometry, i8, &mut Io<i8>)),
    CopyI8(fn(&CopyBlocks, &mut Io<i8>)),
    RearrangeI8(fn(&Rearrange, &mut Io<i8>)),
    TakeI8(fn(&Take<'_>, &mut Io<i8>)),
    ResampleI8(fn(&Resample<'_, i16>, i32, &mut Io<i8>)),
    ResampleF32(fn(&Resample<'_, f32>, &mut Io<f32>)),
    ResizeBilinearI8(fn(&ResizeBilinear<'_>, &mut Io<i8>)),
    TransposeConvI8(fn(&TransposeConvI8, &mut Io<i8>)),
    TransposeConvF32(fn(&TransposeConvF32, &mut Io<f32>)),
    Conv2dI16(fn(&Conv2dI16, &mut Io<i16>)),
    DepthwiseI16(fn(&DepthwiseI16, &mut Io<i16>)),
    FullyConnectedI16(fn(&FullyConnectedI16, &mut Io<i16>)),
    AddI16(fn(&AddI16, &mut Io<i16>, Operand<'_, i16>)),
    AsymmetricConv2dI8(fn(&AsymmetricConv2dI8, &mut Io<i8>)),
    MulI16(fn(&MulI16, &mut Io<i16>, Operand<'_, i16>)),
    AveragePoolI16(fn(&PoolI16, &mut Io<i16>)),
    MaxPoolI16(fn(&PoolI16, &mut Io<i16>)),
    TransposeConvI16(fn(&TransposeConvI16, &mut Io<i16>)),
    /// The formula itself is what runs; its own tests compare it with known values.
    Formula,
}

kernels! {
    /// Computes the sum with the fastest kernel this target has for the layer. No scratch.
    add_i8(layer: &AddI8, io: &mut Io<i8>, b: Operand<'_, i8>) = (layer, io, b); AddI8, I8, Add;
        "armv6m" => crate::arch::armv6m::add_i8,
        "armv7m" => crate::arch::armv7m::add_i8,
        "armv7em" => crate::arch::armv7em::add_i8,
        "helium" => crate::arch::helium::add_i8,
        "aarch64" => crate::arch::aarch64::add_i8,
        "x86_64" => crate::arch::x86_64::add_i8,
        "wasm" => crate::arch::wasm::add_i8,
        portable => crate::elementwise::portable::add_i8;

    /// Computes the average pooling with the fastest kernel this target has for the layer. No scratch.
    average_pool_i8(layer: &PoolI8, io: &mut Io<i8>) = (layer, io); AveragePoolI8, I8, AveragePool2D;
        "armv7em" => crate::arch::armv7em::average_pool_i8,
        "helium" => crate::arch::helium::average_pool_i8,
        portable => crate::pool::portable::average_pool_i8;

    /// Computes the maximum pooling with the fastest kernel this target has for the layer. No scratch.
    max_pool_i8(layer: &PoolI8, io: &mut Io<i8>) = (layer, io); MaxPoolI8, I8, MaxPool2D;
        "armv7em" => crate::arch::armv7em::max_pool_i8,
        "helium" => crate::arch::helium::max_pool_i8,
        portable => crate::pool::portable::max_pool_i8;

    /// Computes the sum with the fastest kernel this target has for the layer. No scratch.
    add_f32(layer: &ElementwiseF32, io: &mut Io<f32>, b: Operand<'_, f32>) = (layer, io, b); AddF32, F32, Add;
        "x86_64" => crate::arch::x86_64::add_f32,
        "wasm" => crate::arch::wasm::add_f32,
        portable => crate::elementwise::float::add_f32;

    /// Computes the convolution with the fastest kernel this target has for the layer. No scratch.
    conv2d_f32(layer: &Conv2dF32, io: &mut Io<f32>) = (layer, io); Conv2dF32, F32, Conv2D;
        "x86_64" => crate::arch::x86_64::conv2d_f32,
        "wasm" => crate::arch::wasm::conv2d_f32,
        portable => crate::conv2d::float::conv2d_f32;

    /// Computes the convolution with the fastest kernel this target has for the layer. No scratch.
    depthwise_f32(layer: &DepthwiseF32, io: &mut Io<f32>) = (layer, io); DepthwiseF32, F32, DepthwiseConv2D;
        "x86_64" => crate::arch::x86_64::depthwise_f32,
        "wasm" => crate::arch::wasm::depthwise_f32,
        portable => crate::depthwise::float::depthwise_f32;

    /// Computes the layer with the fastest kernel this target has for it. No scratch.
    fully_connected_f32(layer: &FullyConnectedF32, io: &mut Io<f32>) = (layer, io);
        FullyConnectedF32, F32, FullyConnected;
        "x86_64" => crate::arch::x86_64::fully_connected_f32,
        "wasm" => crate::arch::wasm::fully_connected_f32,
        portable => crate::fully_connected::float::fully_connected_f32;

    /// Computes the mean with the fastest kernel this target has for the layer. No scratch.
    mean_i8(layer: &MeanI8, io: &mut Io<i8>) = (layer, io); MeanI8, I8, Mean;
        "helium" => crate::arch::helium::mean_i8,
        portable => crate::mean::portable::mean_i8;

    /// Computes the transposed convolution with the fastest kernel this target has. No scratch.
    transpose_conv_i8(layer: &TransposeConvI8, io: &mut Io<i8>) = (layer, io); TransposeConvI8, I8, TransposeConv2D;
        "armv7em" => crate::arch::armv7em::transpose_conv_i8,
        portable => crate::transpose_conv::portable::transpose_conv_i8;

    /// Computes the product with the fastest kernel this target has. False, and nothing written, when the slices are too
    /// short. No scratch.
    mat_mul_i8(layer: &MatMulI8, a: &[i8], b: &[i8], y: &mut [i8]) -> bool = (layer, a, b, y); MatMulI8, I8, MatMul;
        "armv7em" => crate::arch::armv7em::mat_mul_i8,
        portable => crate::mat_mul::portable::mat_mul_i8;
}

/// Kernels that are the same everywhere.
const PLAIN: &[Row] = &{
    use Element::{Any, F32, I8, I16};
    use Operator as O;
    const LOOKUP: &[Operator] = &[O::Relu, O::Relu6, O::Logistic, O::Tanh, O::Map, O::Quantize];
    const MAP_I16: &[Operator] = &[O::Relu, O::Relu6, O::Logistic, O::Tanh, O::Map];
    const REARRANGE: &[Operator] = &[O::Transpose, O::Take];
    [
        Row::plain("pool::average_pool_f32", &[O::AveragePool2D], F32, Kernel::AveragePoolF32(pool::average_pool_f32)),
        Row::plain("pool::max_pool_f32", &[O::MaxPool2D], F32, Kernel::MaxPoolF32(pool::max_pool_f32)),
        Row::plain("elementwise::mul_i8", &[O::Mul], I8, Kernel::MulI8(elementwise::mul_i8)),
        Row::plain("elementwise::mul_f32", &[O::Mul], F32, Kernel::MulF32(elementwise::mul_f32)),
        Row::plain("mean::mean_f32", &[O::Mean], F32, Kernel::MeanF32(mean::mean_f32)),
        Row::plain("reduce_max::reduce_max_i8", &[O::ReduceMax], I8, Kernel::ReduceMaxI8(reduce_max::reduce_max_i8)),
        Row::plain(
            "reduce_max::reduce_max_f32",
            &[O::ReduceMax],
            F32,
            Kernel::ReduceMaxF32(reduce_max::reduce_max_f32),
        ),
        Row::plain("reduce::reduce_i8", &[O::Reduce], I8, Kernel::ReduceI8(reduce::reduce_i8)),
        Row::plain("reduce::reduce_i16", &[O::Reduce], I16, Kernel::ReduceI16(reduce::reduce_i16)),
        Row::plain("reduce::reduce_f32", &[O::Reduce], F32, Kernel::ReduceF32(reduce::reduce_f32)),
        Row::plain("mat_mul::mat_mul_i16", &[O::MatMul], I16, Kernel::MatMulI16(mat_mul::mat_mul_i16)),
        Row::plain("mat_mul::mat_mul_f32", &[O::MatMul], F32, Kernel::MatMulF32(mat_mul::mat_mul_f32)),
        Row::plain("along::along_f32", &[O::Along], F32, Kernel::Formula),
        Row::plain("along::along_i8", &[O::Along], I8, Kernel::Formula),
        Row::plain("pad::pad", &[O::Pad], Any, Kernel::PadI8(pad::pad::<i8>)),
        Row::plain("copy::copy_blocks", &[O::Concat, O::Reshape], Any, Kernel::CopyI8(copy::copy_blocks::<i8>)),
        Row::plain("rearrange::rearrange", REARRANGE, Any, Kernel::RearrangeI8(rearrange::rearrange::<i8>)),
        Row::plain("take::take", &[O::Take], Any, Kernel::TakeI8(take::take::<i8>)),
        Row::plain("resample::resample_i8", &[O::Resample], I8, Kernel::ResampleI8(resample::resample_i8)),
        Row::plain("resample::resample_f32", &[O::Resample], F32, Kernel::ResampleF32(resample::resample_f32)),
        Row::plain(
            "resize_bilinear::resize_bilinear_i8",
            &[O::ResizeBilinear],
            I8,
            Kernel::ResizeBilinearI8(resize_bilinear::resize_bilinear_i8),
        ),
        Row::plain("conv2d::conv2d_i16", &[O::Conv2D], I16, Kernel::Conv2dI16(conv2d::conv2d_i16)),
        Row::plain(
            "depthwise::depthwise_i16",
            &[O::DepthwiseConv2D],
            I16,
            Kernel::DepthwiseI16(depthwise::depthwise_i16),
        ),
        Row::plain(
            "fully_connected::fully_connected_i16",
            &[O::FullyConnected],
            I16,
            Kernel::FullyConnectedI16(fully_connected::fully_connected_i16),
        ),
        Row::plain("elementwise::add_i16", &[O::Add], I16, Kernel::AddI16(elementwise::add_i16)),
        Row::plain("elementwise::mul_i16", &[O::Mul], I16, Kernel::MulI16(elementwise::mul_i16)),
        Row::plain("pool::average_pool_i16", &[O::AveragePool2D], I16, Kernel::AveragePoolI16(pool::average_pool_i16)),
        Row::plain("pool::max_pool_i16", &[O::MaxPool2D], I16, Kernel::MaxPoolI16(pool::max_pool_i16)),
        Row::plain(
            "transpose_conv::transpose_conv_i16",
            &[O::TransposeConv2D],
            I16,
            Kernel::TransposeConvI16(transpose_conv::transpose_conv_i16),
        ),
        Row::plain(
            "transpose_conv::transpose_conv_f32",
            &[O::TransposeConv2D],
            F32,
            Kernel::TransposeConvF32(transpose_conv::transpose_conv_f32),
        ),
        Row::plain(
            "conv2d::asymmetric_conv2d_i8",
            &[O::Conv2D, O::DepthwiseConv2D, O::FullyConnected],
            I8,
            Kernel::AsymmetricConv2dI8(conv2d::asymmetric_conv2d_i8),
        ),
        Row::plain(
            "conv2d::conv2d_hybrid",
            &[O::Conv2D, O::DepthwiseConv2D, O::FullyConnected],
            F32,
            Kernel::Conv2dHybrid(conv2d::conv2d_hybrid),
        ),
        Row::plain("softmax::softmax_i8", &[O::Softmax], I8, Kernel::Formula),
        Row::plain("softmax::softmax_i16", &[O::Softmax], I16, Kernel::Formula),
        Row::plain("softmax::softmax_f32", &[O::Softmax], F32, Kernel::Formula),
        Row::plain("lookup::lookup_i8", LOOKUP, I8, Kernel::Formula),
        Row::plain("unary_f32::clamp_f32", &[O::Relu, O::Relu6], F32, Kernel::Formula),
        Row::plain("unary_f32::logistic_f32", &[O::Logistic], F32, Kernel::Formula),
        Row::plain("unary_f32::tanh_f32", &[O::Tanh], F32, Kernel::Formula),
        Row::plain("map::map_f32", &[O::Map], F32, Kernel::Formula),
        Row::plain("map::map_i16", MAP_I16, I16, Kernel::Formula),
        Row::plain("quantize::quantize_f32_i8", &[O::Quantize], F32, Kernel::Formula),
        Row::plain("quantize::dequantize_i8_f32", &[O::Dequantize], I8, Kernel::Formula),
        Row::plain("combine::combine", &[O::Combine], F32, Kernel::Formula),
        Row::plain("combine::quantized::combine_codes", &[O::Combine], I8, Kernel::Formula),
        Row::plain("combine::quantized::combine_codes", &[O::Combine], I16, Kernel::Formula),
        Row::plain("select::select", &[O::Select], Any, Kernel::Formula),
        Row::plain("cast::cast", &[O::Cast], Any, Kernel::Formula),
        Row::plain("gather::gather", &[O::Gather], Any, Kernel::Formula),
        Row::plain("gather::scatter", &[O::Scatter], Any, Kernel::Formula),
        Row::plain("rank::rank", &[O::Rank], Any, Kernel::Formula),
        Row::plain("boxes::suppress", &[O::Suppress], F32, Kernel::Formula),
        Row::plain("boxes::detect", &[O::Detect], F32, Kernel::Formula),
        Row::plain("recurrent::recurrent_f32", &[O::Recurrent], F32, Kernel::Formula),
        Row::plain("recurrent::recurrent_i8", &[O::Recurrent], I8, Kernel::Formula),
        Row::plain("trees::trees_f32", &[O::Trees], F32, Kernel::Formula),
        Row::plain("trees::codes::trees_i16", &[O::Trees], I16, Kernel::Formula),
        Row::plain("quantize::requantize_i16", &[O::Quantize], I16, Kernel::Formula),
        Row::plain("quantize::dequantize_i16_f32", &[O::Dequantize], I16, Kernel::Formula),
    ]
};

/// Every kernel.
pub fn kernels() -> impl Iterator<Item = &'static Row> {
    let packed = packing::dense::ROWS.iter().chain(packing::depthwise::ROWS).copied().flatten();
    packed.chain(DISPATCHED).copied().flatten().chain(PLAIN)
}
