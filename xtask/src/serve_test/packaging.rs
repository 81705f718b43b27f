//! What the server is packed in: an image of one static program, and manifests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::Workplace;
use super::process::{output, program_is_missing};
use crate::c_test::Outcome;
use crate::tree;

const TARGET: &str = "x86_64-unknown-linux-musl";
/// Bytes of the image at most.
const IMAGE_BYTES_MAX: u64 = 15_000_000;
const FOLDER: &str = "serve/packaging";

/// Python packages that know Kubernetes' schemas.
pub(super) const KUBERNETES: &[&str] = &["kubernetes-validate==1.37.0", "PyYAML==6.0.4"];
/// KServe's own classes, with all that their package brings.
pub(super) const KSERVE: &[&str] = &["kserve==0.21.0", "PyYAML==6.0.4"];

/// Each manifest is one; what containers are given, the program takes.
pub(super) fn manifests(workplace: &Workplace, python: &Path) -> Result<String> {
    let text = check(python, &[])?;
    let (said, commands) = text.trim().split_once('\n').context("manifests.py says less")?;
    let commands: Vec<Vec<String>> = serde_json::from_str(commands).context("manifests.py prints other commands")?;
    for arguments in &commands {
        // What is not understood ends otherwise than what is understood and cannot be done here.
        let mut command = Command::new(&workplace.serve);
        let ran =
            command.args(arguments).current_dir(&workplace.folder).output().context("cannot start kinglet-serve")?;
        let error = String::from_utf8_lossy(&ran.stderr).into_owned();
        ensure!(ran.status.code() == Some(1), "{arguments:?}: {error}");
        ensure!(error.contains("error: ") && !error.contains("unexpected argument"), "{arguments:?}: {error}");
    }
    Ok(format!("{said}; {} lines of arguments are understood", commands.len()))
}

pub(super) fn kserve(python: &Path) -> Result<String> {
    Ok(check(python, &["--kserve"])?.trim().to_owned())
}

fn check(python: &Path, more: &[&str]) -> Result<String> {
    let script = tree::root().join("tests/serve/manifests.py");
    output(Command::new(python).arg(script).arg(tree::root().join(FOLDER)).args(more))
}

/// The static program, by itself and as an image that `buildah` makes without a network.
pub(super) fn image(workplace: &Workplace, build: bool) -> Result<Outcome> {
    let program = tree::host_target().join(TARGET).join("image/kinglet-serve");
    if build {
        let mut cargo = tree::cargo();
        cargo.current_dir(tree::root()).args(["build", "--profile", "image", "--package", "kinglet-serve"]);
        cargo.args(["--target", TARGET]);
        ensure!(cargo.status().context("cannot start cargo")?.success(), "kinglet-serve was not built for {TARGET}");
    }
    if !program.exists() {
        let how = format!("cargo xtask serve-test --image (needs musl-gcc and rustup target add {TARGET})");
        return Ok(Outcome::Skipped(format!("there is no static kinglet-serve; run: {how}")));
    }
    let version = output(Command::new(&program).arg("--version"))?;
    let dynamic = Command::new("ldd").arg(&program).output().context("cannot start ldd")?;
    let text = String::from_utf8_lossy(&[dynamic.stdout, dynamic.stderr].concat()).into_owned();
    ensure!(text.contains("not a dynamic") || text.contains("statically linked"), "the program is not static: {text}");
    let bytes = fs::metadata(&program).context("cannot look at the program")?.len();
    ensure!(bytes <= IMAGE_BYTES_MAX, "the program has {bytes} bytes, {IMAGE_BYTES_MAX} are the most");
    let alone = format!("{} is static, {:.1} MB", version.trim(), bytes as f64 / 1e6);
    if let Some(missing) = program_is_missing("buildah") {
        println!("skipped  image: {missing}");
        return Ok(Outcome::Passed(alone));
    }
    match build_image(workplace, &program) {
        Ok(image_bytes) => {
            ensure!(
                image_bytes <= IMAGE_BYTES_MAX,
                "the image has {image_bytes} bytes, {IMAGE_BYTES_MAX} are the most"
            );
            Ok(Outcome::Passed(format!("{alone}; the image of buildah has {:.1} MB", image_bytes as f64 / 1e6)))
        }
        Err(error) if is_forbidden(&error) => {
            println!("skipped  image: the kernel does not let buildah work here: {error:#}");
            Ok(Outcome::Passed(alone))
        }
        Err(error) => Err(error),
    }
}

fn is_forbidden(error: &anyhow::Error) -> bool {
    let text = format!("{error:#}").to_lowercase();
    ["operation not permitted", "permission denied", "unshare", "user namespace"].iter().any(|word| text.contains(word))
}

/// Bytes of the image.
fn build_image(workplace: &Workplace, program: &Path) -> Result<u64> {
    let context: PathBuf = workplace.folder.join("image");
    fs::create_dir_all(&context).context("cannot make the image's folder")?;
    fs::copy(program, context.join("kinglet-serve")).context("cannot copy the program")?;
    let storage = workplace.folder.join("storage");
    let buildah = |arguments: &[&str]| {
        let mut command = Command::new("buildah");
        command.args(["--storage-driver", "vfs", "--root"]).arg(storage.join("root"));
        command.arg("--runroot").arg(storage.join("run")).args(arguments);
        output(command.env("BUILDAH_ISOLATION", "chroot"))
    };
    let file = tree::root().join(FOLDER).join("Containerfile").display().to_string();
    buildah(&[
        "build",
        "--network",
        "none",
        "--tag",
        "kinglet-serve:test",
        "--file",
        &file,
        &context.display().to_string(),
    ])?;
    let archive = workplace.folder.join("image.tar");
    buildah(&["push", "kinglet-serve:test", &format!("docker-archive:{}", archive.display())])?;
    Ok(fs::metadata(&archive).context("there is no archive of the image")?.len())
}
