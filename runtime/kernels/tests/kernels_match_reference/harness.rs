//! Running a kernel beside its reference.

use kinglet_kernels::Io;
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
