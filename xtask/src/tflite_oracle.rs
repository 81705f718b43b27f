//! `cargo xtask tflite-oracle`: whole models in Kinglet against TensorFlow Lite itself (`tests/oracle-tflite`).
//!
//! The crate `tflitec` would build TensorFlow from source. It is given a prebuilt C library instead, the one inside an
//! npm package, of which the hash is known here; and the few headers that its build script wants, made of one file of
//! ours. Both go below the build folder. What is missing on this machine is named, and the command then succeeds: this
//! is a second opinion, and the first one (`tests/golden`) needs nothing.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::{prerequisites, tree};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The kinglet program [default: ours, built if need be]
    #[arg(long, value_name = "FILE", env = "KINGLET_BIN")]
    kinglet: Option<PathBuf>,
    /// Another libtensorflowlite_c.so, instead of the one that is fetched
    #[arg(long, value_name = "FILE")]
    library: Option<PathBuf>,
    /// Install nothing and fetch nothing
    #[arg(long)]
    no_install: bool,
}

/// Has TensorFlow Lite 2.9.0 for several machines (Apache-2.0).
const PACKAGE: &str = "tfjs-tflite-node@0.0.2";
const PACKAGE_FILE: &str = "tfjs-tflite-node-0.0.2.tgz";
const LIBRARY: &str = "libtensorflowlite_c.so";

/// Machines, their folders in the package, and the SHA-256 of the library there.
const MACHINES: [(&str, &str, &str); 2] = [
    ("x86_64", "linux_amd64", "dc89b4cd86d956516570bd483668e6dd98907f49901d0567dedc69a29a56b7f7"),
    ("aarch64", "linux_arm64", "ec0dee4fb3418e680d010248ac1e304d9656cc5c8de54caaf91d666712e2f633"),
];

/// What the build script of `tflitec` 0.7.0 copies. The first one is all of it, the others may be empty.
const HEADERS: [&str; 7] = [
    "tensorflow/lite/c/c_api.h",
    "tensorflow/lite/core/c/c_api.h",
    "tensorflow/lite/core/c/c_api_types.h",
    "tensorflow/lite/core/c/operator.h",
    "tensorflow/lite/core/async/c/types.h",
    "tensorflow/lite/builtin_ops.h",
    "tensorflow/compiler/mlir/lite/core/c/tflite_types.h",
];

/// Something that is there, or how to get it.
type Found<T> = core::result::Result<T, String>;

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let fetched = tree::host_target().join("tflite-oracle");
    fs::create_dir_all(&fetched).with_context(|| format!("cannot make {}", fetched.display()))?;
    let fetched = fetched.canonicalize().context("the build folder has no path")?;
    let library = match find(arguments, &fetched)? {
        Ok(library) => library,
        Err(missing) => {
            println!("skipped: tflite-oracle: {missing}");
            return Ok(ExitCode::SUCCESS);
        }
    };
    compare(arguments, &fetched, &library)
}

/// The library, when all that is needed is there.
fn find(arguments: &Arguments, fetched: &Path) -> Result<Found<PathBuf>> {
    if let Err(missing) = libclang(!arguments.no_install) {
        return Ok(Err(missing));
    }
    match &arguments.library {
        Some(given) => {
            ensure!(given.ends_with(LIBRARY), "{} must be called {LIBRARY}: tflitec links that name", given.display());
            given.canonicalize().with_context(|| format!("there is no {}", given.display())).map(Ok)
        }
        None => library(fetched, !arguments.no_install),
    }
}

