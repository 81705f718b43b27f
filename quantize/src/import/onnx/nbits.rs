//! `MatMulNBits`: weights of 2, 4 or 8 bits with a scale for each block of inputs.
//!
//! A record has one scale for each output channel. So a block of inputs is a group of channels of a convolution over single
//! pixels, each output of a group has its own scale, and the groups are added up:
//!
//! ```text
//!   x [rows, K] -> [1, 1, rows, blocks * block] -> Conv2D in `blocks` groups -> [rows, blocks, N] -> sum -> [rows, N]
//! ```
//!
//! The weights stay integers in the blob, in as many bits as the file has. Beside them stand a scale for each block and, where
//! the file has zero points that are not the middle, a byte for each.

use kinglet_kernels::packing::Storage;

use super::attributes::Call;
use super::constant::{Constant, Numbers};
use super::{Entry, Importer};
use crate::import::build::{Convert, refuse};
use crate::ir::{Activation, DType, Elements, Padding, Quantization, Value, ValueId};
use crate::op::{Conv2D, FullyConnected, Function, Pad, Reduce, Reduction};

const REMEDY: &str = "use weights of 2, 4 or 8 bits with integer zero points and blocks in order";

/// The most groups' outputs that a record can say.
const OUTPUTS_MAX: usize = u16::MAX as usize;

/// Weights in blocks, as the file has them.
struct Blocks {
    bits: usize,
    /// `K` and `N`.
    depth: usize,
    outputs: usize,
    /// How many inputs a block has, and how many blocks there are.
    len: usize,
    count: usize,
}

impl Blocks {
    fn of(call: &Call<'_>) -> Convert<Self> {
        let (bits, depth, outputs) = (call.int("bits", 4)?, call.extent("K")?, call.extent("N")?);
        let len = call.extent("block_size")?;
        if ![2, 4, 8].contains(&bits) {
            return refuse(format!("its weights have {bits} bits"), REMEDY);
        }
        Ok(Blocks { bits: bits as usize, depth, outputs, len, count: depth.div_ceil(len) })
    }

    /// Bytes of a row of `count` numbers.
    fn bytes(&self, count: usize) -> usize {
        (count * self.bits).div_ceil(8)
    }

    /// Number `at` of a row of bytes, less half of the range.
    fn code(&self, row: &[i64], at: usize) -> i8 {
        let bit = at * self.bits;
        let byte = row.get(bit / 8).copied().unwrap_or(0);
        let number = (byte >> (bit % 8)) & ((1 << self.bits) - 1);
        (number - (1 << (self.bits - 1))) as i8
    }

    /// Rows of bytes of an operand that holds `rows` of them.
    fn rows<'c>(&self, constant: &'c Constant, rows: usize, count: usize) -> Convert<core::slice::Chunks<'c, i64>> {
        let width = self.bytes(count);
        match &constant.numbers {
            Numbers::I64(bytes) if rows.checked_mul(width) == Some(bytes.len()) => Ok(bytes.chunks(width.max(1))),
            _ => refuse(format!("an operand of shape {:?} does not hold its weights", constant.shape), REMEDY),
        }
    }
}

pub(super) fn mat_mul(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let x = call.value(0)?;
    let blocks = Blocks::of(call)?;
    if call.operand(4).is_some() {
        return refuse("its inputs are in an order of their own (g_idx)", REMEDY);
    }
    let mut rows = importer.shape(x);
    let Some(depth) = rows.pop() else { return refuse("its first factor is a scalar", REMEDY) };
    if depth != blocks.depth || blocks.count * blocks.outputs > OUTPUTS_MAX {
        let (outputs, count) = (blocks.outputs, blocks.count);
        let problem = format!("its {depth} inputs make {count} blocks of {outputs} outputs");
        return refuse(
            problem,
            format!("use larger blocks: at most {OUTPUTS_MAX} outputs of all blocks are supported"),
        );
    }
    let weights = importer.blocks(call, &blocks)?;
    let shape = [rows.as_slice(), &[blocks.outputs]].concat();
    let sum = importer.sum_of_blocks(call, x, weights, &blocks, rows.iter().product())?;
    let y = importer.builder.reshape(&format!("{}/rows", call.name), sum, shape)?;
    if call.operand(5).is_none() {
        return Ok(Entry::Value(y));
    }
    let bias = importer.float_operand(call, 5)?;
    Ok(Entry::Value(importer.combined(&format!("{}/bias", call.name), Function::Add, [y, bias])?))
}

