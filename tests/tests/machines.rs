//! There is one table of machines, `runtime/kernels/src/machine.rs`. Everything that depends on a machine follows it, and
//! nothing else lists machines.

use std::collections::BTreeSet;
use std::fs;

use kinglet_kernels::machine::{Isa, KernelSet, MACHINES, Machine};
use kinglet_tests::tree::{SourceFile, root, source_files};

/// Files that name machines, and why they may.
const MAY_NAME_MACHINES: [(&str, &str); 13] = [
    ("runtime/kernels/src/machine.rs", "the table"),
    ("quantize/src/cost/table.rs", "measured prices, written by a program from what the table says is emulated"),
    ("quantize/src/cli/demo.rs", "what the demonstration compiles for"),
    ("xtask/src/mcu_bench/summary.rs", "the core whose memory docs/performance.md shows"),
    ("xtask/src/sequences.rs", "the board that replays sequences"),
    ("xtask/src/c_test/models.rs", "one blob for a board is among what the C programs run"),
    ("xtask/src/test/steps.rs", "the example firmware's core, the lints' and the other processor"),
    ("xtask/src/host_bench.rs", "which application cores are counted, and on which processors"),
    ("xtask/src/components/", "which machines the components of build systems are tried on"),
    ("xtask/src/jvm/native.rs", "which machines the libraries for Android are for"),
    ("xtask/src/linux_boards.rs", "which machines Linux boards are"),
    ("xtask/src/wasm_test.rs", "whose blobs the npm package runs beside portable ones"),
    ("xtask/src/miri.rs", "where Miri runs, which is a host"),
];

#[test]
fn nothing_but_the_table_lists_machines() {
    let mut names: Vec<String> = ["Target::*", "KernelSet::*"].map(str::to_owned).into();
    for machine in MACHINES.iter().filter(|machine| machine.set != KernelSet::Portable) {
        // A machine may be called like its instruction set, whose name is for everyone.
        let is_isa = |name: &&str| Isa::ALL.iter().any(|isa| isa.name() == *name);
        let of_machine = machine.names().chain(machine.rust_targets.iter().copied());
        names.extend(of_machine.filter(|name| !is_isa(name)).map(|name| format!("{name:?}")));
        names.push(format!("Target::{:?}", machine.set));
        names.push(format!("KernelSet::{:?}", machine.set));
    }
    let mut found = BTreeSet::new();
    for SourceFile { path, text } in source_files() {
        // Tests and benchmarks name the cases they are about.
        let is_product = path.ends_with(".rs") && !path.split('/').any(|part| matches!(part, "tests" | "benches"));
        if !is_product || path.ends_with("tests.rs") {
            continue;
        }
        let product = text.split("#[cfg(test)]").next().unwrap_or_default();
        let code = product.lines().filter(|line| !line.trim_start().starts_with("//"));
        if code.into_iter().any(|line| names.iter().any(|name| line.contains(name.as_str()))) {
            found.insert(path);
        }
    }
    let may = |path: &String| MAY_NAME_MACHINES.iter().any(|(known, _)| path.starts_with(known));
    let others: Vec<&String> = found.iter().filter(|path| !may(path)).collect();
    assert!(others.is_empty(), "machines are named outside their table, which wants another column: {others:#?}");
    for (known, why) in MAY_NAME_MACHINES {
        assert!(found.iter().any(|path| path.starts_with(known)), "{known} names no machine any more ({why})");
    }
}

/// Folders of `arch/` with what several instruction sets share.
const SHARED: [&str; 1] = ["float"];

#[test]
fn every_instruction_set_has_its_folder_and_every_folder_its_machine() {
    let arch = root().join("runtime/kernels/src/arch");
    let folders = fs::read_dir(&arch).expect("arch/ is there").map(|entry| entry.expect("readable").path());
    let folders: BTreeSet<String> = folders
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
        .filter(|name| !SHARED.contains(&name.as_str()))
        .collect();
    let of_machines = MACHINES.iter().map(|machine| machine.isa).filter(|isa| *isa != Isa::Portable);
    assert_eq!(folders, of_machines.map(|isa| isa.name().to_owned()).collect());
    assert!(Isa::ALL.iter().all(|isa| MACHINES.iter().any(|machine| machine.isa == *isa)));
}

