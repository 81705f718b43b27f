//! The table of results in `docs/performance.md`: the numbers in `targets/results` and their ratios to the peer's.

use core::fmt::Write;

use anyhow::Result;

use super::peer::Peer;
use super::results::{self, Models};
use super::table::grouped;
use crate::board::{self, Board};
use crate::tree;

/// Models of MLPerf Tiny and a streaming wake word, as `targets/results` calls them.
const MODELS: [&str; 5] = ["kws", "vww", "ic", "ad", "sww"];
/// The core whose memory is shown.
const CORE: &str = "cortex-m4";

/// Markdown: instructions on each core, then code and arena on Cortex-M4; in brackets ratios to the peer.
pub(crate) fn summary() -> Result<String> {
    let peer = Peer::read(&tree::root().join("targets/results/peer.json"))?;
    let mut table = format!("| | {} |\n|---|{}\n", MODELS.join(" | "), "---:|".repeat(MODELS.len()));
    for Board { core, title, .. } in board::one_of_each_isa() {
        let known = results::read(core)?;
        let ours = |model: &str| Some(known.get(model)?.instructions);
        row(&mut table, &format!("{title}, instructions"), ours, |model| peer.instructions(core, model));
    }
    let known: Models = results::read(CORE)?;
    let title = board::parse(CORE).map_err(anyhow::Error::msg)?.title;
    let code = |model: &str| Some(known.get(model)?.code_flash_bytes);
    row(&mut table, &format!("{title}, bytes of code"), code, |model| Some(peer.memory(CORE, model)?.code_flash_bytes));
    let arena = |model: &str| Some(known.get(model)?.arena_bytes);
    row(&mut table, &format!("{title}, bytes of arena"), arena, |model| Some(peer.memory(CORE, model)?.arena_bytes));
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
        assert_eq!(table.lines().count(), 2 + board::one_of_each_isa().len() + 2);
        assert!(table.lines().skip(2).all(|line| line.matches('(').count() == MODELS.len()), "{table}");
    }
}
