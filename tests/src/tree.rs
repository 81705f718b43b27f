//! Where things are: in the repository and beside it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests stand one folder below the root")
}

/// Models and golden vectors that are not part of the repository; `None` where they are absent.
pub fn shared() -> Option<PathBuf> {
    let folder = std::env::var_os("KINGLET_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    folder.join("models").is_dir().then_some(folder)
}

/// A file of the repository that people write by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Relative to the root, with `/`.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// Endings of files that people write by hand. Data, lock files and licences are not among them.
const WRITTEN: [&str; 16] =
    ["rs", "toml", "md", "py", "s", "S", "h", "c", "cpp", "sh", "x", "yml", "java", "kt", "kts", "swift"];

/// Every file that is written by hand, sorted by path.
pub fn source_files() -> Vec<SourceFile> {
    let mut paths = tracked().unwrap_or_else(|| walk(root()));
    paths.retain(|path| path.rsplit_once('.').is_some_and(|(_, ending)| WRITTEN.contains(&ending)));
    paths.sort();
    let read = |path: String| {
        let text = std::fs::read_to_string(root().join(&path)).ok()?;
        Some(SourceFile { path, text })
    };
    paths.into_iter().filter_map(read).collect()
}

/// What git keeps; `None` outside a checkout.
fn tracked() -> Option<Vec<String>> {
    let output = Command::new("git").arg("ls-files").arg("-z").current_dir(root()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let paths: Vec<String> = text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect();
    (output.status.success() && !paths.is_empty()).then_some(paths)
}

/// Everything below `folder` but build folders and hidden ones.
fn walk(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            paths.extend(walk(&path));
        } else if let Ok(relative) = path.strip_prefix(root()) {
            paths.push(relative.to_string_lossy().replace('\\', "/"));
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_find_a_file() {
        let this = "tests/Cargo.toml".to_owned();
        assert!(source_files().iter().any(|file| file.path == this));
        assert!(walk(root()).contains(&this));
    }
}
