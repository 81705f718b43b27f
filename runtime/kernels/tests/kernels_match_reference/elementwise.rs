//! Add, Mul, Pad and Copy.

use super::harness::{Element, Overlap, check_all, compare, elements, float, refuses, short};
use super::layers::clamp;
use kinglet_kernels::copy::{CopyBlocks, copy_blocks_reference};
use kinglet_kernels::elementwise::{
    AddI8, Broadcast, ElementwiseF32, MulI8, Operand, add_f32_reference, add_i8_reference, mul_f32_reference,
    mul_i8_reference,
};
use kinglet_kernels::numerics::{FixedPoint, OutputStage};
use kinglet_kernels::pad::{PadGeometry, pad_reference};
use kinglet_kernels::{Io, Token};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

/// The second operand, owned.
#[derive(Clone, Debug)]
pub(super) struct Second<T>(Option<(Vec<T>, Broadcast)>);

impl<T> Second<T> {
    pub(super) fn operand(&self) -> Operand<'_, T> {
        match &self.0 {
            Some((elements, broadcast)) => Operand::Slice(elements, *broadcast),
            None => Operand::SameAsInput,
        }
    }
}

/// Both operands: plain, broadcast in the middle, per channel, scalar, and the same tensor twice.
pub(super) fn operands<S: Strategy + Clone>(element: S) -> impl Strategy<Value = (Vec<S::Value>, Second<S::Value>)>
where
    S::Value: Element,
{
    (1..=5_usize, 1..=9_usize, 1..=11_usize, 0..5_u8).prop_flat_map(move |(outer, len, inner, kind)| {
        let total = outer * len * inner;
        let broadcast = match kind {
            0 => Broadcast { inner: 1, len: total },
            1 => Broadcast { inner, len },
            2 => Broadcast { inner: 1, len: inner },
            _ => Broadcast { inner: total, len: 1 },
        };
        let second = elements(element.clone(), broadcast.len);
        let second = second.prop_map(move |b| Second((kind != 4).then_some((b, broadcast))));
        (elements(element.clone(), total), second)
    })
}

fn binary<T: Element>(
    (a, b): &(Vec<T>, Second<T>),
    reference: impl Fn(&mut Io<T>, Operand<'_, T>),
    run: impl Fn(&mut Io<T>, Operand<'_, T>),
) -> Result<(), TestCaseError> {
    let b = b.operand();
    refuses_short_operand(a, b, &run)?;
    compare(a, a.len(), Overlap::Before(0), |io| reference(io, b), |io| run(io, b))
}

/// Fails unless `run` refuses a second operand that is too short by one.
pub(super) fn refuses_short_operand<T: Element>(
    a: &[T],
    b: Operand<'_, T>,
    run: impl Fn(&mut Io<T>, Operand<'_, T>),
) -> Result<(), TestCaseError> {
    let Operand::Slice(elements, broadcast) = b else { return Ok(()) };
    refuses("operand too short", a, a.len(), |io| run(io, Operand::Slice(short(elements), broadcast)))
}

/// A factor below 1, as the host makes them for Add.
pub(super) fn factor() -> impl Strategy<Value = FixedPoint> {
    (1 << 30..=i32::MAX, -6..=0_i32).prop_map(|(multiplier, shift)| FixedPoint { multiplier, shift })
}

fn zero_points() -> impl Strategy<Value = [i32; 3]> {
    [-128..=127_i32, -128..=127_i32, -128..=127_i32]
}

pub(crate) fn add_i8(run: fn(&AddI8, &mut Io<i8>, Operand<'_, i8>)) {
    let layers = (operands(any::<i8>()), [factor(), factor(), factor()], zero_points(), -20..=-14_i32);
    check_all(layers, |(operands, [a_factor, b_factor, output], [a_zero_point, b_zero_point, zero_point], shift)| {
        let output_factor = FixedPoint { shift, ..output };
        let stage = OutputStage::unclamped(zero_point);
        for token in Token::all() {
            let layer = AddI8 { a_zero_point, b_zero_point, a_factor, b_factor, output_factor, stage, token };
            binary(&operands, |io, b| add_i8_reference(&layer, io, b), |io, b| run(&layer, io, b))?;
        }
        Ok(())
    });
}

pub(crate) fn mul_i8(run: fn(&MulI8, &mut Io<i8>, Operand<'_, i8>)) {
    let layers = (operands(any::<i8>()), factor(), zero_points());
    check_all(layers, |(operands, factor, [a_zero_point, b_zero_point, zero_point])| {
        let layer = MulI8 { a_zero_point, b_zero_point, factor, stage: OutputStage::unclamped(zero_point) };
        binary(&operands, |io, b| mul_i8_reference(&layer, io, b), |io, b| run(&layer, io, b))
    });
}

pub(crate) fn add_f32(run: fn(&ElementwiseF32, &mut Io<f32>, Operand<'_, f32>)) {
    check_all((operands(float()), clamp()), |(operands, clamp)| {
        for token in Token::all() {
            let layer = ElementwiseF32 { clamp, token };
            binary(&operands, |io, b| add_f32_reference(&layer, io, b), |io, b| run(&layer, io, b))?;
        }
        Ok(())
    });
}

pub(crate) fn mul_f32(run: fn(&ElementwiseF32, &mut Io<f32>, Operand<'_, f32>)) {
    check_all((operands(float()), clamp()), |(operands, clamp)| {
        let layer = ElementwiseF32 { clamp, token: Token::PLAIN };
        binary(&operands, |io, b| mul_f32_reference(&layer, io, b), |io, b| run(&layer, io, b))
    });
}

pub(crate) fn pad_i8(run: fn(&PadGeometry, i8, &mut Io<i8>)) {
    let dimension = || (1..=4_usize, 0..=2_usize, 0..=2_usize);
    let layers = [dimension(), dimension(), dimension(), dimension()].prop_flat_map(|dimensions| {
        let geometry = PadGeometry {
            input: dimensions.map(|(len, _, _)| len),
            before: dimensions.map(|(_, before, _)| before),
            output: dimensions.map(|(len, before, after)| len + before + after),
        };
        (Just(geometry), any::<i8>(), elements(any::<i8>(), geometry.input.iter().product()))
    });
    check_all(layers, |(geometry, value, input)| {
        let output_len = geometry.output.iter().product();
        compare(
            &input,
            output_len,
            Overlap::Never,
            |io| pad_reference(&geometry, value, io),
            |io| run(&geometry, value, io),
        )
    });
}

pub(crate) fn copy_i8(run: fn(&CopyBlocks, &mut Io<i8>)) {
    let layers = (1..=5_usize, 1..=40_usize, 0..=3_usize, 0..=9_usize, 0..=9_usize).prop_flat_map(
        |(blocks, block_len, input_gap, before, after)| {
            let layer = CopyBlocks {
                blocks,
                block_len,
                input_stride: block_len + input_gap,
                output_stride: before + block_len + after,
                output_offset: before,
            };
            (Just(layer), elements(any::<i8>(), (blocks - 1) * layer.input_stride + block_len))
        },
    );
    check_all(layers, |(layer, input)| {
        let output_len = layer.output_offset + (layer.blocks - 1) * layer.output_stride + layer.block_len;
        // What lies between the blocks belongs to others and keeps its value, which an overlap would change.
        let overlap = match layer.output_stride == layer.block_len {
            true => Overlap::Before(0),
            false => Overlap::Never,
        };
        compare(&input, output_len, overlap, |io| copy_blocks_reference(&layer, io), |io| run(&layer, io))
    });
}
