//! Records of AveragePool2D and MaxPool2D.

use kinglet_blob::records::{PoolF32, PoolI8, PoolI16};
use kinglet_kernels::packing::{PixelOrder, WriteOrder};

use super::parameters::{Access, Head, Parameters, RowsMut, Shapes};

macro_rules! pools {
    ($($record:ty),*) => { $(
        impl Parameters for $record {
            fn shapes(&self) -> Shapes {
                Shapes::windowed(&self.window)
            }

            fn access(&self, _head: Head) -> Access<'_> {
                Access::Windows(&self.window, WriteOrder::Pixels(PixelOrder::Interleaved))
            }

            fn rows_mut(&mut self) -> Option<RowsMut<'_>> {
                Some(RowsMut::Window(&mut self.window))
            }
        }
    )* };
}
pools!(PoolI8, PoolF32, PoolI16);
