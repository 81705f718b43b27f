//! The emulated boards: the rows of the table of machines that QEMU has.

use std::sync::LazyLock;

use kinglet_kernels::machine::{Cycles, Isa, MACHINES, Machine, Memory};

/// One core and the QEMU machine that has it, as `kinglet_kernels::machine` says.
#[derive(Debug)]
pub(crate) struct Board {
    /// The machine's name: of `kinglet compile --target` and of the files in `targets/results`.
    pub(crate) core: &'static str,
    /// The core's name in print.
    pub(crate) title: &'static str,
    /// QEMU's name of the machine.
    pub(crate) machine: &'static str,
    /// Rust's name of the instruction set and calling convention.
    pub(crate) rust_target: &'static str,
    /// Code and data memory.
    pub(crate) memory: [Memory; 2],
    /// Whose kernels run.
    pub(crate) isa: Isa,
    /// The core's name for a C compiler.
    pub(crate) cpu: &'static str,
    /// The engine's cargo feature that says what the core has beyond its target's name.
    pub(crate) extension: Option<&'static str>,
    /// Cycles of its instructions, where they are published.
    pub(crate) cycles: Option<Cycles>,
}

impl Board {
    fn of(machine: &'static Machine) -> Option<Board> {
        let emulated = machine.emulated?;
        Some(Board {
            core: machine.name,
            title: machine.title,
            machine: emulated.qemu,
            memory: [emulated.flash, emulated.ram],
            rust_target: machine.rust_target()?,
            isa: machine.isa,
            cpu: machine.cpus.first()?,
            extension: machine.extension,
            cycles: machine.cycles,
        })
    }

    /// Has vector instructions, which are reported apart.
    pub(crate) fn has_vectors(&self) -> bool {
        self.isa == Isa::Helium
    }
}

/// Every emulated board, in the order of the table.
pub(crate) fn all() -> &'static [Board] {
    static BOARDS: LazyLock<Vec<Board>> = LazyLock::new(|| MACHINES.iter().filter_map(Board::of).collect());
    &BOARDS
}

/// One board for each instruction set: the first in the table.
pub(crate) fn one_of_each_isa() -> Vec<&'static Board> {
    let mut boards: Vec<&Board> = Vec::new();
    for board in all() {
        if boards.iter().all(|other| other.isa != board.isa) {
            boards.push(board);
        }
    }
    boards
}

/// The board of a machine, by any of its names.
pub(crate) fn parse(text: &str) -> Result<&'static Board, String> {
    let found = Machine::find(text).and_then(|machine| all().iter().find(|board| board.core == machine.name));
    found.ok_or_else(|| {
        let cores: Vec<&str> = all().iter().map(|board| board.core).collect();
        format!("there is no board with this core; cores: {}", cores.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_names_the_same_board() {
        for board in all() {
            assert_eq!(parse(board.core).map(|b| b.core), Ok(board.core));
            assert_eq!(parse(&board.core["cortex-".len()..]).map(|b| b.core), Ok(board.core));
        }
        assert_eq!(parse("M0+").map(|b| b.core), Ok("cortex-m0"));
        assert!(parse("m5").is_err());
        assert!(parse("cortex-").is_err());
        assert!(parse("x86-64").is_err(), "it is a machine, but not emulated");
    }

    #[test]
    fn every_machine_that_is_emulated_is_a_board() {
        let emulated = MACHINES.iter().filter(|machine| machine.emulated.is_some());
        assert!(emulated.map(|machine| machine.name).eq(all().iter().map(|board| board.core)));
    }
}
