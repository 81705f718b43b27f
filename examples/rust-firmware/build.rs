//! Gives the linker the memory map, and says what is missing when there is no model.

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=memory.x");
    println!("cargo:rerun-if-changed=model.kgl");
    println!("cargo:rustc-link-search={}", env!("CARGO_MANIFEST_DIR"));
    for argument in ["--nmagic", "-Tlink.x"] {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
    let has_model = Path::new("model.kgl").is_file();
    assert!(has_model, "there is no model.kgl in this folder; README.md has the command that makes it");
}
