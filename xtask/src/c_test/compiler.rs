//! C and C++ compilers, and programs made by them.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::tree;

/// No warning is left.
pub(crate) const WARNINGS: [&str; 6] = ["-Wall", "-Wextra", "-pedantic", "-Werror", "-Wconversion", "-Wshadow"];

/// A language standard, and how to be called for it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Dialect {
    C99,
    C11,
    Cxx11,
    Cxx17,
}

impl Dialect {
    pub(crate) const ALL: [Dialect; 3] = [Dialect::C99, Dialect::C11, Dialect::Cxx17];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Dialect::C99 => "c99",
            Dialect::C11 => "c11",
            Dialect::Cxx11 => "c++11",
            Dialect::Cxx17 => "c++17",
        }
    }

    /// The compiler: the one that the environment names, or the system's.
    fn compiler(self) -> OsString {
        let (variable, default) = match self {
            Dialect::C99 | Dialect::C11 => ("CC", "cc"),
            Dialect::Cxx11 | Dialect::Cxx17 => ("CXX", "c++"),
        };
        env::var_os(variable).unwrap_or_else(|| default.into())
    }

    /// A command that reads C++ from a file and writes nothing.
    pub(crate) fn syntax(self, file: &Path) -> Command {
        let mut command = Command::new(self.compiler());
        command.arg(format!("-std={}", self.name())).args(["-Wall", "-Wextra", "-pedantic", "-Werror"]);
        command.args(["-fsyntax-only", "-x", "c++"]).arg("-I").arg(tree::root().join("ffi/include")).arg(file);
        command
    }

    /// What is missing, and how to get it; none when the compiler is there.
    pub(crate) fn missing(self) -> Option<String> {
        missing(&self.compiler(), "g++")
    }
}

/// None when the program can be started.
pub(crate) fn missing(program: &OsStr, package: &str) -> Option<String> {
    let started = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let name = program.to_string_lossy();
    started
        .is_err()
        .then(|| format!("{name} is not installed; on Debian or Ubuntu run: sudo apt-get install -y {package}"))
}

/// A program to be made.
pub(crate) struct Program<'a> {
    pub(crate) name: &'a str,
    pub(crate) dialect: Dialect,
    /// Files of `ffi/c-tests`.
    pub(crate) sources: &'a [&'a str],
    pub(crate) library: &'a Path,
    pub(crate) arguments: &'a [&'a str],
}

impl Program<'_> {
    /// Compiles and links it.
    pub(crate) fn build(&self) -> Result<PathBuf> {
        let output = folder()?.join(format!("{}-{}", self.name, self.dialect.name()));
        let mut command = Command::new(self.dialect.compiler());
        command.arg(format!("-std={}", self.dialect.name())).args(WARNINGS).args(["-g", "-O1"]);
        if matches!(self.dialect, Dialect::Cxx11 | Dialect::Cxx17) {
            command.args(["-x", "c++"]);
        } else {
            command.arg("-Wstrict-prototypes");
        }
        command.args(self.arguments).arg("-I").arg(tree::root().join("ffi/include"));
        command.args(self.sources.iter().map(|source| tests().join(source)));
        command.args(["-x", "none"]).arg(self.library).arg("-o").arg(&output);
        if let Some(folder) = self.library.parent().filter(|_| self.library.extension() == Some(OsStr::new("so"))) {
            command.arg(format!("-Wl,-rpath,{}", folder.display()));
        }
        run(&mut command)?;
        Ok(output)
    }
}

/// The folder of the C sources.
pub(crate) fn tests() -> PathBuf {
    tree::root().join("ffi/c-tests")
}

/// The folder that programs and data are put into.
pub(crate) fn folder() -> Result<PathBuf> {
    let folder = tree::library_target().join("c-test");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// Runs it to its end and returns what it printed; an error with all of that when it fails.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {command:?}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if !output.status.success() {
        bail!("{command:?}: {}\n{}\n{}", output.status, text(&output.stdout), text(&output.stderr));
    }
    Ok(text(&output.stdout))
}
