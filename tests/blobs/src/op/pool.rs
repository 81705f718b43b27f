//! AveragePool, MaxPool, Mean, ReduceMax, Softmax: operators that reduce.

use kinglet_blob::OpCode;
use kinglet_blob::records::{
    MeanF32, MeanI8, PoolF32, PoolI8, PoolI16, ReduceMax, SoftmaxF32, SoftmaxI8, SoftmaxI16, Window,
};
use kinglet_kernels::Io;
use kinglet_kernels::numerics::{ClampF32, FixedPoint, OutputStage};
use kinglet_kernels::{mean, pool, reduce_max, softmax};

use super::{
    batch_lens, each_image, geometry, read_f32, read_i8, read_i16, unary_f32, unary_i8, unary_i16, write_f32, write_i8,
    write_i16,
};
use crate::Program;
use crate::program::Apply;

impl Program {
    /// Average or maximum over windows, int8.
    pub fn pool_i8(&mut self, opcode: OpCode, input: u32, output: u32, window: Window) {
        let geometry = geometry(&window, 1);
        let (min, max) = (-90, 100);
        let kernel = match opcode {
            OpCode::AveragePool => pool::average_pool_i8_reference,
            _ => pool::max_pool_i8_reference,
        };
        let record = PoolI8 { window, min, max, reserved: 0 };
        let reference: Apply = Box::new(move |arena| {
            let params = pool::PoolI8 { geometry, min: min.into(), max: max.into() };
            let images = read_i8(arena, input, batch_lens(&window).0);
            let run = |from: &[i8], to: &mut [i8]| kernel(&params, &mut Io::split(from, to));
            write_i8(arena, output, &each_image(&window, &images, run));
        });
        self.push(opcode, &unary_i8(input, output), &record, reference);
    }

    /// Average or maximum over windows, int16.
    pub fn pool_i16(&mut self, opcode: OpCode, input: u32, output: u32, window: Window) {
        let geometry = geometry(&window, 1);
        let (min, max) = (-9000, 10_000);
        let kernel = match opcode {
            OpCode::AveragePool => pool::average_pool_i16_reference,
            _ => pool::max_pool_i16_reference,
        };
        let record = PoolI16 { window, min, max };
        let reference: Apply = Box::new(move |arena| {
            let params = pool::PoolI16 { geometry, min, max };
            let images = read_i16(arena, input, batch_lens(&window).0);
            let run = |from: &[i16], to: &mut [i16]| kernel(&params, &mut Io::split(from, to));
            write_i16(arena, output, &each_image(&window, &images, run));
        });
        self.push(opcode, &unary_i16(input, output), &record, reference);
    }

    /// Average or maximum over windows, float.
    pub fn pool_f32(&mut self, opcode: OpCode, input: u32, output: u32, window: Window) {
        let geometry = geometry(&window, 1);
        let clamp = ClampF32 { min: -1.5, max: 2.0 };
        let kernel = match opcode {
            OpCode::AveragePool => pool::average_pool_f32_reference,
            _ => pool::max_pool_f32_reference,
        };
        let record = PoolF32 { window, min: clamp.min, max: clamp.max };
        let reference: Apply = Box::new(move |arena| {
            let params = pool::PoolF32 { geometry, clamp };
            let images = read_f32(arena, input, batch_lens(&window).0);
            let run = |from: &[f32], to: &mut [f32]| kernel(&params, &mut Io::split(from, to));
            write_f32(arena, output, &each_image(&window, &images, run));
        });
        self.push(opcode, &unary_f32(input, output), &record, reference);
    }

    /// Mean of `[outer, reduced, inner]` over the middle axis, int8.
    pub fn mean_i8(&mut self, input: u32, output: u32, [outer, reduced, inner]: [usize; 3]) {
        let factor = FixedPoint { multiplier: 1_700_000_000, shift: -2 };
        let (input_zero_point, zero_point) = (7i8, -9i8);
        let record = MeanI8 {
            outer: outer as u32,
            reduced: reduced as u32,
            inner: inner as u32,
            multiplier: factor.multiplier,
            shift: factor.shift as i8,
            input_zero_point,
            zero_point,
            reserved: 0,
        };
        let reference: Apply = Box::new(move |arena| {
            let stage = OutputStage::unclamped(zero_point.into());
            let input_zero_point = input_zero_point.into();
            let params = mean::MeanI8 { outer, reduced, inner, input_zero_point, factor, stage };
            let (from, mut to) = (read_i8(arena, input, outer * reduced * inner), vec![0; outer * inner]);
            mean::mean_i8_reference(&params, &mut Io::split(&from, &mut to));
            write_i8(arena, output, &to);
        });
        self.push(OpCode::Mean, &unary_i8(input, output), &record, reference);
    }

