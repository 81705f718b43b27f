//! Functions of single elements, of one operand and of several.

use crate::field::record;

record! {
    /// Extents of an elementwise `a ∘ b`; `b` is read at index `(i / inner) % b_len`.
    ///
    /// `b` is a constant, or in the arena and apart from `a` and the result, or at the offset of `a`: then `inner` is 1
    /// and `b_len` is `len`.
    Broadcast {
        /// Elements of `a` and the output.
        len: u32,
        /// How many consecutive elements share one of `b`.
        inner: u32,
        /// Elements of `b`.
        b_len: u32,
    }
}

record! {
    /// Add and Mul, int8. Mul uses the output's factor only.
    BinaryI8 {
        /// How long.
        broadcast: Broadcast,
        /// Factor of the first operand.
        a_multiplier: i32,
        /// Factor of the second operand.
        b_multiplier: i32,
        /// Factor of the result.
        output_multiplier: i32,
        /// Shift of the first factor.
        a_shift: i8,
        /// Shift of the second factor.
        b_shift: i8,
        /// Shift of the result's factor.
        output_shift: i8,
        /// Zero point of the first operand.
        a_zero_point: i8,
        /// Zero point of the second operand.
        b_zero_point: i8,
        /// Output zero point.
        zero_point: i8,
        /// Lower clamp.
        min: i8,
        /// Upper clamp.
        max: i8,
    }
}

record! {
    /// Add and Mul, float.
    BinaryF32 {
        /// How long.
        broadcast: Broadcast,
        /// Lower clamp.
        min: f32,
        /// Upper clamp.
        max: f32,
    }
}

record! {
    /// Add and Mul, int16; zero points are 0. Mul uses the output's factor only.
    BinaryI16 {
        /// How long.
        broadcast: Broadcast,
        /// Factor of the first operand.
        a_multiplier: i32,
        /// Factor of the second operand.
        b_multiplier: i32,
        /// Factor of the result.
        output_multiplier: i32,
        /// Shift of the first factor.
        a_shift: i8,
        /// Shift of the second factor.
        b_shift: i8,
        /// Shift of the result's factor.
        output_shift: i8,
        /// Zero.
        reserved: u8,
        /// Lower clamp.
        min: i16,
        /// Upper clamp.
        max: i16,
    }
}

record! {
    /// `output[i] = table[input[i] + 128]`.
    Lookup {
        /// Elements.
        len: u32,
        /// Weights: 256 bytes.
        constants: u32,
    }
}

record! {
    /// Elementwise float function.
    UnaryF32 {
        /// Elements.
        len: u32,
        /// Lower clamp of ClampF32.
        min: f32,
        /// Upper clamp of ClampF32.
        max: f32,
    }
}

record! {
    /// Between float and int8.
    Convert {
        /// Elements.
        len: u32,
        /// Of the int8 side.
        scale: f32,
        /// Of the int8 side.
        zero_point: i32,
    }
}

record! {
    /// A function of each element, float.
    MapF32 {
        /// Elements.
        len: u32,
        /// Which function: its tag.
        function: u8,
        /// Zero.
        reserved: [u8; 3],
        /// The function's first parameter, 0 when it has none.
        alpha: f32,
        /// The function's second parameter, 0 when it has none.
        beta: f32,
    }
}

record! {
    /// A function of each element, int16.
    MapI16 {
        /// Elements.
        len: u32,
        /// Which function: its tag.
        function: u8,
        /// Shifts of the factors.
        shifts: [i8; 2],
        /// Zero.
        reserved: u8,
        /// Factors of elements that are not negative, and of those that are; 0 where there is none.
        multipliers: [i32; 2],
        /// Lower clamp.
        min: i16,
        /// Upper clamp.
        max: i16,
        /// Weights: a table of `i16`; 0 for a function that has none.
        constants: u32,
    }
}

record! {
    /// Extents of an elementwise result, and along which of them operands repeat. An operand has the elements of the
    /// other axes, row-major.
    Grid {
        /// Tag of the function of two elements; 0 where there is none.
        function: u8,
        /// For each operand a bit for each axis along which it repeats, the lowest for the outermost.
        repeats: [u8; 3],
        /// Outermost first.
        extents: [u32; 6],
    }
}

record! {
    /// Combine of floats.
    CombineF32 {
        /// Function and extents.
        grid: Grid,
        /// Lower clamp.
        min: f32,
        /// Upper clamp.
        max: f32,
    }
}

record! {
    /// Combine of integers and truth values.
    Combine {
        /// Function and extents.
        grid: Grid,
    }
}

record! {
    /// Combine of int8 or int16.
    CombineQuantized {
        /// Function and extents.
        grid: Grid,
        /// Factor of the first operand.
        a_multiplier: i32,
        /// Factor of the second operand.
        b_multiplier: i32,
        /// Factor of the result.
        output_multiplier: i32,
        /// Shift of the first factor.
        a_shift: i8,
        /// Shift of the second factor.
        b_shift: i8,
        /// Shift of the result's factor.
        output_shift: i8,
        /// How far operands are shifted left before they are scaled.
        left_shift: u8,
        /// Zero point of the first operand.
        a_zero_point: i16,
        /// Zero point of the second operand.
        b_zero_point: i16,
        /// Output zero point.
        zero_point: i16,
        /// Lower clamp.
        min: i16,
        /// Upper clamp.
        max: i16,
        /// Zero.
        reserved: u16,
    }
}

record! {
    /// Elements of the second operand where the first is true, else of the third.
    Select {
        /// Extents.
        grid: Grid,
    }
}

record! {
    /// Numbers of one type as numbers of another.
    Cast {
        /// Elements.
        len: u32,
    }
}

record! {
    /// From one quantization to another, of which one or both are int16.
    Requantize {
        /// Elements.
        len: u32,
        /// Factor of a code's distance from its zero point.
        multiplier: i32,
        /// Its shift.
        shift: i8,
        /// Zero point of the input; 0 for int16.
        input_zero_point: i8,
        /// Zero point of the output; 0 for int16.
        zero_point: i8,
        /// Zero.
        reserved: u8,
    }
}
