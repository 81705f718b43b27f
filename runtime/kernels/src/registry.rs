//! The list of kernels: one that is not here does not exist.
//!
//! The equivalence test (`tests/kernels_match_reference`), the benchmark (`benches/kernels.rs`) and the table of
//! operators, element types and instruction sets in the README all read [`KERNELS`]. Dispatch itself is a `match` in
//! the operator's module, because a table of function pointers would keep every kernel in a firmware that
//! uses one of them; nothing on a device refers to this list.
//!
//! To add a kernel for an instruction set: write it in `arch/`, add its row here and its arm to the
//! operator's dispatch.

use crate::conv2d::{self, Conv2dF32, Conv2dI8, Packing};
use crate::copy::CopyBlocks;
use crate::depthwise::{self, DepthwiseF32, DepthwiseI8, DepthwisePacking};
use crate::elementwise::{self, AddI8, ElementwiseF32, MulI8, Operand};
use crate::fully_connected::{self, FullyConnectedF32, FullyConnectedI8};
use crate::mean::{self, MeanF32, MeanI8};
use crate::pad::PadGeometry;
use crate::pool::{self, PoolF32, PoolI8};
use crate::{Io, copy, pad};
use core::fmt;

pub use crate::machine::Isa;

/// One kernel.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Path of the function below this crate's root.
    pub name: &'static str,
    /// The operators it computes.
    pub operators: &'static [Operator],
    /// Type of its activations.
    pub element: Element,
    /// Where it runs.
    pub isa: Isa,
    /// The function, if this build has it.
    pub kernel: Option<Kernel>,
}

/// Type of activations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Element {
    I8,
    F32,
    /// Every type, by copying.
    Any,
}

impl Element {
    /// True when a kernel for `self` serves `other`.
    fn serves(self, other: Element) -> bool {
        self == Element::Any || self == other
    }
}

/// What a model's author calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Operator {
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    AveragePool2D,
    MaxPool2D,
    Add,
    Mul,
    Softmax,
    Mean,
    Pad,
    Concat,
    Reshape,
    Relu,
    Relu6,
    Logistic,
    Tanh,
    Quantize,
    Dequantize,
}

impl Operator {
    /// Every operator, in the order of the README's table.
    pub const ALL: [Operator; 18] = [
        Operator::Conv2D,
        Operator::DepthwiseConv2D,
        Operator::FullyConnected,
        Operator::AveragePool2D,
        Operator::MaxPool2D,
        Operator::Add,
        Operator::Mul,
        Operator::Softmax,
        Operator::Mean,
        Operator::Pad,
        Operator::Concat,
        Operator::Reshape,
        Operator::Relu,
        Operator::Relu6,
        Operator::Logistic,
        Operator::Tanh,
        Operator::Quantize,
        Operator::Dequantize,
    ];
}

/// A kernel with the signature of its operator, to be compared with that operator's reference.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub enum Kernel {
    Conv2dI8(Packing, fn(&Conv2dI8, &mut Io<i8>, &mut [i8])),
    Conv2dF32(fn(&Conv2dF32, &mut Io<f32>)),
    DepthwiseI8(DepthwisePacking, fn(&DepthwiseI8, &mut Io<i8>, &mut [i8])),
    DepthwiseF32(fn(&DepthwiseF32, &mut Io<f32>)),
    FullyConnectedI8(Packing, fn(&FullyConnectedI8, &mut Io<i8>, &mut [i8])),
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
    PadI8(fn(&PadGeometry, i8, &mut Io<i8>)),
    CopyI8(fn(&CopyBlocks, &mut Io<i8>)),
    /// The formula itself is what runs; its own tests compare it with known values.
    Formula,
}

