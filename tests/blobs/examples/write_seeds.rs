//! Writes the blobs of this crate into a folder: what the fuzz target `load_raw` starts from.
//!
//! ```text
//! cargo run --package kinglet-test-blobs --example write_seeds -- FOLDER
//! ```

use std::path::PathBuf;

use kinglet_test_blobs::programs::{every_opcode, in_place, network_f32, network_i8};

fn main() -> std::io::Result<()> {
    let folder = PathBuf::from(std::env::args_os().nth(1).expect("the folder to write to"));
    std::fs::create_dir_all(&folder)?;
    let programs = every_opcode().into_iter().chain(in_place()).chain([network_i8(), network_f32()]);
    for (index, program) in programs.enumerate() {
        std::fs::write(folder.join(format!("{index:02}")), &*program.blob(1))?;
    }
    Ok(())
}
