//! Cases of products that are computed as their operands lie: of two matrices, transposed convolutions, int16 rows.

use kinglet_kernels::Io;
use kinglet_kernels::elementwise::{Broadcast, MulI8, Operand, mul_i8, mul_i8_reference};
use kinglet_kernels::fully_connected::{FullyConnectedI16, fully_connected_i16, fully_connected_i16_reference};
use kinglet_kernels::int16::{LongBias, Rounding, StageI16};
use kinglet_kernels::mat_mul::{MatMulI8, MatMulShape, mat_mul_i8, mat_mul_i8_reference};
use kinglet_kernels::numerics::{FixedPoint, Requant};
use kinglet_kernels::transpose_conv::{
    TransposeConvI8, TransposeGeometry, transpose_conv_i8, transpose_conv_i8_reference,
};

use crate::cases::stage;
use crate::{Buffers, Difference, MAX_LEN, Random, compare};

/// Any factor; seldom one of a half or more.
fn factor(random: &mut Random) -> FixedPoint {
    let multiplier = 0x4000_0000 | (random.next() & 0x3fff_ffff) as i32;
    FixedPoint { multiplier, shift: if random.one_in(8) { random.range(-31, 4) } else { random.range(-14, -4) } }
}

/// Two matrices, each of which may be transposed.
pub(crate) fn mat_mul(seed: u32, buffers: &mut Buffers) -> Result<bool, Difference> {
    let random = &mut Random::new(seed);
    let (batch, rows, depth, columns) =
        (random.count(1, 2), random.count(1, 5), random.count(1, 40), random.count(1, 13));
    let a = if random.one_in(3) { [1, rows] } else { [depth, 1] };
    let b = if random.one_in(2) { [1, depth] } else { [columns, 1] };
    let of_b = if random.one_in(3) { 0 } else { depth * columns };
    let shape = MatMulShape {
        batch: [1, 1, batch],
        rows,
        depth,
        columns,
        a: [0, 0, rows * depth, a[0], a[1]],
        b: [0, 0, of_b, b[0], b[1]],
    };
    let layer = MatMulI8 {
        shape,
        a_zero_point: random.range(-128, 127),
        b_zero_point: random.range(-128, 127),
        factor: factor(random),
        stage: stage(random),
    };
    let (a_len, b_len, len) = (batch * rows * depth, (batch - 1) * of_b + depth * columns, batch * rows * columns);
    random.fill(&mut buffers.input[..a_len]);
    random.fill(&mut buffers.weights[..b_len]);
    let (a, b) = (&buffers.input[..a_len], &buffers.weights[..b_len]);
    buffers.actual[..len].fill(99);
    let ran = mat_mul_i8_reference(&layer, a, b, &mut buffers.expected[..len])
        && mat_mul_i8(&layer, a, b, &mut buffers.actual[..len]);
    compare(seed, &buffers.expected[..len], &buffers.actual[..len])?;
    Ok(ran)
}

/// Small images, with strides and padding, now and then in groups.
pub(crate) fn transpose_conv(seed: u32, buffers: &mut Buffers) -> Result<bool, Difference> {
    let random = &mut Random::new(seed);
    let groups = if random.one_in(4) { random.count(2, 3) } else { 1 };
    let (channels, outputs) = (groups * random.count(1, 11), groups * random.count(1, 9));
    let (kernel, stride) = ([random.count(1, 4), random.count(1, 4)], [random.count(1, 3), random.count(1, 3)]);
    let input = [random.count(1, 5), random.count(1, 5), channels];
    let pad = [random.count(0, kernel[0] - 1), random.count(0, kernel[1] - 1)];
    let output = [0, 1].map(|axis: usize| (input[axis] - 1) * stride[axis] + kernel[axis] - pad[axis]);
    let geometry = TransposeGeometry { input, output: [output[0], output[1], outputs], kernel, stride, pad, groups };
    let (input_len, len) = (input.iter().product::<usize>(), output[0] * output[1] * outputs);
    let weight_len = outputs * geometry.taps();
    if len > MAX_LEN || weight_len > MAX_LEN {
        return Ok(false);
    }
    random.fill(&mut buffers.input[..input_len]);
    random.fill(&mut buffers.weights[..weight_len]);
    let shift_base = if random.one_in(4) { random.range(-31, 0) } else { random.range(-16, -8) };
    for channel in 0..outputs {
        // One in a while that brings a sum beyond what the short way takes.
        let most = if random.one_in(8) { i32::MAX >> 1 } else { 20_000 };
        buffers.bias[channel] = random.range(-most, most);
        buffers.words[channel] = Requant::pack(random.next() as i32, random.next() & 3);
    }
    let words = if random.one_in(4) { 1 } else { outputs };
    let layer = TransposeConvI8 {
        geometry,
        input_zero_point: random.range(-128, 127) as i8,
        stage: stage(random),
        weights: &buffers.weights[..weight_len],
        bias: &buffers.bias[..outputs],
        requant: Requant { words: &buffers.words[..words], shift_base, extra: &[] },
    };
    let input = &buffers.input[..input_len];
    buffers.actual[..len].fill(99);
    transpose_conv_i8_reference(&layer, &mut Io::split(input, &mut buffers.expected[..len]));
    transpose_conv_i8(&layer, &mut Io::split(input, &mut buffers.actual[..len]));
    compare(seed, &buffers.expected[..len], &buffers.actual[..len])?;
    Ok(true)
}

