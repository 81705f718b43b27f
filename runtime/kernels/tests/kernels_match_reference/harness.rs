//! Running a kernel beside its reference.

use kinglet_kernels::Io;
use kinglet_kernels::numerics::Requant;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

/// Values that are compared by their bits.
pub(crate) trait Element: Copy + Default + PartialEq + core::fmt::Debug {
    /// What memory holds before a kernel writes to it.
    const STALE: Self;
    /// The bits.
    fn bits(self) -> u32;
}

impl Element for i8 {
    const STALE: i8 = 0x55;
    fn bits(self) -> u32 {
        u32::from(self as u8)
    }
}

impl Element for i16 {
    const STALE: i16 = 0x5555;
    fn bits(self) -> u32 {
        u32::from(self as u16)
    }
}

impl Element for f32 {
    const STALE: f32 = -12345.5;
    fn bits(self) -> u32 {
        self.to_bits()
    }
}

/// Elements before and after every buffer that nobody may write.
const GUARD: usize = 5;

/// How the output may lie over the input.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Overlap {
    /// Not at all.
    Never,
    /// The output's first element may be this far before the input's, or further.
    Before(usize),
    /// The output may stand exactly where the input is, and nowhere else over it.
    Exact,
}

/// Fails unless `kernel` gives the bits of `reference`, apart from its input and laid over it.
pub(crate) fn compare<T: Element>(
    input: &[T],
    output_len: usize,
    overlap: Overlap,
    reference: impl Fn(&mut Io<T>),
    kernel: impl Fn(&mut Io<T>),
) -> Result<(), TestCaseError> {
    let mut expected = vec![T::STALE; output_len];
    reference(&mut Io::split(input, &mut expected));

    let mut buffer = vec![T::STALE; output_len + 2 * GUARD];
    kernel(&mut Io::split(input, &mut buffer[GUARD..GUARD + output_len]));
    check(&expected, &buffer, GUARD, output_len, "apart")?;

    let distances = match overlap {
        Overlap::Never => vec![],
        Overlap::Exact => vec![0],
        // The closest placement, and one element looser, which has another alignment.
        Overlap::Before(distance) => vec![distance, distance + 1],
    };
    for (input, output_len) in shortened(input, output_len) {
        refuses("input or output too short", input, output_len, &kernel)?;
    }
    for distance in distances {
        {
            let hull = (distance + input.len()).max(output_len);
            let mut buffer = vec![T::STALE; hull + 2 * GUARD];
            buffer[GUARD + distance..GUARD + distance + input.len()].copy_from_slice(input);
            kernel(&mut Io::Overlapped {
                buffer: &mut buffer,
                input: (GUARD + distance, input.len()),
                output: (GUARD, output_len),
            });
            check(&expected, &buffer, GUARD, output_len, "overlapped")?;
        }
    }
    Ok(())
}

/// An input that lacks its last element, and an output that does.
fn shortened<T>(input: &[T], output_len: usize) -> impl Iterator<Item = (&[T], usize)> {
    let short_input = input.split_last().map(|(_, rest)| (rest, output_len));
    let short_output = output_len.checked_sub(1).map(|len| (input, len));
    short_input.into_iter().chain(short_output)
}

/// Fails unless `kernel` refuses a broken contract, and touches nothing but its output.
pub(crate) fn refuses<T: Element>(
    what: &str,
    input: &[T],
    output_len: usize,
    kernel: impl Fn(&mut Io<T>),
) -> Result<(), TestCaseError> {
    let mut buffer = vec![T::STALE; output_len + 2 * GUARD];
    let mut io = Io::split(input, &mut buffer[GUARD..GUARD + output_len]);
    kernel(&mut io);
    prop_assert!(io.is_refused(), "{what}: not refused");
    let guards = buffer[..GUARD].iter().chain(&buffer[buffer.len() - GUARD..]);
    prop_assert!(guards.clone().all(|x| *x == T::STALE), "{what}: written outside the output");
    Ok(())
}

/// A slice without its last element.
pub(crate) fn short<T>(slice: &[T]) -> &[T] {
    slice.split_last().map_or(&[], |(_, rest)| rest)
}

/// Biases, words and extra shifts of `outputs` channels, each too short by one. One word less is a word for all where
/// there were two, and one extra shift less is none where there was one: both are sound.
pub(crate) fn short_constants<'a>(
    bias: &'a [i32],
    requant: Requant<'a>,
) -> impl Iterator<Item = (&'static str, &'a [i32], Requant<'a>)> {
    let words = (requant.words.len() != 2).then_some((
        "words too short",
        bias,
        Requant { words: short(requant.words), ..requant },
    ));
    let extra = (requant.extra.len() > 1).then_some((
        "extra shifts too short",
        bias,
        Requant { extra: short(requant.extra), ..requant },
    ));
    [Some(("biases too short", short(bias), requant)), words, extra].into_iter().flatten()
}

fn check<T: Element>(expected: &[T], buffer: &[T], start: usize, len: usize, how: &str) -> Result<(), TestCaseError> {
    let got = &buffer[start..start + len];
    let differs = got.iter().zip(expected).position(|(a, b)| a.bits() != b.bits());
    if let Some(at) = differs {
        return Err(TestCaseError::fail(format!(
            "{how}: element {at} is {:?}, the reference gives {:?}",
            got[at], expected[at]
        )));
    }
    let guards = buffer[..start].iter().chain(&buffer[buffer.len() - GUARD..]);
    prop_assert!(guards.clone().all(|x| *x == T::STALE), "{how}: written outside the output");
    Ok(())
}

/// Runs `test` on values drawn from `strategy` and panics with the smallest one that fails.
pub(crate) fn check_all<S: Strategy>(strategy: S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let mut runner = TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() });
    if let Err(failure) = runner.run(&strategy, test) {
        panic!("{failure}");
    }
}

/// A vector of `len` elements.
pub(crate) fn elements<S: Strategy>(element: S, len: usize) -> impl Strategy<Value = Vec<S::Value>> {
    proptest::collection::vec(element, len)
}

/// Floats whose sums round.
pub(crate) fn float() -> impl Strategy<Value = f32> + Clone {
    prop_oneof![9 => -4.0_f32..4.0, 1 => Just(0.0), 1 => -1e-3_f32..1e-3]
}
