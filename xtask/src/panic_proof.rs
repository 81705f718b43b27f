//! `cargo xtask panic-proof`: nothing that a C program can call reaches a panic or an allocator.
//!
//! The library's panic handler calls a function that does not exist. Here every function of `kinglet.h` is linked into
//! one program, which keeps what they reach and nothing else. The link succeeds only when no panic is reachable: the
//! proof is the linker's. The symbols of the program are read as well, for allocators, formatting and unwinding.
//!
//! A proof that cannot fail proves nothing. So first a function with one unchecked index is linked too, and that link
//! must fail, by the name of the missing function.

use core::num::NonZero;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use kinglet_kernels::machine::{Isa, MACHINES, Machine};
use object::{Object, ObjectSection, ObjectSymbol, SectionFlags};

use crate::c_test::{Outcome, Report, header};
use crate::library::{self, Library};
use crate::mcu_bench::operators;
use crate::prerequisites;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Only these targets.
    #[arg(long, value_name = "TRIPLE")]
    target: Vec<String>,
    /// As delivered on every target; at the other levels of optimization on the first one only
    #[arg(long)]
    short: bool,
    /// Measure the library with what this blob needs, instead of what the keyword model needs.
    #[arg(long, value_name = "BLOB")]
    blob: Option<PathBuf>,
}

/// The Rust targets of machines without an operating system, and the extensions that machines with the same target have.
fn targets() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut targets: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for machine in MACHINES.iter().filter(|machine| machine.is_bare()) {
        if let Some(target) = machine.rust_target() {
            targets.entry(target).or_default().extend(machine.extension);
        }
    }
    targets
}

/// As delivered, and everything at one level: what is proven must not hang on the optimiser's mood.
const OPT_LEVELS: [Option<&str>; 3] = [None, Some("s"), Some("3")];

/// The function that the panic handler calls.
const MISSING_FUNCTION: &str = "kinglet_panic_is_reachable";

/// What the keyword model needs, for a size that means something to a reader.
const KEYWORD_FEATURES: [&str; 6] =
    ["conv2d-i8", "depthwise-i8", "fully-connected-i8", "average-pool-i8", "softmax-i8", ROW_MAJOR];

/// Kernels for weights in the order that every machine can run. Compiled for a machine that has kernels of its own, a model
/// does without.
const ROW_MAJOR: &str = "row-major";

/// What a program needs that runs a model.
const RUN_FUNCTIONS: [&str; 5] = [
    "kinglet_model_init",
    "kinglet_session_init",
    "kinglet_session_input_i8",
    "kinglet_session_run",
    "kinglet_session_output_i8",
];

/// What trust, slots, monitor and rollout can do, see `ffi/src/lifecycle.rs`.
const LIFECYCLE_FUNCTIONS: [&str; 5] = [
    "kinglet_proof_trust",
    "kinglet_proof_slots",
    "kinglet_proof_gate",
    "kinglet_proof_monitor",
    "kinglet_proof_rollout",
];

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut report = Report::default();
    let Some(linker) = library::rust_linker()? else {
        report.lane("panic-proof", Ok(Outcome::Skipped("the Rust compiler has come without rust-lld".into())));
        return Ok(report.finish());
    };
    let functions: Vec<String> = header::functions()?.into_iter().collect();
    let features: Vec<&str> = match &arguments.blob {
        Some(blob) => operators::features(blob)?.into_iter().collect(),
        None => KEYWORD_FEATURES.to_vec(),
    };
    let features = features.into_iter().map(str::to_owned).collect();
    let proof = Proof { linker, functions, features };
    let asked = |target: &str| arguments.target.is_empty() || arguments.target.iter().any(|t| t == target);
    let asked: Vec<_> = targets().into_iter().filter(|(target, _)| asked(target)).collect();
    // Each library is optimized as one, by one thread: targets are built side by side.
    let (next, report) = (AtomicUsize::new(0), Mutex::new(report));
    let print = |name: &str, outcome: Result<Outcome>| {
        report.lock().unwrap_or_else(PoisonError::into_inner).lane(name, outcome);
    };
    let work = || {
        while let Some((index, (target, extensions))) = asked.iter().enumerate().nth(next.fetch_add(1, Relaxed)) {
            let levels = if arguments.short && index > 0 { &OPT_LEVELS[..1] } else { &OPT_LEVELS[..] };
            proof.of_target(target, levels, extensions, &print);
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(work);
        }
    });
    Ok(report.into_inner().unwrap_or_else(PoisonError::into_inner).finish())
}

