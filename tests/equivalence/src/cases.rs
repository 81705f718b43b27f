//! What a seed means for each family of kernels.

use kinglet_kernels::conv2d::{Conv2dI8, Geometry, conv2d_i8, conv2d_i8_reference, conv2d_i8_scratch_len};
use kinglet_kernels::depthwise::{DepthwiseI8, depthwise_i8, depthwise_i8_reference, depthwise_i8_scratch_len};
use kinglet_kernels::elementwise::{AddI8, Broadcast, Operand, add_i8, add_i8_reference};
use kinglet_kernels::fully_connected::{
    FullyConnectedI8, fully_connected_i8, fully_connected_i8_reference, fully_connected_i8_scratch_len,
};
use kinglet_kernels::mean::{MeanI8, mean_i8, mean_i8_reference};
use kinglet_kernels::numerics::{FixedPoint, OutputStage, Requant};
use kinglet_kernels::packing::{DepthwisePacking, Numbers, Packing, PixelOrder, Storage, Taps, WriteOrder};
use kinglet_kernels::pool::{PoolI8, average_pool_i8, average_pool_i8_reference, max_pool_i8, max_pool_i8_reference};
use kinglet_kernels::registry::{Isa, Kernel, Operator, Row, kernels};
use kinglet_kernels::{Io, Token};

use crate::{Buffers, Difference, MAX_LEN, Random, compare, moves, products, refuses};

/// The cases of one line of the kernels' list, run through the function that dispatches.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// The kernel of every machine, which stands for all of the line.
    row: &'static Row,
    kind: Kind,
}

/// What a case computes.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Conv2d(Packing),
    FullyConnected(Packing),
    Depthwise(DepthwisePacking),
    Add,
    AveragePool,
    MaxPool,
    Mean,
    Copy,
    Transpose,
    Pad,
    MatMul,
    TransposeConv,
    Mul,
    FullyConnectedI16,
}

/// Every family: all int8 operators and packings that have a kernel of their own for some instruction set, and the
/// portable ones of the same operators.
pub fn families() -> impl Iterator<Item = Family> {
    kernels().filter(|row| row.isa == Isa::Portable).filter_map(|row| Some(Family { row, kind: kind(row.kernel?)? }))
}

/// `None` for kernels that are plain Rust on every machine: the tests of `kinglet-kernels` are theirs.
fn kind(kernel: Kernel) -> Option<Kind> {
    match kernel {
        Kernel::Conv2dI8(packing, ..) => Some(Kind::Conv2d(packing)),
        Kernel::FullyConnectedI8(packing, ..) => Some(Kind::FullyConnected(packing)),
        Kernel::DepthwiseI8(packing, _) => Some(Kind::Depthwise(packing)),
        Kernel::AddI8(_) => Some(Kind::Add),
        Kernel::AveragePoolI8(_) => Some(Kind::AveragePool),
        Kernel::MaxPoolI8(_) => Some(Kind::MaxPool),
        Kernel::MeanI8(_) => Some(Kind::Mean),
        Kernel::CopyI8(_) => Some(Kind::Copy),
        Kernel::MatMulI8(_) => Some(Kind::MatMul),
        Kernel::TransposeConvI8(_) => Some(Kind::TransposeConv),
        Kernel::MulI8(_) => Some(Kind::Mul),
        Kernel::FullyConnectedI16(_) => Some(Kind::FullyConnectedI16),
        Kernel::RearrangeI8(_) => Some(Kind::Transpose),
        Kernel::PadI8(_) => Some(Kind::Pad),
        Kernel::Conv2dF32(_)
        | Kernel::Conv2dHybrid(_)
        | Kernel::DepthwiseF32(_)
        | Kernel::FullyConnectedF32(_)
        | Kernel::AveragePoolF32(_)
        | Kernel::MaxPoolF32(_)
        | Kernel::AddF32(_)
        | Kernel::MulF32(_)
        | Kernel::MeanF32(_)
        | Kernel::ReduceMaxI8(_)
        | Kernel::ReduceMaxF32(_)
        | Kernel::ReduceF32(_)
        | Kernel::ReduceI8(_)
        | Kernel::ReduceI16(_)
        | Kernel::MatMulF32(_)
        | Kernel::MatMulI16(_)
        | Kernel::TakeI8(_)
        | Kernel::ResampleI8(_)
        | Kernel::ResampleF32(_)
        | Kernel::ResizeBilinearI8(_)
        | Kernel::TransposeConvF32(_)
        | Kernel::Conv2dI16(_)
        | Kernel::DepthwiseI16(_)
        | Kernel::AddI16(_)
        | Kernel::AsymmetricConv2dI8(_)
        | Kernel::MulI16(_)
        | Kernel::AveragePoolI16(_)
        | Kernel::MaxPoolI16(_)
        | Kernel::TransposeConvI16(_)
        | Kernel::Formula => None,
    }
}