#[test]
fn names_and_tags_are_unique_and_extensions_are_features() {
    let mut names = BTreeSet::new();
    for machine in MACHINES {
        assert_eq!(KernelSet::from_tag(machine.set as u16), Some(machine.set));
        assert_eq!(machine.set.machine().name, machine.name);
        for name in machine.names() {
            assert!(names.insert(name), "{name} names two machines");
            assert_eq!(name, name.to_ascii_lowercase());
            assert_eq!(Machine::find(&name.to_ascii_uppercase()).map(|found| found.set), Some(machine.set), "{name}");
        }
    }
    for manifest in ["runtime/kernels/Cargo.toml", "runtime/engine/Cargo.toml", "ffi/Cargo.toml"] {
        let text = fs::read_to_string(root().join(manifest)).expect("readable");
        let manifest: toml::Table = toml::from_str(&text).expect("a manifest");
        for extension in MACHINES.iter().filter_map(|machine| machine.extension) {
            assert!(manifest["features"].get(extension).is_some(), "{extension} is no feature: {text}");
        }
    }
}

#[test]
fn a_build_gets_the_kernels_of_its_core() {
    let isa = |target: &str, cpu: Option<&str>, features: &[&str]| {
        Machine::of_build(target, cpu, |name| features.contains(&name)).map(|machine| machine.isa)
    };
    assert_eq!(isa("thumbv6m-none-eabi", None, &[]), Some(Isa::Armv6m));
    assert_eq!(isa("thumbv8m.base-none-eabi", None, &["helium"]), Some(Isa::Armv6m));
    assert_eq!(isa("thumbv7m-none-eabi", Some("cortex-m4"), &["dsp"]), Some(Isa::Armv7m));
    assert_eq!(isa("thumbv7em-none-eabi", None, &[]), Some(Isa::Armv7em));
    assert_eq!(isa("thumbv7em-none-eabihf", None, &["dsp", "helium"]), Some(Isa::Armv7em));
    let mainline = "thumbv8m.main-none-eabihf";
    assert_eq!(isa(mainline, None, &[]), Some(Isa::Armv7m));
    assert_eq!(isa(mainline, None, &["dsp"]), Some(Isa::Armv7em));
    assert_eq!(isa(mainline, None, &["dsp", "helium"]), Some(Isa::Helium));
    assert_eq!(isa(mainline, Some("cortex-m35p"), &[]), Some(Isa::Armv7em));
    assert_eq!(isa(mainline, Some("cortex-m85"), &["dsp"]), Some(Isa::Helium));
    assert_eq!(isa("x86_64-apple-darwin", None, &[]), Some(Isa::X86_64));
    assert_eq!(isa("aarch64-apple-ios", None, &[]), Some(Isa::Aarch64));
    assert_eq!(isa("riscv64gc-unknown-linux-gnu", None, &[]), None);
    // A module that names vectors is refused where there are none, so they have to be asked for.
    assert_eq!(isa("wasm32-unknown-unknown", None, &[]), None);
    assert_eq!(isa("wasm32-wasip1", None, &["simd128"]), Some(Isa::Wasm));
    let assembler = |features: &[&str]| {
        Machine::of_build(mainline, None, |name| features.contains(&name)).and_then(Machine::assembler_cpu)
    };
    assert_eq!([assembler(&[]), assembler(&["dsp"])], [None, Some("cortex-m33")]);
    assert_eq!(assembler(&["helium"]), Some("cortex-m55"));
}

#[test]
fn what_is_emulated_has_been_measured_and_has_prices() {
    let table = fs::read_to_string(root().join("quantize/src/cost/table.rs")).expect("readable");
    for machine in MACHINES.iter().filter(|machine| machine.emulated.is_some()) {
        let results = root().join(format!("targets/results/{}.json", machine.name));
        assert!(results.is_file(), "cargo xtask mcu-bench --core {} --write-results", machine.name);
        assert!(table.contains(&format!("row({:?}, ", machine.set)), "{}: cargo xtask fit-costs", machine.name);
    }
}
