//! The Kotlin programs of the documents, as they are written there. Each block of a page is a file; one that has a `main`
//! is run with a blob as its argument.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::tree;

/// Pages with programs that need nothing but a JVM.
const PAGES: [&str; 1] = ["docs/jvm.md"];

/// Writes the blocks into a folder; the files, and the names of the classes that have a `main`.
pub(super) fn programs(folder: &Path) -> Result<(Vec<PathBuf>, Vec<String>)> {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let (mut files, mut mains) = (Vec::new(), Vec::new());
    for page in PAGES {
        let path = tree::root().join(page);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for (line, block) in blocks(&text) {
            let package = format!("pages.{name}{line}");
            let file = folder.join(format!("{name}{line}.kt"));
            fs::write(&file, format!("package {package}\n\n{block}\n"))?;
            if block.contains("fun main(") {
                let mut class = format!("{name}{line}Kt");
                class[..1].make_ascii_uppercase();
                mains.push(format!("{package}.{class}"));
            }
            files.push(file);
        }
        ensure!(!mains.is_empty(), "{page} has no program");
    }
    Ok((files, mains))
}

/// The blocks of Kotlin and the lines where they begin.
fn blocks(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        if line.trim_end() == "```kotlin" {
            let body: Vec<&str> = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
            found.push((at + 1, body.join("\n")));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_kotlin_is_taken() {
        let text = "# A\n```kotlin\nval a = 1\n```\n```sh\nls\n```\n";
        assert_eq!(blocks(text), [(2, "val a = 1".to_owned())]);
    }
}
