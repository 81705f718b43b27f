//! Every kernel of the registry against its operator's reference kernel, on random layers.
//!
//! Shapes, strides, dilations, padding, groups, multipliers, tails of blocks, zero points, shifts, clamps and
//! broadcasts are drawn at random; each kernel runs once with its output apart from its input and once with the
//! output laid over the input as closely as the operator's contract allows. Both must give the reference's
//! bits and leave everything around the output alone.

mod dense;
mod elementwise;
mod geometry;
mod harness;
mod int16;
mod layers;
mod reduce;
mod transpose_conv;

use kinglet_kernels::registry::{KERNELS, Kernel};
use std::collections::BTreeSet;

/// Kernels that differ from the reference would be found by these; an operator without a case would not, so
/// every row with a kernel of this build is counted.
#[test]
fn every_kernel_matches_its_reference() {
    let mut compared = BTreeSet::new();
    for row in KERNELS {
        let Some(kernel) = row.kernel else {
            println!("skipped: {} is not in this build", row.name);
            continue;
        };
        println!("{}", row.name);
        match kernel {
            Kernel::Conv2dI8(packing, run) => layers::conv2d_i8(packing, run),
            Kernel::Conv2dF32(run) => layers::conv2d_f32(run),
            Kernel::DepthwiseI8(packing, run) => layers::depthwise_i8(packing, run),
            Kernel::DepthwiseF32(run) => layers::depthwise_f32(run),
            Kernel::FullyConnectedI8(packing, run) => dense::fully_connected_i8(packing, run),
            Kernel::FullyConnectedF32(run) => dense::fully_connected_f32(run),
            Kernel::AveragePoolI8(run) => reduce::average_pool_i8(run),
            Kernel::MaxPoolI8(run) => reduce::max_pool_i8(run),
            Kernel::AveragePoolF32(run) => reduce::average_pool_f32(run),
            Kernel::MaxPoolF32(run) => reduce::max_pool_f32(run),
            Kernel::AddI8(run) => elementwise::add_i8(run),
            Kernel::MulI8(run) => elementwise::mul_i8(run),
            Kernel::AddF32(run) => elementwise::add_f32(run),
            Kernel::MulF32(run) => elementwise::mul_f32(run),
            Kernel::MeanI8(run) => reduce::mean_i8(run),
            Kernel::MeanF32(run) => reduce::mean_f32(run),
            Kernel::PadI8(run) => elementwise::pad_i8(run),
            Kernel::CopyI8(run) => elementwise::copy_i8(run),
            Kernel::Formula => continue,
        }
        compared.insert(row.name);
    }
    assert!(compared.len() >= 20, "only {compared:?} were compared");
}

/// Kernels of operators that have no rows in the registry yet.
#[test]
fn new_kernels_match_their_references() {
    use kinglet_kernels::{conv2d, depthwise, elementwise, fully_connected};
    int16::conv2d_i16(conv2d::conv2d_i16);
    int16::depthwise_i16(depthwise::depthwise_i16);
    int16::fully_connected_i16(fully_connected::fully_connected_i16);
    int16::add_i16(elementwise::add_i16);
    transpose_conv::transpose_conv_i8(kinglet_kernels::transpose_conv::transpose_conv_i8);
    transpose_conv::transpose_conv_f32(kinglet_kernels::transpose_conv::transpose_conv_f32);
}

#[test]
fn no_kernel_is_listed_twice() {
    // A kernel for several packings has a row for each.
    let packing = |kernel: &Option<Kernel>| match kernel {
        Some(Kernel::Conv2dI8(packing, _) | Kernel::FullyConnectedI8(packing, _)) => *packing as u8,
        _ => 0,
    };
    let rows: BTreeSet<_> = KERNELS.iter().map(|row| (row.name, packing(&row.kernel))).collect();
    assert_eq!(rows.len(), KERNELS.len());
}

#[test]
fn the_table_lists_every_kernel() {
    let mut table = String::new();
    kinglet_kernels::registry::write_table(&mut table).expect("a String takes everything");
    for row in KERNELS {
        assert!(table.contains(&format!("`{}`", row.name)), "{} is missing in\n{table}", row.name);
    }
}
