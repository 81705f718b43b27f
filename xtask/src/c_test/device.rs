//! The C program on an emulated board: start-up code and linker script of our own, no C library.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::Outcome;
use super::compiler;
use super::models::Subject;
use crate::board::{self, Board};
use crate::emulate;
use crate::library::Library;
use crate::prerequisites::{self, QEMU};
use crate::tree;

const GCC: &str = "arm-none-eabi-gcc";

/// Where `image.ld` puts code and data.
const ORIGINS: [u32; 2] = [0, 0x2000_0000];

/// One board for each instruction set, where the memory is that of the linker script.
pub(crate) fn boards() -> impl Iterator<Item = &'static Board> {
    board::one_of_each_isa().into_iter().filter(|board| board.memory.map(|memory| memory.origin) == ORIGINS)
}

/// What the C compiler must know of the core.
fn flags(board: &Board) -> Vec<String> {
    let floats = board.rust_target.ends_with("hf").then(|| "-mfloat-abi=hard".to_owned());
    [format!("-mcpu={}", board.cpu)].into_iter().chain(floats).collect()
}

/// What is missing to run anything on the board.
fn missing(board: &Board) -> Option<String> {
    compiler::missing(OsStr::new(GCC), "gcc-arm-none-eabi")
        .or_else(|| compiler::missing(OsStr::new(QEMU), "qemu-system-arm"))
        .or_else(|| prerequisites::rust_target(board.rust_target).err().map(|error| error.to_string()))
}

/// Builds an image around the subject and runs it.
pub(crate) fn run(board: &Board, subject: &Subject) -> Result<Outcome> {
    if let Some(missing) = missing(board) {
        return Ok(Outcome::Skipped(missing));
    }
    let library = Library { target: Some(board.rust_target), ..Library::default() }.build()?;
    let image = compiler::folder()?.join(format!("{}-{}.elf", board.core, subject.name.replace([' ', '(', ')'], "")));
    build(board, subject, &library, &image)?;
    emulate(board, &image).map(Outcome::Passed)
}

fn build(board: &Board, subject: &Subject, library: &Path, image: &Path) -> Result<()> {
    let device = compiler::tests().join("device");
    let mut command = Command::new(GCC);
    command.args(["-std=c11", "-mthumb", "-ffreestanding", "-nostdlib", "-Os", "-g"]).args(flags(board));
    command.args(compiler::WARNINGS).arg("-I").arg(tree::root().join("ffi/include"));
    command.arg(format!("-DARENA_BYTES={}", arena_bytes(&subject.blob)?));
    for (name, file) in [("BLOB", &subject.blob), ("INPUT", &subject.input), ("EXPECTED", &subject.expected)] {
        let file = file.canonicalize().with_context(|| format!("cannot find {}", file.display()))?;
        command.arg(format!("-D{name}=\"{}\"", file.display()));
    }
    command.args(["start.S", "main.c"].map(|file| device.join(file))).arg(compiler::tests().join("replay.c"));
    command.arg(library).arg("-Wl,--gc-sections").arg("-T").arg(device.join("image.ld")).arg("-o").arg(image);
    compiler::run(&mut command).map(drop)
}

/// Runs the image and returns what it printed.
fn emulate(board: &Board, image: &Path) -> Result<String> {
    let log = image.with_extension("log");
    let log_file = fs::File::create(&log).with_context(|| format!("cannot make {}", log.display()))?;
    let mut command = Command::new(QEMU);
    command.args(["-M", board.machine, "-display", "none", "-monitor", "none", "-serial", "none"]);
    command.args(["-semihosting-config", "enable=on,target=native"]).arg("-kernel").arg(image);
    command.stdin(Stdio::null()).stdout(log_file.try_clone()?).stderr(log_file);
    let child = command.spawn().with_context(|| format!("cannot start {QEMU}"))?;
    let success = emulate::wait(child)?;
    let text = fs::read_to_string(&log).unwrap_or_default();
    if !success {
        bail!("{} says: {}", image.display(), text.trim());
    }
    Ok(text.trim().to_owned())
}

/// The arena that the blob's header asks for.
fn arena_bytes(blob: &Path) -> Result<u32> {
    let bytes = fs::read(blob).with_context(|| format!("cannot read {}", blob.display()))?;
    let field = bytes.get(16..).and_then(<[u8]>::first_chunk);
    field.map(|field| u32::from_le_bytes(*field)).with_context(|| format!("{} is not a blob", blob.display()))
}