    /// Mean of `[outer, reduced, inner]` over the middle axis, float.
    pub fn mean_f32(&mut self, input: u32, output: u32, [outer, reduced, inner]: [usize; 3]) {
        let record = MeanF32 { outer: outer as u32, reduced: reduced as u32, inner: inner as u32 };
        let reference: Apply = Box::new(move |arena| {
            let params = mean::MeanF32 { outer, reduced, inner };
            let (from, mut to) = (read_f32(arena, input, outer * reduced * inner), vec![0.0; outer * inner]);
            mean::mean_f32_reference(&params, &mut Io::split(&from, &mut to));
            write_f32(arena, output, &to);
        });
        self.push(OpCode::Mean, &unary_f32(input, output), &record, reference);
    }

    /// Maximum of `[outer, reduced, inner]` over the middle axis, int8.
    pub fn reduce_max_i8(&mut self, input: u32, output: u32, [outer, reduced, inner]: [usize; 3]) {
        let record = ReduceMax { outer: outer as u32, reduced: reduced as u32, inner: inner as u32 };
        let reference: Apply = Box::new(move |arena| {
            let params = reduce_max::ReduceMax { outer, reduced, inner };
            let (from, mut to) = (read_i8(arena, input, outer * reduced * inner), vec![0; outer * inner]);
            reduce_max::reduce_max_i8_reference(&params, &mut Io::split(&from, &mut to));
            write_i8(arena, output, &to);
        });
        self.push(OpCode::ReduceMax, &unary_i8(input, output), &record, reference);
    }

    /// Maximum of `[outer, reduced, inner]` over the middle axis, float.
    pub fn reduce_max_f32(&mut self, input: u32, output: u32, [outer, reduced, inner]: [usize; 3]) {
        let record = ReduceMax { outer: outer as u32, reduced: reduced as u32, inner: inner as u32 };
        let reference: Apply = Box::new(move |arena| {
            let params = reduce_max::ReduceMax { outer, reduced, inner };
            let (from, mut to) = (read_f32(arena, input, outer * reduced * inner), vec![0.0; outer * inner]);
            reduce_max::reduce_max_f32_reference(&params, &mut Io::split(&from, &mut to));
            write_f32(arena, output, &to);
        });
        self.push(OpCode::ReduceMax, &unary_f32(input, output), &record, reference);
    }

    /// Softmax over rows, int8.
    pub fn softmax_i8(&mut self, input: u32, output: u32, [rows, depth]: [usize; 2]) {
        let input_factor = FixedPoint { multiplier: 1_500_000_000, shift: 22 };
        let diff_min = -496;
        let record = SoftmaxI8 {
            rows: rows as u32,
            depth: depth as u32,
            multiplier: input_factor.multiplier,
            shift: input_factor.shift,
            diff_min,
        };
        let reference: Apply = Box::new(move |arena| {
            let params = softmax::SoftmaxI8 { rows, depth, input_factor, diff_min };
            let (from, mut to) = (read_i8(arena, input, rows * depth), vec![0; rows * depth]);
            softmax::softmax_i8_reference(&params, &mut Io::split(&from, &mut to));
            write_i8(arena, output, &to);
        });
        self.push(OpCode::Softmax, &unary_i8(input, output), &record, reference);
    }

    /// Softmax over rows, int16; what its tables say is of no account.
    pub fn softmax_i16(&mut self, input: u32, output: u32, [rows, depth]: [usize; 2]) {
        let factor = FixedPoint { multiplier: 1_500_000_000, shift: 1 };
        let tables: Vec<i16> = (0..1026).map(|at| 32767 - 31 * at).collect();
        let constants = self.constants(&tables.iter().flat_map(|entry| entry.to_le_bytes()).collect::<Vec<_>>());
        let (multiplier, shift) = (factor.multiplier, factor.shift);
        let record = SoftmaxI16 { rows: rows as u32, depth: depth as u32, multiplier, shift, constants };
        let reference: Apply = Box::new(move |arena| {
            let (exponentials, inverses) = tables.split_at(softmax::TABLE_LEN);
            let params = softmax::SoftmaxI16 { rows, depth, factor, exponentials, inverses };
            let (from, mut to) = (read_i16(arena, input, rows * depth), vec![0; rows * depth]);
            softmax::softmax_i16(&params, &mut Io::split(&from, &mut to));
            write_i16(arena, output, &to);
        });
        self.push(OpCode::Softmax, &unary_i16(input, output), &record, reference);
    }

    /// Softmax over rows, float.
    pub fn softmax_f32(&mut self, input: u32, output: u32, [rows, depth]: [usize; 2]) {
        let beta = 1.25;
        let record = SoftmaxF32 { rows: rows as u32, depth: depth as u32, beta };
        let reference: Apply = Box::new(move |arena| {
            let params = softmax::SoftmaxF32 { rows, depth, beta };
            let (from, mut to) = (read_f32(arena, input, rows * depth), vec![0.0; rows * depth]);
            softmax::softmax_f32_reference(&params, &mut Io::split(&from, &mut to));
            write_f32(arena, output, &to);
        });
        self.push(OpCode::Softmax, &unary_f32(input, output), &record, reference);
    }
}