/// Conv2D, DepthwiseConv2D, FullyConnected, Add and AveragePool2D, in a build for Armv7E-M.
#[cfg(kinglet_isa = "armv7em")]
const ARMV7EM: [Option<Kernel>; 5] = [
    Some(Kernel::Conv2dI8(Packing::Paired, crate::arch::armv7em::conv2d_i8)),
    Some(Kernel::DepthwiseI8(DepthwisePacking::Planar, crate::arch::armv7em::depthwise_i8)),
    Some(Kernel::FullyConnectedI8(Packing::PairedBlocks, crate::arch::armv7em::fully_connected_i8)),
    // The dispatch, because what the assembly does not take goes to the portable kernel.
    Some(Kernel::AddI8(elementwise::add_i8)),
    Some(Kernel::AveragePoolI8(crate::arch::armv7em::average_pool_i8)),
];
#[cfg(not(kinglet_isa = "armv7em"))]
const ARMV7EM: [Option<Kernel>; 5] = [None; 5];

/// Conv2D, DepthwiseConv2D and FullyConnected, in a build for Armv7-M.
#[cfg(kinglet_isa = "armv7m")]
const ARMV7M: [Option<Kernel>; 3] = [
    Some(Kernel::Conv2dI8(Packing::Interleaved, crate::arch::armv7m::conv2d_i8)),
    Some(Kernel::DepthwiseI8(DepthwisePacking::Triples, crate::arch::armv7m::depthwise_i8)),
    Some(Kernel::FullyConnectedI8(Packing::Octets, crate::arch::armv7m::fully_connected_i8)),
];
#[cfg(not(kinglet_isa = "armv7m"))]
const ARMV7M: [Option<Kernel>; 3] = [None; 3];

/// What a build for Helium has kernels for; where these do not take a layer they leave it to the portable ones.
#[cfg(kinglet_isa = "helium")]
const HELIUM: [Option<Kernel>; 8] = [
    Some(Kernel::Conv2dI8(Packing::Quads, crate::arch::helium::conv2d_i8)),
    Some(Kernel::DepthwiseI8(DepthwisePacking::Lanes, crate::arch::helium::depthwise_i8)),
    Some(Kernel::FullyConnectedI8(Packing::Quads, crate::arch::helium::fully_connected_i8)),
    Some(Kernel::DepthwiseI8(DepthwisePacking::Windows, crate::arch::helium::depthwise_i8_windows)),
    Some(Kernel::AveragePoolI8(pool::average_pool_i8)),
    Some(Kernel::MaxPoolI8(pool::max_pool_i8)),
    Some(Kernel::AddI8(elementwise::add_i8)),
    Some(Kernel::MeanI8(mean::mean_i8)),
];
#[cfg(not(kinglet_isa = "helium"))]
const HELIUM: [Option<Kernel>; 8] = [None; 8];

/// Conv2D in lanes, FullyConnected in fours and DepthwiseConv2D, in a build for Armv6-M.
#[cfg(kinglet_isa = "armv6m")]
const ARMV6M: [Option<Kernel>; 3] = [
    Some(Kernel::Conv2dI8(Packing::Lanes, crate::arch::armv6m::conv2d_i8)),
    Some(Kernel::FullyConnectedI8(Packing::Fours, crate::arch::armv6m::fully_connected_i8)),
    Some(Kernel::DepthwiseI8(DepthwisePacking::WordPlane, crate::arch::armv6m::depthwise_i8)),
];
#[cfg(not(kinglet_isa = "armv6m"))]
const ARMV6M: [Option<Kernel>; 3] = [None; 3];

/// The planar kernel with the inner loops every machine has.
fn depthwise_i8_planar(layer: &DepthwiseI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    depthwise::planar::depthwise_i8(layer, io, scratch, &depthwise::planar::PortableKernel);
}

/// The kernel of 3x3 windows with the inner loops every machine has.
fn depthwise_i8_windows(layer: &DepthwiseI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    depthwise::windows::depthwise_i8(layer, io, scratch, &mut depthwise::windows::PortableKernel);
}

/// The kernel over overlapping pairs with the inner loops every machine has.
fn depthwise_i8_triples(layer: &DepthwiseI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    depthwise::triples::depthwise_i8(layer, io, scratch, &depthwise::triples::PortableKernel);
}

/// The kernel over lanes with the inner loops every machine has.
fn depthwise_i8_lanes(layer: &DepthwiseI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    depthwise::lanes::depthwise_i8(layer, io, scratch, &depthwise::lanes::PortableKernel);
}

