//! Gather, Scatter, Rank: rows by indices of run time.

use kinglet_blob::records::{Gather, Rank, Scatter};
use kinglet_blob::{DType, OpCode, Operand, Operands};
use kinglet_kernels::gather::Update;

use super::grid::At;
use crate::Program;
use crate::program::Apply;

/// The row that each tuple names, by the definition: indices below zero count from the end, others are brought inside.
fn rows_of(rows: &Gather, indices: &[i32]) -> Vec<usize> {
    let depth = rows.depth as usize;
    let extents = &rows.extents[4 - depth..];
    let place = |tuple: &[i32]| {
        tuple.iter().zip(extents).fold(0, |at, (&index, &extent)| {
            let (index, extent) = (i64::from(index), i64::from(extent));
            let counted = if index < 0 { index + extent } else { index };
            at * extent as usize + counted.clamp(0, extent - 1) as usize
        })
    };
    indices.chunks(depth).map(place).collect()
}

/// For each row that is named where it is among all rows, and where it is in the list.
fn pairs(rows: &Gather, indices: &[i32]) -> Vec<(usize, usize)> {
    let named = rows_of(rows, indices);
    let places: usize = rows.extents.iter().product::<u32>() as usize;
    let (batches, outer, count) = (rows.batches as usize, rows.outer as usize, rows.count as usize);
    let mut pairs = Vec::new();
    for batch in 0..batches {
        for o in 0..outer {
            for c in 0..count {
                let tensor = batch * outer + o;
                pairs.push((tensor * places + named[batch * count + c], tensor * count + c));
            }
        }
    }
    pairs
}

/// Elements of the data, indices, and elements of the rows.
pub(crate) fn lens(rows: &Gather) -> [usize; 3] {
    let around = (rows.batches * rows.outer * rows.inner) as usize;
    let places = rows.extents.iter().product::<u32>() as usize;
    [around * places, (rows.batches * rows.count * rows.depth) as usize, around * rows.count as usize]
}

fn words(bytes: &[u8]) -> Vec<i32> {
    bytes.as_chunks().0.iter().map(|&word| i32::from_le_bytes(word)).collect()
}

/// The bytes of an operand, which are in the arena or were stored.
fn bytes_of(arena: &[u8], at: At, stored: &[u8], bytes: usize) -> Vec<u8> {
    match at {
        At::Arena(start) => arena[start as usize..][..bytes].to_vec(),
        At::Constant => stored.to_vec(),
    }
}

impl Program {
    /// Rows of elements of type `dtype`.
    pub(crate) fn gather(&mut self, dtype: DType, operands: [At; 2], output: u32, rows: Gather) {
        let [data_len, indices_len, _] = lens(&rows);
        let (data, data_bytes) = self.operand(operands[0], dtype, data_len);
        let (indices, index_bytes) = self.operand(operands[1], DType::I32, indices_len);
        let row = rows.inner as usize * dtype.size_bytes();
        let reference: Apply = Box::new(move |arena| {
            let data = bytes_of(arena, operands[0], &data_bytes, data_len * dtype.size_bytes());
            let indices = words(&bytes_of(arena, operands[1], &index_bytes, 4 * indices_len));
            for (from, to) in pairs(&rows, &indices) {
                arena[output as usize + to * row..][..row].copy_from_slice(&data[from * row..][..row]);
            }
        });
        let outputs = vec![Operand { offset: output, ..Operand::unplaced(dtype) }];
        let operands = Operands { inputs: vec![data, indices], outputs, ..Operands::default() };
        self.push(OpCode::Gather, &operands, &rows, reference);
    }

    /// Data of type `dtype` with other rows; sums are those of int32.
    pub(crate) fn scatter(&mut self, dtype: DType, operands: [At; 3], output: u32, (rows, update): (Gather, Update)) {
        let lens = lens(&rows);
        let types = [dtype, DType::I32, dtype];
        let found = [0, 1, 2].map(|index| self.operand(operands[index], types[index], lens[index]));
        let inputs = found.iter().map(|(operand, _)| *operand).collect();
        let row = rows.inner as usize * dtype.size_bytes();
        let reference: Apply = Box::new(move |arena| {
            let read = |arena: &[u8], index: usize| {
                bytes_of(arena, operands[index], &found[index].1, lens[index] * types[index].size_bytes())
            };
            let (mut data, indices, updates) = (read(arena, 0), words(&read(arena, 1)), read(arena, 2));
            for (to, from) in pairs(&rows, &indices) {
                let (to, from) = (&mut data[to * row..][..row], &updates[from * row..][..row]);
                if update == Update::Replace {
                    to.copy_from_slice(from);
                    continue;
                }
                for (to, from) in to.as_chunks_mut().0.iter_mut().zip(from.as_chunks().0) {
                    *to = i32::from_le_bytes(*to).wrapping_add(i32::from_le_bytes(*from)).to_le_bytes();
                }
            }
            arena[output as usize..][..data.len()].copy_from_slice(&data);
        });
        let outputs = vec![Operand { offset: output, ..Operand::unplaced(dtype) }];
        let record = Scatter { rows, update: update as u8, reserved: [0; 3] };
        self.push(OpCode::Scatter, &Operands { inputs, outputs, ..Operands::default() }, &record, reference);
    }

    /// Indices of the first elements of type `dtype` along the middle axis.
    pub(crate) fn rank(&mut self, dtype: DType, input: u32, output: u32, record: Rank) {
        let [outer, extent, inner, count] =
            [record.outer, record.extent, record.inner, record.count].map(|extent| extent as usize);
        let reference: Apply = Box::new(move |arena| {
            let element = |arena: &[u8], flat: usize| -> f64 {
                let bytes = &arena[input as usize + flat * dtype.size_bytes()..];
                match dtype {
                    DType::F32 => f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]).into(),
                    DType::I32 => i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]).into(),
                    DType::I16 => i16::from_le_bytes([bytes[0], bytes[1]]).into(),
                    DType::I8 => (bytes[0] as i8).into(),
                    _ => bytes[0].into(),
                }
            };
            for line in 0..outer * inner {
                let (o, n) = (line / inner, line % inner);
                let of = |index: &usize| element(arena, (o * extent + index) * inner + n);
                let mut order: Vec<usize> = (0..extent).collect();
                if record.is_last != 0 {
                    order.reverse();
                }
                order.sort_by(|a, b| {
                    let order = of(a).total_cmp(&of(b));
                    if record.is_least != 0 { order } else { order.reverse() }
                });
                for (k, index) in order.into_iter().take(count).enumerate() {
                    let at = output as usize + 4 * ((o * count + k) * inner + n);
                    arena[at..][..4].copy_from_slice(&(index as u32).to_le_bytes());
                }
            }
        });
        self.push(OpCode::Rank, &Operands::unary((dtype, input), (DType::I32, output)), &record, reference);
    }
}
