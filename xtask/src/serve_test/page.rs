//! The commands of `docs/serve.md` and `docs/fleet.md`, as they are written, but for the ports: the system chooses them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::Workplace;
use super::neighbors::{Broker, Registry};
use super::process::{Running, output};
use crate::commands::page::{Block, Language, blocks};
use crate::tree;

/// How pages start the server.
const SERVERS: [&str; 2] = ["cargo run --release --package kinglet-serve -- ", "kinglet-serve models "];
/// Where they find it.
const ADDRESS: &str = "localhost:8000";

/// A page, and the folder in which it happens.
struct Page {
    name: &'static str,
    folder: PathBuf,
    serve: PathBuf,
    blocks: Vec<Block>,
    /// What the page says, and what it is here.
    places: Vec<(&'static str, String)>,
    server: Option<Running>,
    /// Where programs are found first.
    programs: Vec<PathBuf>,
}

impl Page {
    fn open(workplace: &Workplace, name: &'static str, places: Vec<(&'static str, String)>) -> Result<Self> {
        let folder = workplace.folder.join(Path::new(name).file_stem().unwrap_or_default());
        fs::create_dir_all(folder.join("programs")).context("cannot make the page's folder")?;
        symlink(tree::root().join("examples"), folder.join("examples")).context("cannot link the examples")?;
        for (program, file) in [("kinglet-serve", &workplace.serve), ("kinglet", &workplace.kinglet)] {
            let link = folder.join("programs").join(program);
            symlink(file, link).with_context(|| format!("cannot link {program}"))?;
        }
        let text = fs::read_to_string(tree::root().join(name)).with_context(|| format!("cannot read {name}"))?;
        let blocks: Vec<Block> = blocks(&text).into_iter().filter(|block| block.language == Language::Shell).collect();
        ensure!(blocks.len() >= 3, "{name} has {} blocks of commands", blocks.len());
        Ok(Page {
            name,
            serve: workplace.serve.clone(),
            blocks,
            places,
            server: None,
            programs: vec![folder.join("programs")],
            folder,
        })
    }

    /// What each block prints.
    fn run(&mut self) -> Result<Vec<String>> {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let all = self.programs.iter().cloned().chain(std::env::split_paths(&paths));
        let paths = std::env::join_paths(all)?;
        let mut answers = Vec::new();
        for block in &self.blocks {
            // A command that goes on behind a backslash is one line: the server's is not read by a shell.
            let mut commands = block.text.replace("\\\n", " ");
            for (said, here) in &self.places {
                commands = commands.replace(said, here);
            }
            let at = || format!("{}:{}", self.name, block.line);
            if let Some(arguments) = SERVERS.iter().find_map(|start| commands.trim().strip_prefix(start)) {
                let arguments = if commands.starts_with("kinglet-serve") {
                    format!("models {arguments}")
                } else {
                    arguments.to_owned()
                };
                let mut command = Command::new(&self.serve);
                command.args(arguments.split_whitespace()).args(["--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0"]);
                let server = Running::start(command.current_dir(&self.folder)).with_context(at)?;
                self.places.push((ADDRESS, server.http.clone()));
                self.server = Some(server);
                answers.push(String::new());
                continue;
            }
            let mut shell = Command::new("sh");
            shell.args(["-euc", &commands]).current_dir(&self.folder).env("PATH", &paths);
            answers.push(output(&mut shell).with_context(at)?);
        }
        let server = self.server.take().with_context(|| format!("{} starts no server", self.name))?;
        ensure!(server.terminate()? == Some(0), "the server did not end well");
        Ok(answers)
    }
}

/// The first block starts the server, the second asks it, the others are commands of their own.
pub(super) fn serve(workplace: &Workplace) -> Result<String> {
    let mut page = Page::open(workplace, "docs/serve.md", Vec::new())?;
    let answers = page.run()?;
    let answer: Value = serde_json::from_str(&answers[1]).with_context(|| format!("the answer is {}", answers[1]))?;
    let scores: Vec<f64> = answer["outputs"][0]["data"]
        .as_array()
        .context("there are no scores")?
        .iter()
        .filter_map(Value::as_f64)
        .collect();
    let largest = (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    ensure!(largest == Some(7), "the seven is read as {largest:?}: {answer}");
    Ok(format!("{} blocks of commands do what the page says; the seven is a seven", answers.len()))
}

/// Versions through a registry, a plan that is tried, started, followed and stopped.
pub(super) fn fleet(workplace: &Workplace) -> Result<String> {
    let registry = Registry::start(&workplace.folder)?;
    let broker = Broker::start(&workplace.folder)?;
    let places = vec![("localhost:5000", registry.address.clone()), ("localhost:1883", broker.address.clone())];
    let mut page = Page::open(workplace, "docs/fleet.md", places)?;
    let answers = page.run()?;
    let simulated = answers.iter().find(|answer| answer.contains("behind")).context("nothing was simulated")?;
    let ends: Vec<&str> = simulated.lines().filter(|line| line.starts_with("after")).collect();
    let is_so =
        matches!(ends.as_slice(), [good, bad] if good.contains("step 4 (plan)") && bad.contains("step 0 (failures)"));
    ensure!(is_so, "the page says otherwise: {simulated}");
    let beyond = simulated.lines().skip_while(|line| !line.contains("step 0"));
    let beyond: Vec<&str> = beyond.filter(|line| line.starts_with("eu") || line.starts_with("us")).collect();
    ensure!(beyond.len() == 2 && beyond.iter().all(|line| line.contains(", 0 have had")), "{simulated}");
    Ok(format!("{} blocks of commands do what the page says, with docker-registry and mosquitto", answers.len()))
}

/// Drift, samples, a new version, and its promotion.
pub(super) fn retrain(workplace: &Workplace, python: &Path) -> Result<String> {
    let mut page = Page::open(workplace, "examples/retrain/README.md", Vec::new())?;
    page.programs.extend(python.parent().map(Path::to_owned));
    let answers = page.run()?;
    // What curl has printed before may stand on the same line.
    let right: Vec<u32> = answers
        .iter()
        .flat_map(|answer| answer.lines())
        .filter_map(|line| {
            line.strip_suffix(" of 1000 right")?.rsplit(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        })
        .collect();
    let [clean, lens, .., new_lens, new_clean, stable] = right[..] else { bail!("ask.py says {right:?}") };
    ensure!(
        clean > 950 && lens < 300 && new_lens > 500 && new_clean > 850 && stable == new_lens,
        "right are {right:?}"
    );
    Ok(format!(
        "{clean} of 1000 right, {lens} through the lens; of the new version {new_lens} through the lens, {new_clean} without"
    ))
}
