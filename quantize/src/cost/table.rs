//! Written by `cargo xtask fit-costs`; see the module above.

use kinglet_blob::KernelSet::*;
use kinglet_blob::OpCode::*;

use super::{Row, row};

#[rustfmt::skip]
pub(super) const TABLE: &[Row] = &[
    row(CortexM4, AddI8, 0, [337.546, 27.750, 0.000, 0.000, 0.000]),
    row(CortexM4, AveragePoolI8, 0, [1688.131, 14.243, 0.000, 0.000, 0.000]),
    row(CortexM4, Conv2dI8, 0, [1099.641, 0.000, 109.901, 13.144, 2.388]),
    row(CortexM4, Conv2dI8, 1, [2239.480, 0.000, 18.057, 9.732, 0.706]),
    row(CortexM4, DepthwiseI8, 0, [11489.248, 0.000, 104.750, 0.000, 15.461]),
    row(CortexM4, DepthwiseI8, 1, [23401.817, 4.232, 15.144, 0.000, 1.438]),
    row(CortexM4, FullyConnectedI8, 0, [481.210, 3.180, 87.373, 0.000, 2.711]),
    row(CortexM4, FullyConnectedI8, 1, [866.811, 2.843, 18.047, 0.000, 1.058]),
    row(CortexM4, SoftmaxI8, 0, [583.135, 118.603, 0.000, 0.000, 0.000]),
];
