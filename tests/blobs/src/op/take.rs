//! Take, Resample and ResizeBilinear: operators with tables of indices.

use kinglet_blob::records::{Resample as RecordResample, ResizeBilinear as RecordResize, Take as RecordTake};
use kinglet_blob::{DType, OpCode, Operands};
use kinglet_kernels::Io;
use kinglet_kernels::resample::{Resample, resample_f32_reference, resample_i8_reference};
use kinglet_kernels::resize_bilinear::{ResizeBilinear, resize_bilinear_i8_reference};
use kinglet_kernels::take::{Take, take_reference};

use super::{read_f32, read_i8, unary_i8, write_f32, write_i8};
use crate::Program;
use crate::program::Apply;

impl Program {
    /// `count` indices of the middle axis of `[outer, extent, inner]`.
    pub fn take(&mut self, dtype: DType, input: u32, output: u32, [outer, extent, inner, count]: [u32; 4]) {
        let indices = self.indices(extent, count);
        let constants = self.constants(&bytes(&indices));
        let record = RecordTake { constants, outer, extent, inner, count };
        let size = dtype.size_bytes();
        let reference: Apply = Box::new(move |arena| {
            // Rows of bytes.
            let [outer, extent, inner] = [outer as usize, extent as usize, inner as usize * size];
            let from = read_i8(arena, input, outer * extent * inner);
            let mut to = vec![0; outer * indices.len() * inner];
            let layer = Take { outer, extent, inner, indices: &indices };
            take_reference(&layer, &mut Io::split(&from, &mut to));
            write_i8(arena, output, &to);
        });
        self.push(OpCode::Take, &Operands::unary((dtype, input), (dtype, output)), &record, reference);
    }

    /// `count` sums of two indices of the middle axis of `[outer, extent, inner]`.
    pub fn resample_i8(&mut self, input: u32, output: u32, [outer, extent, inner, count]: [u32; 4]) {
        let (taps, zero_point) = (2, -5);
        let indices = self.indices(extent, count * taps);
        let weights: Vec<i16> = (0..indices.len()).map(|_| self.random.range(-20_000, 20_000) as i16).collect();
        let table = [bytes(&indices), weights.iter().flat_map(|weight| weight.to_le_bytes()).collect()].concat();
        let constants = self.constants(&table);
        let record = RecordResample { constants, outer, extent, inner, count, taps, zero_point };
        let reference: Apply = Box::new(move |arena| {
            let [outer, extent, inner, count, taps] = [outer, extent, inner, count, taps].map(|extent| extent as usize);
            let layer = Resample { outer, extent, inner, count, taps, indices: &indices, weights: &weights };
            let (from, mut to) = (read_i8(arena, input, outer * extent * inner), vec![0; outer * count * inner]);
            resample_i8_reference(&layer, zero_point, &mut Io::split(&from, &mut to));
            write_i8(arena, output, &to);
        });
        self.push(OpCode::Resample, &unary_i8(input, output), &record, reference);
    }

    /// The same for floats.
    pub fn resample_f32(&mut self, input: u32, output: u32, [outer, extent, inner, count]: [u32; 4]) {
        let taps = 2;
        let indices = self.indices(extent, count * taps);
        let weights: Vec<f32> = (0..indices.len()).map(|_| self.random.range(-64, 64) as f32 / 32.0).collect();
        let table = [bytes(&indices), weights.iter().flat_map(|weight| weight.to_le_bytes()).collect()].concat();
        let constants = self.constants(&table);
        let record = RecordResample { constants, outer, extent, inner, count, taps, zero_point: 0 };
        let reference: Apply = Box::new(move |arena| {
            let [outer, extent, inner, count, taps] = [outer, extent, inner, count, taps].map(|extent| extent as usize);
            let layer = Resample { outer, extent, inner, count, taps, indices: &indices, weights: &weights };
            let (from, mut to) = (read_f32(arena, input, outer * extent * inner), vec![0.0; outer * count * inner]);
            resample_f32_reference(&layer, &mut Io::split(&from, &mut to));
            write_f32(arena, output, &to);
        });
        let operands = Operands::unary((DType::F32, input), (DType::F32, output));
        self.push(OpCode::Resample, &operands, &record, reference);
    }

    /// Images of another size.
    pub fn resize_bilinear(&mut self, at: [u32; 2], [batch, channels]: [u32; 2], input: [u32; 2], output: [u32; 2]) {
        let table = |program: &mut Program, extent: u32, count: u32| -> Vec<i32> {
            let step = |_| {
                [
                    program.random.range(0, extent as i32 - 1),
                    program.random.range(0, extent as i32 - 1),
                    program.random.range(0, 1024),
                ]
            };
            (0..count).flat_map(step).collect()
        };
        let [rows, columns] = [table(self, input[0], output[0]), table(self, input[1], output[1])];
        let words = |table: &[i32]| table.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
        let places = [self.constants(&words(&rows)), self.constants(&words(&columns))];
        let record = RecordResize { rows: places[0], columns: places[1], batch, input, output, channels };
        let reference: Apply = Box::new(move |arena| {
            let [input, output] = [input, output].map(|plane| plane.map(|extent| extent as usize));
            let (batch, channels) = (batch as usize, channels as usize);
            let layer = ResizeBilinear { batch, input, output, channels, rows: &rows, columns: &columns };
            let len = |[height, width]: [usize; 2]| batch * height * width * channels;
            let (from, mut to) = (read_i8(arena, at[0], len(input)), vec![0; len(output)]);
            resize_bilinear_i8_reference(&layer, &mut Io::split(&from, &mut to));
            write_i8(arena, at[1], &to);
        });
        self.push(OpCode::ResizeBilinear, &unary_i8(at[0], at[1]), &record, reference);
    }

    /// Random indices below `extent`.
    fn indices(&mut self, extent: u32, count: u32) -> Vec<u32> {
        (0..count).map(|_| self.random.range(0, extent as i32 - 1) as u32).collect()
    }
}

fn bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}
