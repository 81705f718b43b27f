//! Records of Mean.

use kinglet_blob::records::{MeanF32, MeanI8};

use super::parameters::{Access, Head, Parameters, Shapes};

macro_rules! mean {
    ($($record:ty),*) => { $(
        impl Parameters for $record {
            fn shapes(&self) -> Shapes {
                Shapes::of(&[self.outer, self.reduced, self.inner], &[self.outer, self.inner])
            }

            fn access(&self, _head: Head) -> Access<'_> {
                Access::Apart
            }
        }
    )* };
}
mean!(MeanI8, MeanF32);
