//! The parameters of operators: what stands in a record behind its operands.
//!
//! `constants` is a byte offset into WEIGHTS, see [`crate::constants`] for what stands there. Records are
//! self-contained: an operator names its memory and shapes itself instead of referring to a table of tensors. That
//! makes verifying one linear pass over one section, and costs fewer bytes, because most tensors have one writer and
//! one reader.

use crate::field::record;

record! {
    /// Shapes of a windowed operator on `batch` images.
    Window {
        /// Height, width, channels.
        input: [u16; 3],
        /// Height, width, channels.
        output: [u16; 3],
        /// Height, width.
        kernel: [u8; 2],
        /// Along height, width.
        stride: [u8; 2],
        /// Along height, width.
        dilation: [u8; 2],
        /// Above, to the left.
        pad: [u8; 2],
        /// Images.
        batch: u16,
        /// Channel groups of a convolution, depth multiplier of a depthwise one, 1 for pools.
        groups: u16,
    }
}

record! {
    /// How an int8 layer's accumulators become outputs.
    LayerQuant {
        /// The smallest shift of the layer's factors.
        shift_base: i8,
        /// What positions outside the image read as.
        padding_value: i8,
        /// Output zero point.
        zero_point: i8,
        /// Lower clamp.
        min: i8,
        /// Upper clamp.
        max: i8,
        /// [`crate::constants`] flags.
        flags: u8,
        /// Zero.
        reserved: u16,
    }
}

record! {
    /// How the sums of a layer on int16 activations become outputs.
    LayerQuantI16 {
        /// The smallest shift of the layer's factors.
        shift_base: i8,
        /// [`crate::constants`] flags.
        flags: u8,
        /// Lower clamp.
        min: i16,
        /// Upper clamp.
        max: i16,
        /// Zero.
        reserved: u16,
    }
}

record! {
    /// Conv2D and DepthwiseConv2D, int8.
    Conv2dI8 {
        /// Weights.
        constants: u32,
        /// Shapes.
        window: Window,
        /// Requantization.
        quant: LayerQuant,
    }
}

record! {
    /// Conv2D of weights with zero points, `i8[O]` before the weights; a bias that does not contain the input's.
    AsymmetricConv2dI8 {
        /// Weights.
        constants: u32,
        /// Shapes.
        window: Window,
        /// Requantization; `padding_value` is the input's zero point.
        quant: LayerQuant,
    }
}

record! {
    /// Conv2D and DepthwiseConv2D, float.
    Conv2dF32 {
        /// Weights.
        constants: u32,
        /// Shapes.
        window: Window,
        /// Lower clamp.
        min: f32,
        /// Upper clamp.
        max: f32,
    }
}

record! {
    /// Conv2D and DepthwiseConv2D of int16 activations with int8 weights.
    Conv2dI16 {
        /// Weights.
        constants: u32,
        /// Shapes.
        window: Window,
        /// Requantization.
        quant: LayerQuantI16,
    }
}

record! {
    /// TransposeConv2D, int8; weights in the order of phases, and a bias that does not contain the zero point.
    TransposeConvI8 {
        /// Weights.
        constants: u32,
        /// Shapes; `kernel` and `stride` are those of the windows that input pixels add, `dilation` is 1.
        window: Window,
        /// Requantization; `padding_value` is the input's zero point.
        quant: LayerQuant,
    }
}

record! {
    /// TransposeConv2D, float; weights in the order of phases.
    TransposeConvF32 {
        /// Weights.
        constants: u32,
        /// Shapes; `kernel` and `stride` are those of the windows that input pixels add, `dilation` is 1.
        window: Window,
        /// Lower clamp.
        min: f32,
        /// Upper clamp.
        max: f32,
    }
}

record! {
    /// TransposeConv2D of int16 activations with int8 weights in the order of phases.
    TransposeConvI16 {
        /// Weights.
        constants: u32,
        /// Shapes; `kernel` and `stride` are those of the windows that input pixels add, `dilation` is 1.
        window: Window,
        /// Requantization.
        quant: LayerQuantI16,
    }
}

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

record! {
    /// Conv2D of float activations with integer weights; depthwise convolutions and dense layers are written as one.
    HybridConv2d {
        /// Weights.
        constants: u32,
        /// Shapes; a depthwise convolution has a group for each channel of its input.
        window: Window,
        /// Lower clamp.
        min: f32,
        /// Upper clamp.
        max: f32,
        /// [`crate::constants`] flags.
        flags: u8,
        /// Zero.
        reserved: [u8; 3],
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

record! {
    /// Boxes of each class, the best first, none of which is like a better one.
    Suppress {
        /// Images.
        batches: u32,
        /// Classes.
        classes: u32,
        /// Boxes of an image.
        count: u32,
        /// Most boxes of a class that are taken.
        limit: u32,
        /// Boxes are alike that share more than this part of what they cover together.
        likeness_max: f32,
        /// Scores have to be greater.
        score_min: f32,
        /// 1 when a box is x and y of its center, width and height; 0 when it is two corners, y first.
        is_centered: u8,
        /// Zero.
        reserved: [u8; 3],
    }
}

record! {
    /// Boxes relative to anchors, the best first, none of which is like a better one.
    Detect {
        /// Boxes.
        count: u32,
        /// Scores of a box.
        columns: u32,
        /// How many of them, the last ones, are those of classes.
        classes: u32,
        /// Most boxes that are taken.
        limit: u32,
        /// Classes of a box, where boxes are chosen by their best one.
        per_box: u32,
        /// Most boxes of a class, where each class has its own.
        per_class: u32,
        /// Scores are at least that.
        score_min: f32,
        /// Boxes are alike that share more than this part of what they cover together.
        likeness_max: f32,
        /// Scales of y, x, height and width.
        scales: [f32; 4],
        /// 1 when each class has its own boxes, 0 when boxes are chosen by their best class.
        is_by_class: u8,
        /// Zero.
        reserved: [u8; 3],
    }
}
