//! The npm package `kinglet-edge`: the C library as WebAssembly, a thin layer of JavaScript, and the viewer.
//!
//! There are two modules. Vectors cannot be asked for at run time in WebAssembly: a module that names them is refused
//! as a whole where they are not known, so the layer chooses between two. The one with vectors is built for speed, or
//! generic kernels would not be inlined; the other one for size.
//!
//! Both are linked with the proof that no panic can be reached: a module that could reach one would import a function,
//! and importing anything fails the build here.

mod page;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use kinglet_kernels::machine::{Isa, MACHINES, Machine};

use crate::{prerequisites, tree};

/// The machine whose kernels the module with vectors has.
fn machine() -> Option<&'static Machine> {
    MACHINES.iter().find(|machine| machine.isa == Isa::Wasm)
}

/// The Rust target of both modules.
pub(crate) fn target() -> &'static str {
    machine().and_then(Machine::rust_target).unwrap_or_default()
}

/// What tells the compiler that there are vectors.
pub(crate) fn vectors() -> String {
    machine()
        .and_then(|machine| machine.target_feature)
        .map_or_else(String::new, |feature| format!("-C target-feature=+{feature}"))
}

/// Any blob runs, and the viewer sees operators.
const FEATURES: &str = "panic-proof,emulation,view";
/// With vectors the engine's stack is up to 110 kB: activations and transposed weights of a layer.
const STACK: &str = "-C link-arg=-zstack-size=196608";

/// A module and how it is built.
struct Module {
    name: &'static str,
    has_vectors: bool,
    opt_level: &'static str,
}

const MODULES: [Module; 2] = [
    Module { name: "scalar", has_vectors: false, opt_level: "\"s\"" },
    Module { name: "simd", has_vectors: true, opt_level: "3" },
];

/// Makes the package in `folder`, which is emptied.
pub(crate) fn package(folder: &Path, kinglet: &Path) -> Result<()> {
    prerequisites::rust_target(target())?;
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let source = source();
    for name in ["kinglet.js", "kinglet.d.ts", "package.json", "README.md"] {
        copy(&source.join(name), &folder.join(name))?;
    }
    for name in ["LICENSE-MIT", "LICENSE-APACHE"] {
        copy(&tree::root().join(name), &folder.join(name))?;
    }
    for module in &MODULES {
        copy(&module.build()?, &folder.join(format!("kinglet-{}.wasm", module.name)))?;
    }
    let viewer = folder.join("viewer.html");
    fs::write(&viewer, page::assembled(folder, kinglet)?).with_context(|| format!("cannot write {}", viewer.display()))
}

/// Where the package's sources are.
pub(crate) fn source() -> PathBuf {
    tree::root().join("ffi/wasm")
}

impl Module {
    fn build(&self) -> Result<PathBuf> {
        let folder = tree::library_target().join(format!("wasm-{}", self.name));
        let mut cargo = tree::cargo();
        cargo.current_dir(tree::root().join("ffi")).env("CARGO_TARGET_DIR", &folder);
        for name in ["CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
            cargo.env_remove(name);
        }
        let flags = if self.has_vectors { vectors() } else { String::new() };
        cargo.env("RUSTFLAGS", format!("{STACK} {flags}").trim_end());
        cargo.args(["rustc", "--quiet", "--release", "--lib", "--crate-type", "cdylib", "--features", FEATURES]);
        cargo.args(["--target", target(), "--config", &format!("profile.release.opt-level={}", self.opt_level)]);
        let status = cargo.stdin(Stdio::null()).status().context("cannot start cargo")?;
        ensure!(status.success(), "the module {} was not built", self.name);
        let built = folder.join(target()).join("release/kinglet.wasm");
        let bytes = fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
        ensure!(!imports(&bytes)?, "the module {} imports something: a panic can be reached", self.name);
        Ok(built)
    }
}

/// Whether a module has a section of imports: the binary format is a header of eight bytes, then sections, each with its
/// number and its length.
fn imports(module: &[u8]) -> Result<bool> {
    const IMPORTS: u8 = 2;
    let mut rest = module.strip_prefix(b"\0asm\x01\0\0\0").context("the compiler wrote no module")?;
    while let Some((&kind, after)) = rest.split_first() {
        if kind == IMPORTS {
            return Ok(true);
        }
        let (mut length, mut shift, mut used) = (0_usize, 0, 0);
        for &byte in after.iter().take(5) {
            length |= usize::from(byte & 0x7f) << shift;
            (shift, used) = (shift + 7, used + 1);
            if byte < 0x80 {
                break;
            }
        }
        rest = after.get(used + length..).context("a section runs over the module's end")?;
    }
    Ok(false)
}

/// Puts the folder into the archive that npm would make of it; its path.
pub(crate) fn archive(folder: &Path, out: &Path) -> Result<PathBuf> {
    let archive = out.join(format!("kinglet-edge-{}.tgz", env!("CARGO_PKG_VERSION")));
    let name = folder.file_name().context("the package has no name")?;
    let mut tar = Command::new("tar");
    tar.args(["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--mode=u=rwX,go=rX"]);
    // What npm unpacks is a folder of this name, whatever the package is called.
    tar.arg(format!("--transform=s,^{},package,", name.to_string_lossy()));
    tar.args(["--use-compress-program", "gzip -n -9", "-cf"]).arg(&archive);
    tar.arg("-C").arg(folder.parent().unwrap_or(Path::new("."))).arg(name);
    let output = tar.stdin(Stdio::null()).output().context("cannot start tar")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(archive)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).map(drop).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_seen() {
        let header = b"\0asm\x01\0\0\0".to_vec();
        let with = |sections: &[u8]| imports(&[&header[..], sections].concat());
        assert!(!with(&[]).unwrap());
        assert!(!with(&[1, 3, 0, 0, 0, 3, 0x80, 0]).unwrap());
        assert!(with(&[1, 1, 0, 2, 1, 0]).unwrap());
        assert!(with(&[1, 9, 0]).is_err());
        assert!(imports(b"ELF").is_err());
    }

    #[test]
    fn the_package_has_the_version_of_everything() {
        let text = fs::read_to_string(source().join("package.json")).unwrap();
        let package: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(package["version"], env!("CARGO_PKG_VERSION"));
    }
}
