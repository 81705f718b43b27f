//! Gives the linker the chosen board's memory map, and the image its model.
//!
//! `cargo xtask mcu-bench` sets the variables read here; the self-test image needs only the board.
//!
//! - `KINGLET_BOARD`: an emulated machine of the table (default: the first that has the Rust target).
//! - `KINGLET_BLOB`: the compiled model, an absolute path.
//! - `KINGLET_ARENA_BYTES`: how much arena to reserve.
//! - `KINGLET_VECTORS`: names of the input vectors, `ramp` or `lcg<seed>`, separated by commas.
//!
//! With the feature `loaded` there is no `KINGLET_BLOB`.

#[allow(dead_code, unreachable_pub)]
#[path = "../../runtime/kernels/src/machine.rs"]
mod machine;

use core::fmt::Write;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use machine::{Emulated, Isa, MACHINES, Machine};

/// The table of machines.
const TABLE: &str = "../../runtime/kernels/src/machine.rs";

fn main() {
    let out = PathBuf::from(variable("OUT_DIR").expect("cargo sets OUT_DIR"));
    link(&out, board());
    fs::write(out.join("model.rs"), model_source()).expect("OUT_DIR can be written");
}

/// The machine that the image is for.
fn board() -> &'static Machine {
    let target = variable("TARGET").expect("cargo sets TARGET");
    let found = match variable("KINGLET_BOARD") {
        Some(name) => Machine::find(&name),
        None => MACHINES.iter().find(|machine| machine.emulated.is_some() && machine.rust_targets.contains(&&*target)),
    };
    found.unwrap_or_else(|| panic!("KINGLET_BOARD and {target} name no emulated machine"))
}

fn link(out: &Path, board: &Machine) {
    let Emulated { qemu, note, flash, ram } = board.emulated.expect("an emulated machine was asked for");
    let text =
        format!("/* QEMU {qemu}, {}. {note} */\nMEMORY\n{{\n  FLASH : {flash}\n  RAM : {ram}\n}}\n", board.title);
    fs::write(out.join("memory.x"), text).expect("OUT_DIR can be written");
    // cortex-m-rt asks for the names of a device's interrupts; these machines use none.
    fs::write(out.join("device.x"), "").expect("OUT_DIR can be written");
    fs::copy("image.x", out.join("image.x")).expect("image.x is beside this file");
    println!("cargo:rerun-if-changed={TABLE}");
    println!("cargo:rerun-if-changed=image.x");
    println!("cargo:rustc-link-search={}", out.display());
    for argument in ["--nmagic", "-Tlink.x", "-Timage.x"] {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
    let values: Vec<String> = Isa::ALL.iter().map(|isa| format!("{:?}", isa.name())).collect();
    println!("cargo:rustc-check-cfg=cfg(kinglet_isa, values({}))", values.join(", "));
    println!("cargo:rustc-cfg=kinglet_isa={:?}", board.isa.name());
}

/// The constants that `src/model.rs` includes.
fn model_source() -> String {
    let blob = variable("KINGLET_BLOB");
    let arena = variable("KINGLET_ARENA_BYTES");
    let vectors = variable("KINGLET_VECTORS");
    let loaded = variable("CARGO_FEATURE_LOADED").map(|_| String::new());
    let (Some(blob), Some(arena), Some(vectors)) = (blob.or(loaded), arena, vectors) else {
        return "compile_error!(\"this image is built by `cargo xtask mcu-bench`, which names the model\");\n".into();
    };
    let arena: usize = arena.parse().unwrap_or_else(|_| panic!("KINGLET_ARENA_BYTES={arena}: a number was expected"));
    let names: Vec<&str> = vectors.split(',').filter(|name| !name.is_empty()).collect();
    let list: Vec<String> = names.iter().map(|name| vector_expression(name)).collect();
    let mut source = String::new();
    // Zero bytes would make a static without an address.
    let _ = writeln!(source, "const ARENA_BYTES: usize = {};", arena.max(16));
    let _ = writeln!(source, "pub(crate) const VECTORS: [Vector; {}] = [{}];", list.len(), list.join(", "));
    if blob.is_empty() {
        return source;
    }
    println!("cargo:rerun-if-changed={blob}");
    let _ = writeln!(source, "macro_rules! blob {{ () => {{ *include_bytes!({blob:?}) }} }}");
    let _ = writeln!(source, "const BLOB_BYTES: usize = {};", fs::metadata(&blob).map_or(0, |m| m.len()));
    source
}

fn vector_expression(name: &str) -> String {
    if name == "ramp" {
        return "Vector::Ramp".into();
    }
    let seed: Option<u32> = name.strip_prefix("lcg").and_then(|digits| digits.parse().ok());
    let seed = seed.unwrap_or_else(|| panic!("KINGLET_VECTORS: {name} is neither ramp nor lcg<seed>"));
    format!("Vector::Lcg({seed})")
}

fn variable(name: &str) -> Option<String> {
    println!("cargo:rerun-if-env-changed={name}");
    env::var(name).ok()
}