const fn portable(name: &'static str, operators: &'static [Operator], element: Element, kernel: Kernel) -> Row {
    Row { name, operators, element, isa: Isa::Portable, kernel: Some(kernel) }
}

const fn armv6m(name: &'static str, operators: &'static [Operator], kernel: Option<Kernel>) -> Row {
    Row { name, operators, element: Element::I8, isa: Isa::Armv6m, kernel }
}

const fn armv7em(name: &'static str, operators: &'static [Operator], kernel: Option<Kernel>) -> Row {
    Row { name, operators, element: Element::I8, isa: Isa::Armv7em, kernel }
}

const fn armv7m(name: &'static str, operators: &'static [Operator], kernel: Option<Kernel>) -> Row {
    Row { name, operators, element: Element::I8, isa: Isa::Armv7m, kernel }
}

const fn helium(name: &'static str, operators: &'static [Operator], kernel: Option<Kernel>) -> Row {
    Row { name, operators, element: Element::I8, isa: Isa::Helium, kernel }
}

/// Every kernel.
pub const KERNELS: &[Row] = &[
    portable(
        "conv2d::portable::conv2d_i8",
        &[Operator::Conv2D],
        Element::I8,
        Kernel::Conv2dI8(Packing::RowMajor, conv2d::portable::conv2d_i8),
    ),
    portable(
        "conv2d::portable::conv2d_i8_paired",
        &[Operator::Conv2D],
        Element::I8,
        Kernel::Conv2dI8(Packing::Paired, conv2d::portable::conv2d_i8_paired),
    ),
    portable(
        "conv2d::portable::conv2d_i8_packed",
        &[Operator::Conv2D],
        Element::I8,
        Kernel::Conv2dI8(Packing::Interleaved, conv2d::portable::conv2d_i8_packed),
    ),
    armv7m("arch::armv7m::conv2d_i8", &[Operator::Conv2D], ARMV7M[0]),
    portable(
        "conv2d::portable::conv2d_i8_quads",
        &[Operator::Conv2D],
        Element::I8,
        Kernel::Conv2dI8(Packing::Quads, conv2d::portable::conv2d_i8_quads),
    ),
    portable(
        "conv2d::portable::conv2d_i8_packed",
        &[Operator::Conv2D],
        Element::I8,
        Kernel::Conv2dI8(Packing::Lanes, conv2d::portable::conv2d_i8_packed),
    ),
    armv6m("arch::armv6m::conv2d_i8", &[Operator::Conv2D], ARMV6M[0]),
    armv7em("arch::armv7em::conv2d_i8", &[Operator::Conv2D], ARMV7EM[0]),
    helium("arch::helium::conv2d_i8", &[Operator::Conv2D], HELIUM[0]),
    portable("conv2d::conv2d_f32", &[Operator::Conv2D], Element::F32, Kernel::Conv2dF32(conv2d::conv2d_f32)),
    portable(
        "depthwise::portable::depthwise_i8",
        &[Operator::DepthwiseConv2D],
        Element::I8,
        Kernel::DepthwiseI8(DepthwisePacking::RowMajor, depthwise::portable::depthwise_i8),
    ),
    portable(
        "depthwise::planar::depthwise_i8",
        &[Operator::DepthwiseConv2D],
        Element::I8,
        Kernel::DepthwiseI8(DepthwisePacking::Planar, depthwise_i8_planar),
    ),
    portable(
        "depthwise::windows::depthwise_i8",
        &[Operator::DepthwiseConv2D],
        Element::I8,
        Kernel::DepthwiseI8(DepthwisePacking::Windows, depthwise_i8_windows),
    ),
    portable(
        "depthwise::triples::depthwise_i8",
        &[Operator::DepthwiseConv2D],
        Element::I8,
        Kernel::DepthwiseI8(DepthwisePacking::Triples, depthwise_i8_triples),
    ),
    armv7m("arch::armv7m::depthwise_i8", &[Operator::DepthwiseConv2D], ARMV7M[1]),
    portable(
        "depthwise::lanes::depthwise_i8",
        &[Operator::DepthwiseConv2D],
        Element::I8,
        Kernel::DepthwiseI8(DepthwisePacking::WordPlane, depthwise_i8_lanes),
    ),
    armv6m("arch::armv6m::depthwise_i8", &[Operator::DepthwiseConv2D], ARMV6M[2]),
    armv7em("arch::armv7em::depthwise_i8", &[Operator::DepthwiseConv2D], ARMV7EM[1]),
    helium("arch::helium::depthwise_i8", &[Operator::DepthwiseConv2D], HELIUM[1]),
    helium("arch::helium::depthwise_i8_windows", &[Operator::DepthwiseConv2D], HELIUM[3]),
    portable(
        "depthwise::depthwise_f32",
        &[Operator::DepthwiseConv2D],
        Element::F32,
        Kernel::DepthwiseF32(depthwise::depthwise_f32),
    ),
    portable(
        "fully_connected::portable::fully_connected_i8",
        &[Operator::FullyConnected],
        Element::I8,
        Kernel::FullyConnectedI8(Packing::RowMajor, fully_connected::portable::fully_connected_i8),
    ),
    portable(
        "fully_connected::portable::fully_connected_i8_paired",
        &[Operator::FullyConnected],
        Element::I8,
        Kernel::FullyConnectedI8(Packing::PairedBlocks, fully_connected::portable::fully_connected_i8_paired),
    ),
    portable(
        "fully_connected::portable::fully_connected_i8_packed",
        &[Operator::FullyConnected],
        Element::I8,
        Kernel::FullyConnectedI8(Packing::Octets, fully_connected::portable::fully_connected_i8_packed),
    ),
    armv7m("arch::armv7m::fully_connected_i8", &[Operator::FullyConnected], ARMV7M[2]),
    portable(
        "fully_connected::portable::fully_connected_i8_quads",
        &[Operator::FullyConnected],
        Element::I8,
        Kernel::FullyConnectedI8(Packing::Quads, fully_connected::portable::fully_connected_i8_quads),
    ),
    portable(
        "fully_connected::portable::fully_connected_i8_packed",
        &[Operator::FullyConnected],
        Element::I8,
        Kernel::FullyConnectedI8(Packing::Fours, fully_connected::portable::fully_connected_i8_packed),
    ),
    armv6m("arch::armv6m::fully_connected_i8", &[Operator::FullyConnected], ARMV6M[1]),
    armv7em("arch::armv7em::fully_connected_i8", &[Operator::FullyConnected], ARMV7EM[2]),
    helium("arch::helium::fully_connected_i8", &[Operator::FullyConnected], HELIUM[2]),
    portable(
        "fully_connected::fully_connected_f32",
        &[Operator::FullyConnected],
        Element::F32,
        Kernel::FullyConnectedF32(fully_connected::fully_connected_f32),
    ),
    portable(
        "pool::portable::average_pool_i8",
        &[Operator::AveragePool2D],
        Element::I8,
        Kernel::AveragePoolI8(pool::portable::average_pool_i8),
    ),
    armv7em("arch::armv7em::average_pool_i8", &[Operator::AveragePool2D], ARMV7EM[4]),
    portable("pool::max_pool_i8", &[Operator::MaxPool2D], Element::I8, Kernel::MaxPoolI8(pool::max_pool_i8)),
    helium("arch::helium::average_pool_i8", &[Operator::AveragePool2D], HELIUM[4]),
    helium("arch::helium::max_pool_i8", &[Operator::MaxPool2D], HELIUM[5]),
    portable(
        "pool::average_pool_f32",
        &[Operator::AveragePool2D],
        Element::F32,
        Kernel::AveragePoolF32(pool::average_pool_f32),
    ),
    portable("pool::max_pool_f32", &[Operator::MaxPool2D], Element::F32, Kernel::MaxPoolF32(pool::max_pool_f32)),
    helium("arch::helium::add_i8", &[Operator::Add], HELIUM[6]),
    portable(
        "elementwise::portable::add_i8",
        &[Operator::Add],
        Element::I8,
        Kernel::AddI8(elementwise::portable::add_i8),
    ),
    armv7em("arch::armv7em::add_i8", &[Operator::Add], ARMV7EM[3]),
    portable("elementwise::mul_i8", &[Operator::Mul], Element::I8, Kernel::MulI8(elementwise::mul_i8)),
    portable("elementwise::add_f32", &[Operator::Add], Element::F32, Kernel::AddF32(elementwise::add_f32)),
    portable("elementwise::mul_f32", &[Operator::Mul], Element::F32, Kernel::MulF32(elementwise::mul_f32)),
    portable("mean::mean_i8", &[Operator::Mean], Element::I8, Kernel::MeanI8(mean::mean_i8)),
    helium("arch::helium::mean_i8", &[Operator::Mean], HELIUM[7]),
    portable("mean::mean_f32", &[Operator::Mean], Element::F32, Kernel::MeanF32(mean::mean_f32)),
    portable("pad::pad", &[Operator::Pad], Element::Any, Kernel::PadI8(pad::pad::<i8>)),
    portable(
        "copy::copy_blocks",
        &[Operator::Concat, Operator::Reshape],
        Element::Any,
        Kernel::CopyI8(copy::copy_blocks::<i8>),
    ),
    portable("softmax::softmax_i8", &[Operator::Softmax], Element::I8, Kernel::Formula),
    portable("softmax::softmax_f32", &[Operator::Softmax], Element::F32, Kernel::Formula),
    portable(
        "lookup::lookup_i8",
        &[Operator::Relu, Operator::Relu6, Operator::Logistic, Operator::Tanh, Operator::Quantize],
        Element::I8,
        Kernel::Formula,
    ),
    portable("unary_f32::clamp_f32", &[Operator::Relu, Operator::Relu6], Element::F32, Kernel::Formula),
    portable("unary_f32::logistic_f32", &[Operator::Logistic], Element::F32, Kernel::Formula),
    portable("unary_f32::tanh_f32", &[Operator::Tanh], Element::F32, Kernel::Formula),
    portable("quantize::quantize_f32_i8", &[Operator::Quantize], Element::F32, Kernel::Formula),
    portable("quantize::dequantize_i8_f32", &[Operator::Dequantize], Element::I8, Kernel::Formula),
];

