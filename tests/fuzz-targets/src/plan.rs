//! Blobs that the fuzzer plans: numbers small enough to fit each other most of the time.
//!
//! A plan is what `arbitrary` makes of the fuzzer's bytes. Nearly every plan becomes a blob that loads, so the
//! fuzzer spends its time on running; [`Plan::patches`] spoil some of it again.

use arbitrary::Arbitrary;

/// A whole blob.
#[derive(Arbitrary, Debug)]
pub(crate) struct Plan {
    /// In units of 16 bytes.
    pub(crate) arena: u8,
    /// What constants and inputs follow from.
    pub(crate) noise: u32,
    /// Records; the first few are taken.
    pub(crate) operators: Vec<Operator>,
    /// Inputs, then outputs.
    pub(crate) ports: Vec<Port>,
    /// Bytes of a record that are overwritten: which record, where, with what.
    pub(crate) patches: Vec<(u8, u8, u8)>,
}

/// Where an operator's memory is, before it is brought into range.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) input: u16,
    pub(crate) output: u16,
    pub(crate) scratch: u8,
    pub(crate) constants: u8,
    /// Output over input when a multiple of four.
    pub(crate) overlap: u8,
}

/// A window on images.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) input: [u8; 3],
    pub(crate) output: [u8; 3],
    pub(crate) kernel: [u8; 2],
    pub(crate) stride: [u8; 2],
    pub(crate) dilation: [u8; 2],
    pub(crate) pad: [u8; 2],
    pub(crate) batch: u8,
    pub(crate) groups: u8,
}

/// Requantization.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) struct Quant {
    pub(crate) shift_base: i8,
    pub(crate) padding_value: i8,
    pub(crate) zero_point: i8,
    pub(crate) clamp: (i8, i8),
    pub(crate) flags: u8,
    /// Which of the list of packings.
    pub(crate) packing: u8,
}

/// A factor: multiplier and shift.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) struct Factor {
    pub(crate) multiplier: u32,
    pub(crate) shift: i8,
}

/// An input or output of the model.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) struct Port {
    pub(crate) is_output: bool,
    pub(crate) is_float: bool,
    pub(crate) dims: [u8; 4],
    pub(crate) rank: u8,
    pub(crate) at: u16,
}

/// A record.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum Operator {
    Conv { is_float: bool, is_depthwise: bool, window: Window, quant: Quant, place: Place },
    FullyConnected { is_float: bool, shape: [u8; 3], quant: Quant, place: Place },
    Pool { is_float: bool, is_max: bool, window: Window, clamp: (i8, i8), place: Place },
    Binary { is_float: bool, is_mul: bool, source: u8, lens: [u8; 3], factors: [Factor; 3], quant: Quant, place: Place },
    Softmax { is_float: bool, shape: [u8; 2], factor: Factor, diff_min: i16, beta: f32, place: Place },
    Pad { is_float: bool, input: [u8; 4], before: [u8; 4], after: [u8; 4], value: u32, place: Place },
    Copy { blocks: u8, block_bytes: u8, strides: [u8; 2], place: Place },
    Rearrange { axes: [(u8, i8, u8); 4], place: Place },
    Mean { is_float: bool, shape: [u8; 3], factor: Factor, zero_points: [i8; 2], place: Place },
    ReduceMax { is_float: bool, shape: [u8; 3], place: Place },
    Unary { kind: u8, len: u8, clamp: (i8, i8), place: Place },
    Convert { is_dequantize: bool, len: u8, scale: f32, zero_point: i8, place: Place },
    TransposeConv { is_float: bool, window: Window, quant: Quant, place: Place },
    AsymmetricConv { window: Window, quant: Quant, place: Place },
    Reduce { kind: [u8; 2], shape: [u8; 7], factor: Factor, zero_points: [i8; 2], place: Place },
    Along { function: u8, shape: [u8; 3], epsilon: f32, place: Place },
    AlongI8 { function: u8, shape: [u8; 3], factors: [Factor; 2], zero_points: [i8; 2], diff_min: i16, place: Place },
    MatMul { kind: [u8; 3], shape: [u8; 6], factor: Factor, quant: Quant, place: Place },
    Map { function: u8, len: u8, parameters: [f32; 2], place: Place },
    Combine { kind: u8, function: u8, extents: [u8; 6], repeats: [u8; 3], sources: u8, clamp: (i8, i8), place: Place },
    Rows { kind: u8, dtype: u8, shape: [u8; 9], sources: u8, place: Place },
    Rank { dtype: u8, shape: [u8; 4], order: [bool; 2], place: Place },
    Recurrent { kind: u8, shape: [u8; 4], functions: [u8; 3], flags: u8, bound: f32, place: Place },
    Boxes { detects: bool, shape: [u8; 6], flag: bool, bounds: [f32; 2], place: Place },
    Trees { shape: [u8; 4], nodes: u8, leaf_rows: u8, aggregate: u8, place: Place },
    Cast { from: u8, to: u8, len: u8, place: Place },
    Hybrid { window: Window, quant: Quant, place: Place },
    I16(OperatorI16),
    Requantize { from: bool, to: bool, len: u8, factor: Factor, zero_points: [i8; 2], place: Place },
}

/// A record of int16 activations.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum OperatorI16 {
    Conv { is_depthwise: bool, window: Window, quant: Quant, place: Place },
    FullyConnected { shape: [u8; 3], quant: Quant, place: Place },
    Binary { is_mul: bool, source: u8, lens: [u8; 3], factors: [Factor; 3], clamp: (i8, i8), place: Place },
    Pool { is_max: bool, window: Window, clamp: (i8, i8), place: Place },
    Pad { input: [u8; 4], before: [u8; 4], after: [u8; 4], value: u32, place: Place },
    TransposeConv { window: Window, quant: Quant, place: Place },
    Convert { is_dequantize: bool, len: u8, scale: f32, place: Place },
    Map { function: u8, len: u8, factors: [Factor; 2], clamp: (i8, i8), place: Place },
    Softmax { shape: [u8; 2], factor: Factor, place: Place },
}
