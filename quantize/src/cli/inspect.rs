//! `kinglet inspect`

use std::path::PathBuf;

use clap::Args;
use kinglet::Model;

use super::text::{extents, table};
use super::{Outcome, print, print_json};
use crate::blob_file;
use crate::inspect::{Inspection, OperatorLine, PortLine, inspect};
use crate::report::grouped;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The blob
    blob: PathBuf,
    /// Print everything as one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let blob = blob_file::read(&arguments.blob)?;
    let inspection = inspect(&Model::from_bytes(&blob)?);
    if arguments.json { print_json(&inspection) } else { print(&text(&inspection)) }
}

fn text(it: &Inspection) -> String {
    let version = if it.version.is_empty() { String::new() } else { format!(" {}", it.version) };
    let mut lines = vec![
        format!("{}{version} for {}, format {}, by {}", it.name, it.target, it.format, it.tool),
        format!("  source     {}, {} bytes, crc32 {:08x}", it.source_kind, grouped(it.source_bytes), it.source_crc32),
        format!("  blob       {} bytes: {}", grouped(it.blob_bytes as u64), sections(it)),
        format!("  MACs       {}, weights {} bytes", grouped(it.macs), grouped(it.weight_bytes)),
        format!("  beside     {} taps of windows and means, {} elements moved", grouped(it.taps), grouped(it.elements)),
        format!(
            "  arena      {} bytes, scratch up to {}",
            grouped(it.arena_bytes as u64),
            grouped(it.scratch_bytes.into())
        ),
        format!("  self-test  {} vectors", it.golden_vectors),
    ];
    lines.extend(it.inputs.iter().map(|port| format!("  input      {}", port_text(port))));
    lines.extend(it.outputs.iter().map(|port| format!("  output     {}", port_text(port))));
    if !it.labels.is_empty() {
        lines.push(format!("  labels     {}", it.labels.join(", ")));
    }
    lines.extend(it.preparation.iter().map(|preparation| format!("  data       {preparation}")));
    if let Some(signature) = &it.signature {
        lines.push(format!("  signature  {signature} (as it claims; `kinglet verify --public` checks it)"));
    }
    lines.push(String::new());
    lines.push(operators(it));
    lines.extend(it.operators.iter().filter_map(forest_text));
    lines.push(String::new());
    lines.push("memory in use while each operator runs (~ the result lies over the operand)".into());
    lines.push(timeline(it));
    lines.join("\n")
}

fn sections(it: &Inspection) -> String {
    let present = it.sections.iter().filter(|section| section.bytes > 0);
    present.map(|section| format!("{} {}", section.name, grouped(section.bytes as u64))).collect::<Vec<_>>().join(", ")
}

fn port_text(port: &PortLine) -> String {
    let mut text = format!("`{}` {} {}", port.name, port.dtype, extents(&port.shape));
    if port.source_shape.iter().map(|&extent| extent as u64).ne(port.shape.iter().map(|&extent| u64::from(extent))) {
        text += &format!(" (the source's is {})", extents(&port.source_shape));
    }
    if !port.columns.is_empty() {
        text += ", a scale for each column (--json has them)";
    }
    if port.dtype == "i8" {
        text += &format!(", scale {}, zero point {}", port.scale, port.zero_point);
    }
    text
}

/// The trees of an operator, and the features that they ask about.
fn forest_text(line: &OperatorLine) -> Option<String> {
    let forest = line.trees.as_ref()?;
    let used: Vec<String> = forest.features_used.iter().map(usize::to_string).collect();
    Some(format!(
        "  #{}: {} trees, {} nodes, {} leaves, at most {} deep; {} of {} features: {}",
        line.index,
        grouped(forest.trees as u64),
        grouped(forest.nodes as u64),
        grouped(forest.leaves as u64),
        forest.depth,
        used.len(),
        forest.features,
        used.join(", ")
    ))
}

fn operators(it: &Inspection) -> String {
    let header =
        ["#", "operator", "packing", "input", "output", "window", "MACs, taps", "weights", "est. instructions"];
    let right = [true, false, false, true, true, true, true, true, true];
    let row = |line: &OperatorLine| {
        vec![
            line.index.to_string(),
            line.operator.to_owned(),
            line.packing.to_owned(),
            extents(&line.input_shape),
            extents(&line.output_shape),
            extents(&line.kernel),
            grouped(line.macs.saturating_add(line.taps)),
            grouped(line.weight_bytes),
            line.estimated_instructions.map_or_else(String::new, grouped),
        ]
    };
    table(&header, &right, &it.operators.iter().map(row).collect::<Vec<_>>())
}

/// Columns of the widest bar.
const BAR: usize = 40;

fn timeline(it: &Inspection) -> String {
    let header = ["#", "operator", "input", "output", "scratch", "in use", ""];
    let right = [true, false, false, false, false, true, false];
    let range = |range: crate::inspect::Range| match range.bytes {
        0 => String::new(),
        bytes => format!("{}+{bytes}", range.offset),
    };
    let row = |line: &OperatorLine| {
        let bar = (line.live_bytes * BAR).div_ceil(it.arena_bytes.max(1)).min(BAR);
        vec![
            line.index.to_string(),
            line.operator.to_owned(),
            range(line.input),
            format!("{}{}", range(line.output), if line.overlapped { " ~" } else { "" }),
            range(line.scratch),
            grouped(line.live_bytes as u64),
            "#".repeat(bar),
        ]
    };
    table(&header, &right, &it.operators.iter().map(row).collect::<Vec<_>>())
}
