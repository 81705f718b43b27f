//! Records of operators that go from element to element: Add, Mul, tables, functions, Quantize and Dequantize.

use kinglet_blob::records::{BinaryF32, BinaryI8, BinaryI16, Convert, Lookup, MapF32, MapI16, Requantize, UnaryF32};

use super::parameters::{Access, Head, Parameters, RowsMut, Shapes};

macro_rules! pairs {
    ($($record:ty),*) => { $(
        impl Parameters for $record {
            fn shapes(&self) -> Shapes {
                Shapes::same(&[self.broadcast.len])
            }

            fn access(&self, _head: Head) -> Access<'_> {
                Access::Pairs(&self.broadcast)
            }

            fn rows_mut(&mut self) -> Option<RowsMut<'_>> {
                Some(RowsMut::Pairs(&mut self.broadcast))
            }
        }
    )* };
}
pairs!(BinaryI8, BinaryF32, BinaryI16);

macro_rules! elements {
    ($($record:ty),*) => { $(
        impl Parameters for $record {
            fn shapes(&self) -> Shapes {
                Shapes::same(&[self.len])
            }

            fn access(&self, _head: Head) -> Access<'_> {
                Access::Elements { len: self.len as usize, splits: true }
            }

            fn rows_mut(&mut self) -> Option<RowsMut<'_>> {
                Some(RowsMut::Elements(&mut self.len))
            }
        }
    )* };
}
elements!(Lookup, UnaryF32, MapF32, MapI16);

macro_rules! converted {
    ($($record:ty),*) => { $(
        impl Parameters for $record {
            fn shapes(&self) -> Shapes {
                Shapes::same(&[self.len])
            }

            fn access(&self, _head: Head) -> Access<'_> {
                Access::Converted { len: self.len as usize }
            }

            fn rows_mut(&mut self) -> Option<RowsMut<'_>> {
                Some(RowsMut::Elements(&mut self.len))
            }
        }
    )* };
}
converted!(Convert, Requantize);
