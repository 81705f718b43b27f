//! `budget.toml`: how much of a board an image may take.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::tree;

/// Ceilings in bytes. A board may leave some out.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Budget {
    /// Code and constants, without the model.
    pub(crate) code_flash_bytes: Option<u64>,
    /// Static memory without the arena.
    pub(crate) data_bss_bytes: Option<u64>,
    /// Deepest stack of a run; on a board that only builds, what must be left for it.
    pub(crate) stack_bytes: Option<u64>,
    /// Code, constants and model together.
    pub(crate) flash_bytes: Option<u64>,
    /// Static memory and arena together.
    pub(crate) ram_bytes: Option<u64>,
}

/// Reads `budget.toml` of a board's folder.
pub(crate) fn read(folder: &Path) -> Result<Budget> {
    let path = folder.join("budget.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is not a budget", path.display()))
}

/// The budget of an emulated machine: what `targets/emulator/budget.toml` says of it, and of all for the rest.
pub(crate) fn of_machine(name: &str) -> Result<Budget> {
    let budgets = emulated()?;
    let all = budgets.get(DEFAULT).copied().unwrap_or_default();
    Ok(budgets.get(name).copied().unwrap_or_default().or(all))
}

/// What goes for machines that say nothing else.
const DEFAULT: &str = "default";

/// `targets/emulator/budget.toml`, by machine.
fn emulated() -> Result<BTreeMap<String, Budget>> {
    let path = tree::root().join("targets/emulator/budget.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} has no budgets", path.display()))
}

impl Budget {
    /// The ceilings of `self`, and where it has none those of `other`.
    fn or(self, other: Budget) -> Budget {
        Budget {
            code_flash_bytes: self.code_flash_bytes.or(other.code_flash_bytes),
            data_bss_bytes: self.data_bss_bytes.or(other.data_bss_bytes),
            stack_bytes: self.stack_bytes.or(other.stack_bytes),
            flash_bytes: self.flash_bytes.or(other.flash_bytes),
            ram_bytes: self.ram_bytes.or(other.ram_bytes),
        }
    }
}

/// One line for each ceiling that is exceeded.
pub(crate) fn exceeded(rows: &[(&str, u64, Option<u64>)]) -> Vec<String> {
    let over = rows.iter().filter_map(|(name, value, ceiling)| {
        let ceiling = (*ceiling)?;
        (*value > ceiling).then(|| format!("{name} is {value} bytes, the budget {ceiling}"))
    });
    over.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_above_its_ceiling_is_named() {
        let rows = [("flash", 10, Some(10)), ("ram", 11, Some(10)), ("stack", 99, None)];
        assert_eq!(exceeded(&rows), ["ram is 11 bytes, the budget 10"]);
    }

    #[test]
    fn every_emulated_machine_has_a_budget_and_nothing_else_has() {
        for board in crate::board::all() {
            let budget = of_machine(board.core).unwrap();
            let ceilings = [budget.code_flash_bytes, budget.data_bss_bytes, budget.stack_bytes];
            assert!(ceilings.iter().all(Option::is_some), "{}: {budget:?}", board.core);
        }
        for name in emulated().unwrap().keys().filter(|name| *name != DEFAULT) {
            assert!(crate::board::all().iter().any(|board| board.core == name), "no machine is called {name}");
        }
    }

    #[test]
    fn a_machine_overrides_what_goes_for_all() {
        let all = Budget { stack_bytes: Some(800), data_bss_bytes: Some(64), ..Budget::default() };
        let own = Budget { stack_bytes: Some(900), ..Budget::default() };
        assert_eq!(own.or(all), Budget { stack_bytes: Some(900), data_bss_bytes: Some(64), ..Budget::default() });
    }

    #[test]
    fn a_misspelt_key_is_refused() {
        assert!(toml::from_str::<Budget>("stack_byte = 1").is_err());
        assert_eq!(toml::from_str::<Budget>("stack_bytes = 1_000").map(|b| b.stack_bytes), Ok(Some(1000)));
    }
}
