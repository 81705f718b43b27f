//! Builds firmware images and measures the ELF files.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSection, ObjectSymbol, SectionFlags, SectionKind};

use crate::board::Board;
use crate::tree;

/// What to build.
pub(crate) struct Recipe<'a> {
    pub(crate) board: &'a Board,
    /// `kinglet-emulator` or `selftest`.
    pub(crate) binary: &'a str,
    pub(crate) features: Vec<String>,
    /// The build script's variables.
    pub(crate) variables: Vec<(&'a str, String)>,
    /// Where the image is kept: the next build would overwrite cargo's own.
    pub(crate) keep_as: PathBuf,
}

/// Builds the image and returns the path it is kept at.
pub(crate) fn build(recipe: &Recipe<'_>) -> Result<PathBuf> {
    let target = tree::firmware_target();
    fs::create_dir_all(&target).with_context(|| format!("cannot make {}", target.display()))?;
    // Two builds at once would replace each other's image between building and keeping it.
    let lock = File::create(target.join("image.lock")).context("cannot make a lock file")?;
    lock.lock().context("cannot wait for another build")?;

    let mut cargo = tree::firmware_cargo();
    cargo.args(["build", "--release", "--quiet", "--package", "kinglet-emulator", "--bin", recipe.binary]);
    cargo.args(["--target", recipe.board.rust_target]);
    let extension = recipe.board.extension.map(|extension| format!("kinglet/{extension}"));
    let features: Vec<String> = recipe.features.iter().cloned().chain(extension).collect();
    if !features.is_empty() {
        cargo.args(["--features", &features.join(",")]);
    }
    cargo.env("KINGLET_BOARD", recipe.board.core).envs(recipe.variables.iter().map(|(name, value)| (name, value)));
    // Warnings are not for whoever measures: an image with few operators leaves parts of the engine unused.
    let output = cargo.stdin(Stdio::null()).output().context("cannot start cargo")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("the firmware image for {} was not built:\n{}", recipe.board.core, said.trim());
    }
    let built = target.join(recipe.board.rust_target).join("release").join(recipe.binary);
    if let Some(folder) = recipe.keep_as.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    fs::copy(&built, &recipe.keep_as).with_context(|| format!("cannot copy {}", built.display()))?;
    Ok(recipe.keep_as.clone())
}

/// Sizes from the section headers, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// Vectors, code, constants and the initial values of data: all of flash but the model.
    pub(crate) code_flash: u64,
    /// Static memory without the arena.
    pub(crate) data_bss: u64,
    /// `.model`
    pub(crate) model: u64,
    /// `.arena`
    pub(crate) arena: u64,
}

pub(crate) fn sizes(image: &Path) -> Result<Sizes> {
    let bytes = fs::read(image).with_context(|| format!("cannot read {}", image.display()))?;
    let file = object::File::parse(&*bytes).with_context(|| format!("{} is not an ELF file", image.display()))?;
    let mut sizes = Sizes::default();
    for section in file.sections() {
        let SectionFlags::Elf { sh_flags } = section.flags() else { continue };
        if sh_flags & u64::from(object::elf::SHF_ALLOC) == 0 {
            continue;
        }
        let size = section.size();
        match section.name().unwrap_or("") {
            ".model" => sizes.model += size,
            ".arena" => sizes.arena += size,
            _ => {
                let written = sh_flags & u64::from(object::elf::SHF_WRITE) != 0;
                let stored = section.kind() != SectionKind::UninitializedData;
                sizes.data_bss += if written { size } else { 0 };
                // Initial values of `.data` lie in flash too, and are copied at start-up.
                sizes.code_flash += if stored { size } else { 0 };
            }
        }
    }
    Ok(sizes)
}

/// Where a symbol is.
pub(crate) fn address(image: &Path, name: &str) -> Result<u64> {
    let bytes = fs::read(image).with_context(|| format!("cannot read {}", image.display()))?;
    let file = object::File::parse(&*bytes).with_context(|| format!("{} is not an ELF file", image.display()))?;
    let symbol = file.symbols().find(|symbol| symbol.name() == Ok(name));
    symbol.map(|symbol| symbol.address()).with_context(|| format!("{} has no {name}", image.display()))
}

/// What lies between static memory and the end of RAM, from the linker script's symbols.
pub(crate) fn stack_room(image: &Path) -> Result<u64> {
    let (top, bottom) = (address(image, "_stack_start")?, address(image, "__sheap")?);
    top.checked_sub(bottom).context("static memory is larger than RAM")
}
