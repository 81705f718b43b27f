//! `cargo xtask crates`: the packages that would be published, packed by cargo and looked at.
//!
//! Nothing is sent anywhere. A crate that includes a file from outside of its folder builds here and nowhere else; so
//! what sources include is looked for in the packed files. They are not compiled: that would build everything twice.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::tree;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    /// Registries that it may go to; none is any, an empty list is nowhere.
    publish: Option<Vec<String>>,
}

/// What every package has beside its sources.
const WANTED: [&str; 4] = ["Cargo.toml", "README.md", "LICENSE-MIT", "LICENSE-APACHE"];

pub(crate) fn run() -> Result<ExitCode> {
    let packages = published()?;
    ensure!(packages.len() >= 8, "only {} packages would be published", packages.len());
    let folder = tree::host_target().join("crates");
    let mut cargo = tree::cargo();
    cargo.current_dir(tree::root()).args(["package", "--quiet", "--no-verify", "--allow-dirty", "--target-dir"]);
    cargo.arg(&folder).args(packages.iter().flat_map(|package| ["--package", &package.name]));
    said(&mut cargo)?;
    for Package { name, version, .. } in &packages {
        let packed = folder.join("package").join(format!("{name}-{version}.crate"));
        let files = check(&packed, &folder, &format!("{name}-{version}")).with_context(|| name.clone())?;
        println!("{name}: {files} files, {} bytes", fs::metadata(&packed)?.len());
    }
    Ok(ExitCode::SUCCESS)
}

fn published() -> Result<Vec<Package>> {
    let mut cargo = tree::cargo();
    cargo.current_dir(tree::root()).args(["metadata", "--format-version", "1", "--no-deps"]);
    let metadata: Metadata = serde_json::from_str(&said(&mut cargo)?).context("cargo metadata printed no JSON")?;
    Ok(metadata.packages.into_iter().filter(|package| package.publish.is_none()).collect())
}

/// Unpacks a package and looks at it; how many files it has.
fn check(packed: &Path, folder: &Path, name: &str) -> Result<usize> {
    let root = folder.join(name);
    let _ = fs::remove_dir_all(&root);
    said(Command::new("tar").arg("-xzf").arg(packed).arg("-C").arg(folder))?;
    let mut files = BTreeSet::new();
    walk(&root, Path::new(""), &mut files)?;
    for wanted in WANTED {
        ensure!(files.contains(Path::new(wanted)), "the package has no {wanted}");
    }
    for file in files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "rs")) {
        let text = fs::read_to_string(root.join(file)).with_context(|| format!("cannot read {}", file.display()))?;
        for included in included(&text) {
            let path = normal(&file.parent().unwrap_or(Path::new("")).join(included));
            let is_there = path.is_some_and(|path| files.contains(&path));
            ensure!(is_there, "{} includes {included}, which is not in the package", file.display());
        }
    }
    Ok(files.len())
}

/// Paths that a source includes, those of its tests apart: these are run in the repository.
fn included(text: &str) -> impl Iterator<Item = &str> {
    let code = text.split("#[cfg(test)]").next().unwrap_or(text);
    code.lines().filter(|line| !line.trim_start().starts_with("//")).filter_map(|line| {
        let (_, rest) = line.split_once("include_bytes!(\"").or_else(|| line.split_once("include_str!(\""))?;
        Some(rest.split_once('"')?.0)
    })
}

/// The path without `..`; none when it leaves the folder it starts in.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => normal.push(name),
            Component::CurDir => {}
            _ if normal.pop() => {}
            _ => return None,
        }
    }
    Some(normal)
}

fn walk(root: &Path, at: &Path, files: &mut BTreeSet<PathBuf>) -> Result<()> {
    let folder = root.join(at);
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let path = at.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            walk(root, &path, files)?;
        } else {
            files.insert(path);
        }
    }
    Ok(())
}

fn said(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {command:?}"))?;
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    ensure!(output.status.success(), "{command:?}: {}\n{out}{err}", output.status);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_included_is_found_and_what_leaves_the_folder_too() {
        let text = "a(include_str!(\"x.css\"));\n// include_bytes!(\"no\")\nb(include_bytes!(\"../y\"))\n#[cfg(test)]\ninclude_str!(\"t\")";
        assert_eq!(included(text).collect::<Vec<_>>(), ["x.css", "../y"]);
        assert_eq!(normal(Path::new("src/cli/../../demo/./m")), Some("demo/m".into()));
        assert_eq!(normal(Path::new("src/../../m")), None);
    }
}