impl Family {
    /// Operator, and the packing of its weights if it has one.
    pub fn name(&self) -> (Operator, &'static str) {
        (self.row.operators[0], self.row.packing.unwrap_or_default())
    }

    /// The list's line.
    pub fn row(&self) -> &'static Row {
        self.row
    }

    /// False when this build has no kernel for the packing.
    pub fn is_in_this_build(&self) -> bool {
        match self.kind {
            Kind::Conv2d(packing) | Kind::FullyConnected(packing) => packing.is_runnable(),
            Kind::Depthwise(packing) => packing.is_runnable(),
            _ => true,
        }
    }

    /// Computes one case; `Ok(false)` when the seed asks for something that the packing does not take.
    pub fn check(&self, seed: u32, buffers: &mut Buffers) -> Result<bool, Difference> {
        match self.kind {
            Kind::Conv2d(packing) => conv2d(seed, buffers, packing),
            Kind::FullyConnected(packing) => fully_connected(seed, buffers, packing),
            Kind::Depthwise(packing) => depthwise(seed, buffers, packing),
            Kind::Add => add(seed, buffers),
            Kind::AveragePool => pool(seed, buffers, average_pool_i8, average_pool_i8_reference),
            Kind::MaxPool => pool(seed, buffers, max_pool_i8, max_pool_i8_reference),
            Kind::Mean => mean(seed, buffers),
            Kind::MatMul => products::mat_mul(seed, buffers),
            Kind::TransposeConv => products::transpose_conv(seed, buffers),
            Kind::Mul => products::mul(seed, buffers),
            Kind::FullyConnectedI16 => products::fully_connected_i16_rows(seed, buffers),
            Kind::Copy => moves::copy(seed, buffers),
            Kind::Transpose => moves::transpose(seed, buffers),
            Kind::Pad => moves::around(seed, buffers),
        }
    }
}

/// An output stage: the whole range, a ReLU, or any clamp.
pub(crate) fn stage(random: &mut Random) -> OutputStage {
    let zero_point = if random.one_in(3) { -128 } else { random.range(-128, 127) };
    match random.range(0, 2) {
        0 => OutputStage::unclamped(zero_point),
        1 => OutputStage { zero_point, min: zero_point, max: 127 },
        _ => {
            let min = random.range(-128, 127);
            OutputStage { zero_point, min, max: random.range(min, 127) }
        }
    }
}

/// Biases and factors for `outputs` channels of `taps` weights, such that outputs spread over the range.
fn constants(random: &mut Random, buffers: &mut Buffers, outputs: usize, taps: usize) -> (i32, usize) {
    let typical = (taps as u32 * 64 * 64).ilog2() as i32 - 6;
    // Relative shifts take up to three bits; shifts stay in -20..=-1.
    let base = (-typical - random.range(0, 3)).clamp(-20, -4);
    let with_extra = random.one_in(4);
    for channel in 0..outputs {
        buffers.bias[channel] = random.range(-4000, 4000) * random.range(0, 16);
        let multiplier = 0x4000_0000 | (random.next() & 0x3fff_ffff) as i32;
        buffers.words[channel] = Requant::pack(multiplier, random.next() & 3);
        buffers.extra[channel] = if with_extra && base < -5 { random.range(0, 1) as u8 } else { 0 };
    }
    (base, if with_extra { outputs } else { 0 })
}

/// Half of the time bytes, else fewer bits of those that this build has.
fn storage(seed: u32) -> Storage {
    let narrow = Storage::ALL.into_iter().filter(|storage| storage.is_runnable() && storage.bits() < 8);
    let index = seed as usize % (2 * Storage::ALL.len()) / 2;
    let drawn = narrow.cycle().nth(index).filter(|_| seed.is_multiple_of(2));
    drawn.unwrap_or_default()
}

