//! `cargo xtask package`: the C library as an archive that a project uses without Rust.
//!
//! ```text
//! kinglet-VERSION-TARGET/
//!   include/kinglet.h, kinglet/tflm.hpp
//!   lib/libkinglet.a                      and on Linux libkinglet.so, libkinglet.so.0
//!   lib/cmake/kinglet/                    find_package(kinglet): kinglet::kinglet
//!   lib/pkgconfig/kinglet.pc
//!   share/doc/kinglet/                    licenses
//!   share/kinglet/sbom.cdx.json           what it is made of (CycloneDX)
//! ```
//!
//! Beside the folder lies the same as `.tar.gz`, whose bytes depend on nothing but its content. With `--check` projects
//! are built from the package: with CMake, with pkg-config, and from the sources.
//!
//! `--android` and `--jvm` make the packages of the Kotlin classes instead, see `jvm.rs`.

mod check;
mod jvm;
mod sbom;
mod zip;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::jvm::kotlin::Kotlin;
use crate::library::{self, Library, SONAME};
use crate::npm;
use crate::prerequisites;
use crate::tree;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The Rust target to build for, more than once for several archives [default: this machine]
    #[arg(long, value_name = "TRIPLE")]
    target: Vec<String>,
    /// The folder that archives are put into; it is made if need be
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The only cargo features of the library, as `kinglet ops --json` lists them [default: every operator]
    #[arg(long, value_name = "FEATURES", value_delimiter = ',')]
    features: Vec<String>,
    /// Use the package of this machine as projects do: CMake, pkg-config, and the sources in a project of CMake
    #[arg(long, conflicts_with = "target")]
    check: bool,
    /// Make the package for Android (.aar) instead, as a Maven repository: Kotlin classes and libraries for three kinds of
    /// processors
    #[arg(long, conflicts_with_all = ["target", "features", "check"])]
    android: bool,
    /// Make the package for JVMs (.jar) instead, as a Maven repository
    #[arg(long, conflicts_with_all = ["target", "features", "check"])]
    jvm: bool,
    /// A folder with the Kotlin compiler, instead of the one in the cache
    #[arg(long, value_name = "DIR", env = "KINGLET_KOTLIN")]
    kotlin: Option<PathBuf>,
    /// Make the npm package kinglet-edge instead
    #[arg(long, conflicts_with_all = ["target", "features", "check"])]
    npm: bool,
    /// Use this kinglet binary for the check or the page, instead of building it
    #[arg(long, value_name = "FILE", env = "KINGLET_BIN")]
    kinglet: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if arguments.android || arguments.jvm {
        return for_jvms(arguments);
    }
    if arguments.npm {
        let folder = arguments.out.join("kinglet-edge");
        npm::package(&folder, &prerequisites::kinglet(arguments.kinglet.as_deref())?)?;
        println!("{}", npm::archive(&folder, &arguments.out)?.display());
        return Ok(ExitCode::SUCCESS);
    }
    let host = library::host()?;
    let targets = if arguments.target.is_empty() { vec![host.clone()] } else { arguments.target.clone() };
    for target in &targets {
        let is_host = *target == host;
        if !is_host {
            prerequisites::rust_target(target)?;
        }
        let folder = package(arguments, target, is_host)?;
        let archive = archive(&folder)?;
        println!("{}", archive.display());
        if arguments.check {
            check::run(&folder, arguments.kinglet.as_deref())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The packages of the Kotlin classes.
fn for_jvms(arguments: &Arguments) -> Result<ExitCode> {
    let kotlin = match Kotlin::find(arguments.kotlin.as_deref()) {
        Ok(kotlin) => kotlin,
        Err(missing) => return crate::jvm::skipped("package", &missing),
    };
    if arguments.android {
        println!("{}", jvm::android(&kotlin, &arguments.out)?.display());
    }
    if arguments.jvm {
        println!("{}", jvm::desktop(&kotlin, &arguments.out)?.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// The version that the package has.
fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Makes the folder of one target anew and returns it.
fn package(arguments: &Arguments, target: &str, is_host: bool) -> Result<PathBuf> {
    let folder = arguments.out.join(format!("kinglet-{}-{target}", version()));
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    let operators = (!arguments.features.is_empty()).then(|| arguments.features.clone());
    // A target's name lives as long as the program: there are a handful.
    let named = (!is_host).then(|| &*String::leak(target.to_owned()));
    let library = Library { target: named, operators, ..Library::default() };
    copy(&library.build()?, &folder.join("lib/libkinglet.a"))?;
    if is_host && cfg!(target_os = "linux") {
        let shared = Library { shared: true, ..library }.build()?;
        copy(&shared, &folder.join("lib").join(SONAME))?;
        copy(&shared, &folder.join("lib/libkinglet.so"))?;
    }
    let source = tree::root();
    copy(&source.join("ffi/include/kinglet.h"), &folder.join("include/kinglet.h"))?;
    copy(&source.join("ffi/include/kinglet/tflm.hpp"), &folder.join("include/kinglet/tflm.hpp"))?;
    copy(&source.join("ffi/cmake/kingletConfig.cmake"), &folder.join("lib/cmake/kinglet/kingletConfig.cmake"))?;
    fill("kingletConfigVersion.cmake", &folder.join("lib/cmake/kinglet"))?;
    fill("kinglet.pc", &folder.join("lib/pkgconfig"))?;
    for license in ["LICENSE-MIT", "LICENSE-APACHE"] {
        copy(&source.join(license), &folder.join("share/doc/kinglet").join(license))?;
    }
    write(&folder.join("share/kinglet/sbom.cdx.json"), sbom::of_library(target, "")?.as_bytes())?;
    Ok(folder)
}

/// Writes a template of `ffi/cmake` into a folder.
fn fill(name: &str, folder: &Path) -> Result<()> {
    let template = tree::root().join("ffi/cmake").join(format!("{name}.in"));
    let text = fs::read_to_string(&template).with_context(|| format!("cannot read {}", template.display()))?;
    write(&folder.join(name), text.replace("@VERSION@", version()).as_bytes())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    write(to, &fs::read(from).with_context(|| format!("cannot read {}", from.display()))?)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// The folder as an archive beside it.
fn archive(folder: &Path) -> Result<PathBuf> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let parent = folder.parent().unwrap_or(Path::new("."));
    let archive = parent.join(format!("{name}.tar.gz"));
    let mut tar = Command::new("tar");
    tar.args(["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--mode=u=rwX,go=rX"]);
    // The compressor is told not to write down when.
    tar.args(["--use-compress-program", "gzip -n -9", "-cf"]).arg(&archive).arg("-C").arg(parent).arg(&name);
    started(&mut tar)?;
    Ok(archive)
}

/// Runs a command to its end; what it prints is shown when it fails.
fn started(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {command:?}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("{command:?}: {}\n{text}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(text)
}
