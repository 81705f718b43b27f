//! Projects that use a package: each way that a document names is taken.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{started, version};
use crate::library::SONAME;
use crate::prerequisites;
use crate::tree;

/// What the program prints when all is well.
const EXPECTED: &str = "2 vectors, the last one is ";

/// Builds and runs the project of `ffi/c-tests/package` in each way.
pub(super) fn run(package: &Path, kinglet: Option<&Path>) -> Result<()> {
    let package = package.canonicalize().with_context(|| format!("cannot find {}", package.display()))?;
    let folder = tree::library_target().join("package-check");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let model = model(&folder, kinglet)?;
    has_soname(&package)?;
    let shared = cmake("find_package", &folder, &model, &format!("-DCMAKE_PREFIX_PATH={}", package.display()))?;
    says(&mut Command::new(shared.join("classify_shared")))?;
    cmake("add_subdirectory", &folder, &model, &format!("-DKINGLET_SOURCE={}", tree::root().join("ffi").display()))?;
    pkg_config(&package, &folder, &model)?;
    wrong_version(&package, &folder)
}

/// The example model as C sources.
fn model(folder: &Path, kinglet: Option<&Path>) -> Result<PathBuf> {
    let labels = folder.join("labels.txt");
    let example = tree::root().join("examples/tiny");
    let mut command = Command::new(prerequisites::kinglet(kinglet)?);
    command.arg("compile").arg(example.join("model.onnx")).arg("--calib").arg(example.join("calib.npz"));
    command.args(["--golden", "2", "--emit", "c", "-o"]).arg(folder.join("tiny.kgl"));
    // Ten classes, two of them with names that a C compiler could trip over.
    fs::write(&labels, "zero\none\ntwo\nthree\nfour\nfive\nsix\nseven\neight \"8\"\nnine??=\n")?;
    started(command.arg("--labels").arg(&labels))?;
    println!("package: the example model as tiny.c and tiny.h");
    Ok(folder.to_owned())
}

/// Configures, builds and runs the project; returns its build folder.
fn cmake(name: &str, folder: &Path, model: &Path, option: &str) -> Result<PathBuf> {
    let build = folder.join(name);
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(tree::root().join("ffi/c-tests/package")).arg("-B").arg(&build);
    started(configure.arg(option).arg(format!("-DMODEL_FOLDER={}", model.display())))?;
    started(Command::new("cmake").arg("--build").arg(&build))?;
    says(&mut Command::new(build.join("classify")))?;
    println!("package: {name} in CMake");
    Ok(build)
}

fn pkg_config(package: &Path, folder: &Path, model: &Path) -> Result<()> {
    let mut command = Command::new("pkg-config");
    command.env("PKG_CONFIG_PATH", package.join("lib/pkgconfig")).args(["--cflags", "--libs", "kinglet"]);
    let flags = started(&mut command)?;
    let program = folder.join("classify-pkg-config");
    let mut compiler = Command::new("cc");
    compiler.arg("-I").arg(model).arg(tree::root().join("ffi/c-tests/package/main.c")).arg(model.join("tiny.c"));
    started(compiler.args(flags.split_whitespace()).arg("-o").arg(&program))?;
    says(Command::new(program).env("LD_LIBRARY_PATH", package.join("lib")))?;
    println!("package: pkg-config");
    Ok(())
}

/// The shared library is looked for under the name that the package has it under.
fn has_soname(package: &Path) -> Result<()> {
    let dynamic = started(Command::new("readelf").arg("-d").arg(package.join("lib").join(SONAME)))?;
    ensure!(dynamic.contains(&format!("Library soname: [{SONAME}]")), "the library's name for programs: {dynamic}");
    Ok(())
}

/// A project that asks for another version is told which one there is.
fn wrong_version(package: &Path, folder: &Path) -> Result<()> {
    let project = folder.join("wrong-version");
    fs::create_dir_all(&project)?;
    let text =
        "cmake_minimum_required(VERSION 3.16)\nproject(p LANGUAGES C)\nfind_package(kinglet 7.1 REQUIRED CONFIG)\n";
    fs::write(project.join("CMakeLists.txt"), text)?;
    let mut command = Command::new("cmake");
    command.arg("-S").arg(&project).arg("-B").arg(project.join("build"));
    let output = command.arg(format!("-DCMAKE_PREFIX_PATH={}", package.display())).output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success() && text.contains(version()), "version 7.1 was found: {text}");
    println!("package: another version is refused");
    Ok(())
}

fn says(program: &mut Command) -> Result<()> {
    let text = started(program)?;
    ensure!(text.starts_with(EXPECTED), "{program:?} prints {text:?}");
    Ok(())
}
