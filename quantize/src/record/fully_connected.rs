//! Records of FullyConnected.

use kinglet_blob::records::{FullyConnectedF32, FullyConnectedI8, FullyConnectedI16};
use kinglet_kernels::fully_connected::fully_connected_i8_scratch_len;
use kinglet_kernels::packing::{Packing, PixelOrder, Storage, Taps, WriteOrder};

use super::WeightSize;
use super::exactness::{Constants, lengthened, row_major};
use super::parameters::{Access, Head, Layer, Packed, Parameters, Shapes, product};

/// What all of them answer alike; the size of the weights, and for packed ones the packing.
macro_rules! fully_connected {
    ($record:ty, $size:expr $(, $($packed:item)+)?) => {
        impl Parameters for $record {
            fn shapes(&self) -> Shapes {
                Shapes::of(&[self.rows, self.taps], &[self.rows, self.outputs])
            }

            fn access(&self, _head: Head) -> Access<'_> {
                let [rows, input, output] = [self.rows, self.taps, self.outputs].map(|extent| extent as usize);
                Access::Rows { rows, input, output }
            }

            fn layer(&self, head: Head) -> Option<Layer> {
                Some(Layer {
                    constants: self.constants,
                    outputs: self.outputs as usize,
                    weight_bytes: $size(head).bytes(product([self.taps, self.outputs])),
                    macs: product([self.rows, self.taps, self.outputs]),
                })
            }

            $($($packed)+)?
        }
    };
}
fully_connected! {
    FullyConnectedI8,
    |head: Head| WeightSize::Stored(head.form),
    fn packed(&self, head: Head) -> Option<Packed> {
        let storage = Storage::from_tag(head.form.storage)?;
        let shape = [self.rows, self.taps, self.outputs].map(|extent| extent as usize);
        let packed = Packing::from_tag(head.form.packing).map(|packing| Packed {
            name: packing.name(),
            scratch_bytes: fully_connected_i8_scratch_len(shape, packing, storage)
                + lengthened(&self.quant, self.outputs as usize),
            takes: true,
            order: WriteOrder::Pixels(PixelOrder::Interleaved),
        });
        Some(packed.unwrap_or(Packed::UNKNOWN))
    }

    fn is_exact(&self, head: Head, section: &[u8]) -> Option<bool> {
        let (outputs, taps) = (self.outputs as usize, Taps::flat(self.taps as usize));
        let (packing, storage) = (Packing::from_tag(head.form.packing)?, Storage::from_tag(head.form.storage)?);
        let sparse = (storage == Storage::Sparse).then(|| packing.sparse(outputs, taps.count()));
        let lens = (outputs, packing.weight_len(storage, outputs, taps.count()), sparse);
        let constants = Constants::at(self.constants, &self.quant, lens, section)?;
        let weight = |o, tap| packing.weight_at(storage, [outputs, o], taps, &constants.weights, tap);
        let row_major = row_major(outputs, taps.count(), weight);
        Some(packing.is_exact(&constants.numbers(taps.count(), storage, &row_major)))
    }
}
fully_connected!(FullyConnectedI16, |head: Head| WeightSize::Stored(head.form));
fully_connected!(FullyConnectedF32, |_: Head| WeightSize::Floats);
