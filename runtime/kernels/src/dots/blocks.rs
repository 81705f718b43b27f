//! From a panel to outputs.

use super::lanes::{self, Pixels};
use super::{LANES, Panel, QUAD, Step, Transposed};
use crate::dense::Dense;
use crate::io::range;
use crate::numerics::Requant;

/// Constants of four channels.
#[derive(Clone, Copy)]
pub(crate) struct Quad {
    /// What a sum begins with.
    pub(crate) starts: [i32; QUAD],
    /// In `[2^30, 2^31)`.
    pub(crate) multipliers: [i32; QUAD],
    /// In `-31..=30`; positive shifts to the left.
    pub(crate) shifts: [i32; QUAD],
}

impl Quad {
    /// Those of channels `first .. first + 4`; zeros where there are none.
    #[inline(always)]
    pub(crate) fn new(bias: &[i32], requant: &Requant<'_>, first: usize) -> Quad {
        let (words, extra) = match (requant.words, requant.extra) {
            ([word], extra) => ([*word; QUAD], [extra.first().copied().unwrap_or(0); QUAD]),
            (words, []) => (four(words, first), [0; QUAD]),
            (words, extra) => (four(words, first), four(extra, first)),
        };
        let mut quad = Quad { starts: four(bias, first), multipliers: [0; QUAD], shifts: [0; QUAD] };
        let factors = quad.multipliers.iter_mut().zip(&mut quad.shifts);
        for ((multiplier, shift), (word, extra)) in factors.zip(words.into_iter().zip(extra)) {
            let factor = requant.factor(word, extra);
            (*multiplier, *shift) = (factor.multiplier, factor.shift);
        }
        quad
    }

    /// Those of a matrix.
    #[inline(always)]
    pub(super) fn of(dense: &Dense<'_>, first: usize) -> Quad {
        Quad::new(dense.bias, &dense.requant, first)
    }
}

/// Constants of eight sums.
pub(crate) struct Lanes {
    /// What a sum begins with.
    pub(crate) starts: [i32; LANES],
    /// In `[2^30, 2^31)`.
    pub(crate) multipliers: [i32; LANES],
    /// In `-31..=30`; positive shifts to the left.
    pub(crate) shifts: [i32; LANES],
    /// True when no activations make a sum that is `2^30` or more in magnitude.
    #[cfg_attr(not(kinglet_isa = "x86_64"), allow(dead_code))]
    pub(crate) are_small: bool,
}

impl Lanes {
    /// Two times four channels.
    #[inline(always)]
    pub(crate) fn new(are_small: bool, [a, b]: [Quad; 2]) -> Lanes {
        let both = |[a, b, c, d]: [i32; QUAD], [e, f, g, h]: [i32; QUAD]| [a, b, c, d, e, f, g, h];
        Lanes {
            starts: both(a.starts, b.starts),
            multipliers: both(a.multipliers, b.multipliers),
            shifts: both(a.shifts, b.shifts),
            are_small,
        }
    }

    /// Channels `first .. first + 8`.
    #[inline(always)]
    pub(super) fn of(dense: &Dense<'_>, are_small: bool, first: usize) -> Lanes {
        let requant = &dense.requant;
        let bias = dense.bias.get(first..).and_then(|bias| bias.first_chunk());
        let words: Option<&[u32; LANES]> = requant.words.get(first..).and_then(|words| words.first_chunk());
        // Nearly all.
        if let (Some(bias), Some(words), []) = (bias, words, requant.extra) {
            return Lanes {
                starts: *bias,
                multipliers: words.map(|word| requant.factor(word, 0).multiplier),
                shifts: words.map(|word| requant.factor(word, 0).shift),
                are_small,
            };
        }
        Lanes::new(are_small, [Quad::of(dense, first), Quad::of(dense, first.wrapping_add(QUAD))])
    }
}

/// See [`Lanes::are_small`]; for sums of `taps` products, which are at most `2^14` in magnitude.
#[inline(always)]
pub(crate) fn are_small(taps: usize, bias: &[i32]) -> bool {
    const HALF: u32 = 1 << 29;
    taps < 1 << 15 && bias.iter().fold(0, |most: u32, bias| most.max(bias.unsigned_abs())) < HALF
}

/// Weights of `N` channels, in vectors.
struct Rows<'a, const TAPS: usize, const N: usize> {
    /// Whole vectors.
    chunks: [&'a [[i8; TAPS]]; N],
    /// What is left, with zeros behind it, if anything is left.
    tails: Option<[[i8; TAPS]; N]>,
}

