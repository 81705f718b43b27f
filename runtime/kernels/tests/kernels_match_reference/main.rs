//! Every kernel of the registry against its operator's reference kernel, on random layers.
//!
//! Shapes, strides, dilations, padding, groups, multipliers, tails of blocks, zero points, shifts, clamps and
//! broadcasts are drawn at random; each kernel runs once with its output apart from its input and once with the
//! output laid over the input as closely as the operator's contract allows. Both must give the reference's
//! bits and leave everything around the output alone.

mod asymmetric;
mod dense;
mod elementwise;
mod geometry;
mod harness;
mod hybrid;
mod int16;
mod layers;
mod matrix;
mod moves;
mod reduce;
mod transpose_conv;

use kinglet_kernels::packing::{DepthwisePacking, Packing, Sparse, Storage};
use kinglet_kernels::registry::{Kernel, kernels};
use kinglet_kernels::{conv2d, depthwise, fully_connected};
use std::collections::BTreeSet;

/// Kernels that differ from the reference would be found by these; an operator without a case would not, so
/// every row with a kernel of this build is counted.
#[test]
fn every_kernel_matches_its_reference() {
    let mut compared = BTreeSet::new();
    for row in kernels() {
        let name = (row.name(), row.packing.unwrap_or_default());
        let Some(kernel) = row.kernel else {
            println!("skipped: {name:?} is not in this build");
            continue;
        };
        println!("{name:?}");
        match kernel {
            Kernel::Conv2dI8(packing, storage, run) => layers::conv2d_i8(packing, storage, run),
            Kernel::Conv2dF32(run) => layers::conv2d_f32(run),
            Kernel::DepthwiseI8(packing, run) => layers::depthwise_i8(packing, Storage::Bits8, run),
            Kernel::DepthwiseF32(run) => layers::depthwise_f32(run),
            Kernel::FullyConnectedI8(packing, storage, run) => dense::fully_connected_i8(packing, storage, run),
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
            Kernel::ReduceMaxI8(run) => reduce::reduce_max_i8(run),
            Kernel::ReduceMaxF32(run) => reduce::reduce_max_f32(run),
            Kernel::ReduceF32(run) => matrix::reduce_f32(run),
            Kernel::ReduceI8(run) => matrix::reduce_i8(run),
            Kernel::ReduceI16(run) => matrix::reduce_i16(run),
            Kernel::MatMulF32(run) => matrix::mat_mul_f32(run),
            Kernel::MatMulI8(run) => matrix::mat_mul_i8(run),
            Kernel::MatMulI16(run) => matrix::mat_mul_i16(run),
            Kernel::PadI8(run) => elementwise::pad_i8(run),
            Kernel::CopyI8(run) => elementwise::copy_i8(run),
            Kernel::RearrangeI8(run) => moves::rearrange_i8(run),
            Kernel::TakeI8(run) => moves::take_i8(run),
            Kernel::ResampleI8(run) => moves::resample_i8(run),
            Kernel::ResampleF32(run) => moves::resample_f32(run),
            Kernel::ResizeBilinearI8(run) => moves::resize_bilinear_i8(run),
            Kernel::TransposeConvI8(run) => transpose_conv::transpose_conv_i8(run),
            Kernel::TransposeConvF32(run) => transpose_conv::transpose_conv_f32(run),
            Kernel::Conv2dI16(run) => int16::conv2d_i16(run),
            Kernel::DepthwiseI16(run) => int16::depthwise_i16(run),
            Kernel::FullyConnectedI16(run) => int16::fully_connected_i16(run),
            Kernel::AddI16(run) => int16::add_i16(run),
            Kernel::AsymmetricConv2dI8(run) => asymmetric::conv2d_i8(run),
            Kernel::MulI16(run) => int16::mul_i16(run),
            Kernel::AveragePoolI16(run) => reduce::average_pool_i16(run),
            Kernel::MaxPoolI16(run) => reduce::max_pool_i16(run),
            Kernel::TransposeConvI16(run) => int16::transpose_conv_i16(run),
            Kernel::Conv2dHybrid(run) => hybrid::conv2d_hybrid(run),
            Kernel::Formula => continue,
        }
        compared.insert(name);
    }
    assert!(compared.len() >= 41, "only {compared:?} were compared");
}

