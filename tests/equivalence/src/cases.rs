//! What a seed means for each family of kernels.

use kinglet_kernels::Io;
use kinglet_kernels::conv2d::packing::{Taps, lanes_are_exact, limit, pack, paired_is_exact};
use kinglet_kernels::conv2d::{Conv2dI8, Geometry, Packing, conv2d_i8, conv2d_i8_reference, conv2d_i8_scratch_len};
use kinglet_kernels::depthwise::{
    DepthwiseI8, DepthwisePacking, depthwise_i8, depthwise_i8_reference, depthwise_i8_scratch_len, planar,
};
use kinglet_kernels::elementwise::{AddI8, Broadcast, Operand, add_i8, add_i8_reference};
use kinglet_kernels::fully_connected::{
    FullyConnectedI8, fully_connected_i8, fully_connected_i8_reference, fully_connected_i8_scratch_len,
};
use kinglet_kernels::mean::{MeanI8, mean_i8, mean_i8_reference};
use kinglet_kernels::numerics::{FixedPoint, OutputStage, Requant};
use kinglet_kernels::pool::{PoolI8, average_pool_i8, average_pool_i8_reference, max_pool_i8, max_pool_i8_reference};

use crate::{Buffers, Difference, MAX_LEN, Random, compare};

/// Computes one case; `Ok(false)` when the seed asks for something that the packing does not take.
pub type Check = fn(u32, &mut Buffers) -> Result<bool, Difference>;

/// The cases of one operator and packing.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Operator and packing.
    pub name: &'static str,
    /// False when this build has no kernel for the packing.
    pub is_in_this_build: bool,
    /// Computes a case.
    pub check: Check,
}

/// Every family.
pub const FAMILIES: [Family; 21] = [
    Family { name: "add", is_in_this_build: true, check: add },
    Family { name: "average pool", is_in_this_build: true, check: average_pool },
    Family { name: "max pool", is_in_this_build: true, check: max_pool },
    Family { name: "mean", is_in_this_build: true, check: mean },
    dense("conv2d row-major", Packing::RowMajor, |seed, buffers| conv2d(seed, buffers, Packing::RowMajor)),
    dense("conv2d paired", Packing::Paired, |seed, buffers| conv2d(seed, buffers, Packing::Paired)),
    dense("conv2d interleaved", Packing::Interleaved, |seed, buffers| conv2d(seed, buffers, Packing::Interleaved)),
    dense("conv2d quads", Packing::Quads, |seed, buffers| conv2d(seed, buffers, Packing::Quads)),
    dense("fully-connected row-major", Packing::RowMajor, |seed, buffers| {
        fully_connected(seed, buffers, Packing::RowMajor)
    }),
    dense("fully-connected octets", Packing::Octets, |seed, buffers| fully_connected(seed, buffers, Packing::Octets)),
    dense("fully-connected quads", Packing::Quads, |seed, buffers| fully_connected(seed, buffers, Packing::Quads)),
    dense("fully-connected paired", Packing::PairedBlocks, |seed, buffers| {
        fully_connected(seed, buffers, Packing::PairedBlocks)
    }),
    dense("conv2d lanes", Packing::Lanes, |seed, buffers| conv2d(seed, buffers, Packing::Lanes)),
    dense("conv2d wide lanes", Packing::WideLanes, |seed, buffers| conv2d(seed, buffers, Packing::WideLanes)),
    dense("fully-connected fours", Packing::Fours, |seed, buffers| fully_connected(seed, buffers, Packing::Fours)),
    planes("depthwise row-major", DepthwisePacking::RowMajor, |seed, buffers| {
        depthwise(seed, buffers, DepthwisePacking::RowMajor)
    }),
    planes("depthwise planar", DepthwisePacking::Planar, |seed, buffers| {
        depthwise(seed, buffers, DepthwisePacking::Planar)
    }),
    planes("depthwise triples", DepthwisePacking::Triples, |seed, buffers| {
        depthwise(seed, buffers, DepthwisePacking::Triples)
    }),
    planes("depthwise lanes", DepthwisePacking::Lanes, |seed, buffers| {
        depthwise(seed, buffers, DepthwisePacking::Lanes)
    }),
    planes("depthwise windows", DepthwisePacking::Windows, |seed, buffers| {
        depthwise(seed, buffers, DepthwisePacking::Windows)
    }),
    planes("depthwise word-plane", DepthwisePacking::WordPlane, |seed, buffers| {
        depthwise(seed, buffers, DepthwisePacking::WordPlane)
    }),
];

