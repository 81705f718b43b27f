//! Random shapes of windowed operators, and how closely their output may follow their input.

use kinglet_kernels::conv2d::Geometry;
use proptest::prelude::*;

/// Any shape that the loader accepts, of small extents, with `groups` groups of `channels` input and `outputs` output
/// channels. Half of all fields are what kernels have short cuts for.
pub(crate) fn geometry(groups: usize, channels: usize, outputs: usize) -> impl Strategy<Value = Geometry> {
    let pair = |range: core::ops::RangeInclusive<usize>| {
        let field = prop_oneof![Just(*range.start()), range];
        [field.clone(), field]
    };
    (pair(1..=7), pair(1..=7), pair(1..=4), pair(1..=3), pair(1..=4), pair(0..=6)).prop_map(
        move |(input, output, kernel, stride, dilation, pad)| Geometry {
            input: [input[0], input[1], groups * channels],
            output: [output[0], output[1], groups * outputs],
            kernel,
            stride,
            dilation,
            pad,
            groups,
        },
    )
}

/// Whether the inputs of a pixel itself may be overwritten by its output.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Rule {
    /// The kernel reads all of a pixel's inputs before it writes the pixel.
    ReadsPixelFirst,
    /// It does not.
    WritesInBlocks,
    /// Nor for four pixels at a time.
    WritesTilesInBlocks,
}

/// The smallest distance from the output's first element to the input's that the rule allows.
pub(crate) fn closest(geometry: &Geometry, rule: Rule) -> usize {
    let [height, width, outputs] = geometry.output;
    let first_inputs: Vec<Option<usize>> = (0..height * width)
        .map(|pixel| {
            let windows = (0..geometry.kernel[0]).flat_map(|i| (0..geometry.kernel[1]).map(move |j| (i, j)));
            let at = (pixel / width, pixel % width);
            windows.filter_map(|tap| geometry.source_pixel(at, tap)).min().map(|p| p * geometry.input[2])
        })
        .collect();
    let mut distance: usize = 0;
    for pixel in 0..height * width {
        let later = match rule {
            Rule::ReadsPixelFirst => pixel + 1,
            Rule::WritesInBlocks => pixel,
            Rule::WritesTilesInBlocks => pixel.saturating_sub(3),
        };
        if let Some(first) = first_inputs[later..].iter().flatten().min() {
            distance = distance.max(((pixel + 1) * outputs).saturating_sub(*first));
        }
    }
    distance
}
