//! How long an inference takes: instructions from prices, cycles from instructions, each with an honest interval.
//!
//! Where the compiler's estimate has prices for an operator and its packing on a core (`cost`), it is used, with the
//! errors that fitting it left. Other operators are priced by `operators.csv`: instructions on a Cortex-M4 for each element
//! and multiplication that they touch, median, least and most of the cases that `cargo xtask operator-bench` counts, and a
//! factor for other cores. Both factors and the cycles of an instruction are in `cores.csv`: those that `mcu-bench` computes
//! from the cores' manuals where these are published, otherwise assumed; flash that is slower than the core adds a third.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use kinglet_kernels::machine::{Isa, MACHINES};

use crate::cost;
use crate::inspect::{Inspection, OperatorLine};
use crate::target::{self, Target};

/// A number that is not known exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Interval {
    /// Hardly less than this.
    pub low: f64,
    /// The estimate.
    pub likely: f64,
    /// Hardly more than this.
    pub high: f64,
}

impl Interval {
    pub(crate) const fn new(low: f64, likely: f64, high: f64) -> Self {
        Interval { low, likely, high }
    }

    /// Of two independent numbers.
    #[must_use]
    pub fn times(self, other: Interval) -> Interval {
        Interval::new(self.low * other.low, self.likely * other.likely, self.high * other.high)
    }

    /// The same in another unit.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Interval {
        self.times(Interval::new(factor, factor, factor))
    }

    fn plus(self, other: Interval) -> Interval {
        Interval::new(self.low + other.low, self.likely + other.likely, self.high + other.high)
    }
}

/// How far fitted prices are off for a whole model, as a factor.
const FITTED: Interval = Interval::new(0.9, 1.0, 1.1);
/// How far they are off on a core that runs the portable loops but was not measured.
const PORTABLE: Interval = Interval::new(0.8, 1.25, 1.8);

/// Instructions of an inference.
pub fn instructions(target: Target, inspection: &Inspection) -> Interval {
    let of = |line: &OperatorLine| match fitted(target, line) {
        Some((count, error)) => error.scaled(count as f64),
        None => rough(target, line.operator).scaled(touched(line)),
    };
    inspection.operators.iter().map(of).fold(Interval::default(), Interval::plus)
}

/// The compiler's estimate, and how far it may be off.
fn fitted(target: Target, line: &OperatorLine) -> Option<(u64, Interval)> {
    let own = cost::instructions(target, line.operator, line.packing_tag, &line.work);
    match own {
        Some(count) => Some((count, FITTED)),
        None if target::isa(target) == Isa::Portable => {
            // The portable loops were counted on a core for which they are compiled much alike.
            let plain = MACHINES.iter().find(|machine| machine.isa == Isa::Armv7m)?;
            Some((cost::instructions(plain.set, line.operator, 0, &line.work)?, PORTABLE))
        }
        None => None,
    }
}

/// Elements and multiplications.
fn touched(line: &OperatorLine) -> f64 {
    line.work.parts().into_iter().skip(1).sum::<u64>() as f64
}

/// Instructions for each element of an operator whose kernel has no price of its own.
fn rough(target: Target, operator: &str) -> Interval {
    let price = prices().get(operator).copied().unwrap_or(UNKNOWN);
    let is_float = operator.ends_with("f32") || operator.ends_with("quantize");
    core(target).map_or(price, |core| price.times(if is_float { core.floats } else { core.integers }))
}

/// Of an operator that no model of the bench has.
const UNKNOWN: Interval = Interval::new(2.0, 15.0, 60.0);

/// What `cores.csv` says of a core.
#[derive(Clone, Copy)]
struct Core {
    /// Cycles of an instruction, slow flash included.
    cycles: Interval,
    /// How many times as many instructions as a Cortex-M4 it takes for operators on integers that were not counted on it.
    integers: Interval,
    /// The same on floats: without a floating-point unit each operation is a call of some dozen instructions.
    floats: Interval,
}

fn core(target: Target) -> Option<Core> {
    static CORES: LazyLock<BTreeMap<String, Core>> = LazyLock::new(|| {
        let mut reader = csv::Reader::from_reader(include_str!("cores.csv").as_bytes());
        let row = |record: csv::StringRecord| {
            let number = |column: usize| record.get(column)?.parse().ok();
            let interval = |first| Some(Interval::new(number(first)?, number(first + 1)?, number(first + 2)?));
            let core = Core { cycles: interval(1)?, integers: interval(4)?, floats: interval(7)? };
            Some((record.get(0)?.to_owned(), core))
        };
        // A test reads every line.
        reader.records().filter_map(|record| row(record.ok()?)).collect()
    });
    CORES.get(target.machine().name).copied()
}

fn prices() -> &'static BTreeMap<String, Interval> {
    static PRICES: LazyLock<BTreeMap<String, Interval>> = LazyLock::new(|| {
        let mut reader = csv::Reader::from_reader(include_str!("operators.csv").as_bytes());
        let rows = reader.deserialize::<(String, u32, f64, f64, f64)>().filter_map(Result::ok);
        rows.map(|(operator, _, low, likely, high)| (operator, Interval::new(low, likely, high))).collect()
    });
    &PRICES
}

/// Cycles of an inference with so many instructions.
pub fn cycles(target: Target, instructions: Interval) -> Option<Interval> {
    Some(instructions.times(core(target)?.cycles))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_in_order() {
        for target in [Target::CortexM0, Target::CortexM3, Target::CortexM4, Target::CortexM55, Target::Riscv32] {
            let cycles = core(target).expect("a microcontroller").cycles;
            for interval in [cycles, rough(target, "add-f32"), rough(target, "combine-i8"), rough(target, "new")] {
                assert!(0.0 < interval.low && interval.low <= interval.likely && interval.likely <= interval.high);
            }
        }
        let lines = include_str!("cores.csv").lines().skip(1);
        for line in lines {
            let name = line.split(',').next().unwrap_or_default();
            assert!(target::of_machine(name).and_then(core).is_some(), "{line}");
        }
        assert!(prices().len() > 40);
        assert!(prices().values().all(|price| price.low <= price.likely && price.likely <= price.high));
        assert!(cycles(Target::X86_64, Interval::default()).is_none());
    }
}
