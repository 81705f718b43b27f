//! `cargo xtask wasm-test`: the npm package under Node, and the viewer in a headless Chromium.
//!
//! Golden models must give the bits of the host, by both modules, and every kernel those of its reference, on random
//! layers. What is not installed is skipped, and a line says so.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::c_test::{Outcome, Report};
use crate::{npm, prerequisites, tree};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Use this kinglet binary instead of building it
    #[arg(long, value_name = "FILE", env = "KINGLET_BIN")]
    kinglet: Option<PathBuf>,
    /// Keep pictures of the viewer in this folder
    #[arg(long, value_name = "DIR")]
    pictures: Option<PathBuf>,
}

/// Test vectors that the compiler puts into each blob.
const VECTORS: u32 = 2;
/// One blob runs everywhere, one has the order of weights of another machine.
const COMPILED_FOR: [&str; 2] = ["portable", "cortex-m4"];
/// Inputs whose outputs are known: names of `kinglet_report::Vector`.
const KNOWN: [&str; 3] = ["ramp", "lcg1", "lcg2"];
/// What the kernels' tests are compiled for: they print, and the package's target has no output.
pub(crate) const KERNELS_TARGET: &str = "wasm32-wasip1";
/// The compiler of the types' test.
const TYPESCRIPT: &str = "typescript@5.9.3";

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut report = Report::default();
    let kinglet = prerequisites::kinglet(arguments.kinglet.as_deref())?;
    let folder = tree::host_target().join("wasm-test");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let folder = folder.canonicalize().with_context(|| format!("cannot find {}", folder.display()))?;
    let package = folder.join("kinglet-edge");
    npm::package(&package, &kinglet)?;
    let archive = npm::archive(&package, &folder)?;
    report.lane("package", Ok(Outcome::Passed(format!("{} bytes", fs::metadata(&archive)?.len()))));
    let plan = folder.join("plan.json");
    let models = plan_of_models(&kinglet, &folder)?;
    fs::write(&plan, serde_json::to_string_pretty(&models)?).context("cannot write the plan")?;
    for test in ["golden.test.mjs", "misuse.test.mjs"] {
        report.lane(test, lane("node", || node_test(test, &package, &plan)));
    }
    report.lane("kernels", lane("node", kernels));
    report.lane("types", lane("npx", || types(&package, &folder)));
    report.lane("docs/webassembly.md", lane("node", || documented(&package, &folder, &kinglet)));
    report.lane("npm pack", lane("npm", || packs(&package)));
    report.lane("viewer", viewer(arguments, &package, &folder));
    Ok(report.finish())
}

fn lane(program: &str, run: impl FnOnce() -> Result<Outcome>) -> Result<Outcome> {
    if is_there(program) { run() } else { Ok(Outcome::Skipped(format!("{program} is not installed"))) }
}

fn is_there(program: &str) -> bool {
    let silent = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    silent.is_ok_and(|status| status.success())
}

