//! Row-major: `[KH, KW, C * multiplier]` as it is written, for any layer on any machine.

use super::{DepthwisePacking, Order, WriteOrder, tap_major};
use crate::Io;
use crate::conv2d::Geometry;
use crate::depthwise::{DepthwiseI8, portable};
use crate::numerics::ALL_SHIFTS;
use crate::packing::PixelOrder;
use crate::registry::{Isa, Kernel, Operator, Row, in_build};
use core::ops::RangeInclusive;

/// See the module.
pub(crate) struct RowMajor;

impl Order for RowMajor {
    const ISA: Isa = Isa::Portable;
    const IS_RUNNABLE: bool = cfg!(feature = "row-major");
    const SHIFTS: RangeInclusive<i32> = ALL_SHIFTS;
    const KERNELS: &'static [Row] = &[
        Row {
            kernel: Some(Kernel::DepthwiseI8(DepthwisePacking::RowMajor, portable::depthwise_i8)),
            ..Row::packed(
                "depthwise::portable::depthwise_i8",
                &[Operator::DepthwiseConv2D],
                DepthwisePacking::RowMajor.name(),
            )
        },
        Row {
            isa: Isa::Aarch64,
            kernel: in_build!(
                "aarch64",
                Kernel::DepthwiseI8(DepthwisePacking::RowMajor, crate::arch::aarch64::row_major_depthwise_i8)
            ),
            ..Row::packed(
                "arch::aarch64::row_major_depthwise_i8",
                &[Operator::DepthwiseConv2D],
                DepthwisePacking::RowMajor.name(),
            )
        },
        Row {
            isa: Isa::X86_64,
            kernel: in_build!(
                "x86_64",
                Kernel::DepthwiseI8(DepthwisePacking::RowMajor, crate::arch::x86_64::row_major_depthwise_i8)
            ),
            ..Row::packed(
                "arch::x86_64::row_major_depthwise_i8",
                &[Operator::DepthwiseConv2D],
                DepthwisePacking::RowMajor.name(),
            )
        },
        Row {
            isa: Isa::Wasm,
            kernel: in_build!(
                "wasm",
                Kernel::DepthwiseI8(DepthwisePacking::RowMajor, crate::arch::wasm::row_major_depthwise_i8)
            ),
            ..Row::packed(
                "arch::wasm::row_major_depthwise_i8",
                &[Operator::DepthwiseConv2D],
                DepthwisePacking::RowMajor.name(),
            )
        },
    ];

    fn takes(_geometry: &Geometry, _multiplier: usize) -> bool {
        true
    }

    fn place(outputs: usize, area: usize, output: usize, tap: usize) -> usize {
        tap_major(outputs, area, output, tap)
    }

    fn write_order(_geometry: &Geometry) -> WriteOrder {
        WriteOrder::Pixels(PixelOrder::Interleaved)
    }

    fn scratch(_geometry: &Geometry) -> usize {
        0
    }

    #[inline(always)]
    fn run(layer: &DepthwiseI8, io: &mut Io<i8>, scratch: &mut [i8]) -> bool {
        #[cfg(all(feature = "row-major", kinglet_isa = "aarch64"))]
        crate::arch::aarch64::row_major_depthwise_i8(layer, io, scratch);
        #[cfg(all(feature = "row-major", kinglet_isa = "x86_64"))]
        crate::arch::x86_64::row_major_depthwise_i8(layer, io, scratch);
        #[cfg(all(feature = "row-major", kinglet_isa = "wasm"))]
        crate::arch::wasm::row_major_depthwise_i8(layer, io, scratch);
        #[cfg(all(
            feature = "row-major",
            not(any(kinglet_isa = "aarch64", kinglet_isa = "wasm", kinglet_isa = "x86_64"))
        ))]
        portable::depthwise_i8(layer, io, scratch);
        #[cfg(not(feature = "row-major"))]
        let _ = (layer, io, scratch);
        Self::IS_RUNNABLE
    }
}
