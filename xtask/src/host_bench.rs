//! `cargo xtask host-bench`: exact instructions of an inference on application cores, and times on this one.
//!
//! A program that only loads a blob and runs it (`xtask/host-runner`) is executed twice, with one more inference the second
//! time; the difference is an inference with its input and output, to the instruction. AArch64 runs under qemu-user with the
//! instruction counter, once for each level of its instruction set. x86-64 runs under valgrind, which knows AVX2 but neither
//! AVX-512 VNNI nor AVX-VNNI: those are only timed, by `kinglet bench`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail, ensure};
use kinglet_kernels::machine::Machine;

use crate::mcu_bench::subject::{self, INT8};
use crate::mcu_bench::table::{Table, grouped};
use crate::{prerequisites, tree};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The machine: its name for `kinglet compile --target`
    #[arg(long, default_value = "x86-64", value_parser = parse)]
    target: &'static Host,
    /// Models called NAME_int8.tflite [default: those beside the repository]
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    /// Only these models; may be given more than once
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Write the results here
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Fail when a count is more than 2 % above the one in targets/results
    #[arg(long)]
    check_results: bool,
    /// Write the counts to targets/results
    #[arg(long, conflicts_with = "check_results")]
    write_results: bool,
    /// The kinglet program [default: ours, built if need be]
    #[arg(long, value_name = "FILE", env = "KINGLET_BIN")]
    kinglet: Option<PathBuf>,
}

/// An application core that is counted.
pub(crate) struct Host {
    /// The machine's name in the table of machines.
    name: &'static str,
    /// Names of levels, and the processor that has each and none above.
    levels: &'static [(&'static str, &'static str)],
    /// True when it is this machine that runs, under valgrind.
    is_native: bool,
}

const HOSTS: [Host; 2] = [
    Host { name: "aarch64", levels: &[("NEON", "cortex-a53"), ("dot product", "cortex-a76")], is_native: false },
    // What valgrind shows its programs.
    Host { name: "x86_64", levels: &[("AVX2", "")], is_native: true },
];

fn parse(name: &str) -> Result<&'static Host, String> {
    let machine = Machine::find(name).map(|machine| machine.name);
    let host = HOSTS.iter().find(|host| machine.is_some() && Machine::find(host.name).map(|m| m.name) == machine);
    host.ok_or_else(|| "aarch64 and x86-64 are counted here".to_owned())
}

/// Instructions by model and level.
type Counts = BTreeMap<String, BTreeMap<String, u64>>;

/// Per cent by which a count may be above the one in the repository: another compiler's choices.
const ALLOWED_PER_CENT: u64 = 2;
/// Inferences of the two executions.
const RUNS: [u32; 2] = [1, 2];

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let host = arguments.target;
    let folder = tree::host_target().join("host-bench");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let models = arguments.models.clone().unwrap_or_else(|| tree::shared().join("models"));
    let kinglet = prerequisites::kinglet(arguments.kinglet.as_deref())?;
    let counter = Counter::new(host, &folder)?;
    let (mut counts, mut times) = (Counts::new(), BTreeMap::new());
    for subject in subject::find(&INT8, &models, &models.join("golden"), &arguments.only)? {
        let blob = folder.join(format!("{}.kgl", subject.name));
        let mut compile = Command::new(&kinglet);
        compile.arg("compile").arg(&subject.source).args(["--target", host.name, "-o"]).arg(&blob);
        output_of(&mut compile)?;
        let mut digests = Vec::new();
        for (level, cpu) in host.levels {
            let (count, digest) = counter.inference(cpu, &blob)?;
            counts.entry(subject.name.clone()).or_default().insert((*level).to_owned(), count);
            digests.push(digest);
        }
        digests.dedup();
        ensure!(digests.len() == 1, "{}: levels of the instruction set computed different outputs", subject.name);
        if host.is_native {
            times.insert(subject.name.clone(), median_ns(&kinglet, &blob)?);
        }
    }
    ensure!(!counts.is_empty(), "there are no models in {}", models.display());
    print!("{}", table(host, &counts, &times));
    if let Some(path) = &arguments.json {
        let all = serde_json::json!({ "target": host.name, "instructions": counts, "median_ns": times });
        write(path, &all)?;
    }
    let path = tree::root().join(format!("targets/results/host-{}.json", host.name));
    if arguments.write_results {
        let mut all = read(&path)?;
        all.extend(counts);
        write(&path, &all)?;
    } else if arguments.check_results {
        let lines = risen(&read(&path)?, &counts);
        lines.iter().for_each(|line| eprintln!("{line}"));
        return Ok(if lines.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    Ok(ExitCode::SUCCESS)
}

/// How a machine's instructions are counted.
struct Counter {
    runner: PathBuf,
    folder: PathBuf,
    /// The plugin, for what is emulated.
    plugin: Option<PathBuf>,
}

impl Counter {
    fn new(host: &Host, folder: &Path) -> Result<Counter> {
        let machine = Machine::find(host.name).context("a machine of the table")?;
        let target = machine.rust_targets.iter().find(|target| target.contains("linux"));
        let target = target.context("a machine with a system")?;
        prerequisites::rust_target(target)?;
        let plugin = if host.is_native {
            ensure!(cfg!(target_arch = "x86_64"), "this machine is not {}", machine.title);
            program("valgrind", "valgrind")?;
            None
        } else {
            program("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu")?;
            Some(prerequisites::user_plugin()?)
        };
        let mut cargo = tree::cargo();
        cargo.current_dir(tree::root()).args(["build", "--release", "--quiet", "--package", "kinglet-host-runner"]);
        cargo.args(["--target", target]).env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "aarch64-linux-gnu-gcc");
        ensure!(cargo.status().context("cannot start cargo")?.success(), "building the runner for {target} failed");
        let runner = tree::host_target().join(target).join("release/kinglet-host-runner");
        Ok(Counter { runner, folder: folder.to_owned(), plugin })
    }

    /// Instructions of one inference, and the digest of outputs.
    fn inference(&self, cpu: &str, blob: &Path) -> Result<(u64, String)> {
        let [(one, _), (two, digest)] = [self.execute(cpu, blob, RUNS[0])?, self.execute(cpu, blob, RUNS[1])?];
        Ok((two.checked_sub(one).context("the second execution took fewer instructions")?, digest))
    }

    fn execute(&self, cpu: &str, blob: &Path, runs: u32) -> Result<(u64, String)> {
        let log = self.folder.join("counts.txt");
        let mut command = match &self.plugin {
            Some(plugin) => {
                let mut command = Command::new(prerequisites::QEMU_USER);
                command.args(["-L", "/usr/aarch64-linux-gnu", "-cpu", cpu, "-plugin"]);
                command.arg(format!("{},blocks={}", plugin.display(), log.display()));
                command
            }
            None => {
                let mut command = Command::new("valgrind");
                command.args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]);
                command.arg(format!("--log-file={}", log.display()));
                command
            }
        };
        let digest = output_of(command.arg(&self.runner).arg(blob).arg(runs.to_string()))?;
        let text = fs::read_to_string(&log).with_context(|| format!("{command:?} counted nothing"))?;
        let count = if self.plugin.is_some() { blocks(&text) } else { refs(&text) };
        Ok((count.with_context(|| format!("{} is not what a counter writes", log.display()))?, digest))
    }
}