fn compare(arguments: &Arguments, fetched: &Path, library: &Path) -> Result<ExitCode> {
    let headers = headers(fetched)?;
    let kinglet = prerequisites::kinglet(arguments.kinglet.as_deref())?;
    let folder = library.parent().context("the library has a folder")?;
    let mut cargo = tree::cargo();
    cargo.current_dir(tree::root().join("tests/oracle-tflite"));
    cargo.args(["test", "--locked", "--features", "tflite-oracle", "--", "--nocapture"]);
    cargo.env("CARGO_TARGET_DIR", fetched.join("build"));
    cargo.env("TFLITEC_PREBUILT_PATH", library).env("TFLITEC_HEADER_DIR", headers);
    cargo.env("LD_LIBRARY_PATH", library_path(folder)?).env("KINGLET_BIN", kinglet);
    // The test has another current directory.
    if let Ok(shared) = tree::shared().canonicalize() {
        cargo.env("KINGLET_SHARED", shared);
    }
    let status = cargo.stdin(Stdio::null()).status().context("cannot start cargo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Our folder before those that the environment names.
fn library_path(folder: &Path) -> Result<std::ffi::OsString> {
    let given = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let others = env::split_paths(&given).filter(|path| !path.as_os_str().is_empty());
    env::join_paths(core::iter::once(folder.to_owned()).chain(others)).context("LD_LIBRARY_PATH")
}

/// bindgen loads it to read the headers.
fn libclang(may_install: bool) -> Found<()> {
    if has_libclang() {
        return Ok(());
    }
    if may_install && is_root() {
        println!("$ apt-get install --yes --no-install-recommends libclang-dev");
        let mut install = Command::new("apt-get");
        install.args(["install", "--quiet", "--yes", "--no-install-recommends", "libclang-dev"]);
        succeeds(install.env("DEBIAN_FRONTEND", "noninteractive"));
    }
    has_libclang().then_some(()).ok_or_else(|| {
        "libclang is not installed; on Debian or Ubuntu run: sudo apt-get install -y libclang-dev".to_owned()
    })
}

/// Where `clang-sys` looks, as far as Linux distributions go.
fn has_libclang() -> bool {
    if env::var_os("LIBCLANG_PATH").is_some() {
        return true;
    }
    let folders = |parent: &str| {
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect::<Vec<PathBuf>>()
    };
    let versions = folders("/usr/lib").into_iter().filter(|path| path.to_string_lossy().contains("llvm"));
    let machines = folders("/usr/lib").into_iter().filter(|path| path.to_string_lossy().ends_with("-linux-gnu"));
    let mut places = vec![PathBuf::from("/usr/lib"), PathBuf::from("/usr/lib64"), PathBuf::from("/usr/local/lib")];
    places.extend(machines);
    places.extend(versions.map(|path| path.join("lib")));
    let names = places.iter().flat_map(|place| folders(&place.to_string_lossy()));
    names.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).any(|name| is_libclang(&name))
}

/// `libclang.so`, `libclang-14.so` or `libclang.so.1`, and not `libclang-cpp.so.14`.
fn is_libclang(name: &str) -> bool {
    let rest = name.strip_prefix("libclang").and_then(|rest| rest.split_once(".so"));
    rest.is_some_and(|(version, _)| {
        version.chars().all(|letter| letter == '-' || letter == '.' || letter.is_ascii_digit())
    })
}

/// The C library, fetched before or now.
fn library(fetched: &Path, may_fetch: bool) -> Result<Found<PathBuf>> {
    let machine = MACHINES.iter().find(|(machine, _, _)| env::consts::OS == "linux" && *machine == env::consts::ARCH);
    let Some((_, folder, hash)) = machine else {
        return Ok(Err(format!(
            "{PACKAGE} has no TensorFlow Lite for this machine; run it on Linux, x86-64 or AArch64"
        )));
    };
    let library = fetched.join(LIBRARY);
    if !library.is_file() {
        let fetch = format!("run: npm pack {PACKAGE} --pack-destination {}", fetched.display());
        if !fetched.join(PACKAGE_FILE).is_file() {
            if !succeeds(Command::new("npm").arg("--version")) {
                return Ok(
                    Err("npm is not installed; on Debian or Ubuntu run: sudo apt-get install -y npm".to_owned()),
                );
            }
            if !may_fetch || !succeeds(Command::new("npm").args(["pack", PACKAGE]).current_dir(fetched)) {
                return Ok(Err(format!("{PACKAGE} was not fetched; {fetch}")));
            }
        }
        let member = format!("package/cc_deps/{folder}/{LIBRARY}");
        let mut unpack = Command::new("tar");
        unpack.args(["--extract", "--gzip", "--strip-components=3", "--file", PACKAGE_FILE, &member]);
        ensure!(succeeds(unpack.current_dir(fetched)), "cannot unpack {}", fetched.join(PACKAGE_FILE).display());
    }
    check_hash(&library, hash)?;
    Ok(Ok(library))
}

/// The library runs in the test's process: it must be the one that was looked at.
fn check_hash(library: &Path, hash: &str) -> Result<()> {
    let output = Command::new("sha256sum").arg(library).output().context("cannot start sha256sum")?;
    let found = String::from_utf8_lossy(&output.stdout);
    if !found.starts_with(hash) {
        bail!("{} is not the library of {PACKAGE} (SHA-256 {hash}); remove it and run again", library.display());
    }
    Ok(())
}

/// The headers as `tflitec` wants them laid out; their folder.
fn headers(fetched: &Path) -> Result<PathBuf> {
    let folder = fetched.join("include");
    let declarations = tree::root().join("tests/oracle-tflite/include/c_api.h");
    for (index, name) in HEADERS.iter().enumerate() {
        let path = folder.join(name);
        let parent = path.parent().context("a header has a folder")?;
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        let text = if index == 0 { fs::read_to_string(&declarations)? } else { "#pragma once\n".to_owned() };
        // Written only when it changes, so that nothing is built again for its date.
        if fs::read_to_string(&path).ok().as_ref() != Some(&text) {
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    Ok(folder)
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn succeeds(command: &mut Command) -> bool {
    let silent = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    silent.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libclang_is_told_from_its_cpp_sibling() {
        for name in ["libclang.so", "libclang-14.so", "libclang-14.0.6.so", "libclang.so.1", "libclang-14.so.14.0.6"] {
            assert!(is_libclang(name), "{name}");
        }
        for name in ["libclang-cpp.so.14", "libclang.a", "libclangAST.a", "libclang_rt.so"] {
            assert!(!is_libclang(name), "{name}");
        }
    }
}
