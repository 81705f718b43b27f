//! Tells the sources which instruction set the target has.
//!
//! Stable Rust shows no `cfg(target_feature)` for Thumb targets, so the choice is made from the target's
//! name: `thumbv7em-*` has the DSP extension (`SMLAD`). `KINGLET_ISA=portable` turns every special kernel
//! off, for measuring what they gain.
fn main() {
    println!("cargo::rustc-check-cfg=cfg(kinglet_isa, values(\"armv7em\"))");
    println!("cargo::rustc-check-cfg=cfg(kinglet_emulation)");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os != "none") {
        println!("cargo::rustc-cfg=kinglet_emulation");
    }
    println!("cargo::rerun-if-env-changed=KINGLET_ISA");
    let target = std::env::var("TARGET").unwrap_or_default();
    let portable = std::env::var("KINGLET_ISA").is_ok_and(|isa| isa == "portable");
    if target.starts_with("thumbv7em-") && !portable {
        println!("cargo::rustc-cfg=kinglet_isa=\"armv7em\"");
    }
}
