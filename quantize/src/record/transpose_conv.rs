//! Records of TransposeConv2D.

use kinglet_blob::records::{TransposeConvF32, TransposeConvI8, TransposeConvI16, Window};

use super::parameters::{Access, Head, Layer, Parameters, Shapes};
use super::{WeightSize, window_weights};

/// Every pixel of the operand meets every weight.
fn layer(head: Head, constants: u32, window: &Window, size: WeightSize) -> Layer {
    Layer {
        constants,
        outputs: window.output[2].into(),
        weight_bytes: size.bytes(window_weights(head.opcode, window)),
        macs: window.transposed_macs(head.opcode),
    }
}

macro_rules! transpose_conv {
    ($record:ty, $size:expr) => {
        impl Parameters for $record {
            fn shapes(&self) -> Shapes {
                Shapes::windowed(&self.window)
            }

            fn access(&self, _head: Head) -> Access<'_> {
                Access::Apart
            }

            fn layer(&self, head: Head) -> Option<Layer> {
                Some(layer(head, self.constants, &self.window, $size(head)))
            }
        }
    };
}
transpose_conv!(TransposeConvI8, |head: Head| WeightSize::Stored(head.form));
transpose_conv!(TransposeConvI16, |head: Head| WeightSize::Stored(head.form));
transpose_conv!(TransposeConvF32, |_: Head| WeightSize::Floats);
