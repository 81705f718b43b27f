//! `budget.toml`: how much of a board an image may take.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

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
    fn a_misspelt_key_is_refused() {
        assert!(toml::from_str::<Budget>("stack_byte = 1").is_err());
        assert_eq!(toml::from_str::<Budget>("stack_bytes = 1_000").map(|b| b.stack_bytes), Ok(Some(1000)));
    }
}