/// Products of elements, with any broadcast.
pub(crate) fn mul(seed: u32, buffers: &mut Buffers) -> Result<bool, Difference> {
    let random = &mut Random::new(seed);
    let len = random.count(1, 300);
    random.fill(&mut buffers.input[..len]);
    random.fill(&mut buffers.weights[..len]);
    let (a_zero_point, b_zero_point) = (random.range(-128, 127), random.range(-128, 127));
    let layer = MulI8 { a_zero_point, b_zero_point, factor: factor(random), stage: stage(random) };
    let some = Broadcast { inner: random.count(1, 9), len: random.count(1, len) };
    let whole = Broadcast { inner: 1, len };
    let kind = random.range(0, 3);
    let b = || match kind {
        0 => Operand::SameAsInput,
        1 | 2 => Operand::Slice(&buffers.weights[..len], some),
        _ => Operand::Slice(&buffers.weights[..len], whole),
    };
    mul_i8_reference(&layer, &mut Io::split(&buffers.input[..len], &mut buffers.expected[..len]), b());
    if random.one_in(2) {
        buffers.actual[..len].copy_from_slice(&buffers.input[..len]);
        mul_i8(&layer, &mut Io::in_place(&mut buffers.actual[..len]), b());
    } else {
        mul_i8(&layer, &mut Io::split(&buffers.input[..len], &mut buffers.actual[..len]), b());
    }
    compare(seed, &buffers.expected[..len], &buffers.actual[..len])?;
    Ok(true)
}

/// Most inputs of a dense layer of int16, of which sums are taken in parts of 256.
const TAPS: usize = 600;

/// Dense layers of int16, whose rows are those of all layers of int16.
pub(crate) fn fully_connected_i16_rows(seed: u32, buffers: &mut Buffers) -> Result<bool, Difference> {
    let random = &mut Random::new(seed);
    let taps = if random.one_in(4) { random.count(1, TAPS) } else { random.count(1, 40) };
    let outputs = random.count(1, 9);
    let mut input = [0_i16; TAPS];
    let is_extreme = random.one_in(4);
    for element in &mut input[..taps] {
        let bits = random.next() >> 8;
        *element = if is_extreme { [i16::MIN, i16::MAX][bits as usize & 1] } else { bits as i16 };
    }
    random.fill(&mut buffers.weights[..outputs * taps]);
    for channel in 0..outputs {
        buffers.bias[channel] = random.range(-1 << 20, 1 << 20);
        buffers.words[channel] = Requant::pack(random.next() as i32, random.next() & 3);
    }
    let layer = FullyConnectedI16 {
        rows: 1,
        taps,
        outputs,
        weights: &buffers.weights[..outputs * taps],
        stage: StageI16 {
            bias: LongBias { low: &buffers.bias[..outputs], high: &[] },
            requant: Requant { words: &buffers.words[..outputs], shift_base: random.range(-20, -10), extra: &[] },
            rounding: if random.one_in(2) { Rounding::Once } else { Rounding::Twice },
            min: i16::MIN,
            max: i16::MAX,
        },
    };
    let (mut expected, mut actual) = ([0_i16; 9], [0_i16; 9]);
    fully_connected_i16_reference(&layer, &mut Io::split(&input[..taps], &mut expected[..outputs]));
    fully_connected_i16(&layer, &mut Io::split(&input[..taps], &mut actual[..outputs]));
    match expected.iter().zip(&actual).position(|(a, b)| a != b) {
        None => Ok(true),
        // The lower bytes are enough to look for it.
        Some(index) => Err(Difference { seed, index, expected: expected[index] as i8, actual: actual[index] as i8 }),
    }
}
