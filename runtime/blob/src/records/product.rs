//! Products of matrices.

use super::{LayerQuant, LayerQuantI16};
use crate::field::record;

record! {
    /// `rows` products of a `[outputs, taps]` matrix with a vector, int8.
    FullyConnectedI8 {
        /// Weights.
        constants: u32,
        /// Vectors.
        rows: u32,
        /// Elements of an input vector.
        taps: u32,
        /// Elements of an output vector.
        outputs: u32,
        /// Requantization.
        quant: LayerQuant,
    }
}

record! {
    /// `rows` products of a `[outputs, taps]` matrix with a vector, float.
    FullyConnectedF32 {
        /// Weights.
        constants: u32,
        /// Vectors.
        rows: u32,
        /// Elements of an input vector.
        taps: u32,
        /// Elements of an output vector.
        outputs: u32,
        /// Lower clamp.
        min: f32,
        /// Upper clamp.
        max: f32,
    }
}

record! {
    /// `rows` products of a `[outputs, taps]` int8 matrix with a vector of int16 activations.
    FullyConnectedI16 {
        /// Weights.
        constants: u32,
        /// Vectors.
        rows: u32,
        /// Elements of an input vector.
        taps: u32,
        /// Elements of an output vector.
        outputs: u32,
        /// Requantization.
        quant: LayerQuantI16,
    }
}

record! {
    /// How many products of matrices, and by which strides their factors are read.
    MatMulShape {
        /// Matrices along three axes.
        batch: [u32; 3],
        /// Rows of the first factor and of the result.
        rows: u32,
        /// Columns of the first factor, rows of the second.
        depth: u32,
        /// Columns of the second factor and of the result.
        columns: u32,
        /// Strides of the first factor: along the axes of the batch, its rows and its columns.
        a_strides: [u32; 5],
        /// Strides of the second factor likewise.
        b_strides: [u32; 5],
    }
}

record! {
    /// Products of matrices, float.
    MatMulF32 {
        /// Sizes and strides.
        shape: MatMulShape,
        /// Lower clamp.
        min: f32,
        /// Upper clamp.
        max: f32,
    }
}

record! {
    /// Products of matrices, int8.
    MatMulI8 {
        /// Sizes and strides.
        shape: MatMulShape,
        /// Factor of the sum.
        multiplier: i32,
        /// Its shift.
        shift: i8,
        /// Zero point of the first factor.
        a_zero_point: i8,
        /// Zero point of the second factor.
        b_zero_point: i8,
        /// Output zero point.
        zero_point: i8,
        /// Lower clamp.
        min: i8,
        /// Upper clamp.
        max: i8,
        /// Zero.
        reserved: u16,
    }
}

record! {
    /// Products of matrices, int16; zero points are 0.
    MatMulI16 {
        /// Sizes and strides.
        shape: MatMulShape,
        /// Factor of the sum.
        multiplier: i32,
        /// Its shift.
        shift: i8,
        /// Zero.
        reserved: u8,
        /// Lower clamp.
        min: i16,
        /// Upper clamp.
        max: i16,
        /// Zero.
        padding: u16,
    }
}