/// What is the same for all targets.
struct Proof {
    linker: PathBuf,
    /// Every function of the header.
    functions: Vec<String>,
    /// What one model needs.
    features: Vec<String>,
}

impl Proof {
    /// All that is proven of a target, and how large its library is. `print` is told each result.
    fn of_target(
        &self,
        target: &'static str,
        levels: &[Option<&'static str>],
        extensions: &[&'static str],
        print: &dyn Fn(&str, Result<Outcome>),
    ) {
        if let Err(missing) = prerequisites::rust_target(target) {
            return print(target, Ok(Outcome::Skipped(missing.to_string())));
        }
        print(&format!("{target} negative control"), self.must_fail(target).map(Outcome::Passed));
        for &level in levels {
            let name = level.map_or("as delivered".to_owned(), |level| format!("opt-level {level}"));
            print(&format!("{target} {name}"), self.must_hold(target, level, None).map(Outcome::Passed));
        }
        for &extension in extensions {
            let proved = self.must_hold(target, None, Some(extension));
            print(&format!("{target} {extension}"), proved.map(Outcome::Passed));
        }
        print(&format!("{target} trust, slots, monitor, rollout"), self.lifecycle(target).map(Outcome::Passed));
        print(&format!("{target} flash"), self.flash(target).map(Outcome::Passed));
    }

    /// Links everything and looks at what was linked.
    fn must_hold(
        &self,
        target: &'static str,
        opt_level: Option<&'static str>,
        extension: Option<&'static str>,
    ) -> Result<String> {
        // No feature but an extension: a release build for such a machine has the panic handler of the proof.
        let features = extension.into_iter().collect();
        let library = Library { target: Some(target), opt_level, features, ..Library::default() }.build()?;
        let program = self.link(&library, &self.functions)??;
        let facts = facts(&program)?;
        for function in &self.functions {
            ensure!(facts.symbols.contains(function), "{function} is not in the program");
        }
        let forbidden: Vec<&String> = facts.symbols.iter().filter(|symbol| is_forbidden(symbol)).collect();
        ensure!(forbidden.is_empty(), "reachable: {forbidden:?}");
        Ok(format!("{} functions reach no panic, {} bytes", self.functions.len(), facts.flash_bytes))
    }

    /// Links everything and the function that can panic.
    fn must_fail(&self, target: &'static str) -> Result<String> {
        let features = vec!["panic-proof-negative-control"];
        let operators = Some(vec![ROW_MAJOR.to_owned()]);
        let library = Library { target: Some(target), features, operators, ..Library::default() }.build()?;
        let control = "kinglet_negative_control".to_owned();
        let functions: Vec<String> = self.functions.iter().cloned().chain([control]).collect();
        match self.link(&library, &functions)? {
            Ok(_) => bail!("a program with a reachable panic was linked: the proof would prove nothing"),
            Err(message) if format!("{message:#}").contains(MISSING_FUNCTION) => {
                Ok("an unchecked index is found".to_owned())
            }
            Err(message) => Err(message.context("the link failed for another reason than the panic")),
        }
    }

    /// Links what trust, slots, monitor and rollout can do, over cryptography and flash that are somebody else's.
    fn lifecycle(&self, target: &'static str) -> Result<String> {
        let operators = Some(vec![ROW_MAJOR.to_owned()]);
        let library =
            Library { target: Some(target), features: vec!["lifecycle-proof"], operators, ..Library::default() };
        let functions: Vec<String> = LIFECYCLE_FUNCTIONS.iter().map(|name| (*name).to_owned()).collect();
        let facts = facts(&self.link(&library.build()?, &functions)??)?;
        let forbidden: Vec<&String> = facts.symbols.iter().filter(|symbol| is_forbidden(symbol)).collect();
        ensure!(forbidden.is_empty(), "reachable: {forbidden:?}");
        Ok(format!("no panic, {} bytes without cryptography", facts.flash_bytes))
    }

    /// How large a program is that runs one model: with all operators, and with those of the keyword model.
    fn flash(&self, target: &'static str) -> Result<String> {
        let functions: Vec<String> = RUN_FUNCTIONS.iter().map(|name| (*name).to_owned()).collect();
        let size = |operators: Option<Vec<String>>| -> Result<u64> {
            let library = Library { target: Some(target), operators, ..Library::default() }.build()?;
            Ok(facts(&self.link(&library, &functions)??)?.flash_bytes)
        };
        let machine = Machine::of_build(target, None, |_| false);
        let without_row_major = machine.is_some_and(|machine| machine.isa != Isa::Portable);
        let features = self.features.iter().filter(|name| !(without_row_major && *name == ROW_MAJOR));
        let features: Vec<String> = features.cloned().collect();
        let (few, all) = (size(Some(features.clone()))?, size(None)?);
        Ok(format!("{few} bytes with {}; {all} bytes with all operators", features.join(", ")))
    }

    /// Links the functions and what they reach. The inner error is the linker's.
    fn link(&self, library: &Path, functions: &[String]) -> Result<Result<PathBuf>> {
        let program = library.with_extension("elf");
        let mut command = Command::new(&self.linker);
        command.args(["-flavor", "gnu", "--gc-sections", "--entry"]).arg(functions.first().context("no functions")?);
        command.args(functions.iter().map(|function| format!("--undefined={function}")));
        command.arg("-o").arg(&program).arg(library);
        let output = command.output().with_context(|| format!("cannot start {}", self.linker.display()))?;
        if output.status.success() {
            return Ok(Ok(program));
        }
        Ok(Err(anyhow::Error::msg(String::from_utf8_lossy(&output.stderr).trim().to_owned())))
    }
}

/// What a linked program has.
struct Facts {
    /// Demangled.
    symbols: BTreeSet<String>,
    /// Code, constants and initial values.
    flash_bytes: u64,
}

fn facts(program: &Path) -> Result<Facts> {
    let bytes = fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
    let file = object::File::parse(&*bytes).with_context(|| format!("{} is not an ELF file", program.display()))?;
    let names =
        file.symbols().filter_map(|symbol| symbol.name().ok().map(|name| rustc_demangle::demangle(name).to_string()));
    let stored = file.sections().filter(|section| {
        let SectionFlags::Elf { sh_flags } = section.flags() else { return false };
        let loaded = sh_flags & u64::from(object::elf::SHF_ALLOC) != 0;
        loaded && section.kind() != object::SectionKind::UninitializedData
    });
    Ok(Facts { flash_bytes: stored.map(|section| section.size()).sum(), symbols: names.collect() })
}

/// Panics, formatting, unwinding and allocators, by what their names contain or are.
fn is_forbidden(symbol: &str) -> bool {
    const PARTS: [&str; 9] = [
        "core::panicking",
        "core::fmt",
        "core::option::unwrap_failed",
        "core::option::expect_failed",
        "core::result::unwrap_failed",
        "core::slice::index::slice_",
        "__rust_",
        "_Unwind_",
        "alloc::",
    ];
    const NAMES: [&str; 8] = [
        "malloc",
        "calloc",
        "realloc",
        "free",
        "aligned_alloc",
        "posix_memalign",
        "rust_eh_personality",
        MISSING_FUNCTION,
    ];
    PARTS.iter().any(|part| symbol.contains(part)) || NAMES.contains(&symbol)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_and_allocators_are_told_from_ours() {
        for symbol in ["core::panicking::panic_fmt::h0", "__rust_alloc", "malloc", "core::fmt::Formatter::pad::h0"] {
            assert!(is_forbidden(symbol), "{symbol}");
        }
        for symbol in ["kinglet_session_run", "memcpy", "kinglet::session::Session::step::h0", "kinglet::arena::x"] {
            assert!(!is_forbidden(symbol), "{symbol}");
        }
    }
}
