//! Cases of what moves elements.

use kinglet_kernels::Io;
use kinglet_kernels::copy::{CopyBlocks, copy_blocks, copy_blocks_reference};
use kinglet_kernels::pad::{PadGeometry, pad, pad_reference};
use kinglet_kernels::rearrange::{AXES, Rearrange, rearrange, rearrange_reference};

use crate::{Buffers, Difference, MAX_LEN, Random, compare};

/// A length with which some kernels have a way of their own, or any.
fn run_len(random: &mut Random) -> usize {
    match random.range(0, 3) {
        0 => 1 << random.range(0, 5),
        1 => 4 * random.count(1, 20),
        _ => random.count(1, 70),
    }
}

/// Blocks anywhere, apart from each other; or pressed together within one buffer.
pub(crate) fn copy(seed: u32, buffers: &mut Buffers) -> Result<bool, Difference> {
    let random = &mut Random::new(seed);
    let (blocks, block_len) = (random.count(1, 40), run_len(random));
    let aligned = random.one_in(2);
    let gap = |random: &mut Random| if aligned { 4 * random.count(0, 3) } else { random.count(0, 9) };
    let is_repeated = random.one_in(8);
    let input_stride = if is_repeated { 0 } else { block_len + gap(random) };
    let (output_offset, output_stride) = (gap(random), block_len + gap(random));
    let layer = CopyBlocks { blocks, block_len, input_stride, output_stride, output_offset };
    let input_len = (blocks - 1) * input_stride + block_len;
    let output_len = output_offset + (blocks - 1) * output_stride + block_len;
    if input_len > MAX_LEN || output_len > MAX_LEN {
        return Ok(false);
    }
    random.fill(&mut buffers.input[..input_len]);
    buffers.expected[..output_len].fill(99);
    buffers.actual[..output_len].fill(99);
    copy_blocks_reference(&layer, &mut Io::split(&buffers.input[..input_len], &mut buffers.expected[..output_len]));
    copy_blocks(&layer, &mut Io::split(&buffers.input[..input_len], &mut buffers.actual[..output_len]));
    compare(seed, &buffers.expected[..output_len], &buffers.actual[..output_len])?;
    if is_repeated {
        return Ok(true);
    }
    // The output starts at the input or before it, and no block goes to the right.
    let layer = CopyBlocks { output_stride: block_len.min(input_stride), output_offset: 0, ..layer };
    let lead = random.count(0, 9);
    let len = lead + input_len;
    for whole in [&mut buffers.expected, &mut buffers.actual] {
        let Some(whole) = whole.get_mut(..len) else { return Ok(true) };
        whole[..lead].fill(99);
        whole[lead..].copy_from_slice(&buffers.input[..input_len]);
    }
    let (input, output) = ((lead, input_len), (0, (blocks - 1) * layer.output_stride + block_len));
    copy_blocks_reference(&layer, &mut Io::Overlapped { buffer: &mut buffers.expected[..len], input, output });
    copy_blocks(&layer, &mut Io::Overlapped { buffer: &mut buffers.actual[..len], input, output });
    compare(seed, &buffers.expected[..len], &buffers.actual[..len])?;
    Ok(true)
}

/// Some axes in any order, repeated, backwards and with gaps, around a run or none.
pub(crate) fn transpose(seed: u32, buffers: &mut Buffers) -> Result<bool, Difference> {
    let random = &mut Random::new(seed);
    let mut layer = Rearrange { extents: [1; AXES], input_strides: [0; AXES], output_strides: [0; AXES] };
    let axes = random.count(1, 4);
    let mut reach = 1;
    for axis in (AXES - axes..AXES).rev() {
        let is_run = axis == AXES - 1 && random.one_in(2);
        layer.extents[axis] = if is_run { run_len(random) } else { random.count(1, 9) };
        // What is moved by words may be moved so only when every place is a multiple of four.
        let stride = if random.one_in(2) { 4 * random.range(-5, 5) } else { random.range(-20, 20) };
        layer.input_strides[axis] = if is_run { 1 } else { stride as isize };
        layer.output_strides[axis] = if is_run || random.one_in(2) { reach } else { reach + random.count(0, 5) };
        reach += (layer.extents[axis] - 1) * layer.output_strides[axis];
    }
    let Some(places) = layer.reach() else { return Ok(false) };
    let (input_len, output_len) = (places.before + places.behind + 1, places.output + 1);
    if input_len > MAX_LEN || output_len > MAX_LEN {
        return Ok(false);
    }
    random.fill(&mut buffers.input[..input_len]);
    buffers.expected[..output_len].fill(99);
    buffers.actual[..output_len].fill(99);
    rearrange_reference(&layer, &mut Io::split(&buffers.input[..input_len], &mut buffers.expected[..output_len]));
    rearrange(&layer, &mut Io::split(&buffers.input[..input_len], &mut buffers.actual[..output_len]));
    compare(seed, &buffers.expected[..output_len], &buffers.actual[..output_len])?;
    Ok(true)
}

/// Up to four axes with elements around them.
pub(crate) fn around(seed: u32, buffers: &mut Buffers) -> Result<bool, Difference> {
    let random = &mut Random::new(seed);
    let input = [random.count(1, 2), random.count(1, 6), random.count(1, 6), run_len(random)];
    let mut count = || if random.one_in(2) { 0 } else { random.count(0, 4) };
    let before = [count(), count(), count(), count()];
    let after = [count(), count(), count(), count()];
    let output = [0, 1, 2, 3].map(|axis: usize| before[axis] + input[axis] + after[axis]);
    let geometry = PadGeometry { input, before, output };
    let (input_len, output_len) = (input.iter().product::<usize>(), output.iter().product::<usize>());
    if output_len > MAX_LEN {
        return Ok(false);
    }
    random.fill(&mut buffers.input[..input_len]);
    let value = random.range(-128, 127) as i8;
    pad_reference(&geometry, value, &mut Io::split(&buffers.input[..input_len], &mut buffers.expected[..output_len]));
    pad(&geometry, value, &mut Io::split(&buffers.input[..input_len], &mut buffers.actual[..output_len]));
    compare(seed, &buffers.expected[..output_len], &buffers.actual[..output_len])?;
    Ok(true)
}
