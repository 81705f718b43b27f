//! `cargo xtask mcu-bench --group classical`: forests and boosted trees in integers, beside C code of emlearn and m2cgen.
//!
//! `tools/peers/classical` trains the models, and measures its C code by the same counter: `targets/results/peer-classical.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::measure::Bench;
use super::record::{BoardRecord, ModelRecord};
use super::subject::{self, Naming, Subject};
use super::table::{Table, grouped};
use super::{Arguments, results};
use crate::board::Board;
use crate::tree;

/// Models with their samples beside them, `NAME.npz`.
const ONNX: Naming = Naming { suffix: ".onnx", vectors: &["ramp", "lcg1", "lcg2"] };

/// What the C code of a peer needs.
#[derive(Debug, Deserialize)]
struct Row {
    instructions: u64,
    /// Of the whole image.
    flash_bytes: u64,
}

/// By core, by model, by the way in which the code was made.
#[derive(Debug, Deserialize)]
struct Peers {
    results: BTreeMap<String, BTreeMap<String, BTreeMap<String, Row>>>,
}

/// The models of a folder, each with its samples.
fn subjects(folder: &Path, only: &[String]) -> Result<Vec<(Subject, PathBuf)>> {
    let with_samples = |subject: Subject| {
        let samples = subject.source.with_extension("npz");
        match samples.exists() {
            true => Ok((subject, samples)),
            false => bail!("{} is missing", samples.display()),
        }
    };
    subject::find(&ONNX, folder, &folder.join("golden"), only)?.into_iter().map(with_samples).collect()
}

/// Measures the group on some boards. True when something has to fail the command.
pub(super) fn run(arguments: &Arguments, boards: &[&Board], tools: (&Path, &Path)) -> Result<bool> {
    let Some(folder) = &arguments.models else {
        bail!("name the folder of models that tools/peers/classical/models.py made, with --models")
    };
    let subjects = subjects(folder, &arguments.only)?;
    let path = tree::root().join("targets/results/peer-classical.json");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let peers: Peers = serde_json::from_str(&text).with_context(|| format!("{} is no table", path.display()))?;
    let mut failed = false;
    for board in boards {
        let mut record = BoardRecord::new(board);
        for (subject, samples) in &subjects {
            match measure(board, tools, subject, samples) {
                Ok(model) => {
                    failed |= model.mismatches > 0;
                    record.models.push(model);
                }
                Err(error) => {
                    eprintln!("error: {} on {}: {error:#}", subject.name, board.core);
                    failed = true;
                }
            }
        }
        print!("{}", table(&record, &peers));
        record.core = format!("classical-{}", record.core);
        if arguments.check_results {
            for line in results::check(&record)? {
                println!("risen: {line}");
                failed = true;
            }
        }
        if arguments.write_results && !failed {
            results::write(&record)?;
        }
    }
    Ok(failed)
}

fn measure(board: &Board, (plugin, kinglet): (&Path, &Path), subject: &Subject, samples: &Path) -> Result<ModelRecord> {
    let samples = samples.to_str().context("the folder's path is not Unicode")?;
    let compile_arguments = ["--calib".to_owned(), samples.to_owned()];
    let bench = Bench {
        board,
        plugin,
        kinglet,
        compile_target: board.core,
        compile_arguments: &compile_arguments,
        profile: false,
        wait_states: 0,
        image: None,
    };
    bench.measure(subject)
}

/// A line for each model and peer.
fn table(record: &BoardRecord, peers: &Peers) -> String {
    let mut table = Table::new(&[
        "model",
        "instructions",
        "code flash",
        "blob",
        "peer",
        "its instructions",
        "of it",
        "its flash",
        "of it",
    ]);
    let none = BTreeMap::new();
    for model in &record.models {
        let rows = peers.results.get(&record.core).and_then(|core| core.get(&model.name)).unwrap_or(&none);
        let flash = model.code_flash_bytes + model.blob_bytes;
        let own =
            [&model.name, &grouped(model.instructions), &grouped(model.code_flash_bytes), &grouped(model.blob_bytes)];
        for (method, row) in rows {
            let of = |ours: u64, theirs: u64| format!("{:.2}", ours as f64 / theirs.max(1) as f64);
            let theirs = [
                method.clone(),
                grouped(row.instructions),
                of(model.instructions, row.instructions),
                grouped(row.flash_bytes),
                of(flash, row.flash_bytes),
            ];
            table.row(own.into_iter().cloned().chain(theirs).collect());
        }
    }
    format!("{} on QEMU {}\n{}", record.core, record.board, table.render(1))
}
