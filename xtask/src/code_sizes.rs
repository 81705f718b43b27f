//! `cargo xtask code-sizes`: bytes of code that each cargo feature of the engine adds, for `kinglet fit`.
//!
//! Builds the emulated boards' image without a model, once with nothing and once with each feature, and takes the
//! difference. Features that do nothing by themselves are measured beside those that they serve. Operators share code
//! (requantization, windows): what two have in common stands in both differences, so an image with several is smaller
//! than their sum. How much smaller is measured with usual operators together, and is the row `shared`: it is taken off
//! once for each feature but one. One column an instruction set; `quantize/src/fit/code.rs` says which core reads which.

use core::fmt::Write as _;
use std::collections::BTreeMap;
use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::board::{self, Board};
use crate::image::{self, Recipe};
use crate::{prerequisites, tree};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Measure only this core, and leave the others' columns as they are; may be given more than once
    #[arg(long, value_parser = board::parse)]
    core: Vec<&'static Board>,
    /// Measure only this feature, and leave the other rows as they are; may be given more than once
    #[arg(long, value_name = "FEATURE")]
    only: Vec<String>,
}

/// What it writes, from the root.
const TABLE: &str = "quantize/src/fit/code.csv";

/// Features with weights of their own packings or bits are measured beside these.
const WEIGHTED: &[&str] = &["conv2d-i8", "depthwise-i8", "fully-connected-i8"];

/// Usual operators, whose image is compared with the sum of its parts.
const USUAL: &[&str] =
    &["conv2d-i8", "depthwise-i8", "fully-connected-i8", "average-pool-i8", "softmax-i8", "add-i8", "mean-i8"];

/// What a feature needs to do anything.
fn companions(feature: &str) -> &'static [&'static str] {
    match feature {
        "row-major" | "int4" | "int3" | "int2" | "short-tables" | "sparse" => WEIGHTED,
        _ => match feature.strip_prefix("combine-") {
            Some("f32" | "i8" | "i16" | "i32") => &["combine-add"],
            Some("bool") => &["combine-and"],
            Some("and" | "or" | "xor") => &["combine-bool"],
            Some("shift-left" | "shift-right") => &["combine-i32"],
            Some(_) => &["combine-f32", "combine-i8"],
            None => &[],
        },
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let boards = if arguments.core.is_empty() { board::one_of_each_isa() } else { arguments.core.clone() };
    let mut features = features()?;
    features.retain(|feature| arguments.only.is_empty() || arguments.only.contains(feature));
    let mut table = read()?;
    for board in boards {
        prerequisites::rust_target(board.rust_target)?;
        for (row, bytes) in measure(board, &features, arguments.only.is_empty())? {
            table.entry(row).or_default().insert(board.core.to_owned(), bytes);
        }
        write(&table)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Bytes by core.
type Row = BTreeMap<String, u64>;

fn measure(board: &Board, features: &[String], is_whole: bool) -> Result<Vec<(String, u64)>> {
    let base = size(board, &[])?;
    let mut rows = vec![("base".to_owned(), base)];
    for feature in features {
        let companions = companions(feature);
        let beside = if companions.is_empty() { base } else { size(board, companions)? };
        let with: Vec<&str> = companions.iter().copied().chain([feature.as_str()]).collect();
        let bytes = size(board, &with)?.saturating_sub(beside);
        println!("{:<12} {feature:<26} {bytes:>6}", board.core);
        rows.push((feature.clone(), bytes));
    }
    if !is_whole {
        return Ok(rows);
    }
    let apart: u64 = rows.iter().filter(|(row, _)| USUAL.contains(&row.as_str())).map(|(_, bytes)| bytes).sum();
    let together = size(board, USUAL)?.saturating_sub(base);
    let shared = apart.saturating_sub(together) / (USUAL.len() as u64 - 1);
    println!("{:<12} {:<26} {shared:>6}", board.core, "shared");
    rows.push(("shared".into(), shared));
    Ok(rows)
}

fn size(board: &Board, features: &[&str]) -> Result<u64> {
    let features = features.iter().map(|feature| format!("kinglet/{feature}"));
    let image = image::build(&Recipe {
        board,
        binary: "kinglet-emulator",
        features: features.chain(["loaded".into()]).collect(),
        variables: vec![("KINGLET_ARENA_BYTES", "65536".into()), ("KINGLET_VECTORS", "ramp".into())],
        keep_as: tree::firmware_target().join("code-sizes").join("image.elf"),
    })?;
    Ok(image::sizes(&image)?.code_flash)
}

/// The features of all operators, as the engine's manifest lists them.
fn features() -> Result<Vec<String>> {
    #[derive(serde::Deserialize)]
    struct Manifest {
        features: BTreeMap<String, Vec<String>>,
    }
    let path = tree::root().join("runtime/engine/Cargo.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let manifest: Manifest = toml::from_str(&text).with_context(|| format!("cannot read {}", path.display()))?;
    manifest.features.get("all-operators").cloned().with_context(|| format!("{} has no all-operators", path.display()))
}

fn read() -> Result<BTreeMap<String, Row>> {
    let path = tree::root().join(TABLE);
    let Ok(text) = fs::read_to_string(&path) else { return Ok(BTreeMap::new()) };
    let mut lines = text.lines().map(|line| line.split(','));
    let cores: Vec<&str> = lines.next().context("the table has no head")?.skip(1).collect();
    let row = |mut cells: core::str::Split<'_, char>| {
        let name = cells.next().unwrap_or_default().to_owned();
        let bytes = cores.iter().zip(cells).filter_map(|(core, bytes)| Some(((*core).to_owned(), bytes.parse().ok()?)));
        (name, bytes.collect())
    };
    Ok(lines.map(row).collect())
}

fn write(table: &BTreeMap<String, Row>) -> Result<()> {
    let cores: Vec<&str> = board::one_of_each_isa().iter().map(|board| board.core).collect();
    let mut text = format!("feature,{}\n", cores.join(","));
    for (name, row) in table {
        let cells: Vec<String> =
            cores.iter().map(|core| row.get(*core).map_or_else(String::new, u64::to_string)).collect();
        let _ = writeln!(text, "{name},{}", cells.join(","));
    }
    let path = tree::root().join(TABLE);
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}
