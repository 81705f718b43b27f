//! `cargo xtask op-table`: the README's table of operators, element types and instruction sets.
//!
//! The registry of the kernels writes the table, so the README cannot promise a kernel that does not exist. `--check` is
//! what the tests call, `--write` is for whoever has added a kernel.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use kinglet_kernels::registry;

use crate::tree;

const BEGIN: &str = "<!-- operators: begin (cargo xtask op-table --write) -->\n";
const END: &str = "<!-- operators: end -->\n";

#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("mode").required(true).args(["check", "write"])))]
pub(crate) struct Arguments {
    /// Fail when README.md has another table than the registry
    #[arg(long)]
    check: bool,
    /// Put the registry's table into README.md
    #[arg(long)]
    write: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let path = tree::root().join("README.md");
    let readme = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let current = with_table(&readme)?;
    if arguments.write {
        fs::write(&path, current).with_context(|| format!("cannot write {}", path.display()))?;
    } else {
        ensure!(readme == current, "README.md has an old table of operators; run: cargo xtask op-table --write");
        println!("README.md has the registry's table of operators");
    }
    Ok(ExitCode::SUCCESS)
}

/// `readme` with the registry's table between the two marks.
fn with_table(readme: &str) -> Result<String> {
    let (before, rest) = readme.split_once(BEGIN).context("README.md has lost the mark before the operator table")?;
    let (_, after) = rest.split_once(END).context("README.md has lost the mark after the operator table")?;
    let mut table = String::new();
    registry::write_table(&mut table).context("cannot write the table")?;
    Ok(format!("{before}{BEGIN}{table}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_is_current() {
        let readme = fs::read_to_string(tree::root().join("README.md")).unwrap();
        assert_eq!(readme, with_table(&readme).unwrap(), "run: cargo xtask op-table --write");
    }

    #[test]
    fn a_changed_table_is_noticed_and_replaced() {
        let old = format!("before\n{BEGIN}| nothing |\n{END}after\n");
        let new = with_table(&old).unwrap();
        assert!(new != old && new.starts_with("before\n") && new.ends_with("after\n"));
        assert_eq!(with_table(&new).unwrap(), new);
        assert!(with_table("no marks").is_err());
    }
}
