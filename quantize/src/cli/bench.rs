//! `kinglet bench`

use core::time::Duration;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde::Serialize;

use super::{Outcome, print, print_json};
use crate::report::grouped;
use crate::{blob_file, host, sample};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The blob
    blob: PathBuf,
    /// How long to measure, in seconds
    #[arg(long, default_value_t = 1.0, value_name = "SECONDS", value_parser = parse_seconds)]
    seconds: f64,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

/// Times of an inference on one thread.
#[derive(Debug, Serialize)]
struct Measurement {
    /// Half of the inferences took no longer.
    median_ns: u64,
    /// The fastest.
    min_ns: u64,
    /// The slowest.
    max_ns: u64,
    /// How many were measured.
    inferences: usize,
    /// Multiplications of one.
    macs: u64,
    /// Multiplications in a second, at the median.
    macs_per_second: u64,
}

/// So that a model of seconds is measured more than once, and one of nanoseconds ends.
const INFERENCES: core::ops::RangeInclusive<usize> = 5..=1_000_000;
const SECONDS_MAX: f64 = 3600.0;

fn parse_seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "give a number of seconds".to_owned())?;
    let fits = seconds > 0.0 && seconds <= SECONDS_MAX;
    fits.then_some(seconds).ok_or_else(|| format!("give more than 0 and at most {SECONDS_MAX} seconds"))
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let blob = blob_file::read(&arguments.blob)?;
    let budget = Duration::from_secs_f64(arguments.seconds);
    let measurement = host::with_session(&blob, |session| {
        let mut inputs = Vec::new();
        for index in 0..session.model().input_count() {
            let len = session.input_raw(index)?.len();
            // A float made of such bytes would be a monster; small integers are ordinary floats too.
            let is_float = session.input_f32(index).is_ok();
            inputs.push(match is_float {
                true => sample::ramp(len / 4).into_iter().flat_map(|x| (f32::from(x) / 128.0).to_le_bytes()).collect(),
                false => sample::ramp(len).into_iter().map(|x| x as u8).collect::<Vec<u8>>(),
            });
        }
        let mut times = Vec::new();
        let begun = Instant::now();
        while times.len() < *INFERENCES.start() || (begun.elapsed() < budget && times.len() < *INFERENCES.end()) {
            // Runs overwrite their inputs, so they are written again, outside of the measured time.
            for (index, bytes) in inputs.iter().enumerate() {
                session.input_raw(index)?.copy_from_slice(bytes);
            }
            let start = Instant::now();
            session.run()?;
            times.push(start.elapsed());
        }
        let macs = crate::emit::Certificate::recomputed(session.model().blob()).macs;
        Ok(measurement(times, macs))
    })?;
    if arguments.json {
        return print_json(&measurement);
    }
    print(&format!(
        "{} ns median of {} inferences ({} to {}), {} million MACs a second",
        grouped(measurement.median_ns),
        grouped(measurement.inferences as u64),
        grouped(measurement.min_ns),
        grouped(measurement.max_ns),
        grouped(measurement.macs_per_second / 1_000_000),
    ))
}

fn measurement(mut times: Vec<Duration>, macs: u64) -> Measurement {
    times.sort_unstable();
    let ns = |index: usize| times.get(index).map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    let median_ns = ns(times.len() / 2);
    Measurement {
        median_ns,
        min_ns: ns(0),
        max_ns: ns(times.len().saturating_sub(1)),
        inferences: times.len(),
        macs,
        macs_per_second: (macs as f64 * 1e9 / median_ns.max(1) as f64) as u64,
    }
}