const fn dense(name: &'static str, packing: Packing, check: Check) -> Family {
    Family { name, is_in_this_build: packing.is_runnable(), check }
}

const fn planes(name: &'static str, packing: DepthwisePacking, check: Check) -> Family {
    Family { name, is_in_this_build: packing.is_runnable(), check }
}

/// An output stage: the whole range, a ReLU, or any clamp.
fn stage(random: &mut Random) -> OutputStage {
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
    if packing == Packing::RowMajor && random.one_in(4) {
        geometry.groups = geometry.input[2];
        geometry.output[2] = geometry.groups * random.count(1, 2);
    }
    let (taps, outputs) = (geometry.taps(), geometry.output[2]);
    let output_len = geometry.pixels() * outputs;
    let scratch_len = conv2d_i8_scratch_len(&geometry, packing);
    let weight_len = packing.weight_len(outputs, taps);
    if taps * outputs > MAX_LEN || weight_len > MAX_LEN || scratch_len > MAX_LEN || output_len > MAX_LEN {
        return Ok(false);
    }
    let input_len = geometry.input.iter().product::<usize>();
    random.fill(&mut buffers.input[..input_len]);
    random.fill(&mut buffers.weights[..taps * outputs]);
    if matches!(packing, Packing::Paired | Packing::PairedBlocks) {
        buffers.weights[..taps * outputs].iter_mut().for_each(|w| *w = (*w).max(-127));
    }
    let (shift_base, extra) = constants(random, buffers, outputs, taps);
    let shift_base = shift_base.max(*packing.shifts().start()).min(packing.shifts().end() - 4);
    pack(packing, outputs, geometry.runs(), &buffers.weights[..taps * outputs], &mut buffers.packed.0[..weight_len]);
    let row = |o: usize| if o < outputs { &buffers.weights[o * taps..(o + 1) * taps] } else { &[][..] };
    let exact = (0..outputs).step_by(2).all(|o| {
        paired_is_exact([row(o), row(o + 1)], [buffers.bias[o], if o + 1 < outputs { buffers.bias[o + 1] } else { 0 }])
    });
    if packing == Packing::Paired && !exact {
        return Ok(false);
    }
    let in_lanes = |limit| (0..outputs).all(|o| lanes_are_exact(row(o).iter().copied(), buffers.bias[o], limit));
    if !limit(packing).is_none_or(in_lanes) {
        return Ok(false);
    }
    // One time in eight, one factor for all channels.
    let (words, extra) = if random.one_in(8) { (1, 0) } else { (outputs, extra) };
    let reference = Conv2dI8 {
        geometry,
        padding_value: random.range(-128, 127) as i8,
        stage: stage(random),
        packing: Packing::RowMajor,
        weights: &buffers.weights[..taps * outputs],
        bias: &buffers.bias[..outputs],
        requant: Requant { words: &buffers.words[..words], shift_base, extra: &buffers.extra[..extra] },
    };
    let (input, output) = (&buffers.input[..input_len], &mut buffers.expected[..output_len]);
    conv2d_i8_reference(&reference, &mut Io::split(input, output));
    let layer = Conv2dI8 { packing, weights: &buffers.packed.0[..weight_len], ..reference };
    let scratch = &mut buffers.scratch.0[..scratch_len];
    let lead = tile_lead(&geometry).next_multiple_of(4);
    let hull = output_len.max(lead + input_len);
    let is_plain = geometry.is_pointwise() && geometry.stride == [1, 1] && geometry.input[..2] == geometry.output[..2];
    let in_place = is_plain && outputs <= geometry.input[2] && packing != Packing::Quads;
    buffers.actual[..output_len].fill(99);
    if packing == Packing::Quads && hull <= MAX_LEN && random.one_in(2) {
        buffers.actual[lead..lead + input_len].copy_from_slice(&buffers.input[..input_len]);
        let (buffer, input, output) = (&mut buffers.actual[..hull], (lead, input_len), (0, output_len));
        conv2d_i8(&layer, &mut Io::Overlapped { buffer, input, output }, scratch);
    } else if in_place && random.one_in(2) {
        // A pixel's output may stand over its input.
        buffers.actual[..input_len].copy_from_slice(&buffers.input[..input_len]);
        let (buffer, input, output) = (&mut buffers.actual[..input_len], (0, input_len), (0, output_len));
        conv2d_i8(&layer, &mut Io::Overlapped { buffer, input, output }, scratch);
    } else {
        let (input, output) = (&buffers.input[..input_len], &mut buffers.actual[..output_len]);
        conv2d_i8(&layer, &mut Io::split(input, output), scratch);
    }
    compare(seed, &buffers.expected[..output_len], &buffers.actual[..output_len])?;
    Ok(true)
}

