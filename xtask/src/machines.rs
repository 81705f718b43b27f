//! Tables of machines for documents, from the one table.

use core::fmt::Write;

use anyhow::Result;
use kinglet_kernels::machine::{Isa, MACHINES, Machine};

/// What `--target` takes.
pub(crate) fn targets() -> Result<String> {
    let mut table = String::from("| `--target` | also called | kernels |\n|---|---|---|\n");
    for machine in MACHINES {
        let others: Vec<&str> = machine.names().skip(1).collect();
        writeln!(table, "| `{}` | {} | {} |", machine.name, code(&others), machine.isa.title())?;
    }
    Ok(table)
}

/// What firmware is built for, and what must be said beside the Rust target.
pub(crate) fn rust_targets() -> Result<String> {
    let mut table = String::from("| core | `--target` | Rust target | feature | kernels |\n|---|---|---|---|---|\n");
    for machine in MACHINES.iter().filter(|machine| machine.is_bare()) {
        let Machine { title, name, rust_targets, extension, isa, .. } = machine;
        let extension = code(extension.as_slice());
        writeln!(table, "| {title} | `{name}` | {} | {extension} | {} |", code(rust_targets), isa.title())?;
    }
    Ok(table)
}

/// What is emulated, and on what.
pub(crate) fn emulated() -> Result<String> {
    let mut table = String::from("| core | QEMU machine | Rust target |\n|---|---|---|\n");
    for machine in MACHINES {
        let (Some(emulated), Some(rust_target)) = (machine.emulated, machine.rust_target()) else { continue };
        let note = if emulated.note.is_empty() { String::new() } else { format!("; {}", emulated.note) };
        writeln!(table, "| {} | {}{note} | {rust_target} |", machine.title, emulated.qemu)?;
    }
    Ok(table)
}

/// Which emulated machines run the kernels of another one that comes before them, as a sentence.
pub(crate) fn sharing() -> String {
    let emulated = || MACHINES.iter().filter(|machine| machine.emulated.is_some());
    let mut sentences = Vec::new();
    for isa in Isa::ALL {
        let mut same = emulated().filter(|machine| machine.isa == *isa).map(|machine| machine.title);
        let (Some(first), others) = (same.next(), same.collect::<Vec<_>>()) else { continue };
        if !others.is_empty() {
            sentences.push(format!("{} run the kernels of {first}.", others.join(" and ")));
        }
    }
    sentences.join(" ") + "\n"
}

fn code(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
