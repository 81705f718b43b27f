//! `cargo xtask readme`: the tables and pictures that README and documents have from the sources.
//!
//! The registry of the kernels writes those of kernels, the `kinglet` program those of operators, `targets/results` the
//! results, and the table of machines the rest, so no page can promise an operator or a kernel that does not exist or a
//! number that was not measured. The picture of the results on the front page is drawn from the same numbers. `--check` is what the tests call, `--write` is for whoever has added an operator, a
//! kernel or a machine, or measured again.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use kinglet_kernels::registry;

use crate::machines;
use crate::mcu_bench;
use crate::operator_bench;
use crate::prerequisites;
use crate::tree;

#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("mode").required(true).args(["check", "write"])))]
pub(crate) struct Arguments {
    /// Fail when a page has other tables than the sources
    #[arg(long)]
    check: bool,
    /// Put the tables into the pages
    #[arg(long)]
    write: bool,
}

/// Writes a table.
type Writer = fn() -> Result<String>;

/// Pages, the names of the tables in them, and who writes each.
const TABLES: [(&str, &str, Writer); 9] = [
    ("docs/cli.md", "targets", machines::targets),
    ("docs/rust-firmware.md", "rust targets", machines::rust_targets),
    ("targets/README.md", "emulated machines", machines::emulated),
    ("docs/performance.md", "fast kernels", || kernels(registry::write_accelerated)),
    ("docs/performance.md", "results", mcu_bench::summary),
    ("docs/performance.md", "sharing", || Ok(machines::sharing())),
    ("docs/performance.md", "operators by core", operator_bench::page),
    (OPERATORS, "operators", operators),
    (OPERATORS, "kernels", || kernels(registry::write_table)),
];

/// Pictures, and who draws each.
const PICTURES: [(&str, Writer); 1] = [("docs/results.svg", mcu_bench::picture)];

/// The page that `kinglet` writes a part of; that this part is current is also tested where the list of operators is.
const OPERATORS: &str = "docs/operators.md";

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    for page in TABLES.iter().map(|(page, _, _)| *page).collect::<BTreeSet<_>>() {
        let path = tree::root().join(page);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let current = with_tables(page, &text)?;
        if arguments.write {
            fs::write(&path, current).with_context(|| format!("cannot write {}", path.display()))?;
        } else {
            ensure!(text == current, "{page} has an old table; run: cargo xtask readme --write");
            println!("{page} has the tables of the sources");
        }
    }
    for (name, draw) in PICTURES {
        let (path, current) = (tree::root().join(name), draw()?);
        if arguments.write {
            fs::write(&path, current).with_context(|| format!("cannot write {}", path.display()))?;
        } else {
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            ensure!(text == current, "{name} shows old results; run: cargo xtask readme --write");
            println!("{name} shows the results of the sources");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// `text` of a page with current tables between their marks.
fn with_tables(page: &str, text: &str) -> Result<String> {
    let mut text = text.to_owned();
    for (_, name, table) in TABLES.iter().filter(|(of, _, _)| *of == page) {
        text = replaced(&text, name, &table()?).with_context(|| format!("in {page}"))?;
    }
    Ok(text)
}

fn kernels(write: fn(&mut String) -> core::fmt::Result) -> Result<String> {
    let mut table = String::new();
    write(&mut table).context("cannot write the table of kernels")?;
    Ok(table)
}

fn operators() -> Result<String> {
    let kinglet = prerequisites::kinglet(None)?;
    let output = Command::new(&kinglet).args(["operators", "--markdown"]).output();
    let output = output.with_context(|| format!("cannot start {}", kinglet.display()))?;
    ensure!(output.status.success(), "kinglet operators fails: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).context("kinglet operators prints no UTF-8")
}

fn replaced(text: &str, name: &str, table: &str) -> Result<String> {
    let begin = format!("<!-- {name}: begin (cargo xtask readme --write) -->\n");
    let end = format!("<!-- {name}: end -->\n");
    let lost = |which: &str| format!("the mark {which} the table of {name} is lost");
    let (before, rest) = text.split_once(&begin).with_context(|| lost("before"))?;
    let (_, after) = rest.split_once(&end).with_context(|| lost("after"))?;
    Ok(format!("{before}{begin}{table}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_current() {
        // A test that builds the compiler would wait for the build that it is part of.
        for (page, _, _) in TABLES.iter().filter(|(page, _, _)| *page != OPERATORS) {
            let text = fs::read_to_string(tree::root().join(page)).unwrap();
            assert_eq!(text, with_tables(page, &text).unwrap(), "run: cargo xtask readme --write");
        }
    }

    #[test]
    fn every_picture_is_current() {
        for (name, draw) in PICTURES {
            let text = fs::read_to_string(tree::root().join(name)).unwrap();
            assert_eq!(text, draw().unwrap(), "run: cargo xtask readme --write");
        }
    }

    #[test]
    fn a_changed_table_is_noticed_and_replaced() {
        let old = "before\n<!-- t: begin (cargo xtask readme --write) -->\n| old |\n<!-- t: end -->\nafter\n";
        let new = replaced(old, "t", "| new |\n").unwrap();
        assert_eq!(new, old.replace("old", "new"));
        assert!(replaced("no marks", "t", "").is_err());
    }
}
