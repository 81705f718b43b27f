//! Records of operators whose operands repeat along any axes, and of changes of type.

use kinglet_blob::records::{Cast, Combine, CombineF32, CombineQuantized, Grid, Select};

use super::parameters::{Access, Head, Parameters, Shapes};

/// The extents of an operand with these repeats.
fn own(grid: &Grid, repeats: u8) -> Vec<usize> {
    let of = |(axis, &extent): (usize, &u32)| if repeats >> axis & 1 != 0 { 1 } else { extent as usize };
    grid.extents.iter().enumerate().map(of).collect()
}

/// The extents of the first operand, and those of the result.
fn shapes(grid: &Grid) -> Shapes {
    Shapes { input: own(grid, grid.repeats[0]), ..Shapes::same(&grid.extents) }
}

macro_rules! grids {
    ($($record:ty),*) => { $(
        impl Parameters for $record {
            fn shapes(&self) -> Shapes {
                shapes(&self.grid)
            }

            fn access(&self, _head: Head) -> Access<'_> {
                Access::Apart
            }

            fn operand_lens(&self) -> Vec<usize> {
                self.grid.repeats.iter().map(|repeats| own(&self.grid, *repeats).into_iter().product()).collect()
            }
        }
    )* };
}
grids!(CombineF32, CombineQuantized, Combine, Select);

impl Parameters for Cast {
    fn shapes(&self) -> Shapes {
        Shapes::same(&[self.len])
    }

    fn access(&self, _head: Head) -> Access<'_> {
        Access::Converted { len: self.len as usize }
    }
}
