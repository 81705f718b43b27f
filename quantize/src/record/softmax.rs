//! Records of Softmax.

use kinglet_blob::records::{SoftmaxF32, SoftmaxI8};

use super::parameters::{Access, Head, Parameters, Shapes};

macro_rules! softmax {
    ($($record:ty),*) => { $(
        impl Parameters for $record {
            fn shapes(&self) -> Shapes {
                Shapes::same(&[self.rows, self.depth])
            }

            fn access(&self, _head: Head) -> Access<'_> {
                let [rows, depth] = [self.rows, self.depth].map(|extent| extent as usize);
                Access::Elements { len: rows * depth, splits: false }
            }
        }
    )* };
}
softmax!(SoftmaxI8, SoftmaxF32);
