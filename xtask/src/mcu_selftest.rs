//! `cargo xtask mcu-selftest`: is the counter right?
//!
//! The image runs hand-written assembly (`targets/emulator/src/bin/selftest.rs`); the numbers here were counted by
//! reading it.

use std::process::ExitCode;

use anyhow::{Context, Result};
use kinglet_kernels::machine::Isa;

use crate::board::{self, Board};
use crate::counts::{Counts, Mix, Window};
use crate::emulate::Emulator;
use crate::image::{self, Recipe};
use crate::prerequisites;
use crate::tree;

pub(crate) fn run() -> Result<ExitCode> {
    let plugin = prerequisites::plugin()?;
    let mut wrong = 0;
    for board in board::all() {
        prerequisites::rust_target(board.rust_target)?;
        let folder = tree::firmware_target().join("mcu-selftest").join(board.core);
        let keep_as = folder.join("selftest.elf");
        let recipe = Recipe { board, binary: "selftest", features: Vec::new(), variables: Vec::new(), keep_as };
        let image = image::build(&recipe)?;
        let emulator = Emulator { board, plugin: &plugin, folder, histogram_window: None, loaded: None };
        let emulation = emulator.run(&image).with_context(|| format!("{} on {}", board.core, board.machine))?;
        wrong += compare(board, &emulation.windows()?, emulation.success);
    }
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints one line for each window, and returns how many are not as expected.
fn compare(board: &Board, measured: &[Window], success: bool) -> usize {
    let expected = expected(board);
    let mut wrong = 0;
    for (index, (name, want)) in expected.iter().enumerate() {
        let got = measured.get(index);
        let right = got == Some(want);
        wrong += usize::from(!right);
        let counts = want.counts;
        let verdict = if right { "ok".to_owned() } else { format!("WRONG: expected {want:?}, measured {got:?}") };
        println!(
            "{:<11} {name:<9} {:>4} instructions {:>4} loads {:>4} stores {:>3} vector  {verdict}",
            board.core, counts.instructions, counts.loads, counts.stores, counts.vector
        );
    }
    if !success || measured.len() != expected.len() {
        println!("{}: {} windows of {}, image ended well: {success}", board.core, measured.len(), expected.len());
        wrong += 1;
    }
    wrong
}

/// The plugin's numbers of the classes that the image executes.
const PLAIN: usize = 0;
const SINGLE: usize = 6;
const SINGLE_NEXT: usize = 7;
const MULTIPLE: usize = 8;
const BRANCH: usize = 9;
const IF_THEN: usize = 10;

fn window(instructions: u64, loads: u64, stores: u64, vector: u64, classes: &[(usize, u64)]) -> Window {
    let mut mix = Mix::default();
    for &(class, count) in classes {
        mix.classes[class] = count;
    }
    Window { counts: Counts { instructions, loads, stores, vector, mix }, ..Window::default() }
}

impl Window {
    /// With so many taken branches and registers moved by multiple accesses.
    fn with(mut self, taken: u64, moved: u64) -> Self {
        (self.counts.mix.taken, self.counts.mix.moved) = (taken, moved);
        self
    }
}

fn expected(board: &Board) -> Vec<(&'static str, Window)> {
    // Markers are instructions, but in no class.
    let inner = window(5, 0, 0, 0, &[(PLAIN, 5)]);
    let nested = Window { inner: vec![inner], ticks: vec![2], ..window(12, 0, 0, 0, &[(PLAIN, 9)]) };
    let memory = [(PLAIN, 101), (SINGLE, 100), (SINGLE_NEXT, 300), (BRANCH, 100)];
    let mut list = vec![
        ("empty", window(0, 0, 0, 0, &[])),
        ("loop", window(600, 0, 0, 0, &[(PLAIN, 451), (BRANCH, 149)]).with(148, 0)),
        ("memory", window(601, 300, 100, 0, &memory).with(99, 0)),
        ("multiple", window(301, 150, 200, 0, &[(PLAIN, 151), (MULTIPLE, 100), (BRANCH, 50)]).with(49, 350)),
        ("nested", nested),
        ("page", window(2, 0, 0, 0, &[(PLAIN, 2)])),
    ];
    if board.isa != Isa::Armv6m {
        list.push(("thumb2", window(8, 2, 2, 0, &[(PLAIN, 5), (MULTIPLE, 2), (IF_THEN, 1)]).with(0, 4)));
    }
    if board.has_vectors() {
        list.push(("helium", window(23, 8, 1, 14, &[(PLAIN, 5), (BRANCH, 4)]).with(3, 0)));
    }
    list
}
