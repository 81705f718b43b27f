//! The Kotlin compiler: the npm package `kotlin-compiler`, which is the one that JetBrains publishes, of a fixed version
//! whose bytes are known. It is fetched once and kept in the user's cache folder.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::output_of;

const PACKAGE: &str = "kotlin-compiler";
/// Of the compiler and of its classes, which every program needs.
pub(crate) const VERSION: &str = "2.4.20";
/// Of the package's archive.
const SHA512: &str = concat!(
    "205e4854cecba4f840fe7b47410a5a56dd72c6969a428bed11560bcaa58cb9a2",
    "ebd177a52cf3e6effb0ce872e1b5c4638e3a12b0aec8ee53f693360990ccbbdf"
);

/// A compiler that can be started.
pub(crate) struct Kotlin {
    home: PathBuf,
}

/// What to compile, and how.
pub(crate) struct Sources<'a> {
    pub(crate) files: &'a [PathBuf],
    pub(crate) class_path: &'a [&'a Path],
    /// The folder that classes are written into.
    pub(crate) out: &'a Path,
    pub(crate) options: &'a [&'a str],
}

impl Kotlin {
    /// The given compiler (a folder with `lib/kotlin-compiler.jar`), or the cached one, fetched if need be; or what is
    /// missing, for a line that says what was skipped.
    pub(crate) fn find(given: Option<&Path>) -> Result<Self, String> {
        for (program, packages) in [("java", "default-jdk-headless"), ("javac", "default-jdk-headless")] {
            if !starts(program) {
                return Err(format!(
                    "{program} is not installed; on Debian or Ubuntu run: sudo apt-get install -y {packages}"
                ));
            }
        }
        let home = given.map_or_else(cached, |given| Ok(given.to_owned()))?;
        let jar = home.join("lib/kotlin-compiler.jar");
        if jar.is_file() { Ok(Kotlin { home }) } else { Err(format!("there is no {}", jar.display())) }
    }

    /// Kotlin's own classes, which every program needs.
    pub(crate) fn standard_library(&self) -> PathBuf {
        self.home.join("lib/kotlin-stdlib.jar")
    }

    /// Compiles to classes. Warnings are errors.
    pub(crate) fn compile(&self, sources: &Sources<'_>) -> Result<()> {
        let mut command = Command::new("java");
        command.args(["-Xmx1g", "-cp"]).arg(self.home.join("lib/kotlin-compiler.jar"));
        command.args(["org.jetbrains.kotlin.cli.jvm.K2JVMCompiler", "-kotlin-home"]).arg(&self.home);
        command.args(["-Werror", "-no-reflect"]).args(sources.options).args(sources.files).arg("-d").arg(sources.out);
        if !sources.class_path.is_empty() {
            command.arg("-cp").arg(env::join_paths(sources.class_path)?);
        }
        output_of(&mut command).map(drop).context("Kotlin")
    }
}

/// The compiler in the cache.
fn cached() -> Result<PathBuf, String> {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let Some(cache) = cache.or(home) else { return Err("there is no HOME to keep the Kotlin compiler in".into()) };
    let folder = cache.join("kinglet").join(format!("{PACKAGE}-{VERSION}"));
    if folder.is_dir() {
        return Ok(folder);
    }
    if !starts("npm") {
        return Err("npm, which fetches the Kotlin compiler, is not installed; on Debian or Ubuntu run: sudo apt-get \
                    install -y npm"
            .into());
    }
    println!("$ npm pack {PACKAGE}@{VERSION}, kept in {}", folder.display());
    fetch(&folder).map_err(|problem| format!("the Kotlin compiler cannot be fetched: {problem:#}"))?;
    Ok(folder)
}

/// Fetches the package and unpacks it into `folder`, which is there only when it is whole.
fn fetch(folder: &Path) -> Result<()> {
    let work = folder.with_extension(std::process::id().to_string());
    fs::create_dir_all(&work).with_context(|| format!("cannot make {}", work.display()))?;
    let mut npm = Command::new("npm");
    npm.args(["pack", "--silent", "--pack-destination"]).arg(&work).arg(format!("{PACKAGE}@{VERSION}"));
    output_of(&mut npm)?;
    let archive = work.join(format!("{PACKAGE}-{VERSION}.tgz"));
    let sum = output_of(Command::new("sha512sum").arg(&archive))?;
    ensure!(sum.starts_with(SHA512), "{} is not the package that this project knows", archive.display());
    output_of(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(&work))?;
    // Somebody else may have been faster.
    if !folder.is_dir() {
        fs::rename(work.join("package"), folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    fs::remove_dir_all(&work).with_context(|| format!("cannot remove {}", work.display()))
}

/// True when a program of this name is there.
fn starts(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