/// Weights that a packing and a storage hold.
fn weights(random: &mut Random, weights: &mut [i8], least: i8, storage: Storage) {
    random.fill(weights);
    let narrower = 8 - storage.bits();
    weights.iter_mut().for_each(|weight| *weight = (*weight >> narrower).max(least));
}

/// True when the packing's kernels are exact for these numbers.
fn is_exact(
    buffers: &mut Buffers,
    [outputs, taps]: [usize; 2],
    storage: Storage,
    requant: (i32, usize, usize),
    exact: impl Fn(&Numbers<'_>) -> bool,
) -> bool {
    let Buffers { weights, bias, words, extra, factors, .. } = buffers;
    let (shift_base, word_count, extra_count) = requant;
    let requant = Requant { words: &words[..word_count], shift_base, extra: &extra[..extra_count] };
    factors[..outputs].iter_mut().enumerate().for_each(|(channel, factor)| *factor = requant.at(channel));
    let weights = &weights[..outputs * taps];
    exact(&Numbers { taps, storage, weights, bias: &bias[..outputs], factors: &factors[..outputs] })
}

/// A window that fits small buffers; `None` when it would not. One time in three, any that a blob may hold.
fn geometry(random: &mut Random, multiplier: Option<usize>) -> Option<Geometry> {
    if random.one_in(3) {
        return Some(any_geometry(random, multiplier));
    }
    let kernel = [random.count(1, 5), random.count(1, 5)];
    let kernel = if random.one_in(3) {
        [1, 1]
    } else if random.one_in(3) {
        [3, 3]
    } else {
        kernel
    };
    let stride = [random.count(1, 2), random.count(1, 2)];
    let dilation = if random.one_in(6) { [random.count(1, 2), random.count(1, 2)] } else { [1, 1] };
    let channels = if random.one_in(2) { 4 * random.count(1, 8) } else { random.count(1, 19) };
    let input = [random.count(1, 12), if random.one_in(5) { 1 } else { random.count(1, 12) }, channels];
    let reach = [dilation[0] * (kernel[0] - 1) + 1, dilation[1] * (kernel[1] - 1) + 1];
    let pad = [random.count(0, reach[0] - 1), random.count(0, reach[1] - 1)];
    let after = [random.count(0, reach[0] - 1), random.count(0, reach[1] - 1)];
    let span = |axis: usize| (input[axis] + pad[axis] + after[axis]).checked_sub(reach[axis]);
    let outputs = multiplier.map_or_else(|| random.count(1, 21), |multiplier| channels * multiplier);
    let output = [span(0)? / stride[0] + 1, span(1)? / stride[1] + 1, outputs];
    let len = |shape: [usize; 3]| shape.iter().product::<usize>();
    let fits = len(input) <= MAX_LEN / 2 && len(output) <= MAX_LEN / 2 && outputs <= 256;
    fits.then_some(Geometry { input, output, kernel, stride, dilation, pad, groups: 1 })
}

/// Any window that the loader accepts, of small extents: no compiler would ask for most of them. The output is as large
/// as it likes, padding and dilation reach as far as they like, and a window may lie outside the image altogether.
fn any_geometry(random: &mut Random, multiplier: Option<usize>) -> Geometry {
    // Half of the time what kernels have short cuts for.
    let mut pair = |usual: usize, low: usize, high: usize| {
        [(); 2].map(|()| if random.one_in(2) { usual } else { random.count(low, high) })
    };
    let (kernel, stride, dilation, pad) = (pair(1, 1, 5), pair(1, 1, 3), pair(1, 1, 4), pair(0, 0, 6));
    let channels = if random.one_in(2) { 4 * random.count(1, 4) } else { random.count(1, 19) };
    let input = [(); 2].map(|()| if random.one_in(3) { 1 } else { random.count(1, 9) });
    let output = input.map(|extent| if random.one_in(4) { extent } else { random.count(1, 9) });
    let outputs = multiplier.map_or_else(|| random.count(1, 21), |multiplier| channels * multiplier);
    Geometry {
        input: [input[0], input[1], channels],
        output: [output[0], output[1], outputs],
        kernel,
        stride,
        dilation,
        pad,
        groups: 1,
    }
}

fn conv2d(seed: u32, buffers: &mut Buffers, packing: Packing) -> Result<bool, Difference> {
    let random = &mut Random::new(seed);
    let Some(mut geometry) = geometry(random, None) else { return Ok(false) };
    if packing.runs_conv2d(2) && random.one_in(4) {
        geometry.groups = geometry.input[2];
        geometry.output[2] = geometry.groups * random.count(1, 2);
    }
    let storage = storage(seed);
    let (taps, outputs) = (geometry.taps(), geometry.output[2]);
    let output_len = geometry.pixels() * outputs;
    let scratch_len = conv2d_i8_scratch_len(&geometry, packing, storage);
    let weight_len = packing.weight_len(storage, outputs, taps);
    if taps * outputs > MAX_LEN || weight_len > MAX_LEN || scratch_len > MAX_LEN || output_len > MAX_LEN {
        return Ok(false);
    }
    let input_len = geometry.input.iter().product::<usize>();
    random.fill(&mut buffers.input[..input_len]);
    weights(random, &mut buffers.weights[..taps * outputs], packing.least_weight(), storage);
    let (shift_base, extra) = constants(random, buffers, outputs, taps);
    let shift_base = shift_base.max(*packing.shifts().start()).min(packing.shifts().end() - 4);
    let row_major = &buffers.weights[..taps * outputs];
    packing.pack(storage, outputs, geometry.runs(), row_major, &mut buffers.packed.0[..weight_len]);
    // One time in eight, one factor for all channels.
    let (words, extra) = if random.one_in(8) { (1, 0) } else { (outputs, extra) };
    if !is_exact(buffers, [outputs, taps], storage, (shift_base, words, extra), |numbers| packing.is_exact(numbers)) {
        return Ok(false);
    }
    let reference = Conv2dI8 {
        geometry,
        padding_value: random.range(-128, 127) as i8,
        stage: stage(random),
        packing: Packing::RowMajor,
        storage: Storage::Bits8,
        weights: &buffers.weights[..taps * outputs],
        bias: &buffers.bias[..outputs],
        requant: Requant { words: &buffers.words[..words], shift_base, extra: &buffers.extra[..extra] },
        token: Token::detect(),
    };
    let (input, output) = (&buffers.input[..input_len], &mut buffers.expected[..output_len]);
    conv2d_i8_reference(&reference, &mut Io::split(input, output));
    let layer = Conv2dI8 { packing, storage, weights: &buffers.packed.0[..weight_len], ..reference };
    let scratch = &mut buffers.scratch.0[..scratch_len];
    let lead = match packing.pixel_order() {
        // Only a pixel that is one window may have its output over its input.
        PixelOrder::ReadThenWrite => {
            let is_plain =
                geometry.is_pointwise() && geometry.stride == [1, 1] && geometry.input[..2] == geometry.output[..2];
            (is_plain && outputs <= geometry.input[2]).then_some(0)
        }
        PixelOrder::Interleaved | PixelOrder::Tiled => {
            Some(lead(&geometry, packing.pixel_order().tile()).next_multiple_of(4))
        }
    };
    let hull = lead.map_or(0, |lead| output_len.max(lead + input_len));
    buffers.actual[..output_len].fill(99);
    if let Some(lead) = lead.filter(|_| hull <= MAX_LEN && random.one_in(2)) {
        buffers.actual[lead..lead + input_len].copy_from_slice(&buffers.input[..input_len]);
        let (buffer, input, output) = (&mut buffers.actual[..hull], (lead, input_len), (0, output_len));
        conv2d_i8(&layer, &mut Io::Overlapped { buffer, input, output }, scratch);
    } else {
        let (input, output) = (&buffers.input[..input_len], &mut buffers.actual[..output_len]);
        conv2d_i8(&layer, &mut Io::split(input, output), scratch);
    }
    compare(seed, &buffers.expected[..output_len], &buffers.actual[..output_len])?;
    let (input, output) = (&buffers.input[..input_len], &mut buffers.actual[..output_len]);
    refuses(seed, input, output, |io| conv2d_i8(&layer, io, scratch))?;
    Ok(true)
}

/// How far before the input the output must start when `tile` pixels are written while they are still read.
fn lead(geometry: &Geometry, tile: usize) -> usize {
    let [height, width, outputs] = geometry.output;
    let (mut lead, mut needed) = (0, usize::MAX);
    for pixel in (0..height * width).rev() {
        for tap in 0..geometry.kernel[0] * geometry.kernel[1] {
            let tap = (tap / geometry.kernel[1], tap % geometry.kernel[1]);
            if let Some(source) = geometry.source_pixel((pixel / width, pixel % width), tap) {
                needed = needed.min(source * geometry.input[2]);
            }
        }
        lead = lead.max(((pixel + tile).min(height * width) * outputs).saturating_sub(needed));
    }
    lead
}

fn fully_connected(seed: u32, buffers: &mut Buffers, packing: Packing) -> Result<bool, Difference> {
    let random = &mut Random::new(seed);
    let (rows, taps, outputs) = (random.count(1, 3), random.count(1, 130), random.count(1, 30));
    // Sometimes more inputs than are widened at once.
    let (taps, outputs) = if random.one_in(6) { (taps + 240, outputs) } else { (taps, outputs) };
    let storage = storage(seed);
    let weight_len = packing.weight_len(storage, outputs, taps);
    let scratch_len = fully_connected_i8_scratch_len([rows, taps, outputs], packing, storage);
    if scratch_len > MAX_LEN {
        return Ok(false);
    }
    random.fill(&mut buffers.input[..rows * taps]);
    weights(random, &mut buffers.weights[..taps * outputs], packing.least_weight(), storage);
    let (shift_base, _) = constants(random, buffers, outputs, taps);
    let shift_base = shift_base.max(*packing.shifts().start());
    let row_major = &buffers.weights[..taps * outputs];
    packing.pack(storage, outputs, Taps::flat(taps), row_major, &mut buffers.packed.0[..weight_len]);
    let words = if random.one_in(2) { 1 } else { outputs };
    if !is_exact(buffers, [outputs, taps], storage, (shift_base, words, 0), |numbers| packing.is_exact(numbers)) {
        return Ok(false);
    }
    let reference = FullyConnectedI8 {
        rows,
        taps,
        outputs,
        stage: stage(random),
        packing: Packing::RowMajor,
        storage: Storage::Bits8,
        weights: &buffers.weights[..taps * outputs],
        bias: &buffers.bias[..outputs],
        requant: Requant { words: &buffers.words[..words], shift_base, extra: &[] },
        token: Token::detect(),
    };
    let (input, output) = (&buffers.input[..rows * taps], &mut buffers.expected[..rows * outputs]);
    fully_connected_i8_reference(&reference, &mut Io::split(input, output));
    let layer = FullyConnectedI8 { packing, storage, weights: &buffers.packed.0[..weight_len], ..reference };
    let (input, output) = (&buffers.input[..rows * taps], &mut buffers.actual[..rows * outputs]);
    output.fill(99);
    fully_connected_i8(&layer, &mut Io::split(input, output), &mut buffers.scratch.0[..scratch_len]);
    compare(seed, &buffers.expected[..rows * outputs], &buffers.actual[..rows * outputs])?;
    let (input, output) = (&buffers.input[..rows * taps], &mut buffers.actual[..rows * outputs]);
    refuses(seed, input, output, |io| fully_connected_i8(&layer, io, &mut buffers.scratch.0[..scratch_len]))?;
    Ok(true)
}

fn depthwise(seed: u32, buffers: &mut Buffers, packing: DepthwisePacking) -> Result<bool, Difference> {
    let random = &mut Random::new(seed);
    // Some packings take few shapes: a seed has three tries.
    let shape = |random: &mut Random| {
        let multiplier = if random.one_in(4) { random.count(2, 3) } else { 1 };
        let (geometry, multiplier) = packing.nearest(&geometry(random, Some(multiplier))?, multiplier);
        let fits = |shape: [usize; 3]| shape.iter().product::<usize>() <= MAX_LEN / 2;
        let fits = fits(geometry.input) && fits(geometry.output);
        (fits && packing.takes(&geometry, multiplier)).then_some((geometry, multiplier))
    };
    let Some((mut geometry, multiplier)) = (0..3).find_map(|_| shape(random)) else { return Ok(false) };
    geometry.groups = geometry.input[2];
    let area = geometry.kernel[0] * geometry.kernel[1];
    let (outputs, storage) = (geometry.output[2], storage(seed));
    let (input_len, output_len) = (geometry.input.iter().product::<usize>(), geometry.pixels() * outputs);
    let scratch_len = depthwise_i8_scratch_len(&geometry, multiplier, packing, storage);
    if scratch_len > MAX_LEN {
        return Ok(false);
    }
    random.fill(&mut buffers.input[..input_len]);
    weights(random, &mut buffers.weights[..area * outputs], packing.least_weight(), storage);
    let (shift_base, extra) = constants(random, buffers, outputs, area);
    // One channel in a while whose accumulator fits no lane.
    if random.one_in(4) {
        let channel = random.count(0, outputs - 1);
        buffers.bias[channel] = random.range(-(1 << 24), 1 << 24);
    }
    if !is_exact(buffers, [outputs, area], storage, (shift_base, outputs, extra), |numbers| packing.is_exact(numbers)) {
        return Ok(false);
    }
    let weight_len = packing.weight_len(storage, outputs, area);
    packing.pack(storage, outputs, area, &buffers.weights[..area * outputs], &mut buffers.packed.0[..weight_len]);
    let reference = DepthwiseI8 {
        geometry,
        multiplier,
        padding_value: random.range(-128, 127) as i8,
        stage: stage(random),
        packing: DepthwisePacking::RowMajor,
        storage: Storage::Bits8,
        weights: &buffers.weights[..area * outputs],
        bias: &buffers.bias[..outputs],
        requant: Requant { words: &buffers.words[..outputs], shift_base, extra: &buffers.extra[..extra] },
        token: Token::detect(),
    };
    let (input, output) = (&buffers.input[..input_len], &mut buffers.expected[..output_len]);
    depthwise_i8_reference(&reference, &mut Io::split(input, output));
    let layer = DepthwiseI8 { packing, storage, weights: &buffers.packed.0[..weight_len], ..reference };
    let scratch = &mut buffers.scratch.0[..scratch_len];
    let lead = match packing.write_order(&geometry) {
        WriteOrder::Bands(bands) => bands.run_in_place(multiplier).then_some(0),
        WriteOrder::Pixels(order) => Some(lead(&geometry, order.tile())),
    };
    let hull = lead.map_or(0, |lead| output_len.max(lead + input_len));
    if let Some(lead) = lead.filter(|_| hull <= MAX_LEN && random.one_in(2)) {
        buffers.actual[lead..lead + input_len].copy_from_slice(&buffers.input[..input_len]);
        let (buffer, input, output) = (&mut buffers.actual[..hull], (lead, input_len), (0, output_len));
        depthwise_i8(&layer, &mut Io::Overlapped { buffer, input, output }, scratch);
    } else {
        let (input, output) = (&buffers.input[..input_len], &mut buffers.actual[..output_len]);
        output.fill(99);
        depthwise_i8(&layer, &mut Io::split(input, output), scratch);
    }
    compare(seed, &buffers.expected[..output_len], &buffers.actual[..output_len])?;
    let (input, output) = (&buffers.input[..input_len], &mut buffers.actual[..output_len]);
    refuses(seed, input, output, |io| depthwise_i8(&layer, io, scratch))?;
    Ok(true)
}

fn add(seed: u32, buffers: &mut Buffers) -> Result<bool, Difference> {
    let random = &mut Random::new(seed);
    let len = random.count(1, 300);
    random.fill(&mut buffers.input[..len]);
    random.fill(&mut buffers.weights[..len]);
    let multiplier = |random: &mut Random| 0x4000_0000 | (random.next() & 0x3fff_ffff) as i32;
    let factor = |random: &mut Random| FixedPoint { multiplier: multiplier(random), shift: random.range(-4, 0) };
    // One operand at least has the common scale, and the sum comes back from 20 bits to the left.
    let (mut a_factor, mut b_factor) = (factor(random), factor(random));
    let half = FixedPoint { multiplier: 1 << 30, shift: 0 };
    match random.range(0, 4) {
        0 | 1 => a_factor = half,
        2 | 3 => b_factor = half,
        _ => (a_factor, b_factor) = (half, half),
    }
    let layer = AddI8 {
        a_zero_point: random.range(-128, 127),
        b_zero_point: random.range(-128, 127),
        a_factor,
        b_factor,
        output_factor: FixedPoint { multiplier: multiplier(random), shift: random.range(-20, -16) },
        stage: stage(random),
        token: Token::detect(),
    };
    let whole = Broadcast { inner: 1, len };
    let some = Broadcast { inner: random.count(1, 9), len: random.count(1, len) };
    let kind = random.range(0, 3);
    let b = || match kind {
        0 => Operand::SameAsInput,
        1 => Operand::Slice(&buffers.weights[..len], some),
        _ => Operand::Slice(&buffers.weights[..len], whole),
    };
    add_i8_reference(&layer, &mut Io::split(&buffers.input[..len], &mut buffers.expected[..len]), b());
    if random.one_in(2) {
        buffers.actual[..len].copy_from_slice(&buffers.input[..len]);
        add_i8(&layer, &mut Io::in_place(&mut buffers.actual[..len]), b());
    } else {
        add_i8(&layer, &mut Io::split(&buffers.input[..len], &mut buffers.actual[..len]), b());
    }
    compare(seed, &buffers.expected[..len], &buffers.actual[..len])?;
    refuses(seed, &buffers.input[..len], &mut buffers.actual[..len], |io| add_i8(&layer, io, b()))?;
    Ok(true)
}

fn pool(
    seed: u32,
    buffers: &mut Buffers,
    run: fn(&PoolI8, &mut Io<i8>),
    reference: fn(&PoolI8, &mut Io<i8>),
) -> Result<bool, Difference> {
    let random = &mut Random::new(seed);
    let Some(mut geometry) = geometry(random, Some(1)) else { return Ok(false) };
    // One time in four, over the whole image, which may have more pixels than are summed at once.
    if random.one_in(4) {
        geometry.input = [random.count(1, 24), random.count(1, 24), random.count(1, 9)];
        (geometry.kernel, geometry.dilation) = ([geometry.input[0], geometry.input[1]], [1, 1]);
        (geometry.output, geometry.pad) = ([1, 1, geometry.input[2]], [0, 0]);
    }
    let (input_len, output_len) = (geometry.input.iter().product::<usize>(), geometry.output.iter().product::<usize>());
    let OutputStage { min, max, .. } = stage(random);
    let layer = PoolI8 { geometry, min, max };
    random.fill(&mut buffers.input[..input_len]);
    let (input, expected) = (&buffers.input[..input_len], &mut buffers.expected[..output_len]);
    reference(&layer, &mut Io::split(input, expected));
    buffers.actual[..output_len].fill(99);
    run(&layer, &mut Io::split(input, &mut buffers.actual[..output_len]));
    compare(seed, &buffers.expected[..output_len], &buffers.actual[..output_len])?;
    refuses(seed, &buffers.input[..input_len], &mut buffers.actual[..output_len], |io| run(&layer, io))?;
    Ok(true)
}

fn mean(seed: u32, buffers: &mut Buffers) -> Result<bool, Difference> {
    let random = &mut Random::new(seed);
    let (outer, reduced, inner) = (random.count(1, 3), random.count(1, 50), random.count(1, 37));
    let (input_len, output_len) = (outer * reduced * inner, outer * inner);
    let multiplier = 0x4000_0000 | (random.next() & 0x3fff_ffff) as i32;
    let factor = FixedPoint { multiplier, shift: random.range(-8, -1) };
    let layer =
        MeanI8 { outer, reduced, inner, input_zero_point: random.range(-128, 127), factor, stage: stage(random) };
    random.fill(&mut buffers.input[..input_len]);
    let (input, expected) = (&buffers.input[..input_len], &mut buffers.expected[..output_len]);
    mean_i8_reference(&layer, &mut Io::split(input, expected));
    buffers.actual[..output_len].fill(99);
    mean_i8(&layer, &mut Io::split(input, &mut buffers.actual[..output_len]));
    compare(seed, &buffers.expected[..output_len], &buffers.actual[..output_len])?;
    refuses(seed, &buffers.input[..input_len], &mut buffers.actual[..output_len], |io| mean_i8(&layer, io))?;
    Ok(true)
}
