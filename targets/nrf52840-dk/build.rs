//! Gives the linker the board's memory map and the firmware its model.
//!
//! `KINGLET_BLOB` names the model, compiled with `kinglet compile MODEL --target cortex-m4 --golden 2 -o model.kgl`.
//! Without it the image uses `model.kgl` in this folder.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    println!("cargo:rerun-if-env-changed=KINGLET_BLOB");
    println!("cargo:rerun-if-changed=memory.x");

    let blob = env::var_os("KINGLET_BLOB").map_or_else(|| here.join("model.kgl"), PathBuf::from);
    println!("cargo:rerun-if-changed={}", blob.display());
    println!("cargo:rustc-env=MODEL_BLOB={}", existing(&blob).display());

    fs::copy("memory.x", out.join("memory.x")).expect("OUT_DIR can be written");
    println!("cargo:rustc-link-search={}", out.display());
    for argument in ["--nmagic", "-Tlink.x", "-Tdefmt.x"] {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
}

fn existing(blob: &Path) -> &Path {
    if !blob.is_file() {
        panic!(
            "there is no model at {}; make one with `kinglet compile MODEL --target cortex-m4 --golden 2 -o {}`, or let \
             `cargo xtask boards` do both",
            blob.display(),
            blob.display()
        );
    }
    blob
}
