//! The commands of `docs/serve.md`, as they are written, but for the ports: the system chooses them.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Workplace;
use super::process::{Running, output};
use crate::commands::page::{Language, blocks};
use crate::tree;

const PAGE: &str = "docs/serve.md";
/// How the page starts the program.
const SERVE: &str = "cargo run --release --package kinglet-serve -- ";
/// Where the page finds it.
const ADDRESS: &str = "localhost:8000";

/// The first block starts the server, the second asks it, the others are commands of their own.
pub(super) fn run(workplace: &Workplace) -> Result<String> {
    let folder = workplace.folder.join("page");
    fs::create_dir_all(folder.join("programs")).context("cannot make the page's folder")?;
    symlink(tree::root().join("examples"), folder.join("examples")).context("cannot link the examples")?;
    symlink(&workplace.serve, folder.join("programs/kinglet-serve")).context("cannot link kinglet-serve")?;
    let text = fs::read_to_string(tree::root().join(PAGE)).with_context(|| format!("cannot read {PAGE}"))?;
    let blocks: Vec<_> = blocks(&text).into_iter().filter(|block| block.language == Language::Shell).collect();
    ensure!(blocks.len() >= 3, "{PAGE} has {} blocks of commands", blocks.len());
    let arguments = blocks[0].text.trim().strip_prefix(SERVE).with_context(|| format!("{PAGE} begins otherwise"))?;
    let mut command = Command::new(&workplace.serve);
    command.args(arguments.split_whitespace()).args(["--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0"]);
    let server = Running::start(command.current_dir(&folder))?;
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let all = [folder.join("programs")].into_iter().chain(std::env::split_paths(&paths));
    let paths = std::env::join_paths(all)?;
    let mut answers = Vec::new();
    for block in &blocks[1..] {
        let commands = block.text.replace(ADDRESS, &server.http);
        let mut shell = Command::new("sh");
        shell.args(["-euc", &commands]).current_dir(&folder).env("PATH", &paths);
        answers.push(output(&mut shell).with_context(|| format!("{PAGE}:{}", block.line))?);
    }
    let answer: Value = serde_json::from_str(&answers[0]).with_context(|| format!("the answer is {}", answers[0]))?;
    let scores: Vec<f64> = answer["outputs"][0]["data"]
        .as_array()
        .context("there are no scores")?
        .iter()
        .filter_map(Value::as_f64)
        .collect();
    let largest = (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    ensure!(largest == Some(7), "the seven is read as {largest:?}: {answer}");
    ensure!(server.terminate()? == Some(0), "the server did not end well");
    Ok(format!("{} blocks of commands do what the page says; the seven is a seven", blocks.len()))
}
