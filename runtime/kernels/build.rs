//! Tells the sources which instruction set the target has, by the table of machines.
//!
//! Stable Rust shows no `cfg(target_feature)` for Thumb targets, so the choice is made from the target's name.
//! `thumbv8m.main-*` stands for cores with and without the DSP extension and Helium; there the cargo features `dsp`
//! and `helium` decide, or `-C target-cpu` in the compiler flags, whichever says more. `KINGLET_ISA=portable` turns
//! every special kernel off, for measuring what they gain.

#[allow(dead_code, unreachable_pub)]
#[path = "src/machine.rs"]
mod machine;

use std::env;

use machine::{Isa, Machine};

fn main() {
    let values: Vec<String> = Isa::ALL.iter().map(|isa| format!("{:?}", isa.name())).collect();
    println!("cargo::rustc-check-cfg=cfg(kinglet_isa, values({}))", values.join(", "));
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/machine.rs");
    println!("cargo::rerun-if-env-changed=KINGLET_ISA");
    let machine = if env::var("KINGLET_ISA").is_ok_and(|isa| isa == Isa::Portable.name()) { None } else { machine() };
    println!("cargo::rustc-cfg=kinglet_isa={:?}", machine.map_or(Isa::Portable, |machine| machine.isa).name());
    let directive = machine.and_then(Machine::assembler_cpu).map(|cpu| format!(".cpu {cpu}"));
    println!("cargo::rustc-env=KINGLET_ASSEMBLER={}", directive.as_deref().unwrap_or(".syntax unified"));
}

/// The machine whose kernels this build gets.
fn machine() -> Option<&'static Machine> {
    let target = env::var("TARGET").unwrap_or_default();
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let cpu = flags.split('\u{1f}').filter_map(|flag| flag.rsplit_once("target-cpu=")).next_back();
    let of_target = env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    let has_feature = |name: &str| {
        let is_of_target = of_target.split(',').any(|feature| feature == name);
        is_of_target || env::var_os(format!("CARGO_FEATURE_{}", name.to_uppercase())).is_some()
    };
    Machine::of_build(&target, cpu.map(|(_, cpu)| cpu), has_feature)
}
