//! `cargo xtask commands`: the commands of the documents, run as they are written.
//!
//! Each page has a folder of its own with the repository's `examples`, `tests` and `tools` in it, in which its blocks of
//! shell, Python and console run one after the other. `cargo run --release --bin kinglet --` is the program that was
//! built. What needs a Python package that is not here is skipped, and a line says so; so is what a section has behind
//! it, unless the page says how its files are had otherwise ([`page::Block::otherwise`]).

pub(crate) mod page;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};

use self::page::{Block, Language};
use crate::{prerequisites, python, tree};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only pages whose path contains this; may be given more than once
    #[arg(long, value_name = "PATTERN")]
    only: Vec<String>,
    /// Let the export scripts install TensorFlow and PyTorch: gigabytes
    #[arg(long)]
    frameworks: bool,
    /// The kinglet program [default: ours, built if need be]
    #[arg(long, value_name = "FILE", env = "KINGLET_BIN")]
    kinglet: Option<PathBuf>,
    #[command(flatten)]
    python: python::Arguments,
}

/// Pages whose commands are the compiler's. Those about firmware and C have steps of their own.
const PAGES: [&str; 18] = [
    "README.md",
    "docs/adding-a-board.md",
    "docs/android.md",
    "docs/classical.md",
    "docs/cmake.md",
    "docs/compile-your-model.md",
    "docs/fit.md",
    "docs/front-ends.md",
    "docs/ios.md",
    "docs/jvm.md",
    "docs/quantization.md",
    "docs/sequences.md",
    "docs/streaming-models.md",
    "docs/import.md",
    "docs/linux-boards.md",
    "docs/memory-sizing.md",
    "docs/migrating-from-tflm.md",
    "docs/webassembly.md",
];

/// What pages call the program.
const KINGLET: &str = "cargo run --release --bin kinglet --";

/// How a page gets the program, which is here already: the program of this folder is what everything else is run with.
const INSTALL: &str = "cargo install --path quantize";

/// onnxruntime's preparation for quantizing imports sympy.
const PACKAGES: &[&str] = &["onnx==1.23.2", "onnxruntime==1.32.0", "numpy==2.4.6", "sympy==1.14.0"];

/// Frameworks that export, and the environment of `tools/export` that has each, if one does.
const FRAMEWORKS: [(&str, Option<&str>); 3] =
    [("litert_torch", None), ("tensorflow", Some("keras")), ("torch", Some("torch"))];

/// The export scripts end so where they may not install what they need.
const NOT_INSTALLED: i32 = 3;

/// What the blocks of a page are run with.
struct Workplace<'a> {
    page: &'a str,
    folder: PathBuf,
    may_install: bool,
    /// A Python for programs without a framework, or why there is none.
    plain: Result<PathBuf, String>,
    /// Those of frameworks that were asked for.
    known: BTreeMap<&'static str, Option<PathBuf>>,
}

/// How commands ended.
struct Ended {
    /// None where a signal ended them.
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// How a block ended.
enum Outcome {
    Right,
    /// What is missing.
    Skipped(String),
    Wrong(String),
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let kinglet = prerequisites::kinglet(arguments.kinglet.as_deref())?;
    let plain = arguments.python.find("commands-venv", PACKAGES);
    let root = tree::host_target().join("commands").join(std::process::id().to_string());
    let (mut run, mut wrong) = (0, 0);
    for (index, page) in PAGES.iter().enumerate() {
        if !arguments.only.is_empty() && !arguments.only.iter().any(|part| page.contains(part)) {
            continue;
        }
        let folder = root.join(index.to_string());
        prepare(&folder, &kinglet)?;
        let (plain, known) = (plain.clone(), BTreeMap::new());
        let mut workplace = Workplace { page, folder, may_install: arguments.frameworks, plain, known };
        let [right, bad] = workplace.page()?;
        (run, wrong) = (run + right, wrong + bad);
    }
    fs::remove_dir_all(&root).with_context(|| format!("cannot remove {}", root.display()))?;
    println!("{run} blocks of commands do what their pages say, {wrong} do not");
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Makes a page's folder: what its commands read of the repository, and `kinglet` as a program.
fn prepare(folder: &Path, kinglet: &Path) -> Result<()> {
    let programs = folder.join("programs");
    fs::create_dir_all(&programs).with_context(|| format!("cannot make {}", programs.display()))?;
    let links = ["examples", "tests", "tools"].map(|name| (tree::root().join(name), folder.join(name)));
    for (target, link) in links.into_iter().chain([(kinglet.to_owned(), programs.join("kinglet"))]) {
        symlink(&target, &link).with_context(|| format!("cannot link {}", link.display()))?;
    }
    Ok(())
}

impl Workplace<'_> {
    /// Runs the blocks of the page; how many do what they should, and how many do not.
    fn page(&mut self) -> Result<[usize; 2]> {
        let path = tree::root().join(self.page);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let (mut counts, mut lost) = ([0, 0], None);
        for block in page::blocks(&text) {
            let place = format!("{}:{}", self.page, block.line);
            if let Some((section, line)) = lost
                && section == block.section
            {
                println!("skipped: commands: {place}: it needs what line {line} makes");
                continue;
            }
            if let Some(step) = &block.elsewhere {
                println!("skipped: commands: {place}: cargo xtask test --only {step} runs it");
                continue;
            }
            match self.block(&block)? {
                Outcome::Right => counts[0] += 1,
                Outcome::Wrong(problem) => {
                    counts[1] += 1;
                    println!("error: {place}: {problem}");
                }
                Outcome::Skipped(missing) => {
                    println!("skipped: commands: {place}: {missing}");
                    match &block.otherwise {
                        Some(command) => ensure!(self.shell(command)?.code == Some(0), "{place}: `{command}` fails"),
                        None => lost = Some((block.section, block.line)),
                    }
                }
            }
        }
        Ok(counts)
    }

