//! Conv2D whose weights have zero points.

use kinglet_blob::OpCode;
use kinglet_blob::records::{AsymmetricConv2dI8, Window};
use kinglet_kernels::{Io, conv2d};

use super::{batch_lens, each_image, geometry, read_i8, unary_i8, write_i8};
use crate::program::Apply;
use crate::{Factors, Program};

impl Program {
    /// Conv2D, int8, of weights with zero points.
    pub fn asymmetric_conv2d_i8(&mut self, input: u32, output: u32, window: Window, factors: Factors) {
        let geometry = geometry(&window, window.groups.into());
        let outputs = geometry.output[2];
        let layer = self.constants_i8(outputs, geometry.taps(), factors);
        let mut zero_points = vec![0; outputs];
        self.random.fill(&mut zero_points);
        let constants = self.store(&layer, &[&zero_points[..], &layer.weights[..]].concat());
        let record = AsymmetricConv2dI8 { constants, window, quant: layer.quant };
        let reference: Apply = Box::new(move |arena| {
            let params = conv2d::AsymmetricConv2dI8 {
                geometry,
                input_zero_point: layer.quant.padding_value,
                stage: layer.stage(),
                zero_points: &zero_points,
                weights: &layer.weights,
                bias: &layer.bias,
                requant: layer.requant(),
            };
            let images = read_i8(arena, input, batch_lens(&window).0);
            let run = |from: &[i8], to: &mut [i8]| {
                conv2d::asymmetric_conv2d_i8_reference(&params, &mut Io::split(from, to));
            };
            write_i8(arena, output, &each_image(&window, &images, run));
        });
        self.push(OpCode::AsymmetricConv2d, &unary_i8(input, output), &record, reference);
    }
}
