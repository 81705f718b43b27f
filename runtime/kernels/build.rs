//! Tells the sources which instruction sets the target has.
//!
//! Stable Rust shows no `cfg(target_feature)` for Thumb targets, so the choice is made from the target's name.
//! `thumbv8m.main-*` stands for cores with and without the DSP extension and Helium; there the cargo features `dsp`
//! and `helium` decide, or `-C target-cpu` in the compiler flags, whichever says more. `KINGLET_ISA=portable` turns
//! every special kernel off, for measuring what they gain.

/// Every value of `cfg(kinglet_isa)`.
const ISAS: [&str; 4] = ["armv6m", "armv7m", "armv7em", "helium"];

fn main() {
    let values: Vec<String> = ISAS.iter().map(|isa| format!("{isa:?}")).collect();
    println!("cargo::rustc-check-cfg=cfg(kinglet_isa, values({}))", values.join(", "));
    println!("cargo::rustc-check-cfg=cfg(kinglet_emulation)");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os != "none") {
        println!("cargo::rustc-cfg=kinglet_emulation");
    }
    println!("cargo::rerun-if-env-changed=KINGLET_ISA");
    if std::env::var("KINGLET_ISA").is_ok_and(|isa| isa == "portable") {
        return;
    }
    let target = std::env::var("TARGET").unwrap_or_default();
    if let Some(isa) = isa(&target) {
        println!("cargo::rustc-cfg=kinglet_isa={isa:?}");
        println!("cargo::rustc-env=KINGLET_ASSEMBLER={}", assembler_directive(&target, isa));
    }
}

/// The instruction set whose kernels a target gets.
fn isa(target: &str) -> Option<&'static str> {
    let (architecture, _) = target.split_once('-')?;
    match architecture {
        "thumbv6m" | "thumbv8m.base" => Some("armv6m"),
        "thumbv7m" => Some("armv7m"),
        "thumbv7em" => Some("armv7em"),
        "thumbv8m.main" if asked("HELIUM") || is_cpu(&["cortex-m52", "cortex-m55", "cortex-m85"]) => Some("helium"),
        "thumbv8m.main" if asked("DSP") || is_cpu(&["cortex-m33", "cortex-m35p"]) => Some("armv7em"),
        "thumbv8m.main" => Some("armv7m"),
        _ => None,
    }
}

/// The line before all assembly: an Armv8-M target's name does not tell the assembler of extensions, a core's does.
fn assembler_directive(target: &str, isa: &str) -> &'static str {
    match (target.starts_with("thumbv8m.main"), isa) {
        (true, "armv7em") => ".cpu cortex-m33",
        (true, "helium") => ".cpu cortex-m55",
        _ => ".syntax unified",
    }
}

/// True when a cargo feature is on.
fn asked(feature: &str) -> bool {
    std::env::var_os(format!("CARGO_FEATURE_{feature}")).is_some()
}

/// True when the compiler is told to build for one of these processors.
fn is_cpu(names: &[&str]) -> bool {
    let flags = std::env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let cpu = flags.split('\u{1f}').filter_map(|flag| flag.rsplit_once("target-cpu=")).next_back();
    cpu.is_some_and(|(_, cpu)| names.contains(&cpu))
}
