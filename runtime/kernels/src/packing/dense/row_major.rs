//! Row-major: `[O, KH, KW, C / groups]` as it is written, for any layer on any machine.

use super::{Numbers, Order, Packing, Storage, Taps};
use crate::Io;
use crate::conv2d::{self, Conv2dI8, Geometry};
use crate::fully_connected::{self, FullyConnectedI8};
use crate::numerics::ALL_SHIFTS;
use crate::registry::{Isa, Kernel, Operator, Row, in_build};
use core::ops::RangeInclusive;

/// See the module.
pub(crate) struct RowMajor;

impl Order for RowMajor {
    const ISA: Isa = Isa::Portable;
    const IS_RUNNABLE: bool = cfg!(feature = "row-major");
    const SHIFTS: RangeInclusive<i32> = ALL_SHIFTS;
    const CONV2D: &'static [Row] = &[
        Row {
            kernel: Some(Kernel::Conv2dI8(Packing::RowMajor, Storage::Bits8, conv2d::portable::conv2d_i8)),
            ..Row::packed("conv2d::portable::conv2d_i8", &[Operator::Conv2D], Packing::RowMajor.name())
        },
        Row {
            isa: Isa::Aarch64,
            kernel: in_build!(
                "aarch64",
                Kernel::Conv2dI8(Packing::RowMajor, Storage::Bits8, crate::arch::aarch64::conv2d_i8)
            ),
            ..Row::packed("arch::aarch64::conv2d_i8", &[Operator::Conv2D], Packing::RowMajor.name())
        },
        Row {
            isa: Isa::X86_64,
            kernel: in_build!(
                "x86_64",
                Kernel::Conv2dI8(Packing::RowMajor, Storage::Bits8, crate::arch::x86_64::conv2d_i8)
            ),
            ..Row::packed("arch::x86_64::conv2d_i8", &[Operator::Conv2D], Packing::RowMajor.name())
        },
        Row {
            isa: Isa::Wasm,
            kernel: in_build!(
                "wasm",
                Kernel::Conv2dI8(Packing::RowMajor, Storage::Bits8, crate::arch::wasm::conv2d_i8)
            ),
            ..Row::packed("arch::wasm::conv2d_i8", &[Operator::Conv2D], Packing::RowMajor.name())
        },
        Row {
            emulates: Some(Isa::X86_64),
            kernel: CONV2D_EMULATED,
            ..Row::packed("dots::emulated::conv2d_i8", &[Operator::Conv2D], Packing::RowMajor.name())
        },
    ];
    const FULLY_CONNECTED: &'static [Row] = &[
        Row {
            kernel: Some(Kernel::FullyConnectedI8(
                Packing::RowMajor,
                Storage::Bits8,
                fully_connected::portable::fully_connected_i8,
            )),
            ..Row::packed(
                "fully_connected::portable::fully_connected_i8",
                &[Operator::FullyConnected],
                Packing::RowMajor.name(),
            )
        },
        Row {
            isa: Isa::Aarch64,
            kernel: in_build!(
                "aarch64",
                Kernel::FullyConnectedI8(Packing::RowMajor, Storage::Bits8, crate::arch::aarch64::fully_connected_i8)
            ),
            ..Row::packed("arch::aarch64::fully_connected_i8", &[Operator::FullyConnected], Packing::RowMajor.name())
        },
        Row {
            isa: Isa::X86_64,
            kernel: in_build!(
                "x86_64",
                Kernel::FullyConnectedI8(Packing::RowMajor, Storage::Bits8, crate::arch::x86_64::fully_connected_i8)
            ),
            ..Row::packed("arch::x86_64::fully_connected_i8", &[Operator::FullyConnected], Packing::RowMajor.name())
        },
        Row {
            isa: Isa::Wasm,
            kernel: in_build!(
                "wasm",
                Kernel::FullyConnectedI8(Packing::RowMajor, Storage::Bits8, crate::arch::wasm::fully_connected_i8)
            ),
            ..Row::packed("arch::wasm::fully_connected_i8", &[Operator::FullyConnected], Packing::RowMajor.name())
        },
        Row {
            emulates: Some(Isa::X86_64),
            kernel: FULLY_CONNECTED_EMULATED,
            ..Row::packed("dots::emulated::fully_connected_i8", &[Operator::FullyConnected], Packing::RowMajor.name())
        },
    ];

    fn takes_groups() -> bool {
        true
    }

    fn is_exact(_numbers: &Numbers<'_>) -> bool {
        true
    }

    #[inline]
    fn places(outputs: usize, taps: usize) -> usize {
        outputs.saturating_mul(taps)
    }

    #[inline]
    fn place(_outputs: usize, taps: Taps, output: usize, tap: usize) -> usize {
        output.wrapping_mul(taps.count()).wrapping_add(tap)
    }

    /// One patch of all groups: gathered even when it lies in one piece, so that the output may overlap.
    fn conv2d_scratch(geometry: &Geometry) -> usize {
        geometry.taps().saturating_mul(geometry.groups)
    }

    #[inline(always)]
    fn conv2d(layer: &Conv2dI8, io: &mut Io<i8>, scratch: &mut [i8]) -> bool {
        #[cfg(all(feature = "row-major", kinglet_isa = "aarch64"))]
        crate::arch::aarch64::conv2d_i8(layer, io, scratch);
        #[cfg(all(feature = "row-major", kinglet_isa = "x86_64"))]
        crate::arch::x86_64::conv2d_i8(layer, io, scratch);
        #[cfg(all(feature = "row-major", kinglet_isa = "wasm"))]
        crate::arch::wasm::conv2d_i8(layer, io, scratch);
        #[cfg(all(
            feature = "row-major",
            not(any(kinglet_isa = "aarch64", kinglet_isa = "wasm", kinglet_isa = "x86_64"))
        ))]
        conv2d::portable::conv2d_i8(layer, io, scratch);
        #[cfg(not(feature = "row-major"))]
        let _ = (layer, io, scratch);
        Self::IS_RUNNABLE
    }

    #[inline(always)]
    fn fully_connected(layer: &FullyConnectedI8, io: &mut Io<i8>, scratch: &mut [i8]) -> bool {
        #[cfg(all(feature = "row-major", kinglet_isa = "aarch64"))]
        crate::arch::aarch64::fully_connected_i8(layer, io, scratch);
        #[cfg(all(feature = "row-major", kinglet_isa = "x86_64"))]
        crate::arch::x86_64::fully_connected_i8(layer, io, scratch);
        #[cfg(all(feature = "row-major", kinglet_isa = "wasm"))]
        crate::arch::wasm::fully_connected_i8(layer, io, scratch);
        #[cfg(all(
            feature = "row-major",
            not(any(kinglet_isa = "aarch64", kinglet_isa = "wasm", kinglet_isa = "x86_64"))
        ))]
        fully_connected::portable::fully_connected_i8(layer, io, scratch);
        #[cfg(not(feature = "row-major"))]
        let _ = (layer, io, scratch);
        Self::IS_RUNNABLE
    }
}

/// The kernel of x86-64 with its instruction emulated, if this build emulates.
const CONV2D_EMULATED: Option<Kernel> = {
    #[cfg(feature = "emulation")]
    {
        Some(Kernel::Conv2dI8(Packing::RowMajor, Storage::Bits8, crate::dots::emulated::conv2d_i8))
    }
    #[cfg(not(feature = "emulation"))]
    {
        None
    }
};

/// Likewise.
const FULLY_CONNECTED_EMULATED: Option<Kernel> = {
    #[cfg(feature = "emulation")]
    {
        Some(Kernel::FullyConnectedI8(Packing::RowMajor, Storage::Bits8, crate::dots::emulated::fully_connected_i8))
    }
    #[cfg(not(feature = "emulation"))]
    {
        None
    }
};