impl<'a, const TAPS: usize, const N: usize> Rows<'a, TAPS, N> {
    /// Channels `first .. first + count`. The first one stands in for the others.
    #[inline(always)]
    fn new(dense: &Dense<'a>, first: usize, count: usize) -> Self {
        let mut rows = Rows { chunks: [&[]; N], tails: None };
        let mut tails = [[0; TAPS]; N];
        let mut at = first.wrapping_mul(dense.taps);
        for (index, (chunks, tail)) in rows.chunks.iter_mut().zip(&mut tails).enumerate() {
            if index == count {
                at = first.wrapping_mul(dense.taps);
            }
            let (whole, rest) = range(dense.weights, at, dense.taps).as_chunks();
            *chunks = whole;
            if !rest.is_empty() {
                for (to, weight) in tail.iter_mut().zip(rest) {
                    *to = *weight;
                }
            }
            at = at.wrapping_add(if index < count { dense.taps } else { 0 });
        }
        if !dense.taps.is_multiple_of(TAPS) {
            rows.tails = Some(tails);
        }
        rows
    }
}

/// The outputs of the pixels in `panel`, `[pixels, outputs]`: as many as `output` holds.
#[inline(always)]
pub(crate) fn blocks<S: Step<TAPS, WORD>, const TAPS: usize, const WORD: usize>(
    step: S,
    dense: &Dense<'_>,
    groups: usize,
    (panel, transposed): (&Panel<S, TAPS, WORD>, &mut Transposed<S, TAPS, WORD>),
    output: &mut [i8],
) {
    let outputs = dense.bias.len();
    let (pixels, group_outputs) = (output.len().checked_div(outputs), outputs.checked_div(groups));
    let (pixels, group_outputs) = (pixels.unwrap_or(0), group_outputs.unwrap_or(0));
    let steps = dense.taps.div_ceil(TAPS);
    let pixel_steps = steps.wrapping_mul(groups);
    let are_small = are_small(dense.taps, dense.bias);
    for group in 0..groups {
        let panel = panel.get(group.wrapping_mul(steps)..).unwrap_or_default();
        let pixel = |index: usize| range(panel, index.wrapping_mul(pixel_steps), steps);
        let end = group.wrapping_add(1).wrapping_mul(group_outputs);
        let mut channel = group.wrapping_mul(group_outputs);
        if lanes::takes::<WORD>(dense.taps, pixels) {
            let panel = range(panel, 0, pixels.wrapping_sub(1).wrapping_mul(pixel_steps).wrapping_add(steps));
            let pixels = Pixels { panel, step: pixel_steps };
            lanes::channels(step, (dense, are_small), (channel, end), pixels, transposed, output);
            continue;
        }
        if pixels == 1 {
            while channel < end {
                let count = end.wrapping_sub(channel).min(LANES);
                eight(
                    step,
                    (dense, are_small),
                    channel,
                    pixel(0),
                    output.get_mut(channel..channel.wrapping_add(count)).unwrap_or_default(),
                );
                channel = channel.wrapping_add(LANES);
            }
            continue;
        }
        while channel < end {
            let count = end.wrapping_sub(channel).min(QUAD);
            let block = Block::new(step, (dense, are_small), channel, count);
            let mut at = channel;
            for index in (0..pixels).step_by(2) {
                let (first, second) = (pixel(index), pixel(index.wrapping_add(1)));
                // The last pixel may be alone: it stands in for its neighbour, whose outputs are dropped.
                let is_pair = index.wrapping_add(1) < pixels;
                let sums = pair(step, &block.rows, [first, if is_pair { second } else { first }]);
                let [a, b] = step.finish(&block.stage, sums);
                store(output, at, count, a);
                at = at.wrapping_add(outputs);
                if is_pair {
                    store(output, at, count, b);
                }
                at = at.wrapping_add(outputs);
            }
            channel = channel.wrapping_add(QUAD);
        }
    }
}

/// Four channels for many pixels.
struct Block<'a, S: Step<TAPS, WORD>, const TAPS: usize, const WORD: usize> {
    rows: Rows<'a, TAPS, QUAD>,
    stage: S::Stage,
}