/// How far before the input the output must start when four pixels are written while they are still read.
fn tile_lead(geometry: &Geometry) -> usize {
    let [height, width, outputs] = geometry.output;
    let (mut lead, mut needed) = (0, usize::MAX);
    for pixel in (0..height * width).rev() {
        for tap in 0..geometry.kernel[0] * geometry.kernel[1] {
            let tap = (tap / geometry.kernel[1], tap % geometry.kernel[1]);
            if let Some(source) = geometry.source_pixel((pixel / width, pixel % width), tap) {
                needed = needed.min(source * geometry.input[2]);
            }
        }
        lead = lead.max(((pixel + 4).min(height * width) * outputs).saturating_sub(needed));
    }
    lead
}

fn fully_connected(seed: u32, buffers: &mut Buffers, packing: Packing) -> Result<bool, Difference> {
    let random = &mut Random::new(seed);
    let (rows, taps, outputs) = (random.count(1, 3), random.count(1, 130), random.count(1, 30));
    // Sometimes more inputs than are widened at once.
    let (taps, outputs) = if random.one_in(6) { (taps + 240, outputs) } else { (taps, outputs) };
    let weight_len = packing.weight_len(outputs, taps);
    random.fill(&mut buffers.input[..rows * taps]);
    random.fill(&mut buffers.weights[..taps * outputs]);
    if matches!(packing, Packing::Paired | Packing::PairedBlocks) {
        buffers.weights[..taps * outputs].iter_mut().for_each(|w| *w = (*w).max(-127));
    }
    let (shift_base, _) = constants(random, buffers, outputs, taps);
    let shift_base = shift_base.max(*packing.shifts().start());
    pack(packing, outputs, Taps::flat(taps), &buffers.weights[..taps * outputs], &mut buffers.packed.0[..weight_len]);
    let words = if random.one_in(2) { 1 } else { outputs };
    let reference = FullyConnectedI8 {
        rows,
        taps,
        outputs,
        stage: stage(random),
        packing: Packing::RowMajor,
        weights: &buffers.weights[..taps * outputs],
        bias: &buffers.bias[..outputs],
        requant: Requant { words: &buffers.words[..words], shift_base, extra: &[] },
    };
    let (input, output) = (&buffers.input[..rows * taps], &mut buffers.expected[..rows * outputs]);
    fully_connected_i8_reference(&reference, &mut Io::split(input, output));
    let layer = FullyConnectedI8 { packing, weights: &buffers.packed.0[..weight_len], ..reference };
    let (input, output) = (&buffers.input[..rows * taps], &mut buffers.actual[..rows * outputs]);
    output.fill(99);
    let scratch_len = fully_connected_i8_scratch_len(taps, packing);
    fully_connected_i8(&layer, &mut Io::split(input, output), &mut buffers.scratch.0[..scratch_len]);
    compare(seed, &buffers.expected[..rows * outputs], &buffers.actual[..rows * outputs])?;
    Ok(true)
}

