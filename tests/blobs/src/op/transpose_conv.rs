//! TransposeConv2D.

use kinglet_blob::OpCode;
use kinglet_blob::records::{TransposeConvF32, TransposeConvI8, Window};
use kinglet_kernels::Io;
use kinglet_kernels::numerics::ClampF32;
use kinglet_kernels::transpose_conv::{self, TransposeGeometry};

use super::{batch_lens, each_image, geometry, read_f32, read_i8, unary_f32, unary_i8, write_f32, write_i8};
use crate::program::Apply;
use crate::{Factors, Program};

pub(super) fn transposed(window: &Window) -> TransposeGeometry {
    let plain = geometry(window, window.groups.into());
    TransposeGeometry {
        input: plain.input,
        output: plain.output,
        kernel: plain.kernel,
        stride: plain.stride,
        pad: plain.pad,
        groups: plain.groups,
    }
}

/// Weights as kernels read them.
fn packed<T: Copy + Default>(geometry: &TransposeGeometry, weights: &[T]) -> Vec<T> {
    let mut packed = vec![T::default(); weights.len()];
    transpose_conv::pack(geometry, weights, &mut packed);
    packed
}

impl Program {
    /// TransposeConv2D, int8.
    pub fn transpose_conv_i8(&mut self, input: u32, output: u32, window: Window, factors: Factors) {
        let geometry = transposed(&window);
        let mut layer = self.constants_i8(geometry.output[2], geometry.taps(), factors);
        layer.weights = packed(&geometry, &layer.weights);
        let constants = self.store(&layer, &layer.weights);
        let record = TransposeConvI8 { constants, window, quant: layer.quant };
        let reference: Apply = Box::new(move |arena| {
            let params = transpose_conv::TransposeConvI8 {
                geometry,
                input_zero_point: layer.quant.padding_value,
                stage: layer.stage(),
                weights: &layer.weights,
                bias: &layer.bias,
                requant: layer.requant(),
            };
            let images = read_i8(arena, input, batch_lens(&window).0);
            let run = |from: &[i8], to: &mut [i8]| {
                transpose_conv::transpose_conv_i8_reference(&params, &mut Io::split(from, to));
            };
            write_i8(arena, output, &each_image(&window, &images, run));
        });
        self.push(OpCode::TransposeConv, &unary_i8(input, output), &record, reference);
    }

    /// TransposeConv2D, float.
    pub fn transpose_conv_f32(&mut self, input: u32, output: u32, window: Window) {
        let geometry = transposed(&window);
        let outputs = geometry.output[2];
        // Random in any order.
        let (constants, bias, weights) = self.constants_f32(outputs, outputs * geometry.taps());
        let clamp = ClampF32 { min: -3.0, max: 6.0 };
        let record = TransposeConvF32 { constants, window, min: clamp.min, max: clamp.max };
        let reference: Apply = Box::new(move |arena| {
            let params = transpose_conv::TransposeConvF32 { geometry, clamp, weights: &weights, bias: &bias };
            let images = read_f32(arena, input, batch_lens(&window).0);
            let run = |from: &[f32], to: &mut [f32]| {
                transpose_conv::transpose_conv_f32_reference(&params, &mut Io::split(from, to));
            };
            write_f32(arena, output, &each_image(&window, &images, run));
        });
        self.push(OpCode::TransposeConv, &unary_f32(input, output), &record, reference);
    }
}
