//! Pad, Copy and Rearrange: operators that move elements.

use kinglet_blob::records::{Copy, Pad, Rearrange};
use kinglet_blob::{DType, OpCode, Operand, Operands};
use kinglet_kernels::Io;
use kinglet_kernels::copy::{CopyBlocks, copy_blocks_reference};
use kinglet_kernels::pad::{PadGeometry, pad_reference};
use kinglet_kernels::rearrange::{self, rearrange_reference};

use super::{read_f32, read_i8, read_i16, unary_i8, write_f32, write_i8, write_i16};
use crate::Program;
use crate::program::Apply;

impl Program {
    /// Constants around `dims`: `before` and `after` each axis.
    pub fn pad(
        &mut self,
        dtype: DType,
        input: u32,
        output: u32,
        dims: [u16; 4],
        (before, after): ([u16; 4], [u16; 4]),
    ) {
        let mut output_dims = dims;
        output_dims.iter_mut().zip(before).zip(after).for_each(|((extent, before), after)| *extent += before + after);
        let value = match dtype {
            DType::I8 => u32::from(-7i8 as u8),
            DType::I16 => u32::from(-700i16 as u16),
            _ => 0.75f32.to_bits(),
        };
        let record = Pad { input_dims: dims, before, output_dims, value };
        let [input_dims, before, output_dims] = [dims, before, output_dims].map(|dims| dims.map(usize::from));
        let geometry = PadGeometry { input: input_dims, before, output: output_dims };
        let (input_len, output_len) = (input_dims.iter().product(), output_dims.iter().product());
        let reference: Apply = Box::new(move |arena| {
            if dtype == DType::I16 {
                let (from, mut to) = (read_i16(arena, input, input_len), vec![0; output_len]);
                pad_reference(&geometry, -700, &mut Io::split(&from, &mut to));
                write_i16(arena, output, &to);
            } else if dtype == DType::I8 {
                let (from, mut to) = (read_i8(arena, input, input_len), vec![0; output_len]);
                pad_reference(&geometry, -7, &mut Io::split(&from, &mut to));
                write_i8(arena, output, &to);
            } else {
                let (from, mut to) = (read_f32(arena, input, input_len), vec![0.0; output_len]);
                pad_reference(&geometry, 0.75, &mut Io::split(&from, &mut to));
                write_f32(arena, output, &to);
            }
        });
        self.push(OpCode::Pad, &Operands::unary((dtype, input), (dtype, output)), &record, reference);
    }

    /// `blocks` runs of `block_bytes` bytes, `strides` apart on the input and on the output side.
    pub fn copy(&mut self, input: u32, output: u32, [blocks, block_bytes]: [u32; 2], strides: [u32; 2]) {
        let [input_stride, output_stride] = strides;
        let record = Copy { blocks, block_bytes, input_stride, output_stride };
        let layer = CopyBlocks {
            blocks: blocks as usize,
            block_len: block_bytes as usize,
            input_stride: input_stride as usize,
            output_stride: output_stride as usize,
            output_offset: 0,
        };
        let reach = |stride: u32| ((blocks - 1) * stride + block_bytes) as usize;
        let (input_len, output_len) = (reach(input_stride), reach(output_stride));
        let reference: Apply = Box::new(move |arena| {
            // What lies between the runs of the output stays as it is.
            let (from, mut to) = (read_i8(arena, input, input_len), read_i8(arena, output, output_len));
            copy_blocks_reference(&layer, &mut Io::split(&from, &mut to));
            write_i8(arena, output, &to);
        });
        self.push(OpCode::Copy, &unary_i8(input, output), &record, reference);
    }

    /// The same runs of a constant, which lie behind each other there.
    pub fn copy_constant(&mut self, output: u32, [blocks, block_bytes]: [u32; 2], output_stride: u32) {
        let bytes: Vec<u8> = (0..blocks * block_bytes).map(|_| self.random.next() as u8).collect();
        let constant = Operand::constant(DType::I8, self.constants(&bytes));
        let record = Copy { blocks, block_bytes, input_stride: block_bytes, output_stride };
        let outputs = vec![Operand { offset: output, ..Operand::unplaced(DType::I8) }];
        let reference: Apply = Box::new(move |arena| {
            for (block, run) in bytes.chunks(block_bytes as usize).enumerate() {
                arena[output as usize + block * output_stride as usize..][..run.len()].copy_from_slice(run);
            }
        });
        self.push(
            OpCode::Copy,
            &Operands { inputs: vec![constant], outputs, ..Operands::default() },
            &record,
            reference,
        );
    }

    /// Elements of `dtype` at strides; the axes that are not there come first.
    pub fn rearrange(&mut self, dtype: DType, input: u32, output: u32, axes: &[(u32, i32, u32)]) {
        let mut record = Rearrange { extents: [1; 6], input_strides: [0; 6], output_strides: [0; 6] };
        let first = record.extents.len() - axes.len();
        for (place, &(extent, from, to)) in axes.iter().enumerate().map(|(axis, numbers)| (first + axis, numbers)) {
            record.extents[place] = extent;
            record.input_strides[place] = from;
            record.output_strides[place] = to;
        }
        let layer = rearrange::Rearrange {
            extents: record.extents.map(|extent| extent as usize),
            input_strides: record.input_strides.map(|stride| stride as isize),
            output_strides: record.output_strides.map(|stride| stride as usize),
        };
        let reach = layer.reach().expect("no two indices meet");
        let (size, input_len) = (dtype.size_bytes(), reach.before + reach.behind + 1);
        let reference: Apply = Box::new(move |arena| {
            // An element's bytes one after the other, each kind of byte by itself.
            let from = read_i8(arena, input, input_len * size);
            let mut to = read_i8(arena, output, (reach.output + 1) * size);
            for byte in 0..size {
                let part: Vec<i8> = from.iter().skip(byte).step_by(size).copied().collect();
                let mut moved: Vec<i8> = to.iter().skip(byte).step_by(size).copied().collect();
                rearrange_reference(&layer, &mut Io::split(&part, &mut moved));
                to.iter_mut().skip(byte).step_by(size).zip(moved).for_each(|(to, element)| *to = element);
            }
            write_i8(arena, output, &to);
        });
        self.push(OpCode::Rearrange, &Operands::unary((dtype, input), (dtype, output)), &record, reference);
    }
}
