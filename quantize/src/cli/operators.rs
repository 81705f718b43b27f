//! `kinglet operators`

use clap::Args;
use serde::Serialize;

use super::{Failure, Outcome, print, print_json};
use crate::import::catalog::{Family, Found, GROUPS, families, find, page};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// An operator as ONNX, TensorFlow Lite or Kinglet calls it; all of them when absent
    name: Option<String>,
    /// Print a JSON list
    #[arg(long)]
    json: bool,
    /// Print the tables of docs/operators.md
    #[arg(long, conflicts_with_all = ["json", "name"])]
    markdown: bool,
}

/// A family for machines.
#[derive(Serialize)]
struct Line {
    name: &'static str,
    onnx: Vec<&'static str>,
    tflite: Vec<&'static str>,
    element_types: Vec<&'static str>,
    accelerated: Vec<Accelerated>,
    limits: &'static str,
    runs: String,
}

/// The instruction sets that have kernels of their own for a type.
#[derive(Serialize)]
struct Accelerated {
    element_type: &'static str,
    kernels: Vec<&'static str>,
}

impl Line {
    fn of(family: &Family) -> Self {
        let accelerated = family.accelerated().into_iter().map(|(dtype, sets)| Accelerated {
            element_type: dtype.name(),
            kernels: sets.iter().map(|isa| isa.title()).collect(),
        });
        Line {
            name: family.name,
            onnx: family.onnx().collect(),
            tflite: family.tflite().collect(),
            element_types: family.types().into_iter().map(|dtype| dtype.name()).collect(),
            accelerated: accelerated.collect(),
            limits: family.limits,
            runs: family.runs(),
        }
    }
}

/// Which operators run, by the names that files have for them.
pub(super) fn run(arguments: &Arguments) -> Outcome {
    if arguments.markdown {
        return print(page().trim());
    }
    let Some(name) = &arguments.name else {
        if arguments.json {
            return print_json(&families().map(Line::of).collect::<Vec<_>>());
        }
        return print(&overview());
    };
    let found = match find(name) {
        Found::Runs(found) => found,
        Found::Instead(remedy) => return Err(Failure::Other(format!("{name} is not read; {remedy}"))),
        Found::Unknown(near) if near.is_empty() => {
            return Err(Failure::Other(format!("{name} is not read; `kinglet operators` lists what is")));
        }
        Found::Unknown(near) => {
            return Err(Failure::Other(format!("{name} is not read; near it are {}", near.join(", "))));
        }
    };
    if arguments.json {
        return print_json(&found.into_iter().map(Line::of).collect::<Vec<_>>());
    }
    print(&found.into_iter().map(described).collect::<Vec<_>>().join("\n\n"))
}

/// A line for each family.
fn overview() -> String {
    let mut lines = Vec::new();
    let width = families().map(|family| family.name.len()).max().unwrap_or(0);
    for group in GROUPS {
        lines.push(format!("{}{}", if lines.is_empty() { "" } else { "\n" }, group.title));
        for family in group.families {
            let mut names: Vec<&str> = family.onnx().collect();
            names.extend(family.tflite());
            lines.push(format!("  {:<width$}  {}", family.name, names.join(" ")));
        }
    }
    lines.push("\n`kinglet operators NAME` says more of one of them.".into());
    lines.join("\n")
}

/// All that is known of a family.
fn described(family: &Family) -> String {
    let Line { onnx, tflite, element_types, limits, runs, .. } = Line::of(family);
    let nothing_left = || "nothing is left of it on a device".to_owned();
    let lines = [
        ("ONNX", onnx.join(", ")),
        ("TensorFlow Lite", tflite.join(", ")),
        ("element types", if runs.is_empty() { nothing_left() } else { element_types.join(", ") }),
        ("own kernels", family.accelerated_in_words("; ")),
        ("limits", limits.to_owned()),
        ("in a blob", runs),
    ];
    let lines = lines.into_iter().filter(|(_, text)| !text.is_empty());
    let lines: String = lines.map(|(what, text)| format!("\n  {what:<15}  {text}")).collect();
    format!("{}{lines}", family.name)
}
