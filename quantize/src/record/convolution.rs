//! Records of Conv2D and DepthwiseConv2D, which are alike.

use kinglet_blob::OpCode;
use kinglet_blob::records::{AsymmetricConv2dI8, Conv2dF32, Conv2dI8, Conv2dI16, HybridConv2d, Window};
use kinglet_kernels::conv2d::conv2d_i8_scratch_len;
use kinglet_kernels::depthwise::depthwise_i8_scratch_len;
use kinglet_kernels::packing::{DepthwisePacking, Packing, PixelOrder, Sparse, Storage, WriteOrder};

use super::exactness::{Constants, lengthened, row_major};
use super::parameters::{Access, Head, Layer, Packed, Parameters, RowsMut, Shapes, product};
use super::{WeightSize, geometry, window_weights};

const PIXEL_BY_PIXEL: WriteOrder = WriteOrder::Pixels(PixelOrder::Interleaved);

fn layer(head: Head, constants: u32, window: &Window, size: WeightSize) -> Layer {
    Layer {
        constants,
        outputs: window.output[2].into(),
        weight_bytes: size.bytes(window_weights(head.opcode, window)),
        macs: window.macs(head.opcode),
    }
}

/// Planes of a depthwise layer, one for each channel of each image; elements of all patches of another.
pub(super) fn gathered(opcode: OpCode, window: &Window) -> u64 {
    let [height, width, channels] = window.output.map(u64::from);
    let batch = u64::from(window.batch);
    match opcode {
        OpCode::Depthwise => batch * channels,
        _ => height * width * batch * product(window.kernel) * u64::from(window.input[2]),
    }
}

impl Parameters for Conv2dI8 {
    fn shapes(&self) -> Shapes {
        Shapes::windowed(&self.window)
    }

    fn access(&self, head: Head) -> Access<'_> {
        Access::Windows(&self.window, self.packed(head).map_or(PIXEL_BY_PIXEL, |packed| packed.order))
    }

    fn rows_mut(&mut self) -> Option<RowsMut<'_>> {
        Some(RowsMut::Window(&mut self.window))
    }

    fn layer(&self, head: Head) -> Option<Layer> {
        Some(layer(head, self.constants, &self.window, WeightSize::Stored(head.form)))
    }

    fn packed(&self, head: Head) -> Option<Packed> {
        let (window, tag) = (&self.window, head.form.packing);
        let storage = Storage::from_tag(head.form.storage)?;
        let lengthened = lengthened(&self.quant, window.output[2].into());
        let multiplier_or_groups = usize::from(window.groups);
        let packed = match head.opcode {
            OpCode::Depthwise => DepthwisePacking::from_tag(tag).map(|packing| {
                let geometry = geometry(window, window.input[2].into());
                Packed {
                    name: packing.name(),
                    scratch_bytes: depthwise_i8_scratch_len(&geometry, multiplier_or_groups, packing, storage)
                        + lengthened,
                    takes: packing.takes(&geometry, multiplier_or_groups),
                    order: packing.write_order(&geometry),
                }
            }),
            _ => Packing::from_tag(tag).map(|packing| Packed {
                name: packing.name(),
                scratch_bytes: conv2d_i8_scratch_len(&geometry(window, multiplier_or_groups), packing, storage)
                    + lengthened,
                takes: true,
                order: WriteOrder::Pixels(packing.pixel_order()),
            }),
        };
        Some(packed.unwrap_or(Packed::UNKNOWN))
    }

    fn is_exact(&self, head: Head, section: &[u8]) -> Option<bool> {
        let (window, outputs) = (&self.window, usize::from(self.window.output[2]));
        let storage = Storage::from_tag(head.form.storage)?;
        let constants = |weight_len, sparse: Sparse| {
            let sparse = (storage == Storage::Sparse).then_some(sparse);
            Constants::at(self.constants, &self.quant, (outputs, weight_len, sparse), section)
        };
        if head.opcode == OpCode::Depthwise {
            let packing = DepthwisePacking::from_tag(head.form.packing)?;
            let area = product(window.kernel) as usize;
            let constants = constants(packing.weight_len(storage, outputs, area), packing.sparse(outputs, area))?;
            let weight = |o, tap| packing.weight_at(storage, [outputs, o], area, &constants.weights, tap);
            let row_major = row_major(outputs, area, weight);
            return Some(packing.is_exact(&constants.numbers(area, storage, &row_major)));
        }
        let packing = Packing::from_tag(head.form.packing)?;
        let geometry = geometry(window, window.groups.into());
        let taps = geometry.runs();
        let constants =
            constants(packing.weight_len(storage, outputs, taps.count()), packing.sparse(outputs, taps.count()))?;
        let weight = |o, tap| packing.weight_at(storage, [outputs, o], taps, &constants.weights, tap);
        let row_major = row_major(outputs, taps.count(), weight);
        let head_is_right = packing.is_head_of(&constants.weights, taps.count(), &row_major);
        Some(head_is_right && packing.is_exact(&constants.numbers(taps.count(), storage, &row_major)))
    }

    fn gathered(&self, opcode: OpCode) -> u64 {
        gathered(opcode, &self.window)
    }
}

/// Records whose weights have one order: as they come.
macro_rules! unpacked {
    ($record:ty, $size:expr) => {
        impl Parameters for $record {
            fn shapes(&self) -> Shapes {
                Shapes::windowed(&self.window)
            }

            fn access(&self, _head: Head) -> Access<'_> {
                Access::Windows(&self.window, PIXEL_BY_PIXEL)
            }

            fn rows_mut(&mut self) -> Option<RowsMut<'_>> {
                Some(RowsMut::Window(&mut self.window))
            }

            fn layer(&self, head: Head) -> Option<Layer> {
                Some(layer(head, self.constants, &self.window, $size(head)))
            }

            fn gathered(&self, opcode: OpCode) -> u64 {
                gathered(opcode, &self.window)
            }
        }
    };
}
unpacked!(Conv2dF32, |_: Head| WeightSize::Floats);
unpacked!(Conv2dI16, |head: Head| WeightSize::Stored(head.form));

/// Records of several operators, whose windows are not always those of the images that the graph has: results lie apart.
macro_rules! apart {
    ($($record:ty),*) => { $(
        impl Parameters for $record {
            fn shapes(&self) -> Shapes {
                Shapes::windowed(&self.window)
            }

            fn access(&self, _head: Head) -> Access<'_> {
                Access::Apart
            }

            fn layer(&self, head: Head) -> Option<Layer> {
                Some(layer(head, self.constants, &self.window, WeightSize::Stored(head.form)))
            }
        }
    )* };
}
apart!(AsymmetricConv2dI8, HybridConv2d);
