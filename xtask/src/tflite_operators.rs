//! `cargo xtask tflite-operators`: random models of one operator of `.tflite` files, with TensorFlow Lite Micro as the
//! oracle.
//!
//! `tests/oracle/tflite_operators.py` draws them for each operator and element type that the oracle has. An operator counts
//! when the models of all its types are right: integers to the bit, floats within 1e-5. What is wrong fails the command.

use core::fmt::Write as _;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::{cases, python};

#[derive(Args)]
pub(crate) struct Arguments {
    /// How many models, each operator and type in its turn
    #[arg(long, value_name = "N", default_value_t = 2000)]
    count: u32,
    /// Another seed draws other models
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u32,
    /// Only operators and types that have this in `OPERATOR.type`; may be given more than once
    #[arg(long, value_name = "PATTERN")]
    only: Vec<String>,
    /// Only this element type (float32, int8, int16, int32, uint8, bool); may be given more than once
    #[arg(long, value_name = "TYPE")]
    r#type: Vec<String>,
    /// Fail when fewer operators are right in all their types
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    at_least: usize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// The kinglet program [default: ours, built if need be]
    #[arg(long, value_name = "FILE", env = "KINGLET_BIN")]
    kinglet: Option<PathBuf>,
    #[command(flatten)]
    python: python::Arguments,
}

/// What the scripts need that build models and have TensorFlow Lite Micro as the oracle.
pub(crate) const PACKAGES: &[&str] = &["tflite_micro==0.dev20261023182759", "numpy==2.4.6"];

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let numbers = [("--count", arguments.count), ("--seed", arguments.seed)];
    let mut options: Vec<OsString> =
        numbers.iter().flat_map(|(name, value)| [name.into(), value.to_string().into()]).collect();
    for (name, values) in [("--only", &arguments.only), ("--type", &arguments.r#type)] {
        options.extend(values.iter().flat_map(|value| [OsString::from(name), value.into()]));
    }
    let maker =
        cases::Maker { name: "tflite-operators", script: "tflite_operators.py", packages: PACKAGES, options: &options };
    maker.make(&arguments.python, arguments.json, |folder| {
        let tried = cases::try_folder(folder, &[], arguments.kinglet.as_deref())?;
        let report = Report::of(tried.iter().map(|each| (each.name(), each.verdict())));
        if arguments.json {
            println!("{}", serde_json::to_string_pretty(&report)?);
        } else {
            print!("{}", report.text());
        }
        let right = report.right_operators();
        if right < arguments.at_least {
            eprintln!("error: {right} operators are right, {} must be", arguments.at_least);
        }
        let fails = right < arguments.at_least || report.total.wrong + report.total.crashed > 0;
        Ok(if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    })
}

/// How models of an operator on one type ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Cell {
    right: usize,
    refused: usize,
    wrong: usize,
    crashed: usize,
    /// The first that is not right, with its reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    example: Option<String>,
}

impl Cell {
    fn add(&mut self, name: &str, (word, reason): (&str, &str)) {
        *match word {
            "right" => &mut self.right,
            "refused" => &mut self.refused,
            "wrong" => &mut self.wrong,
            _ => &mut self.crashed,
        } += 1;
        if word != "right" && self.example.is_none() {
            // The reasons of a compiler have several lines.
            let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
            self.example = Some(format!("{word:<8} {name}: {reason}"));
        }
    }

    fn is_right(&self) -> bool {
        self.refused + self.wrong + self.crashed == 0
    }

    /// The count, or the counts of all ways in which they ended.
    fn short(&self) -> String {
        let ends = [(self.right, "right"), (self.refused, "refused"), (self.wrong, "wrong"), (self.crashed, "crashed")];
        let some = ends.iter().filter(|(count, _)| *count > 0);
        some.map(|(count, end)| format!("{count} {end}")).collect::<Vec<_>>().join(", ")
    }
}

#[derive(Debug, Default, Serialize)]
struct Report {
    /// Operators, each with its types.
    operators: BTreeMap<String, BTreeMap<String, Cell>>,
    total: Cell,
}

impl Report {
    /// Of cases by their names, `OPERATOR.type.number`.
    fn of<'a>(tried: impl Iterator<Item = (&'a str, (&'a str, &'a str))>) -> Self {
        let mut report = Report::default();
        for (name, verdict) in tried {
            let mut parts = name.split('.');
            let [operator, dtype] = [parts.next(), parts.next()].map(|part| part.unwrap_or_default().to_owned());
            report.operators.entry(operator).or_default().entry(dtype).or_default().add(name, verdict);
            report.total.add(name, verdict);
        }
        report.total.example = None;
        report
    }

    /// How many operators are right in all types.
    fn right_operators(&self) -> usize {
        self.operators.values().filter(|types| types.values().all(Cell::is_right)).count()
    }

    /// A line for each operator and one for each reason, then the counts.
    fn text(&self) -> String {
        let mut text = String::new();
        for (operator, types) in &self.operators {
            let types: Vec<String> = types.iter().map(|(dtype, cell)| format!("{dtype} {}", cell.short())).collect();
            let _ = writeln!(text, "{operator:<24} {}", types.join(" | "));
        }
        let cells = self.operators.values().flat_map(BTreeMap::values);
        for example in cells.filter_map(|cell| cell.example.as_ref()) {
            let _ = writeln!(text, "{example}");
        }
        let (all, right) = (self.operators.len(), self.right_operators());
        let _ = writeln!(text, "{all} operators, {right} right in all types; models: {}", self.total.short());
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_is_right_in_all_types_or_not() {
        let tried = [
            ("ADD.int8.000", ("right", "")),
            ("ADD.int16.000", ("refused", "no\n kernel")),
            ("SUB.int8.000", ("right", "")),
            ("SUB.int8.001", ("right", "")),
        ];
        let report = Report::of(tried.into_iter());
        assert_eq!(report.right_operators(), 1);
        assert_eq!((report.total.right, report.total.refused, report.total.wrong), (3, 1, 0));
        let text = report.text();
        assert!(text.contains("refused  ADD.int16.000: no kernel\n"), "{text}");
        assert!(text.contains("int16 1 refused | int8 1 right\n"), "{text}");
        assert!(text.ends_with("2 operators, 1 right in all types; models: 3 right, 1 refused\n"), "{text}");
    }
}
