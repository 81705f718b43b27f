//! Operators that move elements, by constants and by indices of run time.

use crate::field::record;

record! {
    /// Constant elements around a tensor of up to four axes.
    Pad {
        /// Extents of the input.
        input_dims: [u16; 4],
        /// Elements before each axis.
        before: [u16; 4],
        /// Extents of the output.
        output_dims: [u16; 4],
        /// The added elements.
        value: u32,
    }
}

record! {
    /// Copies `blocks` runs of bytes.
    Copy {
        /// Runs.
        blocks: u32,
        /// Bytes of each.
        block_bytes: u32,
        /// From one run to the next.
        input_stride: u32,
        /// From one copy to the next.
        output_stride: u32,
    }
}

record! {
    /// Copies elements from anywhere in one tensor to anywhere in another, both at a stride for each of up to six axes.
    ///
    /// The operand's offset is that of the lowest element that is read, the result's that of index 0 of every axis.
    Rearrange {
        /// Extents, the outermost axis first; 1 for those that are not there.
        extents: [u32; 6],
        /// Elements from an index to the next in the operand: 0 to repeat, negative to go backwards.
        input_strides: [i32; 6],
        /// Elements from an index to the next in the result, where no two meet: not less than the inner axes reach.
        output_strides: [u32; 6],
    }
}

record! {
    /// `output[o, i, n] = input[o, indices[i], n]`.
    Take {
        /// Weights: `count` indices.
        constants: u32,
        /// Outer extent.
        outer: u32,
        /// Indices of the operand's axis.
        extent: u32,
        /// Inner extent.
        inner: u32,
        /// Indices of the result's axis.
        count: u32,
    }
}

record! {
    /// `output[o, i, n]` is the sum of `weights[i, t] * input[o, indices[i, t], n]`.
    Resample {
        /// Weights: `count * taps` indices, then as many weights.
        constants: u32,
        /// Outer extent.
        outer: u32,
        /// Indices of the operand's axis.
        extent: u32,
        /// Inner extent.
        inner: u32,
        /// Indices of the result's axis.
        count: u32,
        /// Terms of each sum.
        taps: u32,
        /// Zero point of both sides; 0 for floats.
        zero_point: i32,
    }
}

record! {
    /// Images of another size, int8.
    ResizeBilinear {
        /// Weights: three numbers for each row of the result.
        rows: u32,
        /// Weights: three numbers for each column of the result.
        columns: u32,
        /// Images.
        batch: u32,
        /// Height, width.
        input: [u32; 2],
        /// Height, width.
        output: [u32; 2],
        /// Channels.
        channels: u32,
    }
}

record! {
    /// Rows of `[batches, outer, extents, inner]` that tuples of indices name, and how many there are.
    Gather {
        /// Tensors that have indices of their own.
        batches: u32,
        /// Tensors of a batch with the same indices.
        outer: u32,
        /// Extents of the places that a tuple names, the last `depth` of them; 1 before these.
        extents: [u32; 4],
        /// Indices of a tuple.
        depth: u32,
        /// Tuples of a batch.
        count: u32,
        /// Elements of a row.
        inner: u32,
    }
}

record! {
    /// A tensor in which the rows that tuples of indices name are replaced, or meet others.
    Scatter {
        /// Which rows there are, and how many of them are named.
        rows: Gather,
        /// What becomes of a row and the one in its place.
        update: u8,
        /// Zero.
        reserved: [u8; 3],
    }
}