/// Makes a 3x3 layer of `geometry`, whose padding may be wider; false when none fits.
fn to_windows(geometry: &mut Geometry) -> bool {
    let Geometry { input, output, kernel, stride, dilation, pad, .. } = geometry;
    (*kernel, *dilation) = ([3, 3], [1, 1]);
    *stride = [stride[0]; 2];
    let after = [output[0] % 3, output[1] % 3];
    for axis in 0..2 {
        pad[axis] = pad[axis].min(2);
        let Some(span) = (input[axis] + pad[axis] + after[axis]).checked_sub(3) else { return false };
        output[axis] = span / stride[axis] + 1;
    }
    output.iter().product::<usize>() <= MAX_LEN / 2
}

fn depthwise(seed: u32, buffers: &mut Buffers, packing: DepthwisePacking) -> Result<bool, Difference> {
    let random = &mut Random::new(seed);
    // Some packings take few shapes: a seed has three tries.
    let shape = |random: &mut Random| {
        let multiplier = if random.one_in(4) { random.count(2, 3) } else { 1 };
        let mut geometry = geometry(random, Some(multiplier))?;
        let fits = packing != DepthwisePacking::Windows || to_windows(&mut geometry);
        (fits && packing.takes(&geometry, multiplier)).then_some((geometry, multiplier))
    };
    let Some((mut geometry, multiplier)) = (0..3).find_map(|_| shape(random)) else { return Ok(false) };
    geometry.groups = geometry.input[2];
    let area = geometry.kernel[0] * geometry.kernel[1];
    let outputs = geometry.output[2];
    let (input_len, output_len) = (geometry.input.iter().product::<usize>(), geometry.pixels() * outputs);
    let scratch_len = depthwise_i8_scratch_len(&geometry, multiplier, packing);
    if scratch_len > MAX_LEN {
        return Ok(false);
    }
    random.fill(&mut buffers.input[..input_len]);
    random.fill(&mut buffers.weights[..area * outputs]);
    if packing == DepthwisePacking::Lanes {
        buffers.weights[..area * outputs].iter_mut().for_each(|w| *w = (*w).max(-127));
    }
    let (shift_base, extra) = constants(random, buffers, outputs, area);
    // One channel in a while whose accumulator fits no lane.
    if random.one_in(4) {
        let channel = random.count(0, outputs - 1);
        buffers.bias[channel] = random.range(-(1 << 24), 1 << 24);
    }
    packing.pack(outputs, area, &buffers.weights[..area * outputs], &mut buffers.packed.0[..area * outputs]);
    let reference = DepthwiseI8 {
        geometry,
        multiplier,
        padding_value: random.range(-128, 127) as i8,
        stage: stage(random),
        packing: DepthwisePacking::RowMajor,
        weights: &buffers.weights[..area * outputs],
        bias: &buffers.bias[..outputs],
        requant: Requant { words: &buffers.words[..outputs], shift_base, extra: &buffers.extra[..extra] },
    };
    let (input, output) = (&buffers.input[..input_len], &mut buffers.expected[..output_len]);
    depthwise_i8_reference(&reference, &mut Io::split(input, output));
    let layer = DepthwiseI8 { packing, weights: &buffers.packed.0[..area * outputs], ..reference };
    let scratch = &mut buffers.scratch.0[..scratch_len];
    let by_channels = !matches!(packing, DepthwisePacking::RowMajor | DepthwisePacking::Lanes);
    if by_channels && planar::runs_in_place(&geometry, multiplier) && random.one_in(2) {
        buffers.actual[..input_len].copy_from_slice(&buffers.input[..input_len]);
        let (buffer, input, output) = (&mut buffers.actual[..input_len], (0, input_len), (0, output_len));
        depthwise_i8(&layer, &mut Io::Overlapped { buffer, input, output }, scratch);
    } else {
        let (input, output) = (&buffers.input[..input_len], &mut buffers.actual[..output_len]);
        output.fill(99);
        depthwise_i8(&layer, &mut Io::split(input, output), scratch);
    }
    compare(seed, &buffers.expected[..output_len], &buffers.actual[..output_len])?;
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
    Ok(true)
}

fn average_pool(seed: u32, buffers: &mut Buffers) -> Result<bool, Difference> {
    pool(seed, buffers, average_pool_i8, average_pool_i8_reference)
}

fn max_pool(seed: u32, buffers: &mut Buffers) -> Result<bool, Difference> {
    pool(seed, buffers, max_pool_i8, max_pool_i8_reference)
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
    Ok(true)
}
