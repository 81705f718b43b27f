//! The boards that `kinglet fit` knows: what they have, and where that is published.
//!
//! `boards.csv` is the data: a line a board. `ram_kib` is the largest piece of memory in one address range, because a
//! model's arena lies in one; where a chip has further pieces, the line's source says so. Frequencies are the chip's
//! highest. `ua_per_mhz` and `volts` are the data sheet's figures of running code from flash, where it has one.

use std::sync::LazyLock;

use kinglet_kernels::machine::{KernelSet, Machine};
use serde::Deserialize;

use crate::near;

/// A board.
#[derive(Clone, Debug)]
pub struct Board {
    /// What the command line calls it.
    pub name: String,
    /// The name in print.
    pub title: String,
    /// The chip on it.
    pub chip: String,
    /// Whose kernels it runs.
    pub target: KernelSet,
    /// Its highest frequency, MHz.
    pub mhz: f64,
    /// Flash that a program can have, bytes.
    pub flash_bytes: u64,
    /// The largest piece of RAM, bytes.
    pub ram_bytes: u64,
    /// Energy of a cycle, nanojoules, where it is published.
    pub nanojoules_per_cycle: Option<f64>,
    /// What else it is called.
    pub aliases: Vec<String>,
    /// Where the figures are from.
    pub source: String,
}

/// A line of the file.
#[derive(Deserialize)]
struct Line {
    name: String,
    title: String,
    core: String,
    chip: String,
    mhz: f64,
    flash_kib: u64,
    ram_kib: u64,
    ua_per_mhz: Option<f64>,
    volts: Option<f64>,
    aliases: String,
    source: String,
}

impl Board {
    fn of(line: Line) -> Option<Board> {
        // Microamperes for a megahertz are picocoulombs for a cycle.
        let energy = line.ua_per_mhz.zip(line.volts).map(|(charge, volts)| charge * volts / 1000.0);
        Some(Board {
            target: Machine::find(&line.core)?.set,
            name: line.name,
            title: line.title,
            chip: line.chip,
            mhz: line.mhz,
            flash_bytes: line.flash_kib * 1024,
            ram_bytes: line.ram_kib * 1024,
            nanojoules_per_cycle: energy,
            aliases: line.aliases.split_whitespace().map(str::to_owned).collect(),
            source: line.source,
        })
    }

    /// All that it is called.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        [self.name.as_str()].into_iter().chain(self.aliases.iter().map(String::as_str))
    }
}

/// Every board, in the file's order.
pub fn boards() -> &'static [Board] {
    static BOARDS: LazyLock<Vec<Board>> = LazyLock::new(|| {
        let mut reader = csv::Reader::from_reader(include_str!("boards.csv").as_bytes());
        // A test reads every line; there is no other file.
        reader.deserialize().filter_map(|line| Board::of(line.ok()?)).collect()
    });
    &BOARDS
}

/// The board that the command line calls `name`.
pub fn find(name: &str) -> Option<&'static Board> {
    boards().iter().find(|board| board.names().any(|known| known.eq_ignore_ascii_case(name)))
}

/// The board whose name comes closest to `name`, if one is close.
pub fn nearest(name: &str) -> Option<&'static Board> {
    let name = name.to_ascii_lowercase();
    let distance = |board: &Board| board.names().map(|known| near::distance(known, &name)).min().unwrap_or(usize::MAX);
    boards().iter().min_by_key(|board| distance(board)).filter(|board| distance(board) <= 2)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_line_is_a_board_with_a_name_of_its_own() {
        let lines = include_str!("boards.csv").lines().count() - 1;
        assert_eq!(boards().len(), lines);
        assert!(lines >= 40);
        let mut names = BTreeSet::new();
        for board in boards() {
            assert!(board.mhz > 1.0 && board.flash_bytes >= 65_536 && board.ram_bytes >= 8192, "{}", board.name);
            assert!(!board.source.is_empty() && !board.title.is_empty());
            for name in board.names() {
                assert!(names.insert(name), "{name} stands twice");
                assert_eq!(name, name.to_ascii_lowercase());
                assert!(Machine::find(name).is_none_or(|machine| machine.set == board.target), "{name}");
            }
        }
    }

    #[test]
    fn boards_are_found_by_any_name_and_suggested_by_nearly_one() {
        assert_eq!(find("Nucleo-L4R5ZI").map(|board| board.chip.as_str()), Some("STM32L4R5ZI"));
        assert_eq!(find("pico2").map(|board| board.name.as_str()), Some("pico-2"));
        assert!(find("toaster").is_none());
        assert_eq!(nearest("nucleo-l4r5z").map(|board| board.name.as_str()), Some("nucleo-l4r5zi"));
        assert!(nearest("toaster").is_none());
    }

    #[test]
    fn energy_is_charge_times_voltage() {
        let board = find("nrf52840-dk").expect("a board of the file");
        assert!((board.nanojoules_per_cycle.expect("published") - 0.156).abs() < 1e-9);
    }
}
