//! `cargo xtask book`: the pages as a site, built by mdbook.
//!
//! The index, `docs/README.md`, is the table of contents: its headings are parts, its list items chapters, and decisions
//! stand below theirs. Pages are copied into a folder of the build, together with the files that they link to, so that a
//! link works in the repository and in the site alike; only `README.md` becomes `index.md`, whose page a web server shows
//! for its folder. Afterwards every link of the site to a page of the site is followed.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};

use crate::tree;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where the site goes [default: target/book/site]
    #[arg(short, long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Do not install mdbook; without it the sources of the site are written and checked, and no site
    #[arg(long)]
    no_install: bool,
}

const VERSION: &str = "0.5.4";
const INDEX: &str = "docs/README.md";

const SETTINGS: &str = "\
[book]
title = \"Kinglet\"
language = \"en\"
src = \"src\"

[output.html]
preferred-dark-theme = \"navy\"
";

/// A part of the index: its heading and its chapters, as title and path from the root.
struct Part {
    title: String,
    chapters: Vec<(String, String)>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let folder = std::path::absolute(tree::host_target())?.join("book");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    let parts = index(&read(INDEX)?);
    let pages = write_sources(&folder, &parts)?;
    println!("{} pages in {} parts", pages.len(), parts.len());
    let Some(mdbook) = mdbook(arguments.no_install)? else {
        println!("skipped: book: there is no mdbook; run: cargo install mdbook --version {VERSION} --locked");
        return Ok(ExitCode::SUCCESS);
    };
    let site = match &arguments.out {
        Some(out) => std::path::absolute(out)?,
        None => folder.join("site"),
    };
    let mut build = Command::new(&mdbook);
    build.arg("build").arg("--dest-dir").arg(&site).arg(&folder).stdin(Stdio::null());
    let status = build.status().with_context(|| format!("cannot start {}", mdbook.display()))?;
    ensure!(status.success(), "mdbook fails");
    let lost = lost_links(&site, &pages)?;
    ensure!(lost.is_empty(), "links of the site lead nowhere:\n{}", lost.join("\n"));
    println!("{}: every link between its pages leads somewhere", site.join("index.html").display());
    Ok(ExitCode::SUCCESS)
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(tree::root().join(path)).with_context(|| format!("cannot read {path}"))
}

/// The name of a page in the site, and in links to it.
fn named(text: &str) -> String {
    text.replace("README.md", "index.md")
}

/// The parts of the index.
fn index(text: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            parts.push(Part { title: title.to_owned(), chapters: Vec::new() });
        }
        let item = line.strip_prefix("- [").and_then(|item| item.split_once("]("));
        if let (Some((title, rest)), Some(part)) = (item, parts.last_mut())
            && let Some((path, _)) = rest.split_once(')')
        {
            part.chapters.push((title.to_owned(), resolved(INDEX, path)));
        }
    }
    parts
}

/// A link of a page, from the root.
fn resolved(page: &str, link: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// mdbook's table of contents.
fn summary(parts: &[Part], decisions: &[(String, String)]) -> String {
    let mut text = format!("# Summary\n\n[Kinglet](README.md)\n[Documentation]({INDEX})\n");
    for Part { title, chapters } in parts {
        text.push_str(&format!("\n# {title}\n\n"));
        for (title, path) in chapters {
            text.push_str(&format!("- [{title}]({path})\n"));
            if path == "docs/decisions/README.md" {
                for (title, path) in decisions {
                    text.push_str(&format!("  - [{title}]({path})\n"));
                }
            }
        }
    }
    text
}

/// The decisions, by number, with the titles of their pages.
fn decisions() -> Result<Vec<(String, String)>> {
    let folder = tree::root().join("docs/decisions");
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| name.starts_with('0') && name.ends_with(".md"));
    names.sort();
    let titled = |name: String| {
        let path = format!("docs/decisions/{name}");
        let text = read(&path)?;
        Ok((text.lines().next().unwrap_or_default().trim_start_matches("# ").to_owned(), path))
    };
    names.into_iter().map(titled).collect()
}