impl<'a, S: Step<TAPS, WORD>, const TAPS: usize, const WORD: usize> Block<'a, S, TAPS, WORD> {
    /// Channels `first .. first + count`.
    #[inline(always)]
    fn new(step: S, (dense, are_small): (&Dense<'a>, bool), first: usize, count: usize) -> Self {
        let rows = Rows::new(dense, first, count);
        let mut quad = Quad::of(dense, first);
        if S::IS_UNSIGNED {
            let zeros = step.activations(&[S::element(0); TAPS]);
            let mut sums = [step.zero(); LANES];
            for ((sum, chunks), index) in sums.iter_mut().zip(rows.chunks).zip(0..) {
                for weights in chunks {
                    *sum = step.add(*sum, zeros, step.weights(weights));
                }
                if let Some(weights) = rows.tails.as_ref().and_then(|tails| tails.get::<usize>(index)) {
                    *sum = step.add(*sum, zeros, step.weights(weights));
                }
            }
            for (start, excess) in quad.starts.iter_mut().zip(step.totals(sums)) {
                *start = start.wrapping_sub(excess);
            }
        }
        Block { rows, stage: step.stage(&Lanes::new(are_small, [quad; 2]), dense.stage) }
    }
}

/// The outputs of one pixel's eight channels, or of as many as `output` has elements.
#[inline(always)]
fn eight<S: Step<TAPS, WORD>, const TAPS: usize, const WORD: usize>(
    step: S,
    (dense, are_small): (&Dense<'_>, bool),
    first: usize,
    x: &Panel<S, TAPS, WORD>,
    output: &mut [i8],
) {
    let at = first.wrapping_mul(dense.taps);
    let block = range(dense.weights, at, dense.taps.wrapping_mul(output.len()));
    // All have the same length, which the compiler sees: the loop asks for none.
    let [sums, excess] = if let Some(rows) = eight_rows(block, dense.taps) {
        sums_of_eight(step, rows, x)
    } else {
        let row = |index: usize| {
            let at = if index < output.len() { index.wrapping_mul(dense.taps) } else { 0 };
            range(block, at, dense.taps)
        };
        sums_of_eight(step, [row(0), row(1), row(2), row(3), row(4), row(5), row(6), row(7)], x)
    };
    let mut lanes = Lanes::of(dense, are_small, first);
    if S::IS_UNSIGNED {
        for (start, excess) in lanes.starts.iter_mut().zip(step.totals(excess)) {
            *start = start.wrapping_sub(excess);
        }
    }
    let values = step.finish(&step.stage(&lanes, dense.stage), sums);
    if let Some(output) = output.first_chunk_mut::<LANES>() {
        let [[a, b, c, d], [e, f, g, h]] = values;
        *output = [a, b, c, d, e, f, g, h];
    } else {
        for (element, value) in output.iter_mut().zip(values.as_flattened()) {
            *element = *value;
        }
    }
}

/// The rows of eight channels, if they are all there.
#[inline(always)]
fn eight_rows(block: &[i8], taps: usize) -> Option<[&[i8]; LANES]> {
    let (a, block) = block.split_at_checked(taps)?;
    let (b, block) = block.split_at_checked(taps)?;
    let (c, block) = block.split_at_checked(taps)?;
    let (d, block) = block.split_at_checked(taps)?;
    let (e, block) = block.split_at_checked(taps)?;
    let (f, block) = block.split_at_checked(taps)?;
    let (g, block) = block.split_at_checked(taps)?;
    let (h, _) = block.split_at_checked(taps)?;
    Some([a, b, c, d, e, f, g, h])
}

/// The running sums of one pixel's eight channels, and what an unsigned step adds too much.
#[inline(always)]
fn sums_of_eight<S: Step<TAPS, WORD>, const TAPS: usize, const WORD: usize>(
    step: S,
    rows: [&[i8]; LANES],
    x: &Panel<S, TAPS, WORD>,
) -> [[S::Vector; LANES]; 2] {
    let mut sums = [step.zero(); LANES];
    let mut excess = [step.zero(); LANES];
    let zeros = step.activations(&[S::element(0); TAPS]);
    let [(a, i), (b, j), (c, k), (d, l), (e, m), (f, n), (g, o), (h, p)] = rows.map(<[i8]>::as_chunks::<TAPS>);
    let halves = (a.iter().zip(b).zip(c.iter().zip(d)), e.iter().zip(f).zip(g.iter().zip(h)));
    for (x, (((a, b), (c, d)), ((e, f), (g, h)))) in x.iter().zip(halves.0.zip(halves.1)) {
        let (x, weights) = (step.activations(x), [a, b, c, d, e, f, g, h]);
        sums = step_of_eight(step, sums, x, weights);
        if S::IS_UNSIGNED {
            excess = step_of_eight(step, excess, zeros, weights);
        }
    }
    if let (Some(x), false) = (x.last(), i.is_empty()) {
        let (x, weights) = (step.activations(x), [i, j, k, l, m, n, o, p].map(padded));
        sums = step_of_eight(step, sums, x, weights.each_ref());
        if S::IS_UNSIGNED {
            excess = step_of_eight(step, excess, zeros, weights.each_ref());
        }
    }
    [sums, excess]
}

/// The products of a vector of taps.
#[inline(always)]
fn step_of_eight<S: Step<TAPS, WORD>, const TAPS: usize, const WORD: usize>(
    step: S,
    [a, b, c, d, e, f, g, h]: [S::Vector; LANES],
    x: S::Vector,
    [i, j, k, l, m, n, o, p]: [&[i8; TAPS]; LANES],
) -> [S::Vector; LANES] {
    [
        step.add(a, x, step.weights(i)),
        step.add(b, x, step.weights(j)),
        step.add(c, x, step.weights(k)),
        step.add(d, x, step.weights(l)),
        step.add(e, x, step.weights(m)),
        step.add(f, x, step.weights(n)),
        step.add(g, x, step.weights(o)),
        step.add(h, x, step.weights(p)),
    ]
}

/// The weights, and zeros behind them.
#[inline(always)]
pub(super) fn padded<const TAPS: usize>(row: &[i8]) -> [i8; TAPS] {
    let mut padded = [0; TAPS];
    for (to, weight) in padded.iter_mut().zip(row) {
        *to = *weight;
    }
    padded
}

/// The running sums of two pixels' four channels.
#[inline(always)]
fn pair<S: Step<TAPS, WORD>, const TAPS: usize, const WORD: usize>(
    step: S,
    rows: &Rows<'_, TAPS, QUAD>,
    [x, y]: [&Panel<S, TAPS, WORD>; 2],
) -> [S::Vector; LANES] {
    let mut sums = [step.zero(); LANES];
    let [a, b, c, d] = rows.chunks;
    for ((x, y), ((a, b), (c, d))) in x.iter().zip(y).zip(a.iter().zip(b).zip(c.iter().zip(d))) {
        sums = step_of_pair(step, sums, [x, y], [a, b, c, d]);
    }
    if let (Some([a, b, c, d]), Some(x), Some(y)) = (&rows.tails, x.last(), y.last()) {
        sums = step_of_pair(step, sums, [x, y], [a, b, c, d]);
    }
    sums
}

/// The products of a vector of taps.
#[inline(always)]
fn step_of_pair<S: Step<TAPS, WORD>, const TAPS: usize, const WORD: usize>(
    step: S,
    [a, b, c, d, e, f, g, h]: [S::Vector; LANES],
    [x, y]: [&[S::Element; TAPS]; 2],
    [u, v, w, z]: [&[i8; TAPS]; QUAD],
) -> [S::Vector; LANES] {
    let (x, y) = (step.activations(x), step.activations(y));
    let (u, v, w, z) = (step.weights(u), step.weights(v), step.weights(w), step.weights(z));
    [
        step.add(a, x, u),
        step.add(b, x, v),
        step.add(c, x, w),
        step.add(d, x, z),
        step.add(e, y, u),
        step.add(f, y, v),
        step.add(g, y, w),
        step.add(h, y, z),
    ]
}

/// `count` values from element `at` on.
#[inline(always)]
fn store(output: &mut [i8], at: usize, count: usize, values: [i8; QUAD]) {
    let to = output.get_mut(at..at.wrapping_add(count)).unwrap_or_default();
    if let Some(to) = to.first_chunk_mut() {
        *to = values;
    } else {
        for (element, value) in to.iter_mut().zip(values) {
            *element = value;
        }
    }
}

/// Four elements from `first` on, and zeros where there are none.
#[inline(always)]
fn four<T: Copy + Default>(elements: &[T], first: usize) -> [T; QUAD] {
    let elements = elements.get(first..).unwrap_or_default();
    if let Some(four) = elements.first_chunk() {
        return *four;
    }
    let mut four = [T::default(); QUAD];
    for (to, from) in four.iter_mut().zip(elements) {
        *to = *from;
    }
    four
}
