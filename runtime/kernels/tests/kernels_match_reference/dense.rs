//! FullyConnected.

use super::harness::{Overlap, check_all, compare, elements, float, refuses, short, short_constants};
use super::layers::{clamp, factors, fixed_points, weight};
use super::without_zeros;
use kinglet_kernels::fully_connected::{
    FullyConnectedF32, FullyConnectedI8, fully_connected_f32_reference, fully_connected_i8_reference,
    fully_connected_i8_scratch_len,
};
use kinglet_kernels::packing::{Numbers, Packing, Storage, Taps};
use kinglet_kernels::{Io, Token};
use proptest::prelude::*;

/// Rows, taps and outputs.
pub(super) fn shape() -> impl Strategy<Value = [usize; 3]> {
    (1..=4_usize, 1..=150_usize, 1..=11_usize).prop_map(|(rows, taps, outputs)| [rows, taps, outputs])
}

/// Row `r` must not be written before row `r` has been read.
pub(super) fn before([rows, taps, outputs]: [usize; 3]) -> Overlap {
    Overlap::Before((0..rows).map(|row| ((row + 1) * outputs).saturating_sub(row * taps)).max().unwrap_or(0))
}

pub(crate) fn fully_connected_i8(
    packing: Packing,
    storage: Storage,
    run: fn(&FullyConnectedI8, &mut Io<i8>, &mut [i8]),
) {
    // Some with more rows and outputs than any kernel takes at a time.
    let wide = (5..=20_usize, 1..=50_usize, 12..=40_usize).prop_map(|(rows, taps, outputs)| [rows, taps, outputs]);
    let layers = prop_oneof![4 => shape().boxed(), 1 => wide.boxed()].prop_flat_map(move |shape| {
        let [rows, taps, outputs] = shape;
        let weights = elements(weight(packing.least_weight(), storage), outputs * taps);
        let bias = elements(-20_000..=20_000, outputs);
        (Just(shape), weights, bias, factors(outputs, packing.shifts()), elements(any::<i8>(), rows * taps))
    });
    check_all(layers, |(shape, row_major, bias, factors, input)| {
        let [rows, taps, outputs] = shape;
        let factor = fixed_points(&factors, outputs);
        prop_assume!(packing.is_exact(&Numbers { taps, storage, weights: &row_major, bias: &bias, factors: &factor }));
        prop_assume!(packing.runs_fully_connected(!factors.requant().extra.is_empty()));
        let mut weights = vec![0; packing.weight_len(storage, outputs, taps)];
        packing.pack(storage, outputs, Taps::flat(taps), &row_major, &mut weights);
        let weights = without_zeros(storage, packing.sparse(outputs, taps), weights);
        let packed = FullyConnectedI8 {
            rows,
            taps,
            outputs,
            stage: factors.stage,
            packing,
            storage,
            weights: &weights,
            bias: &bias,
            requant: factors.requant(),
            token: Token::PLAIN,
        };
        let plain =
            FullyConnectedI8 { packing: Packing::RowMajor, storage: Storage::Bits8, weights: &row_major, ..packed };
        for token in Token::all() {
            let packed = FullyConnectedI8 { token, ..packed };
            compare(
                &input,
                rows * outputs,
                before(shape),
                |io| fully_connected_i8_reference(&plain, io),
                |io| run(&packed, io, &mut vec![0x33; fully_connected_i8_scratch_len(shape, packing, storage)]),
            )?;
            let scratch = || vec![0x33; fully_connected_i8_scratch_len(shape, packing, storage)];
            let lacking = FullyConnectedI8 { weights: short(&weights), ..packed };
            refuses("weights too short", &input, rows * outputs, |io| run(&lacking, io, &mut scratch()))?;
            for (what, bias, requant) in short_constants(&bias, packed.requant) {
                let lacking = FullyConnectedI8 { bias, requant, ..packed };
                refuses(what, &input, rows * outputs, |io| run(&lacking, io, &mut scratch()))?;
            }
        }
        Ok(())
    });
}

pub(crate) fn fully_connected_f32(run: fn(&FullyConnectedF32, &mut Io<f32>)) {
    let layers = shape().prop_flat_map(|shape| {
        let [rows, taps, outputs] = shape;
        let numbers = (elements(float(), outputs * taps), elements(float(), outputs), elements(float(), rows * taps));
        (Just(shape), numbers, clamp())
    });
    check_all(layers, |(shape, (weights, bias, input), clamp)| {
        let [rows, taps, outputs] = shape;
        let layer =
            FullyConnectedF32 { rows, taps, outputs, clamp, weights: &weights, bias: &bias, token: Token::PLAIN };
        let lacking = [
            FullyConnectedF32 { weights: short(&weights), ..layer },
            FullyConnectedF32 { bias: short(&bias), ..layer },
        ];
        for layer in lacking {
            refuses("constants too short", &input, rows * outputs, |io| run(&layer, io))?;
        }
        for token in Token::all() {
            let layer = FullyConnectedF32 { token, ..layer };
            compare(
                &input,
                rows * outputs,
                before(shape),
                |io| fully_connected_f32_reference(&layer, io),
                |io| run(&layer, io),
            )?;
        }
        Ok(())
    });
}