/// Weights of fewer than eight bits are widened in front of this build's kernels, whatever the packing. Each packing meets
/// one storage here: what comes of every pair of weights is a test of `packing/widen.rs`.
#[test]
fn every_packing_takes_narrow_weights() {
    let narrow: Vec<_> =
        Storage::ALL.into_iter().filter(|storage| storage.bits() < 8 && storage.is_runnable()).collect();
    if narrow.is_empty() {
        println!("skipped: this build has no storage of fewer than eight bits");
        return;
    }
    let storages = || narrow.iter().copied().cycle();
    for (packing, storage) in Packing::ALL.into_iter().zip(storages()) {
        if packing.is_for_conv2d() {
            layers::conv2d_i8(packing, storage, conv2d::conv2d_i8);
        }
        if packing.is_for_fully_connected() {
            dense::fully_connected_i8(packing, storage, fully_connected::fully_connected_i8);
        }
    }
    for (packing, storage) in DepthwisePacking::ALL.into_iter().zip(storages()) {
        layers::depthwise_i8(packing, storage, depthwise::depthwise_i8);
    }
    // Those whose kernels read them as they are.
    for (packing, storage) in
        Packing::ALL.into_iter().flat_map(|packing| narrow.iter().map(move |storage| (packing, *storage)))
    {
        if packing.reads(storage) {
            dense::fully_connected_i8(packing, storage, fully_connected::fully_connected_i8);
        }
    }
}

/// And weights without their zeros.
#[test]
fn every_packing_takes_weights_without_zeros() {
    if !Storage::Sparse.is_runnable() {
        println!("skipped: this build has no kernels for weights without their zeros");
        return;
    }
    for packing in Packing::ALL {
        if packing.is_for_conv2d() {
            layers::conv2d_i8(packing, Storage::Sparse, conv2d::conv2d_i8);
        }
        if packing.is_for_fully_connected() {
            dense::fully_connected_i8(packing, Storage::Sparse, fully_connected::fully_connected_i8);
        }
    }
    for packing in DepthwisePacking::ALL {
        layers::depthwise_i8(packing, Storage::Sparse, depthwise::depthwise_i8);
    }
}

/// Packed weights as they are stored.
fn without_zeros(storage: Storage, sparse: Sparse, packed: Vec<i8>) -> Vec<i8> {
    if storage == Storage::Sparse { sparse.encode(&packed).collect() } else { packed }
}

#[test]
fn no_kernel_is_listed_twice() {
    // A kernel for several packings or element types has a row for each.
    let rows: BTreeSet<_> = kernels().map(|row| (row.name(), format!("{:?}", row.element), row.packing)).collect();
    assert_eq!(rows.len(), kernels().count());
}

#[test]
fn the_table_lists_every_kernel() {
    let mut table = String::new();
    kinglet_kernels::registry::write_table(&mut table).expect("a String takes everything");
    for row in kernels().filter(|row| row.emulates.is_none()) {
        assert!(table.contains(&format!("`{}`", row.name())), "{} is missing in\n{table}", row.name());
    }
}

/// Hosts have a kernel for every packing, and tags and names are one to one.
#[test]
fn every_packing_has_a_kernel_here() {
    for packing in Packing::ALL {
        assert_eq!(Packing::from_tag(packing as u8), Some(packing));
        assert_eq!(Packing::ALL.iter().filter(|other| other.name() == packing.name()).count(), 1);
        assert!(packing.is_runnable() && (packing.is_for_conv2d() || packing.is_for_fully_connected()));
    }
    for packing in DepthwisePacking::ALL {
        assert_eq!(DepthwisePacking::from_tag(packing as u8), Some(packing));
        assert_eq!(DepthwisePacking::ALL.iter().filter(|other| other.name() == packing.name()).count(), 1);
        assert!(packing.is_runnable());
    }
    assert_eq!((Packing::from_tag(99), DepthwisePacking::from_tag(99)), (None, None));
}