/// Writes what mdbook is given; the paths of all pages.
fn write_sources(folder: &Path, parts: &[Part]) -> Result<BTreeSet<String>> {
    let decisions = decisions()?;
    let sources = folder.join("src");
    put(&folder.join("book.toml"), SETTINGS.as_bytes())?;
    put(&sources.join("SUMMARY.md"), named(&summary(parts, &decisions)).as_bytes())?;
    let mut pages: BTreeSet<String> = ["README.md", INDEX].map(str::to_owned).into();
    pages.extend(parts.iter().flat_map(|part| &part.chapters).chain(&decisions).map(|(_, path)| path.clone()));
    for page in &pages {
        let text = read(page)?;
        let text_in_site = text.replace("README.md)", "index.md)").replace("README.md#", "index.md#");
        put(&sources.join(named(page)), text_in_site.as_bytes())?;
        for link in links(&text) {
            let path = resolved(page, &link);
            let file = tree::root().join(&path);
            // Of a folder its page is shown, where it has one.
            if file.is_file() && !path.ends_with(".md") {
                let bytes = fs::read(&file).with_context(|| format!("cannot read {path}"))?;
                put(&sources.join(&path), &bytes)?;
            }
        }
    }
    Ok(pages)
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// Files that a page links to, without parts of them.
fn links(text: &str) -> Vec<String> {
    let after = |before: &str, end: char| {
        let parts = text.split(before).skip(1).filter_map(|rest| rest.split_once(end)).map(|(target, _)| target);
        parts.collect::<Vec<_>>()
    };
    let targets = [after("](", ')'), after(" src=\"", '"'), after(" srcset=\"", '"')].concat();
    let files = targets.into_iter().map(|target| target.split(['#', ' ']).next().unwrap_or_default());
    files.filter(|file| !file.is_empty() && !file.contains("://")).map(str::to_owned).collect()
}

/// The program: on the path, in the cache, or installed into it.
fn mdbook(no_install: bool) -> Result<Option<PathBuf>> {
    let home = env::var_os("HOME").map(PathBuf::from).context("HOME is not set")?;
    let cache = home.join(".cache/kinglet/mdbook");
    let kept = cache.join("bin/mdbook");
    let runs = |program: &Path| {
        let status = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    for program in [PathBuf::from("mdbook"), kept.clone()] {
        if runs(&program) {
            return Ok(Some(program));
        }
    }
    if no_install {
        return Ok(None);
    }
    println!("$ cargo install mdbook --version {VERSION} --locked --root {}", cache.display());
    let mut install = tree::cargo();
    install.args(["install", "mdbook", "--version", VERSION, "--locked", "--root"]).arg(&cache);
    // Settings of this repository's builds are not for it.
    install.current_dir(&home).env_remove("CARGO_TARGET_DIR");
    let status = install.status().context("cannot start cargo")?;
    Ok(status.success().then_some(kept))
}

/// Links from pages of the site to pages that are not there.
fn lost_links(site: &Path, pages: &BTreeSet<String>) -> Result<Vec<String>> {
    let mut lost = Vec::new();
    for page in pages {
        let html = named(page).replace(".md", ".html");
        let path = site.join(&html);
        let text = fs::read_to_string(&path).with_context(|| format!("the site has no {html}"))?;
        let (_, body) = text.split_once("<main>").with_context(|| format!("{html} has no <main>"))?;
        for link in body.split("href=\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0)) {
            let file = link.split('#').next().unwrap_or_default();
            let is_page = file.ends_with(".html") && !file.contains("://");
            if is_page && !site.join(resolved(&html, file)).is_file() {
                lost.push(format!("{html}: {link}"));
            }
        }
    }
    Ok(lost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_becomes_a_table_of_contents() {
        let text = "# All\n\n## One\n\n- [A](a.md): what.\n- [B](../b.md#part)\n- text\n\n## Two\n\n- [C](decisions/README.md)\n";
        let parts = index(text);
        let decisions = [("1. D".to_owned(), "docs/decisions/0001-d.md".to_owned())];
        let summary = summary(&parts, &decisions);
        assert!(
            summary.ends_with(
                "\n# One\n\n- [A](docs/a.md)\n- [B](b.md#part)\n\n# Two\n\n- [C](docs/decisions/README.md)\n  - [1. \
             D](docs/decisions/0001-d.md)\n"
            ),
            "{summary}"
        );
    }

    #[test]
    fn every_page_of_the_index_is_there() {
        let parts = index(&read(INDEX).unwrap());
        assert!(parts.len() > 5 && parts.iter().all(|part| !part.chapters.is_empty()));
        for (_, path) in parts.iter().flat_map(|part| &part.chapters).chain(&decisions().unwrap()) {
            assert!(tree::root().join(path).is_file(), "{path}");
        }
    }

    #[test]
    fn links_lead_to_files() {
        assert_eq!(
            links("[a](b.md#c) [d](https://x.y) [e](#f) ![g](h.png) <img src=\"i.png\">"),
            ["b.md", "h.png", "i.png"]
        );
        assert_eq!(resolved("docs/a/b.md", "../../c/./d.md"), "c/d.md");
    }
}