impl Importer<'_> {
    /// The weights as those of groups, `[blocks * N, 1, 1, block]`; of one block as those of a dense layer, `[N, K]`.
    fn blocks(&mut self, call: &Call<'_>, blocks: &Blocks) -> Convert<ValueId> {
        let (outputs, count) = (blocks.outputs, blocks.count);
        let Some(packed) = call.constant(1, "weights")? else { return refuse("its weights are missing", REMEDY) };
        let (_, scales) = call.floats_of(2, "scales")?;
        let of_scales = outputs.checked_mul(count);
        if of_scales != Some(scales.len()) || scales.iter().any(|scale| *scale <= 0.0) {
            let problem = format!("{} scales for {count} blocks of {outputs} outputs, all above 0", scales.len());
            return refuse(format!("it has not {problem}"), REMEDY);
        }
        self.budget.charge(count.saturating_mul(outputs).saturating_mul(blocks.len), 8)?;
        let rows: Vec<&[i64]> = blocks.rows(packed, outputs * count, blocks.len)?.collect();
        let zeros: Option<Vec<&[i64]>> = match call.constant(3, "zero points")? {
            None => None,
            Some(zeros) => Some(blocks.rows(zeros, outputs, count)?.collect()),
        };
        let len = if count == 1 { blocks.depth } else { blocks.len };
        let order = (0..count).flat_map(|block| (0..outputs).map(move |output| (block, output)));
        let (mut codes, mut own_scales, mut zero_points) = (Vec::new(), Vec::new(), Vec::new());
        for (block, output) in order {
            let row = output * count + block;
            let zero = zeros.as_ref().map_or(0, |zeros| blocks.code(zeros[output], block));
            // What the last block has beyond the inputs meets zeros.
            codes.extend((0..len).map(|at| blocks.code(rows[row], at)));
            own_scales.push(scales[row]);
            zero_points.push(i32::from(zero));
        }
        let shape = if count == 1 { vec![outputs, len] } else { vec![count * outputs, 1, 1, len] };
        let storage = match blocks.bits {
            2 => Storage::Bits2,
            4 => Storage::Bits4,
            _ => Storage::Bits8,
        };
        let quantization = Quantization { scales: own_scales, zero_points, axis: Some(0), storage };
        let value = Value {
            name: format!("{}/weights", call.name),
            dtype: DType::I8,
            shape,
            quantization: Some(quantization),
            elements: Some(Elements::I8(codes)),
        };
        self.builder.value(value.widened())
    }

    /// `x`, of so many rows, times the weights: `[rows, N]`.
    fn sum_of_blocks(
        &mut self,
        call: &Call<'_>,
        x: ValueId,
        weights: ValueId,
        blocks: &Blocks,
        rows: usize,
    ) -> Convert<ValueId> {
        let name = call.name;
        let flat = self.builder.reshape(&format!("{name}/flat"), x, vec![rows, blocks.depth])?;
        if blocks.count == 1 {
            return self.apply(name, FullyConnected { activation: Activation::None }.into(), vec![flat, weights]);
        }
        let width = blocks.count * blocks.len;
        let mut whole = flat;
        if width > blocks.depth {
            let pad = Pad { before: vec![0, 0], after: vec![0, width - blocks.depth], value: 0.0 };
            whole = self.apply(&format!("{name}/pad"), pad.into(), vec![flat])?;
        }
        let image = self.builder.reshape(&format!("{name}/image"), whole, vec![1, 1, rows, width])?;
        let op = Conv2D {
            stride: [1, 1],
            dilation: [1, 1],
            padding: Padding::default(),
            groups: blocks.count,
            activation: Activation::None,
        };
        let parts = self.apply(name, op.into(), vec![image, weights])?;
        let shape = vec![rows, blocks.count, blocks.outputs];
        let parts = self.builder.reshape(&format!("{name}/blocks"), parts, shape)?;
        let sum = Reduce { kind: Reduction::Sum, axes: vec![1], keep_dims: false };
        self.apply(&format!("{name}/sum"), sum.into(), vec![parts])
    }
}
