//! The rules of the tree that a machine can check.

#[path = "tidy/docs.rs"]
mod docs;
#[path = "tidy/files.rs"]
mod files;
#[path = "tidy/functions.rs"]
mod functions;
#[path = "tidy/kernels.rs"]
mod kernels;
#[path = "tidy/prose.rs"]
mod prose;

use kinglet_tests::tree::{SourceFile, source_files};

/// The words of a line of Rust, without its comment.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let code = line.split("//").next().unwrap_or_default();
    code.split(|letter: char| !letter.is_alphanumeric() && letter != '_').filter(|word| !word.is_empty())
}

/// Files with one of these endings.
fn with_ending(endings: &[&str]) -> Vec<SourceFile> {
    let has = |file: &SourceFile| endings.iter().any(|ending| file.path.ends_with(ending));
    source_files().into_iter().filter(has).collect()
}

/// Fails with every violation, one a line.
fn assert_none(rule: &str, violations: &[String]) {
    assert!(violations.is_empty(), "{rule}:\n{}", violations.join("\n"));
}
