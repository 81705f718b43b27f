//! What a blob is compiled for.
//!
//! A target decides two things only: the order of the weights and the kernel set that the header names. The
//! arithmetic is the same on all of them.

use core::fmt::Write;

use kinglet_kernels::machine::{Isa, MACHINES, Machine};

pub use kinglet_kernels::machine::KernelSet as Target;

use crate::{board, near};

/// The target that the command line calls `name`: a core, one that runs the same kernels, a chip or a board.
pub fn parse(name: &str) -> Option<Target> {
    of_machine(name).or_else(|| board::find(name).map(|board| board.target))
}

/// The target that the table of machines calls `name`.
pub fn of_machine(name: &str) -> Option<Target> {
    Machine::find(name).map(|machine| machine.set)
}

/// The names of all targets, for a message.
pub fn names() -> String {
    MACHINES.iter().map(|machine| machine.name).collect::<Vec<_>>().join(", ")
}

/// All targets with what else they are called, a line each.
pub fn list() -> String {
    let mut text = String::from("Targets, and what else they are called:\n");
    for machine in MACHINES {
        let others: Vec<&str> = machine.names().skip(1).collect();
        let _ = writeln!(text, "{}", format!("  {:<11} {}", machine.name, others.join(", ")).trim_end());
    }
    text += "\nBoards, with the cores on them (`kinglet fit` says what they have):\n";
    for machine in MACHINES {
        let boards = board::boards().iter().filter(|board| board.target == machine.set);
        let names: Vec<&str> = boards.map(|board| board.name.as_str()).collect();
        if !names.is_empty() {
            let _ = writeln!(text, "  {:<11} {}", machine.name, names.join(", "));
        }
    }
    text
}

/// What the user of a name that is no target may have meant; empty when nothing comes close.
pub fn suggestion(name: &str) -> String {
    let built_as = MACHINES.iter().filter(|machine| machine.rust_targets.contains(&name));
    let built_as: Vec<&str> = built_as.map(|machine| machine.name).collect();
    if !built_as.is_empty() {
        return format!("{name} is the Rust target of {}", built_as.join(" and of "));
    }
    let name = name.to_ascii_lowercase();
    let near = MACHINES.iter().flat_map(|machine| machine.names().map(move |known| (machine, known)));
    let near = near.map(|(machine, known)| (distance(known, &name), machine, known));
    match near.min_by_key(|(distance, _, _)| *distance) {
        Some((0..=2, machine, known)) if machine.name == known => format!("did you mean {known}?"),
        Some((0..=2, machine, known)) => format!("did you mean {known}, which is {}?", machine.name),
        _ => match board::nearest(&name) {
            Some(board) => format!("did you mean {}, which is {}?", board.name, board.target.name()),
            None => String::new(),
        },
    }
}

/// [`near::distance`]; what follows the name of a chip's family is free.
fn distance(known: &str, name: &str) -> usize {
    let is_family = known.len() >= 6 && !known.contains('-');
    if is_family && name.starts_with(known) { 0 } else { near::distance(known, name) }
}

/// The instruction set whose kernels, and so packings, the target's cores have.
pub fn isa(target: Target) -> Isa {
    target.machine().isa
}

/// Channels that the target's kernels compute at once and want complete.
pub fn channel_step(target: Target) -> usize {
    if isa(target) == Isa::Helium { 4 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_a_machine_is_a_name_of_its_target() {
        for machine in MACHINES {
            assert!(machine.names().all(|name| parse(name) == Some(machine.set)), "{}", machine.name);
            assert_eq!(Target::from_tag(machine.set as u16), Some(machine.set));
            assert!(list().contains(&format!("\n  {} ", machine.name)) || machine.aliases.is_empty());
            assert!(names().contains(machine.name));
        }
        assert_eq!(parse("M0+"), Some(Target::CortexM0));
        assert_eq!(parse("nrf52840-dk"), Some(Target::CortexM4));
        assert_eq!(parse("cortex-m5"), None);
    }

    #[test]
    fn what_is_meant_is_suggested() {
        assert_eq!(suggestion("cortex-m44"), "did you mean cortex-m4?");
        assert_eq!(suggestion("Cortex_M7"), "did you mean cortex-m7?");
        assert_eq!(suggestion("stm32f446re"), "did you mean stm32f4, which is cortex-m4?");
        assert_eq!(suggestion("nrf52480"), "did you mean nrf52840, which is cortex-m4?");
        assert_eq!(
            suggestion("thumbv7em-none-eabihf"),
            "thumbv7em-none-eabihf is the Rust target of cortex-m4 and of cortex-m7"
        );
        assert_eq!(suggestion("toaster"), "");
        assert_eq!(suggestion(""), "");
    }
}
