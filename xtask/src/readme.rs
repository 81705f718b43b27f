//! `cargo xtask readme`: the README's tables of operators and of results.
//!
//! The registry of the kernels writes the first, `targets/results` the second, so the README cannot promise a kernel
//! that does not exist or a number that was not measured. `--check` is what the tests call, `--write` is for whoever
//! has added a kernel or measured again.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use kinglet_kernels::registry;

use crate::mcu_bench;
use crate::tree;

#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("mode").required(true).args(["check", "write"])))]
pub(crate) struct Arguments {
    /// Fail when README.md has other tables than the sources
    #[arg(long)]
    check: bool,
    /// Put the tables into README.md
    #[arg(long)]
    write: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let path = tree::root().join("README.md");
    let readme = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let current = with_tables(&readme)?;
    if arguments.write {
        fs::write(&path, current).with_context(|| format!("cannot write {}", path.display()))?;
    } else {
        ensure!(readme == current, "README.md has an old table; run: cargo xtask readme --write");
        println!("README.md has the tables of operators and of results");
    }
    Ok(ExitCode::SUCCESS)
}

/// `readme` with current tables between their marks.
fn with_tables(readme: &str) -> Result<String> {
    let mut operators = String::new();
    registry::write_table(&mut operators).context("cannot write the table of operators")?;
    let readme = replaced(readme, "operators", &operators)?;
    replaced(&readme, "results", &mcu_bench::summary()?)
}

fn replaced(readme: &str, name: &str, table: &str) -> Result<String> {
    let begin = format!("<!-- {name}: begin (cargo xtask readme --write) -->\n");
    let end = format!("<!-- {name}: end -->\n");
    let lost = |which: &str| format!("README.md has lost the mark {which} the table of {name}");
    let (before, rest) = readme.split_once(&begin).with_context(|| lost("before"))?;
    let (_, after) = rest.split_once(&end).with_context(|| lost("after"))?;
    Ok(format!("{before}{begin}{table}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_is_current() {
        let readme = fs::read_to_string(tree::root().join("README.md")).unwrap();
        assert_eq!(readme, with_tables(&readme).unwrap(), "run: cargo xtask readme --write");
    }

    #[test]
    fn a_changed_table_is_noticed_and_replaced() {
        let old = "before\n<!-- t: begin (cargo xtask readme --write) -->\n| old |\n<!-- t: end -->\nafter\n";
        let new = replaced(old, "t", "| new |\n").unwrap();
        assert_eq!(new, old.replace("old", "new"));
        assert!(replaced("no marks", "t", "").is_err());
    }
}
