//! `cargo xtask fit-costs`: from measured instructions of operators to the compiler's estimates.
//!
//! Reads files that `mcu-bench --profile --json` has written, and finds for each core, operator and packing the five
//! prices (of a call, of an element read, written and gathered, and of a multiplication) that come closest to what was
//! measured: the least sum of squared *relative* errors, no price below zero. Several files may have the same core, for
//! example one compiled with `--compile-target portable`, so that the packings can be weighed against each other.

use core::fmt::Write;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use kinglet_kernels::machine::MACHINES;

use crate::mcu_bench::{BoardRecord, read_records};
use crate::tree;

const PARTS: usize = 5;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What `mcu-bench --profile --json` has written
    #[arg(required = true, value_name = "FILE.json")]
    files: Vec<PathBuf>,
}

/// Operators that share prices: core, operator, packing.
type Key = (String, String, u64);
/// Parts of the work, and what was measured.
type Sample = ([f64; PARTS], f64);

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut samples: BTreeMap<Key, Vec<Sample>> = BTreeMap::new();
    for file in &arguments.files {
        for record in read_records(file)? {
            collect(&record, &mut samples).with_context(|| format!("in {}", file.display()))?;
        }
    }
    let mut rows = String::new();
    for ((core, operator, kernel), samples) in &samples {
        let prices = fit(samples);
        let (mean, worst) = errors(samples, &prices);
        println!(
            "{core:<11} {operator:<20} {kernel}  {:>3} layers, off by {mean:>4.1} % on average, {worst:>5.1} % at worst",
            samples.len()
        );
        let list: Vec<String> = prices.iter().map(|price| format!("{price:.3}")).collect();
        let _ = writeln!(rows, "    row({}, {operator:?}, {kernel}, [{}]),", target(core)?, list.join(", "));
    }
    let path = tree::root().join("quantize/src/cost/table.rs");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let (head, _) = text.split_once("= &[\n").with_context(|| format!("{} has no table", path.display()))?;
    fs::write(&path, format!("{head}= &[\n{rows}];\n")).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn collect(record: &BoardRecord, samples: &mut BTreeMap<Key, Vec<Sample>>) -> Result<()> {
    for model in &record.models {
        ensure!(!model.operators.is_empty(), "{} on {} has no profile", model.name, record.core);
        for operator in &model.operators {
            let [input, output, gathered, macs] = operator.work.map(|part| part as f64);
            let key = (record.core.clone(), operator.operator.clone(), operator.kernel);
            samples.entry(key).or_default().push(([1.0, input, output, gathered, macs], operator.instructions as f64));
        }
    }
    Ok(())
}

/// Least squares of relative errors without negative prices, by going down one price after the other.
fn fit(samples: &[Sample]) -> [f64; PARTS] {
    let mut prices = [0.0; PARTS];
    for _ in 0..20_000 {
        for part in 0..PARTS {
            let (mut along, mut square) = (0.0, 0.0);
            for (parts, measured) in samples {
                let share = parts[part] / measured;
                let rest = 1.0 - dot(parts, &prices) / measured + prices[part] * share;
                along += rest * share;
                square += share * share;
            }
            prices[part] = if square > 0.0 { (along / square).max(0.0) } else { 0.0 };
        }
    }
    prices
}

fn dot(parts: &[f64; PARTS], prices: &[f64; PARTS]) -> f64 {
    parts.iter().zip(prices).map(|(part, price)| part * price).sum()
}

/// Mean and largest relative error in per cent.
fn errors(samples: &[Sample], prices: &[f64; PARTS]) -> (f64, f64) {
    let all = samples.iter().map(|(parts, measured)| (dot(parts, prices) / measured - 1.0).abs() * 100.0);
    (all.clone().sum::<f64>() / samples.len().max(1) as f64, all.fold(0.0, f64::max))
}

/// The Rust names of what the records call otherwise.
fn target(core: &str) -> Result<String> {
    let found = MACHINES.iter().find(|machine| machine.name == core);
    found.map(|machine| format!("{:?}", machine.set)).with_context(|| format!("there is no target {core}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_that_made_the_counts_are_found() {
        let prices = [100.0, 2.0, 11.0, 0.5, 0.75];
        let works = [[1.0, 10.0, 20.0, 90.0, 900.0], [1.0, 300.0, 10.0, 0.0, 64.0], [1.0, 5.0, 500.0, 7.0, 10_000.0]];
        let more = [[1.0, 1000.0, 1000.0, 9000.0, 0.0], [1.0, 0.0, 64.0, 640.0, 6400.0], [1.0, 1.0, 1.0, 1.0, 1.0]];
        let samples: Vec<Sample> = works.into_iter().chain(more).map(|work| (work, dot(&work, &prices))).collect();
        let (_, worst) = errors(&samples, &fit(&samples));
        assert!(worst < 0.5, "{worst}");
    }

    #[test]
    fn no_price_is_negative() {
        let samples = [([1.0, 10.0, 0.0, 0.0, 0.0], 5.0), ([1.0, 1.0, 0.0, 0.0, 0.0], 50.0)];
        assert!(fit(&samples).iter().all(|price| *price >= 0.0));
    }
}