/// What a command prints; an error where it fails.
fn output(command: &mut Command) -> Result<String> {
    let ran = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {command:?}"))?;
    let [out, err] = [&ran.stdout, &ran.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    ensure!(ran.status.success(), "{command:?} failed:\n{out}{err}");
    Ok(out)
}

/// Golden models, compiled, and what is known of each. Models that are not part of the repository come too.
fn plan_of_models(kinglet: &Path, folder: &Path) -> Result<Vec<Value>> {
    let own = tree::root().join("tests/golden/models");
    let others = tree::shared().join("models");
    let mut sources = Vec::new();
    for (models, golden) in [(&own, own.clone()), (&others, others.join("golden"))] {
        if !models.is_dir() {
            println!("skipped  models: there is no {}; see KINGLET_SHARED", models.display());
            continue;
        }
        let mut files: Vec<PathBuf> = fs::read_dir(models)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.sort();
        files.retain(|file| file.extension().is_some_and(|ending| ending == "tflite"));
        sources.extend(files.into_iter().map(|file| (file, golden.clone())));
    }
    let mut models = Vec::new();
    for (source, golden) in sources {
        let stem = source.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for target in COMPILED_FOR {
            let blob = folder.join(format!("{stem}-{target}.kgl"));
            let mut command = Command::new(kinglet);
            command.arg("compile").arg(&source).args(["--target", target, "--golden", &VECTORS.to_string(), "-o"]);
            output(command.arg(&blob))?;
            let cases = cases(stem.strip_suffix("_int8"), &golden);
            models.push(
                json!({ "name": format!("{stem} ({target})"), "blob": blob, "vectors": VECTORS, "cases": cases }),
            );
        }
    }
    Ok(models)
}

/// Outputs that an independent implementation has computed: of int8 models, where they are integers.
fn cases(name: Option<&str>, golden: &Path) -> Vec<Value> {
    let known = KNOWN.iter().filter_map(|vector| {
        let output = golden.join(format!("{}.{vector}.out.bin", name?));
        output.is_file().then(|| json!({ "vector": vector, "output": output }))
    });
    known.collect()
}

fn node_test(test: &str, package: &Path, plan: &Path) -> Result<Outcome> {
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter", "tap"]).arg(npm::source().join("tests").join(test));
    let text = output(node.env("KINGLET_PACKAGE", package).env("KINGLET_PLAN", plan))?;
    let count =
        |word: &str| text.lines().filter_map(|line| line.strip_prefix(word)?.trim().parse::<usize>().ok()).next();
    let (passed, skipped) = (count("# pass").unwrap_or(0), count("# skipped").unwrap_or(0));
    ensure!(passed > 0, "{test} has tested nothing:\n{text}");
    if skipped > 0 {
        println!("skipped  {test}: {skipped} tests: this Node has no vector instructions");
    }
    let subtests = text.lines().filter(|line| line.starts_with("    ok ")).count();
    Ok(Outcome::Passed(format!("{passed} tests, {subtests} models")))
}

/// The tests of the kernels, with the package's vectors, under Node: random layers against the reference among them.
fn kernels() -> Result<Outcome> {
    if let Err(reason) = prerequisites::rust_target(KERNELS_TARGET) {
        return Ok(Outcome::Skipped(reason.to_string()));
    }
    let mut cargo = tree::cargo();
    cargo.current_dir(tree::root());
    for name in ["CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
        cargo.env_remove(name);
    }
    let runner = format!("node {}", npm::source().join("tests/wasi.mjs").display());
    cargo.env("RUSTFLAGS", npm::vectors()).env("CARGO_TARGET_WASM32_WASIP1_RUNNER", runner);
    cargo.args(["test", "--release", "--package", "kinglet-kernels", "--target", KERNELS_TARGET, "--lib", "--tests"]);
    let text = output(cargo.args(["--", "--test-threads", "1"]))?;
    let passed = |line: &str| line.strip_prefix("test result: ok. ")?.split_once(' ')?.0.parse::<usize>().ok();
    let counts: Vec<usize> = text.lines().filter_map(passed).collect();
    ensure!(counts.len() > 1 && counts.iter().sum::<usize>() > 0, "the kernels' tests have tested nothing:\n{text}");
    Ok(Outcome::Passed(format!("{} tests of {} programs", counts.iter().sum::<usize>(), counts.len())))
}

/// The programs of the document, as they are written, beside the blob that they read.
fn documented(package: &Path, folder: &Path, kinglet: &Path) -> Result<Outcome> {
    let project = folder.join("documented");
    let modules = project.join("node_modules");
    let _ = fs::remove_dir_all(&project);
    fs::create_dir_all(&modules).with_context(|| format!("cannot make {}", modules.display()))?;
    std::os::unix::fs::symlink(package, modules.join("kinglet-edge")).context("cannot link the package")?;
    let example = tree::root().join("examples/digits");
    let mut compile = Command::new(kinglet);
    compile.arg("compile").arg(example.join("model.onnx")).arg("--calib").arg(example.join("calib.npz"));
    output(compile.arg("-o").arg(project.join("digits.kgl")))?;
    let page = fs::read_to_string(tree::root().join("docs/webassembly.md")).context("cannot read the page")?;
    let programs: Vec<&str> =
        page.split("```js\n").skip(1).filter_map(|rest| Some(rest.split_once("```")?.0)).collect();
    ensure!(!programs.is_empty(), "the page has no program");
    for (index, program) in programs.iter().enumerate() {
        let path = project.join(format!("program{index}.mjs"));
        fs::write(&path, program).with_context(|| format!("cannot write {}", path.display()))?;
        output(Command::new("node").arg(&path).current_dir(&project))?;
    }
    Ok(Outcome::Passed(format!("{} program", programs.len())))
}

/// A program in TypeScript is accepted, and each of its wrong lines is refused.
fn types(package: &Path, folder: &Path) -> Result<Outcome> {
    let project = folder.join("types");
    let modules = project.join("node_modules/kinglet-edge");
    let _ = fs::remove_dir_all(&project);
    fs::create_dir_all(&modules).with_context(|| format!("cannot make {}", modules.display()))?;
    for name in ["package.json", "kinglet.d.ts", "kinglet.js"] {
        fs::copy(package.join(name), modules.join(name)).with_context(|| format!("cannot copy {name}"))?;
    }
    fs::copy(npm::source().join("tests/types.ts"), project.join("types.ts")).context("cannot copy types.ts")?;
    fs::write(project.join("package.json"), "{ \"type\": \"module\" }\n").context("cannot write package.json")?;
    let mut compiler = Command::new("npx");
    compiler.args(["--yes", "--package", TYPESCRIPT, "tsc", "--strict", "--noEmit", "--target", "es2022"]);
    compiler.args(["--module", "nodenext", "--lib", "es2022,dom", "types.ts"]).current_dir(&project);
    let ran = compiler.stdin(Stdio::null()).output().context("cannot start npx")?;
    let text = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    match ran.status.success() {
        true => Ok(Outcome::Passed(TYPESCRIPT.into())),
        false if text.contains("error TS") => bail!("{text}"),
        false => Ok(Outcome::Skipped(format!("npx cannot get {TYPESCRIPT}"))),
    }
}

/// npm takes the folder as a package, with every file.
fn packs(package: &Path) -> Result<Outcome> {
    let text = output(Command::new("npm").args(["pack", "--dry-run", "--json", "--offline"]).current_dir(package))?;
    let packed: Value = serde_json::from_str(&text).context("npm pack prints no JSON")?;
    let files = packed[0]["files"].as_array().context("npm lists no files")?;
    let mut packed: Vec<String> =
        files.iter().map(|file| file["path"].as_str().unwrap_or_default().to_owned()).collect();
    let mut there: Vec<String> = fs::read_dir(package)?
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .collect();
    packed.sort();
    there.sort();
    ensure!(packed == there, "npm would pack {packed:?} of {there:?}");
    Ok(Outcome::Passed(format!("{} files", there.len())))
}

fn viewer(arguments: &Arguments, package: &Path, folder: &Path) -> Result<Outcome> {
    let Some(chromium) = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|it| is_there(it)) else {
        let how = "on Debian: sudo apt-get install -y chromium";
        return Ok(Outcome::Skipped(format!("Chromium is not installed; {how}")));
    };
    if !is_there("node") {
        return Ok(Outcome::Skipped("node is not installed".into()));
    }
    let pictures = arguments.pictures.clone().unwrap_or_else(|| folder.join("pictures"));
    fs::create_dir_all(&pictures).with_context(|| format!("cannot make {}", pictures.display()))?;
    let pictures = pictures.canonicalize().context("cannot find the folder of pictures")?;
    let mut node = Command::new("node");
    node.arg(npm::source().join("tests/page.mjs")).arg(chromium).arg(package.join("viewer.html"));
    let text = output(node.arg(folder.join("shapes_int8-portable.kgl")).arg(&pictures))?;
    Ok(Outcome::Passed(text.trim().to_owned()))
}
