//! The README's table: the numbers in `targets/results` and their ratios to the peer's.

use core::fmt::Write;

use anyhow::Result;

use super::peer::Peer;
use super::results::{self, Models};
use super::table::grouped;
use crate::tree;

/// Models of MLPerf Tiny and a streaming wake word, as `targets/results` calls them.
const MODELS: [&str; 5] = ["kws", "vww", "ic", "ad", "sww"];
/// Cores with kernels of their own, and their names in the table. M7 and M33 run those of the M4.
const CORES: [(&str, &str); 4] =
    [("cortex-m0", "Cortex-M0+"), ("cortex-m3", "Cortex-M3"), ("cortex-m4", "Cortex-M4"), ("cortex-m55", "Cortex-M55")];

/// Markdown: instructions on each core, then code and arena on Cortex-M4; in brackets ratios to the peer.
pub(crate) fn summary() -> Result<String> {
    let peer = Peer::read(&tree::root().join("targets/results/peer.json"))?;
    let mut table = format!("| | {} |\n|---|{}\n", MODELS.join(" | "), "---:|".repeat(MODELS.len()));
    for (core, name) in CORES {
        let known = results::read(core)?;
        let ours = |model: &str| Some(known.get(model)?.instructions);
        row(&mut table, &format!("{name}, instructions"), ours, |model| peer.instructions(core, model));
    }
    let known: Models = results::read("cortex-m4")?;
    let code = |model: &str| Some(known.get(model)?.code_flash_bytes);
    row(&mut table, "Cortex-M4, bytes of code", code, |model| Some(peer.memory("cortex-m4", model)?.code_flash_bytes));
    let arena = |model: &str| Some(known.get(model)?.arena_bytes);
    row(&mut table, "Cortex-M4, bytes of arena", arena, |model| Some(peer.memory("cortex-m4", model)?.arena_bytes));
    Ok(table)
}

fn row(table: &mut String, head: &str, ours: impl Fn(&str) -> Option<u64>, peer: impl Fn(&str) -> Option<u64>) {
    let cells = MODELS.map(|model| match (ours(model), peer(model)) {
        (Some(ours), Some(peer)) => format!("{} ({:.2})", grouped(ours), ours as f64 / peer.max(1) as f64),
        (Some(ours), None) => grouped(ours),
        (None, _) => "-".to_owned(),
    });
    let _ = writeln!(table, "| {head} | {} |", cells.join(" | "));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_have_numbers_and_ratios_where_they_are_known() {
        let mut table = String::new();
        let ours = |model: &str| (model != "sww").then_some(1500);
        row(&mut table, "head", ours, |model| (model == "kws").then_some(3000));
        assert_eq!(table, "| head | 1,500 (0.50) | 1,500 | 1,500 | 1,500 | - |\n");
    }

    #[test]
    fn every_number_of_the_table_has_been_measured() {
        let table = summary().unwrap();
        assert_eq!(table.lines().count(), 2 + CORES.len() + 2);
        assert!(table.lines().skip(2).all(|line| line.matches('(').count() == MODELS.len()), "{table}");
    }
}
