//! Pools, reductions, and functions of all elements along an axis.

use super::Window;
use crate::field::record;

record! {
    /// Average or maximum over windows, int8.
    PoolI8 {
        /// Shapes.
        window: Window,
        /// Lower clamp.
        min: i8,
        /// Upper clamp.
        max: i8,
        /// Zero.
        reserved: u16,
    }
}

record! {
    /// Average or maximum over windows, float.
    PoolF32 {
        /// Shapes.
        window: Window,
        /// Lower clamp.
        min: f32,
        /// Upper clamp.
        max: f32,
    }
}

record! {
    /// Average or maximum over windows, int16.
    PoolI16 {
        /// Shapes.
        window: Window,
        /// Lower clamp.
        min: i16,
        /// Upper clamp.
        max: i16,
    }
}

record! {
    /// Softmax over rows, int8; the output's scale is 1/256 and its zero point -128.
    SoftmaxI8 {
        /// Vectors.
        rows: u32,
        /// Elements of each.
        depth: u32,
        /// Factor of a difference of inputs.
        multiplier: i32,
        /// Its shift, to the left.
        shift: i32,
        /// Smaller differences count as zero.
        diff_min: i32,
    }
}

record! {
    /// Softmax over rows, int16.
    SoftmaxI16 {
        /// Vectors.
        rows: u32,
        /// Elements of each.
        depth: u32,
        /// Factor of a difference of inputs.
        multiplier: i32,
        /// Its shift, to the left.
        shift: i32,
        /// Weights: two tables of 513 `i16`.
        constants: u32,
    }
}

record! {
    /// Softmax over rows, float.
    SoftmaxF32 {
        /// Vectors.
        rows: u32,
        /// Elements of each.
        depth: u32,
        /// Factor on the logits.
        beta: f32,
    }
}

record! {
    /// Mean of `[outer, reduced, inner]` over the middle axis, int8.
    MeanI8 {
        /// Outer extent.
        outer: u32,
        /// Elements of a mean.
        reduced: u32,
        /// Inner extent.
        inner: u32,
        /// Factor of the sum.
        multiplier: i32,
        /// Its shift.
        shift: i8,
        /// Zero point of the input.
        input_zero_point: i8,
        /// Zero point of the output.
        zero_point: i8,
        /// Zero.
        reserved: u8,
    }
}

record! {
    /// Mean of `[outer, reduced, inner]` over the middle axis, float.
    MeanF32 {
        /// Outer extent.
        outer: u32,
        /// Elements of a mean.
        reduced: u32,
        /// Inner extent.
        inner: u32,
    }
}

record! {
    /// Maximum of `[outer, reduced, inner]` over the middle axis, int8 or float.
    ReduceMax {
        /// Outer extent.
        outer: u32,
        /// Elements of which one is taken.
        reduced: u32,
        /// Inner extent.
        inner: u32,
    }
}

record! {
    /// A reduction over any axes, float.
    ReduceF32 {
        /// Kept and reduced extents in turn, the first and the last one kept.
        extents: [u32; 7],
        /// What is made of the inputs.
        kind: u8,
        /// Zero.
        reserved: [u8; 3],
    }
}

record! {
    /// A reduction over any axes, int8 or int16.
    ReduceInt {
        /// Kept and reduced extents in turn, the first and the last one kept.
        extents: [u32; 7],
        /// Factor of the sum.
        multiplier: i32,
        /// Its shift.
        shift: i8,
        /// What is made of the inputs.
        kind: u8,
        /// Zero point of the input.
        input_zero_point: i8,
        /// Zero point of the output.
        zero_point: i8,
    }
}

record! {
    /// A function along the middle axis of `[outer, depth, inner]`, float.
    AlongF32 {
        /// Lines that lie behind each other.
        outer: u32,
        /// Elements of a line.
        depth: u32,
        /// Lines that lie beside each other.
        inner: u32,
        /// Added to a variance or a mean square; the least norm.
        epsilon: f32,
        /// Which function.
        function: u8,
        /// Zero.
        reserved: [u8; 3],
    }
}

record! {
    /// A function along the middle axis of `[outer, depth, inner]`, int8.
    AlongI8 {
        /// Lines that lie behind each other.
        outer: u32,
        /// Elements of a line.
        depth: u32,
        /// Lines that lie beside each other.
        inner: u32,
        /// LogSoftmax: smaller differences count as zero; else 0.
        diff_min: i32,
        /// LogSoftmax: factor of a difference. Sums: of `2^-19` of a sum. Else 0.
        multiplier: i32,
        /// LogSoftmax: the factor that takes it back; else 0.
        reverse_multiplier: i32,
        /// Shift of the factor.
        shift: i8,
        /// Shift of the other factor.
        reverse_shift: i8,
        /// Which function.
        function: u8,
        /// Zero.
        reserved: u8,
        /// Zero point of the input.
        input_zero_point: i8,
        /// Zero point of the output of a sum; else 0.
        zero_point: i8,
        /// Zero.
        unused: [u8; 2],
    }
}

record! {
    /// Where the greatest or the least of the middle axis of `[outer, extent, inner]` are.
    Rank {
        /// Product of the extents before the axis.
        outer: u32,
        /// Extent of the axis.
        extent: u32,
        /// Product of the extents after the axis.
        inner: u32,
        /// How many are looked for.
        count: u32,
        /// 1 for the least, 0 for the greatest.
        is_least: u8,
        /// 1 when the last of equal elements comes first, 0 for the first.
        is_last: u8,
        /// Zero.
        reserved: [u8; 2],
    }
}
