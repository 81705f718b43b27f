//! `cargo xtask powercut`: cuts the power of the slots' flash, and says what must hold and does not.
#![forbid(unsafe_code)]

use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use clap::Parser;
use kinglet_powercut::chip::Style;
use kinglet_powercut::geometry::{ALL, Geometry};
use kinglet_powercut::proof::{Cut, Job, Tally};
use kinglet_slots::Fault;

/// Cuts of a run, for all geometries together.
const CUTS: u64 = 120_000;
/// Cuts of a soak.
const SOAK_CUTS: u64 = 2_400_000;

#[derive(Parser)]
#[command(about = "Cuts the power of the slots' flash at every step, and checks what must hold")]
struct Arguments {
    /// Two million cuts instead of a hundred thousand
    #[arg(long)]
    soak: bool,
    /// Another life and other chances
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Switch each seeded bug on, and expect it to be caught
    #[arg(long)]
    faults: bool,
    /// One seeded bug
    #[arg(long, value_name = "NAME")]
    fault: Option<String>,
    /// Replay one life on this geometry
    #[arg(long, value_name = "GEOMETRY")]
    replay: Option<String>,
    /// Where the power goes in a replay: STEPS:STYLE, counted from the cut before
    #[arg(long, value_name = "STEPS:STYLE")]
    cut: Vec<String>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

fn fault(name: &str) -> Result<Fault, String> {
    let known = Fault::ALL.iter().copied().find(|fault| format!("{fault:?}") == name);
    known.ok_or_else(|| format!("there is no seeded bug {name}: {:?}", Fault::ALL))
}

fn cut(text: &str) -> Result<Cut, String> {
    let parsed = text.split_once(':').and_then(|(after, style)| {
        let style = Style::ALL.into_iter().find(|known| format!("{known:?}") == style)?;
        Some(Cut { after: after.parse().ok()?, style })
    });
    parsed.ok_or_else(|| format!("{text} is not STEPS:STYLE; styles: {:?}", Style::ALL))
}

fn run(arguments: &Arguments) -> Result<bool, String> {
    let seeded = arguments.fault.as_deref().map(fault).transpose()?;
    if let Some(name) = &arguments.replay {
        let geometry = ALL.iter().find(|geometry| geometry.name == name).ok_or("there is no such geometry")?;
        let cuts = arguments.cut.iter().map(|text| cut(text)).collect::<Result<Vec<_>, _>>()?;
        return Ok(match (geometry.replay)(geometry, arguments.seed, seeded, &cuts) {
            Ok(()) => {
                println!("nothing is broken");
                true
            }
            Err(finding) => {
                println!("{finding}");
                false
            }
        });
    }
    if arguments.faults {
        return Ok(faults(arguments.seed));
    }
    Ok(everywhere(arguments, seeded))
}

/// All geometries, a thread for each core.
fn everywhere(arguments: &Arguments, fault: Option<Fault>) -> bool {
    let started = Instant::now();
    let total = if arguments.soak { SOAK_CUTS } else { CUTS };
    let cuts = total / ALL.len() as u64;
    let rounds = if arguments.soak { 4 } else { 1 };
    let jobs: Vec<(&Geometry, Job)> = (0..rounds)
        .flat_map(|round| ALL.iter().map(move |geometry| (geometry, round)))
        .map(|(geometry, round)| {
            (geometry, Job { seed: arguments.seed + round, cuts: cuts / rounds, pairs: cuts / rounds / 4, fault })
        })
        .collect();
    let (next, tallies) = (AtomicUsize::new(0), Mutex::new(Vec::<(&str, Tally)>::new()));
    let work = || {
        while let Some((geometry, job)) = jobs.get(next.fetch_add(1, Relaxed)) {
            let tally = (geometry.prove)(geometry, job);
            if let Some((finding, line)) = &tally.finding {
                println!("{finding}\n  replay: cargo xtask powercut {line}");
            }
            tallies.lock().unwrap_or_else(PoisonError::into_inner).push((geometry.name, tally));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, |count| count.get()) {
            scope.spawn(work);
        }
    });
    let tallies = tallies.into_inner().unwrap_or_else(PoisonError::into_inner);
    let sum = |of: fn(&Tally) -> u64| tallies.iter().map(|(_, tally)| of(tally)).sum::<u64>();
    let violations = tallies.iter().filter(|(_, tally)| tally.finding.is_some()).count();
    println!(
        "{} cuts ({} of them second ones) on {} geometries, {violations} violations, {:.1} s",
        sum(|tally| tally.cuts),
        sum(|tally| tally.second_cuts),
        ALL.len(),
        started.elapsed().as_secs_f64()
    );
    violations == 0
}

/// Each seeded bug on geometry after geometry, until one catches it.
fn faults(seed: u64) -> bool {
    let mut escaped = 0;
    for &fault in Fault::ALL {
        match kinglet_powercut::proof::catch(fault, seed) {
            Some((finding, line)) => println!("{fault:?}: {finding}\n  {line}"),
            None => {
                escaped += 1;
                println!("{fault:?}: NOT CAUGHT");
            }
        }
    }
    println!("{} of {} seeded bugs caught", Fault::ALL.len() - escaped, Fault::ALL.len());
    escaped == 0
}