/// The sum over lines of `address instructions executions`.
fn blocks(text: &str) -> Option<u64> {
    text.lines().try_fold(0_u64, |sum, line| {
        let mut numbers = line.split(' ').skip(1).map(|word| word.parse::<u64>().ok());
        sum.checked_add(numbers.next()??.checked_mul(numbers.next()??)?)
    })
}

/// The number that cachegrind logs.
fn refs(text: &str) -> Option<u64> {
    let (_, number) =
        text.lines().find(|line| line.contains("I   refs:") || line.contains("I refs:"))?.split_once("refs:")?;
    number.trim().replace(',', "").parse().ok()
}

fn program(name: &str, package: &str) -> Result<()> {
    let is_there = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    ensure!(is_there, "{name} is not installed; on Debian or Ubuntu run: sudo apt-get install -y {package}");
    Ok(())
}

fn output_of(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// What `kinglet bench` measures here, with the best that this processor has.
fn median_ns(kinglet: &Path, blob: &Path) -> Result<u64> {
    let text = output_of(Command::new(kinglet).arg("bench").arg(blob).args(["--seconds", "0.3", "--json"]))?;
    let value: serde_json::Value = serde_json::from_str(&text).context("kinglet bench wrote no JSON")?;
    value["median_ns"].as_u64().context("kinglet bench wrote no median")
}

fn table(host: &Host, counts: &Counts, times: &BTreeMap<String, u64>) -> String {
    let mut heads = vec!["model"];
    heads.extend(host.levels.iter().map(|(level, _)| *level));
    heads.extend(host.is_native.then_some("median ns here"));
    let mut table = Table::new(&heads);
    for (model, levels) in counts {
        let mut cells = vec![model.clone()];
        cells.extend(host.levels.iter().map(|(level, _)| levels.get(*level).map_or("-".into(), |n| grouped(*n))));
        cells.extend(times.get(model).map(|ns| grouped(*ns)));
        table.row(cells);
    }
    table.render(1)
}

fn read(path: &Path) -> Result<Counts> {
    if !path.exists() {
        return Ok(Counts::new());
    }
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} was not written by --write-results", path.display()))
}

fn write(path: &Path, value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).context("cannot write the results as JSON")? + "\n";
    let draft = path.with_extension("json.tmp");
    fs::write(&draft, text).with_context(|| format!("cannot write {}", draft.display()))?;
    fs::rename(&draft, path).with_context(|| format!("cannot write {}", path.display()))
}

/// One line for each count that has risen, and for each that is not known.
fn risen(known: &Counts, counts: &Counts) -> Vec<String> {
    let mut lines = Vec::new();
    for (model, levels) in counts {
        for (level, now) in levels {
            match known.get(model).and_then(|levels| levels.get(level)) {
                None => lines.push(format!("{model}, {level}: no earlier count; run with --write-results")),
                Some(before) if *now > before + before * ALLOWED_PER_CENT / 100 => {
                    lines.push(format!("{model}, {level}: instructions have risen from {before} to {now}"));
                }
                Some(_) => {}
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(count: u64) -> Counts {
        Counts::from([("kws".to_owned(), BTreeMap::from([("NEON".to_owned(), count)]))])
    }

    #[test]
    fn only_what_has_risen_by_more_than_two_per_cent_is_named() {
        assert_eq!(risen(&counts(1000), &counts(1020)), [""; 0]);
        assert_eq!(risen(&counts(1000), &counts(1021)), ["kws, NEON: instructions have risen from 1000 to 1021"]);
        assert_eq!(risen(&Counts::new(), &counts(1)).len(), 1);
    }

    #[test]
    fn both_counters_are_read() {
        assert_eq!(blocks("4096 3 2\n8192 5 1\n"), Some(11));
        assert_eq!(blocks("4096 3\n"), None);
        assert_eq!(refs("==7== \n==7== I   refs:      1,234,567\n"), Some(1_234_567));
        assert_eq!(refs("==7== nothing\n"), None);
    }
}
