//! One inference and its duration. Nothing here knows the chip.

use cortex_m::peripheral::{DCB, DWT};
use embedded_hal::digital::OutputPin;
use kinglet::{Error, Session};

/// What an inference gave.
pub(crate) struct Outcome {
    /// Index of the largest element of the first output.
    pub(crate) class: usize,
    /// That element, as the model scales it.
    pub(crate) score: i8,
    pub(crate) cycles: u32,
}

/// The core's own cycle counter.
pub(crate) struct CycleCounter {
    unit: DWT,
}

impl CycleCounter {
    pub(crate) fn start(mut debug: DCB, mut unit: DWT) -> Self {
        debug.enable_trace();
        unit.enable_cycle_counter();
        Self { unit }
    }

    /// Wraps around after a minute or so; differences stay right.
    fn now(&mut self) -> u32 {
        self.unit.cyccnt.read()
    }
}

/// Writes an input, runs the model with `timing` high meanwhile, and finds the largest output.
///
/// The input stands for a sensor's data: replace the fill by copying samples.
pub(crate) fn run(
    session: &mut Session<'_, '_>,
    timing: &mut impl OutputPin,
    cycles: &mut CycleCounter,
) -> Result<Outcome, Error> {
    session.input_i8(0)?.fill(0);
    // A pin that fails would only spoil the measurement.
    let _ = timing.set_high();
    let start = cycles.now();
    let ran = session.run();
    let elapsed = cycles.now().wrapping_sub(start);
    let _ = timing.set_low();
    ran?;
    let scores = session.output_i8(0)?;
    let best = scores.iter().enumerate().max_by_key(|(_, score)| **score);
    let (class, score) = best.map_or((0, 0), |(class, score)| (class, *score));
    Ok(Outcome { class, score, cycles: elapsed })
}