    fn block(&mut self, block: &Block) -> Result<Outcome> {
        match block.language {
            Language::Python => self.python(block),
            Language::Shell => {
                let (ours, kept): (Vec<&str>, Vec<&str>) =
                    block.text.lines().partition(|line| line.starts_with("cargo xtask") || line.starts_with(INSTALL));
                for line in ours {
                    println!("skipped: commands: {}:{}: `{line}`, which has steps of its own", self.page, block.line);
                }
                let Ended { code, stdout, .. } = self.shell(&kept.join("\n"))?;
                Ok(match code {
                    Some(0) => Outcome::Right,
                    Some(NOT_INSTALLED) => Outcome::Skipped(last_line(&stdout)),
                    _ => Outcome::Wrong(stdout),
                })
            }
            Language::Console => {
                for exchange in page::exchanges(&block.text) {
                    let printed = self.shell(&exchange.command)?.stdout;
                    if !exchange.is_in(&printed) {
                        return Ok(Outcome::Wrong(format!("`{}` prints\n{printed}", exchange.command)));
                    }
                }
                Ok(Outcome::Right)
            }
        }
    }

    /// Runs commands in the page's folder; what they print.
    fn shell(&self, commands: &str) -> Result<Ended> {
        let commands = commands.replace(KINGLET, "kinglet");
        let mut command = Command::new("sh");
        command.args(["-euc", &format!("exec 2>&1\n{commands}")]);
        self.ended(&mut command)
    }

    fn ended(&self, command: &mut Command) -> Result<Ended> {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let all = [self.folder.join("programs")].into_iter().chain(std::env::split_paths(&paths));
        command.current_dir(&self.folder).stdin(Stdio::null()).env("PATH", std::env::join_paths(all)?);
        if !self.may_install {
            command.env("KINGLET_EXPORT_OFFLINE", "1");
        }
        let output = command.output().context("cannot start a block of commands")?;
        let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        Ok(Ended { code: output.status.code(), stdout, stderr })
    }

    fn python(&mut self, block: &Block) -> Result<Outcome> {
        let imported = page::imports(&block.text);
        let framework = FRAMEWORKS.iter().find(|(module, _)| imported.contains(module));
        let python = match framework {
            None => self.plain.clone(),
            Some((module, None)) => Err(format!("no environment of tools/export has {module}")),
            Some((module, Some(environment))) => self
                .framework(environment)?
                .ok_or_else(|| format!("there is no Python with {module}: cargo xtask commands --frameworks")),
        };
        let python = match python {
            Ok(python) => python,
            Err(missing) => return Ok(Outcome::Skipped(missing)),
        };
        let program = self.folder.join(format!("line{}.py", block.line));
        fs::write(&program, &block.text).with_context(|| format!("cannot write {}", program.display()))?;
        let mut command = Command::new(python);
        command.arg(&program).env("TF_CPP_MIN_LOG_LEVEL", "3");
        let Ended { code, stdout, stderr } = self.ended(&mut command)?;
        Ok(if code == Some(0) { Outcome::Right } else { Outcome::Wrong(stdout + &stderr) })
    }

    /// The Python of an environment of `tools/export`.
    fn framework(&mut self, environment: &'static str) -> Result<Option<PathBuf>> {
        if let Some(known) = self.known.get(environment) {
            return Ok(known.clone());
        }
        let mut command = Command::new("python3");
        command.args(["tools/export/environment.py", environment]);
        let Ended { code, stdout, stderr } = self.ended(&mut command)?;
        if code != Some(0) {
            println!("skipped: commands: the environment of {environment}: {}", last_line(&stderr));
        }
        let found = (code == Some(0)).then(|| PathBuf::from(last_line(&stdout)));
        self.known.insert(environment, found.clone());
        Ok(found)
    }
}

fn last_line(text: &str) -> String {
    text.trim_end().lines().last().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_that_run_blocks_instead_are_there() {
        let pages = PAGES.map(|page| fs::read_to_string(tree::root().join(page)).unwrap());
        let steps: Vec<String> =
            pages.iter().flat_map(|page| page::blocks(page)).filter_map(|block| block.elsewhere).collect();
        assert!(!steps.is_empty());
        for step in steps {
            assert!(crate::test::has_step(&step), "there is no step `{step}`");
        }
    }
}