/// Writes the table of operators, element types and instruction sets in Markdown: the kernel that serves each
/// cell, or a dash where the operator does not exist for that type.
pub fn write_table(out: &mut impl fmt::Write) -> fmt::Result {
    write!(out, "| Operator | Type |")?;
    Isa::ALL.iter().try_for_each(|isa| write!(out, " {} |", isa.title()))?;
    write!(out, "\n|---|---|")?;
    Isa::ALL.iter().try_for_each(|_| write!(out, "---|"))?;
    writeln!(out)?;
    for operator in Operator::ALL {
        for (element, label) in [(Element::I8, "int8"), (Element::F32, "float32")] {
            write!(out, "| {operator:?} | {label} |")?;
            for isa in Isa::ALL {
                write_cell(out, operator, element, *isa)?;
            }
            writeln!(out)?;
        }
    }
    Ok(())
}

fn write_cell(out: &mut impl fmt::Write, operator: Operator, element: Element, isa: Isa) -> fmt::Result {
    let rows = || KERNELS.iter().filter(|row| row.operators.contains(&operator) && row.element.serves(element));
    let mut separator = " ";
    for (index, row) in rows().filter(|row| row.isa == isa).enumerate() {
        // A kernel for several packings has a row for each.
        if rows().filter(|row| row.isa == isa).take(index).any(|before| before.name == row.name) {
            continue;
        }
        write!(out, "{separator}`{}`", row.name)?;
        separator = ", ";
    }
    let nothing_special = separator == " ";
    let rest = match (nothing_special, rows().next()) {
        (false, _) => "",
        (true, Some(_)) => " portable",
        (true, None) => " -",
    };
    write!(out, "{rest} |")
}
